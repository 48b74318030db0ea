"""The socket file: made so that only its owner can come in, and taken away only where it is this agent's own."""

from __future__ import annotations

import errno
import os
import socket
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

from twisted.internet.interfaces import IReadDescriptor
from zope.interface import implementer

from cwmpagent.control.socket_path import address, user_of
from cwmpagent.errors import ConfigError

KEY = "control.socket"
PRIVATE = 0o600
BACKLOG = 8
REST = 1.0
"""Seconds without accepting after the process ran out of descriptors."""


def listening(path: Path) -> socket.socket:
    """A socket that listens at ``path`` with mode 0600; a stale one of this user is replaced.

    Raises ConfigError for what a person must mend: something else is there, somebody else's, or of a living process;
    OSError for what the system refuses.
    """
    _clear(path)
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
    try:
        # Only a mask keeps others out from the first moment on; a chmod would come a moment later.
        mask = os.umask(0o777 & ~PRIVATE)
        try:
            with address(path) as where:
                made.bind(where)
        finally:
            os.umask(mask)
        made.listen(BACKLOG)
    except BaseException:
        made.close()
        raise
    return made


def _clear(path: Path) -> None:
    """Make room at ``path``. Raises ConfigError, OSError."""
    directory = path.parent.stat()
    if directory.st_uid not in (0, os.geteuid()) or (
        directory.st_mode & stat.S_IWOTH and not directory.st_mode & stat.S_ISVTX
    ):
        raise ConfigError(KEY, f"other users may change {path.parent}: name a directory of the agent's own")
    try:
        there = path.lstat()
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(there.st_mode):
        raise ConfigError(KEY, f"{path} is there and is no socket: name another path, or remove it")
    if there.st_uid != os.geteuid():
        raise ConfigError(KEY, f"{path} belongs to user {there.st_uid}: name another path, or remove it")
    if _answered(path):
        raise ConfigError(KEY, f"{path} is in use by another process: each agent needs a socket of its own")
    path.unlink()


def _answered(path: Path) -> bool:
    """Whether a process listens there."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK) as probe:
        try:
            with address(path) as where:
                probe.connect(where)
        except (ConnectionRefusedError, FileNotFoundError):
            return False
        except BlockingIOError:  # its queue is full
            return True
    return True


@implementer(IReadDescriptor)
class UnixListener:
    """Takes connections at ``path`` and hands on, as a socket and its user id, each of this user and of root."""

    def __init__(self, reactor: Any, path: Path, welcome: Callable[[socket.socket], None]) -> None:
        """Raises as :func:`listening`."""
        self._reactor = reactor
        self._path = path
        self._welcome = welcome
        self._socket = listening(path)
        made = path.lstat()
        self._mine = made.st_dev, made.st_ino
        self._rest: Any = None
        reactor.addReader(self)

    def fileno(self) -> int:
        """The descriptor that the reactor watches."""
        return self._socket.fileno()

    def logPrefix(self) -> str:
        """For Twisted's log."""
        return "control"

    def doRead(self) -> None:
        """Somebody is at the door."""
        try:
            peer, _ = self._socket.accept()
        except OSError as error:
            if error.errno in (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM):
                self._reactor.removeReader(self)
                self._rest = self._reactor.callLater(REST, self._reactor.addReader, self)
            return
        with peer:
            if user_of(peer) in (0, os.geteuid()):
                peer.setblocking(False)
                self._welcome(peer)

    def connectionLost(self, reason: object) -> None:
        """The reactor is done with it."""

    def close(self) -> None:
        """Stop listening, and remove the file unless it has become somebody else's."""
        self._reactor.removeReader(self)
        if self._rest is not None and self._rest.active():
            self._rest.cancel()
        self._socket.close()
        try:
            there = self._path.lstat()
            if (there.st_dev, there.st_ino) == self._mine:
                self._path.unlink()
        except OSError:  # gone already, or not to be removed: the next start replaces it
            pass
