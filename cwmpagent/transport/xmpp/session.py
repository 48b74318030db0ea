"""A stream that is logged in: stanzas counted and answered, pings when it is silent."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure
from twisted.words.xish.domish import Element

from cwmpagent.errors import XmppError
from cwmpagent.protocol.connection_request.xmpp_account import Stats
from cwmpagent.transport.deadline import Deadline
from cwmpagent.transport.xmpp.answers import NS_PING, Asked, answer
from cwmpagent.transport.xmpp.limits import XmppLimits
from cwmpagent.transport.xmpp.markup import NS_CLIENT, attribute, make, stanza_iq
from cwmpagent.transport.xmpp.stream import Stream

_STANZAS = frozenset({"iq", "presence", "message"})
MOST_QUESTIONS = 1000
"""Of ours that wait for an answer."""


class XmppSession:
    """From the binding to the end of ``stream``. ``keep_alive``: seconds of silence before a ping; 0: no pings.

    A server that does not do anything complete within ``limits.sign_of_life`` after a ping is gone, whatever TCP says.
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
        asked: Asked,
        stats: Stats,
    ) -> None:
        self._stream = stream
        self._domain = domain
        self._keep_alive = keep_alive
        self._limits = limits
        self._nonce = nonce
        self._asked = asked
        self._stats = stats
        self._questions: dict[str, Deferred[Element]] = {}
        self._pinged = False
        self._silence = Deadline(reactor, monotonic, self._silent)

    async def run(self) -> None:
        """Return when the stream is no more."""
        self._stream.heard = self._heard
        self._heard()
        self._stream.follow(self._stanza)
        try:
            await self._stream.gone()
        finally:
            self._silence.stop()
            self._stream.heard = lambda: None
            questions, self._questions = self._questions, {}
            for each in questions.values():
                error = self._stream.failure or XmppError("the stream was closed")
                each.errback(Failure(error))  # type: ignore[no-untyped-call]  # Twisted has no types there

    def ask(self, to: str, content: Element) -> Deferred[Element]:
        """Send an iq of the type get; fires with the answer, result or error. Errbacks with XmppError."""
        number = self._nonce()
        if self._stream.failure is not None or len(self._questions) >= MOST_QUESTIONS:
            raise self._stream.failure or XmppError("too many questions wait for their answers")
        waiting: Deferred[Element] = Deferred(lambda _: self._forget(number))
        self._questions[number] = waiting
        self._send(stanza_iq("get", number, to, content))
        return waiting

    def _forget(self, number: str) -> None:
        self._questions.pop(number, None)

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
            reply = answer(stanza, self._domain, self._asked)
            if reply is not None:
                self._send(reply)
        elif kind in ("result", "error"):
            waiting = self._questions.pop(attribute(stanza, "id") or "", None)
            if waiting is not None:
                waiting.callback(stanza)

    def _heard(self) -> None:
        self._pinged = False
        if self._keep_alive:
            self._silence.start(self._keep_alive)

    def _silent(self) -> None:
        if self._pinged:
            self._stream.fail("has not answered a ping", "ServerNotPresent")
            return
        self._pinged = True
        self._silence.start(self._limits.sign_of_life)
        self._send(stanza_iq("get", self._nonce(), self._domain, make(NS_PING, "ping")))
