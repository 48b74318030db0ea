"""One connection to an ACS: what lies between the socket (or TLS) and Twisted's HTTP client protocol.

It keeps the time limits of each answer, ends the connection where the answer says so, and knows what decides whether a
POST may be repeated: was the connection used before, and did one byte of the answer come.
"""

from __future__ import annotations

from collections.abc import Callable
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
from cwmpagent.transport.http.limits import HttpLimits
from cwmpagent.transport.http.request_writer import RequestWriter
from cwmpagent.transport.http.response_head import ResponseHead

LINGER = 2.0
"""Seconds that a peer gets to agree to the end of the connection."""


@implementer(IHandshakeListener)
class WireProtocol(Protocol):
    """A new connection; ``ready`` fires once requests may be sent (``secure``: after the handshake).

    ``http`` speaks HTTP over it. ``failure``: why we gave it up, if we did. ``lost``: how it ended; None while it is
    there. ``silent``: not one byte of the current answer has come.
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
        self._asked = False
        self._leaving = False
        self._head: ResponseHead | None = None
        self._waiting: list[Deferred[None]] = []
        self._sending = RequestWriter(self._moved, self._sent)
        self._quiet = Deadline(reactor, monotonic, self._too_quiet)
        self._whole = Deadline(reactor, monotonic, self._too_long)
        self._linger = Deadline(reactor, monotonic, self.abort)

    @property
    def usable(self) -> bool:
        """Whether another request may be sent on it."""
        return self._open and self.lost is None and not self._leaving and self.http.state == "QUIESCENT"

    @property
    def died_idle(self) -> bool:
        """Whether it ended by itself before one byte of the current answer had come."""
        return self.silent and self.lost is not None and self.failure is None

    def gone(self) -> Deferred[None]:
        """Fires when the connection is no more, or if it never came to be."""
        waiting: Deferred[None] = Deferred()
        if self.transport is not None and self.lost is None:
            self._waiting.append(waiting)
        else:
            waiting.callback(None)
        return waiting

    def request(self, request: Request) -> Deferred[IResponse]:
        """Send a request. Fires with the response once its head is read; its body must be read with ``deliverBody``,
        and :meth:`answered` be called at its end.
        """
        self.silent, self._asked, self._head = True, True, ResponseHead()
        answered: Deferred[IResponse] = self.http.request(request)
        if self.lost is None and self.transport is not None:
            self._quiet.start(self._limits.between_bytes)
            self._sending.start(self.transport)
        return answered

    def answered(self) -> None:
        """The answer has been read to its end."""
        self._asked = False
        self._quiet.stop()
        self._whole.stop()
        if self._sending.running:  # it came before the whole request had left: nothing after it would be understood
            self.abort()

    def fail(self, error: TransportError) -> None:
        """Give the connection up at once because of ``error``."""
        if self.failure is None and self.lost is None:
            self.failure = error
            self.abort()

    def close(self) -> None:
        """End it in order, and by force where the peer does not agree in time."""
        if self._asked or self._sending.running or not self._open:
            self.abort()
        else:
            self.leave()

    def leave(self) -> None:
        """End it in order; nothing more is taken from the peer."""
        if self.lost is None and not self._leaving and self.transport is not None:
            self._leaving = True
            self._linger.start(LINGER)
            self.transport.loseConnection()

    def abort(self) -> None:
        """End it at once."""
        if self.lost is None and self.transport is not None:
            self._leaving = True
            self._sending.stopProducing()
            self.transport.abortConnection()

    # What the socket or TLS says.

    def connectionMade(self) -> None:
        assert self.transport is not None
        self.transport.setTcpNoDelay(True)
        self.http.makeConnection(_Inner(self, self.transport, self._sending))
        if not self._secure:
            self.handshakeCompleted()

    def handshakeCompleted(self) -> None:
        if not self._open:
            self._open = True
            self.ready.callback(None)

    def dataReceived(self, data: bytes) -> None:
        if not self._asked:
            self.abort()  # nobody asked: the next answer must not be mistaken for it
            return
        if self._leaving:
            return
        if self.silent and self._sending.running:
            self._whole.start(self._limits.whole)
        self.silent = False
        self._moved()
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
        for deadline in (self._quiet, self._whole, self._linger):
            deadline.stop()
        self._sending.stopProducing()
        self.http.connectionLost(reason)
        if not self._open:
            self.ready.errback(reason)
        for waiting in self._waiting:
            if not waiting.called:
                waiting.callback(None)

    # Time.

    def _moved(self) -> None:
        self._quiet.start(self._limits.between_bytes)

    def _sent(self) -> None:
        if self.silent:
            self._quiet.start(self._limits.first_byte)
            self._whole.start(self._limits.whole)

    def _too_quiet(self) -> None:
        if self._sending.running:
            reason = f"took no more of the request for {self._limits.between_bytes:g} s"
        elif self.silent:
            reason = f"did not answer within {self._limits.first_byte:g} s"
        else:
            reason = f"fell silent for {self._limits.between_bytes:g} s in the middle of its answer"
        self.fail(TooSlowError(reason))

    def _too_long(self) -> None:
        self.fail(TooSlowError(f"did not complete its answer within {self._limits.whole:g} s"))


class _Inner:
    """The transport of the HTTP protocol: it writes into the request that leaves later, and closes through the wire."""

    disconnecting = False

    def __init__(self, wire: WireProtocol, transport: Any, sending: RequestWriter) -> None:
        self.pauseProducing = transport.pauseProducing
        self.resumeProducing = transport.resumeProducing
        self.getHost = transport.getHost
        self.getPeer = transport.getPeer
        self.writeSequence = sending.collect
        self.loseConnection = wire.leave
        self.abortConnection = wire.abort
        self.stopProducing = wire.leave

    def write(self, data: bytes) -> None:
        """Add to the request."""
        self.writeSequence((data,))

    def registerProducer(self, producer: object, streaming: bool) -> None:
        """The body is written at once: it needs no pauses."""

    def unregisterProducer(self) -> None:
        """The body is written at once: it needs no pauses."""
