"""Whole messages for the log, with their secrets masked; costs nothing unless somebody asked for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from cwmpagent.agent.facts import EnvelopeReceived, EnvelopeSent, Observer
from cwmpagent.errors import EnvelopeError, MisuseError
from cwmpagent.protocol.masking import masked, quoted, scrub
from cwmpagent.protocol.session import Post, Reply
from cwmpagent.protocol.soap import decode, encode


class EnvelopeTrace:
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
        """``body`` written anew from its masked message.

        Where we would not write it (wrong arguments, odd names) it is shown as it came, but for what may be secret; of
        what is no envelope, only the beginning.
        """
        if not body:
            return ""
        try:
            envelope = decode(body, charset=charset)
        except EnvelopeError:
            return quoted(_scrubbed(body[:2000]))
        shown = envelope.body and masked(envelope.body, self._hidden)
        try:
            return encode(replace(envelope, body=shown)).decode()
        except MisuseError:
            return _scrubbed(body)


def _scrubbed(body: bytes) -> str:
    # Without its NULs UTF-16 is readable, and what is secret in it is found.
    return scrub(body.decode("utf-8", "replace").replace("\0", ""))
