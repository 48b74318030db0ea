"""Bounds of the fields of dataclasses, as annotations: ``times: Annotated[int, From(0, 10)]``."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, Any, NamedTuple, get_args, get_origin, get_type_hints

from cwmpagent.typed_members import is_number
from cwmpagent.values import can_be_sent


class From(NamedTuple):
    """Bounds of a number, both allowed."""

    least: int
    most: int

    def refusal(self, value: object) -> str:
        """Reason why ``value`` is not allowed, empty if it is."""
        if is_number(value) and self.least <= value <= self.most:
            return ""
        return f"must be from {self.least} to {self.most}"


class OneOf(NamedTuple):
    """The allowed numbers."""

    values: tuple[int, ...]

    def refusal(self, value: object) -> str:
        """Reason why ``value`` is not allowed, empty if it is."""
        return "" if value in self.values else f"must be one of {', '.join(map(str, self.values))}"


class Matching(NamedTuple):
    """The allowed texts: ``pattern``, and what it says in words."""

    pattern: str
    words: str

    def refusal(self, value: object) -> str:
        """Reason why ``value`` is not allowed, empty if it is."""
        if value is None or (isinstance(value, str) and re.fullmatch(self.pattern, value)):
            return ""
        return f"must be {self.words}"


class XmlText(NamedTuple):
    """Any text that XML 1.0 can contain."""

    def refusal(self, value: object) -> str:
        """Reason why ``value`` is not allowed, empty if it is."""
        if value is None or (isinstance(value, str) and can_be_sent(value)):
            return ""
        return "must be a text that XML 1.0 can contain"


def refused_fields(instance: object) -> Iterator[tuple[str, str]]:
    """Name and reason of each field of the dataclass ``instance`` that is outside of its bounds."""
    hints: dict[str, Any] = get_type_hints(type(instance), include_extras=True)
    for name, hint in hints.items():
        if get_origin(hint) is Annotated and (refusal := get_args(hint)[1].refusal(getattr(instance, name))):
            yield name, refusal
