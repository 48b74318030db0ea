"""Permissions of the state directory and its files: only one user has access, independent of the umask."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from cwmpagent.errors import StoreError

PRIVATE_DIRECTORY = 0o700
PRIVATE_FILE = 0o600
OTHERS = 0o077


def prepare(directory: Path, ours: str) -> None:
    """Create ``directory`` if it is missing, and ensure that only this user has access.

    Missing directories of its path, including parents, are created with mode 0700. A directory that is open to other
    users is changed to mode 0700 if it is empty or contains the file ``ours``; otherwise it is refused, because its
    files may belong to another program.

    Raises ``StoreError`` for a refused directory, for a directory of another user and for any error of the system.
    """
    try:
        _create(directory)
        status = directory.stat()
        if not stat.S_ISDIR(status.st_mode):
            raise StoreError(f"{directory} is not a directory: configure a directory that only the agent uses")
        if status.st_uid != os.geteuid():
            raise StoreError(
                f"{directory} belongs to user {status.st_uid}, but the agent runs as user {os.geteuid()}: "
                "run it as that user, or configure another directory"
            )
        if status.st_mode & OTHERS:
            entries = {entry.name for entry in directory.iterdir()}
            if entries and ours not in entries:
                mode = stat.S_IMODE(status.st_mode)
                raise StoreError(
                    f"{directory} contains other files and is open to other users (mode {mode:04o}): "
                    f"configure another directory, or run chmod 700 {directory}"
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
    """Create the empty file ``path`` with mode 0600; raises ``OSError``, also if it exists."""
    descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, PRIVATE_FILE)
    try:
        os.fchmod(descriptor, PRIVATE_FILE)
    finally:
        os.close(descriptor)


def make_private(path: Path) -> None:
    """Restrict the file ``path``, if it exists, to its owner (mode 0600); raises ``OSError``."""
    if path.exists() and path.stat().st_mode & OTHERS:
        path.chmod(PRIVATE_FILE)


def sync(directory: Path) -> None:
    """Flush created, renamed and removed names in ``directory`` to disk; raises ``OSError``."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
