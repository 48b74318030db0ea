"""A file that is written while it arrives, and brought to the disk in threads.

A write fills memory of the system and does not wait for the disk as long as little is in that memory. So what has been
written is synchronised piece by piece, and a disk that is slower than the network slows the transfer, not the reactor,
and not the others that wait for the same disk.
"""

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
_TOGETHER = 1 << 21
"""Octets that are synchronised together."""
_MOST_UNSAFE = 1 << 22
"""Octets that are not on the disk, before :attr:`WrittenFile.full` is set."""


class WrittenFile:
    """Written to ``path`` behind its octets ``begun``; what was behind them is dropped. Raises OSError.

    ``elsewhere`` runs a function in a thread. ``free`` returns the free octets of the file system of a path.
    ``synced`` is called after each synchronisation, and ``failed`` after one that fails.
    """

    def __init__(
        self,
        path: str,
        begun: int,
        *,
        elsewhere: Callable[[Callable[[], None]], Deferred[None]],
        free: Callable[[str], int],
        synced: Callable[[], None],
        failed: Callable[[OSError], None],
    ) -> None:
        self._path = path
        self._elsewhere = elsewhere
        self._free = free
        self._on_synced = synced
        self._on_failed = failed
        self._unsafe = 0
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
        """Whether no more should be written before ``synced`` is called."""
        return self._unsafe >= _MOST_UNSAFE

    def write(self, data: bytes) -> None:
        """Append ``data``: it is in the file, whatever happens to this process. Raises OSError."""
        octets = len(data)
        self._unchecked += octets
        if self._unchecked >= SPACE_CHECKED:
            self._unchecked = 0
            if self._free(self._path) < SPACE_LEFT + octets:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        written = os.write(self._descriptor, data)
        while written < octets:
            written += os.write(self._descriptor, data[written:])
        self._unsafe += octets
        if self._unsafe >= _TOGETHER and not self._busy:
            self._sync()

    def close(self, ended: Callable[[], None]) -> None:
        """Close the file, and call ``ended``. It is to be called once, and nothing is written afterwards."""
        self._ended = ended
        self._go_on()

    def _sync(self) -> None:
        octets = self._unsafe

        def done(result: None) -> None:
            self._busy = False
            self._unsafe -= octets
            self._on_synced()
            self._go_on()

        def not_done(failure: Failure) -> None:
            self._busy = False
            error = failure.value
            self._on_failed(error if isinstance(error, OSError) else OSError(errno.EIO, str(error)))
            self._go_on()

        self._busy = True
        self._elsewhere(lambda: os.fdatasync(self._descriptor)).addCallbacks(done, not_done)

    def _go_on(self) -> None:
        if self._busy:
            return
        if self._ended is not None:
            ended, self._ended = self._ended, None
            os.close(self._descriptor)
            ended()
        elif self._unsafe >= _TOGETHER:
            self._sync()
