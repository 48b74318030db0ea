"""A NAT for UDP in user space, on loopback addresses, between an agent and its servers.

The agent sends to a *stand-in*: an inside address that represents one server outside. The datagram leaves from a
mapping: a port of the NAT's outside address. Mappings expire; packets are lost, duplicated and reordered. A seed makes
a run repeatable.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

from twisted.internet.defer import gatherResults, maybeDeferred
from twisted.internet.error import CannotListenError, InvalidAddressError, MessageLengthError
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.protocol import DatagramProtocol

from cwmpagent.lab.network.nat_kind import NatKind, lets_in, mapping_of
from cwmpagent.protocol.stun.message import Address

OUTSIDE = "127.1.0.1"
"""The default outside address of the NAT; an agent on this machine does not use it as its own."""
MAPPINGS = 256
"""The largest number of mappings. Each needs a socket; above it, the mapping that sent last longest ago is closed."""
STAND_INS = 64
"""The largest number of stand-ins; datagrams of more outside addresses are filtered."""
_NEVER = float("-inf")
_LONGEST_DELAY = 0.03
"""The longest delay of a reordered packet, in seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NatWeather:
    """Impairments of packets, each a probability from 0 to 1: lost, sent twice, delayed so that others arrive first."""

    loss: float = 0.0
    duplicate: float = 0.0
    reorder: float = 0.0


@dataclass(frozen=True, slots=True)
class NatMapping:
    """The state of one mapping; ``age``: seconds since the last outbound datagram."""

    inside: Address
    outside: Address
    age: float


@dataclass(slots=True)
class _Mapping:
    """An open mapping; ``sent_to``: the time of the last datagram to each destination."""

    inside: Address
    socket: Any
    used: float
    sent_to: dict[Address, float] = field(default_factory=dict)

    @property
    def outside(self) -> Address:
        bound = self.socket.getHost()
        return Address(bound.host, bound.port)


