"""Reboot and FactoryReset: the RPCs, and the work that they leave for the time after their session."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from cwmpagent.agent.ports import Clock, Restart
from cwmpagent.agent.session.dispatcher import AfterSessionWork, Answer, Dispatcher
from cwmpagent.errors import MisuseError
from cwmpagent.protocol.agenda import Agenda, Now
from cwmpagent.protocol.agenda.events import M_REBOOT, Event
from cwmpagent.protocol.rpc import FactoryReset, FactoryResetResponse, Reboot, RebootResponse


@dataclass(frozen=True, slots=True)
class RebootWork(AfterSessionWork):
    """Reboot, then report ``M Reboot`` with this CommandKey."""

    command_key: str


@dataclass(frozen=True, slots=True)
class FactoryResetWork(AfterSessionWork):
    """Discard everything that was written since the factory, and boot."""


class RebootKind:
    """Reboots of one session: the device boots once, and each Reboot is reported with its CommandKey (A.3.2.9)."""

    name = "reboot"
    work = RebootWork

    def __init__(self, agenda: Agenda, clock: Clock, restart: Restart) -> None:
        self._agenda = agenda
        self._clock = clock
        self._restart = restart

    def record(self, work: RebootWork) -> Sequence[str]:
        """The CommandKey."""
        return [work.command_key]

    def read(self, members: Sequence[Any]) -> RebootWork:
        """Raises ValueError."""
        match members:
            case [str(command_key)]:
                try:
                    Event(M_REBOOT, command_key)
                except MisuseError as error:
                    raise ValueError(str(error)) from error
                return RebootWork(command_key)
        raise ValueError("a CommandKey is expected")

    def booted(self, work: RebootWork) -> bool:
        """The reboot is done: it is reported."""
        self._agenda.add(Event(M_REBOOT, work.command_key), Now.read(self._clock))
        return False

    async def carry_out(self, works: Sequence[RebootWork]) -> bool:
        """Reboot."""
        self._restart.reboot(works[-1].command_key)
        return True


class FactoryResetKind:
    """A factory reset; it includes the reboots of the same session, which nobody can report after it (A.4.1.6)."""

    name = "factory_reset"
    work = FactoryResetWork

    def __init__(self, restart: Restart) -> None:
        self._restart = restart

    def record(self, work: FactoryResetWork) -> Sequence[str]:
        """Nothing but the name."""
        return []

    def read(self, members: Sequence[Any]) -> FactoryResetWork:
        """Raises ValueError."""
        if members:
            raise ValueError("no members are expected")
        return FactoryResetWork()

    def booted(self, work: FactoryResetWork) -> bool:
        """A boot resets nothing."""
        return True

    async def carry_out(self, works: Sequence[FactoryResetWork]) -> bool:
        """Reset."""
        self._restart.factory_reset()
        return True


class Restarts:
    """The two RPCs; both are carried out once the session is over."""

    def register(self, dispatcher: Dispatcher) -> None:
        """Register each RPC's function."""
        dispatcher.register(Reboot, self.reboot)
        dispatcher.register(FactoryReset, self.factory_reset)

    def reboot(self, request: Reboot) -> Answer:
        """Reboot once the session is over (A.3.2.9)."""
        return Answer(RebootResponse(), after=(RebootWork(request.command_key),))

    def factory_reset(self, request: FactoryReset) -> Answer:
        """Return to factory values once the session is over (A.4.1.6)."""
        return Answer(FactoryResetResponse(), after=(FactoryResetWork(),))
