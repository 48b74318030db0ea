"""HTTP connection requests of the ACS (TR-069 3.2.2): GET with Digest, never Basic."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from treq.client import HTTPClient
from twisted.internet.defer import Deferred
from twisted.internet.defer import TimeoutError as DeferredTimeout
from twisted.internet.error import ConnectError, DNSLookupError
from twisted.internet.error import TimeoutError as ConnectTimeout
from twisted.internet.interfaces import IReactorTime
from twisted.internet.protocol import Protocol
from twisted.python.failure import Failure
from twisted.web.client import Agent, HTTPConnectionPool, ResponseFailed
from twisted.web.http_headers import Headers
from twisted.web.iweb import IAgent, IBodyProducer, IResponse
from zope.interface import implementer

from cwmpagent.lab.acs.connection_request.errors import UnreachableError, credentials_of
from cwmpagent.lab.acs.devices import LabDevice
from cwmpagent.protocol.auth import Authenticator, Credentials
from cwmpagent.protocol.masking import quoted

SECONDS = 10.0
BODY = 65536
_PRINTS = re.compile(r"[!-~]+")


@implementer(IAgent)
class _UrlAgent:
    """An ``IAgent`` for one URL, with a connection for each request.

    treq normalizes a URL, requests gzip, inflates without a bound and keeps cookies. The URL is sent here as the device
    reported it, because Digest covers it, and treq gets no header that makes it do the others.
    """

    WITHHELD = (b"Set-Cookie", b"Content-Encoding")

    def __init__(self, reactor: IReactorTime, url: str) -> None:
        connections: Any = reactor
        pool = HTTPConnectionPool(connections, persistent=False)  # type: ignore[no-untyped-call]  # no types there
        self._agent: Any = Agent(connections, connectTimeout=SECONDS, pool=pool)  # type: ignore[no-untyped-call]
        self._url = url.encode("ascii")

    def request(
        self, method: bytes, uri: bytes, headers: Headers | None = None, bodyProducer: IBodyProducer | None = None
    ) -> Deferred[IResponse]:
        """Send the request to the agent's URL; ``uri`` is ignored."""
        sent = headers.copy() if headers is not None else Headers()
        sent.removeHeader(b"Accept-Encoding")
        answered: Deferred[IResponse] = self._agent.request(method, self._url, sent, bodyProducer)
        return answered.addCallback(self._withhold)

    def _withhold(self, response: IResponse) -> IResponse:
        for name in self.WITHHELD:
            response.headers.removeHeader(name)
        return response


async def ask(reactor: IReactorTime, device: LabDevice, default: Credentials | None, cnonce: Callable[[], str]) -> int:
    """Send a connection request to ``device``; return the HTTP status of its answer.

    ``default``: the credentials where the ACS has set none. ``cnonce``: returns unpredictable text. Raises
    :class:`UnreachableError`.
    """
    url = device.find("ManagementServer.ConnectionRequestURL") or ""
    if not url:
        raise UnreachableError(f"{device.id} has reported no ConnectionRequestURL")
    credentials = credentials_of(device, default)
    try:
        target = _target(url)
        authenticator = Authenticator(credentials, cnonce=cnonce, basic_allowed=False)
        agent = _UrlAgent(reactor, url)
        status, challenges = await _get(reactor, agent, None)
        if status == 401 and authenticator.challenged(challenges):
            status, challenges = await _get(reactor, agent, authenticator.authorization("GET", target))
    except UnreachableError:
        device.unreachable = True
        raise
    device.unreachable = False
    return status


def _target(url: str) -> str:
    """The request target of an http URL. Raises :class:`UnreachableError`."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    if parts.scheme != "http" or not parts.hostname or port == 0 or not _PRINTS.fullmatch(url) or "@" in parts.netloc:
        raise UnreachableError(f"its ConnectionRequestURL is not an http URL: {quoted(url)}")
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


async def _get(reactor: IReactorTime, agent: IAgent, authorization: str | None) -> tuple[int, list[bytes]]:
    """Send one GET; return the status and the challenges of the answer."""
    headers = Headers({b"Authorization": [authorization.encode()]} if authorization else {})
    exchange: Deferred[tuple[int, list[bytes]]] = Deferred.fromCoroutine(_exchange(reactor, agent, headers))
    exchange.addTimeout(SECONDS, reactor, onTimeoutCancel=lambda result, seconds: Failure(DeferredTimeout()))  # type: ignore[no-untyped-call]  # no types there
    try:
        return await exchange
    except (DeferredTimeout, ConnectTimeout):
        raise UnreachableError(f"no answer within {SECONDS:g} s") from None
    except (ConnectError, DNSLookupError) as error:
        raise UnreachableError(f"no connection: {error}") from error
    except ResponseFailed as error:
        raise UnreachableError("the connection ended without an answer") from error


async def _exchange(reactor: Any, agent: IAgent, headers: Headers) -> tuple[int, list[bytes]]:
    response = await HTTPClient(agent).get(
        "http://device/",  # the agent sends the real URL
        headers=headers,
        allow_redirects=False,
        unbuffered=True,
        reactor=reactor,
    )
    body = _Discard()
    response.deliverBody(body)
    await body.finished
    return response.code, list(response.headers.getRawHeaders(b"WWW-Authenticate") or ())


class _Discard(Protocol):
    """Read a body of at most :data:`BODY` bytes to its end and keep nothing; close the connection of a longer one."""

    def __init__(self) -> None:
        self.finished: Deferred[None] = Deferred(lambda _: self._close())
        self._left = BODY

    def dataReceived(self, data: bytes) -> None:
        self._left -= len(data)
        if self._left < 0:
            self._close()

    def connectionLost(self, reason: Failure | None = None) -> None:
        if not self.finished.called:
            self.finished.callback(None)

    def _close(self) -> None:
        if self.transport is not None:
            self.transport.loseConnection()
