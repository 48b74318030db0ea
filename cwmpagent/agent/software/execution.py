"""The execution units of the installed deployment units: started and stopped as they are asked to be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from cwmpagent.agent.facts import Observer, Warned
from cwmpagent.agent.ports import SoftwareInstaller
from cwmpagent.agent.software.records import SoftwareRecords
from cwmpagent.errors import SoftwareFailure
from cwmpagent.protocol.software.unit import DeploymentUnit, ExecutionUnit, RunStatus, UnitStatus

_NONE: Mapping[str, bool] = MappingProxyType({})
_RUNS = frozenset({RunStatus.STARTING, RunStatus.ACTIVE})


class ExecutionUnits:
    """Starts and stops execution units. A failure is a warning; the installer shows it as a fault of the unit."""

    def __init__(self, records: SoftwareRecords, installer: SoftwareInstaller, observer: Observer) -> None:
        self._records = records
        self._installer = installer
        self._observer = observer

    async def start_all(self) -> None:
        """Start every unit with AutoStart: the agent starts."""
        for unit in self._records.state.units:
            await self.start_automatically(unit.duid)

    async def start_automatically(self, duid: str, ran: Mapping[str, bool] = _NONE) -> None:
        """Start the execution units of ``duid`` that have AutoStart, unless its environment is disabled.

        ``ran``: units for which it counts whether they ran before, by name.
        """
        unit = self._records.state.unit(duid)
        if unit is None or not self._runs(unit):
            return
        for each in unit.package.units:
            if ran.get(each.name, each.auto_start):
                await self._start(duid, each.name)

    def running(self, duid: str) -> Mapping[str, bool]:
        """The execution units of ``duid`` by name, and whether they run, or are about to."""
        unit = self._records.state.unit(duid)
        units = unit.package.units if unit is not None else ()
        return {each.name: self._installer.status(duid, each.name)[0] in _RUNS for each in units}

    async def stop_all(self, duid: str) -> None:
        """Stop the execution units of ``duid``."""
        unit = self._records.state.unit(duid)
        for each in unit.package.units if unit is not None else ():
            await self._stop(duid, each.name)

    async def request(self, duid: str, name: str, *, active: bool) -> None:
        """Start or stop one execution unit: RequestedState was set."""
        unit = self._records.state.unit(duid)
        if unit is None or not self._runs(unit):
            return
        await (self._start(duid, name) if active else self._stop(duid, name))

    async def set_auto_start(self, duid: str, name: str, *, auto_start: bool) -> None:
        """Set AutoStart, which takes effect at the next start of the agent."""
        unit = self._records.state.unit(duid)
        each = self.find(duid, name)
        if unit is not None and each is not None:
            changed = unit.with_unit(replace(each, auto_start=auto_start))
            await self._records.promise(self._records.state.with_unit(changed))

    def find(self, duid: str, name: str) -> ExecutionUnit | None:
        """The execution unit of this name."""
        unit = self._records.state.unit(duid)
        return next((each for each in unit.package.units if each.name == name), None) if unit else None

    def _runs(self, unit: DeploymentUnit) -> bool:
        return unit.status is UnitStatus.INSTALLED and unit.environment not in self._records.state.disabled

    async def _start(self, duid: str, name: str) -> None:
        try:
            await self._installer.start(duid, name)
        except SoftwareFailure as failure:
            self._observer(Warned(f"cannot start the execution unit {name!r} of deployment unit {duid}: {failure}"))

    async def _stop(self, duid: str, name: str) -> None:
        try:
            await self._installer.stop(duid, name)
        except SoftwareFailure as failure:
            self._observer(Warned(f"cannot stop the execution unit {name!r} of deployment unit {duid}: {failure}"))
