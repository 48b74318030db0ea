"""Opening the database: refuses a newer one, moves a damaged one aside, brings an older one up to date."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing, suppress
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

from cwmpagent.errors import StoreError, StoreNewerError
from cwmpagent.store import directory, schema, tables

SIDE_FILES = ("", "-wal", "-shm", "-journal")
DAMAGE = frozenset(
    {
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_NOTADB,
        sqlite3.SQLITE_ERROR,  # a table of ours is missing
        sqlite3.SQLITE_FORMAT,
        sqlite3.SQLITE_IOERR_SHORT_READ,
    }
)


class Damaged(StoreError):
    """The database is not what this package wrote."""


def open_database(path: Path, *, now: float) -> tuple[sqlite3.Connection, Path | None]:
    """The checked database at ``path``, of the newest schema, and where a damaged one was moved, if there was one.

    The caller holds the lock of its directory. ``now`` (epoch seconds) goes into the name of what is moved aside. The
    connection may be used by any one thread at a time. Raises ``StoreNewerError`` with nothing touched, ``StoreError``
    for everything that time or an administrator may heal: no permission, a full disk, a read-only one.
    """
    moved_aside = None
    try:
        if _any_file(path):
            with suppress(Damaged):
                return _existing(path), None
        new = _new(path)  # before anything is moved: there may be no room for it
        if _any_file(path):
            moved_aside = _move_aside(path, now)
        new.rename(path)
        directory.sync(path.parent)
        return _existing(path), moved_aside
    except OSError as error:
        raise StoreError(f"{path} cannot be used: {error.strerror}") from error
    except sqlite3.Error as error:
        raise StoreError(f"{path} cannot be used: {error}") from error


def _existing(path: Path) -> sqlite3.Connection:
    try:
        _check_outside(path)
        _refuse_newer(path)
        for suffix in SIDE_FILES:
            directory.make_private(Path(f"{path}{suffix}"))
        connection = _connect(f"file:{quote(str(path))}?mode=rw")
        try:
            _settle(connection, path)
            _check(connection, path)
            _migrate(connection, path)
            tables.read(connection)
        except BaseException:
            connection.close()
            raise
    except sqlite3.Error as error:
        if _is_damage(error):
            raise Damaged(f"{path}: {error}") from error
        raise
    except (ValueError, TypeError) as error:
        raise Damaged(f"{path}: {error}") from error
    return connection


def _connect(uri: str) -> sqlite3.Connection:
    return sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False)


def _refuse_newer(path: Path) -> None:
    # Opening it to write would already change it (recovery and checkpoint of the log). Read-only, without locks (the
    # caller has ours) and exclusive, SQLite reads the log too and leaves no trace.
    with closing(_connect(f"file:{quote(str(path))}?mode=ro&vfs=unix-none")) as connection:
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        found = schema.version(connection)
    if found > len(schema.STEPS):
        raise StoreNewerError(
            f"{path} was written by a newer version (schema {found}, this one knows {len(schema.STEPS)}): "
            "run that version, or name another state directory"
        )


def _settle(connection: sqlite3.Connection, path: Path) -> None:
    # Exclusive: no other program can come between, and no shared memory file, which could not be made on a full disk.
    connection.execute("PRAGMA locking_mode = EXCLUSIVE")
    (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
    if mode != "wal":
        raise StoreError(f"{path} is on a file system that cannot keep a write-ahead log: use a local one")
    connection.execute("PRAGMA synchronous = FULL")


def _check_outside(path: Path) -> None:
    """Find what SQLite would not: it makes an empty database of an empty file, and fills up a cut page with zeros."""
    if not path.is_file():
        raise Damaged(f"{path} is no file")
    with path.open("rb") as file:
        header = file.read(100)
        size = file.seek(0, os.SEEK_END)
    log = Path(f"{path}-wal")
    logged = log.exists() and log.stat().st_size > 0
    if size == 0:
        raise Damaged(f"{path} is empty")
    if logged:  # it has whatever the last commits left unfinished here
        return
    if header[18:20] not in (b"\1\1", b"\2\2"):  # any other is not refused but opened read-only
        raise Damaged(f"{path} has no header")
    if size % (int.from_bytes(header[16:18], "big") or 1):
        raise Damaged(f"{path} is cut short")


def _check(connection: sqlite3.Connection, path: Path) -> None:
    (verdict,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
    if verdict != "ok":
        raise Damaged(f"{path}: {verdict}")


def _migrate(connection: sqlite3.Connection, path: Path) -> None:
    try:
        schema.migrate(connection)
    except sqlite3.Error as error:  # never damage: it has just been checked
        raise StoreError(f"{path} cannot be brought to schema {len(schema.STEPS)}: {error}") from error


def _is_damage(error: sqlite3.Error) -> bool:
    # No code at all: the module could not turn a text into a str.
    code = getattr(error, "sqlite_errorcode", None)
    return code is None or code in DAMAGE or code & 0xFF in DAMAGE


def _any_file(path: Path) -> bool:
    return any(os.path.lexists(f"{path}{suffix}") for suffix in SIDE_FILES)


def _new(path: Path) -> Path:
    # Under another name until it is whole: an empty or half-made file at its own name is never our doing.
    new = path.with_name(f"{path.name}.new")
    for suffix in SIDE_FILES:
        Path(f"{new}{suffix}").unlink(missing_ok=True)
    directory.create_private(new)
    with closing(_connect(f"file:{quote(str(new))}?mode=rw")) as connection:
        schema.migrate(connection)
    return new


def _move_aside(path: Path, now: float) -> Path:
    """Rename the database and its side files alike, so that the pair can still be looked at."""
    stamp = datetime.fromtimestamp(now, UTC).strftime("%Y%m%dT%H%M%SZ")
    aside = path.with_name(f"{path.name}.corrupt-{stamp}")
    count = 1
    while _any_file(aside):
        count += 1
        aside = path.with_name(f"{path.name}.corrupt-{stamp}-{count}")
    # The database first: whatever is left of the others without it is moved at the next start.
    for suffix in SIDE_FILES:
        if os.path.lexists(f"{path}{suffix}"):
            Path(f"{path}{suffix}").rename(f"{aside}{suffix}")
    return aside
