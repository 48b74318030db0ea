"""Small files that are read and written as a whole."""

from __future__ import annotations

import os
from pathlib import Path

from cwmpagent.errors import TransferFailure


def read_whole(path: str, most: int) -> bytes:
    """The content of the file ``path``. Raises TransferFailure: 9018 above ``most`` octets, 9002 if unreadable."""
    try:
        with Path(path).open("rb") as file:
            data = file.read(most + 1)
    except OSError as error:
        raise TransferFailure(9002, f"the file cannot be read: {error.strerror}") from None
    if len(data) > most:
        raise TransferFailure(9018, f"the file has more than {most} octets", permanent=True)
    return data


def write_whole(path: str, data: bytes) -> None:
    """Write ``data`` to the new file ``path`` with mode 0600. Raises TransferFailure 9011 and removes the file then."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise TransferFailure(9011, f"the file for the upload cannot be made: {error.strerror}") from None
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
    except OSError as error:
        Path(path).unlink(missing_ok=True)
        raise TransferFailure(9011, f"the file for the upload cannot be written: {error.strerror}") from None
