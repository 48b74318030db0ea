"""Every RPC of CWMP 1.0 to 1.4 in both directions, as frozen values (TR-069 A.3, A.4).

A class is named as its element, an attribute as its element in snake_case (``CommandKey``: ``command_key``). A dateTime
is text in its canonical spelling. A tuple is a list. :data:`REQUESTS` and :data:`RESPONSES` find a class by its name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated

from cwmpagent.protocol.rpc.field_types import Array, Flag, Nested, Number, Repeated, Text
from cwmpagent.protocol.rpc.messages import (
    AcsRequest,
    CpeRequest,
    GenericResponse,
    Request,
    Response,
    rpc_name,
)
from cwmpagent.protocol.rpc.structs import (
    AllQueuedTransferStruct,
    ArgStruct,
    AutonOpResultStruct,
    CommandKey,
    CompleteTime,
    DeviceIdStruct,
    EventStruct,
    FaultStruct,
    FileSize,
    FileType,
    InstallOpStruct,
    IsDownload,
    OpResultStruct,
    OptionStruct,
    ParameterAttributeStruct,
    ParameterInfoStruct,
    ParameterValueStruct,
    Password,
    QueuedTransferStruct,
    SetParameterAttributesStruct,
    StartTime,
    TargetFileName,
    TimeWindowStruct,
    UninstallOpStruct,
    UpdateOpStruct,
    Username,
)
from cwmpagent.values import ValueType

ParameterNames = Annotated[tuple[str, ...], Array("ParameterNames", 1, member=Text("string", 256))]
ParameterKey = Annotated[str, Text("ParameterKey", 32)]
ObjectName = Annotated[str, Text("ObjectName", 256)]
URL = Annotated[str, Text("URL", 256, url=True)]
Status = Annotated[int, Number("Status", ValueType.INT, 0, 1)]
DelaySeconds = Annotated[int, Number("DelaySeconds")]
MaxEnvelopes = Annotated[int, Number("MaxEnvelopes")]
Values = Annotated[tuple[ParameterValueStruct, ...], Array("ParameterList")]


@dataclass(frozen=True, slots=True)
class GetRPCMethods(AcsRequest, CpeRequest):
    """Which RPCs the other side carries out; both sides may ask."""


@dataclass(frozen=True, slots=True)
class GetRPCMethodsResponse(Response):
    """The names of the RPCs."""

    method_list: Annotated[tuple[str, ...], Array("MethodList", 1, member=Text("string", 64))]


@dataclass(frozen=True, slots=True)
class SetParameterValues(AcsRequest):
    """Change values, all or none."""

    parameter_list: Values
    parameter_key: ParameterKey


@dataclass(frozen=True, slots=True)
class SetParameterValuesResponse(Response):
    """``status`` 0: applied; 1: committed, not yet applied."""

    status: Status


@dataclass(frozen=True, slots=True)
class GetParameterValues(AcsRequest):
    """Read values by full names and partial paths."""

    parameter_names: ParameterNames


@dataclass(frozen=True, slots=True)
class GetParameterValuesResponse(Response):
    """The values."""

    parameter_list: Values


@dataclass(frozen=True, slots=True)
class GetParameterNames(AcsRequest):
    """List what exists at or below a path."""

    parameter_path: Annotated[str, Text("ParameterPath", 256)]
    next_level: Annotated[bool, Flag("NextLevel")]


@dataclass(frozen=True, slots=True)
class GetParameterNamesResponse(Response):
    """The names."""

    parameter_list: Annotated[tuple[ParameterInfoStruct, ...], Array("ParameterList")]


@dataclass(frozen=True, slots=True)
class SetParameterAttributes(AcsRequest):
    """Change attributes, in the order of the list."""

    parameter_list: Annotated[tuple[SetParameterAttributesStruct, ...], Array("ParameterList", 1)]


@dataclass(frozen=True, slots=True)
class SetParameterAttributesResponse(Response):
    """Done."""


@dataclass(frozen=True, slots=True)
class GetParameterAttributes(AcsRequest):
    """Read attributes by full names and partial paths."""

    parameter_names: ParameterNames


@dataclass(frozen=True, slots=True)
class GetParameterAttributesResponse(Response):
    """The attributes."""

    parameter_list: Annotated[tuple[ParameterAttributeStruct, ...], Array("ParameterList")]


@dataclass(frozen=True, slots=True)
class AddObject(AcsRequest):
    """Create a row of a table."""

    object_name: ObjectName
    parameter_key: ParameterKey


@dataclass(frozen=True, slots=True)
class AddObjectResponse(Response):
    """The new row's number."""

    instance_number: Annotated[int, Number("InstanceNumber", low=1)]
    status: Status


