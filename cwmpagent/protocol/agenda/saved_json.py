"""Reads a JSON object that may have been damaged: everything asked for is there and of its type, or ValueError."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

LARGEST = 1e300
"""No number of ours is larger; NaN and the infinities are refused by it too."""
LARGEST_WHOLE = 2**53
"""No whole number of ours is larger."""


@dataclass(frozen=True, slots=True)
class SavedJson:
    """One JSON object. Every method raises ValueError naming the member that is absent or of the wrong kind.

    A ``default`` stands for a member that is absent: one that older versions did not write.
    """

    members: dict[str, object]

    @classmethod
    def of(cls, found: object) -> SavedJson:
        """``found`` as an object."""
        if not isinstance(found, dict):
            raise ValueError(f"a JSON object is expected, not {type(found).__name__}")
        return cls(found)

    @classmethod
    def parse(cls, text: str) -> SavedJson:
        """The object that ``text`` is."""
        try:
            return cls.of(json.loads(text))
        except RecursionError as error:
            raise ValueError("nested too deeply") from error

    def text(self, name: str, default: str | None = None) -> str:
        """A string."""
        found = self.members.get(name, default)
        if not isinstance(found, str):
            raise ValueError(f"{name}: a string is expected")
        return found

    def flag(self, name: str, default: bool | None = None) -> bool:
        """A boolean."""
        found = self.members.get(name, default)
        if not isinstance(found, bool):
            raise ValueError(f"{name}: true or false is expected")
        return found

    def whole(self, name: str) -> int:
        """A whole number, 0 or more."""
        found = self.members.get(name)
        if not isinstance(found, int) or isinstance(found, bool) or not 0 <= found <= LARGEST_WHOLE:
            raise ValueError(f"{name}: a whole number is expected")
        return found

    def number(self, name: str, default: float | None = None) -> float:
        """A finite number."""
        found = self.members.get(name, default)
        if not isinstance(found, int | float) or isinstance(found, bool) or not abs(found) < LARGEST:
            raise ValueError(f"{name}: a number is expected")
        return float(found)

    def number_or_none(self, name: str) -> float | None:
        """A finite number, or None where it is null."""
        return None if name in self.members and self.members[name] is None else self.number(name)

    def fields(self, name: str) -> SavedJson:
        """An object."""
        return SavedJson.of(self.members.get(name))

    def rows(self, name: str) -> Iterator[SavedJson]:
        """A list of objects."""
        found = self.members.get(name)
        if not isinstance(found, list):
            raise ValueError(f"{name}: a list is expected")
        return map(SavedJson.of, found)
