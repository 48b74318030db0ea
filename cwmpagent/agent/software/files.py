"""The file of one operation: fetched through the file client to the place that the installer names."""

from __future__ import annotations

from cwmpagent.agent.ports import FileClient, SoftwareInstaller
from cwmpagent.errors import SoftwareFailure, TransferFailure
from cwmpagent.protocol.software import faults
from cwmpagent.protocol.software.operation import Operation
from cwmpagent.protocol.transfers.file import FileDownload, Progress


class SoftwareFiles:
    """Fetches files. ``client``: None where the agent has no client for files. ``most``: octets of one file.

    ``seconds``: for one attempt.
    """

    def __init__(
        self,
        client: FileClient | None,
        installer: SoftwareInstaller,
        *,
        most: int,
        seconds: float,
    ) -> None:
        self._client = client
        self._installer = installer
        self._most = most
        self._seconds = seconds

    async def fetch(self, operation: Operation, duid: str) -> None:
        """Fetch the file of ``operation``. Raises SoftwareFailure."""
        if self._client is None:
            raise SoftwareFailure(faults.UNSUPPORTED_PROTOCOL, "this agent fetches no files")
        file = FileDownload(
            url=operation.url,
            username=operation.username,
            password=operation.password,
            path=self._installer.spool_path(duid),
            most=self._most,
            seconds=self._seconds,
        )
        try:
            await self._client.download(file, _ignore)
        except TransferFailure as failure:
            raise SoftwareFailure(faults.unit_fault(failure.code), str(failure)) from None


def _ignore(progress: Progress) -> None:
    """Do nothing: the state of a fetch is in no table."""
