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
from cwmpagent.control.connection import Connection, as_error, as_line
from cwmpagent.control.recent_facts import RecentFacts
from cwmpagent.control.report import Running
from cwmpagent.control.unix_listener import KEY, SHORTAGE, UnixListener
from cwmpagent.errors import ConfigError

MOST_CLIENTS = 8
"""Maximum number of clients at a time."""
TOO_MANY = as_line(as_error(f"{MOST_CLIENTS} clients are connected already"))
NO_RESOURCE = as_line(as_error("the agent has no file descriptor left: try again later"))
CHECK_INTERVAL = 60.0
"""Seconds between two checks that the socket is in its place; one that is not is made again."""
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, *SHORTAGE})


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
        self._check: Any = None
        self._failing = False

    def open(self) -> None:
        """Listen. Raises ConfigError where the configuration must be changed.

        On a full machine it warns, and tries again every :data:`CHECK_INTERVAL` seconds.
        """
        self._commands = Commands(self._agent, self._recent, self._clock)
        try:
            self._listen()
        except OSError as error:
            if error.errno not in _FULL:
                raise ConfigError(KEY, self._not_created(error)) from error
            self._missing(self._not_created(error))
        self._check = self._reactor.callLater(CHECK_INTERVAL, self._check_place)

    def _listen(self) -> None:
        self._listener = UnixListener(self._reactor, self._path, self._welcome, self._warn)
        self._failing = False

    def _not_created(self, error: OSError) -> str:
        return f"{self._path} cannot be created: {error.strerror}"

    def _missing(self, reason: str) -> None:
        """Warn, once until it listens again."""
        if not self._failing:
            self._failing = True
            again = f"the agent tries again every {CHECK_INTERVAL:g} s"
            self._warn(f"the command line cannot reach this agent: {KEY}: {reason}; {again}")

    def _check_place(self) -> None:
        """Listen again where the socket could not be made, or its file was deleted or replaced."""
        self._check = self._reactor.callLater(CHECK_INTERVAL, self._check_place)
        if self._listener is not None:
            if self._listener.in_place:
                return
            self._warn(
                f"the control socket {self._path} was deleted or replaced while the agent runs: it is created again"
            )
            self._listener.close()
            self._listener = None
        try:
            self._listen()
        except ConfigError as error:
            self._missing(error.reason)
        except OSError as error:
            self._missing(self._not_created(error))

    async def close(self) -> None:
        """Stop listening and disconnect all clients. A change under way is completed."""
        if self._check is not None and self._check.active():
            self._check.cancel()
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
        try:
            self._reactor.adoptStreamConnection(peer.fileno(), socket.AF_UNIX, _ConnectionFactory(connection))
        except OSError:  # it duplicates the descriptor
            self._connections.discard(connection)
            with suppress(OSError):
                peer.send(NO_RESOURCE)
            raise

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
