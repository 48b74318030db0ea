"""Standby: the program in the device reports when it falls asleep and wakes; ``13 WAKEUP`` follows from the policy."""

from __future__ import annotations

from collections.abc import Mapping

from twisted.internet.defer import Deferred, succeed

from cwmpagent.agent.events import Events
from cwmpagent.agent.facts import Observer, Warned
from cwmpagent.agent.journal import Journal
from cwmpagent.agent.management_server import ManagementServer
from cwmpagent.agent.ports import Clock
from cwmpagent.protocol.agenda import Agenda, Now
from cwmpagent.protocol.agenda.events import WAKEUP, Event
from cwmpagent.protocol.agenda.standby import Sleep, StandbyPolicy

STANDBY = "standby"
"""Name of the saved note."""


class Standby:
    """The sleep of one device. ``saved``: the note of the last start; a boot ends the sleep."""

    def __init__(
        self,
        server: ManagementServer,
        agenda: Agenda,
        journal: Journal,
        events: Events,
        clock: Clock,
        observer: Observer,
        saved: str | None,
        *,
        booted: bool,
    ) -> None:
        self._server = server
        self._agenda = agenda
        self._journal = journal
        self._events = events
        self._clock = clock
        self._sleep: Sleep | None = None
        if saved is not None and not booted:
            try:
                self._sleep = Sleep.restored(saved)
            except ValueError as error:
                observer(Warned(f"cannot read the saved standby, the device counts as awake: {error}"))

    @property
    def note(self) -> Mapping[str, str | None]:
        """The note that a start saves."""
        return {STANDBY: None if self._sleep is None else self._sleep.record()}

    def sleeping(self) -> Deferred[None]:
        """Record that the device falls asleep; a second call changes nothing. Fires when it is saved; no errback."""
        if self._sleep is not None:
            return succeed(None)
        self._sleep = Sleep.begin(self._agenda, Now.read(self._clock))
        return self._journal.save_soon(self.note)

    def woke(self) -> bool:
        """Record that the device is awake. Returns whether ``13 WAKEUP`` is raised, as StandbyPolicy demands it."""
        sleep, self._sleep = self._sleep, None
        if sleep is None:
            return False
        needed = sleep.needs_wakeup(self._policy(), Now.read(self._clock))
        if needed:
            self._events.raise_event(Event(WAKEUP))
        self._journal.save_soon(self.note)
        return needed

    def _policy(self) -> StandbyPolicy:
        server, prefix = self._server, "StandbyPolicy."
        return StandbyPolicy(
            server.number(prefix + "CRUnawarenessMaxDuration", -1),
            server.number(prefix + "MaxMissedPeriodic", -1),
            server.flag(prefix + "NotifyMissedScheduled"),
        )
