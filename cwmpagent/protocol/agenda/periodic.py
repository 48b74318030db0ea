"""The phase of periodic Informs (PeriodicInformEnable, -Interval, -Time), through every step of the wall clock.

With a reference time and a trusted wall clock a tick falls on each reference + n * interval. Otherwise the phase is the
agent's own, on the monotonic clock, from a random start. The wall clock cannot be waited for, so it is looked at every
:data:`LOOK_EVERY` seconds: where it was set anew, the ticks that it jumped over are missed and not made up for, and the
next is never further away than one interval.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import floor

from cwmpagent.protocol.agenda.clock import ROUNDING, Chance, Now
from cwmpagent.protocol.agenda.saved_json import SavedJson

LOOK_EVERY = 60.0
"""Seconds after which a phase that hangs on the wall clock is looked at again."""

SLEW = 1.0
"""A wall clock that moved by no more than this many seconds since the last look ran fast or slow; else it was set."""

_WALL_ROUNDING = 1e-3  # sums of seconds since 1970 are no more exact than this


@dataclass(frozen=True, slots=True)
class Periodic:
    """What the ACS has set: ``interval`` in seconds, ``reference`` in seconds since 1970, None for Unknown Time.

    An interval of no second, which the standard forbids, is none.
    """

    enabled: bool = False
    interval: int = 86400
    reference: float | None = None

    @property
    def ticks(self) -> bool:
        """Whether there are periodic Informs."""
        return self.enabled and self.interval >= 1


class PeriodicTicks:
    """When the next ``2 PERIODIC`` falls due."""

    def __init__(self, periodic: Periodic | None = None) -> None:
        self.periodic = periodic or Periodic()
        self._due: float | None = None  # monotonic
        self._tick: float | None = None  # the same on the wall clock, where the phase hangs on it
        self._seen = 0.0  # monotonic time of the last look

    def configure(self, periodic: Periodic, now: Now, chance: Chance) -> None:
        """Take over new settings at once; the same ones again change nothing."""
        if periodic != self.periodic:
            self.periodic = periodic
            self.start(now, chance)

    def start(self, now: Now, chance: Chance) -> None:
        """Begin the phase anew, as after a boot."""
        self._due = self._tick = None
        self._seen = now.monotonic
        if not self.periodic.ticks:
            return
        if self.periodic.reference is not None and now.wall is not None:
            self._arm(now.wall, now)
        else:
            self._due = now.monotonic + chance.uniform(0.0, float(self.periodic.interval))

    def ticked(self, now: Now) -> bool:
        """Whether a tick has come since the last look; several that came together are one."""
        if self._due is None:
            return False
        came = now.reached(self._due)
        if self.periodic.reference is not None and now.wall is not None:
            came = self._follow_wall(now.wall, now, came)
        elif came:
            self._tick = None
            late = floor((now.monotonic - self._due + ROUNDING) / self.periodic.interval)
            self._due += (late + 1) * self.periodic.interval
        self._seen = now.monotonic
        return came

    @property
    def due(self) -> float | None:
        """The monotonic time of the next tick, as far as it is known now; None where there is none."""
        return self._due

    def next_look(self, now: Now) -> float | None:
        """The monotonic time of the next tick or look at the wall clock, whichever is first."""
        if self._due is None or self.periodic.reference is None:
            return self._due
        return min(self._due, now.monotonic + LOOK_EVERY)

    def _follow_wall(self, wall: float, now: Now, came: bool) -> bool:
        """Whether a tick has come, the next one being armed on the wall clock as it is now."""
        if self._tick is None or self._due is None:  # the wall clock has become trusted
            self._arm(wall, now)
            return came
        moved = (wall - now.monotonic) - (self._tick - self._due)
        if abs(moved) <= SLEW:
            came = wall >= self._tick - _WALL_ROUNDING
            if came:
                self._arm(max(wall, self._tick), now)
            else:
                self._due = now.monotonic + (self._tick - wall)
            return came
        since = wall - max(0.0, now.monotonic - self._seen)
        self._arm(since, now)
        if now.reached(self._due):  # it fell between the setting of the clock and this look
            came = True
            self._arm(wall, now)
        return came

    def _arm(self, after: float, now: Now) -> None:
        """Set the next tick: the first one later than ``after`` on the wall clock."""
        assert now.wall is not None and self.periodic.reference is not None
        whole = floor((after + _WALL_ROUNDING - self.periodic.reference) / self.periodic.interval) + 1
        self._tick = self.periodic.reference + whole * self.periodic.interval
        self._due = now.monotonic + (self._tick - now.wall)

    def record(self) -> dict[str, object]:
        """What :meth:`restored` needs, as JSON can carry it."""
        return {
            "enabled": self.periodic.enabled,
            "interval": self.periodic.interval,
            "reference": self.periodic.reference,
            "due": self._due,
            "tick": self._tick,
            "seen": self._seen,
        }

    @classmethod
    def restored(cls, record: SavedJson, *, now: Now, chance: Chance) -> PeriodicTicks:
        """What :meth:`record` gave, within the same boot. Raises ValueError."""
        periodic = Periodic(record.flag("enabled"), record.whole("interval"), record.number_or_none("reference"))
        ticks = cls(periodic)
        ticks._due, ticks._tick = record.number_or_none("due"), record.number_or_none("tick")
        ticks._seen = min(now.monotonic, record.number("seen"))
        latest = now.monotonic + periodic.interval + SLEW
        if (ticks._due is None) is periodic.ticks or (ticks._due or 0.0) > latest:
            ticks.start(now, chance)
        return ticks
