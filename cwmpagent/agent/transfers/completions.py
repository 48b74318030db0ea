"""The reports of finished transfers to the ACS: TransferComplete (A.3.3.2), one for each transfer."""

from __future__ import annotations

from collections.abc import Sequence

from cwmpagent.agent.ports import Clock
from cwmpagent.agent.session.own_requests import Answered, OwnRequest
from cwmpagent.agent.transfers.records import TransferRecords, event_of
from cwmpagent.protocol.rpc import Fault, FaultStruct, Response, TransferComplete
from cwmpagent.protocol.transfers.record import State, Transfer
from cwmpagent.values import UNKNOWN_TIME, format_time


class Completions:
    """The source of these requests. Any answer of the ACS, a fault too, ends the report."""

    def __init__(self, records: TransferRecords, clock: Clock) -> None:
        self._records = records
        self._clock = clock

    def requests(self) -> Sequence[OwnRequest]:
        """The reports that the ACS has not answered."""
        return [self._request(each) for each in self._records if each.state is State.DONE and not each.autonomous]

    def answered(self, own: OwnRequest, answer: Response | Fault) -> Answered:
        """Remove the transfer."""
        for transfer in self._records:
            if transfer.state is State.DONE and not transfer.autonomous and self._request(transfer) == own:
                return Answered(notes=self._records.reported(transfer))
        return Answered()

    def _request(self, transfer: Transfer) -> OwnRequest:
        fault = FaultStruct(transfer.code, transfer.text)
        times = reported_time(transfer.started, self._clock), reported_time(transfer.completed, self._clock)
        report = TransferComplete(transfer.command_key, fault, *times)
        return OwnRequest(report, transfer.command_key, event_of(transfer).code)


def reported_time(wall: float | None, clock: Clock) -> str:
    """``wall`` (seconds since 1970) as a dateTime in local time; Unknown Time for None."""
    if wall is None:
        return UNKNOWN_TIME
    try:
        return format_time(int(wall), clock.utc_offset())
    except ValueError:
        return UNKNOWN_TIME
