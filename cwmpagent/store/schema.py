"""The versions of the database's schema, each as the step that leads to it, and the way from any to the last."""

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
"""``STEPS[n]`` leads from version n to n + 1. Only ever added to; a step must not commit."""


def version(connection: sqlite3.Connection) -> int:
    """The version of the database; 0 is an empty one."""
    (number,) = connection.execute("PRAGMA user_version").fetchone()
    return int(number)


def migrate(connection: sqlite3.Connection) -> None:
    """Bring the database to the last version in one transaction: whatever a step raises leaves it as it was."""
    if version(connection) == len(STEPS):  # nothing to write, so a full disk is no obstacle
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
