"""Commits in a separate thread, so that disk access does not block the reactor.

Batches that are queued during a commit are saved together by the next commit, with a single flush to disk.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from queue import Empty, SimpleQueue
from threading import Lock, Thread

from twisted.internet.interfaces import IReactorFromThreads

from cwmpagent.errors import MisuseError, StoreError, StoreWriteError
from cwmpagent.records import Batch
from cwmpagent.store.commit import Save, commit
from cwmpagent.store.files import StateFiles

GROUP = 256
"""Maximum number of batches in one transaction."""


class Writer:
    """Writer thread, from the first save to :meth:`stop`; it holds ``using`` while it uses ``files``."""

    def __init__(self, files: StateFiles, using: Lock, reactor: IReactorFromThreads) -> None:
        self._files = files
        self._using = using
        self._reactor = reactor
        self._turn = Lock()
        self._queue: SimpleQueue[Save | None] = SimpleQueue()
        self._thread: Thread | None = None
        self._stopped: Callable[[], None] = lambda: None

    def save(self, batch: Batch) -> Save:
        """Queue ``batch``, which must not be changed afterwards."""
        if self._thread is None:
            # A daemon thread: the process can end without stop(), and an unfinished commit is then as after kill -9.
            self._thread = Thread(target=self._run, name="cwmpagent store", daemon=True)
            self._thread.start()
        save = Save(batch, self._turn)
        self._queue.put(save)
        return save

    def stop(self, stopped: Callable[[], None]) -> None:
        """Commit the queue, close the connection, end the thread, then call ``stopped`` in the reactor thread."""
        self._stopped = stopped
        if self._thread is None:
            self._close()
            stopped()
        else:
            self._queue.put(None)

    def _run(self) -> None:
        running = True
        while running:
            saves, running = self._next_group()
            with self._using:
                self._commit(saves)
            self._reactor.callFromThread(_fire, saves)
        self._close()
        self._reactor.callFromThread(self._join)

    def _commit(self, saves: Sequence[Save]) -> None:
        if not saves:
            return
        try:
            self._files.check()
        except StoreError as error:
            for save in saves:
                save.error = error
            return
        commit(self._files.connection, saves, self._turn)

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
        with self._using:
            self._files.close()

    def _join(self) -> None:
        if self._thread is not None:
            self._thread.join()
        self._stopped()


def _fire(saves: Sequence[Save]) -> None:
    for save in saves:  # a cancelled Deferred ignores the first result: it has no canceller
        if save.error is None:
            save.callback(None)
        elif isinstance(save.error, MisuseError):
            save.errback(save.error)
        else:
            failure = StoreWriteError(f"the change could not be saved: {save.error}")
            failure.__cause__ = save.error
            save.errback(failure)
