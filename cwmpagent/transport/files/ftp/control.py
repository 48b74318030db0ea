"""The control connection of FTP: commands, replies with limits, and TLS (RFC 959 4.2, RFC 4217).

Twisted has a client, ``twisted.protocols.ftp``. Its import installs the global reactor, it ends a reply of many lines
at the wrong one, has no limit for them, and knows neither EPSV nor TLS.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable
from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IHandshakeListener
from twisted.internet.protocol import connectionDone
from twisted.protocols.basic import LineReceiver
from twisted.python.failure import Failure
from zope.interface import implementer

from cwmpagent.errors import TooSlowError, TransferFailure
from cwmpagent.protocol.transfers import failures
from cwmpagent.protocol.transfers.ftp import Reply
from cwmpagent.transport.deadline import within
from cwmpagent.transport.error_text import cause
from cwmpagent.transport.files.ftp.tls import FtpTls

_T = TypeVar("_T")
MOST_LINES = 500
"""Lines of one reply."""
MOST_WAITING = 4
"""Replies that have arrived and that nobody has read."""
_BEGIN = re.compile(r"([1-5]\d\d)(?:([ -])(.*))?", re.ASCII | re.DOTALL)


@implementer(IHandshakeListener)
class FtpControl(LineReceiver):
    """One control connection. ``seconds``: maximum time for each reply, and for the TLS handshake.

    Each failure is a TransferFailure 9015; the first one ends the connection.
    """

    delimiter = b"\n"
    MAX_LENGTH = 4096

    def __init__(self, reactor: Any, monotonic: Callable[[], float], seconds: float) -> None:
        self._reactor = reactor
        self._monotonic = monotonic
        self._seconds = seconds
        self._failure: TransferFailure | None = None
        self._replies: deque[Reply] = deque()
        self._waiting: Deferred[Reply] | None = None
        self._secured: Deferred[None] | None = None
        self._gone: Deferred[None] = Deferred()
        self._tls: FtpTls | None = None
        self._code = ""
        self._lines = 0

    async def command(self, name: str, argument: bytes = b"") -> Reply:
        """Send a command and return the reply. Raises TransferFailure."""
        if self._failure is None and (self._replies or self._unread()):
            self._fail("the file server sends a reply that nobody asked for")
        if self._failure is not None:
            raise self._failure
        self.sendLine(name.encode("ascii") + (b" " + argument if argument else b""))
        return await self.reply()

    async def reply(self, *, patient: bool = False) -> Reply:
        """The next reply. Raises TransferFailure. ``patient``: no limit of time."""
        if self._replies:
            return self._replies.popleft()
        if self._failure is not None:
            raise self._failure
        waiting: Deferred[Reply] = Deferred()
        self._waiting = waiting
        try:
            if patient:
                return await waiting
            return await self._within(waiting, f"the file server sends no reply within {self._seconds:g} s")
        finally:
            self._waiting = None

    async def start_tls(self, tls: FtpTls) -> None:
        """Begin TLS. Raises TransferFailure, permanent where the certificate is refused."""
        if self._replies or self._unread():
            self._fail("the file server sends data where TLS must begin")
        if self._failure is not None:
            raise self._failure
        self._tls = tls
        self._secured = Deferred()
        transport: Any = self.transport
        transport.startTLS(tls)
        await self._within(self._secured, f"the file server does not begin TLS within {self._seconds:g} s")

    async def abort(self) -> None:
        """Close the connection at once. Returns when it is closed."""
        transport: Any = self.transport
        transport.abortConnection()
        await self._gone

    # Calls of the transport.

    def sendLine(self, line: bytes) -> None:
        """Write one command."""
        transport: Any = self.transport
        transport.write(line + b"\r\n")

    def connectionMade(self) -> None:
        """Let small commands leave at once, and notice a server that is gone."""
        transport: Any = self.transport
        transport.setTcpNoDelay(True)
        transport.setTcpKeepAlive(True)

    def handshakeCompleted(self) -> None:
        """TLS has begun."""
        secured, self._secured = self._secured, None
        if secured is not None and not secured.called:
            secured.callback(None)

    def lineReceived(self, line: bytes) -> None:
        """One line of a reply: the last one, or one of many."""
        if self._failure is not None:
            return
        text = line.removesuffix(b"\r").decode("latin-1")
        self._lines += 1
        if self._lines > MOST_LINES:
            self._fail(f"the file server sends a reply of more than {MOST_LINES} lines")
        elif self._code:
            if text[:4] == f"{self._code} ":
                self._received(Reply(int(self._code), text[4:]))
        else:
            begin = _BEGIN.fullmatch(text)
            if begin is None:
                self._fail("the file server sends no valid response: something that is no reply of FTP")
            elif begin[2] == "-":
                self._code = begin[1]
            else:
                self._received(Reply(int(begin[1]), begin[3] or ""))

    def lineLengthExceeded(self, line: bytes) -> None:
        """Refuse an endless line."""
        self._fail(f"the file server sends a line of more than {self.MAX_LENGTH} octets")

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """End everything that waits."""
        refused = self._tls.refused if self._tls is not None else None
        self._failed(
            refused or failures.unreachable(f"the file server: {cause(reason.value, 'the connection failed')}")
        )
        if not self._gone.called:
            self._gone.callback(None)

    def _unread(self) -> bytes:
        """Octets behind the last line that was read; they are dropped."""
        unread: bytes = self.clearLineBuffer()  # type: ignore[no-untyped-call]  # no types there
        return unread

    def _received(self, reply: Reply) -> None:
        self._code, self._lines = "", 0
        waiting = self._waiting
        if waiting is not None and not waiting.called:
            waiting.callback(reply)
        elif len(self._replies) < MOST_WAITING:
            self._replies.append(reply)
        else:
            self._fail("the file server sends a reply that nobody asked for")

    async def _within(self, waiting: Deferred[_T], reason: str) -> _T:
        try:
            return await within(self._seconds, waiting, self._reactor, self._monotonic, reason)
        except TooSlowError as error:
            self._fail(reason)
            raise failures.unreachable(reason) from error

    def _fail(self, reason: str) -> None:
        self._failed(failures.unreachable(reason))
        transport: Any = self.transport
        transport.abortConnection()

    def _failed(self, failure: TransferFailure) -> None:
        if self._failure is None:
            self._failure = failure
        for waiting in (self._waiting, self._secured):
            if waiting is not None and not waiting.called:
                waiting.errback(self._failure)
