"""The state of each device, as far as the device itself has reported it."""

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
    """``OUI-ProductClass-SerialNumber``, without an empty ProductClass; all but letters, digits, ``_`` is escaped."""
    parts = (identity.oui, identity.product_class, identity.serial_number)
    return "-".join(_escaped(part) for index, part in enumerate(parts) if part or index != 1)


@dataclass(frozen=True, slots=True)
class FaultRecord:
    """A fault response of a device; ``at`` is wall time."""

    at: float
    rpc: str
    fault: Fault


@dataclass(slots=True, kw_only=True, eq=False)
class LabDevice:
    """One device. ``parameters``: full name -> last reported value. ``names``: path -> whether it is writable.

    ``binding``: the last changed NAT binding that the STUN server received from the device. ``last_inform``: the time
    of the last Inform. ``unreachable``: whether the last connection request failed. Times are wall time. ``weight``:
    the approximate size in bytes.
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

    @property
    def root(self) -> str:
        """The root object of its data model, with a dot."""
        return "InternetGatewayDevice." if any(name.startswith("I") for name in self.parameters) else "Device."

    def find(self, ending: str) -> str | None:
        """The text of the parameter with this name below the root object ``Device.`` or ``InternetGatewayDevice.``."""
        for root in ("Device.", "InternetGatewayDevice."):
            if (value := self.parameters.get(root + ending)) is not None:
                return value.text
        return None

    def online(self, now: float) -> bool:
        """Whether the device is in a session, or reachable with an Inform in its last two PeriodicInformIntervals.

        An unknown interval counts as :data:`UNKNOWN_INTERVAL` seconds.
        """
        if self.in_session:
            return True
        text = self.find("ManagementServer.PeriodicInformInterval") or ""
        interval = int(text) if text.isdecimal() and len(text) < 10 else UNKNOWN_INTERVAL
        return not self.unreachable and now - self.last_inform <= 2 * interval + 30

    def connection_request_credentials(self, default: Credentials | None) -> Credentials | None:
        """The credentials that the ACS has set, else the user name that it has read and the password of ``default``."""
        username = self._username or self.find("ManagementServer.ConnectionRequestUsername")
        if username and self._password is not None:
            return Credentials(username, self._password)
        if default is None:
            return None
        return Credentials(username or default.username, self._password or default.password)

    def informed(self, inform: Inform, now: float) -> None:
        """Record an Inform; ``0 BOOTSTRAP`` discards the earlier state."""
        self.identity = inform.device_id
        self.last_inform = now
        self.unreachable = False
        self.events = inform.event
        if any(event.event_code.startswith("0 ") for event in inform.event):
            for records in (self.parameters, self.names, self.attributes):
                records.clear()
            self._weigh()
            self.methods, self._username, self._password = (), None, None
        if len(self.informs) == self.informs.maxlen:
            self.weight -= _weight(self.informs.popleft().parameter_list)
        self.informs.append(inform)
        self.weight += _weight(inform.parameter_list)
        self._values(inform.parameter_list)

    def answered(self, request: Request, answer: Message, now: float) -> None:
        """Record the device's answer to ``request``."""
        match answer:
            case GetParameterValuesResponse(parameter_list=parameters):
                self._values(parameters)
            case GetParameterNamesResponse(parameter_list=infos):
                for info in infos:
                    self.weight += 0 if info.name in self.names else len(info.name) + _OVERHEAD
                    self.names[info.name] = info.writable
            case GetParameterAttributesResponse(parameter_list=attributes):
                for attribute in attributes:
                    self.weight += 0 if attribute.name in self.attributes else len(attribute.name) + _OVERHEAD
                    self.attributes[attribute.name] = attribute
            case GetRPCMethodsResponse(method_list=methods):
                self.methods = methods
            case SetParameterValuesResponse() if isinstance(request, SetParameterValues):
                self._set(request.parameter_list)
            case DeleteObjectResponse() if isinstance(request, DeleteObject):
                self._forget_below(request.object_name)
            case Fault():
                self.faults.append(FaultRecord(now, rpc_name(request), answer))

    def _values(self, parameters: tuple[ParameterValueStruct, ...]) -> None:
        for parameter in parameters:
            if (value := self.parameters.get(parameter.name)) is not None:
                self.weight += len(parameter.value.text) - len(value.text)
            else:
                self.weight += len(parameter.name) + len(parameter.value.text) + _OVERHEAD
            self.parameters[parameter.name] = parameter.value

    def _set(self, parameters: tuple[ParameterValueStruct, ...]) -> None:
        # A password reads back empty, so it is only known from here. Other values are taken from the device's answers.
        for parameter in parameters:
            if parameter.name.endswith(".ManagementServer.ConnectionRequestUsername"):
                self._username = parameter.value.text
            elif parameter.name.endswith(".ManagementServer.ConnectionRequestPassword"):
                self._password = parameter.value.text

    def _forget_below(self, path: str) -> None:
        for records in (self.parameters, self.names, self.attributes):
            for name in [name for name in records if name.startswith(path)]:
                del records[name]
        self._weigh()

    def _weigh(self) -> None:
        values = sum(len(name) + len(value.text) + _OVERHEAD for name, value in self.parameters.items())
        names = sum(len(name) + _OVERHEAD for records in (self.names, self.attributes) for name in records)
        self.weight = values + names + sum(_weight(inform.parameter_list) for inform in self.informs)


