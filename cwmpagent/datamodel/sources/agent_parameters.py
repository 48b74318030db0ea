"""Definitions of the parameters that the agent itself reads, writes or supplies, by their paths below the root.

A dump contains their names and values, but not their definitions, which the agent needs. Names and meanings are the
same in Device:2 and InternetGatewayDevice:1.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from cwmpagent.datamodel.schema import Notify, ParameterDefinition
from cwmpagent.values import NULL, Restriction, ValueType

NEEDED = (
    "DeviceInfo.Manufacturer",
    "DeviceInfo.ManufacturerOUI",
    "DeviceInfo.ProductClass",
    "DeviceInfo.SerialNumber",
    "ManagementServer.URL",
    "ManagementServer.Username",
    "ManagementServer.Password",
    "ManagementServer.PeriodicInformEnable",
    "ManagementServer.PeriodicInformInterval",
    "ManagementServer.ParameterKey",
    "ManagementServer.ConnectionRequestURL",
    "ManagementServer.ConnectionRequestUsername",
    "ManagementServer.ConnectionRequestPassword",
)
"""Parameters that every device must have."""


def _definitions() -> Iterator[tuple[str, ParameterDefinition]]:
    for line in _TABLE.strip().splitlines():
        path, kind, *words = line.split()
        notify = next((notify for notify in Notify if notify.value in words), Notify.NORMAL)
        default = next((word.removeprefix("default=") for word in words if word.startswith("default=")), "")
        yield (
            path,
            ParameterDefinition(
                name=path.rpartition(".")[2],
                kind=ValueType(kind),
                writable="settable" in words,
                default=default or NULL[ValueType(kind)],
                restriction=next((_RESTRICTIONS[word] for word in words if word in _RESTRICTIONS), None),
                hidden="hidden" in words,
                notify=notify,
                forced_inform="inform" in words,
                live="live" in words,
            ),
        )


_RESTRICTIONS: Mapping[str, Restriction] = MappingProxyType(
    {
        "name": Restriction(lengths=((None, 64),)),
        "oui": Restriction(patterns=("[0-9A-F]{6}",)),
        "positive": Restriction(ranges=((1, None),)),
        "wait": Restriction(ranges=((1, 65535),)),
        "multiplier": Restriction(ranges=((1000, 65535),)),
    }
)

_TABLE = """
DeviceSummary                                       string       inform
RootDataModelVersion                                string       inform
DeviceInfo.Manufacturer                             string       name
DeviceInfo.ManufacturerOUI                          string       oui default=000000
DeviceInfo.ProductClass                             string       name
DeviceInfo.SerialNumber                             string       name
DeviceInfo.SpecVersion                              string       inform
DeviceInfo.HardwareVersion                          string       inform
DeviceInfo.SoftwareVersion                          string       inform forced
DeviceInfo.ProvisioningCode                         string       inform forced settable
DeviceInfo.UpTime                                   unsignedInt  live can-deny
DeviceInfo.MemoryStatus.Total                       unsignedInt  live
DeviceInfo.MemoryStatus.Free                        unsignedInt  live can-deny
DeviceInfo.ProcessStatus.CPUUsage                   unsignedInt  live can-deny
Time.CurrentLocalTime                               dateTime     live can-deny
ManagementServer.EnableCWMP                         boolean      settable default=true
ManagementServer.URL                                string       settable
ManagementServer.Username                           string       settable
ManagementServer.Password                           string       settable hidden
ManagementServer.PeriodicInformEnable               boolean      settable default=true
ManagementServer.PeriodicInformInterval             unsignedInt  settable default=3600 positive
ManagementServer.PeriodicInformTime                 dateTime     settable
ManagementServer.ParameterKey                       string       inform can-deny
ManagementServer.ConnectionRequestURL               string       inform default-active
ManagementServer.ConnectionRequestUsername          string       settable
ManagementServer.ConnectionRequestPassword          string       settable hidden
ManagementServer.HTTPConnectionRequestEnable        boolean      settable default=true
ManagementServer.DefaultActiveNotificationThrottle  unsignedInt  settable
ManagementServer.CWMPRetryMinimumWaitInterval       unsignedInt  settable default=5 wait
ManagementServer.CWMPRetryIntervalMultiplier        unsignedInt  settable default=2000 multiplier
ManagementServer.AliasBasedAddressing               boolean      inform
"""

ESSENTIAL: Mapping[str, ParameterDefinition] = MappingProxyType(dict(_definitions()))
"""Path below the root -> definition: type, range, default, forced Inform (``inform``), notification, hidden, live."""
