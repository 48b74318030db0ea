"""The socket file: made so that only its owner can come in, and taken away only where it is this agent's own."""

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
REST = 1.0
"""Seconds without accepting after the process ran out of descriptors."""
SHORTAGE = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
"""Errors of a process or machine that has no descriptor or memory left."""


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
    """Accepts connections at ``path``, and passes those of this user and of root to ``welcome``.

    ``welcome`` may raise OSError: the connection is closed. ``warn`` is called with a sentence when connections cannot
    be accepted, once until the next one that can.
    """

    def __init__(
        self,
        reactor: Any,
        path: Path,
        welcome: Callable[[socket.socket], None],
        warn: Callable[[str], object] = lambda line: None,
    ) -> None:
        """Raises as :func:`listening`."""
        self._reactor = reactor
        self._path = path
        self._welcome = welcome
        self._warn = warn
        self._failing = False
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

    @property
    def in_place(self) -> bool:
        """Whether the file at the path is still the one of this socket."""
        try:
            present = self._path.lstat()
        except OSError:
            return False
        return (present.st_dev, present.st_ino) == self._mine

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
            except OSError as error:  # the last descriptor was for accept; a descriptor more is needed
                self._pause(error)
            else:
                self._failing = False

    def _pause(self, error: OSError) -> None:
        """Accept nothing for :data:`REST` seconds, as the reactor would call :meth:`doRead` without end."""
        self._reactor.removeReader(self)
        self._rest = self._reactor.callLater(REST, self._reactor.addReader, self)
        if not self._failing:
            self._failing = True
            self._warn(
                f"the control socket cannot accept connections: {error.strerror}; it tries again every {REST:g} s"
            )

    def connectionLost(self, reason: object) -> None:
        """The reactor is done with it."""

    def close(self) -> None:
        """Stop listening, and remove the file unless it has become somebody else's."""
        self._reactor.removeReader(self)
        if self._rest is not None and self._rest.active():
            self._rest.cancel()
        self._socket.close()
        if self.in_place:
            with suppress(OSError):  # not to be removed: the next start replaces it
                self._path.unlink()
