"""The phase of periodic Informs (PeriodicInformEnable, -Interval, -Time), also over steps of the wall clock.

With a reference time and a trusted wall clock a tick is due at each reference + n * interval. Otherwise the phase runs
on the monotonic clock and begins at random. Timers cannot wait for the wall clock, so it is checked every
:data:`CHECK_EVERY` seconds. After a step of the wall clock, the ticks that it skipped are lost, and the next tick is at
most one interval away.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import floor

from cwmpagent.protocol.agenda.clock import ROUNDING, Chance, Now
from cwmpagent.protocol.agenda.saved_json import SavedJson

CHECK_EVERY = 60.0
"""Seconds between two checks of the wall clock, where the phase depends on it."""

SLEW = 1.0
"""Largest drift in seconds of the wall clock between two checks; a larger difference is a step."""

_WALL_ROUNDING = 1e-3  # seconds; precision of sums of seconds since 1970


@dataclass(frozen=True, slots=True)
class Periodic:
    """Settings of the ACS: ``interval`` in seconds, ``reference`` in seconds since 1970, None for Unknown Time.

    An interval below 1 second, which the standard forbids, disables periodic Informs.
    """

    enabled: bool = False
    interval: int = 86400
    reference: float | None = None

    @property
    def ticks(self) -> bool:
        """Whether periodic Informs are enabled with a valid interval."""
        return self.enabled and self.interval >= 1


class PeriodicTicks:
    """The time of the next ``2 PERIODIC``."""

    def __init__(self, periodic: Periodic | None = None) -> None:
        self.periodic = periodic or Periodic()
        self._due: float | None = None  # monotonic time of the next tick
        self._due_wall: float | None = None  # the same on the wall clock, where the phase depends on it
        self._checked = 0.0  # monotonic time of the last check

    def configure(self, periodic: Periodic, now: Now, chance: Chance) -> None:
        """Apply new settings at once; equal ones change nothing."""
        if periodic != self.periodic:
            self.periodic = periodic
            self.start(now, chance)

    def start(self, now: Now, chance: Chance) -> None:
        """Restart the phase, as after a boot."""
        self._due = self._due_wall = None
        self._checked = now.monotonic
        if not self.periodic.ticks:
            return
        if self.periodic.reference is not None and now.wall is not None:
            self._arm(now.wall, now)
        else:
            self._due = now.monotonic + chance.uniform(0.0, float(self.periodic.interval))

    def ticked(self, now: Now) -> bool:
        """Whether a tick was due since the last call; several missed ones count as one."""
        if self._due is None:
            return False
        ticked = now.reached(self._due)
        if self.periodic.reference is not None and now.wall is not None:
            ticked = self._follow_wall(now.wall, now, ticked)
        elif ticked:
            self._due_wall = None
            late = floor((now.monotonic - self._due + ROUNDING) / self.periodic.interval)
            self._due += (late + 1) * self.periodic.interval
        self._checked = now.monotonic
        return ticked

    @property
    def due(self) -> float | None:
        """Monotonic time of the next tick as known now; None where there is none."""
        return self._due

    def next_check(self, now: Now) -> float | None:
        """Monotonic time of the next tick or check of the wall clock, whichever is first."""
        if self._due is None or self.periodic.reference is None:
            return self._due
        return min(self._due, now.monotonic + CHECK_EVERY)

    def _follow_wall(self, wall: float, now: Now, ticked: bool) -> bool:
        """Whether a tick was due; sets the next one by the wall clock."""
        if self._due_wall is None or self._due is None:  # the wall clock is trusted since now
            self._arm(wall, now)
            return ticked
        moved = (wall - now.monotonic) - (self._due_wall - self._due)
        if abs(moved) <= SLEW:
            ticked = wall >= self._due_wall - _WALL_ROUNDING
            if ticked:
                self._arm(max(wall, self._due_wall), now)
            else:
                self._due = now.monotonic + (self._due_wall - wall)
            return ticked
        checked_wall = wall - max(0.0, now.monotonic - self._checked)
        self._arm(checked_wall, now)
        if now.reached(self._due):  # the tick was between the step of the clock and this check
            ticked = True
            self._arm(wall, now)
        return ticked

    def _arm(self, after: float, now: Now) -> None:
        """Set the next tick to the first one after ``after`` on the wall clock."""
        assert now.wall is not None and self.periodic.reference is not None
        number = floor((after + _WALL_ROUNDING - self.periodic.reference) / self.periodic.interval) + 1
        self._due_wall = self.periodic.reference + number * self.periodic.interval
        self._due = now.monotonic + (self._due_wall - now.wall)

    def record(self) -> dict[str, object]:
        """Return the state for :meth:`restored` as JSON values."""
        return {
            "enabled": self.periodic.enabled,
            "interval": self.periodic.interval,
            "reference": self.periodic.reference,
            "due": self._due,
            "tick": self._due_wall,
            "seen": self._checked,
        }

    @classmethod
    def restored(cls, record: SavedJson, *, now: Now, chance: Chance) -> PeriodicTicks:
        """Restore a :meth:`record` of the same boot. Raises ValueError where it is damaged."""
        periodic = Periodic(record.flag("enabled"), record.whole("interval"), record.number_or_none("reference"))
        ticks = cls(periodic)
        ticks._due, ticks._due_wall = record.number_or_none("due"), record.number_or_none("tick")
        ticks._checked = min(now.monotonic, record.number("seen"))
        latest = now.monotonic + periodic.interval + SLEW
        if (ticks._due is None) is periodic.ticks or (ticks._due or 0.0) > latest:
            ticks.start(now, chance)
        return ticks
