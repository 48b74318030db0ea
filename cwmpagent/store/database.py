"""Opening of the database: refuses a newer one, moves a damaged one aside and migrates an older one."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing, suppress
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

from cwmpagent.errors import StoreError, StoreNewerError
from cwmpagent.store import directory, schema, tables

LOG_SUFFIX = "-wal"
"""End of the name of the write-ahead log of SQLite."""
SIDE_FILES = ("", LOG_SUFFIX, "-shm", "-journal")
DAMAGE = frozenset(
    {
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_NOTADB,
        sqlite3.SQLITE_ERROR,  # a table is missing
        sqlite3.SQLITE_FORMAT,
        sqlite3.SQLITE_IOERR_SHORT_READ,
    }
)


class Damaged(StoreError):
    """The database is damaged or was not written by this package."""


def open_database(path: Path, *, now: float) -> tuple[sqlite3.Connection, Path | None]:
    """Open or create, check and migrate the database at ``path``.

    Returns the connection, and the new path of a damaged database if one was moved aside. The caller holds the lock of
    the directory. ``now`` (epoch seconds) is part of the name of a database that is moved aside. The connection may be
    used by any thread, but only one at a time. Raises ``StoreNewerError``, with nothing changed, for a newer schema;
    ``StoreError`` for a problem that an administrator can solve: no permission, disk full, read-only file system.
    """
    moved_aside = None
    try:
        if _any_file(path):
            with suppress(Damaged):
                return open_existing(path), None
        new = create(path)  # before anything is moved, because the disk may be full
        if _any_file(path):
            moved_aside = _move_aside(path, now)
        new.rename(path)
        directory.sync(path.parent)
        return open_existing(path), moved_aside
    except OSError as error:
        raise StoreError(f"{path} cannot be used: {error.strerror}") from error
    except sqlite3.Error as error:
        raise StoreError(f"{path} cannot be used: {error}") from error


def open_existing(path: Path) -> sqlite3.Connection:
    """Open, check and migrate the database at ``path``; raises as :func:`open_database`, and :class:`Damaged`."""
    try:
        _check_file(path)
        _refuse_newer(path)
        for suffix in SIDE_FILES:
            directory.make_private(Path(f"{path}{suffix}"))
        connection = connect(f"file:{quote(str(path))}?mode=rw")
        try:
            _configure(connection, path)
            _check_integrity(connection, path)
            _migrate(connection, path)
            tables.read(connection)  # a missing table or column is damage
        except BaseException:
            connection.close()
            raise
    except sqlite3.Error as error:
        if _is_damage(error):
            raise Damaged(f"{path}: {error}") from error
        raise
    return connection


def remove_damaged_rows(connection: sqlite3.Connection) -> list[str]:
    """Remove the rows that no batch can have written; returns one line for each. The entries have their defaults.

    A database that cannot be written keeps them: they are reported again at the next opening.
    """
    _, damaged = tables.read_and_check(connection)
    if damaged:
        try:
            connection.execute("BEGIN IMMEDIATE")
            for row in damaged:
                row.table.delete(connection, row.key)
            connection.execute("COMMIT")
        except sqlite3.Error:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
    return [row.line for row in damaged]


def connect(uri: str) -> sqlite3.Connection:
    """Connection to the file of ``uri``; it may be used by any thread, but only one at a time."""
    connection = sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False)
    connection.text_factory = tables.decoded
    return connection


def _refuse_newer(path: Path) -> None:
    # Opening for writing would change the database (recovery and checkpoint of the log). Read-only, without locks (the
    # caller holds the lock) and exclusive, SQLite reads the log as well and changes no file.
    with closing(connect(f"file:{quote(str(path))}?mode=ro&vfs=unix-none")) as connection:
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        number = schema.version(connection)
    if number > len(schema.STEPS):
        raise StoreNewerError(
            f"{path} was written by a newer version (schema {number}, this one supports {len(schema.STEPS)}): "
            "run that version, or configure another state directory"
        )


def _configure(connection: sqlite3.Connection, path: Path) -> None:
    # Exclusive: no other program can interfere, and no shared memory file is needed, which fails on a full disk.
    connection.execute("PRAGMA locking_mode = EXCLUSIVE")
    (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
    if mode != "wal":
        raise StoreError(f"{path} is on a file system that does not support a write-ahead log: use a local one")
    connection.execute("PRAGMA synchronous = FULL")


def _check_file(path: Path) -> None:
    """Detect damage that SQLite ignores: it reads an empty file as an empty database and pads a truncated page."""
    if not path.is_file():
        raise Damaged(f"{path} is not a regular file")
    with path.open("rb") as file:
        header = file.read(100)
        size = file.seek(0, os.SEEK_END)
    log = Path(f"{path}{LOG_SUFFIX}")
    logged = log.exists() and log.stat().st_size > 0
    if size == 0:
        raise Damaged(f"{path} is empty")
    if logged:  # it may contain pages that are not yet in the database file
        return
    if header[18:20] not in (b"\1\1", b"\2\2"):  # SQLite opens other versions read-only instead of refusing them
        raise Damaged(f"{path} has no header")
    if size % (int.from_bytes(header[16:18], "big") or 1):
        raise Damaged(f"{path} is cut short")


def _check_integrity(connection: sqlite3.Connection, path: Path) -> None:
    (verdict,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
    if verdict != "ok":
        raise Damaged(f"{path}: {verdict}")
    # The number is in the header, where the integrity check does not see damage.
    number = schema.version(connection)
    names = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
    if number < 0 or (number == 0 and not names.isdisjoint(table.name for table in tables.TABLES)):
        raise Damaged(f"{path} has the impossible schema version {number}")


def _migrate(connection: sqlite3.Connection, path: Path) -> None:
    try:
        schema.migrate(connection)
    except sqlite3.Error as error:  # not damage: the database has just been checked
        raise StoreError(f"{path} cannot be migrated to schema {len(schema.STEPS)}: {error}") from error


def _is_damage(error: sqlite3.Error) -> bool:
    # No code: the sqlite3 module could not decode a text.
    code = getattr(error, "sqlite_errorcode", None)
    return code is None or code in DAMAGE or code & 0xFF in DAMAGE


def _any_file(path: Path) -> bool:
    return any(os.path.lexists(f"{path}{suffix}") for suffix in SIDE_FILES)


def create(path: Path) -> Path:
    """Create an empty database beside ``path``, to be renamed to it; returns its path."""
    # Under a temporary name until it is complete: an incomplete file at the final name was not written by this package.
    new = path.with_name(f"{path.name}.new")
    for suffix in SIDE_FILES:
        Path(f"{new}{suffix}").unlink(missing_ok=True)
    directory.create_private(new)
    with closing(connect(f"file:{quote(str(new))}?mode=rw")) as connection:
        schema.migrate(connection)
    return new


def free_name(path: Path, now: float, why: str) -> Path:
    """A name beside ``path`` that neither a database nor a side file has; ``why`` is part of it."""
    stamp = datetime.fromtimestamp(now, UTC).strftime("%Y%m%dT%H%M%SZ")
    aside = path.with_name(f"{path.name}.{why}-{stamp}")
    count = 1
    while _any_file(aside):
        count += 1
        aside = path.with_name(f"{path.name}.{why}-{stamp}-{count}")
    return aside


def _move_aside(path: Path, now: float) -> Path:
    """Rename the database and its side files alike, so that they can be examined together; returns the new path."""
    aside = free_name(path, now, "corrupt")
    # The database first: side files that remain without it are moved at the next start.
    for suffix in SIDE_FILES:
        if os.path.lexists(f"{path}{suffix}"):
            Path(f"{path}{suffix}").rename(f"{aside}{suffix}")
    return aside
