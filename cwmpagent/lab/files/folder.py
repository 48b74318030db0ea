"""The folder whose files are served: a file is opened name by name, and no link is followed."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from email.utils import formatdate
from pathlib import Path

PIECE = 1 << 16
"""Octets that are read at once."""


@dataclass(frozen=True, slots=True)
class ServedFile:
    """One open file. ``version``: how often a fault has changed it; each version has other octets and another ETag."""

    descriptor: int
    size: int
    identity: tuple[int, int]
    modified_at: int
    version: int = 0

    @property
    def etag(self) -> str:
        """A strong ETag of inode, modification time, size and version."""
        inode, nanoseconds = self.identity
        return f'"{inode:x}-{nanoseconds:x}-{self.size:x}-{self.version}"'

    @property
    def modified(self) -> str:
        """The Last-Modified header; a version is a second newer than the one before."""
        return formatdate(self.modified_at + self.version, usegmt=True)

    def pieces(self, first: int, length: int) -> Iterator[bytes]:
        """Read ``length`` octets from ``first`` on, a piece at a time; fewer if the file has become shorter."""
        changed = bytes((octet + self.version) % 256 for octet in range(256)) if self.version else None
        while length > 0:
            piece = os.pread(self.descriptor, min(PIECE, length), first)
            if not piece:
                return
            first += len(piece)
            length -= len(piece)
            yield piece.translate(changed) if changed else piece

    def close(self) -> None:
        """Close the file."""
        with suppress(OSError):
            os.close(self.descriptor)


def open_file(root: Path, names: Sequence[str], version: int = 0) -> ServedFile:
    """Open the regular file ``names`` below ``root``. Raises OSError, also for a link or a folder."""
    flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW
    folder = os.open(root, os.O_RDONLY | os.O_CLOEXEC | os.O_DIRECTORY)
    try:
        for name in names[:-1]:
            inner = os.open(name, flags | os.O_DIRECTORY, dir_fd=folder)
            os.close(folder)
            folder = inner
        # O_NONBLOCK: a FIFO must not stop the process.
        descriptor = os.open(names[-1], flags | os.O_NONBLOCK, dir_fd=folder)
    finally:
        os.close(folder)
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        os.close(descriptor)
        raise IsADirectoryError(names[-1])
    identity = (status.st_ino, status.st_mtime_ns)
    return ServedFile(descriptor, status.st_size, identity, int(status.st_mtime), version)
