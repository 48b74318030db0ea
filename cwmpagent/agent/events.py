"""Events of one agent: raised, withdrawn and saved, as the table of events determines (TR-069 3.7.1.5)."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import Deferred

from cwmpagent.agent.journal import Journal
from cwmpagent.agent.ports import Clock
from cwmpagent.protocol.agenda import Agenda, Now
from cwmpagent.protocol.agenda.events import Event


class Events:
    """The single place at which subsystems and programs raise events of a running agent.

    The events of a start (``0 BOOTSTRAP``, ``1 BOOT`` and its cause) are on the agenda before, see
    :mod:`~cwmpagent.agent.session.startup`; they are saved with the first notes.
    The row of an event in :data:`~cwmpagent.protocol.agenda.events.EVENTS` says which message delivers it, and whether
    it is kept over a boot. ``wake`` is called after each event; the session driver sets it.
    """

    def __init__(self, agenda: Agenda, journal: Journal, clock: Clock) -> None:
        self._agenda = agenda
        self._journal = journal
        self._clock = clock
        self.wake: Callable[[], None] = lambda: None

    def raise_event(self, event: Event, *, opens_session: bool = True) -> Deferred[None]:
        """Add ``event`` to the agenda, and open a session for it unless ``opens_session`` is false.

        The result fires when the event is saved, or when a warning about a failed save is emitted; it never errbacks.
        """
        self._agenda.add(event, Now.read(self._clock), opens_session=opens_session)
        saved = self._journal.save_soon()
        self.wake()
        return saved

    def withdraw(self, code: str) -> Deferred[None]:
        """Remove undelivered events with this EventCode from the agenda. The result is as for :meth:`raise_event`."""
        self._agenda.withdraw(code)
        return self._journal.save_soon()
