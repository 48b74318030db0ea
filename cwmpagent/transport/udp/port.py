"""UDP port of an agent: receives ConnectionRequests and STUN messages of its NAT binding (TR-069 Annex G).

Datagrams are separated by their first byte into STUN and text. This module sends no answers.
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
from cwmpagent.transport.addresses import socket_address

_MAPPED = "::ffff:"
"""Prefix of an IPv4 address on a socket for IPv4 and IPv6."""


class DatagramTarget(Protocol):
    """Receiver of the datagrams of a port."""

    def stun(self, data: bytes, source: Address) -> None:
        """Process a datagram that may be a STUN message."""

    def text(self, data: bytes, source: Address) -> None:
        """Process a datagram that may be a ConnectionRequest."""


class DatagramPort:
    """UDP on ``port`` (0: any free port) of ``interface`` (an address; empty: all of IPv4; ``::``: IPv4 and IPv6).

    ``key``: the configuration key that errors name.
    """

    def __init__(self, reactor: Any, port: int, interface: str = "", *, key: str = "connection_request.udp_port"):
        self._reactor = reactor
        self._port = port
        self._interface = interface
        self._key = key
        self._target: DatagramTarget | None = None
        self._socket: Any = None

    def bind(self) -> None:
        """Listen. Raises :class:`~cwmpagent.errors.ConfigError` where the port cannot be opened."""
        try:
            self._socket = self._reactor.listenUDP(
                self._port, _ConnectionRequests(self._received), interface=self._interface
            )
        except CannotListenError as error:
            cause = getattr(error.socketError, "strerror", None) or str(error.socketError)
            hint = ": choose another" if getattr(error.socketError, "errno", 0) == errno.EADDRINUSE else ""
            raise ConfigError(self._key, f"UDP port {self._port}: {cause}{hint}") from error

    @property
    def host(self) -> Address | None:
        """Local address, None while it does not listen; the host may be a wildcard address."""
        if self._socket is None:
            return None
        at = self._socket.getHost()
        return Address(at.host, at.port)

    def attach(self, target: DatagramTarget) -> None:
        """Pass all further datagrams to ``target``."""
        self._target = target

    def detach(self) -> None:
        """Drop all further datagrams."""
        self._target = None

    def send(self, data: bytes, to: Address) -> bool:
        """Send one datagram. Returns False where it could not be sent; the caller treats it as lost."""
        if self._socket is None:
            return False
        host = _MAPPED + to.host if ":" in self._socket.getHost().host and ":" not in to.host else to.host
        try:
            self._socket.write(data, socket_address(host, to.port))
        except (OSError, MessageLengthError, ValueError, ArithmeticError):
            return False
        return True

    def close(self) -> Deferred[None]:
        """Close the socket. Fires when it is closed."""
        self.detach()
        socket, self._socket = self._socket, None
        return maybeDeferred(socket.stopListening) if socket is not None else maybeDeferred(lambda: None)

    def _received(self, data: bytes, source: tuple[str, int]) -> None:
        target = self._target
        if target is None or not data:
            return
        origin = Address(source[0].removeprefix(_MAPPED), source[1])
        if looks_like_stun(data):
            target.stun(data, origin)
        else:
            target.text(data, origin)


class _ConnectionRequests(DatagramProtocol):
    """Protocol of the port. Twisted logs its class name with the port number."""

    def __init__(self, received: Callable[[bytes, tuple[str, int]], None]) -> None:
        self._received = received

    def datagramReceived(self, datagram: bytes, addr: Any) -> None:
        self._received(datagram, (str(addr[0]), int(addr[1])))
