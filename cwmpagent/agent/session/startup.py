"""Start of an agent: restores the saved agenda, and adds the events of this start.

A boot discards the events that the table of events does not keep, and adds ``1 BOOT``. A URL or OUI other than that of
the last ``0 BOOTSTRAP`` adds this event. Saved work that was not carried out (a reboot, for example) is still to be
done.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from random import Random

from cwmpagent.agent.facts import Observer, Warned
from cwmpagent.agent.journal import BOOTSTRAPPED
from cwmpagent.agent.management_server import ManagementServer
from cwmpagent.agent.session.after_session import AfterSession
from cwmpagent.agent.session.dispatcher import AfterSessionWork
from cwmpagent.protocol.agenda import Agenda, Now
from cwmpagent.protocol.agenda.events import BOOTSTRAP


class Bootstrap:
    """Raises ``0 BOOTSTRAP`` for an ACS that has not received the last one (TR-069 3.7.1.5).

    ``bootstrapped``: the saved note with the ACS that has received it.
    """

    def __init__(self, server: ManagementServer, agenda: Agenda, oui: str, bootstrapped: str | None) -> None:
        self._server = server
        self._agenda = agenda
        self._oui = oui
        self._bootstrapped = bootstrapped

    def check(self, now: Now) -> None:
        """Raise the event unless the ACS has received it or it is pending for it. Must not be called in a session."""
        acs = self._identity(self._server.text("URL"))
        pending = any(event.code == BOOTSTRAP for event in self._agenda.pending)
        if acs != (self._agenda.acs if pending else self._bootstrapped):
            self._agenda.bootstrap(now, acs)

    def delivered(self, url: str) -> Mapping[str, str | None]:
        """Process the delivery of the event to the ACS at ``url``. Returns the note to save."""
        self._bootstrapped = self._identity(url)
        return {BOOTSTRAPPED: self._bootstrapped}

    def _identity(self, url: str) -> str:
        return json.dumps([url, self._oui])


def restored(text: str | None, *, booted: bool, random: Random, now: Now, observer: Observer) -> Agenda:
    """Restore the saved agenda; return an empty one where none is saved or it cannot be read."""
    if text is not None:
        try:
            return Agenda.restored(text, random=random, now=now, booted=booted)
        except ValueError as error:
            observer(Warned(f"cannot read the saved agenda, starting with an empty one: {error}"))
    return Agenda(random=random)


def reconcile(
    agenda: Agenda,
    bootstrap: Bootstrap,
    after_session: AfterSession,
    promised: Sequence[AfterSessionWork],
    *,
    booted: bool,
    now: Now,
) -> tuple[AfterSessionWork, ...]:
    """Raise ``0 BOOTSTRAP`` and ``1 BOOT`` if they are due. Returns the part of ``promised`` still to be done."""
    bootstrap.check(now)
    if not booted:
        return tuple(promised)
    agenda.boot(now)
    return after_session.booted(promised)
