"""Which of this machine's addresses is used towards a host, and when that changes."""

from __future__ import annotations

import socket
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.python.failure import Failure

from cwmpagent.transport.deadline import Deadline
from cwmpagent.transport.fair_turns import FairTurns

EVERY = 3.0
"""Seconds between two looks at the addresses."""
RESOLVE = 300.0
"""Seconds after which a host's name is looked up anew."""
RESOLVE_UNKNOWN = 15.0
"""Seconds after which a name that could not be looked up is tried again."""
_ANY_PORT = 9


def source_address(address: str) -> str | None:
    """The source address of packets to the IP ``address``; None where there is no way to it. Nothing is sent."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((address, _ANY_PORT))
            source = str(probe.getsockname()[0])
    except OSError:
        return None
    return source.partition("%")[0]


@dataclass(slots=True)
class _Host:
    """One that is watched: who wants to know, its addresses, and ours towards them as they were last told."""

    told: dict[Callable[[], None], None] = field(default_factory=dict)
    addresses: Sequence[str] = ()
    sources: frozenset[str] | None = None
    resolve_at: float = 0.0
    resolving: Deferred[None] | None = None


class AddressWatch:
    """Looks every :data:`EVERY` seconds whether other addresses of ours are used, once a host however many ask.

    ``resolve`` gives the IP addresses of a host and may raise whatever it likes; ``source`` is
    :func:`source_address`. ``monotonic``: seconds that are never set. Nothing runs while nothing is watched.
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
        self._next = Deadline(reactor, monotonic, self._look)
        self._turns = FairTurns(reactor)

    async def sources(self, host: str) -> Sequence[str]:
        """Our addresses towards those of ``host``, none twice; none where there is no way, or no such host.

        The addresses of one that is watched are known, once it was looked up.
        """
        known = self._hosts.get(host)
        if known is None:
            return self._towards(await self._resolved(host))
        if not known.addresses:
            self._found(known, await self._resolved(host))
        sources = self._towards(known.addresses)
        if known.sources is None:
            known.sources = frozenset(sources)
        return sources

    def watch(self, host: str, moved: Callable[[], None]) -> None:
        """Have ``moved`` called whenever our addresses towards ``host``, a name or an address, may be others."""
        if not self._hosts:
            self._next.start(EVERY)
        self._hosts.setdefault(host, _Host()).told[moved] = None

    def unwatch(self, host: str, moved: Callable[[], None]) -> None:
        """Have it called no more."""
        known = self._hosts.get(host)
        if known is None:
            return
        known.told.pop(moved, None)
        if not known.told:
            del self._hosts[host]
            if known.resolving is not None:
                known.resolving.cancel()
        if not self._hosts:
            self._next.stop()
            self._turns.stop()

    def _look(self) -> None:
        self._next.start(EVERY)
        now = self._monotonic()
        for host, known in self._hosts.items():
            if now >= known.resolve_at and known.resolving is None:
                self._renew(host, known)
            self._compare(known)

    def _compare(self, known: _Host) -> None:
        if not known.addresses:
            return
        sources = frozenset(self._towards(known.addresses))
        former, known.sources = known.sources, sources
        if former is not None and former != sources:
            self._turns.add([partial(_tell, known, moved) for moved in known.told])

    def _renew(self, host: str, known: _Host) -> None:
        async def renew() -> None:
            self._found(known, await self._resolved(host))

        def done(_: object) -> None:
            known.resolving = None

        known.resolve_at = self._monotonic() + RESOLVE_UNKNOWN
        resolving: Deferred[None] = Deferred()
        known.resolving = resolving
        resolving.addCallback(lambda _: Deferred.fromCoroutine(renew()))
        resolving.addErrback(_only_cancelled)
        resolving.addBoth(done)
        resolving.callback(None)

    def _found(self, known: _Host, addresses: Sequence[str]) -> None:
        if not addresses:
            return
        known.resolve_at = self._monotonic() + RESOLVE
        if set(addresses) != set(known.addresses):  # name servers like to shuffle: that is nothing new
            known.addresses = addresses

    async def _resolved(self, host: str) -> Sequence[str]:
        try:
            return await self._resolve(host)
        except CancelledError:
            raise
        except Exception:  # a resolver may be anybody's; the session that follows tells what is wrong with the name
            return ()

    def _towards(self, addresses: Sequence[str]) -> Sequence[str]:
        found = (self._source(address) for address in addresses)
        return list(dict.fromkeys(source for source in found if source is not None))


def _only_cancelled(failure: Failure) -> None:
    failure.trap(CancelledError)  # type: ignore[no-untyped-call]  # Twisted has no types there


def _tell(known: _Host, moved: Callable[[], None]) -> None:
    if moved in known.told:
        moved()