@dataclass(frozen=True, slots=True)
class DeleteObject(AcsRequest):
    """Remove a row of a table."""

    object_name: ObjectName
    parameter_key: ParameterKey


@dataclass(frozen=True, slots=True)
class DeleteObjectResponse(Response):
    """The row is gone."""

    status: Status


@dataclass(frozen=True, slots=True)
class Download(AcsRequest):
    """Fetch a file and use it; ``file_size`` 0 is unknown."""

    command_key: CommandKey
    file_type: FileType
    url: URL
    username: Username
    password: Password
    file_size: FileSize
    target_file_name: TargetFileName
    delay_seconds: DelaySeconds
    success_url: Annotated[str, Text("SuccessURL", 256, url=True)]
    failure_url: Annotated[str, Text("FailureURL", 256, url=True)]


@dataclass(frozen=True, slots=True)
class DownloadResponse(Response):
    """``status`` 0: done; 1: a TransferComplete follows."""

    status: Status
    start_time: StartTime
    complete_time: CompleteTime


@dataclass(frozen=True, slots=True)
class Reboot(AcsRequest):
    """Restart the device after the session."""

    command_key: CommandKey


@dataclass(frozen=True, slots=True)
class RebootResponse(Response):
    """The device restarts once the session is over."""


@dataclass(frozen=True, slots=True)
class GetQueuedTransfers(AcsRequest):
    """Which transfers are not over (deprecated)."""


@dataclass(frozen=True, slots=True)
class GetQueuedTransfersResponse(Response):
    """The transfers that this ACS asked for."""

    transfer_list: Annotated[tuple[QueuedTransferStruct, ...], Array("TransferList", most=16)]


@dataclass(frozen=True, slots=True)
class ScheduleInform(AcsRequest):
    """Ask for an Inform in ``delay_seconds``."""

    delay_seconds: DelaySeconds
    command_key: CommandKey


@dataclass(frozen=True, slots=True)
class ScheduleInformResponse(Response):
    """Noted."""


@dataclass(frozen=True, slots=True)
class SetVouchers(AcsRequest):
    """Hand over vouchers for options (deprecated); each is base64 text."""

    voucher_list: Annotated[tuple[str, ...], Array("VoucherList", 1, member=Text("base64", kind=ValueType.BASE64))]


@dataclass(frozen=True, slots=True)
class SetVouchersResponse(Response):
    """Taken."""


@dataclass(frozen=True, slots=True)
class GetOptions(AcsRequest):
    """Read the state of an option, or of all where the name is empty (deprecated)."""

    option_name: Annotated[str, Text("OptionName", 64)]


@dataclass(frozen=True, slots=True)
class GetOptionsResponse(Response):
    """The options."""

    option_list: Annotated[tuple[OptionStruct, ...], Array("OptionList")]


@dataclass(frozen=True, slots=True)
class Upload(AcsRequest):
    """Send a file of the device somewhere."""

    command_key: CommandKey
    file_type: FileType
    url: URL
    username: Username
    password: Password
    delay_seconds: DelaySeconds


@dataclass(frozen=True, slots=True)
class UploadResponse(Response):
    """``status`` 0: done; 1: a TransferComplete follows."""

    status: Status
    start_time: StartTime
    complete_time: CompleteTime


