"""ConnectionRequests by UDP (TR-069 Annex G): the STUN parameters, and the NAT binding of the UDP port.

With STUNEnable, the binding is kept, and its mapped address becomes UDPConnectionRequestAddress. Otherwise, the local
address of the port does. ConnectionRequests are accepted in both cases.
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
from cwmpagent.protocol.connection_request.refusal import Refusal
from cwmpagent.protocol.connection_request.udp import UdpRequests
from cwmpagent.protocol.stun.binding import Binding, BindingSettings
from cwmpagent.protocol.stun.message import Address

STUN_PORT = 3478
COPIES_WITHIN = 5.0
"""Seconds in which a copy of an accepted datagram is no replay: an ACS sends several (TR-069 Annex G.2.2.3)."""
_USERNAME = "ConnectionRequestUsername"
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
_Settings = tuple[str, int, BindingSettings]


class UdpConnectionRequests:
    """Receives the datagrams of the UDP port, and keeps the NAT binding and its parameters up to date.

    ``released`` is called when :meth:`holds` no longer holds a change.
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
        self._accepted = (0.0, b"")  # monotonic time and datagram of the last accepted request
        self._own_address = OwnAddress(options, self._moved)
        self._paths = {server.path(name) for name in (*_SETTINGS, "URL")}
        self._running = False
        self._kept: _Settings | None = None  # the settings with which the binding is kept
        self._keeper: BindingKeeper | None = None
        self._last: tuple[str, bool] | None = None  # last mapped address and NATDetected of the keeper
        self._works: set[Deferred[None]] = set()  # background work
        self._following = DeferredLock()  # serializes changes of the settings
        self._writing = DeferredLock()  # serializes changes of the parameters
        self._failing = False
        self._troubled = False
        self._changed_at: float | None = None
        self._held: DelayedCall | None = None

    async def start(self) -> None:
        """Listen, and keep the binding if it is enabled."""
        if self._begin():
            await self.refresh()

    def resume(self) -> None:
        """Listen again after :meth:`stop`."""
        if self._begin():
            self._moved()

    def _begin(self) -> bool:
        """Listen, if the model has the parameters for requests by UDP."""
        if self._server.knows(_ADDRESS):
            self._running = True
            self._attach()
        return self._running

    def _attach(self) -> None:
        self._port.attach(self, self._server.text(_USERNAME))

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
        """Apply ``names``, which have new values, at once."""
        changed = frozenset(names)
        if self._running and self._server.path(_USERNAME) in changed:
            self._attach()
        if not self._paths.isdisjoint(changed):
            self._moved()

    async def refresh(self) -> None:
        """Apply the parameters and the local addresses. A failure is a warning, once; never raises."""
        await self._following.run(lambda: Deferred.fromCoroutine(self._follow()))
        if self._running and self._kept is None:  # outside the lock: the lookup of a name may take long
            address = await self._address_without_nat()
            if address is not None and self._running and self._kept is None:
                await self._write(address, False)

    async def _follow(self) -> None:
        if not self._running:
            return
        settings = self._settings()
        self._own_address.follow(settings[0] if settings is not None else self._server.acs_host)
        if settings != self._kept:
            await self._let_go()
            self._kept = settings
            if settings is not None and self._running:
                self._keeper = self._keep(*settings, found=self._found, trouble=self._trouble)
        elif self._keeper is not None:
            self._keeper.look()
            if self._last is not None:  # an earlier save may have failed
                await self._write(*self._last)

    @property
    def binding(self) -> Binding | None:
        """Binding that is kept, None where there is none."""
        return self._keeper.binding if self._keeper is not None else None

    def holds(self, name: str) -> bool:
        """Whether a change of ``name`` must not yet open a session (UDPConnectionRequestAddressNotificationLimit)."""
        return self._held is not None and self._held.active() and name == self._server.path(_ADDRESS)

    def stun(self, data: bytes, source: Address) -> None:
        """Receive a datagram that may be an answer of the STUN server."""
        if self._keeper is not None:
            self._keeper.received(data)

    def text(self, data: bytes, source: Address) -> None:
        """Receive a datagram that may be a ConnectionRequest; it is never answered (Annex G.2.2.3)."""
        reason = self._process(data, source)
        if reason is not None:
            self._connection_requests.refused(source.host, reason, by="UDP")

    def takes(self, data: bytes, source: Address) -> bool:
        """The same as :meth:`text` for a datagram with the credentials of this agent; False, and no report, if not."""
        reason = self._process(data, source)
        if reason is Refusal.REPLAYED:
            self._connection_requests.refused(source.host, reason, by="UDP")
        return reason in (None, Refusal.REPLAYED)

    def _process(self, data: bytes, source: Address) -> Refusal | None:
        """Accept a datagram, or return the reason for which it is refused; None, too, for a copy of an accepted one."""
        requests = self._connection_requests
        if not requests.takes_requests():
            return Refusal.DISABLED
        now = self._clock.monotonic()
        wall = self._clock.wall() if self._clock.wall_trusted() else None
        reason = self._requests.refusal(data, requests.credentials(), wall)
        if reason is None:
            self._accepted = now, data
            requests.requested(source.host, "UDP")
        elif data == self._accepted[1] and now - self._accepted[0] <= COPIES_WITHIN:
            return None
        return reason

    def _moved(self) -> None:
        if self._running:
            self._background(self.refresh())

    def _settings(self) -> _Settings | None:
        """Host and port of the STUN server, and settings; None where no binding is to be kept."""
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
        """Local address of the port as text; empty where it does not listen, None where the address is unknown."""
        local = self._port.host
        if local is None or not self._connection_requests.takes_requests():
            return ""
        if local.host not in ("0.0.0.0", "::"):
            return str(local)
        address = await self._own_address.towards(self._server.acs_host)
        if address is None:
            return None
        return "" if ":" in address and ":" not in local.host else str(Address(address, local.port))

    async def _let_go(self) -> None:
        keeper, self._keeper, self._kept, self._last = self._keeper, None, None, None
        if keeper is not None:
            await keeper.stop()

    def _found(self, mapped: Address, nat: bool) -> None:
        self._last = (str(mapped), nat)
        self._background(self._write(str(mapped), nat))

    def _trouble(self, line: str) -> None:
        if line:
            self._observer(Warned(line))
        elif self._troubled:
            self._observer(Noted("the STUN server answers again"))
        self._troubled = bool(line)

    async def _write(self, address: str, nat: bool) -> None:
        """Write the parameters, in the order of the calls. A failure is a warning, once; never raises."""
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
                self._observer(Warned(f"cannot update {_ADDRESS}: {fault.text}"))
            self._failing = True
        else:
            self._failing = False

    def _hold(self) -> None:
        """Hold a change until the time of the limit has passed since the last change."""
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
