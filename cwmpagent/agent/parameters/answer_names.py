"""The names in an answer: rows by number or alias, as the ACS wrote them or as its InstanceMode says (TR-069 3.6.1)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TypeVar

from cwmpagent.datamodel.identifiers import ANY, segments
from cwmpagent.datamodel.plan import Plan
from cwmpagent.datamodel.resolve import Resolver
from cwmpagent.datamodel.schema import is_instance_number
from cwmpagent.datamodel.tree import Tree
from cwmpagent.errors import CwmpFault, ParameterFault
from cwmpagent.protocol.rpc import Inform

_T = TypeVar("_T")
LONGEST_NAME = 256
"""Characters of a name in an RPC."""


def creates_rows(tree: Tree) -> bool:
    """Whether a SetParameterValues creates the rows that it names by a new alias (AutoCreateInstances)."""
    return _server(tree, "AutoCreateInstances") == "true"


def told(tree: Tree, inform: Inform) -> Inform:
    """``inform`` with the names as the ACS wants to see them."""
    naming = AnswerNames(tree)
    if not naming.by_alias:
        return inform
    return replace(
        inform, parameter_list=tuple(replace(each, name=naming.name(each.name)) for each in inform.parameter_list)
    )


def as_written(fault: CwmpFault, plan: Plan) -> CwmpFault:
    """The ``fault`` of a device that refuses ``plan``, with the names that were written.

    Where it refuses a row that was to be created for values, the fault is that of those.
    """
    inside = sorted(name for name in plan.assigned if plan.added and name.startswith(plan.added))
    faults = fault.parameters
    if inside and not faults and fault.code != 9002:
        faults = tuple(ParameterFault(name, fault.code, fault.text) for name in inside)
        fault = CwmpFault(9003)
    named = tuple(ParameterFault(plan.written.get(each.name, each.name), each.code, each.text) for each in faults)
    return CwmpFault(fault.code, fault.text, named)


class AnswerNames:
    """Reads the paths of one request and writes the names of its answer, for a tree as it is now."""

    def __init__(self, tree: Tree) -> None:
        self.by_alias = _server(tree, "InstanceMode") == "InstanceAlias"
        self._resolver = Resolver(tree)
        self._objects = {"": ""}

    def answer(
        self, paths: Sequence[str], found: Callable[[str], Iterable[tuple[str, _T]]]
    ) -> Iterator[tuple[str, _T]]:
        """What ``found`` gives for each path that is asked for, with the names to return; each name once.

        A path is asked for as the ACS wrote it, ``found`` has it with instance numbers. Raises CwmpFault 9005.
        """
        given: set[str] = set()
        for asked in paths:
            for path in self._resolver.paths(asked):
                objects = {path: path if asked == path else self._as_asked(asked, path)}
                for name, item in found(path):
                    shown = self._shown(name, path, objects)
                    if shown not in given:
                        given.add(shown)
                        yield shown, item

    def name(self, path: str) -> str:
        """The name of a parameter that nobody asked for, as the InstanceMode wants it."""
        return self._shown(path, "", self._objects)

    def _shown(self, name: str, start: str, objects: dict[str, str]) -> str:
        """``name``, which begins with ``start``; ``objects`` has that, and what is known besides, as it is shown."""
        if name in objects:
            return objects[name]
        by_number = objects[start] + name.removeprefix(start)
        if not self.by_alias:
            return by_number
        above, _, last = name.removesuffix(".").rpartition(".")
        table = above + "." if above else ""
        shown = self._shown(table, start, objects) + self._identifier(table, last)
        if name[-1] == ".":
            shown = objects[name] = shown + "."
        return shown if len(shown) <= LONGEST_NAME else by_number

    def _as_asked(self, asked: str, path: str) -> str:
        """``path`` with the identifiers that ``asked`` has, and those of its wildcards by the InstanceMode."""
        so_far, shown = "", []
        for part, number in zip(segments(asked), path.split("."), strict=True):
            shown.append(self._identifier(so_far, number) if part == ANY else part)
            so_far += number + "."
        return ".".join(shown)

    def _identifier(self, table: str, number: str) -> str:
        alias = self._resolver.alias(table, int(number)) if self.by_alias and is_instance_number(number) else None
        return number if alias is None else f"[{alias}]"


def _server(tree: Tree, name: str) -> str:
    path = f"{tree.model.root.path}ManagementServer.{name}"
    return tree.value(path).text if tree.exists(path) else ""
