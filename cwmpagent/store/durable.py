"""Durable store: the state that an agent reads at start, and saves before it confirms a change to the ACS."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Lock as ThreadLock
from typing import Any

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.interfaces import IReactorFromThreads

from cwmpagent.errors import MisuseError, StoreError
from cwmpagent.records import Batch, Saved
from cwmpagent.store import tables
from cwmpagent.store.database import open_database, remove_damaged_rows
from cwmpagent.store.directory import prepare
from cwmpagent.store.files import DATABASE, LOCK, StateFiles
from cwmpagent.store.lock import Lock
from cwmpagent.store.writer import Writer

CHECK_INTERVAL = 60.0
"""Seconds between two checks that the files are in place."""


class Store:
    """State directory of one agent, locked for this process until :meth:`close`.

    ``moved_aside``: new path of a damaged database that was moved aside at the opening; the state is then empty.
    ``damaged``: one line for each entry that was damaged at the opening and was removed.
    """

    def __init__(
        self, files: StateFiles, reactor: IReactorFromThreads, moved_aside: Path | None, damaged: Sequence[str]
    ) -> None:
        self.moved_aside = moved_aside
        self.damaged = tuple(damaged)
        self._files = files
        self._reactor = reactor
        self._using = ThreadLock()
        self._writer = Writer(files, self._using, reactor)
        self._check: Any = None
        self._closing = False
        self._closed = False
        self._waiting: list[Deferred[None]] = []

    @classmethod
    def open(cls, directory: Path, *, reactor: IReactorFromThreads, wall: Callable[[], float] = time.time) -> Store:
        """Open or create the state in ``directory``; blocks, and must be called after the process has daemonized.

        The directory is created with mode 0700, its files with mode 0600. ``wall`` returns the time (epoch seconds) for
        the name of a damaged database. Raises ``StoreLockedError`` if another process holds the directory,
        ``StoreNewerError`` if a newer version wrote it (nothing is changed), ``StoreError`` if it cannot be used.
        """
        directory = Path(directory)
        prepare(directory, DATABASE)
        lock = Lock(directory / LOCK)
        try:
            connection, moved_aside = open_database(directory / DATABASE, now=wall())
            damaged = remove_damaged_rows(connection)
            files = StateFiles(directory, connection, lock, wall=wall)
        except BaseException:
            lock.release()
            raise
        return cls(files, reactor, moved_aside, damaged)

    def watch(self, warn: Callable[[str], object], timers: Any) -> None:
        """Check every :data:`CHECK_INTERVAL` seconds, and not only at each commit, that the files are in place.

        ``warn`` is called with a line where they were not, or cannot be written anew. ``timers``: the reactor.
        """
        self._files.warn = lambda line: self._reactor.callFromThread(warn, line)
        self._check_later(timers)

    def _check_later(self, timers: Any) -> None:
        def check() -> None:
            self._writer.save(Batch()).addErrback(lambda failure: None)  # the files have warned
            self._check_later(timers)

        self._check = timers.callLater(CHECK_INTERVAL, check)

    def load(self) -> Saved:
        """Read the whole state; blocks, also until a running commit ends.

        Raises ``StoreError`` if it cannot be read, ``MisuseError`` after :meth:`close`.
        """
        if self._closing:
            raise MisuseError("the store is closed")
        try:
            with self._using:
                return tables.read(self._files.connection)
        except sqlite3.Error as error:
            raise StoreError(f"the state cannot be read: {error}") from error

    def save(self, batch: Batch) -> Deferred[None]:
        """Save ``batch`` in one transaction; the result fires in the order of the calls, when the batch is on disk.

        Fails with ``StoreWriteError`` (disk full, read-only) if no part of it was saved; the store remains usable. If
        cancelled before its commit begins, it is not saved and fails with ``CancelledError``; if cancelled later, it is
        saved and succeeds. Fails with ``MisuseError`` for a batch with wrong types, or after :meth:`close`.
        """
        if self._closing:
            return fail(MisuseError("the store is closed"))
        return self._writer.save(tables.copied(batch))

    def close(self) -> Deferred[None]:
        """Save the queued batches, then release the directory; fires when that is done, for every call."""
        if self._closed:
            return succeed(None)
        done: Deferred[None] = Deferred()
        self._waiting.append(done)
        if not self._closing:
            self._closing = True
            if self._check is not None and self._check.active():
                self._check.cancel()
            self._writer.stop(self._finish)
        return done

    def _finish(self) -> None:
        self._closed = True
        self._files.release()
        waiting, self._waiting = self._waiting, []
        for done in waiting:
            done.callback(None)
