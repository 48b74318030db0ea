"""Clocks of the machine."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime

BUILT = datetime(2026, 11, 1, tzinfo=UTC).timestamp()
"""Time before this release, in seconds since 1970; a wall clock below it has never been set."""


@dataclass(frozen=True, slots=True)
class SystemClock:
    """Monotonic clock of the kernel for delays, and its wall clock for time stamps.

    Without a battery-backed clock, a device starts in 1970 or at the date of its image until the clock is set. The wall
    clock is therefore trusted only if it is after ``built`` (seconds since 1970).
    """

    built: float = BUILT

    def monotonic(self) -> float:
        """Seconds of a clock that never goes back, and that continues over a restart of the process."""
        return time.monotonic()

    def wall(self) -> float:
        """Seconds since 1970."""
        return time.time()

    def wall_trusted(self) -> bool:
        """Whether the wall clock has been set."""
        return time.time() > self.built

    def utc_offset(self) -> int:
        """Present offset of local time from UTC in seconds, positive east of UTC."""
        return time.localtime().tm_gmtoff
