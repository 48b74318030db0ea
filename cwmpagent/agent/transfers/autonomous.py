"""Transfers that the ACS has not asked for: their start, and AutonomousTransferComplete (A.3.3.3) with its policy."""

from __future__ import annotations

from collections.abc import Sequence

from cwmpagent.agent.management_server import ManagementServer
from cwmpagent.agent.ports import Clock
from cwmpagent.agent.session.own_requests import Answered, OwnRequest
from cwmpagent.agent.transfers.completions import reported_time
from cwmpagent.agent.transfers.queue import TransferQueue
from cwmpagent.agent.transfers.records import TransferRecords, event_of
from cwmpagent.protocol.rpc import AutonomousTransferComplete, Fault, FaultStruct, Response
from cwmpagent.protocol.transfers.moment import Moment
from cwmpagent.protocol.transfers.record import Kind, State, Transfer
from cwmpagent.protocol.transfers.url import parse_file_url
from cwmpagent.values import list_items

POLICY = "AutonomousTransferCompletePolicy."
BOTH = "Both"


class TransferPolicy:
    """The filters of ManagementServer.AutonomousTransferCompletePolicy; without the object nothing is reported."""

    def __init__(self, server: ManagementServer) -> None:
        self._server = server

    def wants(self, transfer: Transfer) -> bool:
        """Whether the ACS is told of ``transfer``, which is done."""
        if not transfer.autonomous:
            return True
        kind, result = "Download" if transfer.is_download else "Upload", "Failure" if transfer.code else "Success"
        text = self._server.text
        return (
            self._server.flag(POLICY + "Enable")
            and text(POLICY + "TransferTypeFilter", BOTH) in (kind, BOTH)
            and text(POLICY + "ResultTypeFilter", BOTH) in (result, BOTH)
            and transfer.file_type in list_items(text(POLICY + "FileTypeFilter"))
        )


class AutonomousTransfers:
    """Starts these transfers, and is the source of their reports."""

    def __init__(self, records: TransferRecords, queue: TransferQueue, clock: Clock) -> None:
        self._records = records
        self._queue = queue
        self._clock = clock

    async def begin(self, kind: Kind, file_type: str, url: str, target_name: str = "") -> None:
        """Begin a download or upload without credentials. Raises CwmpFault 9003, 9004, 9013, and StoreWriteError."""
        file_url = parse_file_url(url)
        begin = Moment.after(0, self._records.now())
        transfer = Transfer(
            number=self._records.free_number(),
            kind=kind,
            file_type=file_type,
            url=file_url.url,
            target_name=target_name,
            sha256=file_url.sha256,
            begin=begin,
            autonomous=True,
        )
        await self._queue.accept(transfer)
        self._queue.poll()

    def requests(self) -> Sequence[OwnRequest]:
        """The reports that the ACS has not answered."""
        return [self._request(each) for each in self._records if each.state is State.DONE and each.autonomous]

    def answered(self, own: OwnRequest, answer: Response | Fault) -> Answered:
        """Remove the transfer."""
        for transfer in self._records:
            if transfer.state is State.DONE and transfer.autonomous and self._request(transfer) == own:
                return Answered(notes=self._records.reported(transfer))
        return Answered()

    def _request(self, transfer: Transfer) -> OwnRequest:
        report = AutonomousTransferComplete(
            "",
            transfer.url,
            transfer.is_download,
            transfer.file_type,
            transfer.size,
            transfer.target_name,
            FaultStruct(transfer.code, transfer.text),
            reported_time(transfer.started, self._clock),
            reported_time(transfer.completed, self._clock),
        )
        return OwnRequest(report, code=event_of(transfer).code)
