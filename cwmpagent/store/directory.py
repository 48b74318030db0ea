"""The state directory and what is in it belong to one user alone, whatever the umask."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from cwmpagent.errors import StoreError

PRIVATE_DIRECTORY = 0o700
PRIVATE_FILE = 0o600
OTHERS = 0o077


def prepare(directory: Path, ours: str) -> None:
    """Make sure that ``directory`` is there and that only this user may enter it.

    What is missing of its path is created with mode 0700, parents too. One that others may enter is tightened to 0700
    if it is empty or holds the file ``ours``; if it holds other things only it is refused: they may be somebody's.

    Raises ``StoreError`` for that, for a directory of another user and for whatever the system refuses.
    """
    try:
        _create(directory)
        status = directory.stat()
        if not stat.S_ISDIR(status.st_mode):
            raise StoreError(f"{directory} is not a directory: name one that only the agent uses")
        if status.st_uid != os.geteuid():
            raise StoreError(
                f"{directory} belongs to user {status.st_uid} and the agent runs as user {os.geteuid()}: "
                "run it as that user, or give it a directory of its own"
            )
        if status.st_mode & OTHERS:
            entries = {entry.name for entry in directory.iterdir()}
            if entries and ours not in entries:
                mode = stat.S_IMODE(status.st_mode)
                raise StoreError(
                    f"{directory} holds other files and is open to other users (mode {mode:04o}): "
                    f"give the agent a directory of its own, or chmod 700 {directory}"
                )
            directory.chmod(PRIVATE_DIRECTORY)
    except OSError as error:
        raise StoreError(f"{directory} cannot be used: {error.strerror}") from error


def _create(directory: Path) -> None:
    if directory.exists():
        return
    _create(directory.parent)
    directory.mkdir(PRIVATE_DIRECTORY)
    directory.chmod(PRIVATE_DIRECTORY)
    sync(directory.parent)


def create_private(path: Path) -> None:
    """Create the empty file ``path`` with mode 0600; it must not be there. Raises ``OSError``."""
    descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, PRIVATE_FILE)
    try:
        os.fchmod(descriptor, PRIVATE_FILE)
    finally:
        os.close(descriptor)


def make_private(path: Path) -> None:
    """Take ``path``, if it is there, from everybody but its owner. Raises ``OSError``."""
    if path.exists() and path.stat().st_mode & OTHERS:
        path.chmod(PRIVATE_FILE)


def sync(directory: Path) -> None:
    """Make created, renamed and removed names in ``directory`` survive a loss of power. Raises ``OSError``."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
