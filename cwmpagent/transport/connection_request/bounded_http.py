"""HTTP for very short conversations with anybody: requests without a body in, answers without a body out.

Every connection is bounded in time, in bytes and in number. What was asked is decided by the ``answer`` function alone.
"""

# mypy: allow-untyped-calls
# Twisted's HTTP server has no types.

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

_LONGEST_LENGTH = 15  # digits of a Content-Length
_CLOSING = 1.0  # seconds in which an answer under way may still leave


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpBounds:
    """What one client may use.

    ``connections``: at once; the oldest of the address that has most gives way to a new one. ``requests``: on one
    connection. ``seconds``: for a whole request, from the connection or the answer before it. ``header_bytes`` and
    ``headers``: of one request.
    """

    connections: int = 64
    requests: int = 16
    seconds: float = 10.0
    header_bytes: int = 8192
    headers: int = 64


class BoundedHttpRequest(Request):
    """A request whose body is read and thrown away."""

    channel: BoundedHttpChannel

    def gotLength(self, length: int | None) -> None:
        """There is no room for a body."""
        self.content = BytesIO()

    def handleContentChunk(self, data: bytes) -> None:
        """A body means nothing here."""

    def parseCookies(self) -> None:
        """Nor do cookies."""

    def requestReceived(self, command: bytes, path: bytes, version: bytes) -> None:
        """All of it is here."""
        self.channel.requests_left -= 1
        self.method, self.uri, self.clientproto = command, path, version
        self.channel.factory.answer(self)

    @property
    def source(self) -> str:
        """The address it came from, IPv4 as such also on a port for both; empty where the transport has none."""
        return str(getattr(self.getClientAddress(), "host", "")).removeprefix("::ffff:")

    def reply(self, status: int, headers: Mapping[str, list[str]], *, stay: bool = False) -> None:
        """Answer with ``status`` and no body; ``stay`` leaves the connection open for another request."""
        self.setResponseCode(status)
        for name, values in headers.items():
            self.responseHeaders.setRawHeaders(name, values)
        self.responseHeaders.setRawHeaders("Content-Length", ["0"])
        if not stay or self.channel.requests_left <= 0:
            self.channel.persistent = False
        if not self.channel.persistent:
            self.responseHeaders.setRawHeaders("Connection", ["close"])
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
        self.timeOut = bounds.seconds  # type: ignore[assignment]  # any number of seconds will do
        self.maxHeaders = bounds.headers
        self.totalHeadersSize = self.MAX_LENGTH = bounds.header_bytes

    def callLater(self, period: float, func: Callable[[], object]) -> IDelayedCall:
        """Wait on the factory's reactor, whichever that is."""
        return self.factory.reactor.callLater(period, func)

    def connectionMade(self) -> None:
        """Take a place."""
        super().connectionMade()
        self.factory.opened(self)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Give the place back."""
        super().connectionLost(reason)
        self.factory.closed(self)

    def resetTimeout(self) -> None:
        """The time is for the whole request: a client that sends it byte by byte gets no more."""

    def timeoutConnection(self) -> None:
        """There is nothing to be said to a client that took too long."""
        self.transport.abortConnection()

    def headerReceived(self, line: bytes) -> bool:
        """Refuse what leaves doubt where the request ends, and a length before Twisted makes a number of it."""
        name, _, value = line.lower().partition(b":")
        too_long = name.strip() == b"content-length" and len(value.strip()) > _LONGEST_LENGTH
        if too_long or (name.strip() == b"transfer-encoding" and value.strip() != b"chunked"):
            self._respondToBadRequestAndDisconnect()
            return False
        return bool(super().headerReceived(line))


class BoundedHttpFactory(ServerFactory[BoundedHttpChannel]):
    """Makes the connections and knows those that are open. ``answer`` is called once for each whole request."""

    noisy = False

    def __init__(self, reactor: IReactorTime, bounds: HttpBounds, answer: Callable[[BoundedHttpRequest], None]) -> None:
        self.reactor = reactor
        self.bounds = bounds
        self.answer = answer
        self._open: dict[BoundedHttpChannel, object] = {}
        self._empty: list[Deferred[None]] = []

    def buildProtocol(self, addr: IAddress | None) -> BoundedHttpChannel:
        """A connection comes in."""
        return BoundedHttpChannel(self)

    def opened(self, channel: BoundedHttpChannel) -> None:
        """Of too many one of whoever has most goes: who only holds connections open keeps out nobody but himself."""
        self._open[channel] = _origin(getattr(channel.transport.getPeer(), "host", ""))
        if len(self._open) > self.bounds.connections:
            counts = Counter(self._open.values())
            most = max(counts.values())
            oldest = next(each for each, origin in self._open.items() if counts[origin] == most)
            del self._open[oldest]
            oldest.transport.abortConnection()

    def closed(self, channel: BoundedHttpChannel) -> None:
        """A connection is gone."""
        self._open.pop(channel, None)
        if not self._open:
            waiting, self._empty = self._empty, []
            for done in waiting:
                done.callback(None)

    def log(self, request: Request) -> None:
        """No access log: what matters is told to whoever answers."""

    async def close(self) -> None:
        """Close every connection, after what is on its way out; returns when all are gone."""
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


def _origin(host: str) -> object:
    """Whose connections are counted together: an IPv4 address, or a network of IPv6, in which one host has many."""
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return host
    if isinstance(address, IPv6Address) and address.ipv4_mapped is None:
        return address.packed[:8]
    return host
