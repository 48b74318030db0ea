"""The reports of changes of deployment units: DUStateChangeComplete and AutonomousDUStateChangeComplete.

A request is kept until the ACS has answered its report; the answer removes it in the transaction that delivers its
event (TR-069 A.4.2.3, A.4.2.4).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from cwmpagent.agent.events import Events
from cwmpagent.agent.management_server import ManagementServer
from cwmpagent.agent.session.own_requests import Answered, OwnRequest
from cwmpagent.agent.software.records import SOFTWARE, SoftwareRecords
from cwmpagent.protocol.agenda import Agenda
from cwmpagent.protocol.agenda.events import AUTONOMOUS_DU_STATE_CHANGE_COMPLETE, M_CHANGE_DU_STATE, Event
from cwmpagent.protocol.rpc import AutonomousDUStateChangeComplete, DUStateChangeComplete, Fault, Response
from cwmpagent.protocol.software.operation import Operation
from cwmpagent.protocol.software.policy import BOTH, ReportPolicy
from cwmpagent.protocol.software.state import ChangeRequest
from cwmpagent.values import list_items

POLICY = "DUStateChangeComplPolicy."
RETRY_REQUEST = 8005


class SoftwareReports:
    """Sends the reports of requests that are complete. It is a RequestSource."""

    def __init__(self, records: SoftwareRecords, events: Events, agenda: Agenda, server: ManagementServer) -> None:
        self._records = records
        self._events = events
        self._agenda = agenda
        self._server = server
        self._raised: set[int] = set()

    def recover(self) -> None:
        """Note the requests whose event was raised before the start."""
        pending = self._agenda.pending
        self._raised = {request.number for request in self._complete() if _event(request) in pending}

    async def complete(self) -> None:
        """Raise the event of each request that is complete now. Requests that are not reported are removed.

        Which autonomous changes are reported is decided now, by the present policy. An ACS gets no report of what
        another one has asked for.
        """
        policy = self.policy()
        for request in self._complete():
            if request.number in self._raised:
                continue
            reported = _reported(request, policy) if request.autonomous else request.operations
            if not reported or not (request.autonomous or request.acs == self._agenda.acs):
                await self._records.save(self._records.state.without_request(request.number))
                continue
            self._raised.add(request.number)
            await self._records.save(self._records.state.with_request(replace(request, operations=reported)))
            await self._events.raise_event(_event(request))

    def policy(self) -> ReportPolicy:
        """The present DUStateChangeComplPolicy; nothing is reported where the model has none."""
        return ReportPolicy(
            enable=self._server.flag(POLICY + "Enable"),
            operations=frozenset(list_items(self._server.text(POLICY + "OperationTypeFilter"))),
            results=self._server.text(POLICY + "ResultTypeFilter", BOTH),
            fault_codes=frozenset(list_items(self._server.text(POLICY + "FaultCodeFilter"))),
        )

    def requests(self) -> Sequence[OwnRequest]:
        """Return the reports that are not delivered."""
        return [_report(request) for request in self._complete() if self._is_told(request)]

    def answered(self, own: OwnRequest, answer: Response | Fault) -> Answered:
        """Forget the request that is reported now; a fault other than "retry request" is an answer, too."""
        if isinstance(answer, Fault) and answer.code == RETRY_REQUEST:
            return Answered(delivered=False)
        for request in self._complete():
            if self._is_told(request) and _report(request) == own:
                self._records.state = self._records.state.without_request(request.number)
                self._raised.discard(request.number)
                break
        return Answered(notes={SOFTWARE: self._records.note[SOFTWARE]})

    def _complete(self) -> Sequence[ChangeRequest]:
        return [request for request in self._records.state.requests if request.complete]

    def _is_told(self, request: ChangeRequest) -> bool:
        """Whether the ACS gets its report now: the event was raised, and it is still the ACS that has asked."""
        return request.number in self._raised and (request.autonomous or request.acs == self._agenda.acs)


def _report(request: ChangeRequest) -> OwnRequest:
    if request.autonomous:
        results = tuple(operation.autonomous_result() for operation in request.operations)
        return OwnRequest(AutonomousDUStateChangeComplete(results), "", AUTONOMOUS_DU_STATE_CHANGE_COMPLETE)
    key = request.command_key or ""
    asked = tuple(operation.result() for operation in request.operations)
    return OwnRequest(DUStateChangeComplete(asked, key), key, M_CHANGE_DU_STATE)


def _event(request: ChangeRequest) -> Event:
    if request.autonomous:
        return Event(AUTONOMOUS_DU_STATE_CHANGE_COMPLETE)
    return Event(M_CHANGE_DU_STATE, request.command_key or "")


def _reported(request: ChangeRequest, policy: ReportPolicy) -> tuple[Operation, ...]:
    return tuple(operation for operation in request.operations if policy.reports(operation))
