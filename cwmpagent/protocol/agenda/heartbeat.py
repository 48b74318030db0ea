"""Heartbeats (HeartbeatPolicy, TR-069 Annex O): sessions of their own that tell ``14 HEARTBEAT`` and nothing else.

They leave alone whatever else is to be told: no other event, no retry wait and no RetryCount knows of them. One that
fails is not made up for.
"""

from __future__ import annotations

from cwmpagent.protocol.agenda.clock import Chance, Now
from cwmpagent.protocol.agenda.periodic import Periodic, PeriodicTicks
from cwmpagent.protocol.agenda.saved_json import SavedJson


class Heartbeat:
    """When the next one falls due, by the phase of periodic Informs.

    ``came``: it is due. ``last``: the last session was one; where another kind waits too, that one is next, so that
    heartbeats towards an ACS that is slow to fail hold nothing up.
    """

    def __init__(self, ticks: PeriodicTicks | None = None) -> None:
        self.came = False
        self.last = False
        self._ticks = ticks or PeriodicTicks()

    def configure(self, policy: Periodic, now: Now, chance: Chance) -> None:
        """Take over Enable, ReportingInterval and InitiationTime; the same ones again change nothing."""
        self._ticks.configure(policy, now, chance)
        self.came = self.came and policy.ticks

    def start(self, now: Now, chance: Chance) -> None:
        """Begin the phase anew: the device has booted."""
        self.came = self.last = False
        self._ticks.start(now, chance)

    def look(self, now: Now, *, known: bool) -> None:
        """Take in what time has brought; nothing is told to an ACS to which the device is not ``known`` yet."""
        self.came = (self._ticks.ticked(now) or self.came) and known

    @property
    def due(self) -> float | None:
        """The monotonic time of the next one, as far as it is known now; None where there is none."""
        return self._ticks.due

    def next_look(self, now: Now) -> float | None:
        """The monotonic time at which to look again."""
        return self._ticks.next_look(now)

    def record(self) -> dict[str, object] | None:
        """What :meth:`restored` needs, as JSON can carry it; None where there are no heartbeats."""
        return {"came": self.came, "ticks": self._ticks.record()} if self._ticks.periodic.ticks else None

    @classmethod
    def restored(cls, record: SavedJson, *, now: Now, chance: Chance) -> Heartbeat:
        """What :meth:`record` gave, within the same boot. Raises ValueError."""
        heartbeat = cls(PeriodicTicks.restored(record.members("ticks"), now=now, chance=chance))
        heartbeat.came = record.flag("came")
        return heartbeat
