"""The tables of Device.SoftwareModules. as a provider: ExecEnv, DeploymentUnit and ExecutionUnit (TR-181)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace

from cwmpagent.agent.ports import SoftwareInstaller
from cwmpagent.agent.software.execution import ExecutionUnits
from cwmpagent.agent.software.records import SoftwareRecords
from cwmpagent.datamodel.names import Name
from cwmpagent.protocol.software.unit import DeploymentUnit, ExecutionUnit, RunStatus, UnitStatus

SOFTWARE_MODULES = "SoftwareModules."
ENVIRONMENTS, UNITS, EXECUTION = "ExecEnv.{i}.", "DeploymentUnit.{i}.", "ExecutionUnit.{i}."
TYPE = "Linux"
_RUNS = frozenset({RunStatus.STARTING, RunStatus.ACTIVE})


class SoftwareTables:
    """Provider of these tables. ``reference``: path of a row by table and key. ``in_background`` runs long work.

    RequestedState is a command; it is read as the state that the unit has, or is about to have.
    AutoStart and Enable are saved with the units.
    """

    name = "software modules"

    def __init__(
        self,
        root: str,
        records: SoftwareRecords,
        installer: SoftwareInstaller,
        execution: ExecutionUnits,
        reference: Callable[[str, str], str],
        in_background: Callable[[Awaitable[None]], None],
    ) -> None:
        self._root = root + SOFTWARE_MODULES
        self._records = records
        self._installer = installer
        self._execution = execution
        self._reference = reference
        self._in_background = in_background
        self.tables: Sequence[str] = tuple(self._root + table for table in (ENVIRONMENTS, UNITS, EXECUTION))
        self.paths: Sequence[str] = self.tables
        self.changeable: Sequence[str] = (
            f"{self._root}{ENVIRONMENTS}Enable",
            f"{self._root}{EXECUTION}RequestedState",
            f"{self._root}{EXECUTION}AutoStart",
        )

    def instances(self, table: Name) -> Sequence[str]:
        """Return the names of environments, the DUIDs, or the DUIDs with the names of the execution units."""
        units = self._records.state.units
        if table.endswith("ExecEnv."):
            return tuple(self._installer.environments())
        if table.endswith("DeploymentUnit."):
            return tuple(unit.duid for unit in units)
        return tuple(f"{unit.duid}/{each.name}" for unit in units for each in unit.package.units)

    def read(self, names: Sequence[Name]) -> dict[str, str]:
        """Return the present texts."""
        texts: dict[str, str] = {}
        rows: dict[tuple[str, str], Mapping[str, str]] = {}
        for name in names:
            table, key = name.template.removeprefix(self._root).partition(".")[0], name.keys[0] if name.keys else ""
            if (table, key) not in rows:
                rows[table, key] = self._row(table, key)
            if name.last in rows[table, key]:
                texts[name] = rows[table, key][name.last]
        return texts

    def check(self, changes: Mapping[Name, str | None]) -> Mapping[str, str]:
        """Refuse a state of an execution unit that cannot begin now."""
        refused: dict[str, str] = {}
        for name, text in changes.items():
            if name.last != "RequestedState" or not text:
                continue
            unit = self._records.state.unit(_duid(name))
            if unit is None or unit.status is not UnitStatus.INSTALLED:
                refused[name] = "its deployment unit is not installed"
            elif unit.environment in self._records.state.disabled:
                refused[name] = "its execution environment is disabled"
        return refused

    async def apply(self, changes: Mapping[Name, str | None]) -> bool:
        """Save AutoStart and Enable; start and stop execution units in the background."""
        for name, text in changes.items():
            duid = _duid(name)
            unit = name.keys[0].partition("/")[2] if name.keys else ""
            if name.last == "AutoStart":
                await self._execution.set_auto_start(duid, unit, auto_start=text == "true")
            elif name.last == "RequestedState" and text:
                self._in_background(self._execution.request(duid, unit, active=text == RunStatus.ACTIVE))
            elif name.last == "Enable":
                await self._enable(name.keys[0], enabled=text == "true")
        return False

    async def undo(self, former: Mapping[Name, str | None]) -> None:
        """Restore AutoStart and Enable; an execution unit that was started or stopped stays so."""
        await self.apply({name: text for name, text in former.items() if name.last != "RequestedState"})

    def finish(self, changes: object) -> None:
        """Do nothing: no change waits for the end of the session."""

    async def _enable(self, environment: str, *, enabled: bool) -> None:
        state = self._records.state
        disabled = state.disabled - {environment} if enabled else state.disabled | {environment}
        await self._records.promise(replace(state, disabled=disabled))
        for unit in state.units:
            if unit.environment == environment:
                run = self._execution.start_automatically if enabled else self._execution.stop_all
                self._in_background(run(unit.duid))

    def _row(self, table: str, key: str) -> Mapping[str, str]:
        if table == "ExecEnv":
            return self._environment(key)
        duid, _, name = key.partition("/")
        unit = self._records.state.unit(duid)
        if unit is None:
            return {}
        if table == "DeploymentUnit":
            return self._unit(unit)
        each = self._execution.find(duid, name)
        return {} if each is None else self._execution_unit(unit, each)

    def _environment(self, name: str) -> Mapping[str, str]:
        enabled = name not in self._records.state.disabled
        active = [
            self._execution_path(unit, each)
            for unit in self._records.state.units
            if unit.environment == name
            for each in unit.package.units
            if self._installer.status(unit.duid, each.name)[0] is RunStatus.ACTIVE
        ]
        return {
            "Enable": "true" if enabled else "false",
            "Status": "Up" if enabled else "Disabled",
            "Name": name,
            "Type": TYPE,
            "ActiveExecutionUnits": ",".join(filter(None, active)),
        }

    def _unit(self, unit: DeploymentUnit) -> Mapping[str, str]:
        package = unit.package
        paths = [self._execution_path(unit, each) for each in package.units]
        return {
            "UUID": unit.uuid,
            "DUID": unit.duid,
            "Name": package.name,
            "Status": str(unit.status),
            "Resolved": "true",
            "URL": unit.url,
            "Description": package.description,
            "Vendor": package.vendor,
            "Version": package.version,
            "ExecutionUnitList": ",".join(filter(None, paths)),
            "ExecutionEnvRef": self._reference("ExecEnv", unit.environment),
        }

    def _execution_unit(self, unit: DeploymentUnit, each: ExecutionUnit) -> Mapping[str, str]:
        status, fault = self._installer.status(unit.duid, each.name)
        return {
            "EUID": f"{unit.duid}/{each.name}",
            "Name": each.name,
            "Status": str(status),
            "RequestedState": str(RunStatus.ACTIVE if status in _RUNS else RunStatus.IDLE),
            "ExecutionFaultCode": str(fault),
            "AutoStart": "true" if each.auto_start else "false",
            "Vendor": unit.package.vendor,
            "Version": unit.package.version,
            "Description": unit.package.description,
            "ExecutionEnvRef": self._reference("ExecEnv", unit.environment),
        }

    def _execution_path(self, unit: DeploymentUnit, each: ExecutionUnit) -> str:
        return self._reference("ExecutionUnit", f"{unit.duid}/{each.name}")


def _duid(name: Name) -> str:
    return name.keys[0].partition("/")[0] if name.keys else ""
