"""Reactor with UDP in memory and a test clock, and STUN servers on it or on loopback."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from typing import Any

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import Deferred, succeed
from twisted.internet.error import CannotListenError
from twisted.internet.protocol import DatagramProtocol
from twisted.internet.task import Clock

from cwmpagent.protocol.stun.message import Address, MessageType, StunMessage, decode, encode, signature_holds
from tests.transport.http.scripted import Names


@dataclass
class FakeSocket:
    """One bound UDP socket."""

    net: UdpNet
    protocol: DatagramProtocol
    interface: str
    port: int

    def getHost(self) -> IPv4Address | IPv6Address:
        kind = IPv6Address if ":" in self.interface else IPv4Address
        return kind("UDP", self.interface or "0.0.0.0", self.port)

    def write(self, data: bytes, to: tuple[str, int]) -> None:
        self.net.sent.append((self.port, data, Address(*to)))
        self.net.outbound(self, data, Address(*to))

    def stopListening(self) -> Deferred[None]:
        self.net.sockets.remove(self)
        return succeed(None)

    def receive(self, data: bytes, source: Address) -> None:
        """Receive a datagram."""
        self.protocol.datagramReceived(data, tuple(source))


class UdpNet(Clock):
    """Reactor. ``outbound`` is called with every sent datagram; ``names``: hosts and their addresses."""

    def __init__(self, **names: list[str]) -> None:
        super().__init__()
        self.advance(1000)
        self.nameResolver = Names(**names)
        self.sockets: list[FakeSocket] = []
        self.sent: list[tuple[int, bytes, Address]] = []
        self.taken: set[int] = set()
        self.outbound: Callable[[FakeSocket, bytes, Address], None] = lambda socket, data, to: None
        self._free = count(30_001)

    def listenUDP(self, port: int, protocol: DatagramProtocol, interface: str = "", **_: Any) -> FakeSocket:
        if port in self.taken:
            raise CannotListenError(interface, port, OSError(98, "Address already in use"))
        made = FakeSocket(self, protocol, interface, port or next(self._free))
        self.sockets.append(made)
        return made

    def requests(self) -> list[tuple[int, StunMessage, Address]]:
        """Every STUN request sent: source port, message, destination."""
        found = [(port, decode(data), to) for port, data, to in self.sent]
        return [(port, message, to) for port, message, to in found if message is not None]


def answered(data: bytes, mapped: Address, *, password: str | None = None) -> bytes:
    """The response of a plain STUN server to the request ``data``."""
    request = decode(data)
    assert request is not None
    message = StunMessage(kind=MessageType.RESPONSE, transaction=request.transaction, mapped=mapped)
    return encode(message, password=password)


class StunPeer(DatagramProtocol):
    """A STUN server on a real socket. ``mapped``: the mapped address to send, if set; ``silent``: unanswered requests.

    It honours RESPONSE-ADDRESS.
    """

    noisy = False

    def __init__(self) -> None:
        self.requests: list[tuple[StunMessage, Address]] = []
        self.mapped: Address | None = None
        self.silent: Callable[[StunMessage], bool] = lambda message: False
        self.password: str | None = None
        self.datagrams: list[bytes] = []

    def datagramReceived(self, data: bytes, addr: Any) -> None:
        source = Address(*addr[:2])
        message = decode(data)
        assert message is not None
        self.datagrams.append(data)
        self.requests.append((message, source))
        error = self.error(message, data)
        if error is not None:
            refusal = StunMessage(kind=MessageType.ERROR, transaction=message.transaction, error=error, reason="no")
            self.transport.write(encode(refusal), tuple(source))
        elif not self.silent(message):
            to = message.response_address or source
            password = self.password if message.signed else None
            with suppress(OSError):  # a made-up mapped address cannot be reached from loopback
                self.transport.write(answered(data, self.mapped or source, password=password), tuple(to))

    def error(self, message: StunMessage, data: bytes) -> int | None:
        """401 to a BINDING-CHANGE that is not signed where there is a password, 431 to one that is signed wrongly."""
        if self.password is None or not message.binding_change:
            return None
        if not message.signed:
            return 401
        return None if signature_holds(data, self.password) else 431
