"""ConnectionRequests over HTTP (TR-069 section 3.2.2): by a GET with Digest credentials the ACS asks for a session.

One listener serves any number of agents, each by its path. To those without credentials it says nothing of what it is.
Where agents are, but none that is switched on, its ports are closed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol
from urllib.parse import unquote_to_bytes

from twisted.application.service import Service
from twisted.internet.defer import Deferred, DeferredLock, succeed
from twisted.internet.interfaces import IDelayedCall

from cwmpagent.errors import ConfigError, MisuseError
from cwmpagent.protocol.auth import DigestServer, DigestVerdict
from cwmpagent.protocol.auth.digest_response import ALGORITHMS, request_target
from cwmpagent.transport.connection_request.bounded_http import BoundedHttpFactory, BoundedHttpRequest, HttpBounds
from cwmpagent.transport.connection_request.endpoints import Endpoints
from cwmpagent.transport.deadline import Deadline
from cwmpagent.transport.fair_turns import FairTurns

RETRY = 30.0
"""Seconds after which a port that could not be opened again is tried once more."""


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

    def moved(self) -> None:
        """It is reached now, after a time in which it was not: the port could not be had, or was not open yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListenerLimits:
    """``nonce_lifetime`` in seconds; ``bounds`` of the connections."""

    nonce_lifetime: float = 60.0
    bounds: HttpBounds = field(default_factory=HttpBounds)


