"""STUN client that keeps the NAT binding of a UDP port (TR-069 Annex G).

:class:`~cwmpagent.protocol.stun.binding.Binding` decides what is sent and when. This module has the name resolution,
sockets and timers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from twisted.internet.defer import CancelledError, Deferred, succeed

from cwmpagent.errors import ConfigError
from cwmpagent.protocol.stun.binding import Action, Binding, BindingSettings, Send, Unreachable
from cwmpagent.protocol.stun.message import Address
from cwmpagent.transport.addresses import resolved
from cwmpagent.transport.deadline import Deadline, within
from cwmpagent.transport.udp.port import DatagramPort

LOOKUP_TIMEOUT = 5.0
"""Seconds that the resolution of the server's name may take."""
RETRY_INTERVAL = 10.0
"""Seconds after which a name without an address is resolved again."""
ROUND_WAIT_FIRST, ROUND_WAIT_MAX = 5.0, 300.0
"""First and longest wait in seconds, doubled each time, after no address of the server has answered."""
RESOLVE_INTERVAL = 600.0
"""Seconds after which the name of a server that answers is resolved again."""


class SendingPort(Protocol):
    """The port whose binding is kept."""

    @property
    def host(self) -> Address | None:
        """Local address and port; None while it is closed."""

    def send(self, data: bytes, to: Address) -> bool:
        """Send one datagram. Returns False where it could not be sent."""


