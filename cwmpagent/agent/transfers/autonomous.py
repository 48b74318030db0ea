"""Transfers that the ACS has not asked for: their start, and AutonomousTransferComplete (A.3.3.3) with its policy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from cwmpagent.agent.management_server import ManagementServer
from cwmpagent.agent.options import TransferOptions
from cwmpagent.agent.ports import Clock
from cwmpagent.agent.session.own_requests import Answered, OwnRequest
from cwmpagent.agent.transfers.completions import reported_time
from cwmpagent.agent.transfers.queue import TransferQueue
from cwmpagent.agent.transfers.records import TransferRecords, event_of
from cwmpagent.errors import CwmpFault, StoreWriteError
from cwmpagent.protocol.rpc import AutonomousTransferComplete, Fault, FaultStruct, Response
from cwmpagent.protocol.transfers.listed_type import filtered_type, listed_type
from cwmpagent.protocol.transfers.moment import Moment
from cwmpagent.protocol.transfers.record import Kind, State, Transfer
from cwmpagent.protocol.transfers.url import parse_file_url
from cwmpagent.values import can_be_sent, list_items

LONGEST_URL = 1024
POLICY = "AutonomousTransferCompletePolicy."
BOTH = "Both"


@dataclass(frozen=True, slots=True, kw_only=True)
class AutonomousOrder:
    """A transfer that somebody at the device asks for.

    ``kind``: DOWNLOAD or UPLOAD. ``file_type``: as in that RPC. ``url``: without user name and password; of a download,
    ``#sha256=`` and the checksum may follow. ``size``: octets, 0 where unknown. ``target_name``: TargetFileName.
    """

    kind: Kind
    file_type: str
    url: str
    username: str = ""
    password: str = field(default="", repr=False)
    size: int = 0
    target_name: str = ""

    def check(self) -> None:
        """Raise CwmpFault 9003 for what a report (A.3.3.3) or the saved record could not take."""
        for name, text, most in (
            ("the URL", self.url, LONGEST_URL),
            ("the user name", self.username, 256),
            ("the password", self.password, 256),
            ("the target file name", self.target_name, 256),
        ):
            if len(text) > most or not can_be_sent(text):
                raise CwmpFault(9003, f"{name} has more than {most} characters, or one that cannot be sent")
        if not 0 <= self.size < 2**32:
            raise CwmpFault(9003, "the size must be from 0 to 4294967295")


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
            and filtered_type(transfer) in list_items(text(POLICY + "FileTypeFilter"))
        )


class AutonomousTransfers:
    """Starts these transfers, and is the source of their reports."""

    def __init__(self, records: TransferRecords, queue: TransferQueue, options: TransferOptions, clock: Clock) -> None:
        self._records = records
        self._queue = queue
        self._options = options
        self._clock = clock

    async def begin(self, order: AutonomousOrder) -> int:
        """Queue a transfer, which begins at once, and return its number.

        Raises CwmpFault 9003, 9004, 9013, and 9002 if it cannot be saved.
        """
        self._options.check_file_type(order.file_type, order.kind)
        order.check()
        file_url = parse_file_url(order.url)
        transfer = Transfer(
            number=self._records.free_number(),
            kind=order.kind,
            file_type=order.file_type,
            url=file_url.url,
            username=order.username,
            password=order.password,
            size=order.size,
            target_name=order.target_name,
            sha256=file_url.sha256,
            begin=Moment.after(0, self._records.now()),
            autonomous=True,
        )
        try:
            await self._queue.accept(transfer)
        except StoreWriteError as error:
            raise CwmpFault(9002, f"cannot save the transfer: {error}") from error
        self._queue.poll()
        return transfer.number

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
            listed_type(transfer),
            transfer.size,
            transfer.target_name,
            FaultStruct(transfer.code, transfer.text),
            reported_time(transfer.started, self._clock),
            reported_time(transfer.completed, self._clock),
        )
        return OwnRequest(report, code=event_of(transfer).code)
