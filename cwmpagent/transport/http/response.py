"""One request over one connection, and its whole answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from treq.client import HTTPClient
from twisted.internet.defer import CancelledError
from twisted.web.client import ResponseFailed
from twisted.web.http_headers import Headers

from cwmpagent.errors import TransportError
from cwmpagent.transport.error_text import cause
from cwmpagent.transport.http.destination import Destination
from cwmpagent.transport.http.inflate import Body
from cwmpagent.transport.http.plainagent import PlainAgent, WholeBody
from cwmpagent.transport.http.wire_protocol import WireProtocol

REDIRECTS = frozenset((301, 302, 307, 308))
UNAUTHORIZED = 401


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """``headers`` without those of the connection; ``cookies``: its Set-Cookie headers, ``body``: inflated."""

    status: int
    headers: Headers
    cookies: Sequence[bytes] = field(repr=False)
    body: bytes = field(repr=False)

    def header(self, name: bytes) -> bytes | None:
        """The first header of that name."""
        return next(iter(self.headers.getRawHeaders(name, ())), None)


async def ask(
    reactor: Any, wire: WireProtocol, there: Destination, headers: Headers, body: bytes, bound: int
) -> HttpResponse:
    """POST ``body`` and read the answer to its end, whatever it is.

    Raises TransportError, one line that begins with ``there.name``; the connection is given up then, as it is when
    cancelled.
    """
    agent = PlainAgent(wire, there.target.encode("ascii"))
    client = HTTPClient(agent, data_to_body_producer=WholeBody)
    try:
        waiting = client.post(
            "http://acs/",  # PlainAgent puts the real target in its place
            data=body,
            headers=headers,
            allow_redirects=False,
            unbuffered=True,
            reactor=reactor,
        )
        wire.flush()
        response = await waiting
        settled_here = response.code in REDIRECTS or response.code == UNAUTHORIZED  # nobody looks at its body
        content = Body(bound, () if settled_here else agent.withheld[b"Content-Encoding"])
        await response.collect(content.feed)
        wire.answered()
        return HttpResponse(response.code, response.headers, agent.withheld[b"Set-Cookie"], content.finish())
    except Exception as error:
        wire.abort()
        if _cancelled(error):
            raise CancelledError() from error
        known = wire.failure or error
        if isinstance(known, TransportError):
            raise type(known)(f"{there.name}: {known}") from error
        raise TransportError(f"{there.name}: {cause(known)}") from error


def _cancelled(error: Exception) -> bool:
    reasons = error.reasons if isinstance(error, ResponseFailed) else []
    return isinstance(error, CancelledError) or any(reason.check(CancelledError) for reason in reasons)
