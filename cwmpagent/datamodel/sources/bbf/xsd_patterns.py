"""Translation of the regular expressions of XML Schema (part 2, appendix F) to those of Python.

In XML Schema a pattern always matches the whole text, ``^`` and ``$`` are ordinary characters, a class can be
subtracted from a class, ``\\i`` and ``\\c`` are the characters of XML names, and ``\\p{..}`` is a category or block of
Unicode. A translation is for ``re.fullmatch``; it is the pattern itself if both languages agree.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from cwmpagent.datamodel.sources.bbf.character_classes import category, fragment, named

_SPECIAL = frozenset(r"\.^$*+?{}[]()|")
_SINGLE = {"n": "\n", "r": "\r", "t": "\t"} | {character: character for character in r"\|.?*+(){}-[]^"}
_SPACE = " \\t\\n\\r"
_NAME_START = (
    ":A-Z_a-z\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u02ff\u0370-\u037d\u037f-\u1fff\u200c-\u200d\u2070-\u218f\u2c00-\u2fef"
    "\u3001-\ud7ff\uf900-\ufdcf\ufdf0-\ufffd\U00010000-\U000effff"
)
_NAME = _NAME_START + "\\-.0-9\u00b7\u0300-\u036f\u203f-\u2040"
_MAX_REPEAT = 65535
_LONGEST_EXAMPLE = 1024
_EXAMPLE_CHARACTERS = "0A" + "".join(map(chr, range(32, 127))) + "\n\u00a0\u00e9"


class PatternError(ValueError):
    """A pattern is invalid in XML Schema or cannot be translated; ``str()`` states the problem and its position."""


class _Part(NamedTuple):
    """Part of a pattern in Python, and a short text that it matches, ``None`` if none was found."""

    python: str
    example: str | None


class _Set(NamedTuple):
    """Set of characters: ``inside`` is its bracket content; ``alone`` is an expression if there is no such content."""

    inside: str
    alone: str = ""


def translated(pattern: str) -> str:
    """``pattern`` as a pattern for ``re.fullmatch``; raises ``PatternError``."""
    return _read(pattern).python


def example(pattern: str) -> str | None:
    """Short text that ``pattern`` matches, ``None`` if none is easily found; raises ``PatternError``."""
    part = _read(pattern)
    matches = part.example is not None and re.fullmatch(part.python, part.example)
    return part.example if matches else None


def _read(pattern: str) -> _Part:
    try:
        part = _Reader(pattern).whole()
        re.compile(part.python)
    except (re.error, OverflowError, RecursionError) as error:
        raise PatternError(f"exceeds the limits of Python's regular expressions: {error}") from None
    return part


class _Reader:
    """Recursive descent parser of one pattern."""

    def __init__(self, pattern: str) -> None:
        self._text = pattern
        self._at = 0

    def whole(self) -> _Part:
        part = self._alternatives()
        if self._at < len(self._text):
            raise self._error("a ) without an opening (")
        return part

    def _alternatives(self) -> _Part:
        branches = [self._branch()]
        while self._take("|"):
            branches.append(self._branch())
        examples = [branch.example for branch in branches if branch.example is not None]
        return _Part("|".join(branch.python for branch in branches), min(examples, key=len, default=None))

    def _branch(self) -> _Part:
        python, shown = "", ""
        known = True
        while self._next not in ("", "|", ")"):
            part = self._piece()
            python += part.python
            known = known and part.example is not None
            shown += part.example or ""
        return _Part(python, shown if known else None)

    def _piece(self) -> _Part:
        atom = self._atom()
        least, python = self._quantifier()
        if not python:
            return atom
        if self._next in ("?", "*", "+", "{"):
            raise self._error("two consecutive quantifiers")
        if least == 0:
            return _Part(atom.python + python, "")
        short = atom.example is not None and len(atom.example) * least <= _LONGEST_EXAMPLE
        return _Part(atom.python + python, (atom.example or "") * least if short else None)

    def _quantifier(self) -> tuple[int, str]:
        for mark, least in (("?", 0), ("*", 0), ("+", 1)):
            if self._take(mark):
                return least, mark
        if self._next != "{":
            return 1, ""
        match = re.compile(r"\{([0-9]{1,9})(,([0-9]{0,9}))?\}").match(self._text, self._at)
        if match is None:
            raise self._error("a { that does not begin a quantifier such as {2}, {2,} or {2,5}")
        least = int(match[1])
        if match[3] and int(match[3]) < least:
            raise self._error(f"{match[0]}, whose upper bound is below its lower bound")
        if max(least, int(match[3] or 0)) > _MAX_REPEAT:
            raise self._error(f"{match[0]}, which exceeds the maximum of {_MAX_REPEAT}")
        self._at = match.end()
        return least, match[0]

    def _atom(self) -> _Part:
        character = self._read_one()
        if character == "(":
            part = self._alternatives()
            if not self._take(")"):
                raise self._error("a ( that is not closed")
            return _Part(f"({part.python})", part.example)
        if character == "[":
            return self._one_of(self._class())
        if character == ".":
            return self._one_of("[^\\n\\r]")
        if character == "\\":
            single, characters = self._escape()
            return _literal(single) if single else self._one_of(_expression([characters]))
        if character in _SPECIAL - {"^", "$"}:
            raise self._error(f"a {character} that must be written as \\{character}")
        return _literal(character)

    def _one_of(self, python: str) -> _Part:
        expression = re.compile(python)
        return _Part(
            python, next((character for character in _EXAMPLE_CHARACTERS if expression.fullmatch(character)), None)
        )

    def _class(self) -> str:
        """Parse a class after its opening bracket, up to and including the closing bracket."""
        negative = self._take("^")
        members: list[_Set] = []
        subtracted = ""
        while not self._take("]"):
            if members and self._text.startswith("-[", self._at):
                self._at += 2
                subtracted = self._class()
                if not self._take("]"):
                    raise self._error("a subtracted class that is not at the end of its class")
                break
            members.append(self._member(first=not members))
        if not members:
            raise self._error("an empty class")
        python = _expression(members, negative)
        return f"(?:(?!{subtracted}){python})" if subtracted else python

    def _member(self, *, first: bool) -> _Set:
        """Parse a character, a range or an escape in a class."""
        single, characters = self._class_character(first)
        if not single:
            return characters
        last = self._text.startswith("-]", self._at)
        if self._next != "-" or last or self._text.startswith("-[", self._at):
            return _Set(fragment(single))
        self._at += 1
        end, _ = self._class_character(False)
        if not end or end < single:
            raise self._error("a range whose end is not a character after its start")
        return _Set(f"{fragment(single)}-{fragment(end)}")

    def _class_character(self, first: bool) -> tuple[str, _Set]:
        character = self._read_one()
        if character == "\\":
            return self._escape()
        if character == "[" or (character == "-" and not first and self._next != "]"):
            raise self._error(f"a {character} in a class that must be written as \\{character}")
        return character, _Set("")

    def _escape(self) -> tuple[str, _Set]:
        """Parse an escape after its backslash: a single character, or else a set of characters."""
        letter = self._read_one()
        if letter in _SINGLE:
            return _SINGLE[letter], _Set("")
        if letter in "dD":
            return "", _Set("\\" + letter)
        if letter in "sSiIcC":
            inside = {"s": _SPACE, "i": _NAME_START, "c": _NAME}[letter.lower()]
            return "", _Set(inside) if letter.islower() else _Set("", f"[^{inside}]")
        if letter in "wW":
            inside = category("P") + category("Z") + category("C")
            return "", _Set("", f"[^{inside}]") if letter == "w" else _Set(inside)
        if letter in "pP":
            match = re.compile(r"\{([A-Za-z0-9-]+)\}").match(self._text, self._at)
            inside = named(match[1]) if match else ""
            if match is None or not inside:
                raise self._error(f"the unknown escape \\{letter}{match[0] if match else ''}")
            self._at = match.end()
            return "", _Set(inside) if letter == "p" else _Set("", f"[^{inside}]")
        raise self._error(f"the unknown escape \\{letter}")

    @property
    def _next(self) -> str:
        return self._text[self._at : self._at + 1]

    def _take(self, character: str) -> bool:
        taken = self._next == character
        self._at += taken
        return taken

    def _read_one(self) -> str:
        if not self._next:
            raise self._error("an unexpected end")
        self._at += 1
        return self._text[self._at - 1]

    def _error(self, problem: str) -> PatternError:
        return PatternError(f"has {problem} (character {self._at})")


def _literal(character: str) -> _Part:
    return _Part("\\" + character if character in _SPECIAL else character, character)


def _expression(members: list[_Set], negative: bool = False) -> str:
    """Python expression for one character that is (or, if ``negative``, is not) in one of the sets."""
    inside = "".join(member.inside for member in members)
    alone = [member.alone for member in members if member.alone]
    if not alone:
        if not negative and inside in ("\\d", "\\D"):
            return inside
        return f"[{'^' if negative else ''}{inside}]"
    if len(alone) == 1 and not inside and not negative:
        return alone[0]
    either = "|".join([f"[{inside}]"] * bool(inside) + alone)
    return f"(?:(?!{either})[\\s\\S])" if negative else f"(?:{either})"
