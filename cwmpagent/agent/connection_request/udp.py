"""How the ACS reaches the agent by UDP, through NAT (TR-069 Annex G): the STUN parameters, and what they lead to.

With STUNEnable the binding of the UDP port is kept and its mapped address is UDPConnectionRequestAddress; without, that
is the port's own address. ConnectionRequests are taken either way.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable
from typing import Any

from twisted.internet.defer import CancelledError, Deferred, DeferredLock
from twisted.python.failure import Failure

from cwmpagent.agent.connection_request.http import ConnectionRequests
from cwmpagent.agent.connection_request.own_address import OwnAddress
from cwmpagent.agent.facts import Noted, Observer, Warned
from cwmpagent.agent.management_server import ManagementServer
from cwmpagent.agent.parameters.changes import Changes, Origin
from cwmpagent.agent.ports import (
    AddressWatch,
    BindingKeeper,
    DelayedCall,
    KeepBinding,
    LocalAddress,
    Timers,
    UdpPort,
)
from cwmpagent.datamodel.plan import ParameterAssignment
from cwmpagent.errors import CwmpFault
from cwmpagent.protocol.connection_request.udp import UdpRequests
from cwmpagent.protocol.stun.binding import Binding, BindingSettings
from cwmpagent.protocol.stun.message import Address

STUN_PORT = 3478
_ADDRESS, _NAT = "UDPConnectionRequestAddress", "NATDetected"
_LIMIT = "UDPConnectionRequestAddressNotificationLimit"
_SETTINGS = (
    "EnableCWMP",
    "STUNEnable",
    "STUNServerAddress",
    "STUNServerPort",
    "STUNUsername",
    "STUNPassword",
    "STUNMaximumKeepAlivePeriod",
    "STUNMinimumKeepAlivePeriod",
)
_Wanted = tuple[str, int, BindingSettings]


class UdpConnectionRequests:
    """Takes what comes to ``port``, and keeps the STUN parameters of ManagementServer and its binding in step.

    ``filled`` and ``always_named`` as in :class:`~cwmpagent.protocol.stun.binding.BindingSettings`: matters of taste of
    STUN servers. ``again`` has the news looked at again, once :meth:`holds` has nothing to hold any more.
    """

    def __init__(
        self,
        *,
        server: ManagementServer,
        changes: Changes,
        reach: ConnectionRequests,
        port: UdpPort,
        keep: KeepBinding,
        local_address: LocalAddress,
        watch: AddressWatch | None,
        timers: Timers,
        monotonic: Callable[[], float],
        observer: Observer,
        filled: bool = True,
        always_named: bool = False,
        again: Callable[[], None] = lambda: None,
    ) -> None:
        self._server = server
        self._changes = changes
        self._reach = reach
        self._port = port
        self._keep = keep
        self._local_address = local_address
        self._timers = timers
        self._monotonic = monotonic
        self._observer = observer
        self._filled = filled
        self._always_named = always_named
        self._again = again
        self._requests = UdpRequests()
        self._whereabouts = OwnAddress(watch, self._moved)
        self._paths = {server.path(name) for name in (*_SETTINGS, "URL")}
        self._running = False
        self._wanted: _Wanted | None = None
        self._keeper: BindingKeeper | None = None
        self._last: tuple[str, bool] | None = None  # what the keeper found last
        self._works: set[Deferred[None]] = set()  # in the background
        self._order = DeferredLock()  # of what the settings want
        self._turn = DeferredLock()  # of what is told
        self._failing = False
        self._troubled = False
        self._changed_at: float | None = None
        self._held: DelayedCall | None = None

    async def start(self) -> None:
        """Listen, and keep the binding where the ACS wants that."""
        if self._begin():
            await self.refresh()

    def resume(self) -> None:
        """Go on after :meth:`stop`."""
        if self._begin():
            self._moved()

    def _begin(self) -> bool:
        """Listen, unless the model knows nothing of requests by UDP."""
        if self._server.knows(_ADDRESS):
            self._running = True
            self._port.attach(self)
        return self._running

    async def stop(self) -> None:
        """Listen no more, and let the binding go."""
        self._running = False
        self._port.detach()
        self._whereabouts.follow("")
        if self._held is not None and self._held.active():
            self._held.cancel()
        for work in tuple(self._works):
            work.cancel()
        await self._order.run(lambda: Deferred.fromCoroutine(self._let_go()))
        await self._turn.run(lambda: None)

    def changed(self, names: Iterable[str]) -> None:
        """Parameters have new values: each takes effect at once."""
        if not self._paths.isdisjoint(names):
            self._moved()

    async def refresh(self) -> None:
        """Bring all in step with the parameters and this machine's addresses; warns once, never raises."""
        await self._order.run(lambda: Deferred.fromCoroutine(self._follow()))
        if self._running and self._wanted is None:  # not within the lock: a name may be looked up for long
            address = await self._own_address()
            if address is not None and self._running and self._wanted is None:
                await self._tell(address, False)

    async def _follow(self) -> None:
        if not self._running:
            return
        wanted = self._settings()
        self._whereabouts.follow(wanted[0] if wanted is not None else self._server.acs_host)
        if wanted != self._wanted:
            await self._let_go()
            self._wanted = wanted
            if wanted is not None and self._running:
                self._keeper = self._keep(*wanted, found=self._found, trouble=self._trouble)
        elif self._keeper is not None:
            self._keeper.look()
            if self._last is not None:  # it may not have been possible to save it
                await self._tell(*self._last)

    @property
    def binding(self) -> Binding | None:
        """The binding that is kept, None where there is none."""
        return self._keeper.binding if self._keeper is not None else None

    def holds(self, name: str) -> bool:
        """Whether a change of ``name`` opens no session yet (UDPConnectionRequestAddressNotificationLimit)."""
        return self._held is not None and self._held.active() and name == self._server.path(_ADDRESS)

    def stun(self, data: bytes, source: Address) -> None:
        """What may be an answer of the STUN server came."""
        if self._keeper is not None:
            self._keeper.received(data)

    def text(self, data: bytes, source: Address) -> None:
        """What may be a ConnectionRequest came; nothing is ever answered (Annex G.2.2.3)."""
        if self._reach.takes_requests() and self._requests.accepts(data, self._reach.credentials()):
            self._reach.requested(source.host, "UDP")

    def _moved(self) -> None:
        if self._running:
            self._background(self.refresh())

    def _settings(self) -> _Wanted | None:
        """Server, port and the rest; None where no binding is to be kept."""
        server = self._server
        if not (server.flag("STUNEnable") and self._reach.takes_requests()):
            return None
        host = server.text("STUNServerAddress") or server.acs_host
        if not host:
            return None
        longest = server.number("STUNMaximumKeepAlivePeriod", -1)
        return (
            host,
            server.number("STUNServerPort", 0) or STUN_PORT,
            BindingSettings(
                username=server.text("STUNUsername"),
                password=server.text("STUNPassword"),
                shortest=server.number("STUNMinimumKeepAlivePeriod", 0),
                longest=None if longest < 0 else longest,
                filled=self._filled,
                always_named=self._always_named,
            ),
        )

    async def _own_address(self) -> str | None:
        """Where requests come in without a NAT; None where that is not known now."""
        at = self._port.host
        if at is None or not self._reach.takes_requests():
            return ""
        if at.host not in ("0.0.0.0", "::"):
            return str(at)
        host = self._server.acs_host
        address = await self._local_address(host) if host else None
        if address is None:
            return None
        return "" if ":" in address and ":" not in at.host else str(Address(address, at.port))

    async def _let_go(self) -> None:
        keeper, self._keeper, self._wanted, self._last = self._keeper, None, None, None
        if keeper is not None:
            await keeper.stop()

    def _found(self, mapped: Address, nat: bool) -> None:
        self._last = (str(mapped), nat)
        self._background(self._tell(str(mapped), nat))

    def _trouble(self, sentence: str) -> None:
        if sentence:
            self._observer(Warned(sentence))
        elif self._troubled:
            self._observer(Noted("the STUN server answers again"))
        self._troubled = bool(sentence)

    async def _tell(self, address: str, nat: bool) -> None:
        """Make these the parameters' values, in the order in which they were found; warns once, never raises."""
        told = {_ADDRESS: address, _NAT: "true" if nat else "false"}
        await self._turn.run(lambda: Deferred.fromCoroutine(self._set(told)))

    async def _set(self, told: dict[str, str]) -> None:
        server = self._server
        values = [
            ParameterAssignment(server.path(name), text)
            for name, text in told.items()
            if server.knows(name) and server.text(name) != text
        ]
        if not values or not self._running:
            return
        moved = server.text(_ADDRESS) != told[_ADDRESS]
        if moved:
            self._hold()
        try:
            await self._changes.set_values(values, Origin.DEVICE)
        except CwmpFault as fault:
            if not self._failing:
                self._observer(Warned(f"{_ADDRESS} could not be brought up to date: {fault.text}"))
            self._failing = True
        else:
            self._failing = False

    def _hold(self) -> None:
        """Another change so soon after the last one opens no session before the limit's time is over."""
        limit = self._server.number(_LIMIT, 0)
        now = self._monotonic()
        since = now - self._changed_at if self._changed_at is not None else float(limit)
        if since < limit:
            if self._held is None or not self._held.active():
                self._held = self._timers.callLater(limit - since, self._release)
        else:
            self._changed_at = now

    def _release(self) -> None:
        self._changed_at = self._monotonic()
        self._again()

    def _background(self, work: Coroutine[Any, Any, None]) -> None:
        running = Deferred.fromCoroutine(work)
        self._works.add(running)
        running.addErrback(self._crashed)
        running.addBoth(lambda _: self._works.discard(running))

    def _crashed(self, failure: Failure) -> None:
        if not failure.check(CancelledError):  # type: ignore[no-untyped-call]  # Twisted has no types there
            self._observer(Warned(f"an error of the agent itself: {failure.getTraceback()}"))
