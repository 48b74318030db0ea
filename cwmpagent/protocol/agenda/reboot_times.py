"""The reboots that an ACS sets by parameters: ScheduleReboot and DelayReboot (TR-181 Device.ManagementServer.).

A delay runs on the monotonic clock from the end of the session that set it. A date is compared with the wall clock,
and only while that is trusted. Each boot ends the delay, and a date that has passed by then.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace

from cwmpagent.protocol.agenda.clock import Now
from cwmpagent.protocol.agenda.periodic import CHECK_EVERY
from cwmpagent.protocol.agenda.saved_json import SavedJson

UNCONFIRMED_CHECK = 1.0
"""Seconds between two looks at a wall clock that is not trusted yet, while a date waits for it."""


@dataclass(frozen=True, slots=True)
class RebootTimes:
    """The reboots that wait, of one device; no field set: none.

    ``delay``: the requested seconds of DelayReboot. ``due``: their end on the monotonic clock, None until the session
    has ended. ``at``: ScheduleReboot, in seconds since 1970. ``confirmed``: ``at`` was ahead of a trusted wall clock
    since the last boot. ``begun``: a reboot is under way.
    """

    delay: float | None = None
    due: float | None = None
    at: float | None = None
    confirmed: bool = False
    begun: bool = False

    def delayed(self, seconds: float) -> RebootTimes:
        """Return it with DelayReboot set to ``seconds``, from the end of the session; negative: no delay."""
        return replace(self, delay=None if seconds < 0 else float(seconds), due=None)

    def scheduled(self, at: float | None, now: Now) -> RebootTimes:
        """Return it with ScheduleReboot set to ``at``, in seconds since 1970; None or a past time: no date."""
        return replace(self, at=at, confirmed=False).checked(now)

    def session_over(self, now: Now) -> RebootTimes:
        """Return it with the delay running, if one was set in the session that has ended now."""
        if self.delay is None or self.due is not None:
            return self
        return replace(self, due=now.monotonic + self.delay)

    def checked(self, now: Now) -> RebootTimes:
        """Return it with a new date compared with the wall clock, where that is trusted: a past one is dropped."""
        if self.at is None or self.confirmed or now.wall is None:
            return self
        return replace(self, confirmed=True) if self.at > now.wall else replace(self, at=None)

    def booted(self) -> RebootTimes:
        """Return it after a boot: a date is compared anew; the reboot that was under way is done."""
        return RebootTimes() if self.begun else RebootTimes(at=self.at)

    def is_due(self, now: Now) -> bool:
        """Whether the device must reboot now, after the session under way."""
        delayed = self.due is not None and now.reached(self.due)
        return delayed or (self.confirmed and self.at is not None and now.wall is not None and now.wall >= self.at)

    def wake_in(self, now: Now) -> float | None:
        """Seconds until :meth:`is_due` must be asked again; None where nothing waits.

        While a date waits, at most :data:`UNCONFIRMED_CHECK` until the wall clock is trusted, then at most
        :data:`~cwmpagent.protocol.agenda.periodic.CHECK_EVERY`: the wall clock can step.
        """
        times: list[float] = []
        if self.due is not None:
            times.append(max(0.0, self.due - now.monotonic))
        if self.at is not None:
            if now.wall is None or not self.confirmed:
                times.append(UNCONFIRMED_CHECK)
            else:
                times.append(min(max(0.0, self.at - now.wall), CHECK_EVERY))
        return min(times, default=None)

    def record(self) -> str | None:
        """Return the text for :meth:`restored`; None where nothing waits."""
        if self == RebootTimes():
            return None
        members = {name: getattr(self, name) for name in ("delay", "due", "at", "confirmed", "begun")}
        return json.dumps(members, separators=(",", ":"))

    @classmethod
    def restored(cls, text: str, now: Now) -> RebootTimes:
        """Restore a :meth:`record`. ``due`` is at most the whole delay from now. Raises ValueError where damaged."""
        record = SavedJson.parse(text)
        delay, due = record.number_or_none("delay"), record.number_or_none("due")
        if due is not None:
            due = min(due, now.monotonic + (delay or 0.0))
        return cls(delay, due, record.number_or_none("at"), record.flag("confirmed"), record.flag("begun"))
