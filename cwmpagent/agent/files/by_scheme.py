"""The choice of the client for file servers by the scheme of the URL."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

from cwmpagent.agent.ports import FileClient
from cwmpagent.errors import TransferFailure
from cwmpagent.protocol.transfers.file import FileDownload, FileUpload, Progress


class ClientsByScheme(FileClient):
    """Passes each transfer to the client in ``clients`` for the scheme of its URL."""

    def __init__(self, clients: Mapping[str, FileClient]) -> None:
        self._clients = clients

    async def download(self, file: FileDownload, progress: Callable[[Progress], None]) -> None:
        """See :class:`~cwmpagent.agent.ports.FileClient`. Raises TransferFailure 9010 for another scheme."""
        await self._for(file.url, 9010).download(file, progress)

    async def upload(self, file: FileUpload, progress: Callable[[Progress], None]) -> None:
        """See :class:`~cwmpagent.agent.ports.FileClient`. Raises TransferFailure 9011 for another scheme."""
        await self._for(file.url, 9011).upload(file, progress)

    def _for(self, url: str, code: int) -> FileClient:
        client = self._clients.get(urlsplit(url).scheme)
        if client is None:
            raise TransferFailure(code, "no client for the scheme of the URL", permanent=True)
        return client
