"""Resolution of the paths of a request, with aliases and wildcards, to paths with instance numbers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from cwmpagent.datamodel.identifiers import ALIAS, ANY, alias_in, alias_parameter, alias_refusal, segments
from cwmpagent.datamodel.names import is_inside
from cwmpagent.datamodel.tree import Tree, unknown_path
from cwmpagent.gradual import Gradual


class _Table(NamedTuple):
    numbers: dict[str, int]
    aliases: dict[int, str]


class Resolver:
    """Resolver of the paths of one request. It caches aliases, so it is invalid after a change of the tree.

    After a new row with an alias it is valid again with :meth:`row_added`.
    """

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self._tables: dict[str, _Table] = {}

    def path(self, path: str) -> str:
        """``path`` with instance numbers instead of aliases; raises ``CwmpFault`` 9005 for an unknown alias.

        The caller checks whether the resulting path exists.
        """
        if "[" not in path:
            return path
        so_far = ""
        for segment in segments(path):
            alias = alias_in(segment)
            if alias is None:
                so_far += segment + "."
                continue
            number = self.number(so_far, alias)
            if number is None:
                raise unknown_path(path)
            so_far += f"{number}."
        return so_far[:-1]

    def paths(self, path: str) -> list[str]:
        """Existing paths that match ``path``, in which a row can be ``*``; empty if none exists.

        Raises ``CwmpFault`` 9005 if the model has no such path, for an unknown row before the first ``*``, and for an
        unknown alias as :meth:`path` does. A path without ``*`` is returned without a check of its existence.
        """
        return list(self.matches(path))

    def matches(self, path: str) -> Iterator[str]:
        """Iterate over :meth:`paths` of ``path``. Raises ``CwmpFault`` before the first one."""
        if ANY not in path:
            yield self.path(path)
            return
        *parts, last = segments(path)
        if ANY not in parts:
            yield self.path(path)
            return
        template = [part if part != ANY and alias_in(part) is None else "{i}" for part in parts]
        if self._tree.model.definition(".".join([*template, last])) is None:
            raise unknown_path(path)
        first = parts.index(ANY)
        start = self.path(".".join(parts[:first]) + ".")
        if not self._tree.exists(start):
            raise unknown_path(path)
        for above in self._below(start, parts[first:]):
            if not last or self._tree.exists(above + last):
                yield above + last

    def _below(self, above: str, parts: list[str]) -> Iterator[str]:
        if not parts:
            yield above
            return
        for below in self._rows(above, parts[0]):
            if self._tree.exists(below):
                yield from self._below(below, parts[1:])

    def number(self, table: str, alias: str) -> int | None:
        """Instance number of the row of ``table`` with this ``alias``, or ``None``."""
        return self._table(table).numbers.get(alias)

    def alias(self, table: str, number: int) -> str | None:
        """Alias of row ``number`` of ``table``, or ``None``."""
        return self._table(table).aliases.get(number)

    def row_added(self, tree: Tree, table: str, number: int, alias: str) -> None:
        """Use ``tree``, which has the new row ``number`` with this ``alias`` in ``table``, and no other change."""
        self._tree = tree
        known = self._table(table)
        known.numbers[alias] = number
        known.aliases[number] = alias

    def _rows(self, above: str, part: str) -> list[str]:
        if part == ANY:
            return [f"{above}{number}." for number in self._tree.instances(above)]
        alias = alias_in(part)
        if alias is None:
            return [f"{above}{part}."]
        number = self.number(above, alias)
        return [] if number is None else [f"{above}{number}."]

    def _table(self, path: str) -> _Table:
        table = self._tables.get(path)
        if table is None:
            table = self._tables[path] = self._read_table(path)
        return table

    def _read_table(self, path: str) -> _Table:
        tree, table = self._tree, _Table({}, {})
        node = tree.find(path) if tree.exists(path) else None
        parameter = alias_parameter(node.definition) if node is not None and node.is_table else None
        if parameter is None:
            return table
        for number in tree.instances(path):
            name = f"{path}{number}.{ALIAS}"
            text = "" if name in tree.model.absent else tree.value_of(name, parameter).text
            # Factory values may contain an invalid alias, or one alias twice: the first row has it.
            if alias_refusal(text) is None and table.numbers.setdefault(text, number) == number:
                table.aliases[number] = text
        return table


def parameters_gradually(tree: Tree, paths: Iterable[str]) -> Gradual[list[str]]:
    """Full names of the parameters that any of ``paths`` covers, each once; the paths are as in a request.

    Objects that several paths contain are visited once. Raises ``CwmpFault`` 9005 as :meth:`Resolver.paths` does, and
    for a path that does not exist.
    """
    resolver = Resolver(tree)
    distinct: dict[str, None] = {}
    for path in dict.fromkeys(paths):
        yield
        for match in resolver.matches(path or tree.model.root.path):
            tree.find(match)
            distinct[match] = None
            yield
    names: dict[str, None] = {}
    listed: set[str] = set()
    for path in distinct:
        yield
        if not is_inside(path, listed):
            for piece in tree.covered(path, listed.__contains__):
                names |= dict.fromkeys(name for name, _ in piece)
                yield
            if path.endswith("."):
                listed.add(path)
    return list(names)
