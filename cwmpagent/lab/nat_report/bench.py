"""A bench that measures UDP connection requests to one agent behind one kind of NAT.

It is the ACS: it enables STUN, waits until the agent has reported its address and sends keep-alives at a steady period,
then sends connection requests, and finally makes the NAT forget its mappings.
"""

from __future__ import annotations

import itertools
import secrets
import statistics
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.defer import TimeoutError as DeferredTimeout
from twisted.internet.task import deferLater

from cwmpagent.lab.acs import LabAcs
from cwmpagent.lab.acs.connection_request.errors import UnreachableError
from cwmpagent.lab.acs.devices import LabDevice
from cwmpagent.lab.network.nat import Nat, NatWeather
from cwmpagent.lab.network.nat_kind import NatKind
from cwmpagent.lab.network.stun_server import StunServer
from cwmpagent.protocol.auth import Credentials
from cwmpagent.protocol.rpc import (
    AcsRequest,
    GetParameterValues,
    ParameterValueStruct,
    SetParameterAttributes,
    SetParameterAttributesStruct,
    SetParameterValues,
)
from cwmpagent.protocol.stun.message import Address, StunMessage
from cwmpagent.values import Value, ValueType

LIFETIME = 6.0
REQUESTS = 8
"""The default number of connection requests."""
ANSWERED_WITHIN = 5.0
"""Seconds within which a session must follow a request; otherwise the request is lost."""
_ADDRESS_WITHIN = 30.0
_INTERVALS = 3
_POLL_INTERVAL = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class NatResult:
    """The result for one kind of NAT; times are in seconds, None if not measured.

    ``found``: whether the agent reported its right address. ``period``: between two keep-alives. ``delays``: from a
    request to its Inform. ``found_again``: from the loss of all mappings to the right address. ``problems``: failures,
    one line each.
    """

    kind: str
    lifetime: float | None
    address: str = ""
    found: bool = False
    period: float | None = None
    sent: int = 0
    delays: tuple[float, ...] = ()
    found_again: float | None = None
    problems: tuple[str, ...] = ()

    @property
    def lost(self) -> int:
        """The number of requests that no session followed."""
        return self.sent - len(self.delays)

    @property
    def median(self) -> float | None:
        """The median of the delays."""
        return statistics.median(self.delays) if self.delays else None


