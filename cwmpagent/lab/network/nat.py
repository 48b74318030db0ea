"""A NAT for UDP in user space, on addresses of the loopback range: between an agent and the servers it talks to.

The agent sends to a *stand-in*, an address inside that stands for a server outside; what it sends leaves by a mapping,
a port of the NAT's outside address. Bindings are forgotten after a time, packets are lost, doubled and overtaken, all
by one seed.
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
"""The NAT's outside address: none that an agent on this machine takes for its own."""
MAPPINGS = 256
"""Each is a socket, and a process often has no more than 1024 files. Above that the one silent longest goes."""
STAND_INS = 64
"""Strangers above that are not let in."""
_NEVER = float("-inf")
_HELD_BACK = 0.03
"""Seconds for which a packet that is overtaken is held back, at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NatWeather:
    """What happens to packets, each with a probability from 0 to 1: lost, sent twice, held back for a moment."""

    loss: float = 0.0
    duplicate: float = 0.0
    reorder: float = 0.0


@dataclass(frozen=True, slots=True)
class Mapped:
    """One mapping as it is now; ``age`` is how many seconds ago something left by it."""

    inside: Address
    outside: Address
    age: float


@dataclass(slots=True)
class _Mapping:
    """``sent_to``: when something last left for each address."""

    inside: Address
    socket: Any
    used: float
    sent_to: dict[Address, float] = field(default_factory=dict)

    @property
    def outside(self) -> Address:
        at = self.socket.getHost()
        return Address(at.host, at.port)


class Nat:
    """One NAT. ``lifetime``: seconds that a silent binding is kept (None: for ever).

    ``inbound_refreshes``: what comes in keeps a binding alive, too. ``seed`` decides over every packet; ``monotonic``:
    seconds that are never set. ``counters`` count packets: ``forwarded``, ``returned``, ``filtered``, ``expired``,
    ``lost``, ``duplicated``, ``reordered``, and ``unmapped`` for those to which the system gave no port.
    """

    def __init__(
        self,
        reactor: Any,
        kind: NatKind,
        *,
        outside: str = OUTSIDE,
        lifetime: float | None = 30.0,
        inbound_refreshes: bool = False,
        weather: NatWeather | None = None,
        seed: int = 0,
        monotonic: Callable[[], float],
    ) -> None:
        self._reactor = reactor
        self.kind = kind
        self.lifetime = lifetime
        self.seed = seed
        self._outside = outside
        self._inside = ""  # where the stand-ins of strangers are: beside the others
        self._inbound_refreshes = inbound_refreshes
        self._weather = weather or NatWeather()
        self._random = Random(seed)
        self._monotonic = monotonic
        self._mappings: dict[tuple[Address, Address | None], _Mapping] = {}
        self._stand_ins: dict[Address, Any] = {}
        self._held: list[IDelayedCall] = []
        self._closing: list[Any] = []
        self.counters: Counter[str] = Counter()

    def stand_in(self, server: Address, host: str = "127.0.0.1", port: int = 0) -> Address:
        """Open an address inside that stands for ``server``. Raises CannotListenError."""
        self._inside = host
        socket = self._reactor.listenUDP(port, _Side(lambda data, inside: self._out(data, inside, server)), host)
        self._stand_ins[server] = socket
        return Address(socket.getHost().host, socket.getHost().port)

    def stand_ins(self) -> dict[Address, Address]:
        """Servers and strangers outside, and where each stands inside."""
        hosts = {server: socket.getHost() for server, socket in self._stand_ins.items()}
        return {server: Address(at.host, at.port) for server, at in hosts.items()}

    def try_outside(self) -> None:
        """Raises CannotListenError where the outside address is none of this machine's."""
        try:
            socket = self._reactor.listenUDP(0, DatagramProtocol(), self._outside)
        except InvalidAddressError as error:
            cause = ValueError("it is no IP address")
            raise CannotListenError(self._outside, 0, cause) from error  # type: ignore[no-untyped-call]  # no types
        self._closing.append(maybeDeferred(socket.stopListening))

    def mappings(self) -> list[Mapped]:
        """The mappings that are kept now."""
        now = self._monotonic()
        return [Mapped(each.inside, each.outside, now - each.used) for each in self._alive(now)]

    def rebind(self) -> None:
        """Forget every mapping, as after a power cut; what leaves next gets another port."""
        for mapping in self._mappings.values():
            mapping.used = _NEVER
            mapping.sent_to.clear()

    async def close(self) -> None:
        """Close every socket; what was held back does not come."""
        for call in self._held:
            if call.active():
                call.cancel()
        sockets = [*self._stand_ins.values(), *(each.socket for each in self._mappings.values())]
        self._mappings.clear()
        self._stand_ins.clear()
        await gatherResults([*self._closing, *(maybeDeferred(each.stopListening) for each in sockets)])

    def _out(self, data: bytes, inside: Address, server: Address) -> None:
        now = self._monotonic()
        key = mapping_of(self.kind, inside, server)
        mapping = self._mappings.pop(key, None)
        if mapping is None or self._is_over(mapping.used, now):
            former, mapping = mapping, self._map(inside)
            if former is not None:  # only now, so that the new port is another
                self._drop(former)
            if mapping is None:
                self.counters["unmapped"] += 1
                return
        self._mappings[key] = mapping  # the last one by now
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

    def _in(self, data: bytes, source: Address, mapping: _Mapping) -> None:
        now = self._monotonic()
        if self._is_over(mapping.used, now):
            self.counters["expired"] += 1
            return
        sent_to = [to for to, when in mapping.sent_to.items() if not self._is_over(when, now)]
        if not lets_in(self.kind, sent_to, source):
            self.counters["filtered"] += 1
            return
        if self._inbound_refreshes:
            mapping.used = now
            if source in mapping.sent_to:
                mapping.sent_to[source] = now
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
        return [each for each in self._mappings.values() if not self._is_over(each.used, now)]

    def _is_over(self, used: float, now: float) -> bool:
        return used == _NEVER or (self.lifetime is not None and now - used > self.lifetime)

    def _drop(self, mapping: _Mapping) -> None:
        self._closing = [each for each in self._closing if not each.called]
        self._closing.append(maybeDeferred(mapping.socket.stopListening))

    def _carry(self, send: Callable[[], None]) -> None:
        """Send, in whatever weather there is; each packet draws as often, so that a seed decides the same again."""
        weather, chance = self._weather, self._random
        lost, doubled, overtaken, pause = (chance.random() for _ in range(4))
        if lost < weather.loss:
            self.counters["lost"] += 1
            return
        times = 1
        if doubled < weather.duplicate:
            self.counters["duplicated"] += 1
            times = 2
        held_back = overtaken < weather.reorder
        if held_back:
            self.counters["reordered"] += 1
        for _ in range(times):
            if held_back:
                self._held = [call for call in self._held if call.active()]
                self._held.append(self._reactor.callLater(pause * _HELD_BACK, send))
            else:
                send()


class _Side(DatagramProtocol):
    """One socket of the NAT."""

    noisy = False

    def __init__(self, came: Callable[[bytes, Address], None]) -> None:
        self._came = came

    def datagramReceived(self, datagram: bytes, addr: Any) -> None:
        self._came(datagram, Address(str(addr[0]), int(addr[1])))


def _write(socket: Any, data: bytes, to: Address) -> None:
    """What cannot be sent is lost, as on any network."""
    try:
        socket.write(data, tuple(to))
    except (OSError, MessageLengthError, ValueError, ArithmeticError, AttributeError):
        return
