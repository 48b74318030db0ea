"""GetRPCMethods, Reboot, FactoryReset and ScheduleInform."""

from __future__ import annotations

from collections.abc import Callable

from cwmpagent.agent.journal import Journal
from cwmpagent.agent.session.dispatcher import Answer, Dispatcher, FactoryResetAfter, RebootAfter
from cwmpagent.errors import CwmpFault, StoreWriteError
from cwmpagent.protocol.agenda import Agenda, Now
from cwmpagent.protocol.rpc import (
    FactoryReset,
    FactoryResetResponse,
    GetRPCMethods,
    GetRPCMethodsResponse,
    Reboot,
    RebootResponse,
    ScheduleInform,
    ScheduleInformResponse,
)


class Control:
    """The RPCs that steer the agent itself rather than its parameters."""

    def __init__(self, agenda: Agenda, journal: Journal, now: Callable[[], Now]) -> None:
        self._agenda = agenda
        self._journal = journal
        self._now = now

    def register(self, dispatcher: Dispatcher) -> None:
        """Register each RPC's function."""
        dispatcher.register(GetRPCMethods, lambda request: GetRPCMethodsResponse(method_list=dispatcher.names()))
        dispatcher.register(Reboot, self.reboot)
        dispatcher.register(FactoryReset, self.factory_reset)
        dispatcher.register(ScheduleInform, self.schedule_inform)

    def reboot(self, request: Reboot) -> Answer:
        """Reboot once the session is over (A.3.2.9)."""
        return Answer(RebootResponse(), after=(RebootAfter(request.command_key),))

    def factory_reset(self, request: FactoryReset) -> Answer:
        """Go back to the factory's values once the session is over (A.4.1.6)."""
        return Answer(FactoryResetResponse(), after=(FactoryResetAfter(),))

    async def schedule_inform(self, request: ScheduleInform) -> ScheduleInformResponse:
        """Inform again after DelaySeconds (A.4.1.1). Raises CwmpFault 9003, 9004 and, when it can't be saved, 9002."""
        if request.delay_seconds == 0:
            raise CwmpFault(9003, "DelaySeconds must be greater than 0")
        before = self._agenda.scheduled()
        self._agenda.schedule_inform(request.command_key, request.delay_seconds, self._now())
        try:
            await self._journal.save()
        except BaseException as error:
            self._agenda.reschedule(before)
            if isinstance(error, StoreWriteError):
                raise CwmpFault(9002, f"the schedule could not be saved: {error}") from error
            raise
        return ScheduleInformResponse()
