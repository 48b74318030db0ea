"""Aligned columns for people; whatever a terminal could take for a command is escaped."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from cwmpagent.protocol.masking import quoted

WIDEST = 100
"""Characters beyond which a cell no longer moves the columns right of it."""
LONGEST = 1 << 16


def shown(value: object) -> str:
    """One cell."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return quoted("" if value is None else str(value), LONGEST)


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[str]:
    """Lines of a table with a heading; nothing where there are no rows."""
    cells = [[shown(value) for value in row] for row in rows]
    if cells:
        yield from _aligned([list(head), *cells])


def pairs(rows: Iterable[tuple[str, object]]) -> Iterator[str]:
    """Lines of names and values."""
    yield from _aligned([[name, shown(value)] for name, value in rows])


def _aligned(rows: list[list[str]]) -> Iterator[str]:
    widths = [max(min(len(cell), WIDEST) for cell in column) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
