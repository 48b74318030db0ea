"""The start of an agent: the saved agenda, brought in line with what has happened to the device meanwhile.

A boot discards the events that the table says, and adds ``1 BOOT``. A URL or OUI other than that of the last
``0 BOOTSTRAP`` adds that event. Work that was promised and not done (a reboot, say) is still to be done.
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
    """Raises ``0 BOOTSTRAP`` when the ACS is not the one that received the last one (TR-069 3.7.1.5)."""

    def __init__(self, server: ManagementServer, agenda: Agenda, oui: str, told: str | None) -> None:
        self._server = server
        self._agenda = agenda
        self._oui = oui
        self._told = told

    def check(self, now: Now) -> None:
        """Raise the event unless this ACS has it, or it is pending for it. Not to be called during a session."""
        acs = self._who(self._server.text("URL"))
        pending = any(event.code == BOOTSTRAP for event in self._agenda.pending)
        if acs != (self._agenda.acs if pending else self._told):
            self._agenda.bootstrap(now, acs)

    def delivered(self, url: str) -> Mapping[str, str | None]:
        """The ACS at ``url`` has received the event: the note to save."""
        self._told = self._who(url)
        return {BOOTSTRAPPED: self._told}

    def _who(self, url: str) -> str:
        return json.dumps([url, self._oui])


def restored(text: str | None, *, booted: bool, random: Random, now: Now, observer: Observer) -> Agenda:
    """The saved agenda, or a new one where none was saved or it cannot be read."""
    if text is not None:
        try:
            return Agenda.restored(text, random=random, now=now, booted=booted)
        except ValueError as error:
            observer(Warned(f"the saved agenda cannot be read, a new one is begun: {error}"))
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
    """Raise ``0 BOOTSTRAP`` and ``1 BOOT`` if they are due; those of ``promised`` that are still to be done."""
    bootstrap.check(now)
    if not booted:
        return tuple(promised)
    agenda.boot(now)
    return after_session.booted(promised)
