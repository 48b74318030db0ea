"""Where the control socket is, for both its ends."""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

NAME = "control.sock"
"""The file in the state directory, unless the configuration names another one."""
LONGEST = 107
"""Bytes of a path that a socket address of Linux has room for."""
_CREDENTIALS = struct.Struct("3i")


@contextmanager
def address(path: Path) -> Iterator[str]:
    """The address of ``path`` for ``bind`` and ``connect``; a longer path goes by way of its open directory."""
    if len(os.fsencode(path)) <= LONGEST:
        yield str(path)
        return
    directory = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{directory}/{path.name}"
    finally:
        os.close(directory)


def user_of(peer: socket.socket) -> int:
    """The user id of the process at the other end."""
    found = peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    return int(_CREDENTIALS.unpack(found)[1])
