"""Session of a logged-in stream: counts and answers stanzas, and sends keep-alive pings."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure
from twisted.words.xish.domish import Element

from cwmpagent.errors import XmppError
from cwmpagent.protocol.connection_request.xmpp_account import Stats
from cwmpagent.transport.deadline import Deadline
from cwmpagent.transport.xmpp.answers import NS_PING, OnRequest, answer
from cwmpagent.transport.xmpp.limits import XmppLimits
from cwmpagent.transport.xmpp.markup import NS_CLIENT, attribute, make, stanza_iq
from cwmpagent.transport.xmpp.stream import Stream

_STANZAS = frozenset({"iq", "presence", "message"})
MOST_PENDING = 1000
"""Maximum number of own requests that wait for a response."""


class XmppSession:
    """The session, from the binding to the end of ``stream``.

    ``keep_alive``: seconds without data before a ping is sent; 0: no pings. The stream fails when the server sends
    nothing complete within ``limits.sign_of_life`` seconds after a ping.
    """

    def __init__(
        self,
        reactor: Any,
        stream: Stream,
        *,
        domain: str,
        keep_alive: float,
        limits: XmppLimits,
        monotonic: Callable[[], float],
        nonce: Callable[[], str],
        on_request: OnRequest,
        stats: Stats,
    ) -> None:
        self._stream = stream
        self._domain = domain
        self._keep_alive = keep_alive
        self._limits = limits
        self._nonce = nonce
        self._on_request = on_request
        self._stats = stats
        self._pending: dict[str, Deferred[Element]] = {}
        self._pinged = False
        self._keep_alive_timer = Deadline(reactor, monotonic, self._keep_alive_expired)

    async def run(self) -> None:
        """Process stanzas until the stream is closed."""
        self._stream.heard = self._heard
        self._heard()
        self._stream.follow(self._stanza)
        try:
            await self._stream.gone()
        finally:
            self._keep_alive_timer.stop()
            self._stream.heard = lambda: None
            pending, self._pending = self._pending, {}
            for waiting in pending.values():
                error = self._stream.failure or XmppError("the stream was closed")
                waiting.errback(Failure(error))  # type: ignore[no-untyped-call]  # untyped in Twisted

    def ask(self, to: str, content: Element) -> Deferred[Element]:
        """Send an iq of type get. Fires with the response, result or error; raises or errbacks with XmppError."""
        number = self._nonce()
        if self._stream.failure is not None or len(self._pending) >= MOST_PENDING:
            raise self._stream.failure or XmppError("too many requests wait for their responses")
        waiting: Deferred[Element] = Deferred(lambda _: self._forget(number))
        self._pending[number] = waiting
        self._send(stanza_iq("get", number, to, content))
        return waiting

    def _forget(self, number: str) -> None:
        self._pending.pop(number, None)

    def _send(self, stanza: Element) -> None:
        self._stats.transmitted += 1
        self._stats.transmitted_errors += attribute(stanza, "type") == "error"
        self._stream.send(stanza)

    def _stanza(self, stanza: Element) -> None:
        if stanza.uri != NS_CLIENT or stanza.name not in _STANZAS:
            return
        kind = attribute(stanza, "type")
        self._stats.received += 1
        self._stats.received_errors += kind == "error"
        if stanza.name != "iq":
            return
        if kind in ("get", "set"):
            reply = answer(stanza, self._domain, self._on_request)
            if reply is not None:
                self._send(reply)
        elif kind in ("result", "error"):
            waiting = self._pending.pop(attribute(stanza, "id") or "", None)
            if waiting is not None:
                waiting.callback(stanza)

    def _heard(self) -> None:
        self._pinged = False
        if self._keep_alive:
            self._keep_alive_timer.start(self._keep_alive)

    def _keep_alive_expired(self) -> None:
        if self._pinged:
            self._stream.fail("has not answered a ping", "ServerNotPresent")
            return
        self._pinged = True
        self._keep_alive_timer.start(self._limits.sign_of_life)
        self._send(stanza_iq("get", self._nonce(), self._domain, make(NS_PING, "ping")))
