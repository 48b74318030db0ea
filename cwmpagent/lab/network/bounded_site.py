"""A twisted.web site for hostile clients: it bounds bodies while they arrive and sends no Server header."""

from __future__ import annotations

from io import BytesIO
from typing import Any

from twisted.internet.interfaces import IReactorTime
from twisted.web.resource import IResource
from twisted.web.server import Request, Site

from cwmpagent.errors import TooLargeError, TransportError
from cwmpagent.transport.http.inflate import Body

IDLE_SECONDS = 300
MOST_SMALL_PIECES = 65536
"""Number of pieces of a body above which they must have 16 bytes on average: one of a byte costs as much work."""

_PIECE = 64 * 1024


class BoundedRequest(Request):
    """A request with a body of at most ``site.max_body`` bytes; the rest is dropped as it arrives."""

    received = 0
    pieces = 0

    def gotLength(self, length: int | None) -> None:
        """Open the place for the body: memory, or a temporary file for a large body where one can be opened."""
        try:
            super().gotLength(length)  # type: ignore[no-untyped-call]  # Twisted has no types there
        except OSError:  # no descriptor or no space is left; the bound holds in memory, too
            self.content = BytesIO()

    @property
    def too_large(self) -> bool:
        """Whether the body is larger than the bound and therefore incomplete."""
        return self.received > self._bound

    @property
    def _bound(self) -> int:
        channel: Any = self.channel
        return int(channel.site.max_body)

    def handleContentChunk(self, data: bytes) -> None:
        if self.channel is None:  # the connection was aborted; the rest of what had arrived follows
            return
        self.received += len(data)
        self.pieces += 1
        if self.received <= self._bound:
            super().handleContentChunk(data)  # type: ignore[no-untyped-call]  # Twisted has no types there
        if self.received > 4 * self._bound + 65536 or self.pieces > MOST_SMALL_PIECES + self.received // 16:
            # A client that sends this much, or this little at a time, does not wait for an answer.
            channel: Any = self.channel
            channel.transport.abortConnection()

    def whole(self) -> bytes:
        """The body; may be called repeatedly."""
        if self.content is None:
            return b""
        self.content.seek(0)
        return bytes(self.content.read())

    def text(self, name: str) -> str:
        """The first header of this name as text; empty if there is none."""
        value = self.requestHeaders.getRawHeaders(name.encode())
        return value[0].decode("latin-1") if value else ""


class BoundedSite(Site):
    """A site that serves ``resource`` and accepts bodies of at most ``max_body`` bytes."""

    requestFactory = BoundedRequest
    noisy = False

    def __init__(self, resource: IResource, *, max_body: int, reactor: IReactorTime) -> None:
        super().__init__(  # type: ignore[no-untyped-call]  # Twisted has no types there
            resource, parsePOSTFormSubmission=False, timeout=IDLE_SECONDS, reactor=reactor
        )
        self.max_body = max_body

    def log(self, request: Any) -> None:
        """Write no access log; sessions are logged instead."""

    def getResourceFor(self, request: Request) -> Any:
        """Find the resource as twisted.web does, and remove its Server header."""
        request.responseHeaders.removeHeader(b"Server")
        return super().getResourceFor(request)  # type: ignore[no-untyped-call]  # Twisted has no types there


def inflated(data: bytes, coding: str, bound: int) -> bytes:
    """Decode ``data``, whose Content-Encoding is ``coding``, as the agent decodes a response.

    Raises LookupError for an unknown coding, ValueError for bad data, TooLargeError above its bounds.
    """
    try:
        body = Body(bound, (coding.encode("latin-1"),), "request")
    except TransportError as error:
        raise LookupError(coding) from error
    try:
        for start in range(0, len(data), _PIECE):  # what is left of a piece is copied for each member in it
            body.feed(data[start : start + _PIECE])
        return body.finish()
    except TooLargeError:
        raise
    except TransportError as error:
        raise ValueError(str(error)) from error
