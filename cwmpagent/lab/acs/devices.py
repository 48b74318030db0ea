"""What the lab knows of each device, all of it learnt from what the device itself sent."""

from __future__ import annotations

import re
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from cwmpagent.lab.network.stun_server import SeenBinding
from cwmpagent.protocol.auth import Credentials
from cwmpagent.protocol.rpc import (
    DeleteObject,
    DeleteObjectResponse,
    DeviceIdStruct,
    EventStruct,
    Fault,
    GetParameterAttributesResponse,
    GetParameterNamesResponse,
    GetParameterValuesResponse,
    GetRPCMethodsResponse,
    Inform,
    Message,
    ParameterAttributeStruct,
    ParameterValueStruct,
    Request,
    SetParameterValues,
    SetParameterValuesResponse,
    rpc_name,
)
from cwmpagent.values import Value

INFORMS_KEPT = 20
FAULTS_KEPT = 100
UNKNOWN_INTERVAL = 3600
_KEPT_LITERALLY = re.compile(r"[^A-Za-z0-9_]")
_OVERHEAD = 200  # bytes that one stored parameter costs besides its text


def device_id(identity: DeviceIdStruct) -> str:
    """``OUI-ProductClass-Serial``, or without an empty middle; all but letters, digits and ``_`` percent-escaped."""
    parts = (identity.oui, identity.product_class, identity.serial_number)
    return "-".join(_escaped(part) for index, part in enumerate(parts) if part or index != 1)


@dataclass(frozen=True, slots=True)
class FaultRecord:
    """A fault with which a device answered; ``at`` is wall time."""

    at: float
    rpc: str
    fault: Fault


@dataclass(slots=True, kw_only=True, eq=False)
class LabDevice:
    """One device. ``parameters``: full name -> value as last told; ``names``: path -> whether it is writable.

    ``binding``: the last change of its NAT binding that it told the STUN server, where that knows whose it is.
    Times are wall time. ``last_inform`` counts every Inform, ``unreachable`` is set by a failed connection request.
    """

    id: str
    identity: DeviceIdStruct
    first_inform: float
    last_inform: float
    parameters: dict[str, Value] = field(default_factory=dict, repr=False)
    names: dict[str, bool] = field(default_factory=dict, repr=False)
    attributes: dict[str, ParameterAttributeStruct] = field(default_factory=dict, repr=False)
    methods: tuple[str, ...] = ()
    informs: deque[Inform] = field(default_factory=lambda: deque(maxlen=INFORMS_KEPT), repr=False)
    events: tuple[EventStruct, ...] = ()
    faults: deque[FaultRecord] = field(default_factory=lambda: deque(maxlen=FAULTS_KEPT), repr=False)
    in_session: bool = False
    unreachable: bool = False
    binding: SeenBinding | None = None
    weight: int = 0
    _username: str | None = None
    _password: str | None = field(default=None, repr=False)

    def find(self, ending: str) -> str | None:
        """The text of the parameter with this name below the root object, whatever that is called."""
        for root in ("Device.", "InternetGatewayDevice."):
            if (value := self.parameters.get(root + ending)) is not None:
                return value.text
        return None

    def online(self, now: float) -> bool:
        """In a session, or reachable and heard within two of its periodic intervals (an hour each if not known)."""
        if self.in_session:
            return True
        text = self.find("ManagementServer.PeriodicInformInterval") or ""
        interval = int(text) if text.isdecimal() and len(text) < 10 else UNKNOWN_INTERVAL
        return not self.unreachable and now - self.last_inform <= 2 * interval + 30

    def connection_request_credentials(self, default: Credentials | None) -> Credentials | None:
        """What the device takes: what the ACS has set, else its user name as read and ``default``'s password."""
        username = self._username or self.find("ManagementServer.ConnectionRequestUsername")
        if username and self._password is not None:
            return Credentials(username, self._password)
        if default is None:
            return None
        return Credentials(username or default.username, self._password or default.password)

    def informed(self, inform: Inform, now: float) -> None:
        """Take an Inform. After ``0 BOOTSTRAP`` nothing known before counts."""
        self.identity = inform.device_id
        self.last_inform = now
        self.unreachable = False
        self.events = inform.event
        if any(event.event_code.startswith("0 ") for event in inform.event):
            for known in (self.parameters, self.names, self.attributes):
                known.clear()
            self._weigh()
            self.methods, self._username, self._password = (), None, None
        if len(self.informs) == self.informs.maxlen:
            self.weight -= _weight(self.informs.popleft().parameter_list)
        self.informs.append(inform)
        self.weight += _weight(inform.parameter_list)
        self._values(inform.parameter_list)

    def answered(self, request: Request, answer: Message, now: float) -> None:
        """Take the device's answer to ``request``."""
        match answer:
            case GetParameterValuesResponse(parameter_list=parameters):
                self._values(parameters)
            case GetParameterNamesResponse(parameter_list=infos):
                for info in infos:
                    self.weight += 0 if info.name in self.names else len(info.name) + _OVERHEAD
                    self.names[info.name] = info.writable
            case GetParameterAttributesResponse(parameter_list=attributes):
                for one in attributes:
                    self.weight += 0 if one.name in self.attributes else len(one.name) + _OVERHEAD
                    self.attributes[one.name] = one
            case GetRPCMethodsResponse(method_list=methods):
                self.methods = methods
            case SetParameterValuesResponse() if isinstance(request, SetParameterValues):
                self._set(request.parameter_list)
            case DeleteObjectResponse() if isinstance(request, DeleteObject):
                self._forget_below(request.object_name)
            case Fault():
                self.faults.append(FaultRecord(now, rpc_name(request), answer))

    def _values(self, parameters: tuple[ParameterValueStruct, ...]) -> None:
        for one in parameters:
            if (known := self.parameters.get(one.name)) is not None:
                self.weight += len(one.value.text) - len(known.text)
            else:
                self.weight += len(one.name) + len(one.value.text) + _OVERHEAD
            self.parameters[one.name] = one.value

    def _set(self, parameters: tuple[ParameterValueStruct, ...]) -> None:
        # A password reads back empty, so this is the only time it is seen. Other values count as the device tells them.
        for one in parameters:
            if one.name.endswith(".ManagementServer.ConnectionRequestUsername"):
                self._username = one.value.text
            elif one.name.endswith(".ManagementServer.ConnectionRequestPassword"):
                self._password = one.value.text

    def _forget_below(self, path: str) -> None:
        for known in (self.parameters, self.names, self.attributes):
            for name in [name for name in known if name.startswith(path)]:
                del known[name]
        self._weigh()

    def _weigh(self) -> None:
        values = sum(len(name) + len(value.text) + _OVERHEAD for name, value in self.parameters.items())
        names = sum(len(name) + _OVERHEAD for known in (self.names, self.attributes) for name in known)
        self.weight = values + names + sum(_weight(inform.parameter_list) for inform in self.informs)


