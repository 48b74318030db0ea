"""ConnectionRequests by UDP, through NAT (TR-069 Annex G): the STUN parameters, and the NAT binding that they ask for.

With STUNEnable the binding of the UDP port is kept, and its mapped address is UDPConnectionRequestAddress; without,
that is the port's own address. ConnectionRequests are accepted either way.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable
from typing import Any

from twisted.internet.defer import Deferred, DeferredLock

from cwmpagent.agent.connection_request.http import ConnectionRequests
from cwmpagent.agent.connection_request.own_address import OwnAddress
from cwmpagent.agent.facts import Noted, Observer, Warned
from cwmpagent.agent.internal_errors import report_internal_error
from cwmpagent.agent.management_server import ManagementServer
from cwmpagent.agent.options import ConnectionRequestOptions, UdpOptions
from cwmpagent.agent.parameters.changes import Changes, Origin
from cwmpagent.agent.ports import BindingKeeper, Clock, DelayedCall, Timers
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
    """Receives the datagrams of the UDP port, and keeps the STUN parameters and the NAT binding in step.

    ``released`` is called when :meth:`holds` has no change to hold any more.
    """

    def __init__(
        self,
        *,
        server: ManagementServer,
        changes: Changes,
        connection_requests: ConnectionRequests,
        udp: UdpOptions,
        options: ConnectionRequestOptions,
        clock: Clock,
        timers: Timers,
        observer: Observer,
        released: Callable[[], None],
    ) -> None:
        self._server = server
        self._changes = changes
        self._connection_requests = connection_requests
        self._port = udp.port
        self._keep = udp.keep
        self._stun = udp.stun
        self._clock = clock
        self._timers = timers
        self._observer = observer
        self._released = released
        self._requests = UdpRequests()
        self._own_address = OwnAddress(options, self._moved)
        self._paths = {server.path(name) for name in (*_SETTINGS, "URL")}
        self._running = False
        self._wanted: _Wanted | None = None
        self._keeper: BindingKeeper | None = None
        self._last: tuple[str, bool] | None = None  # the mapped address and NATDetected that the keeper found last
        self._works: set[Deferred[None]] = set()  # in the background
        self._following = DeferredLock()  # one change of the settings after another
        self._writing = DeferredLock()  # one change of the parameters after another
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
        """Listen, unless the model has no parameters for requests by UDP."""
        if self._server.knows(_ADDRESS):
            self._running = True
            self._port.attach(self)
        return self._running

    async def stop(self) -> None:
        """Stop listening, and stop keeping the binding."""
        self._running = False
        self._port.detach()
        self._own_address.follow("")
        if self._held is not None and self._held.active():
            self._held.cancel()
        for work in tuple(self._works):
            work.cancel()
        await self._following.run(lambda: Deferred.fromCoroutine(self._let_go()))
        await self._writing.run(lambda: None)

    def changed(self, names: Iterable[str]) -> None:
        """Parameters have new values: each takes effect at once."""
        if not self._paths.isdisjoint(names):
            self._moved()

    async def refresh(self) -> None:
        """Follow the parameters and this machine's addresses; warns once, never raises."""
        await self._following.run(lambda: Deferred.fromCoroutine(self._follow()))
        if self._running and self._wanted is None:  # not within the lock: a name may be looked up for long
            address = await self._address_without_nat()
            if address is not None and self._running and self._wanted is None:
                await self._write(address, False)

    async def _follow(self) -> None:
        if not self._running:
            return
        wanted = self._settings()
        self._own_address.follow(wanted[0] if wanted is not None else self._server.acs_host)
        if wanted != self._wanted:
            await self._let_go()
            self._wanted = wanted
            if wanted is not None and self._running:
                self._keeper = self._keep(*wanted, found=self._found, trouble=self._trouble)
        elif self._keeper is not None:
            self._keeper.look()
            if self._last is not None:  # it may not have been possible to save it
                await self._write(*self._last)

    @property
    def binding(self) -> Binding | None:
        """The binding that is kept, None where there is none."""
        return self._keeper.binding if self._keeper is not None else None

    def holds(self, name: str) -> bool:
        """Whether a change of ``name`` opens no session yet (UDPConnectionRequestAddressNotificationLimit)."""
        return self._held is not None and self._held.active() and name == self._server.path(_ADDRESS)

    def stun(self, data: bytes, source: Address) -> None:
        """Receive what may be an answer of the STUN server."""
        if self._keeper is not None:
            self._keeper.received(data)

    def text(self, data: bytes, source: Address) -> None:
        """Receive what may be a ConnectionRequest; none is ever answered (Annex G.2.2.3)."""
        requests = self._connection_requests
        wall = self._clock.wall() if self._clock.wall_trusted() else None
        if requests.takes_requests() and self._requests.accepts(data, requests.credentials(), wall):
            requests.requested(source.host, "UDP")

    def _moved(self) -> None:
        if self._running:
            self._background(self.refresh())

    def _settings(self) -> _Wanted | None:
        """STUN server, port and settings; None where no binding is to be kept."""
        server = self._server
        if not (server.flag("STUNEnable") and self._connection_requests.takes_requests()):
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
                options=self._stun,
            ),
        )

    async def _address_without_nat(self) -> str | None:
        """The address of the port without a NAT; None where it is not known now."""
        at = self._port.host
        if at is None or not self._connection_requests.takes_requests():
            return ""
        if at.host not in ("0.0.0.0", "::"):
            return str(at)
        address = await self._own_address.towards(self._server.acs_host)
        if address is None:
            return None
        return "" if ":" in address and ":" not in at.host else str(Address(address, at.port))

    async def _let_go(self) -> None:
        keeper, self._keeper, self._wanted, self._last = self._keeper, None, None, None
        if keeper is not None:
            await keeper.stop()

    def _found(self, mapped: Address, nat: bool) -> None:
        self._last = (str(mapped), nat)
        self._background(self._write(str(mapped), nat))

    def _trouble(self, sentence: str) -> None:
        if sentence:
            self._observer(Warned(sentence))
        elif self._troubled:
            self._observer(Noted("the STUN server answers again"))
        self._troubled = bool(sentence)

    async def _write(self, address: str, nat: bool) -> None:
        """Write the parameters, in the order in which the values were found; warns once, never raises."""
        texts = {_ADDRESS: address, _NAT: "true" if nat else "false"}
        await self._writing.run(lambda: Deferred.fromCoroutine(self._set(texts)))

    async def _set(self, texts: dict[str, str]) -> None:
        server = self._server
        values = [
            ParameterAssignment(server.path(name), text)
            for name, text in texts.items()
            if server.knows(name) and server.text(name) != text
        ]
        if not values or not self._running:
            return
        moved = server.text(_ADDRESS) != texts[_ADDRESS]
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
        """A change within the limit's time after the last one opens no session before that time is over."""
        limit = self._server.number(_LIMIT, 0)
        now = self._clock.monotonic()
        since = now - self._changed_at if self._changed_at is not None else float(limit)
        if since < limit:
            if self._held is None or not self._held.active():
                self._held = self._timers.callLater(limit - since, self._release)
        else:
            self._changed_at = now

    def _release(self) -> None:
        self._changed_at = self._clock.monotonic()
        self._released()

    def _background(self, work: Coroutine[Any, Any, None]) -> None:
        running = Deferred.fromCoroutine(work)
        self._works.add(running)
        running.addErrback(lambda failure: report_internal_error(self._observer, failure))
        running.addBoth(lambda _: self._works.discard(running))
