"""One XML stream to a server: elements in both directions, TLS, and an end that always has a reason."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable
from typing import Any, Literal, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IHandshakeListener, IPushProducer
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure
from twisted.words.protocols.jabber.xmlstream import NS_STREAMS
from twisted.words.xish.domish import Element, ParserError
from twisted.words.xish.xmlstream import XmlStream
from zope.interface import implementer

from cwmpagent.errors import TooSlowError, XmppError
from cwmpagent.transport.deadline import Deadline, within
from cwmpagent.transport.error_text import cause
from cwmpagent.transport.tls.certificate_check import CertificateCheck
from cwmpagent.transport.xmpp.elements import BoundedElements
from cwmpagent.transport.xmpp.limits import XmppLimits
from cwmpagent.transport.xmpp.markup import NS_CLIENT, attribute, children, escaped

_T = TypeVar("_T")
_Status = Literal["ServerNotPresent", "Error_Misconfigured", "Error_AuthenticationFailure", "Error"]
_CONDITION = re.compile("[a-z-]{1,40}")
_CONFIGURATION_ERRORS = frozenset(
    {"host-unknown", "host-gone", "improper-addressing", "policy-violation", "invalid-namespace"}
)
_UNAVAILABLE = frozenset(
    {"system-shutdown", "connection-timeout", "reset", "remote-connection-failed", "see-other-host"}
)


@implementer(IHandshakeListener, IPushProducer)
class Stream(XmlStream):
    """A stream, from the connection to its end. ``name``: the server in messages.

    During the negotiation :meth:`next` returns one element after another; :meth:`follow` passes all further ones to a
    function. Every failure is an XmppError; ``failure`` is the first one. ``heard`` is called when the peer has sent a
    complete item.
    """

    def __init__(self, reactor: Any, name: str, limits: XmppLimits, monotonic: Callable[[], float]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # untyped in Twisted
        self.failure: XmppError | None = None
        self.heard: Callable[[], object] = lambda: None
        self.name = name
        self._reactor = reactor
        self._limits = limits
        self._monotonic = monotonic
        self._lost = False
        self._inbox: deque[Element] = deque()
        self._waiting: Deferred[Element] | None = None
        self._secured: Deferred[None] | None = None
        self._follower: Callable[[Element], None] | None = None
        self._gone: list[Deferred[None]] = []
        self._check: CertificateCheck | None = None
        self._stanza_limit = self._deadline("did not complete a stanza in time")
        self._sending_limit = self._deadline("accepts no data")
        self._linger = Deadline(reactor, monotonic, self._abort)

    # Calls of the negotiation and the session.

    async def open(self, domain: str) -> Element:
        """Open a stream to ``domain``, the first one or the one after TLS or SASL. Returns the server's features."""
        self._renew()
        self.send(
            "<?xml version='1.0'?>"
            f'<stream:stream xmlns="{NS_CLIENT}" xmlns:stream="{NS_STREAMS}" version="1.0" '
            f'to="{escaped(domain)}">'
        )
        features = await self.next()
        if (features.uri, features.name) != (NS_STREAMS, "features"):
            raise self.fail("sends no stream features")
        return features

    async def next(self) -> Element:
        """The next element from the server. Raises XmppError, also where none arrives in time."""
        if self.failure is not None:
            raise self.failure
        if self._inbox:
            return self._inbox.popleft()
        self._waiting = Deferred()
        return await self._within(self._waiting, "does not continue the negotiation")

    async def secure(self, check: CertificateCheck) -> None:
        """Start TLS; ``check`` creates the connection and verifies the certificate."""
        if self._inbox:
            raise self.fail("sends data where TLS must begin")
        self._check = check
        self._retire()
        self._secured = Deferred()
        transport: Any = self.transport
        transport.startTLS(check)
        await self._within(self._secured, "does not complete the TLS handshake")

    def follow(self, function: Callable[[Element], None]) -> None:
        """Call ``function`` with each further element."""
        self._follower = function
        transport: Any = self.transport
        transport.registerProducer(self, True)
        while self._inbox and self.failure is None:
            function(self._inbox.popleft())

    def fail(self, reason: str, status: _Status = "Error") -> XmppError:
        """Abort the stream because of ``reason``. Returns the error, for the caller to raise."""
        error = XmppError(f"{self.name} {reason}", status)
        self._failed(error)
        self._abort()
        return error

    def close(self) -> None:
        """Close the stream; abort the connection where the peer does not close in time."""
        if self.failure is None and self.stream is not None:
            self.send("</stream:stream>")
        self._failed(XmppError(f"{self.name}: the stream was closed"))
        self.close_now()

    def send(self, obj: Element | str) -> None:
        """Write an element or unescaped text. Does nothing where the stream has failed."""
        if self.failure is None and not self._lost:
            super().send(obj)  # type: ignore[no-untyped-call]  # untyped in Twisted

    def gone(self) -> Deferred[None]:
        """Fire when the connection is closed."""
        waiting: Deferred[None] = Deferred()
        if self._lost or self.transport is None:
            waiting.callback(None)
        else:
            self._gone.append(waiting)
        return waiting

    # Calls of the transport and the parser.

    def connectionMade(self) -> None:
        transport: Any = self.transport
        transport.setTcpNoDelay(True)
        transport.setTcpKeepAlive(True)

    def handshakeCompleted(self) -> None:
        secured, self._secured = self._secured, None
        if secured is not None:
            secured.callback(None)

    def dataReceived(self, data: bytes) -> None:
        if self.failure is not None or self.stream is None:
            if self.failure is None:
                self.fail("sends data before the stream is opened")
            return
        reader = self.stream
        before = reader.progress
        try:
            reader.parse(data)
        except ParserError as error:
            self.fail(str(error))
        except Exception as error:  # in the agent or Twisted; it must not reach the reactor
            self.fail(f"sent data that caused an internal error of the agent ({type(error).__name__})")
        if self.failure is not None:
            return
        if self.stream.unfinished:
            if not self._stanza_limit.running:
                self._stanza_limit.start(self._limits.stanza)
        else:
            self._stanza_limit.stop()
        if self.stream is not reader or reader.progress != before:
            self.heard()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._lost = True
        for deadline in (self._stanza_limit, self._sending_limit, self._linger):
            deadline.stop()
        refusal = self._check.refusal if self._check is not None else ""
        if refusal:
            self._failed(XmppError(f"{self.name}: {refusal}"))
        elif reason.check(ConnectionDone):  # type: ignore[no-untyped-call]  # untyped in Twisted
            self._failed(XmppError(f"{self.name} has closed the connection", "ServerNotPresent"))
        else:
            self._failed(XmppError(f"{self.name}: {cause(reason.value, 'the connection failed')}", "ServerNotPresent"))
        self.stream = None
        waiting, self._gone = self._gone, []
        for deferred in waiting:
            deferred.callback(None)

    def onDocumentStart(self, rootElement: Element) -> None:
        version = (attribute(rootElement, "version") or "").partition(".")[0]
        if (rootElement.uri, rootElement.name) != (NS_STREAMS, "stream") or rootElement.defaultUri != NS_CLIENT:
            self.fail("sends something that is not an XMPP stream")
        elif not (version.isascii() and version.isdecimal() and len(version) < 10 and int(version) >= 1):
            self.fail("uses a version of XMPP below 1.0")

    def onElement(self, element: Element) -> None:
        if self.failure is not None:
            return
        if (element.uri, element.name) == (NS_STREAMS, "error"):
            self._ended_by(element)
        elif self._follower is not None:
            self._follower(element)
        elif self._waiting is not None:
            waiting, self._waiting = self._waiting, None
            waiting.callback(element)
        elif len(self._inbox) < self._limits.waiting:
            self._inbox.append(element)
        else:
            self.fail("sends too many elements during the negotiation")

    def onDocumentEnd(self) -> None:
        self._failed(XmppError(f"{self.name} has closed the stream", "ServerNotPresent"))
        self.close_now()

    def close_now(self) -> None:
        """Close the connection after everything is written; abort it where that takes too long."""
        if not self._lost and self.transport is not None:
            self._linger.start(self._limits.linger)
            self.transport.loseConnection()

    # Flow control of the transport.

    def pauseProducing(self) -> None:
        """Stop reading while the peer accepts no data."""
        if not self._sending_limit.running:
            self._sending_limit.start(self._limits.sending)
        self._control_reading("pauseProducing")

    def resumeProducing(self) -> None:
        self._sending_limit.stop()
        self._control_reading("resumeProducing")

    def stopProducing(self) -> None:
        """Do nothing: connectionLost follows."""

    def _control_reading(self, method: str) -> None:
        transport: Any = self.transport
        if transport is not None and not self._lost and not transport.disconnecting:
            getattr(transport, method)()

    # Internal.

    async def _within(self, waiting: Deferred[_T], reason: str) -> _T:
        try:
            return await within(self._limits.step, waiting, self._reactor, self._monotonic, reason)
        except TooSlowError:
            raise self.fail(reason, "ServerNotPresent") from None

    def _deadline(self, reason: str) -> Deadline:
        return Deadline(self._reactor, self._monotonic, lambda: self.fail(reason))

    def _retire(self) -> None:
        if self.stream is not None:
            self.stream.retire()

    def _renew(self) -> None:
        self._retire()
        self._stanza_limit.stop()
        self.stream = BoundedElements(self._limits)
        self.stream.DocumentStartEvent = self.onDocumentStart
        self.stream.ElementEvent = self.onElement
        self.stream.DocumentEndEvent = self.onDocumentEnd

    def _ended_by(self, element: Element) -> None:
        condition = next((item.name for item in children(element) if _CONDITION.fullmatch(item.name)), "unknown")
        status: _Status = "Error_Misconfigured" if condition in _CONFIGURATION_ERRORS else "Error"
        if condition in _UNAVAILABLE:
            status = "ServerNotPresent"
        self._failed(XmppError(f"{self.name} has closed the stream: {condition}", status))
        self.close_now()

    def _failed(self, error: XmppError) -> None:
        """Record the first error, and fail all waiting calls with it."""
        if self.failure is None:
            self.failure = error
        self._inbox.clear()
        self._stanza_limit.stop()
        self._sending_limit.stop()
        for waiting in (self._waiting, self._secured):
            if waiting is not None and not waiting.called:
                waiting.errback(Failure(self.failure))  # type: ignore[no-untyped-call]  # untyped in Twisted
        self._waiting = self._secured = None

    def _abort(self) -> None:
        if not self._lost and self.transport is not None:
            transport: Any = self.transport
            transport.abortConnection()
