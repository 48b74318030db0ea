"""Typed values of the members of a mapping from outside the program: a JSON object or a TOML table."""

from __future__ import annotations

import copy
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Self, TypeGuard

LARGEST = 1e300
"""Bound of the absolute value of a number; NaN and the infinities are beyond it."""
LONGEST_NAME = 400
"""Characters of a quoted name in an error."""


def is_whole(value: object) -> TypeGuard[int]:
    """Whether ``value`` is a whole number. A boolean is not."""
    return isinstance(value, int) and not isinstance(value, bool)


def is_number(value: object) -> TypeGuard[int | float]:
    """Whether ``value`` is a number. A boolean is not."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def is_texts(value: object) -> TypeGuard[list[str]]:
    """Whether ``value`` is a list of strings."""
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def shown(name: str) -> str:
    """``name`` as a TOML key: bare where possible, else quoted; always one line."""
    if name.isascii() and name.replace("_", "").replace("-", "").isalnum():
        return name
    return '"' + name.encode("unicode_escape").decode().replace('"', '\\"')[:LONGEST_NAME] + '"'


class TypedMembers:
    """A mapping whose members are read one by one; a member of another type than the read one is an error.

    ``members``: the mapping. ``place``: its name, which precedes that of a member in an error; empty: none.
    ``error``: makes the exception from the full name of a member and the reason. ``separator``: stands between the two
    names.

    A member without a ``default`` is required; a default is returned as it is. The constants are the words of errors,
    for subclasses to change; ``{name}`` in them is the name of the member.
    """

    TEXT = "a string"
    FLAG = "true or false"
    WHOLE = "a whole number"
    NUMBER = "a number"
    TEXTS = "a list of strings"
    TEXT_OR_TEXTS = "a string or a list of strings"
    TEXTS_BY_NAME = "an object of strings"
    PLAIN = "a string, a whole number, true or false"
    MEMBERS = "an object"
    ROWS = "a list of objects"
    MISSING = "is missing"

    def __init__(
        self,
        members: Mapping[str, object],
        place: str,
        error: Callable[[str, str], Exception],
        *,
        separator: str = ".",
    ) -> None:
        self.place = place
        self._members = members
        self._error = error
        self._separator = separator if place else ""
        self._read: set[str] = set()

    def __contains__(self, name: str) -> bool:
        return name in self._members

    def __iter__(self) -> Iterator[str]:
        return iter(self._members)

    def full_name(self, name: str) -> str:
        """The place and the name of a member."""
        return f"{self.place}{self._separator}{shown(name)}"

    def error(self, name: str, reason: str) -> Exception:
        """An error of the member ``name``, to be raised."""
        return self._error(self.full_name(name), reason)

    def read(self) -> Collection[str]:
        """Names that were passed to a reading method, also those without a member."""
        return frozenset(self._read)

    def unread(self) -> list[str]:
        """The names of the members that were not read."""
        return [name for name in self._members if name not in self._read]

    def value(self, name: str, default: object = None) -> object:
        """The member of any type."""
        self._read.add(name)
        if name in self._members:
            return self._members[name]
        if default is None:
            raise self.error(name, self.MISSING)
        return default

    def text(
        self,
        name: str,
        default: str | None = None,
        *,
        most: int | None = None,
        empty: bool = True,
        printable: bool = False,
    ) -> str:
        """A string of at most ``most`` characters."""
        value = self.value(name, default)
        if default is not None and name not in self._members:
            return default
        if not self.is_text(value):
            raise self._must_be(name, self.TEXT)
        if not empty and not value:
            raise self.error(name, "must not be empty")
        if most is not None and len(value) > most:
            raise self.error(name, f"has {len(value)} characters, at most {most} are allowed")
        if printable and not value.isprintable():
            raise self.error(name, "has a control character or another unprintable character")
        return value

    @staticmethod
    def is_text(value: object) -> TypeGuard[str]:
        """Whether ``value`` is a string; a subclass may accept fewer."""
        return isinstance(value, str)

    def choice(self, name: str, default: str | None, allowed: Collection[str]) -> str:
        """A string that is one of ``allowed``; so must be the default."""
        value = self.value(name, default)
        if not isinstance(value, str) or value not in allowed:
            raise self.error(name, f"must be one of {', '.join(allowed)}")
        return value

    def choice_or_none(self, name: str, allowed: Collection[str]) -> str | None:
        """A string that is one of ``allowed``, or None where the member is null or absent."""
        return None if self._is_none(name) else self.choice(name, None, allowed)

    def flag(self, name: str, default: bool | None = None) -> bool:
        """A boolean."""
        value = self.value(name, default)
        if not isinstance(value, bool):
            raise self._must_be(name, self.FLAG)
        return value

    def whole(self, name: str, default: int | None = None, *, least: int | None = None, most: int | None = None) -> int:
        """A whole number; from ``least`` to ``most`` where both are given."""
        value = self.value(name, default)
        if default is not None and name not in self._members:
            return default
        if not is_whole(value):
            raise self._must_be(name, self.WHOLE)
        if least is not None and most is not None and not least <= value <= most:
            raise self.error(name, f"must be from {least} to {most}")
        return value

    def whole_or_none(self, name: str) -> int | None:
        """A whole number, or None where the member is null or absent."""
        return None if self._is_none(name) else self.whole(name)

    def number(
        self, name: str, default: float | None = None, *, above: float = 0, most: float | None = None, unit: str = ""
    ) -> float:
        """A finite number; more than ``above`` and at most ``most`` where that is given, in the unit ``unit``."""
        value = self.value(name, default)
        if default is not None and name not in self._members:
            return float(default)
        if not is_number(value) or (most is None and not abs(value) < LARGEST):
            raise self._must_be(name, self.NUMBER)
        if most is not None and not above < value <= most:
            raise self.error(name, f"must be more than {above:g} and at most {most:g} {unit}".rstrip())
        return float(value)

    def texts(
        self,
        name: str,
        default: Collection[str] | None = None,
        *,
        least: int = 0,
        empty: bool = True,
        printable: bool = False,
    ) -> tuple[str, ...]:
        """A list of at least ``least`` strings."""
        value = self.value(name, None if default is None else list(default))
        if default is not None and name not in self._members:
            return tuple(default)
        if not isinstance(value, list) or not all(map(self.is_text, value)):
            raise self._must_be(name, self.TEXTS)
        if printable and not all(map(str.isprintable, value)):
            raise self.error(name, "has a string with a control character or another unprintable character")
        if not empty and "" in value:
            raise self.error(name, "has an empty string in its list")
        self._check_count(name, value, least)
        return tuple(value)

    def text_or_texts(
        self, name: str, default: Collection[str] | None = None, *, most: int | None = None
    ) -> tuple[str, ...]:
        """A string of at most ``most`` characters, or a list of strings."""
        value = self.value(name, None if default is None else list(default))
        if self.is_text(value):
            return (self.text(name, most=most),)
        if not isinstance(value, list):
            raise self._must_be(name, self.TEXT_OR_TEXTS)
        return self.texts(name, default)

    def texts_by_name(self, name: str, *, least: int = 0) -> dict[str, str]:
        """An object of at least ``least`` members, all of them strings."""
        value = self.value(name)
        if not isinstance(value, dict) or not all(map(self.is_text, [*value, *value.values()])):
            raise self._must_be(name, self.TEXTS_BY_NAME)
        self._check_count(name, value, least)
        return value

    def plain(self, name: str, default: str | None = None) -> str:
        """A string, a whole number or a boolean as text, as a parameter has it."""
        value = self.value(name, default)
        if isinstance(value, bool):
            return "true" if value else "false"
        if not isinstance(value, int | str):
            raise self._must_be(name, self.PLAIN)
        return str(value)

    def members(self, name: str, default: Mapping[str, object] | None = None) -> Self:
        """An object."""
        value = self.value(name, default)
        if not isinstance(value, Mapping):
            raise self._must_be(name, self.MEMBERS)
        return self._inner(value, self.full_name(name))

    def members_or_none(self, name: str) -> Self | None:
        """An object, or None where the member is null or absent."""
        return None if self._is_none(name) else self.members(name)

    def rows(self, name: str) -> Iterator[Self]:
        """The objects of a list."""
        value = self.value(name)
        if not isinstance(value, list) or not all(isinstance(item, Mapping) for item in value):
            raise self._must_be(name, self.ROWS)
        return (self._inner(item, f"{self.full_name(name)}[{index}]") for index, item in enumerate(value))

    def _is_none(self, name: str) -> bool:
        self._read.add(name)
        return self._members.get(name) is None

    def _inner(self, members: Mapping[str, object], place: str) -> Self:
        inner = copy.copy(self)
        inner.place, inner._separator = place, "."
        inner._members, inner._read = members, set()
        return inner

    def _must_be(self, name: str, words: str) -> Exception:
        return self.error(name, f"must be {words.format(name=name)}")

    def _check_count(self, name: str, value: Collection[object], least: int) -> None:
        if len(value) < least:
            raise self.error(name, "must not be empty" if least == 1 else f"must have at least {least} members")
