"""The file of a download, whatever the protocol: its size, the space for it, and its way to the disk."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThreadPool

from cwmpagent.errors import TransferFailure
from cwmpagent.protocol.transfers import failures
from cwmpagent.protocol.transfers.file import FileDownload, Progress
from cwmpagent.transport.files.limits import Silence
from cwmpagent.transport.files.received_body import ReceivedBody
from cwmpagent.transport.files.written_file import SPACE_LEFT

_PAUSE = 0.05
"""Seconds between two pieces of a download while something urgent is under way."""


def size_of(path: str) -> int:
    """Octets of the file; 0 where there is none."""
    try:
        return Path(path).stat().st_size
    except OSError:
        return 0


def check_total(file: FileDownload, total: int) -> None:
    """Compare what the server says with what ``file`` allows; 0: it does not say. Raises TransferFailure."""
    if file.size and total and total != file.size:
        raise failures.corrupt(f"the file has {total} octets, and its FileSize is {file.size}")
    if total > file.most:
        raise failures.other(f"the file has {total} octets; at most {file.most} are allowed", permanent=True)


def check_space(file: FileDownload, begin: Progress, free: Callable[[str], int]) -> None:
    """Check that there is space for the rest of the file. Raises TransferFailure."""
    needed = max(begin.total, file.size) - begin.octets
    try:
        space = free(file.path)
    except OSError as error:
        raise TransferFailure(9002, f"the spool directory cannot be used: {error.strerror}") from error
    if needed + SPACE_LEFT > space:
        raise failures.other(f"the file needs {needed} octets, and {space} are free")


def check_whole(file: FileDownload, total: int, octets: int) -> None:
    """Check that ``octets`` are the whole file of ``total`` octets (0: unknown). Raises TransferFailure."""
    expected = file.size or total
    if expected and octets < expected:
        raise failures.broken_off(f"{octets} of {expected} octets were received")
    if not octets:
        raise failures.corrupt("the file is empty")


def in_thread(reactor: Any) -> Callable[[Callable[[], None]], Deferred[None]]:
    """A function that runs another one in a thread of ``reactor``."""
    return partial(deferToThreadPool, reactor, reactor.getThreadPool())


@dataclass(frozen=True, slots=True)
class Reception:
    """Settings with which a client receives files.

    ``silence``: seconds without an octet after which a transfer is cut. ``free``: free octets of the file system of a
    path. While ``urgent`` returns True, downloads leave the reactor to others for most of the time.
    """

    reactor: Any
    monotonic: Callable[[], float]
    silence: float
    free: Callable[[str], int]
    urgent: Callable[[], bool]

    def begin(
        self, file: FileDownload, begin: Progress, progress: Callable[[Progress], None]
    ) -> tuple[ReceivedBody, Silence]:
        """The body that receives the rest of ``file``, and its limits of time, which run. Raises TransferFailure."""
        silence = Silence(self.reactor, self.silence, file.seconds)
        bounded = replace(file, size=file.size or begin.total)
        elsewhere = in_thread(self.reactor)
        try:
            body = ReceivedBody(
                bounded, begin, progress, silence.over, self.monotonic, self.free, elsewhere, self._give_way
            )
        except OSError as error:
            raise failures.other(f"the file cannot be written: {error.strerror}") from error
        silence.begin(lambda reason: body.fail(failures.broken_off(reason)))
        return body, silence

    def _give_way(self, go_on: Callable[[], None]) -> Any:
        return self.reactor.callLater(_PAUSE, go_on) if self.urgent() else None


async def to_disk(reactor: Any, path: str) -> None:
    """Let the file and its name survive a loss of power. Raises TransferFailure."""
    try:
        await in_thread(reactor)(lambda: _sync(path))
    except OSError as error:
        raise failures.other(f"the file cannot be written: {error.strerror}") from error


def _sync(path: str) -> None:
    for name in (path, str(Path(path).parent)):
        descriptor = os.open(name, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
