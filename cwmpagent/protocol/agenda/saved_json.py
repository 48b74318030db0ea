"""Checked access to a JSON object that may be damaged: a member is present and of its type, or ValueError is raised."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

LARGEST = 1e300
"""Upper limit of the absolute value of a number; it also excludes NaN and the infinities."""
LARGEST_WHOLE = 2**53
"""Upper limit of a whole number."""


@dataclass(frozen=True, slots=True)
class SavedJson:
    """One JSON object. Every method raises ValueError with the name of a member that is absent or of the wrong type.

    ``default`` is the value of an absent member, one that older versions did not write.
    """

    members: dict[str, object]

    @classmethod
    def of(cls, value: object) -> SavedJson:
        """Wrap ``value``. Raises ValueError where it is not a JSON object."""
        if not isinstance(value, dict):
            raise ValueError(f"a JSON object is expected, not {type(value).__name__}")
        return cls(value)

    @classmethod
    def parse(cls, text: str) -> SavedJson:
        """Parse ``text``, which must be a JSON object."""
        try:
            return cls.of(json.loads(text))
        except RecursionError as error:
            raise ValueError("the JSON is nested too deeply") from error

    def text(self, name: str, default: str | None = None) -> str:
        """The member as a string."""
        value = self.members.get(name, default)
        if not isinstance(value, str):
            raise ValueError(f"{name}: a string is expected")
        return value

    def flag(self, name: str, default: bool | None = None) -> bool:
        """The member as a boolean."""
        value = self.members.get(name, default)
        if not isinstance(value, bool):
            raise ValueError(f"{name}: true or false is expected")
        return value

    def whole(self, name: str) -> int:
        """The member as a whole number from 0."""
        value = self.members.get(name)
        if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= LARGEST_WHOLE:
            raise ValueError(f"{name}: a whole number is expected")
        return value

    def number(self, name: str, default: float | None = None) -> float:
        """The member as a finite number."""
        value = self.members.get(name, default)
        if not isinstance(value, int | float) or isinstance(value, bool) or not abs(value) < LARGEST:
            raise ValueError(f"{name}: a number is expected")
        return float(value)

    def number_or_none(self, name: str) -> float | None:
        """The member as a finite number, or None where it is null."""
        return None if name in self.members and self.members[name] is None else self.number(name)

    def fields(self, name: str) -> SavedJson:
        """The member as an object."""
        return SavedJson.of(self.members.get(name))

    def rows(self, name: str) -> Iterator[SavedJson]:
        """The member as a list of objects."""
        value = self.members.get(name)
        if not isinstance(value, list):
            raise ValueError(f"{name}: a list is expected")
        return map(SavedJson.of, value)
