"""What the pure core is given in place of a clock and of chance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

ROUNDING = 1e-6
"""Seconds of the monotonic clock that a timer may be early only because sums of floats are not exact."""


class Clocks(Protocol):
    """Two clocks of a machine, in seconds: one for waits, one for phases and stamps."""

    def monotonic(self) -> float:
        """Seconds that only go forward."""

    def wall(self) -> float:
        """Seconds since 1970."""

    def wall_trusted(self) -> bool:
        """Whether :meth:`wall` may be used for phases and stamps."""


@dataclass(frozen=True, slots=True)
class Now:
    """One instant on both clocks, in seconds: ``monotonic`` for waits, ``wall`` (since 1970) for phases.

    ``wall`` is None while it is not to be trusted. ``monotonic`` goes on over a restart of the process, not a boot.
    """

    monotonic: float
    wall: float | None

    @classmethod
    def read(cls, clock: Clocks) -> Now:
        """The instant that ``clock`` shows."""
        return cls(clock.monotonic(), clock.wall() if clock.wall_trusted() else None)

    def reached(self, moment: float) -> bool:
        """Whether the monotonic ``moment`` has come."""
        return self.monotonic >= moment - ROUNDING


class Chance(Protocol):
    """Where randomness comes from; a ``random.Random`` is one."""

    def uniform(self, a: float, b: float, /) -> float:
        """A number between ``a`` and ``b``."""
