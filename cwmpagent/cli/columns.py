"""Aligned columns for the terminal; control characters in values are escaped."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from cwmpagent.protocol.masking import quoted

WIDEST = 100
"""Largest width of a column in characters; a longer cell is not cut, but shifts the rest of its own row only."""
LONGEST = 1 << 16
"""Characters of a cell; a longer one is cut."""


def shown(value: object) -> str:
    """The text of one cell: booleans as yes or no, None as empty."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return quoted("" if value is None else str(value), LONGEST)


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[str]:
    """Lines of a table with a heading; no line where there are no rows."""
    cells = [[shown(value) for value in row] for row in rows]
    if cells:
        yield from _aligned([list(head), *cells])


def pairs(rows: Iterable[tuple[str, object]]) -> Iterator[str]:
    """Lines of a name and its value each."""
    yield from _aligned([[name, shown(value)] for name, value in rows])


def _aligned(rows: list[list[str]]) -> Iterator[str]:
    widths = [max(min(len(cell), WIDEST) for cell in column) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
