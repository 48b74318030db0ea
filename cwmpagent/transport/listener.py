"""ConnectionRequests over HTTP (TR-069 section 3.2.2): by a GET with Digest credentials the ACS asks for a session.

One listener serves any number of agents, each by its path. To those without credentials it says nothing of what it is.
"""

from __future__ import annotations

import errno
import ipaddress
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Any, Protocol
from urllib.parse import unquote_to_bytes

from twisted.application.service import Service
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.endpoints import serverFromString
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IListeningPort

from cwmpagent.errors import ConfigError, MisuseError
from cwmpagent.protocol.digestserver import DigestServer, Verdict
from cwmpagent.protocol.digestsum import ALGORITHMS, request_target
from cwmpagent.transport.brief import Bounds, BriefFactory, BriefRequest

_REMEDIES = {
    errno.EADDRINUSE: "another program or endpoint has this port (tcp6 takes IPv4 too); choose another",
    errno.EACCES: "ports below 1024 need privileges; choose a higher one",
    errno.EADDRNOTAVAIL: "this machine has no such address; leave it out to listen on all",
}


class Target(Protocol):
    """One agent behind a path."""

    def credentials(self) -> tuple[str, str] | None:
        """User name and password that count now; without both nobody gets in."""

    def enabled(self) -> bool:
        """Whether there is anything at its path now."""

    def requested(self, source: str) -> bool:
        """An authenticated request came from the address ``source``; True: answered with 200, False (too many): 503.

        The answer is written as soon as this returns, so the session must not be opened before.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """``nonce_lifetime`` in seconds; ``bounds`` of the connections."""

    nonce_lifetime: float = 60.0
    bounds: Bounds = field(default_factory=Bounds)


class ConnectionRequestListener(Service):
    """Listens on ``endpoints`` (Twisted's server endpoint strings) from :meth:`bind` to ``stopService``.

    ``nonce`` makes unpredictable tokens, ``clock`` is monotonic, in seconds. ``algorithms`` are offered strongest
    first.
    """

    def __init__(
        self,
        reactor: Any,  # what its endpoints need differs by their kind
        endpoints: Sequence[str],
        *,
        realm: str,
        algorithms: Sequence[str] = ("MD5",),
        nonce: Callable[[], str],
        clock: Callable[[], float],
        limits: Limits | None = None,
    ) -> None:
        self._reactor = reactor
        self._endpoints = tuple(endpoints)
        self._clock = clock
        self._limits = limits if limits is not None else Limits()
        self._digest = DigestServer(
            realm,
            algorithms=sorted(algorithms, key=lambda name: -ALGORITHMS[name.lower()].strength),
            nonce=nonce,
            lifetime=self._limits.nonce_lifetime,
        )
        self._factory = BriefFactory(reactor, self._limits.bounds, self._answer)
        self._places: dict[bytes, Target] = {}
        self._ports: list[IListeningPort] = []

    async def bind(self) -> None:
        """Listen on all endpoints, or on none.

        Raises :class:`~cwmpagent.errors.ConfigError`, naming the endpoint that cannot be had, the cause and the remedy.
        """
        for text in self._endpoints:
            try:
                endpoint = serverFromString(self._reactor, text)  # type: ignore[no-untyped-call]  # Twisted has no types
                self._ports.append(await endpoint.listen(self._factory))
            except Exception as error:  # whatever that kind of endpoint raises
                await self._unbind()
                raise ConfigError("connection_request.endpoint", f"{text}: {_cause(error)}") from error

    @property
    def listening(self) -> bool:
        """Whether it listens anywhere, be it on a socket that is not TCP."""
        return bool(self._ports)

    @property
    def first(self) -> tuple[str, int] | None:
        """Address and number of the first TCP port; None while there is none."""
        for port in self._ports:
            at = port.getHost()
            if isinstance(at, IPv4Address | IPv6Address):
                return at.host, at.port
        return None

    def port_for(self, address: str) -> int:
        """The number of the first TCP port that takes connections to our IP ``address``; 0 where none does."""
        ours = ip_address(address)
        for port in self._ports:
            at = port.getHost()
            if isinstance(at, IPv4Address | IPv6Address) and _takes(at.host, ours):
                return at.port
        return 0

    def add(self, path: str, target: Target) -> None:
        """Serve ``target`` at ``path``, plain or percent-encoded."""
        key = unquote_to_bytes(path)
        if not path.startswith("/") or key in self._places:
            raise MisuseError(f"no path, or one that is taken: {path!a}")
        self._places[key] = target

    def remove(self, path: str) -> None:
        """Serve nothing at ``path`` any more."""
        self._places.pop(unquote_to_bytes(path), None)

    def stopService(self) -> Deferred[None]:
        """Close the ports, and the connections after the answers on their way; fires when all are gone."""
        super().stopService()  # type: ignore[no-untyped-call]  # Twisted has no types there
        return Deferred.fromCoroutine(self._stop())

    async def _stop(self) -> None:
        await self._unbind()
        await self._factory.close()

    async def _unbind(self) -> None:
        ports, self._ports = self._ports, []
        for port in ports:
            await maybeDeferred(port.stopListening)

    def _answer(self, request: BriefRequest) -> None:
        uri = request.uri.decode("utf-8", "surrogateescape")
        path = request_target(uri).partition("?")[0]
        target = self._places.get(unquote_to_bytes(path.encode("utf-8", "surrogateescape")))
        if target is None or not target.enabled():
            request.reply(404, {})
        elif request.method != b"GET":
            request.reply(405, {"Allow": ["GET"]})
        else:
            self._judge(request, uri, target)

    def _judge(self, request: BriefRequest, uri: str, target: Target) -> None:
        now = self._clock()
        given = request.requestHeaders.getRawHeaders(b"Authorization", [])
        verdict = self._digest.check(
            given[0] if len(given) == 1 else None,
            method="GET",
            uri=uri,
            password_of=lambda username: _password(target, username),
            now=now,
        )
        if verdict is not Verdict.ACCEPTED:
            challenges = self._digest.challenges(now, stale=verdict is Verdict.STALE)
            request.reply(401, {"WWW-Authenticate": challenges}, stay=True)
            return
        request.reply(200 if target.requested(request.source) else 503, {})


def _password(target: Target, username: str) -> str | None:
    expected = target.credentials()
    if expected is None or not all(expected) or expected[0] != username:
        return None
    return expected[1]


def _takes(host: str, address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    """Whether a socket that listens at ``host`` takes connections to ``address``; all of IPv6 has IPv4 too."""
    at = ip_address(host.partition("%")[0])
    return at == address or (at.is_unspecified and at.version >= address.version)


def _cause(error: Exception) -> str:
    if not isinstance(error, CannotListenError):
        return " ".join(str(error).split()) or type(error).__name__
    inner = error.socketError
    cause = getattr(inner, "strerror", None) or str(inner)
    remedy = _REMEDIES.get(getattr(inner, "errno", 0) or 0)
    return f"{cause}: {remedy}" if remedy else cause
