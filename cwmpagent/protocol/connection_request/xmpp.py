"""Connection requests over XMPP (TR-069 Annex K): what one asks, and what it is answered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from hmac import compare_digest

from cwmpagent.protocol.connection_request.jid import allowed

NAMESPACE = "urn:broadband-forum-org:cwmp:xmppConnReq-1-0"
ELEMENT = "connectionRequest"


class XmppVerdict(Enum):
    """What a request is answered with; the names are those that an ACS reads in the stanza."""

    ACCEPTED = "result"
    NOT_AUTHORIZED = "not-authorized"
    UNAVAILABLE = "service-unavailable"
    SILENCE = ""
    """Nothing at all: whoever may not ask does not learn that there is somebody."""


@dataclass(frozen=True, slots=True)
class ConnectionRequest:
    """A ``connectionRequest`` in an iq; ``sender`` is its ``from``."""

    sender: str
    username: str
    password: str = field(repr=False)


def judge(
    request: ConnectionRequest, *, enabled: bool, credentials: tuple[str, str] | None, allowed_ids: Sequence[str]
) -> XmppVerdict:
    """What ``request`` deserves, apart from the limit on requests.

    ``credentials``: ConnectionRequestUsername and Password; without them nobody gets in.
    """
    if not allowed(request.sender, allowed_ids):
        return XmppVerdict.SILENCE
    if not enabled:
        return XmppVerdict.UNAVAILABLE
    username, password = credentials or ("", "")
    right = compare_digest(request.username.encode(), username.encode())
    right &= compare_digest(request.password.encode(), password.encode())
    return XmppVerdict.ACCEPTED if right and username and password else XmppVerdict.NOT_AUTHORIZED
