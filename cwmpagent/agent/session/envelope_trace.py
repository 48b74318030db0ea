"""Facts with whole messages, secrets masked, for the log; created only while they are requested."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from cwmpagent.agent.facts import EnvelopeReceived, EnvelopeSent, Observer
from cwmpagent.errors import EnvelopeError, MisuseError
from cwmpagent.protocol.masking import masked, quoted, scrub
from cwmpagent.protocol.session import Post, Reply
from cwmpagent.protocol.soap import decode, encode


class EnvelopeTrace:
    """Emits a fact for each message while ``enabled`` returns True; ``hidden``: whether a parameter is secret."""

    def __init__(self, observer: Observer, *, enabled: Callable[[], bool], hidden: Callable[[str], bool]) -> None:
        self._observer = observer
        self._enabled = enabled
        self._hidden = hidden

    def sent(self, post: Post) -> None:
        """Trace a message that is about to be sent."""
        if self._enabled():
            self._observer(EnvelopeSent(self._readable(post.body)))

    def received(self, reply: Reply) -> None:
        """Trace an HTTP answer that arrived."""
        if self._enabled():
            self._observer(EnvelopeReceived(reply.status, self._readable(reply.body, reply.charset)))

    def _readable(self, body: bytes, charset: str | None = None) -> str:
        """Text of ``body``, encoded again from its masked message.

        Where the agent cannot encode it (wrong arguments, unusual names), the result is the original text without
        anything that may be secret. Of a body that is not an envelope, it is only the beginning.
        """
        if not body:
            return ""
        try:
            envelope = decode(body, charset=charset)
        except EnvelopeError:
            return quoted(_scrubbed(body[:2000]))
        message = envelope.body and masked(envelope.body, self._hidden)
        try:
            return encode(replace(envelope, body=message)).decode()
        except MisuseError:
            return _scrubbed(body)


def _scrubbed(body: bytes) -> str:
    # Without its NUL characters, UTF-16 is readable, and secrets in it are found.
    return scrub(body.decode("utf-8", "replace").replace("\0", ""))
