"""Database tables for the five mappings of a :class:`~cwmpagent.records.Batch`, with one row per entry."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from cwmpagent.errors import MisuseError
from cwmpagent.records import Attributes, Batch, Saved

Row = tuple[str | int, ...]
HIGHEST_NOTIFICATION = 6
LONGEST_SHOWN = 200
"""Characters of a key in the line about a damaged row."""


class DamagedRow(NamedTuple):
    """A row that no batch can have written: ``key`` as SQLite returns it; ``line``: one line without its value."""

    table: Table
    key: object
    line: str


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(f"text expected, not {type(value).__name__}")
    value.encode()  # lone surrogates cannot be stored
    return value


def _number(value: object) -> int:
    if not isinstance(value, int) or not 0 <= value < 1 << 63:
        raise ValueError("a number from 0 to 2**63 - 1 expected")
    return int(value)


def _attributes_row(attributes: Attributes) -> Row:
    access_list = [_text(entity) for entity in attributes.access_list]
    return _number(attributes.notification), json.dumps(access_list)


def _attributes(notification: object, access_list: object) -> Attributes:
    if _number(notification) > HIGHEST_NOTIFICATION:
        raise ValueError(f"a Notification from 0 to {HIGHEST_NOTIFICATION} expected")
    try:
        entities = json.loads(_text(access_list))
    except RecursionError as error:
        raise ValueError("the AccessList is nested too deeply") from error
    if not isinstance(entities, list):
        raise ValueError("the AccessList is not a list")
    return Attributes(_number(notification), tuple(_text(entity) for entity in entities))


def _flag(value: object) -> bool:
    if value not in (0, 1):
        raise ValueError("0 or 1 expected")
    return bool(value)


@dataclass(frozen=True, slots=True)
class Table:
    """Table for the mapping ``field``; ``columns`` follow the key column.

    ``to_row`` and ``to_value`` convert between values and columns and raise ``ValueError`` for a wrong type.
    """

    field: str
    name: str
    key: str
    columns: tuple[str, ...]
    to_row: Callable[[Any], Row]
    to_value: Callable[..., Any]

    def statements(self, entries: dict[str, Any], *, erase: bool) -> Iterator[tuple[str, list[Row]]]:
        """SQL statements, each with its rows, that save ``entries`` in the table; ``erase`` deletes all rows first."""
        removed: list[Row] = [(_text(key),) for key, value in entries.items() if value is None]
        written = [(_text(key), *self.to_row(value)) for key, value in entries.items() if value is not None]
        if erase:
            yield f"DELETE FROM {self.name}", [()]
        elif removed:
            yield f"DELETE FROM {self.name} WHERE {self.key} = ?", removed
        if written:
            places = ", ".join("?" * (1 + len(self.columns)))
            yield f"INSERT OR REPLACE INTO {self.name} ({self._names}) VALUES ({places})", written

    def read(self, connection: sqlite3.Connection) -> tuple[dict[str, Any], list[DamagedRow]]:
        """All entries of the table, and its damaged rows."""
        entries: dict[str, Any] = {}
        damaged: list[DamagedRow] = []
        for key, *columns in connection.execute(f"SELECT {self._names} FROM {self.name}"):
            try:
                entries[_text(key)] = self.to_value(*columns)
            except (ValueError, TypeError) as error:
                # Not the text of a JSON error: it may quote a value.
                reason = "invalid JSON" if isinstance(error, json.JSONDecodeError) else _reason(error)
                line = f"{self.kind} {ascii(key)[:LONGEST_SHOWN]} is damaged ({reason}): its default is used"
                damaged.append(DamagedRow(self, key, line))
        return entries, damaged

    def delete(self, connection: sqlite3.Connection, key: object) -> None:
        """Delete the row with this key, as :meth:`read` has found it."""
        if isinstance(key, str):  # it may have bytes that are not UTF-8
            raw = key.encode("utf-8", "surrogateescape")
            connection.execute(f"DELETE FROM {self.name} WHERE {self.key} = CAST(? AS TEXT)", (raw,))
        else:
            connection.execute(f"DELETE FROM {self.name} WHERE {self.key} = ?", (key,))

    @property
    def kind(self) -> str:
        """The name of an entry of this table in a line."""
        return f"the saved {self.name.replace('_', ' ')}"

    @property
    def _names(self) -> str:
        return ", ".join((self.key, *self.columns))


TABLES = (
    Table("values", "parameter_value", "path", ("text",), lambda value: (_text(value),), _text),
    Table("attributes", "parameter_attributes", "path", ("notification", "access_list"), _attributes_row, _attributes),
    Table("rows", "object_row", "path", ("present",), lambda value: (_number(value),), _flag),
    Table("counters", "object_counter", "path", ("highest",), lambda value: (_number(value),), _number),
    Table("notes", "note", "name", ("text",), lambda value: (_text(value),), _text),
)


def copied(batch: Batch) -> Batch:
    """Copy of ``batch`` with its own mappings, which the caller cannot change."""
    return Batch(**{table.field: dict(getattr(batch, table.field)) for table in TABLES}, erase=batch.erase)


def as_batch(saved: Saved) -> Batch:
    """Batch that saves the whole state."""
    return Batch(**{table.field: getattr(saved, table.field) for table in TABLES})


def statements(batch: Batch) -> list[tuple[str, list[Row]]]:
    """SQL statements, each with its rows, that save ``batch``; raises ``MisuseError`` for an entry of a wrong type."""
    result: list[tuple[str, list[Row]]] = []
    for table in TABLES:
        try:
            result.extend(table.statements(dict(getattr(batch, table.field)), erase=batch.erase))
        except (ValueError, TypeError, AttributeError) as error:
            raise MisuseError(f"{table.field} of a batch: {error}") from error
    return result


def read(connection: sqlite3.Connection) -> Saved:
    """Whole saved state without damaged rows; raises ``sqlite3.Error``."""
    return read_and_check(connection)[0]


def read_and_check(connection: sqlite3.Connection) -> tuple[Saved, list[DamagedRow]]:
    """Whole saved state, and the rows that are damaged; raises ``sqlite3.Error``."""
    fields: dict[str, dict[str, Any]] = {}
    damaged: list[DamagedRow] = []
    for table in TABLES:
        fields[table.field], found = table.read(connection)
        damaged += found
    return Saved(**fields), damaged


def decoded(raw: bytes) -> str:
    """A TEXT of SQLite, for ``sqlite3.Connection.text_factory``; bytes that are not UTF-8 become lone surrogates.

    Without it, the sqlite3 module would raise an error for the whole table.
    """
    return raw.decode("utf-8", "surrogateescape")


def _reason(error: Exception) -> str:
    return "not UTF-8" if isinstance(error, UnicodeError) else str(error)
