"""The data connection of FTP: one file in one direction, whose end is the end of the connection (RFC 959 3.4)."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from twisted.web.client import ResponseDone

from cwmpagent.transport.files.ftp.tls import FtpTls
from cwmpagent.transport.files.received_body import ReceivedBody
from cwmpagent.transport.files.sent_file import SentFile


class FtpData(Protocol):
    """One data connection, in TLS with ``tls``. It reads nothing before :meth:`receive` or :meth:`send`.

    ``total``: octets of the whole file to receive, 0 where unknown. A connection that is lost, or whose TLS is not
    ended, counts as ended only behind so many.
    """

    def __init__(self, tls: FtpTls | None, total: int = 0) -> None:
        self.tls = tls
        self._total = total
        self._body: ReceivedBody | None = None
        self._gone: Deferred[None] = Deferred()

    def receive(self, body: ReceivedBody) -> None:
        """Give everything that arrives to ``body``. It closes this connection where it fails."""
        self._body = body
        body.makeConnection(self)  # type: ignore[no-untyped-call]  # no types there
        self._wire.resumeProducing()

    def pauseProducing(self) -> None:
        """Read no more; the body has more than is written."""
        self._wire.pauseProducing()

    def resumeProducing(self) -> None:
        """Read again."""
        self._wire.resumeProducing()

    async def send(self, file: SentFile) -> None:
        """Write the whole ``file``, and close the connection behind it. Raises OSError."""
        self._wire.resumeProducing()
        writing = file.startProducing(self._wire)
        self._wire.registerProducer(file, True)
        await writing
        self._wire.unregisterProducer()
        self._wire.loseConnection()

    def loseConnection(self) -> None:
        """Close the connection at once, so that no file that is cut off seems to be whole."""
        self._wire.abortConnection()

    async def abort(self) -> None:
        """Close the connection at once. Returns when it is closed."""
        self._wire.abortConnection()
        await self._gone

    # Calls of the transport.

    def connectionMade(self) -> None:
        """Begin TLS, and wait until the server says that it will send the file."""
        if self.tls is not None:
            self._wire.startTLS(self.tls)
        self._wire.pauseProducing()

    def dataReceived(self, data: bytes) -> None:
        """A piece of the file."""
        if self._body is not None:
            self._body.dataReceived(data)
        else:  # a server that talks where it must listen
            self._wire.abortConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The end of the file, or its loss."""
        body, self._body = self._body, None
        if body is not None:
            clean = reason.check(ConnectionDone)  # type: ignore[no-untyped-call]  # no types there
            whole = clean or body.octets == self._total > 0
            end = Failure(ResponseDone())  # type: ignore[no-untyped-call]  # no types there
            body.connectionLost(end if whole else reason)
        self._gone.callback(None)

    @property
    def _wire(self) -> Any:
        return self.transport