class ConnectionRequestListener(Service):
    """Listens on ``endpoints`` (Twisted's server endpoint strings) from :meth:`bind` to ``stopService``.

    ``nonce`` makes unpredictable tokens, ``clock`` is monotonic, in seconds. ``algorithms`` are offered strongest
    first. ``warn`` is told, once, of a port that cannot be had any more.
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
        limits: ListenerLimits | None = None,
        warn: Callable[[str], object] = lambda line: None,
    ) -> None:
        self._reactor = reactor
        self._clock = clock
        self._limits = limits if limits is not None else ListenerLimits()
        self._warn = warn
        self._digest = DigestServer(
            realm,
            algorithms=sorted(algorithms, key=lambda name: -ALGORITHMS[name.lower()].strength),
            nonce=nonce,
            lifetime=self._limits.nonce_lifetime,
        )
        self._endpoints = Endpoints(reactor, endpoints, "connection_request.endpoint")
        self._listens = bool(endpoints)
        self._factory: BoundedHttpFactory | None = None
        self._leaving: list[Deferred[None]] = []
        self._places: dict[bytes, Target] = {}
        self._on: set[bytes] = set()
        self._bound = False
        self._turn = DeferredLock()
        self._retry = Deadline(reactor, clock, self._follow_later)
        self._failing = False
        self._soon: IDelayedCall | None = None
        self._turns = FairTurns(reactor)

    async def bind(self) -> None:
        """Listen on all endpoints, or on none; on none, too, where agents have been added that are all switched off.

        Raises :class:`~cwmpagent.errors.ConfigError`, naming the endpoint that cannot be had, the cause and the remedy.
        """
        self._failing = False
        factory = BoundedHttpFactory(self._reactor, self._limits.bounds, self._answer)
        await self._endpoints.open(factory)
        self._factory, self._bound = factory, True
        self._tell_all()  # those that were there before, where an endpoint took its time
        await self._follow()

    @property
    def listening(self) -> bool:
        """Whether it listens anywhere, be it on a socket that is not TCP."""
        return self._endpoints.is_open

    @property
    def first(self) -> tuple[str, int] | None:
        """Address and number of the first TCP port; None while there is none."""
        return self._endpoints.first

    def port_for(self, address: str) -> int:
        """The number of the first TCP port that takes connections to our IP ``address``; 0 where none does."""
        return self._endpoints.port_for(address)

    def add(self, path: str, target: Target) -> None:
        """Serve ``target`` at ``path``, plain or percent-encoded; :meth:`switched` has the ports follow."""
        key = unquote_to_bytes(path)
        if not path.startswith("/") or key in self._places:
            raise MisuseError(f"no path, or one that is taken: {path!a}")
        self._places[key] = target
        if target.enabled():
            self._on.add(key)

    def remove(self, path: str) -> None:
        """Serve nothing at ``path`` any more; ports follow unless another takes its place at once."""
        key = unquote_to_bytes(path)
        self._places.pop(key, None)
        self._on.discard(key)
        if not self._settled and (self._soon is None or not self._soon.active()):
            self._soon = self._reactor.callLater(0, self._follow_later)

    async def switched(self, path: str) -> None:
        """The agent at ``path`` may be switched on or off: ports are open or closed accordingly when this returns.

        Where one cannot be had again, ``warn`` is told, it is tried again now and then, and the agent hears of it.
        """
        key = unquote_to_bytes(path)
        target = self._places.get(key)
        if target is not None and target.enabled():
            self._on.add(key)
        else:
            self._on.discard(key)
        await self._follow()

    def stopService(self) -> Deferred[None]:
        """Close the ports, and the connections after the answers on their way; fires when all are gone."""
        super().stopService()  # type: ignore[no-untyped-call]  # Twisted has no types there
        return Deferred.fromCoroutine(self._stop())

    async def _stop(self) -> None:
        self._bound = False
        if self._soon is not None and self._soon.active():
            self._soon.cancel()
        self._turns.stop()
        await self._turn.run(self._close)
        for gone in list(self._leaving):
            await gone

    @property
    def _settled(self) -> bool:
        """Whether what is open is what should be. With no agent at all nothing changes: one is about to come or go."""
        if not self._bound or not self._listens or not self._places:
            return True
        return self.listening == (bool(self._on) or self._endpoints.inherited)

    async def _follow(self) -> None:
        if not self._settled:
            await self._turn.run(self._settle)
        elif self._failing:  # it is wanted no more
            self._failing = False
            self._retry.stop()

    def _follow_later(self) -> None:
        Deferred.fromCoroutine(self._follow()).addErrback(
            lambda failure: self._warn(f"an error of the agent itself: {failure.getTraceback()}")
        )

    def _settle(self) -> Deferred[None]:
        if self._settled:
            return succeed(None)
        if self.listening:
            return self._close()
        return Deferred.fromCoroutine(self._open_again())

    def _close(self) -> Deferred[None]:
        """Close the ports; connections go in their own time, the answers under way first."""
        self._failing = False
        self._retry.stop()
        factory, self._factory = self._factory, None
        closed = Deferred.fromCoroutine(self._endpoints.close())
        if factory is not None:
            gone = Deferred.fromCoroutine(factory.close())
            self._leaving.append(gone)
            gone.addCallback(lambda _: self._leaving.remove(gone))
        return closed

    async def _open_again(self) -> None:
        factory = BoundedHttpFactory(self._reactor, self._limits.bounds, self._answer)
        try:
            await self._endpoints.open_again(factory)
        except ConfigError as error:
            if not self._failing:
                self._warn(f"{error}; the ACS cannot call until it can be had again, which is tried every {RETRY:g} s")
            self._failing = True
            self._retry.start(RETRY)
            return
        self._factory, failed, self._failing = factory, self._failing, False
        if failed:
            self._tell_all()

    def _tell_all(self) -> None:
        self._turns.add([partial(self._tell, key) for key in self._on])

    def _tell(self, key: bytes) -> None:
        if key in self._on:
            self._places[key].moved()

    def _answer(self, request: BoundedHttpRequest) -> None:
        uri = request.uri.decode("utf-8", "surrogateescape")
        path = request_target(uri).partition("?")[0]
        key = unquote_to_bytes(path.encode("utf-8", "surrogateescape"))
        target = self._places.get(key)
        if target is None or not target.enabled():
            request.reply(404, {})
        elif request.method != b"GET":
            request.reply(405, {"Allow": ["GET"]})
        else:
            self._judge(request, uri, key.decode("utf-8", "surrogateescape"), target)

    def _judge(self, request: BoundedHttpRequest, uri: str, scope: str, target: Target) -> None:
        now = self._clock()
        given = request.requestHeaders.getRawHeaders(b"Authorization", [])
        verdict = self._digest.check(
            given[0] if len(given) == 1 else None,
            method="GET",
            uri=uri,
            password_of=lambda username: _password(target, username),
            now=now,
            scope=scope,
        )
        if verdict is not DigestVerdict.ACCEPTED:
            challenges = self._digest.challenges(now, stale=verdict is DigestVerdict.STALE, scope=scope)
            request.reply(401, {"WWW-Authenticate": challenges}, stay=True)
            return
        request.reply(200 if target.requested(request.source) else 503, {})


def _password(target: Target, username: str) -> str | None:
    expected = target.credentials()
    if expected is None or not all(expected) or expected[0] != username:
        return None
    return expected[1]
