"""The machine's two clocks."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime

BUILT = datetime(2026, 11, 1, tzinfo=UTC).timestamp()
"""No later than this release: a wall clock that shows less has never been set."""


@dataclass(frozen=True, slots=True)
class SystemClock:
    """The kernel's monotonic clock for waits, and its wall clock for stamps.

    A device without a battery wakes up in 1970, or at the date of its image, until something sets the clock: the wall
    is trusted from the moment it shows a time after ``built`` (seconds since 1970).
    """

    built: float = BUILT

    def monotonic(self) -> float:
        """Seconds that only go forward, also over a restart of the process."""
        return time.monotonic()

    def wall(self) -> float:
        """Seconds since 1970."""
        return time.time()

    def wall_trusted(self) -> bool:
        """Whether the wall clock has been set."""
        return time.time() > self.built

    def utc_offset(self) -> int:
        """Seconds that local time is ahead of UTC now."""
        return time.localtime().tm_gmtoff
