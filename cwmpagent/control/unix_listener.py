"""The socket file. Only its owner and root can connect; only the agent that created it removes it."""

from __future__ import annotations

import errno
import os
import socket
import stat
from collections.abc import Callable
from contextlib import suppress
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
"""Seconds without accepting after the process ran out of descriptors."""
SHORTAGE = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
"""Errors of a process or machine that has no descriptor or memory left."""


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
    """Accepts connections at ``path``, and passes those of this user and of root to ``welcome``.

    ``welcome`` may raise OSError: the connection is closed. ``warn`` is called with a sentence when connections cannot
    be accepted, once until the next one that can.
    """

    def __init__(
        self,
        reactor: Any,
        path: Path,
        welcome: Callable[[socket.socket], None],
        warn: Callable[[str], object],
    ) -> None:
        """Raises as :func:`listening`."""
        self._reactor = reactor
        self._path = path
        self._welcome = welcome
        self._warn = warn
        self._failing = False
        self._socket = listening(path)
        status = path.lstat()
        self._file = status.st_dev, status.st_ino
        self._resume: Any = None
        reactor.addReader(self)

    def fileno(self) -> int:
        """The descriptor of the listening socket."""
        return self._socket.fileno()

    def logPrefix(self) -> str:
        """The system name in Twisted's log."""
        return "control"

    @property
    def in_place(self) -> bool:
        """Whether the file at the path is still the one of this socket."""
        try:
            present = self._path.lstat()
        except OSError:
            return False
        return (present.st_dev, present.st_ino) == self._file

    def doRead(self) -> None:
        """Accept one connection. An error must not leave this method: the reactor would stop reading for good."""
        try:
            peer, _ = self._socket.accept()
        except OSError as error:
            if error.errno in SHORTAGE:
                self._pause(error)
            return
        with peer:
            try:
                if user_of(peer) in (0, os.geteuid()):
                    peer.setblocking(False)
                    self._welcome(peer)
            except OSError as error:  # accept took the last descriptor, and ``welcome`` needs one more
                if error.errno in SHORTAGE:
                    self._pause(error)
            else:
                self._failing = False

    def _pause(self, error: OSError) -> None:
        """Accept nothing for :data:`PAUSE` seconds, as the reactor would call :meth:`doRead` without end."""
        self._reactor.removeReader(self)
        self._resume = self._reactor.callLater(PAUSE, self._reactor.addReader, self)
        if not self._failing:
            self._failing = True
            self._warn(
                f"the control socket cannot accept connections: {error.strerror}; it tries again every {PAUSE:g} s"
            )

    def connectionLost(self, reason: object) -> None:
        """Do nothing: :meth:`close` closes the socket."""

    def close(self) -> None:
        """Stop listening. Remove the file unless another file has replaced it."""
        self._reactor.removeReader(self)
        if self._resume is not None and self._resume.active():
            self._resume.cancel()
        self._socket.close()
        if self.in_place:
            with suppress(OSError):  # not to be removed: the next start replaces it
                self._path.unlink()
