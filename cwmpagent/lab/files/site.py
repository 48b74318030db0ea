"""The web site of the file server: the body of an upload goes to disk while it arrives."""

from __future__ import annotations

from io import BytesIO
from typing import Any

from twisted.internet.interfaces import IReactorTime
from twisted.web.resource import IResource

from cwmpagent.lab.files.uploads import Incoming, Uploads
from cwmpagent.lab.network.bounded_site import MOST_SMALL_PIECES, BoundedRequest, BoundedSite

DROPPED = 1 << 20
"""Octets above the largest upload that are dropped before the connection is broken."""


class FileRequest(BoundedRequest):
    """A request whose body is written to :class:`Uploads`; ``incoming`` is None if it has no body, or no place."""

    incoming: Incoming | None = None
    had_body = False

    def gotLength(self, length: int | None) -> None:
        """Find a place for the body; a body that comes without the credentials that are needed gets none."""
        self.content = BytesIO()
        self.had_body = length != 0
        site = self._site
        anonymous = site.needs_credentials and not self.requestHeaders.hasHeader(b"Authorization")
        if self.had_body and not anonymous:
            self.incoming = site.uploads.begin()

    def handleContentChunk(self, data: bytes) -> None:
        """Write one piece of the body."""
        if self.channel is None:
            return
        self.received += len(data)
        self.pieces += 1
        if self.incoming is not None:
            self.incoming.write(data)
        most = self._site.uploads.largest + DROPPED
        if self.received > most or self.pieces > MOST_SMALL_PIECES + self.received // 16:
            # A client that sends this much, or this little at a time, does not wait for an answer.
            channel: Any = self.channel
            channel.transport.abortConnection()

    def connectionLost(self, reason: Any) -> None:
        """Remove what has arrived of an incomplete upload."""
        self.drop()
        super().connectionLost(reason)  # type: ignore[no-untyped-call]  # Twisted has no types there

    def empty(self) -> Incoming | None:
        """A place for an upload of zero octets; None if there is none."""
        self.incoming = self._site.uploads.begin()
        return self.incoming

    def drop(self) -> None:
        """Discard the body."""
        if self.incoming is not None:
            self.incoming.discard()
            self.incoming = None

    @property
    def _site(self) -> FileSite:
        channel: Any = self.channel
        site = channel.site
        assert isinstance(site, FileSite)
        return site


class FileSite(BoundedSite):
    """A site that serves ``resource``. ``needs_credentials``: drop bodies without an Authorization header."""

    requestFactory = FileRequest

    def __init__(
        self, resource: IResource, *, uploads: Uploads, needs_credentials: bool, reactor: IReactorTime
    ) -> None:
        super().__init__(resource, max_body=uploads.largest, reactor=reactor)
        self.uploads = uploads
        self.needs_credentials = needs_credentials
