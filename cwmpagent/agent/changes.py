"""The one door through which values, objects and attributes change: plan, save, apply, tell.

A change is wholly in the store before it is in the tree, and in the tree before anybody is told of it, so that after a
crash it is wholly there or wholly not. The origin travels with the change: what the ACS wrote itself is no news to it.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, TypeVar

from twisted.internet.defer import Deferred, DeferredLock

from cwmpagent.agent.facts import Observer, ParametersChanged
from cwmpagent.agent.ports import Store
from cwmpagent.datamodel.plan import (
    Assignment,
    AttributeChange,
    ParameterAssignment,
    Plan,
    joined,
    plan_add,
    plan_attributes,
    plan_delete,
    plan_values,
)
from cwmpagent.datamodel.reset import plan_reset
from cwmpagent.datamodel.tree import Tree
from cwmpagent.errors import CwmpFault, StoreWriteError
from cwmpagent.records import SUBSCRIBER

_T = TypeVar("_T")


class Origin(StrEnum):
    """Who changes a value."""

    ACS = "acs"
    DEVICE = "device"
    LOCAL = "local"


@dataclass(frozen=True, slots=True)
class Change:
    """Who changes what."""

    origin: Origin
    plan: Plan


class Changes:
    """Carries changes out, one after another.

    ``key_path`` is the full path of ParameterKey. ``notes`` is asked what else belongs into a change's transaction;
    listeners are told once it is made.
    """

    def __init__(
        self,
        tree: Tree,
        store: Store,
        observer: Observer,
        *,
        key_path: str,
        notes: Callable[[Change], Mapping[str, str | None]],
    ) -> None:
        self._tree = tree
        self._store = store
        self._observer = observer
        self._key_path = key_path
        self._notes = notes
        self._lock = DeferredLock()
        self._listeners: list[Callable[[Change], None]] = []

    def listen(self, listener: Callable[[Change], None]) -> None:
        """Tell ``listener`` of every change, once it is made."""
        self._listeners.append(listener)

    async def settled(self) -> None:
        """Return when no change is being carried out."""
        await self._lock.run(lambda: None)

    async def set_values(self, assignments: Sequence[Assignment], origin: Origin, key: str | None = None) -> None:
        """Give parameters new values, all or none (TR-069 A.3.2.1). Raises CwmpFault with every bad parameter.

        A person at the device (``Origin.LOCAL``) is refused with 9001 where the AccessList leaves only the ACS.
        A ``key`` becomes the ParameterKey in the same transaction.
        """

        async def work() -> None:
            plan = plan_values(self._tree, assignments, as_acs=origin is not Origin.DEVICE)
            if origin is Origin.LOCAL:
                self._check_access(plan.assigned)
            await self._carry_out(origin, plan, key)

        await self._exclusively(work)

    async def add_object(self, path: str, origin: Origin, key: str | None = None) -> int:
        """Create a row of the table ``path`` (A.3.2.6); its instance number. Raises CwmpFault."""

        async def work() -> int:
            plan, instance = plan_add(self._tree, path)
            await self._carry_out(origin, plan, key)
            return instance

        return await self._exclusively(work)

    async def delete_object(self, path: str, origin: Origin, key: str | None = None) -> None:
        """Delete the row ``path`` with all below it (A.3.2.7). Raises CwmpFault, 9001 as :meth:`set_values`."""

        async def work() -> None:
            plan = plan_delete(self._tree, path)
            if origin is Origin.LOCAL:
                self._check_access(self._tree.parameters(path))
            await self._carry_out(origin, plan, key)

        await self._exclusively(work)

    async def reset_values(self, paths: Sequence[str], origin: Origin) -> tuple[str, ...]:
        """Take away what was written to parameters or below partial paths; the names of those that it was taken from.

        They have the configuration's or the model's value again. Raises CwmpFault as :meth:`set_values`.
        """

        async def work() -> tuple[str, ...]:
            plan = plan_reset(self._tree, paths)
            if origin is Origin.LOCAL:
                self._check_access(plan.assigned)
            await self._carry_out(origin, plan, None)
            return tuple(sorted(plan.assigned))

        return await self._exclusively(work)

    async def set_attributes(self, attributes: Sequence[AttributeChange], origin: Origin) -> None:
        """Change notification and access lists, all or none (A.3.2.4). Raises CwmpFault."""

        async def work() -> None:
            await self._carry_out(origin, plan_attributes(self._tree, attributes), None)

        await self._exclusively(work)

    def _check_access(self, names: Iterable[str]) -> None:
        for name in sorted(names):
            if SUBSCRIBER not in self._tree.attributes(name).access_list:
                raise CwmpFault(9001, f"{name} may be written by the ACS alone: its AccessList is empty")

    async def _exclusively(self, work: Callable[[], Coroutine[Any, Any, _T]]) -> _T:
        return await self._lock.run(lambda: Deferred.fromCoroutine(work()))

    async def _carry_out(self, origin: Origin, plan: Plan, key: str | None) -> None:
        if key is not None:
            then = self._tree.after(plan.batch)
            plan = joined(plan, plan_values(then, [ParameterAssignment(self._key_path, key)], as_acs=False))
        change = Change(origin, plan)
        batch = replace(plan.batch, notes={**plan.batch.notes, **self._notes(change)})
        try:
            await self._store.save(batch)
        except StoreWriteError as error:
            raise CwmpFault(9002, f"the change could not be saved: {error}") from error
        self._tree.apply(plan)
        if plan.changed:
            self._observer(ParametersChanged(origin.value, tuple(plan.changed)))
        for listener in self._listeners:
            listener(change)