class Nat:
    """One NAT. ``lifetime``: seconds after which a silent mapping expires (None: never).

    ``seed``: of the random numbers for
    ``weather``. ``monotonic``: the time in seconds. ``counters``: numbers of packets that were ``forwarded``,
    ``returned``, ``filtered``, ``expired``, ``lost``, ``duplicated``, ``reordered``, and ``unmapped`` where no port was
    free.
    """

    def __init__(
        self,
        reactor: Any,
        kind: NatKind,
        *,
        outside: str = OUTSIDE,
        lifetime: float | None = 30.0,
        weather: NatWeather | None = None,
        seed: int = 0,
        monotonic: Callable[[], float],
    ) -> None:
        self._reactor = reactor
        self.kind = kind
        self.lifetime = lifetime
        self.seed = seed
        self._outside = outside
        self._inside = ""  # the address of new stand-ins: that of the others
        self._weather = weather or NatWeather()
        self._random = Random(seed)
        self._monotonic = monotonic
        self._mappings: dict[tuple[Address, Address | None], _Mapping] = {}
        self._stand_ins: dict[Address, Any] = {}
        self._held: list[IDelayedCall] = []
        self._closing: list[Any] = []
        self.counters: Counter[str] = Counter()

    def stand_in(self, server: Address, host: str = "127.0.0.1", port: int = 0) -> Address:
        """Open an inside address that represents ``server``. Raises CannotListenError."""
        self._inside = host
        socket = self._reactor.listenUDP(port, _Side(lambda data, inside: self._out(data, inside, server)), host)
        self._stand_ins[server] = socket
        return Address(socket.getHost().host, socket.getHost().port)

    def stand_ins(self) -> dict[Address, Address]:
        """The inside address of each outside address that has one."""
        hosts = {server: socket.getHost() for server, socket in self._stand_ins.items()}
        return {server: Address(bound.host, bound.port) for server, bound in hosts.items()}

    def try_outside(self) -> None:
        """Bind the outside address once. Raises CannotListenError if it is no address of this machine."""
        try:
            socket = self._reactor.listenUDP(0, DatagramProtocol(), self._outside)
        except InvalidAddressError as error:
            cause = ValueError("it is not an IP address")
            raise CannotListenError(self._outside, 0, cause) from error  # type: ignore[no-untyped-call]  # no types
        self._closing.append(maybeDeferred(socket.stopListening))

    def mappings(self) -> list[NatMapping]:
        """The mappings that have not expired."""
        now = self._monotonic()
        return [NatMapping(mapping.inside, mapping.outside, now - mapping.used) for mapping in self._alive(now)]

    def refusal(self, outside: Address, source: Address) -> str:
        """Why the NAT would let in no datagram from ``source`` to ``outside`` now; empty where it would.

        Also empty for an address that is not the NAT's: such a datagram does not pass the NAT.
        """
        if outside.host != self._outside:
            return ""
        now = self._monotonic()
        mapping = next((mapping for mapping in self._alive(now) if mapping.outside == outside), None)
        if mapping is None:
            return f"the NAT has no mapping at {outside} any more"
        if not self._lets_in(mapping, source, now):
            return f"the NAT ({self.kind.value}) lets in nothing from {source} at {outside}"
        return ""

    def rebind(self) -> None:
        """Forget every mapping, as after a power cut; the next outbound datagram gets another port."""
        for mapping in self._mappings.values():
            mapping.used = _NEVER
            mapping.sent_to.clear()

    async def close(self) -> None:
        """Close every socket and drop delayed packets."""
        for call in self._held:
            if call.active():
                call.cancel()
        sockets = [*self._stand_ins.values(), *(mapping.socket for mapping in self._mappings.values())]
        self._mappings.clear()
        self._stand_ins.clear()
        await gatherResults([*self._closing, *(maybeDeferred(socket.stopListening) for socket in sockets)])

    def _out(self, data: bytes, inside: Address, server: Address) -> None:
        now = self._monotonic()
        key = mapping_of(self.kind, inside, server)
        mapping = self._mappings.pop(key, None)
        if mapping is None or self._is_over(mapping.used, now):
            expired, mapping = mapping, self._map(inside)
            if expired is not None:  # closed after the new one is open, so that the new port differs
                self._drop(expired)
            if mapping is None:
                self.counters["unmapped"] += 1
                return
        self._mappings[key] = mapping  # moved to the end: the most recent one
        mapping.used = mapping.sent_to[server] = now
        socket = mapping.socket
        self.counters["forwarded"] += 1
        self._carry(lambda: _write(socket, data, server))

    def _map(self, inside: Address) -> _Mapping | None:
        while len(self._mappings) >= MAPPINGS:
            self._drop(self._mappings.pop(next(iter(self._mappings))))
        mapping = _Mapping(inside, None, 0.0)
        side = _Side(lambda data, source: self._in(data, source, mapping))
        try:
            mapping.socket = self._reactor.listenUDP(0, side, self._outside)
        except (CannotListenError, InvalidAddressError):
            return None
        return mapping

    def _lets_in(self, mapping: _Mapping, source: Address, now: float) -> bool:
        sent_to = [to for to, when in mapping.sent_to.items() if not self._is_over(when, now)]
        return lets_in(self.kind, sent_to, source)

    def _in(self, data: bytes, source: Address, mapping: _Mapping) -> None:
        now = self._monotonic()
        if self._is_over(mapping.used, now):
            self.counters["expired"] += 1
            return
        if not self._lets_in(mapping, source, now):
            self.counters["filtered"] += 1
            return
        if source not in self._stand_ins:
            if len(self._stand_ins) >= STAND_INS:
                self.counters["filtered"] += 1
                return
            try:
                self.stand_in(source, self._inside)
            except CannotListenError:
                self.counters["unmapped"] += 1
                return
        socket, inside = self._stand_ins[source], mapping.inside
        self.counters["returned"] += 1
        self._carry(lambda: _write(socket, data, inside))

    def _alive(self, now: float) -> list[_Mapping]:
        return [mapping for mapping in self._mappings.values() if not self._is_over(mapping.used, now)]

    def _is_over(self, used: float, now: float) -> bool:
        return used == _NEVER or (self.lifetime is not None and now - used > self.lifetime)

    def _drop(self, mapping: _Mapping) -> None:
        self._closing = [closing for closing in self._closing if not closing.called]
        self._closing.append(maybeDeferred(mapping.socket.stopListening))

    def _carry(self, send: Callable[[], None]) -> None:
        """Send with the impairments; every packet draws equally many random numbers, so that a seed repeats a run."""
        weather, random = self._weather, self._random
        lost, duplicated, reordered, fraction = (random.random() for _ in range(4))
        if lost < weather.loss:
            self.counters["lost"] += 1
            return
        times = 1
        if duplicated < weather.duplicate:
            self.counters["duplicated"] += 1
            times = 2
        delayed = reordered < weather.reorder
        if delayed:
            self.counters["reordered"] += 1
        for _ in range(times):
            if delayed:
                self._held = [call for call in self._held if call.active()]
                self._held.append(self._reactor.callLater(fraction * _LONGEST_DELAY, send))
            else:
                send()


class _Side(DatagramProtocol):
    """The protocol of one socket of the NAT."""

    noisy = False

    def __init__(self, received: Callable[[bytes, Address], None]) -> None:
        self._received = received

    def datagramReceived(self, datagram: bytes, addr: Any) -> None:
        self._received(datagram, Address(str(addr[0]), int(addr[1])))


def _write(socket: Any, data: bytes, to: Address) -> None:
    """Send a datagram; one that cannot be sent is lost, as on any network."""
    try:
        socket.write(data, tuple(to))
    except (OSError, MessageLengthError, ValueError, ArithmeticError, AttributeError):
        return
