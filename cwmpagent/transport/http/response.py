"""One POST over one connection, and its whole response."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from twisted.web.client import ResponseDone, ResponseFailed
from twisted.web.http import PotentialDataLoss
from twisted.web.http_headers import Headers

from cwmpagent.errors import TransportError
from cwmpagent.transport.error_text import cause
from cwmpagent.transport.http.destination import Destination
from cwmpagent.transport.http.inflate import Body
from cwmpagent.transport.http.request_writer import post_request
from cwmpagent.transport.http.wire_protocol import WireProtocol

REDIRECTS = frozenset((301, 302, 307, 308))
UNAUTHORIZED = 401


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """The response to a POST. ``headers``: without those of the connection; ``body``: inflated."""

    status: int
    headers: Headers = field(repr=False)
    body: bytes = field(repr=False)

    def header(self, name: bytes) -> bytes | None:
        """The value of the first header field of that name, None without one."""
        return next(iter(self.all_headers(name)), None)

    def all_headers(self, name: bytes) -> Sequence[bytes]:
        """The values of all header fields of that name."""
        return self.headers.getRawHeaders(name, ())


async def post(wire: WireProtocol, destination: Destination, headers: Headers, body: bytes, bound: int) -> HttpResponse:
    """POST ``body`` and read the response to its end, for any status. ``bound``: maximum bytes of its body.

    Raises TransportError, one line that begins with ``destination.name``. The connection is aborted in that case, and
    when this call is cancelled.
    """
    try:
        response: Any = await wire.request(post_request(destination.target, headers, body))
        body_unused = response.code in REDIRECTS or response.code == UNAUTHORIZED  # its encoding does not matter
        content = Body(bound, () if body_unused else response.headers.getRawHeaders(b"Content-Encoding", ()))
        reader = _BodyReader(content.feed)
        response.deliverBody(reader)
        await reader.done
        wire.response_complete()
        return HttpResponse(response.code, response.headers, content.finish())
    except Exception as error:
        wire.abort()
        if _cancelled(error):
            raise CancelledError() from error
        known = wire.failure or error
        if isinstance(known, TransportError):
            raise type(known)(f"{destination.name}: {known}") from error
        raise TransportError(f"{destination.name}: {cause(known)}") from error


class _BodyReader(Protocol):
    """Passes the body of a response to ``feed``. ``done`` fires at the end of the body, or with the first error."""

    def __init__(self, feed: Callable[[bytes], object]) -> None:
        self.done: Deferred[None] = Deferred()
        self._feed = feed

    def dataReceived(self, data: bytes) -> None:
        if self.done.called:
            return
        try:
            self._feed(data)
        except TransportError as error:
            self.done.errback(error)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if self.done.called:
            return
        if isinstance(reason.value, ResponseDone | PotentialDataLoss):  # the latter: the end of the connection ends it
            self.done.callback(None)
        else:
            self.done.errback(reason)


def _cancelled(error: Exception) -> bool:
    reasons = error.reasons if isinstance(error, ResponseFailed) else []
    return isinstance(error, CancelledError) or any(reason.check(CancelledError) for reason in reasons)
