"""A moment in the future that survives restarts.

It runs on the monotonic clock, so that steps of the wall clock do not change it. It is also stored in wall time, where
that is known, because only the wall clock continues over a boot.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from cwmpagent.protocol.agenda import Now
from cwmpagent.protocol.agenda.saved_json import SavedJson


@dataclass(frozen=True, slots=True)
class Moment:
    """The end of a wait of ``delay`` seconds.

    ``due``: on the monotonic clock. ``wall``: on the wall clock, in seconds since 1970, None where unknown.
    ``latest``: ``due`` is only an upper bound, as the wall clock was not trusted since a boot.
    """

    delay: float
    due: float
    wall: float | None = None
    latest: bool = False

    @classmethod
    def after(cls, delay: float, now: Now) -> Moment:
        """The moment ``delay`` seconds from ``now``."""
        return cls(float(delay), now.monotonic + delay).stamped(now)

    def stamped(self, now: Now) -> Moment:
        """Return it with ``wall`` and ``due`` brought in line with the wall clock at ``now``."""
        if now.wall is None:
            return self
        if self.latest and self.wall is not None:
            return replace(self, due=min(self.due, now.monotonic + max(0.0, self.wall - now.wall)), latest=False)
        return replace(self, wall=now.wall + (self.due - now.monotonic), latest=False)

    def booted(self, now: Now) -> Moment:
        """Return it after a boot: due at the latest its whole delay from ``now``."""
        return replace(self, due=now.monotonic + self.delay, latest=True).stamped(now)

    def restarted(self, now: Now) -> Moment:
        """Return it after a restart in the same boot; a damaged ``due`` is never later than the whole delay."""
        return replace(self, due=min(self.due, now.monotonic + self.delay))

    def record(self) -> dict[str, object]:
        """Return it as JSON values for :meth:`restored`."""
        return {"delay": self.delay, "due": self.due, "wall": self.wall, "latest": self.latest}

    @classmethod
    def restored(cls, saved: SavedJson) -> Moment:
        """Restore a :meth:`record`. Raises ValueError where it is damaged."""
        delay = saved.number("delay")
        if delay < 0:
            raise ValueError("delay is negative")
        return cls(delay, saved.number("due"), saved.number_or_none("wall"), saved.flag("latest"))
