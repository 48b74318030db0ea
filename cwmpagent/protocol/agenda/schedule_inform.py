"""The queue of ScheduleInforms (TR-069 A.4.1.1).

A delay runs on the monotonic clock, so that steps of the wall clock do not change it. Its end is also stored in wall
time, where that is known, because only the wall clock continues over a boot.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from cwmpagent.errors import CwmpFault
from cwmpagent.protocol.agenda.clock import Now
from cwmpagent.protocol.agenda.periodic import CHECK_EVERY
from cwmpagent.protocol.agenda.saved_json import SavedJson

MOST_SCHEDULED = 16
"""Maximum number of waiting ScheduleInforms; the standard requires at least three."""


@dataclass(frozen=True, slots=True)
class ScheduledInform:
    """A waiting ScheduleInform.

    ``delay``: the requested seconds. ``due``: its end on the monotonic clock. ``wall``: the same on the wall clock, in
    seconds since 1970, None where unknown. ``latest``: ``due`` is only an upper bound, as the wall clock was not
    trusted since a boot.
    """

    command_key: str
    delay: float
    due: float
    wall: float | None
    latest: bool = False

    def stamped(self, now: Now) -> ScheduledInform:
        """Return it with ``wall`` and ``due`` brought in line with the wall clock at ``now``."""
        if now.wall is None:
            return self
        if self.latest and self.wall is not None:
            remaining = max(0.0, self.wall - now.wall)
            return replace(self, due=min(self.due, now.monotonic + remaining), latest=False)
        return replace(self, wall=now.wall + (self.due - now.monotonic))


class ScheduleInformQueue:
    """The waiting ScheduleInforms, at most :data:`MOST_SCHEDULED`."""

    def __init__(self, waiting: tuple[ScheduledInform, ...] = ()) -> None:
        self.waiting = waiting

    def add(self, command_key: str, delay: float, now: Now) -> None:
        """Add one with ``delay`` seconds; it replaces one with the same CommandKey. Raises CwmpFault 9003, 9004."""
        if delay <= 0:
            raise CwmpFault(9003, "DelaySeconds must be greater than 0")
        others = tuple(entry for entry in self.waiting if not command_key or entry.command_key != command_key)
        if len(others) >= MOST_SCHEDULED:
            raise CwmpFault(9004, f"{MOST_SCHEDULED} ScheduleInforms are waiting already")
        self.waiting = (*others, ScheduledInform(command_key, float(delay), now.monotonic + delay, None).stamped(now))

    def take(self, now: Now) -> tuple[str, ...]:
        """Remove those that are due and return their CommandKeys, earliest first."""
        self.waiting = tuple(entry.stamped(now) for entry in self.waiting)
        due = sorted((entry for entry in self.waiting if now.reached(entry.due)), key=lambda entry: entry.due)
        self.waiting = tuple(entry for entry in self.waiting if entry not in due)
        return tuple(entry.command_key for entry in due)

    def booted(self, now: Now) -> None:
        """Apply a boot: those with a wall time stay, due at the latest their whole delay from now."""
        self.waiting = tuple(
            replace(entry, due=now.monotonic + entry.delay, latest=True).stamped(now)
            for entry in self.waiting
            if entry.wall is not None
        )

    def next_check(self, now: Now) -> float | None:
        """Monotonic time of the next one due, or of the next check of a wall clock that is not trusted yet."""
        times = [entry.due for entry in self.waiting]
        if any(entry.latest for entry in self.waiting):
            times.append(now.monotonic + CHECK_EVERY)
        return min(times, default=None)

    def record(self) -> list[dict[str, object]]:
        """Return the state for :meth:`restored` as JSON values."""
        return [
            {
                "key": entry.command_key,
                "delay": entry.delay,
                "due": entry.due,
                "wall": entry.wall,
                "latest": entry.latest,
            }
            for entry in self.waiting
        ]

    @classmethod
    def restored(cls, rows: Iterable[SavedJson], now: Now) -> ScheduleInformQueue:
        """Restore a :meth:`record` of the same boot. Raises ValueError where it is damaged."""
        waiting = tuple(
            ScheduledInform(
                row.text("key"), row.number("delay"), row.number("due"), row.number_or_none("wall"), row.flag("latest")
            )
            for row in rows
        )
        return cls(tuple(replace(entry, due=min(entry.due, now.monotonic + entry.delay)) for entry in waiting))
