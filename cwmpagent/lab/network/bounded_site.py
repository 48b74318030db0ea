"""A twisted.web site for hostile clients: it bounds bodies while they arrive and sends no Server header."""

from __future__ import annotations

import zlib
from io import BytesIO
from typing import Any

from twisted.internet.interfaces import IReactorTime
from twisted.web.resource import IResource
from twisted.web.server import Request, Site

IDLE_SECONDS = 300
MOST_SMALL_PIECES = 65536
"""Number of pieces of a body above which they must have 16 bytes on average: one of a byte costs as much work."""


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


class TooLarge(Exception):
    """An inflated body is larger than its bound."""


def inflated(data: bytes, coding: str, bound: int) -> bytes:
    """Decode ``data``, whose Content-Encoding is ``coding``.

    Raises LookupError for an unknown coding, ValueError for bad data, :class:`TooLarge` above ``bound`` bytes.
    """
    coding = coding.strip().lower()
    if coding in ("", "identity"):
        return data
    if coding not in ("gzip", "x-gzip", "deflate"):
        raise LookupError(coding)
    inflate = zlib.decompressobj(31 if "gzip" in coding else 15)
    try:
        plain = inflate.decompress(data, bound + 1)
    except zlib.error as error:
        raise ValueError(str(error)) from error
    if len(plain) > bound:
        raise TooLarge
    if not inflate.eof:
        raise ValueError("the compressed body is incomplete")
    return plain
