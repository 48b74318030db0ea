"""Commit of several batches in one transaction; each batch is saved completely or not at all, independently.

Each batch has a savepoint, so that a failing batch does not affect the others. If the whole commit fails (disk full),
each batch is retried alone, in the same order.
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
    """Deferred that fires when its batch is on disk. It can be cancelled until the commit begins.

    ``turn``: the lock that protects the decision between cancellation and commit; ``error``: the exception of the last
    attempt to save the batch, ``None`` if it succeeded.
    """

    def __init__(self, batch: Batch, turn: Lock) -> None:
        super().__init__()
        self.batch = batch
        self.turn = turn
        self.error: Exception | None = None
        self._stage = _Stage.QUEUED

    def cancel(self) -> None:
        """Withdraw the batch and fail with ``CancelledError``; no effect after the commit has begun."""
        with self.turn:
            if self._stage is _Stage.QUEUED:
                self._stage = _Stage.WITHDRAWN
        if self.called or self.withdrawn:
            super().cancel()

    @property
    def withdrawn(self) -> bool:
        """Whether it was cancelled before the commit."""
        return self._stage is _Stage.WITHDRAWN

    def begin_commit(self) -> None:
        """Mark the batch as being committed, so that it cannot be withdrawn; the caller holds ``turn``."""
        self._stage = _Stage.COMMITTING


def commit(connection: sqlite3.Connection, saves: Sequence[Save], turn: Lock) -> None:
    """Save the batches that are not withdrawn, in this order; an exception is stored in :attr:`Save.error`."""
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
    """Save all in one transaction; returns ``False``, with nothing saved, if one was cancelled before the commit."""
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
        if not connection.in_transaction:  # SQLite rolled back the whole transaction
            raise
        connection.execute("ROLLBACK TO batch")
    connection.execute("RELEASE batch")
