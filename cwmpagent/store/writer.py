"""Commits on a thread of its own, so that no disk ever holds up the reactor.

What is queued while a commit is under way goes into the next one together: one wait for the disk for all of it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import suppress
from queue import Empty, SimpleQueue
from threading import Lock, Thread

from twisted.internet.interfaces import IReactorFromThreads

from cwmpagent.errors import MisuseError, StoreWriteError
from cwmpagent.records import Batch
from cwmpagent.store.commit import Save, commit

GROUP = 256
"""Batches in one transaction at most."""


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

    def _run(self) -> None:
        going_on = True
        while going_on:
            saves, going_on = self._next_group()
            with self._using:
                commit(self._connection, saves, self._turn)
            self._reactor.callFromThread(_tell, saves)
        self._close()
        self._reactor.callFromThread(self._join)

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

    def _close(self) -> None:
        with self._using, suppress(sqlite3.Error):
            self._connection.close()

    def _join(self) -> None:
        if self._thread is not None:
            self._thread.join()
        self._stopped()


def _tell(saves: Sequence[Save]) -> None:
    for save in saves:  # one that was cancelled ignores it: it has no canceller
        if save.error is None:
            save.callback(None)
        elif isinstance(save.error, MisuseError):
            save.errback(save.error)
        else:
            failure = StoreWriteError(f"the change could not be saved: {save.error}")
            failure.__cause__ = save.error
            save.errback(failure)
