"""The single place at which values, objects and attributes change: plan, check, apply, save, notify.

Parameters and rows of providers are changed in the device first (``transaction``). A change is saved before the tree
has it, and the tree has it before listeners are called; after a crash, it is complete or not there at all. Each change
has an origin: the ACS is not notified of its own changes, and changes by the device itself involve no provider.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from types import MappingProxyType
from typing import Any, TypeVar

from twisted.internet.defer import Deferred, DeferredLock

from cwmpagent.agent.facts import Observer, ParametersChanged
from cwmpagent.agent.long_work import LongWork
from cwmpagent.agent.parameters.answer_names import as_written, creates_rows
from cwmpagent.agent.parameters.masked_values import masked_value
from cwmpagent.agent.parameters.provider_calls import GuardedProviders
from cwmpagent.agent.parameters.provider_rows import ProviderRows
from cwmpagent.agent.parameters.transaction import Step, Transactions, steps_gradually
from cwmpagent.agent.ports import Store
from cwmpagent.datamodel.plan import Assignment, AttributeChange, ParameterAssignment, Plan, joined
from cwmpagent.datamodel.planning.assignments import plan_values, plan_values_gradually
from cwmpagent.datamodel.planning.attributes import plan_attributes_gradually
from cwmpagent.datamodel.planning.autocreate import plan_values_in_new_rows_gradually
from cwmpagent.datamodel.planning.configuration import plan_configuration_gradually
from cwmpagent.datamodel.planning.objects import plan_add, plan_delete
from cwmpagent.datamodel.planning.reset import plan_reset
from cwmpagent.datamodel.resolve import Resolver
from cwmpagent.datamodel.tree import Tree
from cwmpagent.errors import CwmpFault, ParameterFault, StoreWriteError
from cwmpagent.gradual import Gradual
from cwmpagent.records import SUBSCRIBER

_T = TypeVar("_T")
NOTHING: Mapping[str, str | None] = MappingProxyType({})


class Origin(StrEnum):
    """Originator of a change: the ACS, the device itself, a local user, or a configuration file."""

    ACS = "acs"
    DEVICE = "device"
    LOCAL = "local"
    FILE = "file"


@dataclass(frozen=True, slots=True)
class Change:
    """A planned change, and its origin. ``notes``: the notes of listeners that are saved in its transaction."""

    origin: Origin
    plan: Plan
    notes: Mapping[str, str | None] = field(default_factory=dict)


class Changes:
    """Carries out changes, one after another.

    ``key_path``: full path of ParameterKey. ``notes``: returns more notes for the transaction of a change. Methods that
    change something return True if the change takes effect only after the session, by :meth:`finish`.
    """

    def __init__(
        self,
        tree: Tree,
        store: Store,
        observer: Observer,
        *,
        providers: GuardedProviders,
        rows: ProviderRows,
        transactions: Transactions,
        long_work: LongWork,
        refresh: Callable[[Iterable[str]], Awaitable[object]],
        key_path: str,
        notes: Callable[[Change], Gradual[Mapping[str, str | None]]],
    ) -> None:
        self._tree = tree
        self._store = store
        self._observer = observer
        self._providers = providers
        self._rows = rows
        self._transactions = transactions
        self._long_work = long_work
        self._refresh = refresh
        self._key_path = key_path
        self._notes = notes
        self._lock = DeferredLock()
        self._listeners: list[Callable[[Change], None]] = []

    def listen(self, listener: Callable[[Change], None]) -> None:
        """Call ``listener`` after each change."""
        self._listeners.append(listener)

    async def settled(self) -> None:
        """Wait until no change is under way."""
        await self._lock.run(lambda: None)

    async def reconcile(self) -> None:
        """At the start: undo in the device a change that an earlier process began and did not save."""
        await self._exclusively(self._transactions.reconcile)

    @property
    def unfinished(self) -> bool:
        """Whether a change waits for the end of the session."""
        return bool(self._transactions.held)

    async def finish(self) -> None:
        """Let changes take effect that waited for the end of the session. Must not be called in a session."""
        await self._exclusively(self._transactions.finish)

    async def supply_rows(self, table: str, keys: Collection[str]) -> None:
        """Give ``table`` the rows of ``keys``, which the device has. Raises CwmpFault 9002."""
        if self._rows_for(table, keys) is None:
            return

        async def work() -> None:
            planned = self._rows_for(table, keys)
            if planned is not None:
                await self._carry_out(Origin.DEVICE, planned[0], None, planned[1])

        await self._exclusively(work)

    async def set_values(self, assignments: Sequence[Assignment], origin: Origin, key: str | None = None) -> bool:
        """Set the values of all parameters or none (TR-069 A.3.2.1). Raises CwmpFault with the fault of each parameter.

        A local user (``Origin.LOCAL``) is refused with 9001 where the AccessList permits only the ACS. ``key`` becomes
        ParameterKey in the same transaction. With AutoCreateInstances, rows that the ACS names by new aliases are
        created.
        """

        async def work() -> bool:
            if origin is Origin.ACS and creates_rows(self._tree):
                planning = plan_values_in_new_rows_gradually(self._tree, assignments)
            else:
                planning = plan_values_gradually(self._tree, assignments, as_acs=origin is not Origin.DEVICE)
            plan = await self._long_work.run(planning)
            if origin is Origin.LOCAL:
                self._check_access(plan.assigned)
            return await self._carry_out(origin, plan, key)

        return await self._exclusively(work)

    async def add_object(self, path: str, origin: Origin, key: str | None = None) -> tuple[int, bool]:
        """Create a row of the table ``path`` (A.3.2.6). Returns its instance number first. Raises CwmpFault."""

        async def work() -> tuple[int, bool]:
            plan, instance = plan_add(self._tree, path)
            return instance, await self._carry_out(origin, plan, key)

        return await self._exclusively(work)

    async def delete_object(self, path: str, origin: Origin, key: str | None = None) -> bool:
        """Delete the row ``path`` and everything below it (A.3.2.7). Raises CwmpFault, 9001 as :meth:`set_values`."""

        async def work() -> bool:
            plan = plan_delete(self._tree, path)
            if origin is Origin.LOCAL:
                self._check_access(self._tree.parameters(Resolver(self._tree).path(path)))
            return await self._carry_out(origin, plan, key)

        return await self._exclusively(work)

    async def reset_values(self, paths: Sequence[str], origin: Origin) -> tuple[str, ...]:
        """Remove the written values of parameters or below partial paths, and return the names of these parameters.

        They have the value of the configuration or of the model again. Raises CwmpFault as :meth:`set_values`.
        """

        async def work() -> tuple[str, ...]:
            plan = plan_reset(self._tree, paths)
            if origin is Origin.LOCAL:
                self._check_access(plan.assigned)
            await self._carry_out(origin, plan, None)
            return tuple(sorted(plan.assigned))

        return await self._exclusively(work)

    async def set_configuration(self, values: Mapping[str, str]) -> bool:
        """Set the ``values`` of a configuration file, full path -> text, all or none; add the rows that they need.

        The device's parts are changed, and the ACS is notified. Raises CwmpFault as :meth:`set_values`.
        """

        async def work() -> bool:
            plan = await self._long_work.run(plan_configuration_gradually(self._tree, values))
            return await self._carry_out(Origin.FILE, plan, None)

        return await self._exclusively(work)

    async def set_attributes(self, attributes: Sequence[AttributeChange], origin: Origin) -> None:
        """Set Notification and AccessList of all parameters or none (A.3.2.4). Raises CwmpFault."""

        async def work() -> None:
            plan = await self._long_work.run(plan_attributes_gradually(self._tree, attributes))
            await self._carry_out(origin, plan, None)

        await self._exclusively(work)

    def _check_access(self, names: Iterable[str]) -> None:
        reason = "can only be written by the ACS: its AccessList is empty"
        refused = [name for name in sorted(names) if SUBSCRIBER not in self._tree.attributes(name).access_list]
        if refused:
            raise CwmpFault(9001, "", tuple(ParameterFault(name, 9001, reason) for name in refused))

    async def _exclusively(self, work: Callable[[], Coroutine[Any, Any, _T]]) -> _T:
        return await self._lock.run(lambda: Deferred.fromCoroutine(work()))

    def _rows_for(self, table: str, keys: Collection[str]) -> tuple[Plan, Mapping[str, str]] | None:
        if not self._tree.exists(table):
            return None
        return self._rows.plan(table, keys, self._transactions.held)

    async def _steps(self, plan: Plan) -> list[Step]:
        """Steps of ``plan``; the state before them is read again, so that an undo restores the present state."""
        if not self._providers.all:
            return []
        parts = await self._long_work.run(steps_gradually(plan, self._tree, self._providers, self._rows.keys))
        if not parts:
            return parts
        await self._refresh(name for part in parts for name in part.former if name[-1] != ".")
        again = await self._long_work.run(steps_gradually(plan, self._tree, self._providers, self._rows.keys))
        former = {part.provider: part.former for part in again}
        return [replace(part, former=former[part.provider]) for part in parts]

    async def _carry_out(
        self, origin: Origin, plan: Plan, key: str | None, notes: Mapping[str, str | None] = NOTHING
    ) -> bool:
        if key is not None:
            result = self._tree.after(plan.batch)
            plan = joined(plan, plan_values(result, [ParameterAssignment(self._key_path, key)], as_acs=False))
        change = Change(origin, plan)
        notes = {**self._rows.before(plan), **notes}
        parts = [] if origin is Origin.DEVICE else await self._steps(plan)

        async def commit(more: Mapping[str, str | None]) -> None:
            nonlocal change
            change = replace(change, notes=await self._long_work.run(self._notes(change)))
            all_notes = {**plan.batch.notes, **change.notes, **notes, **more}
            await self._store.save(replace(plan.batch, notes=all_notes))

        try:
            await self._transactions.check(parts)
            later = await self._transactions.carry_out(parts, commit)
        except StoreWriteError as error:
            raise CwmpFault(9002, str(error)) from error
        except CwmpFault as fault:
            raise as_written(fault, plan) from fault
        self._tree.apply(plan.batch)
        self._rows.saved(notes)
        if plan.changed:
            values = {name: masked_value(self._tree, name, new).text for name, (_, new) in plan.changed.items()}
            self._observer(ParametersChanged(origin.value, tuple(values), values))
        for listener in self._listeners:
            listener(change)
        return later
