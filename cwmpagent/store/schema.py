"""Versions of the database schema, each with its migration step, and the migration to the newest version."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

Step = Callable[[sqlite3.Connection], None]


def _first(connection: sqlite3.Connection) -> None:
    for table in (
        "parameter_value (path TEXT PRIMARY KEY, text TEXT NOT NULL)",
        "parameter_attributes (path TEXT PRIMARY KEY, notification INTEGER NOT NULL, access_list TEXT NOT NULL)",
        "object_row (path TEXT PRIMARY KEY, present INTEGER NOT NULL)",
        "object_counter (path TEXT PRIMARY KEY, highest INTEGER NOT NULL)",
        "note (name TEXT PRIMARY KEY, text TEXT NOT NULL)",
    ):
        connection.execute(f"CREATE TABLE {table} WITHOUT ROWID")


STEPS: tuple[Step, ...] = (_first,)
"""``STEPS[n]`` migrates from version n to n + 1. Steps are only appended, never changed; a step must not commit."""


def version(connection: sqlite3.Connection) -> int:
    """Schema version of the database; 0 for an empty database."""
    (number,) = connection.execute("PRAGMA user_version").fetchone()
    return int(number)


def migrate(connection: sqlite3.Connection) -> None:
    """Migrate the database to the newest version in one transaction; an exception leaves it unchanged."""
    if version(connection) == len(STEPS):  # nothing is written, so a full disk is not a problem
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        for step in STEPS[version(connection) :]:
            step(connection)
        connection.execute(f"PRAGMA user_version = {len(STEPS)}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
