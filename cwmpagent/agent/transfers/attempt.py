"""One attempt of a transfer: the file is fetched and verified, or written and sent."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from cwmpagent.agent.options import TransferOptions
from cwmpagent.protocol.transfers.file import FileDownload, FileUpload, Progress
from cwmpagent.protocol.transfers.record import Transfer


async def fetch(
    transfer: Transfer, options: TransferOptions, seconds: float, progress: Callable[[Progress], None]
) -> None:
    """Download and verify the file of ``transfer`` within ``seconds``. Raises TransferFailure."""
    path = options.spool.path(transfer.number)
    file = FileDownload(
        url=transfer.url,
        username=transfer.username,
        password=transfer.password,
        path=path,
        validator=transfer.validator,
        size=transfer.size,
        most=options.max_size,
        seconds=seconds,
    )
    await options.client.download(file, progress)
    await options.verify(file, transfer.sha256)


async def send(
    transfer: Transfer, options: TransferOptions, seconds: float, progress: Callable[[Progress], None]
) -> None:
    """Write the file of ``transfer`` and send it within ``seconds``. Raises TransferFailure."""
    path = options.spool.path(transfer.number)
    options.spool.remove(transfer.number)  # of an attempt that was interrupted
    await options.source.write(transfer.file_type, path)
    file = FileUpload(
        url=transfer.url, username=transfer.username, password=transfer.password, path=path, seconds=seconds
    )
    await options.client.upload(file, progress)


def with_validator(transfer: Transfer, progress: Progress) -> Transfer:
    """``transfer`` with the validator of the octets that arrive."""
    return replace(transfer, validator=progress.validator[:1024])
