"""The structs of the RPCs, with the limits of the CWMP schemas (TR-069 A.3, A.4)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from cwmpagent.protocol.rpc.field_types import Array, Flag, Nested, Number, Text, Typed
from cwmpagent.values import Value, ValueType

CommandKey = Annotated[str, Text("CommandKey", 32)]
ParameterPathName = Annotated[str, Text("Name", 256)]
FileType = Annotated[str, Text("FileType", 64)]
FileSize = Annotated[int, Number("FileSize")]
TargetFileName = Annotated[str, Text("TargetFileName", 256)]
IsDownload = Annotated[bool, Flag("IsDownload")]
StartTime = Annotated[str, Text("StartTime", kind=ValueType.DATE_TIME)]
CompleteTime = Annotated[str, Text("CompleteTime", kind=ValueType.DATE_TIME)]
Username = Annotated[str, Text("Username", 256, secret=True)]
Password = Annotated[str, Text("Password", 256, secret=True)]
TransferState = Annotated[int, Number("State", ValueType.INT, 1, 3)]
AccessList = Annotated[tuple[str, ...], Array("AccessList", member=Text("string", 64))]

OptionalUUID = Annotated[str | None, Text("UUID")]
OptionalVersion = Annotated[str | None, Text("Version", 32)]
OptionalUsername = Annotated[str | None, Text("Username", 256, secret=True)]
OptionalPassword = Annotated[str | None, Text("Password", 256, secret=True)]
OptionalExecutionEnvRef = Annotated[str | None, Text("ExecutionEnvRef", 256)]


@dataclass(frozen=True, slots=True)
class ParameterValueStruct:
    """A parameter's full path and value.

    ``typed`` is False where a peer sent no ``xsi:type``, or one that no parameter can have; the value is then read as a
    string.
    """

    name: ParameterPathName
    value: Annotated[Value, Typed("Value")]
    typed: bool = True


@dataclass(frozen=True, slots=True)
class ParameterInfoStruct:
    """An existing path. For an object, ``writable`` means that AddObject or DeleteObject is allowed."""

    name: ParameterPathName
    writable: Annotated[bool, Flag("Writable")]


@dataclass(frozen=True, slots=True)
class ParameterAttributeStruct:
    """The Notification and AccessList attributes of one parameter."""

    name: ParameterPathName
    notification: Annotated[int, Number("Notification", ValueType.INT, 0, 6)]
    access_list: AccessList


@dataclass(frozen=True, slots=True)
class SetParameterAttributesStruct:
    """New attributes of one path; ``notification`` and ``access_list`` apply only where their ``_change`` is true."""

    name: ParameterPathName
    notification_change: Annotated[bool, Flag("NotificationChange")]
    notification: Annotated[int, Number("Notification", ValueType.INT, 0, 6, unless="notification_change")]
    access_list_change: Annotated[bool, Flag("AccessListChange")]
    access_list: AccessList


@dataclass(frozen=True, slots=True)
class DeviceIdStruct:
    """The identity of the device; ``oui`` has six upper-case hexadecimal digits."""

    manufacturer: Annotated[str, Text("Manufacturer", 64)]
    oui: Annotated[str, Text("OUI", 6, "[0-9A-F]{6}")]
    product_class: Annotated[str, Text("ProductClass", 64)]
    serial_number: Annotated[str, Text("SerialNumber", 64)]


@dataclass(frozen=True, slots=True)
class EventStruct:
    """One event of an Inform."""

    event_code: Annotated[str, Text("EventCode", 64)]
    command_key: CommandKey = ""


@dataclass(frozen=True, slots=True)
class FaultStruct:
    """The result of a transfer; code 0 is success."""

    fault_code: Annotated[int, Number("FaultCode")] = 0
    fault_string: Annotated[str, Text("FaultString", 256)] = ""


@dataclass(frozen=True, slots=True)
class QueuedTransferStruct:
    """A transfer that is not completed; ``state`` 1: not started, 2: in progress, 3: finishing."""

    command_key: CommandKey
    state: TransferState


@dataclass(frozen=True, slots=True)
class AllQueuedTransferStruct:
    """A transfer of any origin that is not completed."""

    command_key: CommandKey
    state: TransferState
    is_download: IsDownload
    file_type: FileType
    file_size: FileSize
    target_file_name: TargetFileName


@dataclass(frozen=True, slots=True)
class TimeWindowStruct:
    """A time window of a scheduled download, in seconds from the receipt of the request."""

    window_start: Annotated[int, Number("WindowStart")]
    window_end: Annotated[int, Number("WindowEnd")]
    window_mode: Annotated[str, Text("WindowMode", 64)]
    user_message: Annotated[str, Text("UserMessage", 256)]
    max_retries: Annotated[int, Number("MaxRetries", ValueType.INT)]


@dataclass(frozen=True, slots=True)
class ArgStruct:
    """One FileTypeArg of a RequestDownload."""

    name: Annotated[str, Text("Name", 64)]
    value: Annotated[str, Text("Value", 256)]


@dataclass(frozen=True, slots=True, kw_only=True)
class OptionStruct:
    """A voucher-controlled option of the device (deprecated)."""

    option_name: Annotated[str, Text("OptionName", 64)]
    voucher_sn: Annotated[int, Number("VoucherSN")]
    state: Annotated[int, Number("State", high=3)]
    mode: Annotated[int, Number("Mode", ValueType.INT, 0, 2)]
    start_date: Annotated[str, Text("StartDate", kind=ValueType.DATE_TIME)]
    expiration_date: Annotated[str | None, Text("ExpirationDate", kind=ValueType.DATE_TIME)] = None
    is_transferable: Annotated[int, Number("IsTransferable", ValueType.INT, 0, 1)]


@dataclass(frozen=True, slots=True, kw_only=True)
class InstallOpStruct:
    """Operation to install a deployment unit."""

    url: Annotated[str, Text("URL", 1024, url=True)]
    uuid: OptionalUUID = None
    username: OptionalUsername = None
    password: OptionalPassword = None
    execution_env_ref: OptionalExecutionEnvRef = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateOpStruct:
    """Operation to update deployment units: one by ``uuid``, else by ``url``, else all."""

    uuid: OptionalUUID = None
    version: OptionalVersion = None
    url: Annotated[str | None, Text("URL", 1024, url=True)] = None
    username: OptionalUsername = None
    password: OptionalPassword = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UninstallOpStruct:
    """Operation to uninstall a deployment unit; all its versions where ``version`` is None."""

    uuid: Annotated[str, Text("UUID")]
    version: OptionalVersion = None
    execution_env_ref: OptionalExecutionEnvRef = None


@dataclass(frozen=True, slots=True)
class DeploymentUnitFaultStruct:
    """The result of an operation on a deployment unit; code 0 is success."""

    fault_code: Annotated[int, Number("FaultCode")] = 0
    fault_string: Annotated[str | None, Text("FaultString")] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OpResultStruct:
    """The result of one operation of a ChangeDUState."""

    uuid: Annotated[str, Text("UUID")]
    deployment_unit_ref: Annotated[str, Text("DeploymentUnitRef")]
    version: Annotated[str, Text("Version", 32)]
    current_state: Annotated[str, Text("CurrentState")]
    resolved: Annotated[bool, Flag("Resolved")]
    execution_unit_ref_list: Annotated[str, Text("ExecutionUnitRefList")]
    start_time: StartTime
    complete_time: CompleteTime
    fault: Annotated[DeploymentUnitFaultStruct, Nested("Fault")]


@dataclass(frozen=True, slots=True, kw_only=True)
class AutonOpResultStruct(OpResultStruct):
    """The result of an operation on a deployment unit that this ACS has not requested."""

    operation_performed: Annotated[str, Text("OperationPerformed")]
