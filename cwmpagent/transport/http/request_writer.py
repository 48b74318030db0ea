"""POST request for Twisted's HTTP protocol, and its transmission in slices, which makes progress and end visible."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IConsumer, IPushProducer
from twisted.web._newclient import Request  # Twisted's public Agent brings connections of its own
from twisted.web.http_headers import Headers
from twisted.web.iweb import IBodyProducer
from zope.interface import implementer

SLICE = 64 * 1024
"""Bytes passed to the socket at once."""


class RequestHeaders(Headers):
    """Header fields of a request; writes SOAPAction in the spelling of SOAP 1.1, because some ACSs compare its case."""

    def getAllRawHeaders(self) -> Iterator[tuple[bytes, Sequence[bytes]]]:
        for name, values in super().getAllRawHeaders():
            yield (b"SOAPAction" if name == b"Soapaction" else name), values


@implementer(IBodyProducer)
class RequestBody:
    """The body of a request, written at once."""

    def __init__(self, content: bytes) -> None:
        self.length = len(content)
        self._content = content

    def startProducing(self, consumer: IConsumer) -> Deferred[None]:
        consumer.write(self._content)
        return succeed(None)

    def pauseProducing(self) -> None:
        """Do nothing: the body is written already."""

    def resumeProducing(self) -> None:
        """Do nothing: the body is written already."""

    def stopProducing(self) -> None:
        """Do nothing: the body is written already."""


def post_request(target: str, headers: Headers, body: bytes) -> Request:
    """A POST of ``body`` to ``target``; an empty body has ``Content-Length: 0``."""
    producer = RequestBody(body) if body else None
    return Request(b"POST", target.encode("ascii"), headers, producer, True)  # type: ignore[no-untyped-call]  # Twisted


@implementer(IPushProducer)
class RequestWriter:
    """Buffers a request, then sends it.

    ``progressed`` is called whenever the socket has accepted a part, ``sent`` when it has accepted everything.
    """

    def __init__(self, progressed: Callable[[], object], sent: Callable[[], object]) -> None:
        self.running = False
        self._progressed = progressed
        self._sent = sent
        self._slices: deque[bytes] = deque()
        self._full = False
        self._transport: IConsumer | None = None

    def collect(self, pieces: Iterable[bytes]) -> None:
        """Buffer these bytes until :meth:`start`."""
        data = b"".join(pieces)
        if self._slices and len(self._slices[-1]) + len(data) <= SLICE:
            data = self._slices.pop() + data  # head and short body in one TCP segment
        self._slices.extend(data[at : at + SLICE] for at in range(0, len(data), SLICE))

    def start(self, transport: IConsumer) -> None:
        """Send the buffered bytes."""
        self._transport = transport
        self.running = True
        self._full = False
        transport.registerProducer(self, True)
        self._pump()

    def stopProducing(self) -> None:
        """Drop the rest: the connection is closed or aborted."""
        self._slices.clear()
        self._end()

    def pauseProducing(self) -> None:
        """Stop writing: the buffer of the socket is full."""
        self._full = True

    def resumeProducing(self) -> None:
        """Continue writing: the buffer of the socket is empty."""
        self._full = False
        if self.running:
            self._progressed()
            self._pump()

    def _pump(self) -> None:
        while self._slices and not self._full and self._transport is not None:
            self._transport.write(self._slices.popleft())
        if self.running and not self._slices and not self._full:
            self._end()
            self._sent()

    def _end(self) -> None:
        transport, self._transport, self.running = self._transport, None, False
        if transport is not None:
            transport.unregisterProducer()
