"""Reader of CSV dumps as exported by GenieACS: a header row, then one row for each object and parameter.

Files that a spreadsheet or another tool has written are read, too: other separators and encodings, upper case, columns
with other names or left out.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence

from cwmpagent.datamodel.builder import ModelBuilder
from cwmpagent.datamodel.sources.dump.decoding import text_of
from cwmpagent.datamodel.sources.dump.entry import Entry
from cwmpagent.datamodel.sources.dump.fidelity import Fidelity
from cwmpagent.datamodel.sources.dump.model import declare
from cwmpagent.errors import ModelError

_NAMES: Mapping[str, tuple[str, ...]] = {
    "Parameter": ("parameter", "parameter name", "name", "path"),
    "Object": ("object",),
    "Writable": ("writable", "writeable"),
    "Value": ("value",),
    "Value type": ("value type", "valuetype", "type", "data type"),
    "Notification": ("notification",),
    "Access list": ("access list", "accesslist"),
}
"""Column -> its names in lower case, the usual one first; all other columns, such as timestamps, are ignored."""
_REQUIRED = ("Parameter", "Value")
_SEPARATORS = ",;\t|"
_WORDS = {
    True: ("true", "1", "yes", "wahr", "vrai", "verdadero", "vero", "verdadeiro", "waar", "prawda"),
    False: ("false", "0", "no", "falsch", "faux", "falso", "onwaar", "fa\u0142sz"),
}
"""Words for a boolean; spreadsheets write them in the language of their user."""
_FLAGS = {word: flag for flag, words in _WORDS.items() for word in words}


def read_csv(data: bytes, name: str, builder: ModelBuilder, *, fidelity: Fidelity = "strict") -> None:
    """Declare everything in ``data``, the content of the file ``name``, to ``builder``.

    Raises ``ModelError`` whose key is the file, line and column (``box.csv: line 12, Writable``).
    """
    declare(_entries(text_of(data, name, builder), name), name, builder, fidelity)


def _entries(text: str, name: str) -> Iterator[Entry]:
    lines = list(_lines(text if "\n" in text else text.replace("\r", "\n")))
    above = next(at for at, line in enumerate(lines) if line.strip())
    if lines[above].strip('" ').lower().startswith("sep="):  # this is how a spreadsheet is told the separator
        above += 1
    separator, header = _header("".join(lines[above : above + 1]))
    columns = _columns(header, f"{name}: line {above + 1}")
    for where, row, is_last in _rows(lines[above + 1 :], separator, name, above + 1):
        if not any(row):
            continue
        # Spreadsheets leave out or add empty cells at the end; only the last row can be cut short with the file.
        if len(row) < len(header) and is_last and text[-1] not in "\r\n":
            raise ModelError(where, f"is cut short: it has {len(row)} columns, the first row has {len(header)}")
        if any(row[len(header) :]):
            raise ModelError(where, f"it has {len(row)} columns, the first row has {len(header)}")
        cells = {column: row[at] if at < len(row) else "" for column, at in columns.items()}
        yield Entry(
            where=where,
            path=cells["Parameter"].strip(),
            is_object=True if cells["Parameter"].strip().endswith(".") else _flag(cells, "Object", where),
            writable=_flag(cells, "Writable", where),
            text=cells["Value"],
            type=cells.get("Value type", "").strip(),
            notification=cells.get("Notification", "").strip(),
            access=cells.get("Access list", ""),
        )


def _header(line: str) -> tuple[str, list[str]]:
    """Separator and cells of the first row, with the separator that gives the most known columns."""
    known = {name for names in _NAMES.values() for name in names}
    best, cells = ",", [line]
    for separator in _SEPARATORS:
        try:
            row = next(csv.reader([line], delimiter=separator, strict=True), [])
        except csv.Error:
            continue
        row = [" ".join(cell.split()).lower() for cell in row]
        if sum(cell in known for cell in row) > sum(cell in known for cell in cells):
            best, cells = separator, row
    while cells and not cells[-1]:
        cells.pop()
    return best, cells


def _columns(header: list[str], where: str) -> dict[str, int]:
    """Column -> its index."""
    columns: dict[str, int] = {}
    for column, names in _NAMES.items():
        name = next((name for name in names if name in header), None)
        if name is not None and header.count(name) == 1:
            columns[column] = header.index(name)
        elif name is not None or column in _REQUIRED:
            raise ModelError(
                where,
                f"must name the columns {' and '.join(_REQUIRED)}, and each column once; missing or repeated: {column} "
                f"(known are {', '.join(_NAMES)}, separated by comma, semicolon, tab or |)",
            )
    return columns


def _rows(lines: Sequence[str], separator: str, name: str, before: int) -> Iterator[tuple[str, list[str], bool]]:
    """Rows, each with the position of its first line, and whether it is the last one."""
    reader = csv.reader(lines, delimiter=separator, strict=True)
    while True:
        where = f"{name}: line {before + reader.line_num + 1}"
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise ModelError(where, f"is not CSV: {error}") from None
        yield where, row, reader.line_num == len(lines)


def _lines(text: str) -> Iterator[str]:
    # splitlines() also splits at characters that a value can contain.
    start = 0
    while start < len(text):
        end = text.find("\n", start) + 1 or len(text)
        yield text[start:end]
        start = end


def _flag(cells: Mapping[str, str], column: str, where: str) -> bool | None:
    """Value of a boolean cell; ``None`` if it is empty or if there is no such column."""
    text = cells.get(column, "").strip().lower()
    if text and text not in _FLAGS:
        raise ModelError(f"{where}, {column}", "must be true, false or empty")
    return _FLAGS.get(text)
