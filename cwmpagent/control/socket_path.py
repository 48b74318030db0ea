"""Path and address of the control socket, for the agent and its clients."""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

NAME = "control.sock"
"""File name in the state directory; ``[control] socket`` of the configuration can name another path."""
LONGEST = 107
"""Maximum number of bytes of the path in a socket address of Linux."""
_CREDENTIALS = struct.Struct("3i")


@contextmanager
def address(path: Path) -> Iterator[str]:
    """The address of ``path`` for ``bind`` and ``connect``; that of a longer path goes through its open directory."""
    if len(os.fsencode(path)) <= LONGEST:
        yield str(path)
        return
    directory = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{directory}/{path.name}"
    finally:
        os.close(directory)


def user_of(peer: socket.socket) -> int:
    """The user id of the peer process."""
    credentials = peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    return int(_CREDENTIALS.unpack(credentials)[1])
