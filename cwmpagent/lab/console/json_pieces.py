"""JSON written piece by piece, so that a large answer neither stops the reactor nor is in memory as a whole."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from heapq import merge
from itertools import islice
from json.encoder import encode_basestring_ascii
from typing import Any, TypeVar

SLICE = 200
"""Members or elements of one piece: some milliseconds of work."""
SORTED = 10 * SLICE
"""Members that are sorted at once."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Members:
    """A large JSON object: ``make`` returns its members in slices."""

    make: Callable[[], Iterator[Mapping[str, Any]]]


@dataclass(frozen=True, slots=True)
class Elements:
    """A large JSON list: ``make`` returns its elements in slices."""

    make: Callable[[], Iterator[list[Any]]]


def pieces(value: Any) -> Iterator[str]:
    """``value`` as JSON in pieces, some of them empty; plain values, :class:`Members` and :class:`Elements`.

    An empty piece is a pause: work was done that has no output yet.
    """
    match value:
        case Members():
            yield from _container("{}", (_members(part) for part in value.make()))
        case Elements():
            yield from _container("[]", (_elements(part) for part in value.make()))
        case dict() if _is_large(value.values()):
            yield from _container("{}", (_member(name, item) for name, item in value.items()))
        case list() if _is_large(value):
            yield from _container("[]", (pieces(item) for item in value))
        case _:
            yield json.dumps(value, indent=1)


def slices(values: Iterable[T], size: int = SLICE) -> Iterator[list[T]]:
    """``values`` in lists of ``size``."""
    remaining = iter(values)
    while part := list(islice(remaining, size)):
        yield part


def sorted_slices(entries: Mapping[str, T]) -> Iterator[list[tuple[str, T]]]:
    """The entries by name, in slices of :data:`SLICE`; empty slices first where sorting takes its time.

    Entries that are removed between two slices are left out.
    """
    names = list(entries)  # no copy of the entries: very many new tuples at once hold up everything
    runs: list[list[str]] = []
    for start in range(0, len(names), SORTED):
        if len(names) > SLICE:
            yield []
        runs.append(sorted(names[start : start + SORTED]))
    for part in slices(merge(*runs)):
        yield [(name, entries[name]) for name in part if name in entries]


def _is_large(values: Iterable[Any]) -> bool:
    """Whether any of ``values`` is or contains a large object or list."""
    return any(
        isinstance(value, Members | Elements)
        or (isinstance(value, dict) and _is_large(value.values()))
        or (isinstance(value, list) and _is_large(value))
        for value in values
    )


def _container(brackets: str, parts: Iterable[Iterator[str]]) -> Iterator[str]:
    """The JSON object or list of ``parts``; the pieces of a part that has output need a comma before the first."""
    opened = False
    yield brackets[0]
    for part in parts:
        begun = False
        for piece in part:
            if piece and not begun:
                yield ",\n" if opened else "\n"
                begun = opened = True
            yield piece
    yield "\n" + brackets[1]


def _members(part: Mapping[str, Any]) -> Iterator[str]:
    yield ",\n".join(f" {encode_basestring_ascii(name)}: {json.dumps(value)}" for name, value in part.items())


def _elements(part: list[Any]) -> Iterator[str]:
    yield ",\n".join(f" {json.dumps(value)}" for value in part)


def _member(name: str, value: Any) -> Iterator[str]:
    yield f"{json.dumps(name)}: "
    yield from pieces(value)
