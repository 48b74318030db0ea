"""Limits in time of one attempt to transfer a file."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class Silence:
    """Ends a transfer after ``silence`` seconds without an octet, or after ``seconds`` in all (a drip)."""

    def __init__(self, reactor: Any, silence: float, seconds: float) -> None:
        self._reactor = reactor
        self._silence = silence
        self._seconds = seconds
        self._timers: list[Any] = []
        self.reason = ""

    def begin(self, cut: Callable[[str], object]) -> None:
        """Call ``cut`` with a sentence when a limit is reached; it is kept as ``reason``."""

        def reached(reason: str) -> None:
            self.reason = reason
            cut(reason)

        silent = f"nothing was transferred for {self._silence:g} s"
        late = f"the transfer took longer than {self._seconds:g} s"
        self._timers = [
            self._reactor.callLater(self._silence, reached, silent),
            self._reactor.callLater(self._seconds, reached, late),
        ]

    def over(self) -> None:
        """Octets were transferred: the silence is over, and another one begins."""
        if self._timers and self._timers[0].active():
            self._timers[0].reset(self._silence)

    def end(self) -> None:
        """Forget the limits."""
        timers, self._timers = self._timers, []
        for timer in timers:
            if timer.active():
                timer.cancel()
