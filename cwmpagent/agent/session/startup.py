"""How a life begins: what was saved is held against what has happened to the device meanwhile.

A boot drops what a boot drops and adds ``1 BOOT``; a URL or OUI that the last ``0 BOOTSTRAP`` did not go to adds that
event; a reboot or factory reset that an ACS was promised and that did not happen is still owed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from random import Random

from cwmpagent.agent.facts import Observer, Warned
from cwmpagent.agent.journal import BOOTSTRAPPED
from cwmpagent.agent.management_server import ManagementServer
from cwmpagent.agent.session.dispatcher import AfterSession, FactoryResetAfter, RebootAfter
from cwmpagent.protocol.agenda import Agenda, Now
from cwmpagent.protocol.agenda.events import BOOTSTRAP, M_REBOOT, Event


class Bootstrap:
    """Raises ``0 BOOTSTRAP`` when the ACS to be contacted is not the one that was told last (TR-069 3.7.1.5)."""

    def __init__(self, server: ManagementServer, agenda: Agenda, oui: str, told: str | None) -> None:
        self._server = server
        self._agenda = agenda
        self._oui = oui
        self._told = told

    def check(self, now: Now) -> None:
        """Raise the event unless this ACS has it, or it is pending for this one. Not to be called within a session."""
        acs = self._who(self._server.text("URL"))
        pending = any(event.code == BOOTSTRAP for event in self._agenda.pending)
        if acs != (self._agenda.acs if pending else self._told):
            self._agenda.bootstrap(now, acs)

    def delivered(self, url: str) -> Mapping[str, str | None]:
        """The ACS at ``url`` has the event; the note to save."""
        self._told = self._who(url)
        return {BOOTSTRAPPED: self._told}

    def _who(self, url: str) -> str:
        return json.dumps([url, self._oui])


def restored(text: str | None, *, booted: bool, random: Random, now: Now, observer: Observer) -> Agenda:
    """The saved agenda, or a new one where nothing was saved or nobody can read it."""
    if text is not None:
        try:
            return Agenda.restored(text, random=random, now=now, booted=booted)
        except ValueError as error:
            observer(Warned(f"the saved agenda cannot be read and is begun anew: {error}"))
    return Agenda(random=random)


def reconcile(
    agenda: Agenda, bootstrap: Bootstrap, owed: Sequence[AfterSession], *, booted: bool, now: Now
) -> tuple[AfterSession, ...]:
    """Raise ``0 BOOTSTRAP`` and ``1 BOOT`` if they are due; what of ``owed`` is still to be done before a session."""
    bootstrap.check(now)
    if not booted:
        return tuple(owed)
    agenda.boot(now)
    for each in owed:
        if isinstance(each, RebootAfter):
            agenda.add(Event(M_REBOOT, each.command_key), now)
    return tuple(each for each in owed if isinstance(each, FactoryResetAfter))
