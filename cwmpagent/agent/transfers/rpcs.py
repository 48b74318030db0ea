"""The RPCs of transfers: Download, Upload, ScheduleDownload, CancelTransfer, and the lists of queued transfers."""

from __future__ import annotations

from cwmpagent.agent.options import TransferOptions
from cwmpagent.agent.session.dispatcher import Dispatcher
from cwmpagent.agent.transfers.queue import TransferQueue
from cwmpagent.agent.transfers.records import TransferRecords
from cwmpagent.errors import CwmpFault, StoreWriteError
from cwmpagent.protocol.rpc import (
    AllQueuedTransferStruct,
    CancelTransfer,
    CancelTransferResponse,
    Download,
    DownloadResponse,
    GetAllQueuedTransfers,
    GetAllQueuedTransfersResponse,
    GetQueuedTransfers,
    GetQueuedTransfersResponse,
    QueuedTransferStruct,
    ScheduleDownload,
    ScheduleDownloadResponse,
    Upload,
    UploadResponse,
)
from cwmpagent.protocol.transfers.listed_type import listed_type
from cwmpagent.protocol.transfers.moment import Moment
from cwmpagent.protocol.transfers.record import Kind, Transfer
from cwmpagent.protocol.transfers.url import parse_file_url
from cwmpagent.protocol.transfers.window import Window, checked_windows
from cwmpagent.values import UNKNOWN_TIME


class TransferRpcs:
    """These RPCs. Each accepted transfer begins after the session; Status is always 1."""

    def __init__(self, records: TransferRecords, queue: TransferQueue, options: TransferOptions) -> None:
        self._records = records
        self._queue = queue
        self._options = options

    def register(self, dispatcher: Dispatcher) -> None:
        """Register the functions of these RPCs."""
        dispatcher.register(Download, self.download)
        dispatcher.register(Upload, self.upload)
        dispatcher.register(ScheduleDownload, self.schedule_download)
        dispatcher.register(CancelTransfer, self.cancel)
        dispatcher.register(GetQueuedTransfers, self.queued)
        dispatcher.register(GetAllQueuedTransfers, self.all_queued)

    async def download(self, request: Download) -> DownloadResponse:
        """Queue a download (A.3.2.8). Raises CwmpFault 9003, 9004, 9013, and 9002 if it cannot be saved."""
        await self._accept(self._download(Kind.DOWNLOAD, request))
        return DownloadResponse(1, UNKNOWN_TIME, UNKNOWN_TIME)

    async def schedule_download(self, request: ScheduleDownload) -> ScheduleDownloadResponse:
        """Queue a download within time windows (A.4.1.8). Raises CwmpFault as :meth:`download`."""
        await self._accept(self._download(Kind.SCHEDULE_DOWNLOAD, request))
        return ScheduleDownloadResponse()

    async def upload(self, request: Upload) -> UploadResponse:
        """Queue an upload (A.4.1.5). Raises CwmpFault as :meth:`download`."""
        self._options.check_file_type(request.file_type, Kind.UPLOAD)
        transfer = Transfer(
            number=self._records.free_number(),
            kind=Kind.UPLOAD,
            command_key=request.command_key,
            file_type=request.file_type,
            url=parse_file_url(request.url).url,
            username=request.username,
            password=request.password,
            begin=Moment.after(request.delay_seconds, self._records.now()),
        )
        await self._accept(transfer)
        return UploadResponse(1, UNKNOWN_TIME, UNKNOWN_TIME)

    async def cancel(self, request: CancelTransfer) -> CancelTransferResponse:
        """Cancel all transfers with this CommandKey (A.4.1.9). Raises CwmpFault 9003, 9021, 9002."""
        if not request.command_key:
            raise CwmpFault(9003, "CommandKey must not be empty")
        found = [each for each in self._records if each.command_key == request.command_key and not each.autonomous]
        if found:
            try:
                await self._queue.cancel(found)
            except StoreWriteError as error:
                raise CwmpFault(9002, f"cannot save the cancelation: {error}") from error
        return CancelTransferResponse()

    def queued(self, request: GetQueuedTransfers) -> GetQueuedTransfersResponse:
        """List the transfers that the ACS has asked for (A.4.1.2)."""
        return GetQueuedTransfersResponse(
            tuple(
                QueuedTransferStruct(each.command_key, each.reported_state)
                for each in self._records
                if not each.autonomous
            )
        )

    def all_queued(self, request: GetAllQueuedTransfers) -> GetAllQueuedTransfersResponse:
        """List all transfers (A.4.1.7)."""
        return GetAllQueuedTransfersResponse(
            tuple(
                AllQueuedTransferStruct(
                    each.command_key,
                    each.reported_state,
                    each.is_download,
                    listed_type(each),
                    each.size,
                    each.target_name,
                )
                for each in self._records
            )
        )

    def _download(self, kind: Kind, request: Download | ScheduleDownload) -> Transfer:
        self._options.check_file_type(request.file_type, kind)
        file_url = parse_file_url(request.url)
        now = self._records.now()
        windows: tuple[Window, ...] = ()
        if isinstance(request, ScheduleDownload):
            windows = checked_windows(request.time_window_list, now, self._options.vendor_modes)
        return Transfer(
            number=self._records.free_number(),
            kind=kind,
            command_key=request.command_key,
            file_type=request.file_type,
            url=file_url.url,
            username=request.username,
            password=request.password,
            size=request.file_size,
            target_name=request.target_file_name,
            sha256=file_url.sha256,
            begin=Moment.after(request.delay_seconds if isinstance(request, Download) else 0, now),
            windows=windows,
        )

    async def _accept(self, transfer: Transfer) -> None:
        try:
            await self._queue.accept(transfer)
        except StoreWriteError as error:
            raise CwmpFault(9002, f"cannot save the transfer: {error}") from error
