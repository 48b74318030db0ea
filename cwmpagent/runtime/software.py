"""Assembly of the software modules: the RPC, its work and reports, and the tables."""

from __future__ import annotations

from collections.abc import Awaitable

from twisted.internet.defer import Deferred, ensureDeferred

from cwmpagent.agent.internal_errors import report_internal_error
from cwmpagent.agent.options import SoftwareOptions
from cwmpagent.agent.ports import Provider
from cwmpagent.agent.session.dispatcher import Dispatcher
from cwmpagent.agent.software.change_du_state import ChangeDUStates
from cwmpagent.agent.software.execution import ExecutionUnits
from cwmpagent.agent.software.files import SoftwareFiles
from cwmpagent.agent.software.operations import SoftwareOperations
from cwmpagent.agent.software.records import SOFTWARE, SoftwareRecords
from cwmpagent.agent.software.reports import SoftwareReports
from cwmpagent.agent.software.tables import SOFTWARE_MODULES, SoftwareTables
from cwmpagent.errors import CwmpFault, StoreWriteError
from cwmpagent.protocol.software.operation import Operation
from cwmpagent.protocol.software.state import ChangeRequest
from cwmpagent.runtime.environment import Environment
from cwmpagent.runtime.parameters import Device, Parameters
from cwmpagent.runtime.sessions import AgendaParts


class Software:
    """The software modules of one agent. :meth:`connect` is called once, before :meth:`start`."""

    def __init__(self, device: Device, environment: Environment, parts: AgendaParts, options: SoftwareOptions) -> None:
        self._root = device.tree.model.root.path
        self._device = device
        self._environment = environment
        self._options = options
        observer, notes = environment.observer, device.saved.notes
        self._parts = parts
        self.records = SoftwareRecords(parts.journal, observer, notes.get(SOFTWARE))
        self._execution = ExecutionUnits(self.records, options.installer, observer)
        self.reports = SoftwareReports(self.records, parts.events, parts.agenda, device.server)
        self.provider: Provider = SoftwareTables(
            self._root,
            self.records,
            options.installer,
            self._execution,
            lambda table, key: self._path(table, key),
            self._in_background,
        )
        files = SoftwareFiles(options, environment.timers)
        self.operations = SoftwareOperations(
            self.records,
            options.installer,
            files,
            self._execution,
            self._reference,
            environment.clock,
            observer,
            self._completed,
        )
        self._parameters: Parameters | None = None
        parts.own_requests.add(self.reports)

    @property
    def supported(self) -> bool:
        """Whether the model of the device has the tables."""
        return self._device.tree.model.definition(f"{self._root}{SOFTWARE_MODULES}") is not None

    def connect(self, parameters: Parameters, dispatcher: Dispatcher) -> None:
        """Register the RPC, and use the rows of ``parameters`` for references."""
        self._parameters = parameters
        ChangeDUStates(self.records, lambda: self._parts.agenda.acs, lambda: None).register(dispatcher)

    async def start(self) -> None:
        """Start the execution units with AutoStart, report what is complete, and go on with what is not."""
        if self._parameters is not None and self.supported:
            await self._parameters.refresher.reread(f"{self._root}{SOFTWARE_MODULES}", [])
        await self._options.installer.recover(self.records.state.at_work(), self.records.state.present())
        await self._execution.start_all()
        self.reports.recover()
        await self.reports.complete()
        self.operations.begin()

    def resume(self) -> None:
        """Continue after :meth:`stop`, where the restart has failed."""
        self._in_background(self.start())

    def session_over(self) -> None:
        """Carry out what the session has asked for."""
        self.operations.begin()

    async def perform(self, *operations: Operation) -> None:
        """Carry out ``operations`` for a program; what the policy lets pass is reported to the ACS.

        Returns once they are saved. Raises CwmpFault 9003 (no operation), 9004, and 9002 where they cannot be saved.
        """
        if not operations:
            raise CwmpFault(9003, "there is no operation")
        self.records.check_room()
        try:
            await self.records.promise(self.records.state.added(ChangeRequest(None, operations, autonomous=True)))
        except StoreWriteError as error:
            raise CwmpFault(9002, f"cannot save the request: {error}") from None
        self.operations.begin()

    async def stop(self) -> None:
        """Stop the operation under way and every execution unit."""
        await self.operations.stop()
        await self._options.installer.close()

    async def _completed(self) -> None:
        await self.reports.complete()
        self._parts.own_requests.offer()

    async def _reference(self, table: str, key: str) -> str:
        if self._parameters is None or not self._has(table):
            return ""
        await self._parameters.refresher.reread(f"{self._root}{SOFTWARE_MODULES}{table}.", [])
        return self._path(table, key)

    def _path(self, table: str, key: str) -> str:
        """The path of the row, from the keys that are known; empty: none."""
        prefix = f"{self._root}{SOFTWARE_MODULES}{table}."
        rows = self._parameters.keys.items() if self._parameters is not None else ()
        return next((path.removesuffix(".") for path, known in rows if known == key and path.startswith(prefix)), "")

    def _has(self, table: str) -> bool:
        parameters = self._parameters
        return parameters is not None and f"{self._root}{SOFTWARE_MODULES}{table}." in parameters.providers.tables

    def _in_background(self, work: Awaitable[None]) -> None:
        done: Deferred[None] = ensureDeferred(work)  # type: ignore[arg-type]  # every caller passes a coroutine
        done.addErrback(lambda failure: report_internal_error(self._environment.observer, failure))
