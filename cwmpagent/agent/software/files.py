"""The file of one operation: fetched through the file client to the place that the installer names.

A fetch that breaks off is repeated as a Download is, behind the octets that are there where the server's file is still
the same one. After a restart of the agent it begins anew.
"""

from __future__ import annotations

from dataclasses import replace

from twisted.internet.defer import Deferred

from cwmpagent.agent.options import SoftwareOptions
from cwmpagent.agent.ports import Timers
from cwmpagent.errors import SoftwareFailure, TransferFailure
from cwmpagent.protocol.software import faults
from cwmpagent.protocol.software.operation import Operation
from cwmpagent.protocol.transfers.file import FileDownload, Progress
from cwmpagent.protocol.transfers.retry import WAITS
from cwmpagent.protocol.transfers.url import parse_file_url


class SoftwareFiles:
    """Fetches files."""

    def __init__(self, options: SoftwareOptions, timers: Timers) -> None:
        self._options = options
        self._timers = timers

    async def fetch(self, operation: Operation, duid: str) -> None:
        """Fetch and verify the file of ``operation``, whose URL is a valid one. Raises SoftwareFailure."""
        url = parse_file_url(operation.url)
        file = FileDownload(
            url=url.url,
            username=operation.username,
            password=operation.password,
            path=self._options.installer.spool_path(duid),
            most=self._options.largest_file,
            seconds=self._options.seconds,
        )
        waits = iter(WAITS)
        while True:
            begun = _Begun(file.validator)
            try:
                await self._attempt(file, url.sha256, begun)
                return
            except TransferFailure as failure:
                wait = None if failure.permanent else next(waits, None)
                if wait is None:
                    raise SoftwareFailure(faults.unit_fault(failure.code), str(failure)) from None
            file = replace(file, validator=begun.validator)
            await self._sleep(wait)

    async def _attempt(self, file: FileDownload, sha256: str, begun: _Begun) -> None:
        client = self._options.files
        if client is None:
            raise TransferFailure(faults.UNSUPPORTED_PROTOCOL, "this agent fetches no files", permanent=True)
        await client.download(file, begun.see)
        await self._options.verify(file, sha256)

    async def _sleep(self, seconds: float) -> None:
        waiting: Deferred[None] = Deferred(lambda _: call.cancel())
        call = self._timers.callLater(seconds, lambda: waiting.callback(None))
        await waiting


class _Begun:
    """The validator of the octets that arrive."""

    def __init__(self, validator: str) -> None:
        self.validator = validator

    def see(self, progress: Progress) -> None:
        """Take the state of the fetch, which is in no table."""
        self.validator = progress.validator
