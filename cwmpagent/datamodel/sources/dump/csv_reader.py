"""Reader of CSV dumps as exported by GenieACS: a header row, then one row for each object and parameter."""

from __future__ import annotations

import csv
from collections.abc import Iterator

from cwmpagent.datamodel.builder import ModelBuilder
from cwmpagent.datamodel.sources.dump.entry import Entry
from cwmpagent.datamodel.sources.dump.model import declare, text_of
from cwmpagent.errors import ModelError

_REQUIRED = ("Parameter", "Object", "Writable", "Value", "Value type")
_OPTIONAL = ("Notification", "Access list")
_FLAGS = {"true": True, "false": False}


def read_csv(data: bytes, name: str, builder: ModelBuilder) -> None:
    """Declare everything in ``data``, the content of the file ``name``, to ``builder``.

    Raises ``ModelError`` whose key is the file, line and column (``box.csv: line 12, Writable``).
    """
    declare(_entries(text_of(data, name), name), name, builder)


def _entries(text: str, name: str) -> Iterator[Entry]:
    lines = _rows(text, name)
    _, header = next(lines)
    columns = _columns(header, name)
    for where, row in lines:
        if not row:
            continue
        if len(row) != len(header):
            truncated = "is cut short: " if len(row) < len(header) else ""
            raise ModelError(where, f"{truncated}it has {len(row)} columns, the first row has {len(header)}")
        cells = {column: row[at] for column, at in columns.items()}
        yield Entry(
            where=where,
            path=cells["Parameter"],
            is_object=_flag(cells["Object"], where, "Object"),
            writable=_flag(cells["Writable"], where, "Writable") or False,
            text=cells["Value"],
            type=cells["Value type"],
            notification=cells.get("Notification", ""),
            access=cells.get("Access list", ""),
        )


def _columns(header: list[str], name: str) -> dict[str, int]:
    """Name of a column -> its index; all other columns are timestamps, which a model does not contain."""
    missing = [column for column in _REQUIRED if header.count(column) != 1]
    if missing:
        raise ModelError(
            f"{name}: line 1",
            f"must name each of the columns {', '.join(_REQUIRED)} once; missing or repeated: {', '.join(missing)}",
        )
    return {column: header.index(column) for column in (*_REQUIRED, *_OPTIONAL) if column in header}


def _rows(text: str, name: str) -> Iterator[tuple[str, list[str]]]:
    """Rows, each with the position of its first line."""
    reader = csv.reader(_lines(text), strict=True)
    while True:
        where = f"{name}: line {reader.line_num + 1}"
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise ModelError(where, f"is not CSV: {error}") from None
        yield where, row


def _lines(text: str) -> Iterator[str]:
    # splitlines() also splits at characters that a value can contain.
    start = 0
    while start < len(text):
        end = text.find("\n", start) + 1 or len(text)
        yield text[start:end]
        start = end


def _flag(text: str, where: str, column: str) -> bool | None:
    """Value of a boolean cell; ``None`` if it is empty."""
    if text and text not in _FLAGS:
        raise ModelError(f"{where}, {column}", "must be true, false or empty")
    return _FLAGS.get(text)
