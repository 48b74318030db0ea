"""The events of one agent: raised, withdrawn, saved as far as the table of events keeps them (TR-069 3.7.1.5)."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import Deferred

from cwmpagent.agent.journal import Journal
from cwmpagent.agent.ports import Clock
from cwmpagent.protocol.agenda import Agenda, Now
from cwmpagent.protocol.agenda.events import Event


class Events:
    """The one way in which a subsystem or a program raises an event.

    What delivers an event, and what it outlives, is its row of :data:`~cwmpagent.protocol.agenda.events.EVENTS`.
    ``wake`` is called after each event; the session driver sets it.
    """

    def __init__(self, agenda: Agenda, journal: Journal, clock: Clock) -> None:
        self._agenda = agenda
        self._journal = journal
        self._clock = clock
        self.wake: Callable[[], None] = lambda: None

    def raise_event(self, event: Event, *, opens_session: bool = True) -> Deferred[None]:
        """Put ``event`` on the agenda, and open a session for it unless ``opens_session`` is false.

        Fires when the event is saved, or a warning says that it could not be; never errbacks.
        """
        self._agenda.add(event, Now.read(self._clock), opens_session=opens_session)
        saved = self._journal.save_soon()
        self.wake()
        return saved

    def withdraw(self, code: str) -> Deferred[None]:
        """Take the undelivered events of this EventCode off the agenda. Fires as :meth:`raise_event`."""
        self._agenda.withdraw(code)
        return self._journal.save_soon()
