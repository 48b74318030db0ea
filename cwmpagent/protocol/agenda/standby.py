"""Standby of a device: what a sleep has missed, and whether the ACS wants to know (TR-069 Annex L).

The policy is that of TR-181 Device.ManagementServer.StandbyPolicy.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from math import floor

from cwmpagent.protocol.agenda.agenda import Agenda
from cwmpagent.protocol.agenda.clock import Now
from cwmpagent.protocol.agenda.saved_json import SavedJson


@dataclass(frozen=True, slots=True)
class StandbyPolicy:
    """Conditions of ``13 WAKEUP``: more than ``longest`` seconds without ConnectionRequests, more than ``periodic``
    missed periodic contacts (negative: never), or, with ``scheduled``, any missed scheduled contact.
    """

    longest: int = -1
    periodic: int = -1
    scheduled: bool = False


@dataclass(frozen=True, slots=True)
class Sleep:
    """A sleep that has begun: both clocks then, and the seconds from then to the contacts that were planned.

    ``periodic``: to the next periodic Inform, None without one; the others follow every ``interval`` seconds.
    """

    monotonic: float
    wall: float | None
    periodic: float | None
    interval: int
    scheduled: tuple[float, ...]

    @classmethod
    def begin(cls, agenda: Agenda, now: Now) -> Sleep:
        """The sleep that begins now."""
        due, interval = agenda.periodic_due()
        scheduled = tuple(max(0.0, entry.due - now.monotonic) for entry in agenda.scheduled())
        periodic = None if due is None else max(0.0, due - now.monotonic)
        return cls(now.monotonic, now.wall, periodic, interval, scheduled)

    def seconds(self, now: Now) -> float:
        """Length of the sleep that ends now. The wall clock counts where it is trusted and has not gone back.

        The monotonic clock stands still while a machine is suspended.
        """
        passed = max(0.0, now.monotonic - self.monotonic)
        return passed if self.wall is None or now.wall is None else max(passed, now.wall - self.wall)

    def needs_wakeup(self, policy: StandbyPolicy, now: Now) -> bool:
        """Whether the end of the sleep must be reported by ``13 WAKEUP``."""
        seconds = self.seconds(now)
        missed = 0
        if self.periodic is not None and seconds >= self.periodic:
            missed = 1 + floor((seconds - self.periodic) / max(1, self.interval))
        return (
            (0 <= policy.longest < seconds)
            or (0 <= policy.periodic < missed)
            or (policy.scheduled and any(seconds >= each for each in self.scheduled))
        )

    def record(self) -> str:
        """Return the text for :meth:`restored`."""
        members = [self.monotonic, self.wall, self.periodic, self.interval, list(self.scheduled)]
        names = ("monotonic", "wall", "periodic", "interval", "scheduled")
        return json.dumps(dict(zip(names, members, strict=True)), separators=(",", ":"))

    @classmethod
    def restored(cls, text: str) -> Sleep:
        """Restore a :meth:`record`. Raises ValueError where it is damaged."""
        record = SavedJson.parse(text)
        scheduled = record.value("scheduled")
        if not isinstance(scheduled, list) or not all(isinstance(each, int | float) for each in scheduled):
            raise ValueError("scheduled is not a list of numbers")
        return cls(
            record.number("monotonic"),
            record.number_or_none("wall"),
            record.number_or_none("periodic"),
            record.whole("interval"),
            tuple(float(each) for each in scheduled),
        )
