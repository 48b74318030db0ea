"""Database tables for the five mappings of a :class:`~cwmpagent.records.Batch`, with one row per entry."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from cwmpagent.errors import MisuseError
from cwmpagent.records import Attributes, Batch, Saved

Row = tuple[str | int, ...]


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


def _attributes(notification: object, access_list: str) -> Attributes:
    return Attributes(_number(notification), tuple(_text(entity) for entity in json.loads(access_list)))


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

    def read(self, connection: sqlite3.Connection) -> dict[str, Any]:
        """All entries of the table."""
        rows = connection.execute(f"SELECT {self._names} FROM {self.name}")
        return {_text(key): self.to_value(*columns) for key, *columns in rows}

    @property
    def _names(self) -> str:
        return ", ".join((self.key, *self.columns))


TABLES = (
    Table("values", "parameter_value", "path", ("text",), lambda value: (_text(value),), _text),
    Table("attributes", "parameter_attributes", "path", ("notification", "access_list"), _attributes_row, _attributes),
    Table(
        "rows", "object_row", "path", ("present",), lambda value: (_number(value),), lambda value: bool(_number(value))
    ),
    Table("counters", "object_counter", "path", ("highest",), lambda value: (_number(value),), _number),
    Table("notes", "note", "name", ("text",), lambda value: (_text(value),), _text),
)


def copied(batch: Batch) -> Batch:
    """Copy of ``batch`` with its own mappings, which the caller cannot change."""
    return Batch(**{table.field: dict(getattr(batch, table.field)) for table in TABLES}, erase=batch.erase)


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
    """Whole saved state; raises ``sqlite3.Error``, and ``ValueError`` or ``TypeError`` for an invalid entry."""
    return Saved(**{table.field: table.read(connection) for table in TABLES})
