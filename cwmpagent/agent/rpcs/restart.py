"""Reboot and FactoryReset: the RPCs, and the work that they leave for the time after the session."""

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
    """Discard the whole saved state, and boot."""


class RebootKind:
    """Reboots of one session: the device boots once; each Reboot is reported with its CommandKey (A.3.2.9)."""

    name = "reboot"
    work = RebootWork

    def __init__(self, agenda: Agenda, clock: Clock, restart: Restart) -> None:
        self._agenda = agenda
        self._clock = clock
        self._restart = restart

    def record(self, work: RebootWork) -> Sequence[str]:
        """Return the CommandKey."""
        return [work.command_key]

    def read(self, members: Sequence[Any]) -> RebootWork:
        """Read a CommandKey. Raises ValueError."""
        match members:
            case [str(command_key)]:
                try:
                    Event(M_REBOOT, command_key)
                except MisuseError as error:
                    raise ValueError(str(error)) from error
                return RebootWork(command_key)
        raise ValueError("a CommandKey is expected")

    def booted(self, work: RebootWork) -> bool:
        """Raise ``M Reboot``: the boot was this reboot, which is not to be repeated."""
        self._agenda.add(Event(M_REBOOT, work.command_key), Now.read(self._clock))
        return False

    async def carry_out(self, works: Sequence[RebootWork]) -> bool:
        """Reboot the device."""
        self._restart.reboot(works[-1].command_key)
        return True


class FactoryResetKind:
    """A factory reset. It includes the reboots of the same session; they are not reported after it (A.4.1.6)."""

    name = "factory_reset"
    work = FactoryResetWork

    def __init__(self, restart: Restart) -> None:
        self._restart = restart

    def record(self, work: FactoryResetWork) -> Sequence[str]:
        """Return no other members."""
        return []

    def read(self, members: Sequence[Any]) -> FactoryResetWork:
        """Check that there are no members. Raises ValueError."""
        if members:
            raise ValueError("no members are expected")
        return FactoryResetWork()

    def booted(self, work: FactoryResetWork) -> bool:
        """Return True: a boot does not include a reset."""
        return True

    async def carry_out(self, works: Sequence[FactoryResetWork]) -> bool:
        """Reset the device to factory defaults."""
        self._restart.factory_reset()
        return True


class Restarts:
    """The RPCs Reboot and FactoryReset; both are carried out after the session."""

    def register(self, dispatcher: Dispatcher) -> None:
        """Register the functions of these RPCs."""
        dispatcher.register(Reboot, self.reboot)
        dispatcher.register(FactoryReset, self.factory_reset)

    def reboot(self, request: Reboot) -> Answer:
        """Reboot after the session (A.3.2.9)."""
        return Answer(RebootResponse(), after=(RebootWork(request.command_key),))

    def factory_reset(self, request: FactoryReset) -> Answer:
        """Reset to factory defaults after the session (A.4.1.6)."""
        return Answer(FactoryResetResponse(), after=(FactoryResetWork(),))