class Devices(Mapping[str, LabDevice]):
    """The devices by id, those heard last at the end.

    At most ``limit``, and at most ``weight`` bytes of what they told, roughly; above that the one heard of longest ago
    that is not in a session is forgotten, and ``forgotten`` called with its id. ``heard`` is called with the device of
    every Inform, early enough to queue what its session is to do.
    """

    def __init__(
        self, limit: int = 10_000, weight: int = 256 * 1024 * 1024, forgotten: Callable[[str], None] = lambda _: None
    ) -> None:
        self._devices: OrderedDict[str, LabDevice] = OrderedDict()
        self._limit = limit
        self._bound = weight
        self._weight = 0
        self._forgotten = forgotten
        self.heard: Callable[[LabDevice], object] = lambda device: None

    def informed(self, inform: Inform, now: float) -> LabDevice:
        """The device that sent ``inform``, which is now known of it."""
        key = device_id(inform.device_id)
        device = self._devices.get(key)
        if device is None:
            device = LabDevice(id=key, identity=inform.device_id, first_inform=now, last_inform=now)
            self._devices[key] = device
        self._devices.move_to_end(key)
        before = device.weight
        device.informed(inform, now)
        self._grown(device, before)
        self.heard(device)
        return device

    def answered(self, device: LabDevice, request: Request, answer: Message, now: float) -> None:
        """Take the answer of ``device`` to ``request``."""
        before = device.weight
        device.answered(request, answer, now)
        self._grown(device, before)

    def __getitem__(self, key: str) -> LabDevice:
        return self._devices[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._devices)

    def __len__(self) -> int:
        return len(self._devices)

    def _grown(self, device: LabDevice, before: int) -> None:
        if self._devices.get(device.id) is not device:
            return
        self._weight += device.weight - before
        if device.weight > self._bound:
            # One device alone is too much: what it told is dropped, itself is not.
            self._weight -= device.weight
            for known in (device.parameters, device.names, device.attributes, device.informs):
                known.clear()
            device.weight = 0
        if len(self._devices) <= self._limit and self._weight <= self._bound:
            return
        for other in [one for one in self._devices.values() if one is not device and not one.in_session]:
            if len(self._devices) <= self._limit and self._weight <= self._bound:
                return
            self._weight -= other.weight
            del self._devices[other.id]
            self._forgotten(other.id)


def _weight(parameters: tuple[ParameterValueStruct, ...]) -> int:
    return sum(len(one.name) + len(one.value.text) + _OVERHEAD for one in parameters)


def _escaped(part: str) -> str:
    return _KEPT_LITERALLY.sub(
        lambda found: "".join(f"%{byte:02X}" for byte in found[0].encode("utf-8", "replace")), part
    )
