"""A file that is written in threads while it arrives: a slow disk holds up nothing but its own transfer."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

SPACE_CHECKED = 1 << 24
"""Octets between two checks of the free space."""
SPACE_LEFT = 1 << 20
"""Octets of the file system that a download leaves free."""
_TOGETHER = 1 << 18
"""Octets that are collected before they are written."""
_MOST_WAITING = 1 << 20
"""Octets that wait while others are written, before :attr:`WrittenFile.full` is set."""
_MOST_PIECES = 512
"""Pieces in one call of the system."""


class WrittenFile:
    """Written to ``path`` behind its octets ``begun``; what was behind them is dropped. Raises OSError.

    ``elsewhere`` runs a function in a thread. ``free`` returns the free octets of the file system of a path; it is
    called in a thread. ``written`` is called after each write, and ``failed`` once, after the first that fails.
    """

    def __init__(
        self,
        path: str,
        begun: int,
        *,
        elsewhere: Callable[[Callable[[], None]], Deferred[None]],
        free: Callable[[str], int],
        written: Callable[[], None],
        failed: Callable[[OSError], None],
    ) -> None:
        self._path = path
        self._elsewhere = elsewhere
        self._free = free
        self._on_written = written
        self._on_failed = failed
        self._waiting: list[bytes] = []
        self._octets = 0
        self._busy = False
        self._ended: Callable[[], None] | None = None
        self._unchecked = SPACE_CHECKED
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.ftruncate(self._descriptor, begun)
            os.lseek(self._descriptor, begun, os.SEEK_SET)
        except OSError:
            os.close(self._descriptor)
            raise

    @property
    def full(self) -> bool:
        """Whether so much waits that no more should come before ``written`` is called."""
        return self._octets >= _MOST_WAITING

    def add(self, data: bytes) -> None:
        """Append ``data``; it is written together with what comes next."""
        self._waiting.append(data)
        self._octets += len(data)
        if self._octets >= _TOGETHER:
            self.flush()

    def flush(self) -> None:
        """Begin to write what has been added."""
        if self._busy or not self._waiting:
            return
        pieces, octets = self._waiting, self._octets
        self._waiting, self._octets = [], 0
        self._busy = True
        self._elsewhere(lambda: self._write(pieces, octets)).addCallbacks(self._done, self._not_done)

    def close(self, ended: Callable[[], None]) -> None:
        """Write the rest, close the file, and call ``ended``. Nothing is added afterwards; to be called once."""
        self._ended = ended
        self._go_on()

    def _go_on(self) -> None:
        if self._ended is None:
            return
        self.flush()
        if not self._busy:
            ended, self._ended = self._ended, None
            os.close(self._descriptor)
            ended()

    def _done(self, result: None) -> None:
        self._busy = False
        self._on_written()
        self._go_on()

    def _not_done(self, failure: Failure) -> None:
        self._busy = False
        self._waiting, self._octets = [], 0
        error = failure.value
        self._on_failed(error if isinstance(error, OSError) else OSError(errno.EIO, str(error)))
        self._go_on()

    def _write(self, pieces: list[bytes], octets: int) -> None:
        """Runs in a thread. Raises OSError."""
        self._unchecked += octets
        if self._unchecked >= SPACE_CHECKED:
            self._unchecked = 0
            if self._free(self._path) < SPACE_LEFT + octets:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        views = [memoryview(piece) for piece in pieces]
        while views:
            count = os.writev(self._descriptor, views[:_MOST_PIECES])
            done = 0
            while done < len(views) and count >= len(views[done]):
                count -= len(views[done])
                done += 1
            del views[:done]
            if count:
                views[0] = views[0][count:]
