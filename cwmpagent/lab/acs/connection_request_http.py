"""The ACS's side of an HTTP connection request (reference 6.1): GET with Digest, never Basic."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from twisted.internet.defer import Deferred
from twisted.internet.defer import TimeoutError as DeferredTimeout
from twisted.internet.error import ConnectError, DNSLookupError
from twisted.internet.error import TimeoutError as ConnectTimeout
from twisted.internet.interfaces import IReactorTime
from twisted.internet.protocol import Protocol
from twisted.python.failure import Failure
from twisted.web.client import Agent, HTTPConnectionPool, ResponseFailed
from twisted.web.http_headers import Headers

from cwmpagent.errors import CwmpAgentError
from cwmpagent.lab.acs.devices import LabDevice
from cwmpagent.protocol.auth import Authenticator, Credentials
from cwmpagent.protocol.masking import quoted

SECONDS = 10.0
_PRINTS = re.compile(r"[!-~]+")


class UnreachableError(CwmpAgentError):
    """A device cannot be asked to call; the text says why."""


def no_credentials(device: LabDevice) -> str:
    """The sentence for a device whose credentials nobody knows."""
    return (
        f"no credentials for {device.id}: set its ConnectionRequestUsername and ConnectionRequestPassword by a "
        "task, or start the lab with --connection-request-username and --connection-request-password-file"
    )


def _agent(reactor: IReactorTime) -> Any:
    connections: Any = reactor
    pool = HTTPConnectionPool(connections, persistent=False)  # type: ignore[no-untyped-call]  # no types there
    return Agent(connections, connectTimeout=SECONDS, pool=pool)  # type: ignore[no-untyped-call]  # no types there


async def ask(reactor: IReactorTime, device: LabDevice, default: Credentials | None, cnonce: Callable[[], str]) -> int:
    """Send a connection request to ``device`` and give the HTTP status of its answer.

    ``default``: credentials for what the ACS has not set itself. Raises :class:`UnreachableError`.
    """
    url = device.find("ManagementServer.ConnectionRequestURL") or ""
    if not url:
        raise UnreachableError(f"{device.id} has told no ConnectionRequestURL")
    credentials = device.connection_request_credentials(default)
    if credentials is None:
        raise UnreachableError(no_credentials(device))
    try:
        target = _target(url)
        authenticator = Authenticator(credentials, cnonce=cnonce, basic_allowed=False)
        agent = _agent(reactor)
        status, challenges = await _get(reactor, agent, url, None)
        if status == 401 and authenticator.challenged(challenges):
            status, challenges = await _get(reactor, agent, url, authenticator.authorization("GET", target))
    except UnreachableError:
        device.unreachable = True
        raise
    device.unreachable = False
    return status


def _target(url: str) -> str:
    """The request target of an http URL."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    if parts.scheme != "http" or not parts.hostname or port == 0 or not _PRINTS.fullmatch(url) or "@" in parts.netloc:
        raise UnreachableError(f"its ConnectionRequestURL is not an http URL: {quoted(url)}")
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


async def _get(reactor: IReactorTime, agent: Any, url: str, authorization: str | None) -> tuple[int, list[bytes]]:
    headers = Headers({b"Authorization": [authorization.encode()]} if authorization else {})
    exchange: Deferred[tuple[int, list[bytes]]] = Deferred.fromCoroutine(_exchange(agent, url, headers))
    exchange.addTimeout(SECONDS, reactor)
    try:
        return await exchange
    except (DeferredTimeout, ConnectTimeout):
        raise UnreachableError(f"no answer within {SECONDS:g} s") from None
    except (ConnectError, DNSLookupError) as error:
        raise UnreachableError(f"no connection: {error}") from error
    except ResponseFailed as error:
        raise UnreachableError("the connection ended without an answer") from error


async def _exchange(agent: Any, url: str, headers: Headers) -> tuple[int, list[bytes]]:
    response: Any = await agent.request(b"GET", url.encode("ascii"), headers)
    gone: Deferred[None] = Deferred()
    response.deliverBody(_Discard(gone))
    await gone
    return response.code, list(response.headers.getRawHeaders(b"WWW-Authenticate") or ())


class _Discard(Protocol):
    """Reads a body to its end, or as much of one as is decent."""

    def __init__(self, gone: Deferred[None]) -> None:
        self._gone = gone
        self._left = 65536

    def dataReceived(self, data: bytes) -> None:
        self._left -= len(data)
        if self._left < 0 and self.transport is not None:
            self.transport.loseConnection()

    def connectionLost(self, reason: Failure | None = None) -> None:
        self._gone.callback(None)
