"""One run of a program: its own process group, its output line by line, and an end within a time limit."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import IO, Any, cast

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorFDSet, IReactorTime, IReadDescriptor
from twisted.python.failure import Failure
from zope.interface import implementer

GRACE = 10.0
"""Seconds from SIGTERM to SIGKILL."""
CHUNK = 1 << 16
"""Maximum number of octets that are read at once."""
MOST_LINES = 1000
"""Number of lines after which a program counts as one that floods its output: most of its lines are skipped."""
LAST_LINES = 20
"""Number of lines of each piece that are passed on then."""
LONGEST_LINE = 300
"""Maximum number of characters of a line; the rest of it is left out."""


@dataclass(frozen=True, slots=True)
class Ending:
    """The end of a program. ``status``: its exit status, or the negative number of the signal that ended it."""

    status: int
    timed_out: bool = False


class Program:
    """A running program; ``line`` is called with each line of its standard output and error output.

    It is started without a shell in a session and process group of its own, with an empty standard input. After
    ``seconds`` the group gets SIGTERM, and :data:`GRACE` seconds later SIGKILL. What the program leaves running in the
    background when it ends by itself goes on. ``longest``: maximum number of characters of a line. Raises OSError where
    it cannot be started.
    """

    def __init__(
        self,
        reactor: Any,
        arguments: Sequence[str],
        environ: Mapping[str, str],
        *,
        seconds: float,
        line: Callable[[str], object],
        longest: int = LONGEST_LINE,
    ) -> None:
        self._clock = cast(IReactorTime, reactor)
        self._lines = Lines(line, longest)
        self._timed_out = False
        self._waiting: list[Deferred[Ending]] = []
        self._ending: Ending | None = None
        self._process = subprocess.Popen(
            list(arguments),
            env=dict(environ),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            bufsize=0,
            start_new_session=True,
        )
        output = cast(IO[bytes], self._process.stdout)
        os.set_blocking(output.fileno(), False)
        try:
            descriptor = os.pidfd_open(self._process.pid)
        except OSError:  # no descriptor is left
            self._signal(signal.SIGKILL)
            self._process.wait()
            output.close()
            raise
        self._output = _Readable(cast(IReactorFDSet, reactor), output.fileno(), self._read)
        self._end = _Readable(cast(IReactorFDSet, reactor), descriptor, self._ended)
        self._timer = self._clock.callLater(seconds, self._time_is_up)

    def wait(self) -> Deferred[Ending]:
        """Fires when the program has ended. Cancellation leaves the program running."""
        waiting: Deferred[Ending] = Deferred()
        if self._ending is not None:
            waiting.callback(self._ending)
        else:
            self._waiting.append(waiting)
        return waiting

    @property
    def skipped(self) -> int:
        """Number of lines of a flood that ``line`` did not get."""
        return self._lines.skipped

    def stop(self) -> None:
        """End the program: SIGTERM now, SIGKILL after :data:`GRACE` seconds."""
        if self._ending is None:
            self._signal(signal.SIGTERM)
            if self._timer.active():
                self._timer.cancel()
            self._timer = self._clock.callLater(GRACE, self._signal, signal.SIGKILL)

    def _time_is_up(self) -> None:
        self._timed_out = True
        self.stop()

    def _signal(self, number: int) -> None:
        if self._process.returncode is not None:
            return
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, number)  # not reaped yet, so that the number is still that of this group

    def _read(self) -> None:
        """Read one piece, so that other work of the reactor goes on beside a program that writes much."""
        try:
            data = os.read(self._output.fileno(), CHUNK)
        except BlockingIOError:
            return
        if data:
            self._lines.add(data)
        else:
            self._output.stop()

    def _ended(self) -> None:
        status = self._process.poll()
        if status is None:
            return
        if not self._output.stopped:
            self._read()  # a pipe holds at most 64 KiB, unless something in the background still writes
        self._output.stop()
        self._end.stop()
        # Later, because the reactor may have more events of this turn: not for another file with the same number.
        self._clock.callLater(0.0, self._close, status)

    def _close(self, status: int) -> None:
        os.close(self._end.fileno())
        cast(IO[bytes], self._process.stdout).close()
        if self._timer.active():
            self._timer.cancel()
        self._lines.end()
        self._ending = Ending(status, self._timed_out)
        waiting, self._waiting = self._waiting, []
        for one in waiting:
            if not one.called:
                one.callback(self._ending)


class Lines:
    """Cuts octets into lines of printable text, of which ``line`` gets each that is not empty.

    After :data:`MOST_LINES` it gets only the last :data:`LAST_LINES` of each piece; ``skipped`` counts the others.
    """

    def __init__(self, line: Callable[[str], object], longest: int = LONGEST_LINE) -> None:
        self._line = line
        self._longest = longest
        self._begun = b""
        self._count = 0
        self.skipped = 0

    def add(self, data: bytes) -> None:
        """Take a piece of the output."""
        first, *others = data.replace(b"\r", b"\n").split(b"\n")
        self._begun = (self._begun + first)[: 4 * self._longest]
        surplus = 0 if self._count < MOST_LINES else max(0, len(others) - LAST_LINES)
        self.skipped += surplus
        if surplus:
            self._begun = others[surplus - 1][: 4 * self._longest]
        for other in others[surplus:]:
            self.end()
            self._begun = other[: 4 * self._longest]

    def end(self) -> None:
        """Pass on the line that has begun."""
        text = self._begun.decode(errors="replace").strip()
        self._begun = b""
        self._count += 1
        if text:
            text = "".join(letter if letter.isprintable() else " " for letter in text[: self._longest])
            self._line(text)


@implementer(IReadDescriptor)
class _Readable:
    """A descriptor that the reactor watches: ``read`` is called while it is readable. It is not closed here."""

    def __init__(self, reactor: IReactorFDSet, descriptor: int, read: Callable[[], None]) -> None:
        self._reactor = reactor
        self._descriptor = descriptor
        self._read = read
        self.stopped = False
        reactor.addReader(self)

    def fileno(self) -> int:
        """The descriptor."""
        return self._descriptor

    def logPrefix(self) -> str:
        """The name under which Twisted logs an error."""
        return type(self).__name__

    def doRead(self) -> None:
        """Called by the reactor."""
        self._read()

    def connectionLost(self, reason: Failure) -> None:
        """Called by the reactor where the other side of a pipe has closed it, and at the end of this process."""
        self.stop()

    def stop(self) -> None:
        """Stop watching."""
        if not self.stopped:
            self.stopped = True
            self._reactor.removeReader(self)
