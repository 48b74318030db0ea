"""The output of a program as lines for the log, so few that a program cannot fill it."""

from __future__ import annotations

from collections.abc import Callable

from cwmpagent.device.files.program import Lines
from cwmpagent.protocol.masking import without_userinfo

MOST = 60
"""Number of lines in a period."""
PERIOD = 60.0
"""Seconds."""


class ProgramOutput:
    """``log`` takes lines that begin with ``name``. ``seconds``: a clock that never steps back, in seconds.

    Lines above :data:`MOST` in a :data:`PERIOD` are left out; the next line that is not says how many they were.
    """

    def __init__(self, name: str, seconds: Callable[[], float], log: Callable[[str], object]) -> None:
        self._name = name
        self._seconds = seconds
        self._log = log
        self._began = seconds()
        self._count = 0

    def lines(self) -> Lines:
        """A protocol that cuts one stream of the program into lines for this log."""
        return Lines(self.add)

    def add(self, line: str) -> None:
        """Take a line."""
        now = self._seconds()
        if now - self._began >= PERIOD:
            self._say_skipped()
            self._began, self._count = now, 0
        self._count += 1
        if self._count <= MOST:
            self._log(f"{self._name}: {without_userinfo(line)}")

    def end(self) -> None:
        """The program has ended."""
        self._say_skipped()
        self._count = min(self._count, MOST)

    def _say_skipped(self) -> None:
        if self._count > MOST:
            self._log(f"{self._name}: {self._count - MOST} more lines are not logged")
