"""All RPCs of CWMP 1.0 to 1.4 in both directions, as immutable values (TR-069 A.3, A.4).

A class has the name of its element, an attribute that of its element in snake_case (``CommandKey``: ``command_key``). A
dateTime is text in canonical form. A list is a tuple. :data:`REQUESTS` and :data:`RESPONSES` map names to classes.
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
ParameterKey = Annotated[str, Text("ParameterKey", 32, often_absent=True)]
RequestKey = Annotated[str, Text("CommandKey", 32, often_absent=True)]
"""The CommandKey of a request that only names it; CancelTransfer and the requests of a CPE need theirs."""
ObjectName = Annotated[str, Text("ObjectName", 256)]
URL = Annotated[str, Text("URL", 256, url=True)]
Status = Annotated[int, Number("Status", ValueType.INT, 0, 1)]
DelaySeconds = Annotated[int, Number("DelaySeconds")]
MaxEnvelopes = Annotated[int, Number("MaxEnvelopes")]
Values = Annotated[tuple[ParameterValueStruct, ...], Array("ParameterList")]


@dataclass(frozen=True, slots=True)
class GetRPCMethods(AcsRequest, CpeRequest):
    """Request for the RPCs that the peer supports; both sides may send it."""


@dataclass(frozen=True, slots=True)
class GetRPCMethodsResponse(Response):
    """Names of the supported RPCs."""

    method_list: Annotated[tuple[str, ...], Array("MethodList", 1, member=Text("string", 64))]


@dataclass(frozen=True, slots=True)
class SetParameterValues(AcsRequest):
    """Request to set parameter values, all or none."""

    parameter_list: Values
    parameter_key: ParameterKey


@dataclass(frozen=True, slots=True)
class SetParameterValuesResponse(Response):
    """Response with ``status`` 0: applied; 1: committed, not applied yet."""

    status: Status


@dataclass(frozen=True, slots=True)
class GetParameterValues(AcsRequest):
    """Request for parameter values by full names and partial paths."""

    parameter_names: ParameterNames


@dataclass(frozen=True, slots=True)
class GetParameterValuesResponse(Response):
    """Response with the parameter values."""

    parameter_list: Values


@dataclass(frozen=True, slots=True)
class GetParameterNames(AcsRequest):
    """Request for the objects and parameters at or below a path."""

    parameter_path: Annotated[str, Text("ParameterPath", 256)]
    next_level: Annotated[bool, Flag("NextLevel")]


@dataclass(frozen=True, slots=True)
class GetParameterNamesResponse(Response):
    """Response with the names."""

    parameter_list: Annotated[tuple[ParameterInfoStruct, ...], Array("ParameterList")]


@dataclass(frozen=True, slots=True)
class SetParameterAttributes(AcsRequest):
    """Request to set parameter attributes, in the order of the list."""

    parameter_list: Annotated[tuple[SetParameterAttributesStruct, ...], Array("ParameterList", 1)]


@dataclass(frozen=True, slots=True)
class SetParameterAttributesResponse(Response):
    """Response to a successful SetParameterAttributes."""


@dataclass(frozen=True, slots=True)
class GetParameterAttributes(AcsRequest):
    """Request for parameter attributes by full names and partial paths."""

    parameter_names: ParameterNames


@dataclass(frozen=True, slots=True)
class GetParameterAttributesResponse(Response):
    """Response with the parameter attributes."""

    parameter_list: Annotated[tuple[ParameterAttributeStruct, ...], Array("ParameterList")]


@dataclass(frozen=True, slots=True)
class AddObject(AcsRequest):
    """Request to create an instance of a multi-instance object."""

    object_name: ObjectName
    parameter_key: ParameterKey


@dataclass(frozen=True, slots=True)
class AddObjectResponse(Response):
    """Response with the instance number of the new instance."""

    instance_number: Annotated[int, Number("InstanceNumber", low=1)]
    status: Status


@dataclass(frozen=True, slots=True)
class DeleteObject(AcsRequest):
    """Request to delete an instance of a multi-instance object."""

    object_name: ObjectName
    parameter_key: ParameterKey


@dataclass(frozen=True, slots=True)
class DeleteObjectResponse(Response):
    """Response to a successful DeleteObject."""

    status: Status


@dataclass(frozen=True, slots=True)
class Download(AcsRequest):
    """Request to download and apply a file; ``file_size`` 0 means unknown."""

    command_key: RequestKey
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
    """Response with ``status`` 0: completed; 1: a TransferComplete follows."""

    status: Status
    start_time: StartTime
    complete_time: CompleteTime


@dataclass(frozen=True, slots=True)
class Reboot(AcsRequest):
    """Request to reboot the device after the session."""

    command_key: RequestKey


@dataclass(frozen=True, slots=True)
class RebootResponse(Response):
    """Response; the device reboots after the session."""


@dataclass(frozen=True, slots=True)
class GetQueuedTransfers(AcsRequest):
    """Request for the transfers that are not completed (deprecated)."""


@dataclass(frozen=True, slots=True)
class GetQueuedTransfersResponse(Response):
    """Response with the transfers that this ACS has requested."""

    transfer_list: Annotated[tuple[QueuedTransferStruct, ...], Array("TransferList", most=16)]


@dataclass(frozen=True, slots=True)
class ScheduleInform(AcsRequest):
    """Request for an Inform after ``delay_seconds``."""

    delay_seconds: DelaySeconds
    command_key: RequestKey


@dataclass(frozen=True, slots=True)
class ScheduleInformResponse(Response):
    """Response to an accepted ScheduleInform."""


@dataclass(frozen=True, slots=True)
class SetVouchers(AcsRequest):
    """Request to set vouchers for options (deprecated); each is base64 text."""

    voucher_list: Annotated[tuple[str, ...], Array("VoucherList", 1, member=Text("base64", kind=ValueType.BASE64))]


@dataclass(frozen=True, slots=True)
class SetVouchersResponse(Response):
    """Response to accepted vouchers."""


@dataclass(frozen=True, slots=True)
class GetOptions(AcsRequest):
    """Request for the state of an option, or of all options where the name is empty (deprecated)."""

    option_name: Annotated[str, Text("OptionName", 64)]


@dataclass(frozen=True, slots=True)
class GetOptionsResponse(Response):
    """Response with the options."""

    option_list: Annotated[tuple[OptionStruct, ...], Array("OptionList")]


@dataclass(frozen=True, slots=True)
class Upload(AcsRequest):
    """Request to upload a file of the device."""

    command_key: RequestKey
    file_type: FileType
    url: URL
    username: Username
    password: Password
    delay_seconds: DelaySeconds


@dataclass(frozen=True, slots=True)
class UploadResponse(Response):
    """Response with ``status`` 0: completed; 1: a TransferComplete follows."""

    status: Status
    start_time: StartTime
    complete_time: CompleteTime


@dataclass(frozen=True, slots=True)
class FactoryReset(AcsRequest):
    """Request to reset the device to its factory defaults after the session."""


@dataclass(frozen=True, slots=True)
class FactoryResetResponse(Response):
    """Response; the device resets itself after the session."""


@dataclass(frozen=True, slots=True)
class GetAllQueuedTransfers(AcsRequest):
    """Request for all transfers that are not completed, of any origin."""


@dataclass(frozen=True, slots=True)
class GetAllQueuedTransfersResponse(Response):
    """Response with the transfers."""

    transfer_list: Annotated[tuple[AllQueuedTransferStruct, ...], Array("TransferList", most=16)]


@dataclass(frozen=True, slots=True)
class ScheduleDownload(AcsRequest):
    """Request to download and apply a file within one or two time windows."""

    command_key: RequestKey
    file_type: FileType
    url: URL
    username: Username
    password: Password
    file_size: FileSize
    target_file_name: TargetFileName
    time_window_list: Annotated[tuple[TimeWindowStruct, ...], Array("TimeWindowList", 1, 2)]


@dataclass(frozen=True, slots=True)
class ScheduleDownloadResponse(Response):
    """Response to an accepted ScheduleDownload; a TransferComplete follows."""


@dataclass(frozen=True, slots=True)
class CancelTransfer(AcsRequest):
    """Request to cancel the queued transfers with a CommandKey."""

    command_key: CommandKey


@dataclass(frozen=True, slots=True)
class CancelTransferResponse(Response):
    """Response to a successful CancelTransfer."""


@dataclass(frozen=True, slots=True)
class ChangeDUState(AcsRequest):
    """Request to install, update and uninstall deployment units, each independently."""

    operations: Annotated[tuple[InstallOpStruct | UpdateOpStruct | UninstallOpStruct, ...], Repeated("Operations")]
    command_key: Annotated[str | None, Text("CommandKey", 32)] = None


@dataclass(frozen=True, slots=True)
class ChangeDUStateResponse(Response):
    """Response to an accepted ChangeDUState; a DUStateChangeComplete follows."""


@dataclass(frozen=True, slots=True)
class Inform(CpeRequest):
    """First request of every session: the device, the events, and the Inform parameters."""

    device_id: Annotated[DeviceIdStruct, Nested("DeviceId")]
    event: Annotated[tuple[EventStruct, ...], Array("Event", most=64)]
    max_envelopes: MaxEnvelopes
    current_time: Annotated[str, Text("CurrentTime", kind=ValueType.DATE_TIME)]
    retry_count: Annotated[int, Number("RetryCount")]
    parameter_list: Values


@dataclass(frozen=True, slots=True)
class InformResponse(Response):
    """Response to the Inform; ``max_envelopes`` is always treated as 1."""

    max_envelopes: MaxEnvelopes = 1


@dataclass(frozen=True, slots=True)
class TransferComplete(CpeRequest):
    """Report of a completed or failed transfer that the ACS has requested."""

    command_key: CommandKey
    fault_struct: Annotated[FaultStruct, Nested("FaultStruct")]
    start_time: StartTime
    complete_time: CompleteTime


@dataclass(frozen=True, slots=True)
class TransferCompleteResponse(Response):
    """Response to a TransferComplete."""


@dataclass(frozen=True, slots=True)
class AutonomousTransferComplete(CpeRequest):
    """Report of a completed or failed transfer that this ACS has not requested."""

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
    """Response to an AutonomousTransferComplete."""


@dataclass(frozen=True, slots=True)
class Kicked(CpeRequest):
    """Report that a web page of the ACS has redirected a user to the device."""

    command: Annotated[str, Text("Command", 32)]
    referer: Annotated[str, Text("Referer", 64)]
    arg: Annotated[str, Text("Arg", 256)]
    next: Annotated[str, Text("Next", 1024, url=True)]


@dataclass(frozen=True, slots=True)
class KickedResponse(Response):
    """Response with the next URL for the user."""

    next_url: Annotated[str, Text("NextURL", 1024, url=True)]


@dataclass(frozen=True, slots=True)
class RequestDownload(CpeRequest):
    """Request of the device for a Download with this file type."""

    file_type: FileType
    file_type_arg: Annotated[tuple[ArgStruct, ...], Array("FileTypeArg", most=16)]


@dataclass(frozen=True, slots=True)
class RequestDownloadResponse(Response):
    """Response to a RequestDownload; a Download may follow as a separate request."""


@dataclass(frozen=True, slots=True)
class DUStateChangeComplete(CpeRequest):
    """Results of a ChangeDUState, in the order of its operations."""

    results: Annotated[tuple[OpResultStruct, ...], Repeated("Results")]
    command_key: Annotated[str | None, Text("CommandKey", 32)] = None


@dataclass(frozen=True, slots=True)
class DUStateChangeCompleteResponse(Response):
    """Response to a DUStateChangeComplete."""


@dataclass(frozen=True, slots=True)
class AutonomousDUStateChangeComplete(CpeRequest):
    """Report of changes of deployment units that this ACS has not requested."""

    results: Annotated[tuple[AutonOpResultStruct, ...], Repeated("Results")]


@dataclass(frozen=True, slots=True)
class AutonomousDUStateChangeCompleteResponse(Response):
    """Response to an AutonomousDUStateChangeComplete."""


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
"""The requests of the standard by local name."""
RESPONSES: Mapping[str, type[Response]] = MappingProxyType({response.NAME: response for _, response in _PAIRS})
"""The responses of the standard by local name."""


def response_class(request: Request) -> type[Response]:
    """The class of the response to ``request``; :class:`GenericResponse` where the standard does not define it."""
    return RESPONSES.get(rpc_name(request) + "Response", GenericResponse)
