"""This machine's source addresses towards a host, and notice of their changes."""

from __future__ import annotations

import socket
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.python.failure import Failure

from cwmpagent.transport.addresses import socket_address
from cwmpagent.transport.deadline import Deadline
from cwmpagent.transport.fair_turns import FairTurns

EVERY = 3.0
"""Seconds between two checks of the source addresses."""
RESOLVE_INTERVAL = 300.0
"""Seconds after which a host name is resolved again."""
RESOLVE_RETRY = 15.0
"""Seconds after which a name that could not be resolved is tried again."""
_ANY_PORT = 9


def source_address(address: str) -> str | None:
    """The source address of packets to the IP ``address``, None without a route to it. Sends nothing.

    It has no zone: that of this machine means nothing to others.
    """
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect(socket_address(address, _ANY_PORT))
            source = str(probe.getsockname()[0])
    except OSError:
        return None
    return source.partition("%")[0]


@dataclass(slots=True)
class _Host:
    """A watched host: callbacks, its addresses, and the source addresses towards them at the last check."""

    callbacks: dict[Callable[[], None], None] = field(default_factory=dict)
    addresses: Sequence[str] = ()
    sources: frozenset[str] | None = None
    resolve_at: float = 0.0
    resolving: Deferred[None] | None = None


class AddressWatch:
    """Checks every :data:`EVERY` seconds for changed source addresses, once per host for any number of callbacks.

    ``resolve`` returns the IP addresses of a host and may raise any exception. ``source``: :func:`source_address`.
    ``monotonic``: monotonic clock, in seconds. No timer runs while no host is watched.
    """

    def __init__(
        self,
        reactor: Any,
        *,
        monotonic: Callable[[], float],
        resolve: Callable[[str], Awaitable[Sequence[str]]],
        source: Callable[[str], str | None] = source_address,
    ) -> None:
        self._monotonic = monotonic
        self._resolve = resolve
        self._source = source
        self._hosts: dict[str, _Host] = {}
        self._next_check = Deadline(reactor, monotonic, self._check)
        self._turns = FairTurns(reactor)

    async def sources(self, host: str) -> Sequence[str]:
        """The source addresses towards ``host``, without duplicates; none without a route, or for an unknown host.

        The addresses of a watched host are resolved once and then reused.
        """
        known = self._hosts.get(host)
        if known is None:
            return self._towards(await self._resolved(host))
        if not known.addresses:
            self._set_addresses(known, await self._resolved(host))
        sources = self._towards(known.addresses)
        if known.sources is None:
            known.sources = frozenset(sources)
        return sources

    def watch(self, host: str, moved: Callable[[], None]) -> None:
        """Call ``moved`` whenever the source addresses towards ``host`` (name or IP address) change."""
        if not self._hosts:
            self._next_check.start(EVERY)
        self._hosts.setdefault(host, _Host()).callbacks[moved] = None

    def unwatch(self, host: str, moved: Callable[[], None]) -> None:
        """Stop calling ``moved`` for ``host``."""
        known = self._hosts.get(host)
        if known is None:
            return
        known.callbacks.pop(moved, None)
        if not known.callbacks:
            del self._hosts[host]
            if known.resolving is not None:
                known.resolving.cancel()
        if not self._hosts:
            self._next_check.stop()
            self._turns.stop()

    def _check(self) -> None:
        self._next_check.start(EVERY)
        now = self._monotonic()
        for host, known in self._hosts.items():
            if now >= known.resolve_at and known.resolving is None:
                self._resolve_again(host, known)
            self._compare(known)

    def _compare(self, known: _Host) -> None:
        if not known.addresses:
            return
        sources = frozenset(self._towards(known.addresses))
        former, known.sources = known.sources, sources
        if former is not None and former != sources:
            self._turns.add([partial(_call, known, moved) for moved in known.callbacks])

    def _resolve_again(self, host: str, known: _Host) -> None:
        async def renew() -> None:
            self._set_addresses(known, await self._resolved(host))

        def done(_: object) -> None:
            known.resolving = None

        known.resolve_at = self._monotonic() + RESOLVE_RETRY
        resolving: Deferred[None] = Deferred()
        known.resolving = resolving
        resolving.addCallback(lambda _: Deferred.fromCoroutine(renew()))
        resolving.addErrback(_only_cancelled)
        resolving.addBoth(done)
        resolving.callback(None)

    def _set_addresses(self, known: _Host, addresses: Sequence[str]) -> None:
        if not addresses:
            return
        known.resolve_at = self._monotonic() + RESOLVE_INTERVAL
        if set(addresses) != set(known.addresses):  # another order alone is no change
            known.addresses = addresses

    async def _resolved(self, host: str) -> Sequence[str]:
        try:
            return await self._resolve(host)
        except CancelledError:
            raise
        except Exception:  # a resolver of any make; the next session reports the error
            return ()

    def _towards(self, addresses: Sequence[str]) -> Sequence[str]:
        sources = (self._source(address) for address in addresses)
        return list(dict.fromkeys(source for source in sources if source is not None))


def _only_cancelled(failure: Failure) -> None:
    failure.trap(CancelledError)  # type: ignore[no-untyped-call]  # untyped in Twisted


def _call(known: _Host, moved: Callable[[], None]) -> None:
    if moved in known.callbacks:
        moved()
