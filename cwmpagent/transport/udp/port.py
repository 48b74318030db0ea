"""One UDP port of an agent, where ConnectionRequests come in and whose binding in a NAT is kept (TR-069 Annex G).

What comes is looked at by its first byte: STUN goes one way, text the other. Nothing is ever answered here.
"""

from __future__ import annotations

import errno
from collections.abc import Callable
from typing import Any, Protocol

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.error import CannotListenError, MessageLengthError
from twisted.internet.protocol import DatagramProtocol

from cwmpagent.errors import ConfigError
from cwmpagent.protocol.stun.message import Address, looks_like_stun

_MAPPED = "::ffff:"
"""How an IPv4 address looks on a socket for both."""


class DatagramTarget(Protocol):
    """Whoever a port is for."""

    def stun(self, data: bytes, source: Address) -> None:
        """What may be a STUN message came."""

    def text(self, data: bytes, source: Address) -> None:
        """What may be a ConnectionRequest came."""


class DatagramPort:
    """UDP on ``port`` (0: any that is free) of ``interface`` (an address; empty: all of IPv4, ``::``: IPv6 as well).

    ``key`` is what a person has configured it by.
    """

    def __init__(self, reactor: Any, port: int, interface: str = "", *, key: str = "connection_request.udp_port"):
        self._reactor = reactor
        self._port = port
        self._interface = interface
        self._key = key
        self._target: DatagramTarget | None = None
        self._socket: Any = None

    def bind(self) -> None:
        """Listen. Raises :class:`~cwmpagent.errors.ConfigError` where the port cannot be had."""
        try:
            self._socket = self._reactor.listenUDP(
                self._port, _ConnectionRequests(self._came), interface=self._interface
            )
        except CannotListenError as error:
            cause = getattr(error.socketError, "strerror", None) or str(error.socketError)
            hint = ": choose another" if getattr(error.socketError, "errno", 0) == errno.EADDRINUSE else ""
            raise ConfigError(self._key, f"UDP port {self._port}: {cause}{hint}") from error

    @property
    def host(self) -> Address | None:
        """Where it listens, None while it does not; the host may be one that stands for all of the machine's."""
        if self._socket is None:
            return None
        at = self._socket.getHost()
        return Address(at.host, at.port)

    def attach(self, target: DatagramTarget) -> None:
        """Give ``target`` what comes from now on."""
        self._target = target

    def detach(self) -> None:
        """Throw away what comes."""
        self._target = None

    def send(self, data: bytes, to: Address) -> bool:
        """Send one datagram; False where it could not leave, which is as good as lost on its way."""
        if self._socket is None:
            return False
        host = _MAPPED + to.host if ":" in self._socket.getHost().host and ":" not in to.host else to.host
        try:
            self._socket.write(data, (host, to.port))
        except (OSError, MessageLengthError, ValueError, ArithmeticError):
            return False
        return True

    def close(self) -> Deferred[None]:
        """Close the socket; fires when it is."""
        self.detach()
        socket, self._socket = self._socket, None
        return maybeDeferred(socket.stopListening) if socket is not None else maybeDeferred(lambda: None)

    def _came(self, data: bytes, source: tuple[str, int]) -> None:
        target = self._target
        if target is None or not data:
            return
        origin = Address(source[0].removeprefix(_MAPPED), source[1])
        if looks_like_stun(data):
            target.stun(data, origin)
        else:
            target.text(data, origin)


class _ConnectionRequests(DatagramProtocol):
    """Twisted's log has its name, with the number of the port."""

    def __init__(self, came: Callable[[bytes, tuple[str, int]], None]) -> None:
        self._came = came

    def datagramReceived(self, datagram: bytes, addr: Any) -> None:
        self._came(datagram, (str(addr[0]), int(addr[1])))
