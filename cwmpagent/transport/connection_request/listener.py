"""ConnectionRequests over HTTP (TR-069 section 3.2.2): the ACS requests a session by a GET with Digest authentication.

One listener serves any number of agents, each at its path, and pages for browsers at others. Responses to clients
without credentials do not identify the agent. The ports are closed while agents are added and none of them is enabled.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from urllib.parse import unquote_to_bytes

from twisted.application.service import Service
from twisted.internet.defer import Deferred, DeferredLock, succeed
from twisted.internet.interfaces import IDelayedCall

from cwmpagent.errors import ConfigError, MisuseError, internal_error
from cwmpagent.protocol.auth import DigestServer, DigestVerdict
from cwmpagent.protocol.auth.digest_response import ALGORITHMS, request_target
from cwmpagent.protocol.connection_request.refusal import Refusal
from cwmpagent.transport.connection_request.bounded_http import BoundedHttpFactory, BoundedHttpRequest, HttpBounds
from cwmpagent.transport.connection_request.endpoints import Endpoints
from cwmpagent.transport.connection_request.pages import Pages
from cwmpagent.transport.connection_request.target import Target, TargetCredentials
from cwmpagent.transport.deadline import Deadline
from cwmpagent.transport.fair_turns import FairTurns

REOPEN_INTERVAL = 30.0
"""Seconds after which the listener tries again to open a port."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListenerLimits:
    """``nonce_lifetime``: seconds. ``bounds``: of the connections."""

    nonce_lifetime: float = 60.0
    bounds: HttpBounds = field(default_factory=HttpBounds)


