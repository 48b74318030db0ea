"""Refresh of rows and values of the tree from the real device, before they are sent."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from cwmpagent.agent.facts import Observer, Warned
from cwmpagent.agent.long_work import LongWork
from cwmpagent.agent.parameters.changes import Changes
from cwmpagent.agent.parameters.provider_calls import GuardedProvider, Unavailable
from cwmpagent.agent.parameters.provider_rows import ProviderRows
from cwmpagent.agent.parameters.provider_values import ProviderValues, unreadable_fault
from cwmpagent.datamodel.resolve import parameters_gradually
from cwmpagent.datamodel.tree import Tree
from cwmpagent.errors import CwmpFault


class Refresher:
    """Refreshes rows and values before RPCs and Informs read the tree. Without providers it does nothing."""

    def __init__(
        self,
        tree: Tree,
        values: ProviderValues,
        rows: ProviderRows,
        changes: Changes,
        long_work: LongWork,
        observer: Observer,
    ) -> None:
        self._tree = tree
        self._values = values
        self._rows = rows
        self._changes = changes
        self._long_work = long_work
        self._observer = observer

    async def rows(self, paths: Sequence[str]) -> frozenset[str]:
        """Refresh the rows that determine the parameters in ``paths``. Returns the tables for which that failed.

        Those tables keep their present rows.
        """
        failed: set[str] = set()
        unavailable: set[GuardedProvider] = set()
        for template, provider in await self._long_work.run(self._rows.tables_for(paths)):
            for table in self._rows.stale_tables(template):
                if provider in unavailable:
                    failed.add(table)
                    continue
                try:
                    await self._changes.supply_rows(table, await self._rows.read_keys(table, provider))
                except Unavailable:
                    unavailable.add(provider)
                    failed.add(table)
                except CwmpFault as fault:  # not saved; the next refresh tries again
                    self._observer(Warned(f"cannot refresh the rows of {table}: {fault.text}"))
        return frozenset(failed)

    async def read(self, paths: Sequence[str]) -> None:
        """Refresh all rows and values in ``paths`` (GetParameterValues).

        Raises CwmpFault 9005 for an unknown path, and 9002 if any part could not be read: no partial answer is
        permitted.
        """
        unreadable = await self.freshen_below(paths)
        if unreadable:
            raise unreadable_fault(unreadable)

    async def freshen_below(self, paths: Sequence[str]) -> list[str]:
        """Refresh all rows and values in ``paths`` as far as possible. Returns the names that could not be read.

        Raises CwmpFault 9005 for an unknown path.
        """
        failed = tuple(await self.rows(paths))
        names = await self._long_work.run(parameters_gradually(self._tree.snapshot(None), paths))
        outdated = [name for name in names if name.startswith(failed)] if failed else []
        readable = [name for name in names if not name.startswith(failed)] if failed else names
        return [*outdated, *await self._values.refresh(readable)]

    def snapshot(self) -> Tree:
        """The tree with the present values of the device. Later changes and readings do not affect it."""
        return self._tree.snapshot(dict(self._values.known).get)

    async def reread(self, path: str, names: Sequence[str]) -> frozenset[str]:
        """As :meth:`freshen` for the ``names`` in ``path``, but values and rows read before are not reused."""
        self._values.invalidate(path)
        if path.endswith("."):
            self._rows.forget()
            await self.rows([path])
        return await self.freshen(names)

    def outdate(self, table: str) -> None:
        """Do not reuse what was read of ``table`` and its rows: the device has others now."""
        self._values.invalidate(table)
        self._rows.forget()

    async def freshen(self, names: Iterable[str]) -> frozenset[str]:
        """Refresh these parameters as far as possible. Returns the names that could not be read; never raises."""
        names = list(names)
        failed = tuple(await self.rows(names))
        unreadable = {name for name in names if failed and name.startswith(failed)}
        return frozenset(unreadable) | await self._values.refresh([name for name in names if name not in unreadable])
