"""Differences of one device from the factory state of its model, as an immutable value."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, TypeVar

from cwmpagent.datamodel.schema import is_instance_number
from cwmpagent.records import Attributes, Batch

_NOTHING: Mapping[str, Any] = MappingProxyType({})
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Overlay:
    """Differences from the factory state, each by path.

    ``rows``: table path -> all its instance numbers, ascending, if they differ from the factory state.
    The other fields are as in :class:`cwmpagent.records.Saved`.
    """

    values: Mapping[str, str]
    attributes: Mapping[str, Attributes]
    rows: Mapping[str, tuple[int, ...]]
    counters: Mapping[str, int]

    def merged(self, batch: Batch, factory_rows: Mapping[str, tuple[int, ...]]) -> Overlay:
        """Differences after ``batch``, by the same rules as those by which the store saves it."""
        before = UNCHANGED if batch.erase else self
        return Overlay(
            _merged(before.values, batch.values),
            _merged(before.attributes, batch.attributes),
            _merged_rows(before.rows, batch.rows, factory_rows),
            _merged(before.counters, batch.counters),
        )


UNCHANGED = Overlay(_NOTHING, _NOTHING, _NOTHING, _NOTHING)
"""No differences; shared by all devices in the factory state."""


def split_row(row: str) -> tuple[str, int]:
    """Table path and instance number of a row path; raises ``ValueError`` if it is not a row path."""
    table, _, number = row.removesuffix(".").rpartition(".")
    if not is_instance_number(number):
        raise ValueError(f"{row} is not a row")
    return table + ".", int(number)


def _merged(old: Mapping[str, _T], changes: Mapping[str, _T | None]) -> Mapping[str, _T]:
    if not changes:
        return old
    new = dict(old)
    for path, item in changes.items():
        if item is None:
            new.pop(path, None)
        else:
            new[sys.intern(path)] = item
    return new or _NOTHING


def _merged_rows(
    old: Mapping[str, tuple[int, ...]],
    changes: Mapping[str, bool | None],
    factory: Mapping[str, tuple[int, ...]],
) -> Mapping[str, tuple[int, ...]]:
    if not changes:
        return old
    tables: dict[str, set[int]] = {}
    for row, exists in changes.items():
        table, number = split_row(row)
        base = factory.get(table, ())
        numbers = tables.setdefault(table, set(old.get(table, base)))
        if exists or (exists is None and number in base):
            numbers.add(number)
        else:
            numbers.discard(number)
    new = dict(old)
    for table, numbers in tables.items():
        present = tuple(sorted(numbers))
        if present == factory.get(table, ()):
            new.pop(table, None)
        else:
            new[sys.intern(table)] = present
    return new or _NOTHING
