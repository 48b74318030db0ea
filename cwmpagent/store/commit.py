"""One transaction for several batches, of which each is saved wholly or not at all, whatever becomes of the others.

Each batch has a savepoint, so that one that fails takes no other with it; where the whole commit fails (a full disk),
each is tried again alone, in the same order.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from enum import Enum, auto
from threading import Lock

from twisted.internet.defer import Deferred

from cwmpagent.records import Batch
from cwmpagent.store import tables


class _Stage(Enum):
    QUEUED = auto()
    COMMITTING = auto()
    WITHDRAWN = auto()


class Save(Deferred[None]):
    """Fires when its batch is on disk. It can be cancelled until its commit begins; after that it is saved.

    ``turn`` is the lock under which both sides decide that; ``error`` is why the last attempt to save it failed.
    """

    def __init__(self, batch: Batch, turn: Lock) -> None:
        super().__init__()
        self.batch = batch
        self.turn = turn
        self.error: Exception | None = None
        self._stage = _Stage.QUEUED

    def cancel(self) -> None:
        """Withdraw the batch and fail with ``CancelledError``, unless it is too late."""
        with self.turn:
            if self._stage is _Stage.QUEUED:
                self._stage = _Stage.WITHDRAWN
        if self.called or self.withdrawn:
            super().cancel()

    @property
    def withdrawn(self) -> bool:
        """Whether it was cancelled in time."""
        return self._stage is _Stage.WITHDRAWN

    def begin_commit(self) -> None:
        """From here on it cannot be withdrawn; the caller holds ``turn``."""
        self._stage = _Stage.COMMITTING


def commit(connection: sqlite3.Connection, saves: Sequence[Save], turn: Lock) -> None:
    """Save what is not withdrawn, in this order. Raises nothing: ``error`` of each says what became of it."""
    remaining = [save for save in saves if not save.withdrawn]
    if not remaining:
        return
    try:
        done = _attempt(connection, remaining, turn)
    except Exception as error:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        if len(remaining) == 1:
            remaining[0].error = error
        else:
            for save in remaining:
                commit(connection, [save], turn)
    else:
        if not done:
            commit(connection, remaining, turn)


def _attempt(connection: sqlite3.Connection, saves: Sequence[Save], turn: Lock) -> bool:
    """One transaction; ``False``, with nothing saved, if one of them was cancelled in time."""
    connection.execute("BEGIN IMMEDIATE")
    for save in saves:
        _apply(connection, save)
    with turn:
        unchanged = not any(save.withdrawn for save in saves)
        if unchanged:
            for save in saves:
                save.begin_commit()
    connection.execute("COMMIT" if unchanged else "ROLLBACK")
    return unchanged


def _apply(connection: sqlite3.Connection, save: Save) -> None:
    save.error = None
    connection.execute("SAVEPOINT batch")
    try:
        for sql, rows in tables.statements(save.batch):
            connection.executemany(sql, rows)
    except Exception as error:
        save.error = error
        if not connection.in_transaction:  # SQLite gave up all of it
            raise
        connection.execute("ROLLBACK TO batch")
    connection.execute("RELEASE batch")