class NatBench:
    """An ACS and a STUN server with one NAT in front of it (``kind`` None: no NAT), for one agent.

    ``lifetime``: of a silent mapping, in seconds. ``tell``: called with lines of text about the progress. ``host``: the
    address of the ACS and of the NAT's inside. ``requests``: the number of connection requests.
    """

    def __init__(
        self,
        reactor: Any,
        kind: NatKind | None,
        *,
        lifetime: float = LIFETIME,
        seed: int = 0,
        weather: NatWeather | None = None,
        host: str = "127.0.0.1",
        requests: int = REQUESTS,
        tell: Callable[[str], object] = lambda line: None,
    ) -> None:
        self._reactor = reactor
        self._kind = kind
        self._lifetime = lifetime
        self._host = host
        self._requests = requests
        self._tell = tell
        # With a NAT the agent reaches only the NAT's inside; without one it must reach the server.
        self._stun = StunServer(reactor, wall=time.time, host=host if kind is None else "127.0.0.1")
        self._stun.on_request = self._request_received
        self.username, self.password = "cpe", secrets.token_urlsafe(12)
        self._request = Credentials("nat-report", secrets.token_urlsafe(12))
        self.acs = LabAcs(
            reactor, auth="digest", username=self.username, password=self.password, stun=self._stun, monotonic=_clock
        )
        self._nat: Nat | None = None
        if kind is not None:
            self._nat = Nat(reactor, kind, lifetime=lifetime, seed=seed, weather=weather, monotonic=_clock)
        self._port: Any = None
        self._server = Address("", 0)
        self._device: LabDevice | None = None
        self._keep_alives: list[float] = []
        self._problems: list[str] = []

    @property
    def url(self) -> str:
        """The ACS's URL."""
        return f"http://{self._host}:{self._port.getHost().port}/"

    def open(self, port: int = 0) -> None:
        """Listen, the ACS at ``port``. Raises CannotListenError or ConfigError; :meth:`close` is due then, too."""
        self._stun.bind()
        self._server = self._stun.address
        if self._nat is not None:
            self._nat.try_outside()
            self._server = self._nat.stand_in(self._stun.address, self._host)
        self._port = self._reactor.listenTCP(port, self.acs.site(), interface=self._host)
        self.acs.devices.on_inform = self._set_up

    async def close(self) -> None:
        """Close everything."""
        self.acs.close()
        if self._port is not None:
            await self._port.stopListening()
        if self._nat is not None:
            await self._nat.close()
        await self._stun.close()

    async def measure(self, *, informed_within: float) -> NatResult:
        """Measure with the first device that sends an Inform within ``informed_within`` seconds."""
        name = self._kind.value if self._kind is not None else "none"
        lifetime = self._lifetime if self._nat is not None else None
        result: dict[str, Any] = {"kind": name, "lifetime": lifetime}
        if await self._until(lambda: self._device is not None, informed_within):
            self._tell("waiting for the address that the device reports")
            found = await self._until(self._address_is_right, _ADDRESS_WITHIN)
            result |= {"found": found, "address": self._value_of("UDPConnectionRequestAddress")}
            if found:
                self._tell(f"the address is {result['address']}; waiting for a steady period of keep-alives")
                result["period"] = await self._keep_alive_period()
                period = f"kept alive every {result['period']:.1f} s; " if result["period"] is not None else ""
                self._tell(f"{period}sending {self._requests} requests")
                result |= await self._requests_sent()
                result["found_again"] = await self._recovery()
            else:
                self._problems.append(f"the device did not report its right address within {_ADDRESS_WITHIN:g} s")
        else:
            self._problems.append(f"no Inform within {informed_within:g} s")
        self._tell("done" if not self._problems else "done, with problems")
        return NatResult(**result, problems=tuple(f"{name}: {problem}" for problem in self._problems))

    def _set_up(self, device: LabDevice) -> None:
        """Queue the tasks that configure the device, at its first Inform."""
        if self._device is not None:
            return
        self._device = device
        self._tell(f"{device.id} has sent an Inform")
        for task in _tasks(device.root + "ManagementServer.", self._server, self._lifetime, self._request):
            self.acs.queue(device.id, task)

    def _value_of(self, name: str) -> str:
        return (self._device.find("ManagementServer." + name) if self._device is not None else None) or ""

    def _request_received(self, message: StunMessage, source: Address) -> None:
        """Record a keep-alive; a request of the timeout discovery or with BINDING-CHANGE restarts the record."""
        if message.response_address is not None or message.binding_change:
            self._keep_alives.clear()
        elif message.connection_request_binding:
            self._keep_alives.append(_clock())

    def _address_is_right(self) -> bool:
        """Whether the device has reported its present outside address and a right NATDetected."""
        address, detected = self._value_of("UDPConnectionRequestAddress"), self._value_of("NATDetected")
        if self._nat is None:
            return bool(address) and detected in ("false", "0")
        return address in {str(mapping.outside) for mapping in self._nat.mappings()} and detected in ("true", "1")

    async def _keep_alive_period(self) -> float | None:
        """Wait for a steady period of keep-alives; return it in seconds, None if there is no NAT."""
        period: float | None = None

        def steady() -> bool:
            nonlocal period
            times = self._keep_alives[-_INTERVALS - 1 :]
            gaps = [later - earlier for earlier, later in itertools.pairwise(times)]
            if len(gaps) < _INTERVALS or max(gaps) - min(gaps) > 0.25 + 0.1 * min(gaps):
                return False
            period = statistics.median(gaps)
            return True

        limit = 60 + 25 * self._lifetime
        if self._nat is None:
            return None  # no binding needs a keep-alive
        if not await self._until(steady, limit):
            self._problems.append(f"no steady keep-alive within {limit:.0f} s")
        elif period is not None and period >= self._lifetime:
            self._problems.append(
                f"keep-alive every {period:.1f} s, but the NAT's bindings expire after {self._lifetime:g} s"
            )
        return period

    async def _requests_sent(self) -> dict[str, Any]:
        """Send the requests at different moments of the keep-alive period."""
        delays: list[float] = []
        for number in range(self._requests):
            delay = await self._send_request()
            if delay is not None:
                delays.append(delay)
            outcome = "lost" if delay is None else f"answered after {delay * 1000:.0f} ms"
            self._tell(f"request {number + 1} of {self._requests}: {outcome}")
            await self._pause(0.2 + self._lifetime * (number % 4) / 5)
        if len(delays) < self._requests:
            self._problems.append(f"{self._requests - len(delays)} of {self._requests} requests were lost")
        return {"sent": self._requests, "delays": tuple(delays)}

    async def _send_request(self) -> float | None:
        """Send one request; return the seconds until its Inform, None if there is none."""
        assert self._device is not None
        before, began = self.acs.sessions.seen, time.time()
        try:
            await self.acs.connection_request_by_udp(self._device.id)
        except UnreachableError as error:
            self._problems.append(str(error))
            return None
        session = self.acs.wait_for_session(self._device.id, event="6 CONNECTION REQUEST", since=before)
        session.addTimeout(ANSWERED_WITHIN, self._reactor)
        with suppress(DeferredTimeout):
            trace = await session
            return max(0.0, trace.exchanges[0].at - began)
        return None

    async def _recovery(self) -> float | None:
        """Make the NAT forget its mappings; return the seconds until the device reports its new address."""
        if self._nat is None:
            return None
        self._nat.rebind()
        self._tell("the NAT has forgotten its bindings; waiting for the new address")
        began = _clock()
        limit = 4 * self._lifetime + _ADDRESS_WITHIN
        if not await self._until(self._address_is_right, limit):
            self._problems.append(f"no right address within {limit:.0f} s after the NAT forgot its bindings")
            return None
        took = _clock() - began
        if await self._send_request() is None:
            self._problems.append("the first request after the NAT forgot its bindings was lost")
        return took

    async def _until(self, condition: Callable[[], bool], seconds: float) -> bool:
        end = _clock() + seconds
        while not condition():
            if _clock() > end:
                return False
            await self._pause(_POLL_INTERVAL)
        return True

    def _pause(self, seconds: float) -> Deferred[None]:
        return deferLater(self._reactor, seconds, lambda: None)