@dataclass(frozen=True, slots=True)
class FactoryReset(AcsRequest):
    """Forget everything after the session."""


@dataclass(frozen=True, slots=True)
class FactoryResetResponse(Response):
    """The device resets once the session is over."""


@dataclass(frozen=True, slots=True)
class GetAllQueuedTransfers(AcsRequest):
    """Which transfers are not over, whoever asked for them."""


@dataclass(frozen=True, slots=True)
class GetAllQueuedTransfersResponse(Response):
    """The transfers."""

    transfer_list: Annotated[tuple[AllQueuedTransferStruct, ...], Array("TransferList", most=16)]


@dataclass(frozen=True, slots=True)
class ScheduleDownload(AcsRequest):
    """Fetch a file and use it, within one or two windows of time."""

    command_key: CommandKey
    file_type: FileType
    url: URL
    username: Username
    password: Password
    file_size: FileSize
    target_file_name: TargetFileName
    time_window_list: Annotated[tuple[TimeWindowStruct, ...], Array("TimeWindowList", 1, 2)]


@dataclass(frozen=True, slots=True)
class ScheduleDownloadResponse(Response):
    """Noted; a TransferComplete follows."""


@dataclass(frozen=True, slots=True)
class CancelTransfer(AcsRequest):
    """Cancel the queued transfers of a CommandKey."""

    command_key: CommandKey


@dataclass(frozen=True, slots=True)
class CancelTransferResponse(Response):
    """None of them will run."""


@dataclass(frozen=True, slots=True)
class ChangeDUState(AcsRequest):
    """Install, update and uninstall deployment units, each by itself."""

    operations: Annotated[tuple[InstallOpStruct | UpdateOpStruct | UninstallOpStruct, ...], Repeated("Operations")]
    command_key: Annotated[str | None, Text("CommandKey", 32)] = None


@dataclass(frozen=True, slots=True)
class ChangeDUStateResponse(Response):
    """Noted; a DUStateChangeComplete follows."""


@dataclass(frozen=True, slots=True)
class Inform(CpeRequest):
    """Opens every session: who the device is, why it calls, and what the ACS should know first."""

    device_id: Annotated[DeviceIdStruct, Nested("DeviceId")]
    event: Annotated[tuple[EventStruct, ...], Array("Event", most=64)]
    max_envelopes: MaxEnvelopes
    current_time: Annotated[str, Text("CurrentTime", kind=ValueType.DATE_TIME)]
    retry_count: Annotated[int, Number("RetryCount")]
    parameter_list: Values


@dataclass(frozen=True, slots=True)
class InformResponse(Response):
    """The ACS took the Inform; ``max_envelopes`` is always taken as 1."""

    max_envelopes: MaxEnvelopes = 1


@dataclass(frozen=True, slots=True)
class TransferComplete(CpeRequest):
    """A transfer that the ACS asked for is over."""

    command_key: CommandKey
    fault_struct: Annotated[FaultStruct, Nested("FaultStruct")]
    start_time: StartTime
    complete_time: CompleteTime


@dataclass(frozen=True, slots=True)
class TransferCompleteResponse(Response):
    """The ACS knows."""


@dataclass(frozen=True, slots=True)
class AutonomousTransferComplete(CpeRequest):
    """A transfer that somebody else asked for is over."""

    announce_url: Annotated[str, Text("AnnounceURL", 1024, url=True)]
    transfer_url: Annotated[str, Text("TransferURL", 1024, url=True)]
    is_download: IsDownload
    file_type: FileType
    file_size: FileSize
    target_file_name: TargetFileName
    fault_struct: Annotated[FaultStruct, Nested("FaultStruct")]
    start_time: StartTime
    complete_time: CompleteTime


@dataclass(frozen=True, slots=True)
class AutonomousTransferCompleteResponse(Response):
    """The ACS knows."""


