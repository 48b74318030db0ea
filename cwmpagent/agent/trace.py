"""Whole messages for the log, with their secrets masked; costs nothing unless somebody asked for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from cwmpagent.agent.facts import EnvelopeReceived, EnvelopeSent, Observer
from cwmpagent.errors import EnvelopeError
from cwmpagent.protocol.masking import masked, quoted, scrub
from cwmpagent.protocol.session import Post, Reply
from cwmpagent.protocol.soap import decode, encode


class Trace:
    """Tells the observer of every message; ``wanted`` is asked each time, ``hidden`` which parameters are secret."""

    def __init__(self, observer: Observer, *, wanted: Callable[[], bool], hidden: Callable[[str], bool]) -> None:
        self._observer = observer
        self._wanted = wanted
        self._hidden = hidden

    def sent(self, post: Post) -> None:
        """A message is about to leave."""
        if self._wanted():
            self._observer(EnvelopeSent(self._readable(post.body)))

    def received(self, reply: Reply) -> None:
        """An HTTP answer has come."""
        if self._wanted():
            self._observer(EnvelopeReceived(reply.status, self._readable(reply.body, reply.charset)))

    def _readable(self, body: bytes, charset: str | None = None) -> str:
        """``body`` written anew from its masked message; the masked beginning of what is no envelope."""
        if not body:
            return ""
        try:
            envelope = decode(body, charset=charset)
        except EnvelopeError:
            return quoted(scrub(body[:2000].decode("utf-8", "replace")))
        if envelope.body is None:
            return encode(envelope).decode()
        return encode(replace(envelope, body=masked(envelope.body, self._hidden))).decode()
