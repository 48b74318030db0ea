"""Targets of an operation: the deployment units that it works on, or the fault that it has (TR-069 A.4.1.10, A.5)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from cwmpagent.errors import CwmpFault, SoftwareFailure
from cwmpagent.protocol.software import faults
from cwmpagent.protocol.software.operation import Kind, Operation
from cwmpagent.protocol.software.unit import DeploymentUnit, Package, UnitStatus
from cwmpagent.protocol.software.unit_id import is_uuid, same_uuid, uuid_of_url
from cwmpagent.protocol.transfers.url import parse_file_url

_DIGITS = re.compile(r"(\d+)", re.ASCII)


def selected(
    operation: Operation, units: Sequence[DeploymentUnit], environments: Mapping[str, bool]
) -> tuple[Operation, ...]:
    """The operations that ``operation`` stands for, one for each unit. ``environments``: name -> whether it is enabled.

    An installation stays one operation and gets its UUID and its environment. Raises SoftwareFailure.
    """
    needed = operation.kind is Kind.UNINSTALL
    if (operation.uuid or needed) and not is_uuid(operation.uuid):
        raise SoftwareFailure(faults.INVALID_UUID, "the UUID must have the form 8-4-4-4-12 of hexadecimal digits")
    if operation.url or operation.kind is Kind.INSTALL:
        _check_url(operation.url)
    if operation.kind is Kind.INSTALL:
        environment = operation.environment or next((name for name, up in environments.items() if up), "")
        _check_environment(environment, environments)
        uuid = operation.uuid or uuid_of_url(operation.url)
        return (replace(operation, uuid=uuid, environment=environment, selected=True),)
    found = [unit for unit in units if _is_meant(operation, unit)]
    if operation.environment:
        _check_environment(operation.environment, environments)
    if not found:
        raise SoftwareFailure(faults.UNKNOWN_UNIT, "there is no such deployment unit")
    one_of_several = operation.kind is Kind.UPDATE and (operation.uuid or operation.url) and not operation.version
    if one_of_several and len({unit.package.version for unit in found}) > 1:
        raise SoftwareFailure(faults.NO_VERSION, "several versions are installed, and the operation names none")
    return tuple(
        replace(
            operation,
            uuid=unit.uuid,
            url=operation.url or unit.url if operation.kind is Kind.UPDATE else "",
            version=unit.package.version,
            environment=unit.environment,
            duid=unit.duid,
            selected=True,
        )
        for unit in found
    )


def check_package(operation: Operation, package: Package, units: Sequence[DeploymentUnit]) -> None:
    """Check that the fetched ``package`` can be applied by ``operation``, a selected one. Raises SoftwareFailure.

    ``units``: all units that are installed, without the one that an interrupted installation had begun.
    """
    if package.environment and package.environment != operation.environment:
        raise SoftwareFailure(faults.MISMATCH, f"it is made for the execution environment {package.environment!r}")
    others = [
        unit for unit in units if same_uuid(unit.uuid, operation.uuid) and unit.environment == operation.environment
    ]
    same = any(unit.package.version == package.version for unit in others)
    if operation.kind is Kind.INSTALL:
        if same:
            raise SoftwareFailure(faults.DUPLICATE, f"version {package.version} is installed already")
        return
    if same:
        raise SoftwareFailure(faults.SAME_VERSION, f"version {package.version} is installed already")
    if version_key(package.version) < version_key(operation.version):
        raise SoftwareFailure(faults.DOWNGRADE, f"version {package.version} is older than {operation.version}")


def check_state(unit: DeploymentUnit | None) -> DeploymentUnit:
    """Return ``unit`` if an operation may begin on it. Raises SoftwareFailure."""
    if unit is None:
        raise SoftwareFailure(faults.UNKNOWN_UNIT, "there is no such deployment unit")
    if unit.status is not UnitStatus.INSTALLED:
        raise SoftwareFailure(faults.INVALID_STATE, f"the deployment unit is {unit.status}")
    return unit


def version_key(version: str) -> tuple[tuple[int, int, str], ...]:
    """A key that orders versions: numbers in them by value, everything else as text."""
    parts = [part for part in _DIGITS.split(version) if part not in ("", ".")]
    return tuple((1, int(part), "") if part.isdecimal() else (0, 0, part) for part in parts)


def _is_meant(operation: Operation, unit: DeploymentUnit) -> bool:
    meant = same_uuid(operation.uuid, unit.uuid) if operation.uuid else operation.url in ("", unit.url)
    return (
        meant
        and operation.version in ("", unit.package.version)
        and operation.environment in ("", unit.environment)
        and (operation.duid in ("", unit.duid))
    )


def _check_url(url: str) -> None:
    try:
        parse_file_url(url)
    except CwmpFault as fault:
        raise SoftwareFailure(fault.code, fault.text) from None


def _check_environment(name: str, environments: Mapping[str, bool]) -> None:
    if not name and environments:
        raise SoftwareFailure(faults.DISABLED_ENVIRONMENT, "every execution environment is disabled")
    if name not in environments:
        raise SoftwareFailure(faults.UNKNOWN_ENVIRONMENT, "there is no such execution environment")
    if not environments[name]:
        raise SoftwareFailure(faults.DISABLED_ENVIRONMENT, "the execution environment is disabled")
