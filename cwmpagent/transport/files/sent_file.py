"""The body of an upload, read from a file as the connection takes it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IConsumer
from twisted.internet.task import Cooperator
from twisted.web.client import FileBodyProducer
from twisted.web.iweb import IBodyProducer
from zope.interface import implementer

from cwmpagent.protocol.transfers.file import Progress
from cwmpagent.transport.files.received_body import TOLD_EVERY

_PIECE = 1 << 18
"""Octets that are read at once."""


class Told:
    """The progress of an upload of ``total`` octets, told at most once a second."""

    def __init__(self, progress: Callable[[Progress], None], monotonic: Callable[[], float], total: int) -> None:
        self._progress = progress
        self._monotonic = monotonic
        self._total = total
        self._told_at = monotonic()

    def read(self, octets: int) -> None:
        """``octets`` of the file have been read."""
        now = self._monotonic()
        if now - self._told_at >= TOLD_EVERY:
            self._told_at = now
            self._progress(Progress(octets, self._total))


class _ReadFile:
    """A file that tells what is read from it."""

    def __init__(self, path: str, alive: Callable[[], None], told: Told) -> None:
        self._file: Any = Path(path).open("rb")  # noqa: SIM115 (closed by the producer)
        self._alive = alive
        self._told = told

    def read(self, size: int) -> bytes:
        data: bytes = self._file.read(size)
        self._alive()
        self._told.read(self._file.tell())
        return data

    def seek(self, offset: int, whence: int = 0) -> int:
        return int(self._file.seek(offset, whence))

    def tell(self) -> int:
        return int(self._file.tell())

    def close(self) -> None:
        self._file.close()


@implementer(IBodyProducer)
class SentFile:
    """The content of ``path``. ``alive`` is called with each piece. Raises OSError where it cannot be opened.

    ``whole``: whether all of it has been written.
    """

    def __init__(self, path: str, cooperator: Cooperator, alive: Callable[[], None], told: Told) -> None:
        file: Any = _ReadFile(path, alive, told)
        producer: Any = FileBodyProducer
        self._file = file
        self._producer: Any = producer(file, cooperator=cooperator, readSize=_PIECE)
        self.length: int = self._producer.length
        self.whole = False

    def startProducing(self, consumer: IConsumer) -> Deferred[None]:
        """Begin to write the file to ``consumer``."""

        def written(result: None) -> None:
            self.whole = True

        done: Deferred[None] = self._producer.startProducing(consumer)
        return done.addCallback(written)

    def pauseProducing(self) -> None:
        """Wait: the connection takes no more at present."""
        self._producer.pauseProducing()

    def resumeProducing(self) -> None:
        """Go on."""
        self._producer.resumeProducing()

    def stopProducing(self) -> None:
        """End, and close the file."""
        self._producer.stopProducing()

    def close(self) -> None:
        """Close the file of a transfer that did not begin, or has ended."""
        self._file.close()