class Devices(Mapping[str, LabDevice]):
    """The devices by id, in the order of their last Inform.

    There are at most ``limit`` devices with about ``weight`` bytes of reported data. Above that, the device with the
    oldest Inform that is not in a session is removed, and ``forgotten`` is called with its id. ``on_inform`` is called
    with the device of every Inform, before its session takes a task.
    """

    def __init__(
        self, limit: int = 10_000, weight: int = 256 * 1024 * 1024, forgotten: Callable[[str], None] = lambda _: None
    ) -> None:
        self._devices: OrderedDict[str, LabDevice] = OrderedDict()
        self._limit = limit
        self._bound = weight
        self._weight = 0
        self._forgotten = forgotten
        self.on_inform: Callable[[LabDevice], object] = lambda device: None

    def informed(self, inform: Inform, now: float) -> LabDevice:
        """Record an Inform; return its device."""
        key = device_id(inform.device_id)
        device = self._devices.get(key)
        if device is None:
            device = LabDevice(id=key, identity=inform.device_id, first_inform=now, last_inform=now)
            self._devices[key] = device
        self._devices.move_to_end(key)
        before = device.weight
        device.informed(inform, now)
        self._grown(device, before)
        self.on_inform(device)
        return device

    def answered(self, device: LabDevice, request: Request, answer: Message, now: float) -> None:
        """Record the answer of ``device`` to ``request``."""
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
            # One device alone exceeds the bound: its data is dropped, the device is kept.
            self._weight -= device.weight
            for records in (device.parameters, device.names, device.attributes, device.informs):
                records.clear()
            device.weight = 0
        if len(self._devices) <= self._limit and self._weight <= self._bound:
            return
        for other in [
            candidate for candidate in self._devices.values() if candidate is not device and not candidate.in_session
        ]:
            if len(self._devices) <= self._limit and self._weight <= self._bound:
                return
            self._weight -= other.weight
            del self._devices[other.id]
            self._forgotten(other.id)


def _weight(parameters: tuple[ParameterValueStruct, ...]) -> int:
    return sum(len(parameter.name) + len(parameter.value.text) + _OVERHEAD for parameter in parameters)


def _escaped(part: str) -> str:
    return _KEPT_LITERALLY.sub(
        lambda match: "".join(f"%{byte:02X}" for byte in match[0].encode("utf-8", "replace")), part
    )
