"""Deployment units and their execution units, as they are saved (TR-181 Device.SoftwareModules.)."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Any

from cwmpagent.protocol.agenda.saved_json import SavedJson

MOST_UNITS = 64
"""Maximum number of execution units in one deployment unit."""


class UnitStatus(StrEnum):
    """Status of a deployment unit. Uninstalled ones are in no table."""

    INSTALLING = "Installing"
    INSTALLED = "Installed"
    UPDATING = "Updating"
    UNINSTALLING = "Uninstalling"


class RunStatus(StrEnum):
    """Status of an execution unit."""

    IDLE = "Idle"
    STARTING = "Starting"
    ACTIVE = "Active"
    STOPPING = "Stopping"


class RunFault(StrEnum):
    """ExecutionFaultCode of an execution unit."""

    NONE = "NoFault"
    ON_START = "FailureOnStart"
    ON_AUTO_START = "FailureOnAutoStart"
    ON_STOP = "FailureOnStop"
    WHILE_ACTIVE = "FailureWhileActive"


@dataclass(frozen=True, slots=True)
class ExecutionUnit:
    """One program of a deployment unit."""

    name: str
    auto_start: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """The description in a fetched file. ``environment``: the one that it is made for; empty: any."""

    name: str
    version: str
    vendor: str = ""
    description: str = ""
    environment: str = ""
    units: tuple[ExecutionUnit, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DeploymentUnit:
    """One installed deployment unit. ``duid`` identifies it in its environment; it never changes and never returns.

    ``operation`` in progress is shown by ``status``.
    """

    duid: str
    uuid: str
    environment: str
    url: str
    package: Package
    status: UnitStatus = UnitStatus.INSTALLED

    def record(self) -> dict[str, Any]:
        """The JSON object for :meth:`restored`."""
        return {**asdict(self), "status": str(self.status)}

    @classmethod
    def restored(cls, record: SavedJson) -> DeploymentUnit:
        """Restore a :meth:`record`. Raises ValueError where it is damaged."""
        package = record.members("package")
        return cls(
            duid=record.text("duid", empty=False),
            uuid=record.text("uuid"),
            environment=record.text("environment"),
            url=record.text("url"),
            status=UnitStatus(record.text("status")),
            package=Package(
                name=package.text("name"),
                version=package.text("version"),
                vendor=package.text("vendor"),
                description=package.text("description"),
                environment=package.text("environment"),
                units=tuple(
                    ExecutionUnit(unit.text("name"), unit.flag("auto_start")) for unit in package.rows("units")
                ),
            ),
        )

    def with_unit(self, changed: ExecutionUnit) -> DeploymentUnit:
        """Return it with the execution unit of the same name replaced."""
        units = tuple(changed if unit.name == changed.name else unit for unit in self.package.units)
        return replace(self, package=replace(self.package, units=units))

    def updated(self, package: Package, url: str) -> DeploymentUnit:
        """Return it with ``package`` from ``url``. Execution units of the same name keep what was set for them."""
        kept = {unit.name: unit for unit in self.package.units}
        units = tuple(kept.get(unit.name, unit) for unit in package.units)
        return replace(self, package=replace(package, units=units), url=url, status=UnitStatus.INSTALLED)
