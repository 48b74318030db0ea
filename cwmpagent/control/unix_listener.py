"""The socket file. Only its owner and root can connect; only the agent that created it removes it."""

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
PAUSE = 1.0
"""Seconds without ``accept`` after the process has run out of descriptors."""


def listening(path: Path) -> socket.socket:
    """A socket that listens at ``path`` with mode 0600. A stale socket of the same user is replaced.

    Raises ConfigError where the configuration must be changed: ``path`` is no socket, belongs to another user, or a
    process listens there. Raises OSError for other errors of the system.
    """
    _clear(path)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
    try:
        # The umask, because chmod after bind would leave the socket open to others for a moment.
        mask = os.umask(0o777 & ~PRIVATE)
        try:
            with address(path) as socket_address:
                listener.bind(socket_address)
        finally:
            os.umask(mask)
        listener.listen(BACKLOG)
    except BaseException:
        listener.close()
        raise
    return listener


def _clear(path: Path) -> None:
    """Remove a stale socket at ``path``. Raises ConfigError, OSError."""
    directory = path.parent.stat()
    if directory.st_uid not in (0, os.geteuid()) or (
        directory.st_mode & stat.S_IWOTH and not directory.st_mode & stat.S_ISVTX
    ):
        raise ConfigError(
            KEY, f"other users can write to {path.parent}: use a directory that only the agent can write to"
        )
    try:
        status = path.lstat()
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(status.st_mode):
        raise ConfigError(KEY, f"{path} exists and is not a socket: use another path, or remove it")
    if status.st_uid != os.geteuid():
        raise ConfigError(KEY, f"{path} belongs to user {status.st_uid}: use another path, or remove it")
    if _is_in_use(path):
        raise ConfigError(KEY, f"{path} is in use by another process: each agent needs its own socket")
    path.unlink()


def _is_in_use(path: Path) -> bool:
    """Whether a process listens at ``path``."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK) as probe:
        try:
            with address(path) as socket_address:
                probe.connect(socket_address)
        except (ConnectionRefusedError, FileNotFoundError):
            return False
        except BlockingIOError:  # the queue of a listener is full
            return True
    return True


@implementer(IReadDescriptor)
class UnixListener:
    """A listener at ``path``. ``welcome`` receives the socket of each client of this user or of root."""

    def __init__(self, reactor: Any, path: Path, welcome: Callable[[socket.socket], None]) -> None:
        """Listen. Raises as :func:`listening`."""
        self._reactor = reactor
        self._path = path
        self._welcome = welcome
        self._socket = listening(path)
        status = path.lstat()
        self._file = status.st_dev, status.st_ino
        self._pause: Any = None
        reactor.addReader(self)

    def fileno(self) -> int:
        """The descriptor of the listening socket."""
        return self._socket.fileno()

    def logPrefix(self) -> str:
        """The system name in Twisted's log."""
        return "control"

    def doRead(self) -> None:
        """Accept one client; clients of other users are disconnected."""
        try:
            peer, _ = self._socket.accept()
        except OSError as error:
            if error.errno in (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM):
                self._reactor.removeReader(self)
                self._pause = self._reactor.callLater(PAUSE, self._reactor.addReader, self)
            return
        with peer:
            if user_of(peer) in (0, os.geteuid()):
                peer.setblocking(False)
                self._welcome(peer)

    def connectionLost(self, reason: object) -> None:
        """Do nothing: :meth:`close` closes the socket."""

    def close(self) -> None:
        """Stop listening. Remove the file unless another file has replaced it."""
        self._reactor.removeReader(self)
        if self._pause is not None and self._pause.active():
            self._pause.cancel()
        self._socket.close()
        try:
            status = self._path.lstat()
            if (status.st_dev, status.st_ino) == self._file:
                self._path.unlink()
        except OSError:  # removed already, or not removable: the next start replaces it
            pass
