"""Heartbeats (HeartbeatPolicy, TR-069 Annex O): separate sessions with ``14 HEARTBEAT`` as their only event.

They change no other event, no retry wait and no RetryCount. A failed heartbeat is not repeated.
"""

from __future__ import annotations

from cwmpagent.protocol.agenda.clock import Chance, Now
from cwmpagent.protocol.agenda.periodic import Periodic, PeriodicTicks
from cwmpagent.protocol.agenda.saved_json import SavedJson


class Heartbeat:
    """The time of the next heartbeat, with the same phase rules as periodic Informs.

    ``pending``: a heartbeat is due. ``was_last``: the last session was a heartbeat. Another session that is due then
    goes first, so that heartbeats do not delay it where the ACS fails slowly.
    """

    def __init__(self, ticks: PeriodicTicks | None = None) -> None:
        self.pending = False
        self.was_last = False
        self._ticks = ticks or PeriodicTicks()

    def configure(self, policy: Periodic, now: Now, chance: Chance) -> None:
        """Apply Enable, ReportingInterval and InitiationTime at once; equal ones change nothing."""
        self._ticks.configure(policy, now, chance)
        self.pending = self.pending and policy.ticks

    def start(self, now: Now, chance: Chance) -> None:
        """Restart the phase after a boot."""
        self.pending = self.was_last = False
        self._ticks.start(now, chance)

    def update(self, now: Now, *, known: bool) -> None:
        """Update :attr:`pending`. ``known``: the ACS has received ``0 BOOTSTRAP``; no heartbeat is sent before that."""
        self.pending = (self._ticks.ticked(now) or self.pending) and known

    @property
    def due(self) -> float | None:
        """Monotonic time of the next heartbeat as known now; None where there is none."""
        return self._ticks.due

    def next_check(self, now: Now) -> float | None:
        """Monotonic time of the next heartbeat or check of the wall clock."""
        return self._ticks.next_check(now)

    def record(self) -> dict[str, object] | None:
        """Return the state for :meth:`restored` as JSON values; None where heartbeats are disabled."""
        return {"came": self.pending, "ticks": self._ticks.record()} if self._ticks.periodic.ticks else None

    @classmethod
    def restored(cls, record: SavedJson, *, now: Now, chance: Chance) -> Heartbeat:
        """Restore a :meth:`record` of the same boot. Raises ValueError where it is damaged."""
        heartbeat = cls(PeriodicTicks.restored(record.members("ticks"), now=now, chance=chance))
        heartbeat.pending = record.flag("came")
        return heartbeat
