"""The work of ChangeDUState: one operation after another, each step saved before it begins.

An operation that was interrupted goes on with its step after a restart. A file that was fetched is not fetched again
unless the agent ended while it was being fetched. Operations are independent: one that fails undoes no other.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace

from twisted.internet.defer import CancelledError, Deferred

from cwmpagent.agent.facts import Noted, Observer
from cwmpagent.agent.internal_errors import report_internal_error
from cwmpagent.agent.ports import Clock, SoftwareInstaller
from cwmpagent.agent.software.execution import ExecutionUnits
from cwmpagent.agent.software.files import SoftwareFiles
from cwmpagent.agent.software.records import SoftwareRecords
from cwmpagent.errors import SoftwareFailure
from cwmpagent.protocol.masking import quoted
from cwmpagent.protocol.software import faults
from cwmpagent.protocol.software.operation import Kind, Operation, Outcome, Phase
from cwmpagent.protocol.software.targets import check_package, check_state, selected
from cwmpagent.protocol.software.unit import DeploymentUnit, Package, UnitStatus
from cwmpagent.protocol.transfers.url import shown_url
from cwmpagent.values import UNKNOWN_TIME, format_time

Reference = Callable[[str, str], Awaitable[str]]
"""Function that returns the path of a row, without its last dot, from its table and its key; empty: no row."""

Step = tuple[int, int]


class SoftwareOperations:
    """Carries out the saved operations. ``completed`` is called when a request has all its results."""

    def __init__(
        self,
        records: SoftwareRecords,
        installer: SoftwareInstaller,
        files: SoftwareFiles,
        execution: ExecutionUnits,
        reference: Reference,
        clock: Clock,
        observer: Observer,
        completed: Callable[[], Awaitable[None]],
    ) -> None:
        self._records = records
        self._installer = installer
        self._files = files
        self._execution = execution
        self._reference = reference
        self._clock = clock
        self._observer = observer
        self._completed = completed
        self._ran: Mapping[str, bool] = {}  # the units of the present operation, before it stopped them
        self._running: Deferred[None] | None = None

    def begin(self) -> None:
        """Carry out in the background what is saved; no effect where that is under way."""
        if self._running is None:
            self._running = running = Deferred.fromCoroutine(self._run())
            running.addErrback(lambda failure: report_internal_error(self._observer, failure))
            running.addBoth(self._ended)  # it may have ended already

    async def stop(self) -> None:
        """Cancel the operation under way; it stays saved and is done again."""
        running, self._running = self._running, None
        if running is not None:
            running.cancel()
            await running

    def _ended(self, _: object) -> None:
        self._running = None

    async def _run(self) -> None:
        try:
            while (step := self._records.state.next_step()) is not None:
                await self._carry_out(step)
                await self._completed()
        except CancelledError:
            pass  # the agent stops

    async def _carry_out(self, step: Step) -> None:
        """Carry out the operation at ``step``, or the first of those that it stands for."""
        operation = self._operation(step)
        self._ran = {}
        try:
            if not operation.selected:
                await self._select(step, operation)
            operation = self._operation(step)
            if operation.kind is Kind.UNINSTALL:
                await self._uninstall(step, operation)
            else:
                await self._apply(step, operation)
        except CancelledError:
            raise
        except SoftwareFailure as failure:
            await self._failed(step, failure)
        except Exception:
            report_internal_error(self._observer)
            await self._failed(step, SoftwareFailure(faults.DENIED, "internal error"))

    async def _select(self, step: Step, operation: Operation) -> None:
        state = self._records.state
        operation = replace(operation, start_time=self._time())
        await self._records.save(state.with_operations(step, (operation,)))
        environments = {name: name not in state.disabled for name in self._installer.environments()}
        found = selected(operation, state.units, environments)
        state = self._records.state
        if operation.kind is Kind.INSTALL:
            found = (replace(found[0], duid=str(state.next_duid)),)
            state = replace(state, next_duid=state.next_duid + 1)
        await self._records.save(state.with_operations(step, found))

    async def _apply(self, step: Step, operation: Operation) -> None:
        """Install or update."""
        duid = operation.duid
        if operation.phase is not Phase.APPLYING:  # else they were stopped before a restart
            self._ran = self._execution.running(duid)
        if operation.phase is Phase.WAITING:
            if operation.kind is Kind.UPDATE:
                check_state(self._records.state.unit(duid))
            operation = await self._enter(step, Phase.FETCHING)
        if operation.phase is Phase.FETCHING:
            await self._files.fetch(operation, duid)
            operation = await self._check(step, operation)
        package = await self._installer.inspect(duid)
        await self._execution.stop_all(duid)
        await self._installer.install(duid)
        unit = self._unit(operation, package)
        await self._finish(step, operation, unit)
        self._installer.discard(duid)
        await self._execution.start_automatically(duid, self._ran)

    async def _check(self, step: Step, operation: Operation) -> Operation:
        """Check the fetched file; from here on the tables show what is done with it."""
        package = await self._installer.inspect(operation.duid)
        state = self._records.state
        check_package(operation, package, state.units)
        former = state.unit(operation.duid)
        if former is None:
            shown = replace(self._unit(operation, package), status=UnitStatus.INSTALLING)
        else:
            shown = replace(former, status=UnitStatus.UPDATING)
        entered = replace(operation, phase=Phase.APPLYING)
        await self._records.save(state.with_unit(shown).with_operations(step, (entered,)))
        return entered

    def _unit(self, operation: Operation, package: Package) -> DeploymentUnit:
        former = self._records.state.unit(operation.duid)
        if former is not None and operation.kind is Kind.UPDATE:
            return former.updated(package, operation.url)
        return DeploymentUnit(
            duid=operation.duid,
            uuid=operation.uuid,
            environment=operation.environment,
            url=operation.url,
            package=package,
        )

    async def _uninstall(self, step: Step, operation: Operation) -> None:
        if operation.phase is Phase.WAITING:
            unit = check_state(self._records.state.unit(operation.duid))
            shown = replace(unit, status=UnitStatus.UNINSTALLING)
            entered = replace(operation, phase=Phase.APPLYING)
            await self._records.save(self._records.state.with_unit(shown).with_operations(step, (entered,)))
            operation = entered
            self._ran = self._execution.running(operation.duid)
        await self._execution.stop_all(operation.duid)
        reference = await self._reference("DeploymentUnit", operation.duid)
        await self._installer.uninstall(operation.duid)
        outcome = Outcome(
            uuid=operation.uuid,
            reference=reference,
            version=operation.version,
            state="Uninstalled",
            resolved=True,
            complete_time=self._time(),
        )
        state = self._records.state.without_unit(operation.duid)
        await self._records.save(state.with_operations(step, (operation.done(outcome),)))
        self._observer(Noted(f"deployment unit {operation.uuid} {operation.version} is uninstalled"))

    async def _finish(self, step: Step, operation: Operation, unit: DeploymentUnit) -> None:
        """Save ``unit`` and the result in one transaction, once its rows have their numbers."""
        await self._records.save(self._records.state.with_unit(unit))
        reference = await self._reference("DeploymentUnit", unit.duid)
        units = [await self._reference("ExecutionUnit", f"{unit.duid}/{each.name}") for each in unit.package.units]
        outcome = Outcome(
            uuid=unit.uuid,
            reference=reference,
            version=unit.package.version,
            state="Installed",
            resolved=True,
            units=",".join(path for path in units if path),
            complete_time=self._time(),
        )
        await self._records.save(self._records.state.with_operations(step, (operation.done(outcome),)))
        self._observer(Noted(f"deployment unit {unit.uuid} {unit.package.version} is installed"))

    async def _failed(self, step: Step, failure: SoftwareFailure) -> None:
        """Save the fault as the result. What was begun with the unit is taken back."""
        operation = self._operation(step)
        if operation.phase is Phase.DONE:
            return
        unit = self._records.state.unit(operation.duid) if operation.duid else None
        stays = unit is not None and operation.kind is not Kind.INSTALL
        reference = await self._reference("DeploymentUnit", operation.duid) if stays else ""
        state = self._records.state  # read last: others change it, too
        if unit is not None:
            former = replace(unit, status=UnitStatus.INSTALLED)
            state = state.with_unit(former) if stays else state.without_unit(unit.duid)
        if operation.duid and operation.kind is not Kind.UNINSTALL:
            self._installer.discard(operation.duid)
        outcome = Outcome(
            uuid=operation.uuid,
            reference=reference,
            version=operation.version,
            complete_time=self._time(),
            code=faults.unit_fault(failure.code),
            reason=str(failure),
        )
        await self._records.save(state.with_operations(step, (operation.done(outcome),)))
        name = quoted(f"{operation.uuid} {shown_url(operation.url)}".strip())
        self._observer(Noted(f"{operation.kind} of deployment unit {name} has failed ({outcome.code}): {failure}"))
        if unit is not None and operation.kind is not Kind.INSTALL and operation.phase is Phase.APPLYING:
            await self._execution.start_automatically(unit.duid, self._ran)

    async def _enter(self, step: Step, phase: Phase) -> Operation:
        entered = replace(self._operation(step), phase=phase)
        await self._records.save(self._records.state.with_operations(step, (entered,)))
        return entered

    def _operation(self, step: Step) -> Operation:
        return self._records.state.operation(step)

    def _time(self) -> str:
        if not self._clock.wall_trusted():
            return UNKNOWN_TIME
        return format_time(self._clock.wall(), self._clock.utc_offset())