class ConnectionRequestListener(Service):
    """Listens on ``endpoints`` (Twisted's server endpoint strings) from :meth:`bind` to ``stopService``.

    ``nonce`` returns unpredictable tokens. ``clock``: monotonic, in seconds. ``algorithms``: offered strongest first.
    ``warn`` is called once with a sentence when a port cannot be opened again. ``pages``: pages for browsers.
    """

    def __init__(
        self,
        reactor: Any,  # its interfaces depend on the kind of endpoint
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
        self.pages = Pages(warn)
        self._digest = DigestServer(
            realm,
            algorithms=sorted(algorithms, key=lambda name: -ALGORITHMS[name.lower()].strength),
            nonce=nonce,
            lifetime=self._limits.nonce_lifetime,
        )
        self._endpoints = Endpoints(reactor, endpoints, "connection_request.endpoint")
        self._listens = bool(endpoints)
        self._factory: BoundedHttpFactory | None = None
        self._closing: list[Deferred[None]] = []
        self._targets: dict[bytes, Target] = {}
        self._enabled: set[bytes] = set()
        self._bound = False
        self._lock = DeferredLock()
        self._reopen = Deadline(reactor, clock, self._update_later)
        self._failing = False
        self._update_call: IDelayedCall | None = None
        self._turns = FairTurns(reactor)

    async def bind(self) -> None:
        """Listen on all endpoints, or on none. Close them again where agents are added and none is enabled.

        Raises :class:`~cwmpagent.errors.ConfigError` with the endpoint that cannot be opened, the cause and the remedy.
        """
        self._failing = False
        factory = self._new_factory()
        await self._endpoints.open(factory)
        self._factory, self._bound = factory, True
        self._notify_all()  # agents that were added while an endpoint opened
        await self._update_ports()

    @property
    def listening(self) -> bool:
        """Whether any endpoint is open, TCP or other."""
        return self._endpoints.is_open

    @property
    def first(self) -> tuple[str, int] | None:
        """Address and number of the first TCP port, None while no TCP port is open."""
        return self._endpoints.first

    def port_for(self, address: str) -> int:
        """The number of the first TCP port that accepts connections to the local IP ``address``; 0 without one."""
        return self._endpoints.port_for(address)

    def add(self, path: str, target: Target) -> None:
        """Serve ``target`` at ``path``, plain or percent-encoded. Call :meth:`switched` to open or close the ports."""
        key = unquote_to_bytes(path)
        if not path.startswith("/") or key in self._targets:
            raise MisuseError(f"the path is invalid or in use: {path!a}")
        self._targets[key] = target
        if target.enabled():
            self._enabled.add(key)

    def remove(self, path: str) -> None:
        """Stop serving ``path``. Ports follow in the next reactor turn, so another agent can be added before."""
        key = unquote_to_bytes(path)
        self._targets.pop(key, None)
        self._enabled.discard(key)
        if not self._ports_match and (self._update_call is None or not self._update_call.active()):
            self._update_call = self._reactor.callLater(0, self._update_later)

    async def switched(self, path: str) -> None:
        """Check whether the agent at ``path`` is enabled, and open or close the ports accordingly before returning.

        Where a port cannot be opened again, call ``warn``, try again every :data:`REOPEN_INTERVAL` seconds, and call
        :meth:`Target.moved` of the enabled agents after success.
        """
        key = unquote_to_bytes(path)
        target = self._targets.get(key)
        if target is not None and target.enabled():
            self._enabled.add(key)
        else:
            self._enabled.discard(key)
        await self._update_ports()

    def stopService(self) -> Deferred[None]:
        """Close the ports, and the connections after their pending responses. Fires when all are closed."""
        super().stopService()  # type: ignore[no-untyped-call]  # untyped in Twisted
        return Deferred.fromCoroutine(self._stop())

    async def _stop(self) -> None:
        self._bound = False
        if self._update_call is not None and self._update_call.active():
            self._update_call.cancel()
        self._turns.stop()
        await self._lock.run(self._close)
        for gone in list(self._closing):
            await gone

    @property
    def _ports_match(self) -> bool:
        """Whether the ports are in their intended state. Without agents nothing changes: it is a transition."""
        if not self._bound or not self._listens or not self._targets:
            return True
        return self.listening == (bool(self._enabled) or self._endpoints.inherited)

    async def _update_ports(self) -> None:
        if not self._ports_match:
            await self._lock.run(self._open_or_close)
        elif self._failing:  # the ports are no longer needed
            self._failing = False
            self._reopen.stop()

    def _update_later(self) -> None:
        Deferred.fromCoroutine(self._update_ports()).addErrback(
            lambda failure: self._warn(internal_error(failure.getTraceback()))
        )

    def _open_or_close(self) -> Deferred[None]:
        if self._ports_match:
            return succeed(None)
        if self.listening:
            return self._close()
        return Deferred.fromCoroutine(self._open_again())

    def _close(self) -> Deferred[None]:
        """Close the ports; connections close after their pending responses."""
        self._failing = False
        self._reopen.stop()
        factory, self._factory = self._factory, None
        closed = Deferred.fromCoroutine(self._endpoints.close())
        if factory is not None:
            gone = Deferred.fromCoroutine(factory.close())
            self._closing.append(gone)
            gone.addCallback(lambda _: self._closing.remove(gone))
        return closed

    async def _open_again(self) -> None:
        factory = self._new_factory()
        try:
            await self._endpoints.open_again(factory)
        except ConfigError as error:
            if not self._failing:
                again = f"the agent tries again every {REOPEN_INTERVAL:g} s"
                self._warn(f"{error}; no ConnectionRequest can arrive until it is open: {again}")
            self._failing = True
            self._reopen.start(REOPEN_INTERVAL)
            return
        self._factory, failed, self._failing = factory, self._failing, False
        if failed:
            self._notify_all()

    def _new_factory(self) -> BoundedHttpFactory:
        return BoundedHttpFactory(self._reactor, self._limits.bounds, self._answer, self._refused)

    def _refused(self, source: str, reason: Refusal, detail: str = "") -> None:
        """Let the first agent record a refused request that names no agent."""
        for target in self._targets.values():
            target.refused(source, reason, detail)
            break

    def _notify_all(self) -> None:
        self._turns.add([partial(self._notify, key) for key in self._enabled])

    def _notify(self, key: bytes) -> None:
        if key in self._enabled:
            self._targets[key].moved()

    def _answer(self, request: BoundedHttpRequest) -> None:
        uri = request.uri.decode("utf-8", "surrogateescape")
        path, _, query = request_target(uri).partition("?")
        key = unquote_to_bytes(path.encode("utf-8", "surrogateescape"))
        target, page = self._targets.get(key), self.pages.find(key)
        if page is not None:
            self.pages.answer(request, page, query)
        elif target is None:
            self._refused(request.source, Refusal.WRONG_PATH, path)
            request.reply(404, {})
        elif not target.enabled():
            target.refused(request.source, Refusal.DISABLED)
            request.reply(404, {})
        elif request.method != b"GET":
            target.refused(request.source, Refusal.WRONG_METHOD, request.method.decode("latin-1"))
            request.reply(405, {"Allow": ["GET"]})
        else:
            self._authenticate(request, uri, key.decode("utf-8", "surrogateescape"), target)

    def _authenticate(self, request: BoundedHttpRequest, uri: str, scope: str, target: Target) -> None:
        now = self._clock()
        given = request.requestHeaders.getRawHeaders(b"Authorization", [])
        credentials = TargetCredentials(target)
        verdict = self._digest.check(
            given[0] if len(given) == 1 else None,
            method="GET",
            uri=uri,
            password_of=credentials.password_of,
            now=now,
            scope=scope,
        )
        if verdict is not DigestVerdict.ACCEPTED:
            reason = credentials.refusal(verdict, given)
            if reason is not None:
                target.refused(request.source, reason)
            challenges = self._digest.challenges(now, stale=verdict is DigestVerdict.STALE, scope=scope)
            request.reply(401, {"WWW-Authenticate": challenges}, stay=True)
            return
        request.reply(200 if target.requested(request.source) else 503, {})
