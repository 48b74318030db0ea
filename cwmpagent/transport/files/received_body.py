"""The body of a response, written to a file as it arrives (bounded in size, time and silence)."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import suppress
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
from cwmpagent.transport.files.written_file import WrittenFile

TOLD_EVERY = 1.0
"""Seconds between two calls of ``progress``."""


def free_space(path: str) -> int:
    """Octets that this user can still write beside ``path``."""
    return shutil.disk_usage(Path(path).parent).free


class ReceivedBody(Protocol):
    """Writes the body to ``file.path``, behind its octets at ``begin``. Raises OSError where it cannot be opened.

    ``begin``: the state of the transfer when the response begins, with the octets that are kept.
    ``done`` fires when the body is complete, and errbacks with a TransferFailure; the octets that were received are
    kept, except where the file cannot be written: what is there is of no use, and others need the space. ``closed``
    fires, after a cancellation too, when the file is closed. ``alive`` is called with each piece. ``give_way`` is
    called with each piece, and returns a timer where the transfer waits until it calls its argument. ``elsewhere`` and
    ``free``: as for :class:`~cwmpagent.transport.files.written_file.WrittenFile`.
    """

    def __init__(
        self,
        file: FileDownload,
        begin: Progress,
        told: Callable[[Progress], None],
        alive: Callable[[], None],
        monotonic: Callable[[], float],
        free: Callable[[str], int],
        elsewhere: Callable[[Callable[[], None]], Deferred[None]],
        give_way: Callable[[Callable[[], None]], Any],
    ) -> None:
        self.done: Deferred[None] = Deferred(lambda _: self._cancel())
        self.closed: Deferred[None] = Deferred()
        self._file = file
        self.octets = begun = begin.octets
        self._begin = begin
        self._told = told
        self._alive = alive
        self._monotonic = monotonic
        self._told_at = monotonic()
        self._failure: TransferFailure | None = None
        self._give_way = give_way
        self._useless = False
        self._waits: Any = None
        self._paused = False
        self._ending = False
        self._cancelled = False
        self._output = WrittenFile(
            file.path, begun, elsewhere=elsewhere, free=free, synced=self._go_on, failed=self._unwritable
        )

    def dataReceived(self, data: bytes) -> None:
        """Take one piece."""
        if self._ending:
            return
        self._alive()
        refusal = self._refusal(self.octets + len(data))
        if refusal is not None:
            self.fail(refusal)
            return
        try:
            self._output.write(data)
        except OSError as error:
            self._unwritable(error)
            return
        self.octets += len(data)
        if not self._paused:
            self._waits = self._give_way(self._waited)
            if self._waits is not None or self._output.full:
                self._paused = True
                self._connection.pauseProducing()
        now = self._monotonic()
        if now - self._told_at >= TOLD_EVERY:
            self._told_at = now
            self._told(replace(self._begin, octets=self.octets))

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """End the body."""
        if not self._ending and not isinstance(reason.value, ResponseDone | PotentialDataLoss):
            self._failure = failures.broken_off(f"the connection was lost after {self.octets} octets")
        self._end()

    def fail(self, failure: TransferFailure) -> None:
        """End the transfer with ``failure``."""
        if not self._ending:
            self._failure = failure
            self._end()

    @property
    def _connection(self) -> Any:
        return self.transport

    def _end(self) -> None:
        """Close the connection and the file; then ``done`` fires."""
        if self._ending:
            return
        self._ending = True
        if self._waits is not None:
            self._waits.cancel()
        if self._connection is not None:
            self._connection.resumeProducing()  # the end of TLS is an exchange
            self._connection.loseConnection()
        self._output.close(self._ended)

    def _cancel(self) -> None:
        self._cancelled = True
        self._end()

    def _ended(self) -> None:
        if self._useless:
            with suppress(OSError):
                Path(self._file.path).unlink()
        self.closed.callback(None)
        if self._cancelled:
            return
        self._told(replace(self._begin, octets=self.octets))
        if self._failure is not None:
            self.done.errback(self._failure)
        else:
            self.done.callback(None)

    def _waited(self) -> None:
        self._waits = None
        self._go_on()

    def _go_on(self) -> None:
        if self._paused and not self._ending and self._waits is None and not self._output.full:
            self._paused = False
            self._alive()
            self._connection.resumeProducing()

    def _unwritable(self, error: OSError) -> None:
        self._useless = True
        self._failure = self._failure or failures.other(f"the file cannot be written: {error.strerror}")
        self._end()

    def _refusal(self, octets: int) -> TransferFailure | None:
        """Reason why the file must not have so many ``octets``; None if it may."""
        if octets > self._file.most:
            return failures.other(f"the file has more than the {self._file.most} octets allowed", permanent=True)
        if self._file.size and octets > self._file.size:
            return failures.corrupt(f"the file has more octets than the {self._file.size} announced")
        return None