@dataclass(frozen=True, slots=True)
class Kicked(CpeRequest):
    """A person was sent to the device by a web page of the ACS."""

    command: Annotated[str, Text("Command", 32)]
    referer: Annotated[str, Text("Referer", 64)]
    arg: Annotated[str, Text("Arg", 256)]
    next: Annotated[str, Text("Next", 1024, url=True)]


@dataclass(frozen=True, slots=True)
class KickedResponse(Response):
    """Where that person goes next."""

    next_url: Annotated[str, Text("NextURL", 1024, url=True)]


@dataclass(frozen=True, slots=True)
class RequestDownload(CpeRequest):
    """The device would like a Download of this type."""

    file_type: FileType
    file_type_arg: Annotated[tuple[ArgStruct, ...], Array("FileTypeArg", most=16)]


@dataclass(frozen=True, slots=True)
class RequestDownloadResponse(Response):
    """The ACS knows; the Download, if any, comes by itself."""


@dataclass(frozen=True, slots=True)
class DUStateChangeComplete(CpeRequest):
    """The results of a ChangeDUState, in the order of its operations."""

    results: Annotated[tuple[OpResultStruct, ...], Repeated("Results")]
    command_key: Annotated[str | None, Text("CommandKey", 32)] = None


@dataclass(frozen=True, slots=True)
class DUStateChangeCompleteResponse(Response):
    """The ACS knows."""


@dataclass(frozen=True, slots=True)
class AutonomousDUStateChangeComplete(CpeRequest):
    """Deployment units changed without this ACS asking."""

    results: Annotated[tuple[AutonOpResultStruct, ...], Repeated("Results")]


@dataclass(frozen=True, slots=True)
class AutonomousDUStateChangeCompleteResponse(Response):
    """The ACS knows."""


_PAIRS: tuple[tuple[type[Request], type[Response]], ...] = (
    (GetRPCMethods, GetRPCMethodsResponse),
    (SetParameterValues, SetParameterValuesResponse),
    (GetParameterValues, GetParameterValuesResponse),
    (GetParameterNames, GetParameterNamesResponse),
    (SetParameterAttributes, SetParameterAttributesResponse),
    (GetParameterAttributes, GetParameterAttributesResponse),
    (AddObject, AddObjectResponse),
    (DeleteObject, DeleteObjectResponse),
    (Download, DownloadResponse),
    (Reboot, RebootResponse),
    (GetQueuedTransfers, GetQueuedTransfersResponse),
    (ScheduleInform, ScheduleInformResponse),
    (SetVouchers, SetVouchersResponse),
    (GetOptions, GetOptionsResponse),
    (Upload, UploadResponse),
    (FactoryReset, FactoryResetResponse),
    (GetAllQueuedTransfers, GetAllQueuedTransfersResponse),
    (ScheduleDownload, ScheduleDownloadResponse),
    (CancelTransfer, CancelTransferResponse),
    (ChangeDUState, ChangeDUStateResponse),
    (Inform, InformResponse),
    (TransferComplete, TransferCompleteResponse),
    (AutonomousTransferComplete, AutonomousTransferCompleteResponse),
    (Kicked, KickedResponse),
    (RequestDownload, RequestDownloadResponse),
    (DUStateChangeComplete, DUStateChangeCompleteResponse),
    (AutonomousDUStateChangeComplete, AutonomousDUStateChangeCompleteResponse),
)

REQUESTS: Mapping[str, type[Request]] = MappingProxyType({request.NAME: request for request, _ in _PAIRS})
"""The requests the standard names, by local name."""
RESPONSES: Mapping[str, type[Response]] = MappingProxyType({response.NAME: response for _, response in _PAIRS})
"""The responses the standard names, by local name."""


def response_class(request: Request) -> type[Response]:
    """The class of the response to ``request``: :class:`GenericResponse` where the standard does not name it."""
    return RESPONSES.get(rpc_name(request) + "Response", GenericResponse)
