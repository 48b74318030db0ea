"""Commits on a thread of its own, so that no disk ever holds up the reactor.

What is queued while a commit is under way goes into the next one together: one wait for the disk for all of it. Each
batch has a savepoint there, so that one that fails takes no other with it; where the whole commit fails (a full disk),
each is tried again alone, in the same order.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import suppress
from enum import Enum, auto
from queue import Empty, SimpleQueue
from threading import Lock, Thread

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorFromThreads

from cwmpagent.errors import MisuseError, StoreWriteError
from cwmpagent.records import Batch
from cwmpagent.store import tables

GROUP = 256
"""Batches in one transaction at most."""


class _Stage(Enum):
    QUEUED = auto()
    COMMITTING = auto()
    WITHDRAWN = auto()


class Save(Deferred[None]):
    """Fires when its batch is on disk. It can be cancelled until its commit begins; after that it is saved."""

    def __init__(self, batch: Batch, turn: Lock) -> None:
        super().__init__()
        self.batch = batch
        self.error: Exception | None = None
        self._stage = _Stage.QUEUED
        self._turn = turn

    def cancel(self) -> None:
        """Withdraw the batch and fail with ``CancelledError``, unless it is too late."""
        if self.called or self._withdraw():
            super().cancel()

    def _withdraw(self) -> bool:
        with self._turn:
            if self._stage is _Stage.QUEUED:
                self._stage = _Stage.WITHDRAWN
        return self.withdrawn

    @property
    def withdrawn(self) -> bool:
        """Whether it was cancelled in time."""
        return self._stage is _Stage.WITHDRAWN

    def begin_commit(self) -> None:
        """From here on it cannot be withdrawn; the caller holds the turn."""
        self._stage = _Stage.COMMITTING


class Writer:
    """The thread, from the first save to :meth:`stop`. ``using`` is held whenever it uses ``connection``."""

    def __init__(self, connection: sqlite3.Connection, using: Lock, reactor: IReactorFromThreads) -> None:
        self._connection = connection
        self._using = using
        self._reactor = reactor
        self._turn = Lock()
        self._queue: SimpleQueue[Save | None] = SimpleQueue()
        self._thread: Thread | None = None
        self._stopped: Callable[[], None] = lambda: None

    def save(self, batch: Batch) -> Save:
        """Queue ``batch``, which must be a copy that nobody changes."""
        if self._thread is None:
            # A daemon: a reactor that ends without stop() must not hang; an unfinished commit is then as after kill -9.
            self._thread = Thread(target=self._run, name="cwmpagent store", daemon=True)
            self._thread.start()
        save = Save(batch, self._turn)
        self._queue.put(save)
        return save

    def stop(self, stopped: Callable[[], None]) -> None:
        """Commit what is queued, close the connection, end the thread, then call ``stopped`` in the reactor's."""
        self._stopped = stopped
        if self._thread is None:
            self._close()
            stopped()
        else:
            self._queue.put(None)

    def _close(self) -> None:
        with self._using, suppress(sqlite3.Error):
            self._connection.close()

    def _joined(self) -> None:
        if self._thread is not None:
            self._thread.join()
        self._stopped()

    def _run(self) -> None:
        going_on = True
        while going_on:
            saves, going_on = self._next_group()
            with self._using:
                self._commit(saves)
            self._reactor.callFromThread(_tell, [save for save in saves if not save.withdrawn])
        self._close()
        self._reactor.callFromThread(self._joined)

    def _next_group(self) -> tuple[list[Save], bool]:
        saves: list[Save] = []
        item = self._queue.get()
        with suppress(Empty):
            while item is not None:
                saves.append(item)
                if len(saves) == GROUP:
                    break
                item = self._queue.get_nowait()
        return saves, item is not None

    def _commit(self, saves: Sequence[Save]) -> None:
        remaining = [save for save in saves if not save.withdrawn]
        if not remaining:
            return
        try:
            committed = self._attempt(remaining)
        except Exception as error:
            self._roll_back()
            if len(remaining) == 1:
                remaining[0].error = error
            else:
                for save in remaining:
                    self._commit([save])
        else:
            if not committed:
                self._commit(remaining)

    def _attempt(self, saves: Sequence[Save]) -> bool:
        """One transaction; ``False`` if one of them was cancelled in time, with nothing saved."""
        self._connection.execute("BEGIN IMMEDIATE")
        for save in saves:
            self._apply(save)
        with self._turn:
            unchanged = not any(save.withdrawn for save in saves)
            if unchanged:
                for save in saves:
                    save.begin_commit()
        self._connection.execute("COMMIT" if unchanged else "ROLLBACK")
        return unchanged

    def _apply(self, save: Save) -> None:
        save.error = None
        self._connection.execute("SAVEPOINT batch")
        try:
            for sql, rows in tables.statements(save.batch):
                self._connection.executemany(sql, rows)
        except Exception as error:
            save.error = error
            if not self._connection.in_transaction:  # SQLite gave up all of it
                raise
            self._connection.execute("ROLLBACK TO batch")
        self._connection.execute("RELEASE batch")

    def _roll_back(self) -> None:
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")


def _tell(saves: Sequence[Save]) -> None:
    for save in saves:
        if save.error is None:
            save.callback(None)
        elif isinstance(save.error, MisuseError):
            save.errback(save.error)
        else:
            failure = StoreWriteError(f"the change could not be saved: {save.error}")
            failure.__cause__ = save.error
            save.errback(failure)
