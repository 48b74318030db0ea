"""Typed values of one table of a TOML file; every error is a ConfigError that names the key."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping
from pathlib import Path

from cwmpagent.errors import ConfigError
from cwmpagent.typed_members import TypedMembers

_LONGEST_WORD = 100
_SHORTEST_ABBREVIATION = 2


def suggestion(word: str, known: Collection[str]) -> str:
    """The end of a sentence: the known word most like ``word``, or the list of all ``known`` words.

    An abbreviation (``conreq``, ``conn-req``) is like the only word that has its letters in the same order.
    """
    plain = _letters(word)
    by_letters = {_letters(name): name for name in known}
    close: list[str] = []
    if len(plain) >= _SHORTEST_ABBREVIATION:
        close = [name for name in by_letters if name[:1] == plain[:1] and _abbreviates(plain, name)]
    if len(close) != 1:
        close = difflib.get_close_matches(plain, by_letters, n=1)
    if close:
        return f"did you mean {by_letters[close[0]]}?"
    return f"known here: {', '.join(sorted(known))}"


def table_in(content: Mapping[str, object], name: str) -> dict[str, object]:
    """The table ``name`` of a file; empty where it is absent. Raises ConfigError where it is not a table."""
    table = content.get(name, {})
    if not isinstance(table, dict):
        raise ConfigError(name, f"must be a table: [{name}] on a line of its own, its keys below")
    return table


def _letters(word: str) -> str:
    """``word`` in lower case without separators."""
    return "".join(filter(str.isalnum, word[:_LONGEST_WORD].lower()))


def _abbreviates(word: str, name: str) -> bool:
    """Whether ``name`` has the letters of ``word`` in the same order."""
    letters = iter(name)
    return all(letter in letters for letter in word)


class TomlTable(TypedMembers):
    """One table of the file; strings are printable.

    ``name``: its name. ``known``: its possible keys; another key is a ConfigError. ``base``: the directory at which
    relative paths in it start.
    """

    TEXT = 'a string in quotes, as in {name} = "..."'
    FLAG = "true or false, without quotes"
    WHOLE = "a whole number, without quotes"
    NUMBER = "a number of seconds, without quotes"
    TEXTS = 'a list of strings, as in ["first", "second"]'
    TEXT_OR_TEXTS = 'a string, or a list of strings as in ["first", "second"]'
    PLAIN = "a string, a whole number, true or false; write other types as a string"
    MISSING = "is required and has no default"

    def __init__(self, name: str, content: Mapping[str, object], known: Collection[str], base: Path) -> None:
        super().__init__(content, name, ConfigError)
        self.base = base
        for key in content:
            if key not in known:
                raise self.error(key, f"unknown key; {suggestion(key, known)}")

    def text(
        self,
        name: str,
        default: str | None = None,
        *,
        most: int | None = 256,
        empty: bool = True,
        printable: bool = True,
    ) -> str:
        """A printable string of at most ``most`` characters."""
        return super().text(name, default, most=most, empty=empty, printable=printable)

    def texts(
        self,
        name: str,
        default: Collection[str] | None = None,
        *,
        least: int = 0,
        empty: bool = False,
        printable: bool = True,
    ) -> tuple[str, ...]:
        """A list of printable strings, none of them empty."""
        return super().texts(name, default, least=least, empty=empty, printable=printable)

    def text_or_texts(
        self, name: str, default: Collection[str] | None = None, *, most: int | None = 4096
    ) -> tuple[str, ...]:
        """A string or a list of strings; an empty string is an empty list."""
        return tuple(filter(None, super().text_or_texts(name, default, most=most)))

    def seconds(self, name: str, default: float, *, most: float) -> float:
        """A duration in seconds, more than 0 and at most ``most``."""
        return self.number(name, default, above=0, most=most, unit="seconds")

    def path(self, name: str) -> Path | None:
        """The path of a file or directory; None where the key is absent or empty."""
        value = self.text(name, "", most=4096)
        return self.base / value if value else None
