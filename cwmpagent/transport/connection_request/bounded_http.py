"""HTTP server for short exchanges with untrusted clients: requests without a body, responses with a short one.

Time, bytes and number of connections are bounded. The ``answer`` function decides the response to each request.
"""

# mypy: allow-untyped-calls
# Twisted's HTTP server is untyped.

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from io import BytesIO
from ipaddress import IPv6Address, ip_address

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress, IDelayedCall, IReactorTime, ITCPTransport
from twisted.internet.protocol import ServerFactory, connectionDone
from twisted.python.failure import Failure
from twisted.web.http import HTTPChannel, Request

from cwmpagent.protocol.connection_request.refusal import Refusal

_LONGEST_LENGTH = 15  # maximum digits of a Content-Length
_CLOSING = 1.0  # seconds in which a response that is being sent may still be completed


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpBounds:
    """Bounds of the server.

    ``connections``: open at the same time. Above that, the oldest connection of the address with the most connections
    is closed. ``requests``: on one connection. ``seconds``: for a whole request, from the start of the connection or
    the previous response. ``header_bytes`` and ``headers``: of one request. ``body_bytes`` and ``body_pieces``: of its
    body, which nobody needs; a chunk of one byte costs as much work as a large one.
    """

    connections: int = 64
    requests: int = 16
    seconds: float = 10.0
    header_bytes: int = 8192
    headers: int = 64
    body_bytes: int = 4 * 1024 * 1024
    body_pieces: int = 8192


class BoundedHttpRequest(Request):
    """A request. Its body is read and discarded."""

    channel: BoundedHttpChannel
    body_bytes = 0
    body_pieces = 0

    def gotLength(self, length: int | None) -> None:
        """Keep no body."""
        self.content = BytesIO()

    def handleContentChunk(self, data: bytes) -> None:
        """Discard a part of the body; abort the connection above the bounds."""
        if self.channel is None:  # it is aborted; the rest of what had arrived follows
            return
        bounds = self.channel.factory.bounds
        self.body_bytes += len(data)
        self.body_pieces += 1
        if self.body_bytes > bounds.body_bytes or self.body_pieces > bounds.body_pieces:
            self.channel.transport.abortConnection()

    def parseCookies(self) -> None:
        """Ignore cookies."""

    def requestReceived(self, command: bytes, path: bytes, version: bytes) -> None:
        """Pass the complete request to the ``answer`` function."""
        self.channel.requests_left -= 1
        self.method, self.uri, self.clientproto = command, path, version
        self.channel.factory.answer(self)

    @property
    def source(self) -> str:
        """The client's address, empty where the transport has none. IPv4 is unmapped on a port for IPv4 and IPv6."""
        return _shown(self.getClientAddress())

    def reply(self, status: int, headers: Mapping[str, list[str]], *, stay: bool = False, body: bytes = b"") -> None:
        """Respond with ``status`` and ``body``. ``stay``: keep the connection open for another request."""
        self.setResponseCode(status)
        for name, values in headers.items():
            self.responseHeaders.setRawHeaders(name, values)
        self.responseHeaders.setRawHeaders("Content-Length", [str(len(body))])
        if not stay or self.channel.requests_left <= 0:
            self.channel.persistent = False
        if not self.channel.persistent:
            self.responseHeaders.setRawHeaders("Connection", ["close"])
        if body:
            self.write(body)
        self.finish()


