"""Scripted ACS on a loopback socket: each step of the script answers one request with raw bytes."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from OpenSSL import SSL
from twisted.internet import reactor
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.interfaces import IHostnameResolver, IOpenSSLContextFactory
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.task import Clock
from twisted.trial.unittest import TestCase
from zope.interface import implementer

from cwmpagent.transport.http.acs_client import AcsClient
from cwmpagent.transport.http.limits import HttpLimits
from cwmpagent.transport.http.session_exchange import SessionExchange
from cwmpagent.transport.tls.trust import TlsTrust


@dataclass(frozen=True)
class Request:
    """One received request. ``connection`` counts from 1; the names of ``fields`` keep their case."""

    connection: int
    line: str
    fields: tuple[tuple[str, str], ...]
    body: bytes

    def __getitem__(self, name: str) -> str | None:
        return next((value for given, value in self.fields if given.lower() == name.lower()), None)


class Connection(Protocol):
    """One accepted connection. ``received``: all bytes from the client."""

    transport: Any

    def __init__(self, server: Server) -> None:
        self.server = server
        self.number = 0
        self.gone: Deferred[None] = Deferred()
        self.lost = False
        self.held = bytearray()
        self.received = bytearray()

    def connectionMade(self) -> None:
        self.server.connections.append(self)
        self.number = len(self.server.connections)
        self.server.most_open = max(self.server.most_open, sum(not one.lost for one in self.server.connections))

    def dataReceived(self, data: bytes) -> None:
        self.held += data
        self.received += data
        while (end := self.held.find(b"\r\n\r\n")) >= 0:
            line, *raw = self.held[:end].decode("latin-1").split("\r\n")
            fields = tuple((name, value.strip()) for name, _, value in (field.partition(":") for field in raw))
            over = end + 4 + int(next(value for name, value in fields if name.lower() == "content-length"))
            if len(self.held) < over:
                return
            body = bytes(self.held[end + 4 : over])
            del self.held[:over]
            self.server.took(self, Request(self.number, line, fields, body))

    def connectionLost(self, reason: Any = connectionDone) -> None:
        self.lost = True
        self.gone.callback(None)


Step = bytes | Callable[[Connection], object]


class Server(Factory):
    """Answers each request with the next step of its script: bytes to send, or a function of the connection."""

    noisy = False

    def __init__(self, *script: Step) -> None:
        self.script = list(script)
        self.requests: list[Request] = []
        self.connections: list[Connection] = []
        self.most_open = 0
        self.listening: Any = None
        self._waiting: list[tuple[int, Deferred[None]]] = []

    def buildProtocol(self, addr: object) -> Connection:
        return Connection(self)

    @property
    def port(self) -> int:
        return int(self.listening.getHost().port)

    def took(self, connection: Connection, request: Request) -> None:
        self.requests.append(request)
        step = self.script.pop(0) if self.script else OK
        if isinstance(step, bytes):
            connection.transport.write(step)
        else:
            step(connection)
        for count, waiting in list(self._waiting):
            if len(self.requests) >= count:
                self._waiting.remove((count, waiting))
                waiting.callback(None)

    def asked(self, count: int) -> Deferred[None]:
        """Fire when ``count`` requests have arrived."""
        waiting: Deferred[None] = Deferred()
        if len(self.requests) >= count:
            waiting.callback(None)
        else:
            self._waiting.append((count, waiting))
        return waiting


def answer(status: int = 200, body: bytes = b"", *fields: str, version: str = "1.1", length: bool = True) -> bytes:
    """The bytes of a response."""
    lines = [f"HTTP/{version} {status} Whatever", *fields]
    if length:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


OK = answer(200, b"<ok/>")


def close(connection: Connection) -> None:
    """Close the connection without a response."""
    connection.transport.loseConnection()


def reset(connection: Connection) -> None:
    """Abort the connection."""
    connection.transport.abortConnection()


def silence(connection: Connection) -> None:
    """Send no response."""


def then_close(data: bytes) -> Callable[[Connection], None]:
    """Send ``data`` and close the connection."""

    def step(connection: Connection) -> None:
        connection.transport.write(data)
        connection.transport.loseConnection()

    return step


@implementer(IHostnameResolver)
class Names:
    """A resolver with fixed addresses. ``asked``: the queried names."""

    def __init__(self, **addresses: list[str]) -> None:
        self.addresses = addresses
        self.asked: list[str] = []

    def resolveHostName(
        self,
        resolutionReceiver: Any,
        hostName: str,
        portNumber: int = 0,
        addressTypes: Any = None,
        transportSemantics: str = "TCP",
    ) -> Any:
        self.asked.append(hostName)
        resolutionReceiver.resolutionBegan(None)
        for address in self.addresses.get(hostName.partition(".")[0], []):
            kind = IPv6Address if ":" in address else IPv4Address
            resolutionReceiver.addressResolved(kind("TCP", address, portNumber))
        resolutionReceiver.resolutionComplete()


class Stepped(Clock):
    """A reactor with real sockets and the clock of the test."""

    def connectTCP(self, *args: Any, **kwargs: Any) -> Any:
        return reactor.connectTCP(*args, **kwargs)


@implementer(IOpenSSLContextFactory)
class Contexts:
    """Context factory for ``listenSSL``."""

    def __init__(self, context: SSL.Context) -> None:
        self.context = context

    def getContext(self) -> SSL.Context:
        return self.context


class ScriptedCase(TestCase):
    """Base class: starts scripted servers and clients, and closes them at the end."""

    timeout = 120

    def setUp(self) -> None:
        self.warnings: list[str] = []
        self.cnonces = 0

    def serve(
        self, *script: Step, context: SSL.Context | None = None, interface: str = "127.0.0.1", port: int = 0
    ) -> Server:
        server = Server(*script)
        if context is None:
            listening = reactor.listenTCP(port, server, interface=interface)
        else:
            listening = reactor.listenSSL(port, server, Contexts(context), interface=interface)
        server.listening = listening
        self.addCleanup(lambda: gatherResults([one.gone for one in server.connections]))
        self.addCleanup(lambda: [one.transport.abortConnection() for one in server.connections if not one.lost])
        self.addCleanup(listening.stopListening)
        return server

    def client(self, using: Any = reactor, **given: Any) -> AcsClient:
        given.setdefault("trust", None)
        trust = given.pop("trust") or TlsTrust()
        if isinstance(using, Clock):
            given.setdefault("monotonic", using.seconds)
            given.setdefault("resolver", Names())
        return AcsClient(
            using,
            trust,
            limits=given.pop("limits", HttpLimits(connect=60, first_byte=60, between_bytes=60, whole=60)),
            random=random.Random(7),
            cnonce=self._cnonce,
            warn=self.warnings.append,
            **given,
        )

    def exchange(
        self, url: str | Server, client: AcsClient | None = None, user: str = "cpe", password: str = "s3cret"
    ) -> SessionExchange:
        if isinstance(url, Server):
            url = f"http://127.0.0.1:{url.port}/acs"
        exchange = (client or self.client()).open(url, user, password)
        self.addCleanup(lambda: Deferred.fromCoroutine(exchange.close()))
        return exchange

    def _cnonce(self) -> str:
        self.cnonces += 1
        return f"cnonce{self.cnonces}"


def connections(server: Server) -> list[int]:
    """The connection number of each request."""
    return [request.connection for request in server.requests]
