"""The queue of ScheduleInforms (TR-069 A.4.1.1).

A delay runs on the monotonic clock, whatever happens to the wall clock; its end is also stamped in wall time, as far as
that is known, and a boot is survived by the stamp alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from cwmpagent.errors import CwmpFault
from cwmpagent.protocol.agenda.clock import Now
from cwmpagent.protocol.agenda.periodic import LOOK_EVERY
from cwmpagent.protocol.agenda.saved_json import SavedJson

MOST_SCHEDULED = 16
"""How many may wait at once; the standard asks for three."""


@dataclass(frozen=True, slots=True)
class ScheduledInform:
    """One that waits: ``due`` is monotonic, ``wall`` its stamp. ``latest``: a boot hides how far ``due`` has come."""

    command_key: str
    delay: float
    due: float
    wall: float | None
    latest: bool = False

    def stamped(self, now: Now) -> ScheduledInform:
        """The same, with what the wall clock says now."""
        if now.wall is None:
            return self
        if self.latest and self.wall is not None:
            remaining = max(0.0, self.wall - now.wall)
            return replace(self, due=min(self.due, now.monotonic + remaining), latest=False)
        return replace(self, wall=now.wall + (self.due - now.monotonic))


class ScheduleInformQueue:
    """Every ScheduleInform that waits, at most :data:`MOST_SCHEDULED`."""

    def __init__(self, waiting: tuple[ScheduledInform, ...] = ()) -> None:
        self.waiting = waiting

    def add(self, command_key: str, delay: float, now: Now) -> None:
        """Queue one, or give the one with the same CommandKey a new delay in seconds. Raises CwmpFault 9003, 9004."""
        if delay <= 0:
            raise CwmpFault(9003, "DelaySeconds must be greater than 0")
        others = tuple(each for each in self.waiting if not command_key or each.command_key != command_key)
        if len(others) >= MOST_SCHEDULED:
            raise CwmpFault(9004, f"{MOST_SCHEDULED} ScheduleInforms are waiting already")
        self.waiting = (*others, ScheduledInform(command_key, float(delay), now.monotonic + delay, None).stamped(now))

    def take(self, now: Now) -> tuple[str, ...]:
        """Remove those whose time has come; their CommandKeys, earliest first."""
        self.waiting = tuple(each.stamped(now) for each in self.waiting)
        come = sorted((each for each in self.waiting if now.reached(each.due)), key=lambda each: each.due)
        self.waiting = tuple(each for each in self.waiting if each not in come)
        return tuple(each.command_key for each in come)

    def booted(self, now: Now) -> None:
        """A boot has come: keep those with a stamp, at the latest their whole delay from now."""
        self.waiting = tuple(
            replace(each, due=now.monotonic + each.delay, latest=True).stamped(now)
            for each in self.waiting
            if each.wall is not None
        )

    def next_look(self, now: Now) -> float | None:
        """The monotonic time of the next that falls due, or of the next look at a wall clock not yet trusted."""
        looks = [each.due for each in self.waiting]
        if any(each.latest for each in self.waiting):
            looks.append(now.monotonic + LOOK_EVERY)
        return min(looks, default=None)

    def record(self) -> list[dict[str, object]]:
        """What :meth:`restored` needs, as JSON can carry it."""
        return [
            {"key": each.command_key, "delay": each.delay, "due": each.due, "wall": each.wall, "latest": each.latest}
            for each in self.waiting
        ]

    @classmethod
    def restored(cls, rows: Iterable[SavedJson], now: Now) -> ScheduleInformQueue:
        """What :meth:`record` gave, within the same boot. Raises ValueError."""
        waiting = tuple(
            ScheduledInform(
                row.text("key"), row.number("delay"), row.number("due"), row.number_or_none("wall"), row.flag("latest")
            )
            for row in rows
        )
        return cls(tuple(replace(each, due=min(each.due, now.monotonic + each.delay)) for each in waiting))
