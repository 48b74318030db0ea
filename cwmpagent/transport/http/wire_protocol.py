"""One connection to an ACS: the layer between the socket (or TLS) and Twisted's HTTP client protocol.

It applies the time limits, closes the connection where the response requires it, and records whether a byte of the
response has arrived, which decides whether a POST may be repeated.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IHandshakeListener, IReactorTime
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from twisted.web._newclient import HTTP11ClientProtocol, Request  # the public pools use the wall clock
from twisted.web.iweb import IResponse
from zope.interface import implementer

from cwmpagent.errors import TooSlowError, TransportError
from cwmpagent.transport.deadline import Deadline
from cwmpagent.transport.http.chunked import ChunkedBody
from cwmpagent.transport.http.limits import HttpLimits
from cwmpagent.transport.http.request_writer import RequestWriter
from cwmpagent.transport.http.response_head import LONGEST_HEAD, ResponseHead

LINGER = 2.0
"""Seconds that the peer has to close its side before the connection is aborted."""


@implementer(IHandshakeListener)
class WireProtocol(Protocol):
    """A connection. ``ready`` fires when requests may be sent (with ``secure``: after the TLS handshake).

    ``http``: Twisted's HTTP client protocol. ``failure``: the reason for which the agent aborted the connection, or
    None. ``lost``: the reason with which the connection ended, None while it is open. ``silent``: whether no byte of
    the current response has arrived.
    """

    transport: Any  # ITCPTransport, or TLS over one; None until it is connected

    def __init__(
        self, reactor: IReactorTime, limits: HttpLimits, monotonic: Callable[[], float], *, secure: bool
    ) -> None:
        self.ready: Deferred[None] = Deferred()
        self.http: Any = HTTP11ClientProtocol()  # type: ignore[no-untyped-call]  # Twisted's is not typed
        self.failure: TransportError | None = None
        self.lost: Failure | None = None
        self.silent = True
        self._secure = secure
        self._limits = limits
        self._open = False
        self._pending = False
        self._closing = False
        self._head: ResponseHead | None = None
        self._waiting: list[Deferred[None]] = []
        self._sending = RequestWriter(self._progressed, self._sent)
        self._idle_limit = Deadline(reactor, monotonic, self._idle_expired)
        self._response_limit = Deadline(reactor, monotonic, self._response_expired)
        self._linger = Deadline(reactor, monotonic, self.abort)

    @property
    def usable(self) -> bool:
        """Whether another request may be sent on this connection."""
        return self._open and self.lost is None and not self._closing and self.http.state == "QUIESCENT"

    @property
    def ended_before_response(self) -> bool:
        """Whether the connection ended, not by the agent, before the first byte of the current response."""
        return self.silent and self.lost is not None and self.failure is None

    def gone(self) -> Deferred[None]:
        """Fire when the connection is closed; at once where it never was open."""
        waiting: Deferred[None] = Deferred()
        if self.transport is not None and self.lost is None:
            self._waiting.append(waiting)
        else:
            waiting.callback(None)
        return waiting

    def request(self, request: Request) -> Deferred[IResponse]:
        """Send a request. Fires with the response when its head is complete.

        The caller must read its body with ``deliverBody`` and then call :meth:`response_complete`.
        """
        self.silent, self._pending, self._head = True, True, ResponseHead()
        response: Deferred[IResponse] = self.http.request(request)
        self._adapt(self.http._parser)
        if self.lost is None and self.transport is not None:
            self._idle_limit.start(self._limits.between_bytes)
            self._sending.start(self.transport)
        return response

    def _adapt(self, parser: Any) -> None:
        """Replace what Twisted's parser of a response reads too strictly. ``parser``: None on a closed connection."""
        if parser is not None:
            parser.MAX_LENGTH = LONGEST_HEAD  # of a line; ResponseHead has the limit, with an error that names it
            parser._transferDecoders = {b"chunked": partial(ChunkedBody, self.fail)}

    def response_complete(self) -> None:
        """End the request: its response has been read to the end."""
        self._pending = False
        self._idle_limit.stop()
        self._response_limit.stop()
        if self._sending.running:  # an early response: the rest of the request must not be taken for the next one
            self.abort()

    def fail(self, error: TransportError) -> None:
        """Abort the connection because of ``error``."""
        if self.failure is None and self.lost is None:
            self.failure = error
            self.abort()

    def close(self) -> None:
        """Close the connection. Abort it where a request is pending, or where the peer does not close in time."""
        if self._pending or self._sending.running or not self._open:
            self.abort()
        else:
            self.close_gracefully()

    def close_gracefully(self) -> None:
        """Close the connection and ignore all further bytes from the peer."""
        if self.lost is None and not self._closing and self.transport is not None:
            self._closing = True
            self._linger.start(LINGER)
            self.transport.loseConnection()

    def abort(self) -> None:
        """Abort the connection."""
        if self.lost is None and self.transport is not None:
            self._closing = True
            self._sending.stopProducing()
            self.transport.abortConnection()

    # Calls of the transport.

    def connectionMade(self) -> None:
        assert self.transport is not None
        self.transport.setTcpNoDelay(True)
        self.http.makeConnection(_HttpTransport(self, self.transport, self._sending))
        if not self._secure:
            self.handshakeCompleted()

    def handshakeCompleted(self) -> None:
        if not self._open:
            self._open = True
            self.ready.callback(None)

    def dataReceived(self, data: bytes) -> None:
        if not self._pending:
            self.abort()  # unsolicited bytes must not be taken for the next response
            return
        if self._closing:
            return
        if self.silent and self._sending.running:
            self._response_limit.start(self._limits.whole)
        self.silent = False
        self._progressed()
        if self._head is not None:
            try:
                whole = self._head.feed(data)
            except TransportError as error:
                self.fail(error)
                return
            if whole is None:
                return
            self._head, data = None, whole
        self.http.dataReceived(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.lost = reason
        for deadline in (self._idle_limit, self._response_limit, self._linger):
            deadline.stop()
        self._sending.stopProducing()
        self.http.connectionLost(reason)
        if not self._open:
            self.ready.errback(reason)
        for waiting in self._waiting:
            if not waiting.called:
                waiting.callback(None)

    # Time limits.

    def _progressed(self) -> None:
        self._idle_limit.start(self._limits.between_bytes)

    def _sent(self) -> None:
        if self.silent:
            self._idle_limit.start(self._limits.first_byte)
            self._response_limit.start(self._limits.whole)

    def _idle_expired(self) -> None:
        if self._sending.running:
            reason = f"accepted no more of the request for {self._limits.between_bytes:g} s"
        elif self.silent:
            reason = f"sent no response within {self._limits.first_byte:g} s"
        else:
            reason = f"sent nothing for {self._limits.between_bytes:g} s in the middle of its response"
        self.fail(TooSlowError(reason))

    def _response_expired(self) -> None:
        self.fail(TooSlowError(f"did not complete its response within {self._limits.whole:g} s"))


class _HttpTransport:
    """Transport of the HTTP protocol: writes go to the request buffer, closing goes to the connection."""

    disconnecting = False

    def __init__(self, wire: WireProtocol, transport: Any, sending: RequestWriter) -> None:
        self.pauseProducing = transport.pauseProducing
        self.resumeProducing = transport.resumeProducing
        self.getHost = transport.getHost
        self.getPeer = transport.getPeer
        self.writeSequence = sending.collect
        self.loseConnection = wire.close_gracefully
        self.abortConnection = wire.abort
        self.stopProducing = wire.close_gracefully

    def write(self, data: bytes) -> None:
        """Append to the request buffer."""
        self.writeSequence((data,))

    def registerProducer(self, producer: object, streaming: bool) -> None:
        """Do nothing: the body is written at once."""

    def unregisterProducer(self) -> None:
        """Do nothing: the body is written at once."""
