"""ScheduleInform: an Inform at a time that the ACS chooses."""

from __future__ import annotations

from cwmpagent.agent.journal import Journal
from cwmpagent.agent.ports import Clock
from cwmpagent.agent.session.dispatcher import Dispatcher
from cwmpagent.errors import CwmpFault, StoreWriteError
from cwmpagent.protocol.agenda import Agenda, Now
from cwmpagent.protocol.rpc import ScheduleInform, ScheduleInformResponse


class ScheduledInforms:
    """The RPC ScheduleInform. The agenda keeps what is scheduled."""

    def __init__(self, agenda: Agenda, journal: Journal, clock: Clock) -> None:
        self._agenda = agenda
        self._journal = journal
        self._clock = clock

    def register(self, dispatcher: Dispatcher) -> None:
        """Register the function of this RPC."""
        dispatcher.register(ScheduleInform, self.schedule_inform)

    async def schedule_inform(self, request: ScheduleInform) -> ScheduleInformResponse:
        """Schedule an Inform (A.4.1.1). Raises CwmpFault 9003, 9004, and 9002 if it cannot be saved."""
        if request.delay_seconds == 0:
            raise CwmpFault(9003, "DelaySeconds must be greater than 0")
        before = self._agenda.scheduled()
        self._agenda.schedule_inform(request.command_key, request.delay_seconds, Now.read(self._clock))
        try:
            await self._journal.save()
        except BaseException as error:
            self._agenda.reschedule(before)
            if isinstance(error, StoreWriteError):
                raise CwmpFault(9002, f"cannot save the scheduled Inform: {error}") from error
            raise
        return ScheduleInformResponse()
