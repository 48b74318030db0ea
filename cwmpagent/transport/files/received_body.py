"""The body of a response, written to a file as it arrives (bounded in size, time and silence)."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from twisted.web.client import ResponseDone
from twisted.web.http import PotentialDataLoss

from cwmpagent.errors import TransferFailure
from cwmpagent.protocol.transfers import failures
from cwmpagent.protocol.transfers.file import FileDownload, Progress

SPACE_CHECKED = 1 << 24
"""Octets between two checks of the free space."""
SPACE_LEFT = 1 << 20
"""Octets of the file system that a download leaves free."""
TOLD_EVERY = 1.0
"""Seconds between two calls of ``progress``."""


def free_space(path: str) -> int:
    """Octets that this user can still write beside ``path``."""
    return shutil.disk_usage(Path(path).parent).free


class ReceivedBody(Protocol):
    """Writes the body to ``file.path``, behind its octets at ``begin``.

    ``begin``: the state of the transfer when the response begins, with the octets that are kept.
    ``done`` fires when the body is complete, and errbacks with a TransferFailure; the octets that were received are
    kept. ``alive`` is called with each piece.
    """

    def __init__(
        self,
        file: FileDownload,
        begin: Progress,
        told: Callable[[Progress], None],
        alive: Callable[[], None],
        monotonic: Callable[[], float],
        free: Callable[[str], int],
    ) -> None:
        self.done: Deferred[None] = Deferred(lambda _: self.abort())
        self._file = file
        self.octets = begun = begin.octets
        self._begin = begin
        self._told = told
        self._alive = alive
        self._monotonic = monotonic
        self._free = free
        self._told_at = monotonic()
        self._check_space_at = begun
        self._failure: TransferFailure | None = None
        # Unbuffered: what has been received is in the file, whatever happens to this process.
        self._output: Any = Path(file.path).open("r+b" if begun else "wb", buffering=0)  # noqa: SIM115 (closed below)
        self._output.seek(begun)
        self._output.truncate()

    def dataReceived(self, data: bytes) -> None:
        """Write one piece."""
        if self._failure is not None:
            return
        self._alive()
        try:
            self._check(len(data))
            view = memoryview(data)
            while view:
                view = view[self._output.write(view) :]
        except TransferFailure as failure:
            self._fail(failure)
            return
        except OSError as error:
            self._fail(_unwritable(error))
            return
        self.octets += len(data)
        now = self._monotonic()
        if now - self._told_at >= TOLD_EVERY:
            self._told_at = now
            self._told(replace(self._begin, octets=self.octets))

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """End the body."""
        self._output.close()
        if self.done.called:
            return
        if self._failure is None and not isinstance(reason.value, ResponseDone | PotentialDataLoss):
            self._failure = failures.broken_off(f"the connection was lost after {self.octets} octets")
        if self._failure is not None:
            self.done.errback(self._failure)
        else:
            self.done.callback(None)

    def abort(self) -> None:
        """Close the connection."""
        transport: Any = self.transport
        if transport is not None:
            transport.loseConnection()

    def fail(self, failure: TransferFailure) -> None:
        """End the transfer with ``failure``."""
        self._fail(failure)

    def _fail(self, failure: TransferFailure) -> None:
        if self._failure is None:
            self._failure = failure
            self.abort()
            if not self.done.called:
                self._output.close()
                self.done.errback(failure)

    def _check(self, more: int) -> None:
        octets = self.octets + more
        if octets > self._file.most:
            raise failures.other(f"the file has more than the {self._file.most} octets allowed", permanent=True)
        if self._file.size and octets > self._file.size:
            raise failures.corrupt(f"the file has more octets than the {self._file.size} announced")
        if octets >= self._check_space_at:
            self._check_space_at = octets + SPACE_CHECKED
            if self._free(self._file.path) < SPACE_LEFT + more:
                raise _unwritable(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))


def _unwritable(error: OSError) -> TransferFailure:
    return failures.other(f"the file cannot be written: {error.strerror}")
