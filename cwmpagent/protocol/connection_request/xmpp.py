"""ConnectionRequests over XMPP (TR-069 Annex K) and their answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from hmac import compare_digest

from cwmpagent.protocol.connection_request.jid import allowed

NAMESPACE = "urn:broadband-forum-org:cwmp:xmppConnReq-1-0"
ELEMENT = "connectionRequest"


class XmppVerdict(Enum):
    """The answer to a request; the values are the names in the stanza that the ACS receives."""

    ACCEPTED = "result"
    NOT_AUTHORIZED = "not-authorized"
    UNAVAILABLE = "service-unavailable"
    SILENCE = ""
    """No answer: a sender that is not allowed must not learn that the device exists."""


@dataclass(frozen=True, slots=True)
class ConnectionRequest:
    """A ``connectionRequest`` in an iq stanza; ``sender`` is its ``from`` attribute."""

    sender: str
    username: str
    password: str = field(repr=False)


def judge(
    request: ConnectionRequest, *, enabled: bool, credentials: tuple[str, str] | None, allowed_ids: Sequence[str]
) -> XmppVerdict:
    """Decide on the answer to ``request``, without the rate limit.

    ``credentials``: ConnectionRequestUsername and ConnectionRequestPassword; where None, no request is accepted.
    """
    if not allowed(request.sender, allowed_ids):
        return XmppVerdict.SILENCE
    if not enabled:
        return XmppVerdict.UNAVAILABLE
    username, password = credentials or ("", "")
    valid = compare_digest(request.username.encode(), username.encode())
    valid &= compare_digest(request.password.encode(), password.encode())
    return XmppVerdict.ACCEPTED if valid and username and password else XmppVerdict.NOT_AUTHORIZED
