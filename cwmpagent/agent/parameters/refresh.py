"""The real device behind the tree: its rows and values brought up to date for whoever is about to answer with them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from cwmpagent.agent.facts import Observer, Warned
from cwmpagent.agent.parameters.changes import Changes
from cwmpagent.agent.parameters.provider_calls import GuardedProvider, Unavailable
from cwmpagent.agent.parameters.provider_rows import ProviderRows
from cwmpagent.agent.parameters.provider_values import ProviderValues, unread
from cwmpagent.datamodel.resolve import Resolver
from cwmpagent.datamodel.tree import Tree
from cwmpagent.errors import CwmpFault


class Refresher:
    """What RPCs and Informs ask before they look into the tree. Without providers it does nothing, at once."""

    def __init__(
        self, tree: Tree, values: ProviderValues, rows: ProviderRows, changes: Changes, observer: Observer
    ) -> None:
        self._tree = tree
        self._values = values
        self._rows = rows
        self._changes = changes
        self._observer = observer

    async def rows(self, paths: Sequence[str]) -> frozenset[str]:
        """Bring the rows that decide what ``paths`` cover up to date; the tables of which that was impossible.

        Those keep the rows they have: their parameters cannot be read either, or are what they were.
        """
        failed: set[str] = set()
        hanging: set[GuardedProvider] = set()
        for template, provider in self._rows.concerned(paths):
            for table in self._rows.real(template):
                if provider in hanging:
                    failed.add(table)
                    continue
                try:
                    await self._changes.supply_rows(table, await self._rows.ask(table, provider))
                except Unavailable:
                    hanging.add(provider)
                    failed.add(table)
                except CwmpFault as fault:  # not saved: the next time is as good
                    self._observer(Warned(f"the rows of {table} are not brought up to date: {fault.text}"))
        return frozenset(failed)

    async def read(self, paths: Sequence[str]) -> None:
        """Bring everything that ``paths`` cover up to date (GetParameterValues).

        Raises CwmpFault 9005 for an unknown path, and 9002 where anything of it could not be read: there is no answer
        by half.
        """
        failed = await self.rows(paths)
        resolver = Resolver(self._tree)
        names = [name for path in paths for each in resolver.paths(path) for name in self._tree.parameters(each)]
        below = tuple(failed)
        lost = [name for name in names if below and name.startswith(below)]
        if lost:
            raise unread(lost)
        lost = [*await self._values.refresh(names)]
        if lost:
            raise unread(lost)

    async def reread(self, path: str, names: Sequence[str]) -> frozenset[str]:
        """As :meth:`freshen` for the ``names`` in ``path``, where whatever was read before is not to be given again."""
        self._values.doubt(path)
        if path.endswith("."):
            self._rows.forget()
            await self.rows([path])
        return await self.freshen(names)

    async def freshen(self, names: Iterable[str]) -> frozenset[str]:
        """Bring these parameters up to date as far as possible; those that could not be read. Raises nothing."""
        wanted = list(names)
        failed = tuple(await self.rows(wanted))
        lost = {name for name in wanted if failed and name.startswith(failed)}
        return frozenset(lost) | await self._values.refresh([name for name in wanted if name not in lost])