class BoundedHttpChannel(HTTPChannel):
    """One connection."""

    factory: BoundedHttpFactory
    transport: ITCPTransport
    requestFactory = BoundedHttpRequest

    def __init__(self, factory: BoundedHttpFactory) -> None:
        super().__init__()
        bounds = factory.bounds
        self.factory = factory
        self.requests_left = bounds.requests
        self._malformed = False
        self.timeOut = bounds.seconds  # type: ignore[assignment]  # Twisted declares int
        self.maxHeaders = bounds.headers
        self.totalHeadersSize = self.MAX_LENGTH = bounds.header_bytes

    def callLater(self, period: float, func: Callable[[], object]) -> IDelayedCall:
        """Use the factory's reactor."""
        return self.factory.reactor.callLater(period, func)

    def connectionMade(self) -> None:
        """Count the connection."""
        super().connectionMade()
        self.factory.opened(self)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Stop counting the connection."""
        super().connectionLost(reason)
        self.factory.closed(self)

    def resetTimeout(self) -> None:
        """Do nothing: the time limit is for the whole request, also for a client that sends it byte by byte."""

    def timeoutConnection(self) -> None:
        """Abort the connection of a client that exceeds the time limit, without a response."""
        self.transport.abortConnection()

    def _respondToBadRequestAndDisconnect(self) -> None:
        """Respond with 400 and close the connection; Twisted calls this for everything that is not HTTP."""
        if not self._malformed:
            self._malformed = True
            self.factory.refused(_shown(self.transport.getPeer()), Refusal.MALFORMED)
        super()._respondToBadRequestAndDisconnect()

    def headerReceived(self, line: bytes) -> bool:
        """Refuse a request of ambiguous length, and a Content-Length that is too long to convert."""
        name, _, value = line.lower().partition(b":")
        too_long = name.strip() == b"content-length" and len(value.strip()) > _LONGEST_LENGTH
        if too_long or (name.strip() == b"transfer-encoding" and value.strip() != b"chunked"):
            self._respondToBadRequestAndDisconnect()
            return False
        return bool(super().headerReceived(line))


class BoundedHttpFactory(ServerFactory[BoundedHttpChannel]):
    """Creates and counts the connections.

    ``answer`` is called once for each complete request. ``refused`` is called with the address of the client and the
    reason where a connection is refused before a request is complete.
    """

    noisy = False

    def __init__(
        self,
        reactor: IReactorTime,
        bounds: HttpBounds,
        answer: Callable[[BoundedHttpRequest], None],
        refused: Callable[[str, Refusal], None],
    ) -> None:
        self.reactor = reactor
        self.bounds = bounds
        self.answer = answer
        self.refused = refused
        self._open: dict[BoundedHttpChannel, object] = {}
        self._empty: list[Deferred[None]] = []

    def buildProtocol(self, addr: IAddress | None) -> BoundedHttpChannel:
        """Accept a connection."""
        return BoundedHttpChannel(self)

    def opened(self, channel: BoundedHttpChannel) -> None:
        """Count a connection. Above the bound, abort the oldest one of the origin with the most connections.

        A client that only holds connections open can thus keep out no other client.
        """
        self._open[channel] = _origin(getattr(channel.transport.getPeer(), "host", ""))
        if len(self._open) > self.bounds.connections:
            counts = Counter(self._open.values())
            most = max(counts.values())
            oldest = next(channel for channel, origin in self._open.items() if counts[origin] == most)
            del self._open[oldest]
            self.refused(_shown(oldest.transport.getPeer()), Refusal.TOO_MANY_CONNECTIONS)
            oldest.transport.abortConnection()

    def closed(self, channel: BoundedHttpChannel) -> None:
        """Stop counting a connection, and complete :meth:`close` after the last one."""
        self._open.pop(channel, None)
        if not self._open:
            waiting, self._empty = self._empty, []
            for done in waiting:
                done.callback(None)

    def log(self, request: Request) -> None:
        """Write no access log."""

    async def close(self) -> None:
        """Close every connection after its pending response. Returns when all are closed."""
        if not self._open:
            return
        done: Deferred[None] = Deferred()
        self._empty.append(done)
        for channel in list(self._open):
            channel.loseConnection()
        late = self.reactor.callLater(_CLOSING, self._abort)
        await done
        if late.active():
            late.cancel()

    def _abort(self) -> None:
        for channel in list(self._open):
            channel.transport.abortConnection()


def _shown(peer: object) -> str:
    """The address of ``peer`` as text."""
    return str(getattr(peer, "host", "")).removeprefix("::ffff:")


def _origin(host: str) -> object:
    """The key by which connections are counted: an IPv4 address, or an IPv6 /64 network, where a host has many."""
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return host
    if isinstance(address, IPv6Address) and address.ipv4_mapped is None:
        return address.packed[:8]
    return host