class StunClient:
    """Keeps the binding of ``port`` with the server ``host``, a name or address, at its UDP ``server_port``.

    ``found`` is called with the mapped address and whether there is a NAT, whenever either changes. ``trouble`` is
    called with a sentence when the server does not answer, and with an empty one when it answers again.
    ``source_address`` returns this machine's address towards another one; ``alone``: as for :class:`Binding`. Call
    :meth:`start` first, :meth:`look` after every change of the machine's addresses, and :meth:`stop` at the end; a
    stopped client cannot be restarted.
    """

    def __init__(
        self,
        reactor: Any,
        port: SendingPort,
        host: str,
        server_port: int,
        settings: BindingSettings,
        *,
        new_id: Callable[[], bytes],
        monotonic: Callable[[], float],
        source_address: Callable[[str], str | None],
        found: Callable[[Address, bool], None],
        trouble: Callable[[str], None],
        alone: Callable[[], bool] = lambda: True,
    ) -> None:
        self._reactor = reactor
        self._port = port
        self._host = host
        self._server_port = server_port
        self._settings = settings
        self._new_id = new_id
        self._alone = alone
        self._monotonic = monotonic
        self._source_address = source_address
        self._found = found
        self._trouble = trouble
        self._deadline = Deadline(reactor, monotonic, self._wake)
        self._binding: Binding | None = None
        self._server: Address | None = None
        self._local: Address | None = None
        self._reported: tuple[Address, bool] | None = None
        self._last_report = ""
        self._resolved_at = 0.0
        self._rounds = 0  # in which no address answered
        self._round_at: float | None = None  # after a round: earliest time of the next one
        self._lookup: Deferred[None] | None = None
        self._secondary: DatagramPort | None = None
        self._stopped = False

    def start(self) -> None:
        """Resolve the server's name and begin the binding."""
        self._resolve()

    def stop(self) -> Deferred[None]:
        """Stop sending. Fires when the sockets of this client are closed."""
        self._stopped = True
        self._deadline.stop()
        if self._lookup is not None:
            self._lookup.cancel()
        self._binding = None
        return self._close_secondary()

    def look(self) -> None:
        """Begin a new binding where this machine's address towards the server has changed."""
        if self._binding is not None and self._local_address() != self._local:
            self._begin()

    @property
    def binding(self) -> Binding | None:
        """The current binding, None while the server has no address."""
        return self._binding

    def received(self, data: bytes) -> None:
        """Process a possible STUN message from the port."""
        self._take(data, secondary=False)

    # DatagramTarget, for the secondary port

    def stun(self, data: bytes, source: Address) -> None:
        """Process a possible STUN message from the secondary port."""
        self._take(data, secondary=True)

    def text(self, data: bytes, source: Address) -> None:
        """Ignore: ConnectionRequests are not accepted on the secondary port."""

    def _take(self, data: bytes, *, secondary: bool) -> None:
        if self._binding is not None and not self._stopped:
            self._perform(self._binding.received(data, self._monotonic(), secondary=secondary))

    def _resolve(self) -> None:
        if self._lookup is None:
            lookup = Deferred.fromCoroutine(self._look_up())
            self._lookup = lookup if not lookup.called else None

    async def _look_up(self) -> None:
        """Resolve the server's name. Raises nothing."""
        names = resolved(self._reactor.nameResolver, self._host)
        addresses: list[str] = []
        problem = f"the STUN server {self._host!r} has no address"
        try:
            addresses = await within(
                LOOKUP_TIMEOUT, names, self._reactor, self._monotonic, "its name was not resolved in time"
            )
        except CancelledError:
            return
        except Exception as error:  # TooSlowError, or any error of a resolver
            problem = f"the STUN server {self._host!r}: {error}"
        self._lookup = None
        if self._stopped:
            return
        self._resolved_at = self._monotonic()
        known = self._server.host if self._server is not None else None
        waits = self._round_at is not None and self._resolved_at < self._round_at
        unanswered = self._binding is not None and self._binding.unanswered and not waits
        if (known in addresses and not unanswered) or (known is not None and not addresses) or addresses == [known]:
            return
        if not addresses:
            self._report(problem)
            self._deadline.start(RETRY_INTERVAL)
            return
        self._move(addresses, known)

    def _move(self, addresses: list[str], known: str | None) -> None:
        """Use the first address of the server, or the one after ``known``, which does not answer."""
        # IPv4 first (TR-069 Annex G); a server with IPv6 only is still tried.
        order = sorted(addresses, key=lambda address: (self._source_address(address) is None, ":" in address))
        place = order.index(known) + 1 if known in order else 0
        if place == len(order) and self._round_at is None:
            # The last address is kept until the next round: a silence could lose the binding.
            self._round_at = self._resolved_at + min(ROUND_WAIT_FIRST * 2 ** min(self._rounds, 10), ROUND_WAIT_MAX)
            self._rounds += 1
            if self._binding is not None:
                self._binding.hold(self._round_at)
            return
        self._round_at = None
        self._server = Address(order[place % len(order)], self._server_port)
        self._begin()

    def _begin(self) -> None:
        self._local = local = self._local_address()
        if local is None:
            self._binding = None
            self._report(f"there is no route to the STUN server {self._server}")
            self._deadline.start(RETRY_INTERVAL)
            return
        self._binding = binding = Binding(self._settings, local, self._new_id, self._alone)
        self._perform(binding.start(self._monotonic()))

    def _local_address(self) -> Address | None:
        at = self._port.host
        source = self._source_address(self._server.host) if self._server is not None else None
        if at is None or source is None:
            return None
        return Address(source if at.host in ("0.0.0.0", "::") else at.host, at.port)

    def _wake(self) -> None:
        if self._binding is None:
            if self._server is not None:
                self._begin()
            if self._binding is None:
                self._resolve()
            return
        if self._local_address() != self._local:
            self._begin()
            return
        if self._monotonic() - self._resolved_at >= RESOLVE_INTERVAL:
            self._resolve()
        self._perform(self._binding.wake(self._monotonic()))

    def _perform(self, actions: list[Action]) -> None:
        binding = self._binding
        assert binding is not None
        for action in actions:
            if isinstance(action, Send):
                self._send(action)
            elif isinstance(action, Unreachable):
                self._report(f"the STUN server {self._host!r}: {action.reason}")
                self._resolve()
        if self._binding is not binding or self._stopped:
            return
        self._deadline.start(max(0.0, binding.wakes_at - self._monotonic()))
        if binding.mapping is None:
            return
        if not binding.unanswered:
            self._rounds, self._round_at = 0, None
        if not binding.failing:
            self._report("")
        mapping = (binding.mapping, binding.behind_nat)
        if mapping != self._reported:
            self._reported = mapping
            self._found(*mapping)

    def _send(self, action: Send) -> None:
        assert self._server is not None
        if action.secondary:
            if self._secondary is None:
                self._secondary = self._open_secondary()
            if self._secondary is None:
                return
            self._secondary.send(action.data, self._server)
            return
        if self._secondary is not None and self._binding is not None and not self._binding.searching:
            self._close_secondary().addErrback(lambda failure: self._report(failure.getErrorMessage()))
        self._port.send(action.data, self._server)

    def _open_secondary(self) -> DatagramPort | None:
        at = self._port.host
        secondary = DatagramPort(self._reactor, 0, at.host if at is not None else "")
        try:
            secondary.bind()
        except ConfigError:
            return None  # without answers to probes the shortest period is kept
        secondary.attach(self)
        return secondary

    def _close_secondary(self) -> Deferred[None]:
        secondary, self._secondary = self._secondary, None
        return secondary.close() if secondary is not None else succeed(None)

    def _report(self, sentence: str) -> None:
        if sentence != self._last_report:
            self._last_report = sentence
            self._trouble(sentence)


class StunClients:
    """Factory of the :class:`StunClient` objects of ``port``: one for each change of server or settings."""

    def __init__(
        self,
        reactor: Any,
        port: SendingPort,
        *,
        new_id: Callable[[], bytes],
        monotonic: Callable[[], float],
        source_address: Callable[[str], str | None],
        alone: Callable[[], bool] = lambda: True,
    ) -> None:
        self._reactor = reactor
        self._port = port
        self._new_id = new_id
        self._alone = alone
        self._monotonic = monotonic
        self._source_address = source_address

    def keep(
        self,
        host: str,
        server_port: int,
        settings: BindingSettings,
        *,
        found: Callable[[Address, bool], None],
        trouble: Callable[[str], None],
    ) -> StunClient:
        """Create and start a :class:`StunClient`, with its arguments."""
        client = StunClient(
            self._reactor,
            self._port,
            host,
            server_port,
            settings,
            new_id=self._new_id,
            alone=self._alone,
            monotonic=self._monotonic,
            source_address=self._source_address,
            found=found,
            trouble=trouble,
        )
        client.start()
        return client
