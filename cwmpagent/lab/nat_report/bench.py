"""A bench for one agent behind one kind of NAT, which measures how it is reached by UDP.

It plays the ACS: it switches STUN on, waits until the agent has found its address and how often to keep that alive,
then asks it to call, again and again; and lets the NAT forget everything once.
"""

from __future__ import annotations

import secrets
import statistics
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.defer import TimeoutError as Late
from twisted.internet.task import deferLater

from cwmpagent.lab.acs import LabAcs
from cwmpagent.lab.acs.connection_request_http import UnreachableError
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
"""How often the agent is asked to call."""
ANSWERED_WITHIN = 5.0
"""Seconds after which a request that no session followed is lost."""
_FOUND_WITHIN = 30.0
_INTERVALS = 3
_LOOK = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class NatResult:
    """What was seen with one kind of NAT; times are in seconds, None where it was not seen.

    ``period``: between two keep-alives; ``delays``: from a request to its Inform; ``found_again`` after everything was
    forgotten. ``problems``: what must work and did not, a sentence each.
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
        """Requests that no session followed."""
        return self.sent - len(self.delays)

    @property
    def median(self) -> float | None:
        """The median of the delays."""
        return statistics.median(self.delays) if self.delays else None


class NatBench:
    """An ACS, a STUN server and one NAT before it (``kind`` None: none), for one agent.

    ``tell`` gets lines for people. ``host``: where the ACS and the NAT's inside listen. ``requests``: how often the
    agent is asked to call.
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
        # Behind a NAT the agent meets the NAT alone; without one it must get to the server itself.
        self._stun = StunServer(reactor, wall=time.time, host=host if kind is None else "127.0.0.1")
        self._stun.heard = self._heard
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
        self._kept: list[float] = []
        self._problems: list[str] = []

    @property
    def url(self) -> str:
        """The ACS's URL."""
        return f"http://{self._host}:{self._port.getHost().port}/"

    def open(self, port: int = 0) -> None:
        """Listen; the ACS at ``port``. Raises CannotListenError or ConfigError; :meth:`close` comes next then, too."""
        self._stun.bind()
        self._server = self._stun.address
        if self._nat is not None:
            self._nat.try_outside()
            self._server = self._nat.stand_in(self._stun.address, self._host)
        self._port = self._reactor.listenTCP(port, self.acs.site(), interface=self._host)
        self.acs.devices.heard = self._informed

    async def close(self) -> None:
        """Close everything."""
        self.acs.close()
        if self._port is not None:
            await self._port.stopListening()
        if self._nat is not None:
            await self._nat.close()
        await self._stun.close()

    async def measure(self, *, informed_within: float) -> NatResult:
        """Everything, with the first device that informs within so many seconds."""
        name = self._kind.value if self._kind is not None else "none"
        lifetime = self._lifetime if self._nat is not None else None
        result: dict[str, Any] = {"kind": name, "lifetime": lifetime}
        if await self._until(lambda: self._device is not None, informed_within):
            found = await self._until(self._is_found, _FOUND_WITHIN)
            result |= {"found": found, "address": self._told("UDPConnectionRequestAddress")}
            if found:
                result["period"] = await self._settled()
                result |= await self._asked()
                result["found_again"] = await self._lost_and_found()
            else:
                self._problems.append(f"no address that leads to the device was told within {_FOUND_WITHIN:g} s")
        else:
            self._problems.append(f"no Inform within {informed_within:g} s")
        return NatResult(**result, problems=tuple(f"{name}: {each}" for each in self._problems))

    def _informed(self, device: LabDevice) -> None:
        """The first Inform: in its session the ACS sets up what is to be measured."""
        if self._device is not None:
            return
        self._device = device
        self._tell(f"{device.id} has informed")
        root = "InternetGatewayDevice." if any(name.startswith("I") for name in device.parameters) else "Device."
        for task in _tasks(root + "ManagementServer.", self._server, self._lifetime, self._request):
            self.acs.queue(device.id, task)

    def _told(self, name: str) -> str:
        return (self._device.find("ManagementServer." + name) if self._device is not None else None) or ""

    def _heard(self, message: StunMessage, source: Address) -> None:
        """A device keeps its binding; what is sent to search for a period, or tells of a change, is no keep-alive."""
        if message.response_address is not None or message.binding_change:
            self._kept.clear()
        elif message.connection_request_binding:
            self._kept.append(_clock())

    def _is_found(self) -> bool:
        """Whether the address that the ACS was told leads to the device now."""
        if self._nat is None:
            return bool(self._told("UDPConnectionRequestAddress")) and self._told("NATDetected") in ("false", "0")
        outside = {str(each.outside) for each in self._nat.mappings()}
        return self._told("UDPConnectionRequestAddress") in outside and self._told("NATDetected") in ("true", "1")

    async def _settled(self) -> float | None:
        """The seconds between keep-alives, once they are the same several times."""
        period: float | None = None

        def steady() -> bool:
            nonlocal period
            gaps = [later - earlier for earlier, later in zip(self._kept, self._kept[1:], strict=False)][-_INTERVALS:]
            if len(gaps) < _INTERVALS or max(gaps) - min(gaps) > 0.25 + 0.1 * min(gaps):
                return False
            period = statistics.median(gaps)
            return True

        limit = 60 + 25 * self._lifetime
        if self._nat is None:
            return None  # there is nothing to be kept
        if not await self._until(steady, limit):
            self._problems.append(f"no steady keep-alive within {limit:.0f} s")
        elif period is not None and period >= self._lifetime:
            self._problems.append(f"kept alive every {period:.1f} s, but the NAT forgets after {self._lifetime:g} s")
        return period

    async def _asked(self) -> dict[str, Any]:
        """Ask again and again, at other moments of the keep-alive's period each time."""
        delays: list[float] = []
        for number in range(self._requests):
            delay = await self._ask()
            if delay is not None:
                delays.append(delay)
            await self._pause(0.2 + self._lifetime * (number % 4) / 5)
        if len(delays) < self._requests:
            self._problems.append(f"{self._requests - len(delays)} of {self._requests} requests were lost")
        return {"sent": self._requests, "delays": tuple(delays)}

    async def _ask(self) -> float | None:
        """Seconds from one request to its Inform; None where none came."""
        assert self._device is not None
        before, began = self.acs.sessions.seen, time.time()
        try:
            await self.acs.connection_request_by_udp(self._device.id)
        except UnreachableError as error:
            self._problems.append(str(error))
            return None
        session = self.acs.wait_for_session(self._device.id, event="6 CONNECTION REQUEST", since=before)
        session.addTimeout(ANSWERED_WITHIN, self._reactor)
        with suppress(Late):
            trace = await session
            return max(0.0, trace.exchanges[0].at - began)
        return None

    async def _lost_and_found(self) -> float | None:
        """Seconds until the ACS knows the way again, once the NAT has forgotten everything."""
        if self._nat is None:
            return None
        self._nat.rebind()
        began = _clock()
        limit = 4 * self._lifetime + _FOUND_WITHIN
        if not await self._until(self._is_found, limit):
            self._problems.append(f"not found again within {limit:.0f} s after the NAT forgot everything")
            return None
        took = _clock() - began
        if await self._ask() is None:
            self._problems.append("the first request after the NAT forgot everything was lost")
        return took

    async def _until(self, condition: Callable[[], bool], seconds: float) -> bool:
        end = _clock() + seconds
        while not condition():
            if _clock() > end:
                return False
            await self._pause(_LOOK)
        return True

    def _pause(self, seconds: float) -> Deferred[None]:
        return deferLater(self._reactor, seconds, lambda: None)


def _clock() -> float:
    return time.monotonic()


def _tasks(server: str, stun: Address, lifetime: float, request: Credentials) -> list[AcsRequest]:
    """What an ACS sets at a device that it wants to wake by UDP."""
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
        SetParameterValues(tuple(ParameterValueStruct(server + name, each) for name, each in values.items()), ""),
        GetParameterValues((server,)),
    ]
