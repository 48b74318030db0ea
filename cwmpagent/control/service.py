"""The control socket of one running agent: the server side of the command `cwmpagent`."""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory

from cwmpagent.agent.ports import Clock
from cwmpagent.control.commands import Commands
from cwmpagent.control.connection import Connection
from cwmpagent.control.recent_facts import RecentFacts
from cwmpagent.control.report import Running
from cwmpagent.control.unix_listener import KEY, UnixListener
from cwmpagent.errors import ConfigError

MOST_CLIENTS = 8
"""Maximum number of clients at a time."""
TOO_MANY = b'{"error":{"reason":"%d clients are connected already","code":0,"parameters":[]}}\n' % MOST_CLIENTS
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EMFILE, errno.ENFILE, errno.ENOMEM)
"""Errors of a machine that is out of a resource, or whose disk is read-only."""


class ControlSocket:
    """The socket at ``path``, which listens between :meth:`open` and :meth:`close`. ``warn`` logs a warning."""

    def __init__(
        self,
        reactor: Any,
        path: Path,
        agent: Running,
        recent: RecentFacts,
        clock: Clock,
        warn: Callable[[str], None],
    ) -> None:
        self._reactor = reactor
        self._path = path
        self._agent = agent
        self._recent = recent
        self._clock = clock
        self._warn = warn
        self._listener: UnixListener | None = None
        self._commands: Commands | None = None
        self._connections: set[Connection] = set()
        self._emptied: Deferred[None] | None = None

    def open(self) -> None:
        """Listen. Raises ConfigError where the configuration must be changed; a full machine is only a warning."""
        self._commands = Commands(self._agent, self._recent, self._clock)
        try:
            self._listener = UnixListener(self._reactor, self._path, self._welcome)
        except OSError as error:
            reason = f"cannot create {self._path}: {error.strerror}"
            if error.errno not in _FULL:
                raise ConfigError(KEY, reason) from error
            self._warn(f"no control socket, so the command line cannot reach this agent: {KEY}: {reason}")

    async def close(self) -> None:
        """Stop listening and disconnect all clients. A change under way is completed."""
        if self._listener is not None:
            self._listener.close()
            self._listener = None
        if self._connections:
            self._emptied = Deferred()
            for connection in tuple(self._connections):
                connection.transport.abortConnection()
            await self._emptied
            self._emptied = None

    def _welcome(self, peer: socket.socket) -> None:
        if len(self._connections) >= MOST_CLIENTS:
            with suppress(OSError):  # a client that does not read is not waited for
                peer.send(TOO_MANY)
            return
        assert self._commands is not None
        connection = Connection(self._reactor, self._commands, self._recent, warn=self._warn, closed=self._closed)
        self._connections.add(connection)
        self._reactor.adoptStreamConnection(peer.fileno(), socket.AF_UNIX, _ConnectionFactory(connection))

    def _closed(self, connection: Connection) -> None:
        self._connections.discard(connection)
        if self._emptied is not None and not self._connections:
            self._emptied.callback(None)


class _ConnectionFactory(Factory):
    """The factory that ``adoptStreamConnection`` requires, for one connection."""

    noisy = False

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def buildProtocol(self, addr: object) -> Connection:
        return self._connection
