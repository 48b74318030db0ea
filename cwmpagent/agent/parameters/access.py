"""Writable as an ACS and a person at the device are shown it (TR-069 A.3.2.3): what the model and the device allow.

A parameter, table or row of a provider is writable only if the provider can change it.
"""

from __future__ import annotations

from collections.abc import Iterable

from cwmpagent.agent.parameters.provider_calls import GuardedProviders
from cwmpagent.datamodel.names import named
from cwmpagent.datamodel.schema import ObjectDefinition
from cwmpagent.datamodel.tree import Tree


class Access:
    """Writable of the parameters, tables and rows of one device. Paths have instance numbers, as for the tree."""

    def __init__(self, tree: Tree, providers: GuardedProviders) -> None:
        self._tree = tree
        self._providers = providers
        self._fixed_inside: dict[str, tuple[str, ...]] = {}
        # Most of a tree is of no provider: this is cheaper than to look for the provider of each name.
        self._supplied = tuple({path.partition("{i}")[0] for each in providers.all for path in each.provider.paths})

    def writable(self, path: str) -> bool:
        """Writable of ``path``. Raises CwmpFault 9005."""
        return self._tree.writable(path) and self._can_change(path, self._tree)

    def names(self, path: str, next_level: bool) -> list[tuple[str, bool]]:
        """Names and Writable for GetParameterNames. Raises CwmpFault as :meth:`Tree.names`."""
        return self.restricted(self._tree.names(path, next_level), self._tree)

    def restricted(self, listed: Iterable[tuple[str, bool]], tree: Tree) -> list[tuple[str, bool]]:
        """``listed`` names of ``tree``, with Writable false where the device cannot change it."""
        return [(name, writable and self._can_change(name, tree)) for name, writable in listed]

    def _can_change(self, path: str, tree: Tree) -> bool:
        if not path.startswith(self._supplied):
            return True
        name = named(path, {})
        provider = self._providers.owner(name)
        if provider is not None and not provider.can_change(name):
            return False
        if not name.template.endswith("{i}."):
            return True
        # DeleteObject deletes the rows inside, too.
        return not any(_has_rows(tree, path, inner) for inner in self._fixed(name.template))

    def _fixed(self, row: str) -> tuple[str, ...]:
        """Tables inside a row, relative to it, whose rows no provider can delete; ``row`` is a template."""
        if row not in self._fixed_inside:
            definition = self._tree.model.definition(row)
            assert isinstance(definition, ObjectDefinition)
            tables = [inner.path.removesuffix("{i}.") for inner in definition.walk() if inner.table]
            inside = [table for table in tables if table != row.removesuffix("{i}.")]
            owned = [(table, self._providers.owner(named(table, {}))) for table in inside]
            self._fixed_inside[row] = tuple(
                table.removeprefix(row)
                for table, provider in owned
                if provider is not None and not provider.can_change(named(table, {}))
            )
        return self._fixed_inside[row]


def _has_rows(tree: Tree, row: str, inner: str) -> bool:
    first, found, rest = inner.partition("{i}.")
    if not tree.exists(row + first):
        return False
    numbers = tree.instances(row + first)
    return any(_has_rows(tree, f"{row}{first}{number}.", rest) for number in numbers) if found else bool(numbers)
