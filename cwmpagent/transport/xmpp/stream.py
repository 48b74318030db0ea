"""One XML stream to a server: elements in and out, TLS, and an end with a reason whatever the peer does."""

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
_OURS = frozenset({"host-unknown", "host-gone", "improper-addressing", "policy-violation", "invalid-namespace"})
_WAY_OUT = frozenset({"system-shutdown", "connection-timeout", "reset", "remote-connection-failed", "see-other-host"})


@implementer(IHandshakeListener, IPushProducer)
class Stream(XmlStream):
    """From the connection to its end. ``name`` is what the server is called towards people.

    While it is negotiated, :meth:`next` gives one element after another; :meth:`follow` hands all further ones to a
    function. Every failure is an XmppError, the first one is ``failure``; ``heard`` is called when the peer has sent
    something complete.
    """

    def __init__(self, reactor: Any, name: str, limits: XmppLimits, monotonic: Callable[[], float]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Twisted has no types there
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
        self._slow = self._deadline("a stanza has not ended in time")
        self._stuck = self._deadline("does not take what is sent to it")
        self._linger = Deadline(reactor, monotonic, self._abort)

    # What the negotiation asks for.

    async def open(self, domain: str) -> Element:
        """Begin a stream to ``domain``, the first one or after a new layer; the features that the server has."""
        self._renew()
        self.send(
            "<?xml version='1.0'?>"
            f'<stream:stream xmlns="{NS_CLIENT}" xmlns:stream="{NS_STREAMS}" version="1.0" '
            f'to="{escaped(domain)}">'
        )
        features = await self.next()
        if (features.uri, features.name) != (NS_STREAMS, "features"):
            raise self.fail("begins its stream without features")
        return features

    async def next(self) -> Element:
        """The next element from the server. Raises XmppError, also where none comes in time."""
        if self.failure is not None:
            raise self.failure
        if self._inbox:
            return self._inbox.popleft()
        self._waiting = Deferred()
        return await self._within(self._waiting, "does not go on with the negotiation")

    async def secure(self, check: CertificateCheck) -> None:
        """Go over to TLS, which ``check`` makes and judges."""
        if self._inbox:
            raise self.fail("goes on where TLS had to begin")
        self._check = check
        self._retire()
        self._secured = Deferred()
        transport: Any = self.transport
        transport.startTLS(check)
        await self._within(self._secured, "does not go on with TLS")

    def follow(self, function: Callable[[Element], None]) -> None:
        """Call ``function`` with each element from now on."""
        self._follower = function
        transport: Any = self.transport
        transport.registerProducer(self, True)
        while self._inbox and self.failure is None:
            function(self._inbox.popleft())

    def fail(self, reason: str, status: _Status = "Error") -> XmppError:
        """End it at once, for ``reason``; the error, which may be raised, too."""
        error = XmppError(f"{self.name} {reason}", status)
        self._failed(error)
        self._abort()
        return error

    def close(self) -> None:
        """End it in order, and by force where the peer does not agree in time."""
        if self.failure is None and self.stream is not None:
            self.send("</stream:stream>")
        self._failed(XmppError(f"{self.name}: the stream was closed"))
        self.close_now()

    def send(self, obj: Element | str) -> None:
        """Write an element, or text as it is; nothing where the stream has failed."""
        if self.failure is None and not self._lost:
            super().send(obj)  # type: ignore[no-untyped-call]  # Twisted has no types there

    def gone(self) -> Deferred[None]:
        """Fires when the connection is no more."""
        waiting: Deferred[None] = Deferred()
        if self._lost or self.transport is None:
            waiting.callback(None)
        else:
            self._gone.append(waiting)
        return waiting

    # What the socket, TLS and the parser say.

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
                self.fail("sends something before it was asked")
            return
        reader = self.stream
        before = reader.progress
        try:
            reader.parse(data)
        except ParserError as error:
            self.fail(str(error))
        except Exception as error:  # of ours or Twisted's; it must not end in the reactor
            self.fail(f"sent what led to an error of the agent itself ({type(error).__name__})")
        if self.failure is not None:
            return
        if self.stream.unfinished:
            if not self._slow.running:
                self._slow.start(self._limits.stanza)
        else:
            self._slow.stop()
        if self.stream is not reader or reader.progress != before:
            self.heard()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._lost = True
        for deadline in (self._slow, self._stuck, self._linger):
            deadline.stop()
        refusal = self._check.refusal if self._check is not None else ""
        if refusal:
            self._failed(XmppError(f"{self.name}: {refusal}"))
        elif reason.check(ConnectionDone):  # type: ignore[no-untyped-call]  # Twisted has no types there
            self._failed(XmppError(f"{self.name} has ended the connection", "ServerNotPresent"))
        else:
            self._failed(XmppError(f"{self.name}: {cause(reason.value)}", "ServerNotPresent"))
        self.stream = None
        waiting, self._gone = self._gone, []
        for each in waiting:
            each.callback(None)

    def onDocumentStart(self, rootElement: Element) -> None:
        version = (attribute(rootElement, "version") or "").partition(".")[0]
        if (rootElement.uri, rootElement.name) != (NS_STREAMS, "stream") or rootElement.defaultUri != NS_CLIENT:
            self.fail("answers with something that is no XMPP stream")
        elif not (version.isascii() and version.isdecimal() and len(version) < 10 and int(version) >= 1):
            self.fail("speaks a version of XMPP before 1.0")

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
            self.fail("sends more than the negotiation has a place for")

    def onDocumentEnd(self) -> None:
        self._failed(XmppError(f"{self.name} has ended the stream", "ServerNotPresent"))
        self.close_now()

    def close_now(self) -> None:
        """End the connection once everything is written; by force where that takes too long."""
        if not self._lost and self.transport is not None:
            self._linger.start(self._limits.linger)
            self.transport.loseConnection()

    # What the socket says of what we write.

    def pauseProducing(self) -> None:
        """The peer does not take our answers: nothing more is read until it does."""
        if not self._stuck.running:
            self._stuck.start(self._limits.sending)
        self._reading("pauseProducing")

    def resumeProducing(self) -> None:
        self._stuck.stop()
        self._reading("resumeProducing")

    def stopProducing(self) -> None:
        """The connection ends, which connectionLost tells."""

    def _reading(self, method: str) -> None:
        transport: Any = self.transport
        if transport is not None and not self._lost and not transport.disconnecting:
            getattr(transport, method)()

    # Inside.

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
        self._slow.stop()
        self.stream = BoundedElements(self._limits)
        self.stream.DocumentStartEvent = self.onDocumentStart
        self.stream.ElementEvent = self.onElement
        self.stream.DocumentEndEvent = self.onDocumentEnd

    def _ended_by(self, element: Element) -> None:
        condition = next((each.name for each in children(element) if _CONDITION.fullmatch(each.name)), "unknown")
        status: _Status = "Error_Misconfigured" if condition in _OURS else "Error"
        if condition in _WAY_OUT:
            status = "ServerNotPresent"
        self._failed(XmppError(f"{self.name} has ended the stream: {condition}", status))
        self.close_now()

    def _failed(self, error: XmppError) -> None:
        """Whoever waits learns of it; the first one counts."""
        if self.failure is None:
            self.failure = error
        self._inbox.clear()
        self._slow.stop()
        self._stuck.stop()
        for waiting in (self._waiting, self._secured):
            if waiting is not None and not waiting.called:
                waiting.errback(Failure(self.failure))  # type: ignore[no-untyped-call]  # Twisted has no types there
        self._waiting = self._secured = None

    def _abort(self) -> None:
        if not self._lost and self.transport is not None:
            transport: Any = self.transport
            transport.abortConnection()
