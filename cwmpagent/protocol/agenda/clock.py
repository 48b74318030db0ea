"""Time and randomness as arguments: the protocol code has no clock and no random source of its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

ROUNDING = 1e-6
"""Seconds of the monotonic clock by which a timer may be early, because sums of floats are not exact."""


class Clocks(Protocol):
    """A monotonic clock for timeouts, and a wall clock for timestamps; in seconds."""

    def monotonic(self) -> float:
        """Seconds that never go backwards; they continue over a restart of the process, not over a boot."""

    def wall(self) -> float:
        """Seconds since 1970, from the clock of this machine."""

    def wall_trusted(self) -> bool:
        """Whether the wall clock may be reported to the ACS and used for the phase of periodic Informs."""


@dataclass(frozen=True, slots=True)
class Now:
    """One instant on both clocks, in seconds: ``monotonic`` for waits, ``wall`` (since 1970) for phases.

    ``wall`` is None while the wall clock is not trusted. ``monotonic`` continues over a restart of the process, but not
    over a boot.
    """

    monotonic: float
    wall: float | None

    @classmethod
    def read(cls, clock: Clocks) -> Now:
        """The instant that ``clock`` shows."""
        return cls(clock.monotonic(), clock.wall() if clock.wall_trusted() else None)

    def reached(self, moment: float) -> bool:
        """Whether ``moment`` (monotonic) is reached."""
        return self.monotonic >= moment - ROUNDING


class Chance(Protocol):
    """A source of random numbers, such as ``random.Random``."""

    def uniform(self, a: float, b: float, /) -> float:
        """Return a random number between ``a`` and ``b``."""
