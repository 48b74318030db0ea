"""The open files of a state directory, and their replacement where they were deleted or replaced by others.

A process that has a deleted database open goes on as if nothing had happened, and all that it saves is lost with it.
So the paths are compared with the open files before each commit: three calls of ``stat``, tens of microseconds.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from urllib.parse import quote

from cwmpagent.errors import StoreError
from cwmpagent.store import directory, tables
from cwmpagent.store.database import LOG_SUFFIX, SIDE_FILES, connect, create, free_name, open_existing
from cwmpagent.store.lock import Lock

DATABASE = "state.sqlite"
LOCK = "state.lock"

Identity = tuple[int, int] | None
"""Device and inode of a file, None where there is none."""


class StateFiles:
    """Database and lock in ``directory``, open until :meth:`close`; for one thread at a time.

    ``wall`` returns the time (epoch seconds) for the name of a file that is moved aside. ``warn`` is called with a line
    when files were not in place, once for each time.
    """

    def __init__(
        self, directory: Path, connection: sqlite3.Connection, lock: Lock, *, wall: Callable[[], float]
    ) -> None:
        self.warn: Callable[[str], object] = lambda line: None
        self.connection = connection
        self._directory = directory
        self._database = directory / DATABASE
        self._lock_path = directory / LOCK
        self._lock = lock
        self._wall = wall
        self._complaint = ""
        self._of_database: Identity = None
        self._of_log: Identity = None
        self._of_lock: Identity = None
        self._remember()

    def check(self) -> None:
        """Ensure that what is saved is found at the next start: write the whole state anew where it would not be.

        Raises ``StoreError`` where that is impossible; nothing may be saved then.
        """
        database = self._is_lost(self._database, self._of_database)
        log = self._is_lost(self._log, self._of_log)
        lock = self._is_lost(self._lock_path, self._of_lock)
        if not (database or log or lock):
            if self._of_log is None:
                self._of_log = _identity(self._log)
            return
        lost = {DATABASE: database, self._log.name: log, LOCK: lock}
        names = " and ".join(f"{name} was {lost[name]}" for name in lost if lost[name])
        try:
            kept = self._replace(rewrite=bool(database or log), relock=bool(lock))
        except (OSError, sqlite3.Error, StoreError) as error:
            lost_files = f"{self._directory}: {names} while the agent was running"
            complaint = f"{lost_files}, and the state cannot be written anew: {error}"
            if complaint != self._complaint:
                self._complaint = complaint
                self.warn(f"{complaint}; no change is saved until it can be")
            raise StoreError(complaint) from error
        self._complaint = ""
        aside = f"; the other files are kept as {kept}" if kept is not None else ""
        self.warn(f"{self._directory}: {names} while the agent was running: the whole state is written anew{aside}")

    def close(self) -> None:
        """Close the database, after a last :meth:`check`."""
        with suppress(StoreError):  # the line is in the log
            self.check()
        with suppress(sqlite3.Error):
            self.connection.close()

    def release(self) -> None:
        """Release the lock; after :meth:`close`."""
        self._lock.release()

    @property
    def _log(self) -> Path:
        return Path(f"{self._database}{LOG_SUFFIX}")

    def _remember(self) -> None:
        self._of_database = _identity(self._database)
        self._of_log = _identity(self._log)
        self._of_lock = _identity(self._lock_path)

    def _is_lost(self, path: Path, own: Identity) -> str:
        """``deleted`` or ``replaced`` where the file at ``path`` is no longer this process's own, else empty."""
        if own is None:
            return ""
        present = _identity(path)
        return "" if present == own else "deleted" if present is None else "replaced"

    def _replace(self, *, rewrite: bool, relock: bool) -> Path | None:
        """Take the directory again, and write the state to new files; returns the name of others that were there."""
        directory.prepare(self._directory, DATABASE)
        if relock:
            lock = Lock(self._lock_path)  # fails where another process has the directory by now
            self._lock.release()
            self._lock = lock
            self._of_lock = _identity(self._lock_path)
        if not rewrite:
            return None
        batch = tables.as_batch(tables.read(self.connection))
        new = create(self._database)
        with closing(connect(f"file:{quote(str(new))}?mode=rw")) as connection:
            connection.execute("BEGIN IMMEDIATE")
            for sql, rows in tables.statements(batch):
                connection.executemany(sql, rows)
            connection.execute("COMMIT")
        kept = self._clear_place()
        new.replace(self._database)
        directory.sync(self._directory)
        connection = open_existing(self._database)
        # Its close changes no file: SQLite sees that another file has its name.
        former, self.connection = self.connection, connection
        former.close()
        self._remember()
        return kept

    def _clear_place(self) -> Path | None:
        """Move away what is not this process's own, and the log, which does not belong to the new database."""
        aside = free_name(self._database, self._wall(), "replaced")
        moved = False
        for suffix in SIDE_FILES:
            path = Path(f"{self._database}{suffix}")
            present = _identity(path)
            if present is None or present == self._of_database:
                continue
            if present == self._of_log:
                path.unlink()
            else:
                path.rename(f"{aside}{suffix}")
                moved = True
        return aside if moved else None


def _identity(path: Path) -> Identity:
    """Identity of the file at ``path``; raises ``StoreError`` where it cannot be found out."""
    try:
        status = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise StoreError(f"{path} cannot be checked: {error.strerror}") from error
    return status.st_dev, status.st_ino
