"""A saved JSON object that may be damaged: a member that is absent or of another type is a ValueError."""

from __future__ import annotations

import json

from cwmpagent.typed_members import TypedMembers

LARGEST_WHOLE = 2**53
"""Largest whole number in a saved object."""


class SavedJson(TypedMembers):
    """One JSON object. Every method raises ValueError that names the member which is absent or of the wrong type.

    A ``default`` is the value of a member that is absent, as older versions did not write it.
    """

    @classmethod
    def parse(cls, text: str) -> SavedJson:
        """The object in the JSON text ``text``."""
        try:
            value = json.loads(text)
        except RecursionError as error:
            raise ValueError("nested too deeply") from error
        if not isinstance(value, dict):
            raise ValueError(f"a JSON object is expected, not {type(value).__name__}")
        return cls(value, "", _error)

    def whole(
        self, name: str, default: int | None = None, *, least: int | None = 0, most: int | None = LARGEST_WHOLE
    ) -> int:
        """A whole number, 0 or more."""
        return super().whole(name, default, least=least, most=most)

    def number_or_none(self, name: str) -> float | None:
        """A finite number, or None where it is null; it must not be absent."""
        return None if self.value(name) is None else self.number(name)


def _error(name: str, reason: str) -> ValueError:
    return ValueError(f"{name} {reason}")
