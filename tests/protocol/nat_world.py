"""Simulation of a NAT, a STUN server and time in memory, which drives a :class:`Binding` in tests."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from itertools import count, pairwise

from cwmpagent.protocol.stun.binding import Action, Binding, BindingSettings, Mapped, Send, Unreachable
from cwmpagent.protocol.stun.message import Address, MessageType, StunMessage, decode, encode, signature_holds

LOCAL = Address("192.168.1.2", 7547)
OUTSIDE = "203.0.113.5"
CLIENT = {"username": "cpe", "password": "stun secret"}


class NatWorld:
    """A device, a NAT and a STUN server.

    ``lifetime``: seconds without traffic after which the NAT drops a binding; None: there is no NAT. ``delay``: seconds
    of one way. ``lost``: returns whether the next datagram is lost.
    """

    def __init__(self, lifetime: float | None = 30.0, *, delay: float = 0.01, lost: Callable[[], bool] | None = None):
        self.now = 1000.0
        self.lifetime = lifetime
        self.delay = delay
        self.lost = lost or (lambda: False)
        self.up = True
        self.honours_response_address = True
        self.drops_response_address = False
        self.challenges: Callable[[StunMessage], bool] = lambda message: False
        self.error_for: Callable[[StunMessage], int | None] = lambda message: None
        self.signs_with: str | None = None
        self.keeps_port = False
        self.requests: list[tuple[float, StunMessage, bool]] = []
        self.actions: list[tuple[float, Action]] = []
        self.found: list[Address] = []
        self._ports = count(40_001)
        self._ids = count(1)
        self._bindings: dict[bool, tuple[int, float]] = {}
        self._flying: list[tuple[float, int, Callable[[], None]]] = []
        self._order = count()
        self.binding: Binding

    def begin(self, **settings: object) -> Binding:
        """Create and start a binding with these settings."""
        made: Callable[..., BindingSettings] = BindingSettings
        self.binding = Binding(made(**settings), LOCAL, lambda: next(self._ids).to_bytes(16, "big"))
        self._do(self.binding.start(self.now))
        return self.binding

    def run(self, seconds: float) -> None:
        """Let time pass."""
        end = self.now + seconds
        while True:
            wakes = self.binding.wakes_at
            flies = self._flying[0][0] if self._flying else end + 1
            moment = min(wakes, flies)
            if moment > end:
                break
            self.now = max(self.now, moment)
            if flies <= wakes:
                heapq.heappop(self._flying)[2]()
            else:
                self._do(self.binding.wake(self.now))
        self.now = end

    def rebind(self) -> None:
        """Clear all bindings of the NAT, as after a power cut."""
        self._bindings.clear()

    def reaches(self) -> bool:
        """Whether a datagram to the mapped address reaches the primary socket now."""
        if self.lifetime is None:
            return self.binding.mapping == LOCAL
        port, used = self._bindings.get(False, (0, 0.0))
        return self.binding.mapping == Address(OUTSIDE, port) and self.now - used <= self.lifetime

    def primary(self) -> list[tuple[float, StunMessage]]:
        """Messages that the server received from the primary socket, with their times."""
        return [(at, message) for at, message, secondary in self.requests if not secondary]

    def silences(self) -> list[float]:
        """Seconds between two datagrams of the primary socket, and since the last one."""
        sent = [at for at, action in self.actions if isinstance(action, Send) and not action.secondary]
        return [later - earlier for earlier, later in pairwise([*sent, self.now])]

    def unreachable(self, seconds: float, step: float = 0.25) -> list[float]:
        """Let time pass, and send a request to the mapped address in every ``step``; times of the lost ones."""
        lost: list[float] = []
        for _ in range(round(seconds / step)):
            self.run(step)
            if not self.reaches():
                lost.append(self.now)
        return lost

    def failures(self) -> list[str]:
        return [action.reason for _, action in self.actions if isinstance(action, Unreachable)]

    def _do(self, actions: list[Action]) -> None:
        for action in actions:
            self.actions.append((self.now, action))
            if isinstance(action, Mapped):
                self.found.append(action.address)
            if isinstance(action, Send):
                self._outbound(action)

    def _outbound(self, send: Send) -> None:
        source = LOCAL if not send.secondary else Address(LOCAL.host, 50_000)
        if self.lifetime is not None:
            port, used = self._bindings.get(send.secondary, (0, float("-inf")))
            if self.now - used > self.lifetime:
                port = port if self.keeps_port and port else next(self._ports)
            self._bindings[send.secondary] = (port, self.now)
            source = Address(OUTSIDE, port)
        self._fly(lambda: self._serve(send.data, source, send.secondary))

    def _fly(self, arrive: Callable[[], None]) -> None:
        if not self.lost():
            heapq.heappush(self._flying, (self.now + self.delay, next(self._order), arrive))

    def _serve(self, data: bytes, source: Address, secondary: bool) -> None:
        message = decode(data)
        assert message is not None
        if not self.up:
            return
        self.requests.append((self.now, message, secondary))
        if self.drops_response_address and message.response_address is not None:
            return
        error = self.error_for(message)
        if self.challenges(message) and not (message.signed and signature_holds(data, CLIENT["password"])):
            error = 431 if message.signed else 401
        to = source
        if error is not None:
            answer = encode(
                StunMessage(kind=MessageType.ERROR, transaction=message.transaction, error=error, reason="no")
            )
        else:
            if message.response_address is not None and self.honours_response_address:
                to = message.response_address
            password = self.signs_with or (CLIENT["password"] if message.signed else None)
            answer = encode(
                StunMessage(kind=MessageType.RESPONSE, transaction=message.transaction, mapped=source),
                password=password,
            )
        self._fly(lambda: self._inbound(answer, to))

    def _inbound(self, data: bytes, to: Address) -> None:
        if self.lifetime is None:
            self._do(self.binding.received(data, self.now, secondary=to != LOCAL))
            return
        for secondary, (port, used) in self._bindings.items():
            if to == Address(OUTSIDE, port) and self.now - used <= self.lifetime:
                self._do(self.binding.received(data, self.now, secondary=secondary))
                return