def _clock() -> float:
    return time.monotonic()


def _tasks(server: str, stun: Address, lifetime: float, request: Credentials) -> list[AcsRequest]:
    """The requests with which an ACS sets up UDP connection requests at a device."""
    shortest = max(1, int(lifetime // 3))
    values = {
        "ConnectionRequestUsername": Value(ValueType.STRING, request.username),
        "ConnectionRequestPassword": Value(ValueType.STRING, request.password),
        "PeriodicInformEnable": Value(ValueType.BOOLEAN, "false"),
        "STUNServerAddress": Value(ValueType.STRING, stun.host),
        "STUNServerPort": Value(ValueType.UNSIGNED_INT, str(stun.port)),
        "STUNMinimumKeepAlivePeriod": Value(ValueType.UNSIGNED_INT, str(shortest)),
        "STUNMaximumKeepAlivePeriod": Value(ValueType.INT, str(max(shortest + 1, int(lifetime * 2)))),
        "STUNEnable": Value(ValueType.BOOLEAN, "true"),
    }
    active = [
        SetParameterAttributesStruct(server + name, True, 2, False, ())
        for name in ("UDPConnectionRequestAddress", "NATDetected")
    ]
    return [
        SetParameterAttributes(tuple(active)),
        SetParameterValues(tuple(ParameterValueStruct(server + name, value) for name, value in values.items()), ""),
        GetParameterValues((server,)),
    ]
