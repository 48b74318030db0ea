"""Names in answers: with instance numbers or aliases, as in the request or by InstanceMode (TR-069 3.6.1)."""

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
"""Largest length of a name in an RPC, in characters."""


def creates_rows(tree: Tree) -> bool:
    """Whether SetParameterValues creates rows that it names by a new alias (AutoCreateInstances)."""
    return _server(tree, "AutoCreateInstances") == "true"


def named_for_acs(tree: Tree, inform: Inform) -> Inform:
    """Copy of ``inform`` with parameter names in the form that InstanceMode selects."""
    naming = AnswerNames(tree)
    if not naming.by_alias:
        return inform
    parameters = tuple(replace(parameter, name=naming.name(parameter.name)) for parameter in inform.parameter_list)
    return replace(inform, parameter_list=parameters)


def as_written(fault: CwmpFault, plan: Plan) -> CwmpFault:
    """Copy of ``fault``, with which the device refuses ``plan``, with the names as in the request.

    If the device refuses a row that would be created for values, the fault applies to each of these values.
    """
    inside = sorted(name for name in plan.assigned if plan.added and name.startswith(plan.added))
    faults = fault.parameters
    if inside and not faults and fault.code != 9002:
        faults = tuple(ParameterFault(name, fault.code, fault.text) for name in inside)
        fault = CwmpFault(9003)
    renamed = tuple(entry._replace(name=plan.written.get(entry.name, entry.name)) for entry in faults)
    return CwmpFault(fault.code, fault.text, renamed)


class AnswerNames:
    """Resolves the paths of one request, and forms the names of its answer, for the present state of a tree."""

    def __init__(self, tree: Tree) -> None:
        self.by_alias = _server(tree, "InstanceMode") == "InstanceAlias"
        self._resolver = Resolver(tree)
        self._objects = {"": ""}

    def answer(self, paths: Sequence[str], read: Callable[[str], Iterable[tuple[str, _T]]]) -> Iterator[tuple[str, _T]]:
        """Iterate over the items that ``read`` returns for the requested paths, with the names to return, each once.

        ``paths`` are as in the request; ``read`` is called with instance numbers. Raises CwmpFault 9005.
        """
        returned: set[str] = set()
        for requested in paths:
            for path in self._resolver.paths(requested):
                objects = {path: path if requested == path else self._as_requested(requested, path)}
                for name, item in read(path):
                    answer_name = self._answer_name(name, path, objects)
                    if answer_name not in returned:
                        returned.add(answer_name)
                        yield answer_name, item

    def name(self, path: str) -> str:
        """Name of a parameter that was not requested, in the form that InstanceMode selects."""
        return self._answer_name(path, "", self._objects)

    def _answer_name(self, name: str, start: str, objects: dict[str, str]) -> str:
        """Answer name of ``name``, which begins with ``start``.

        ``objects``: path -> answer name, of ``start`` and of other objects; results are added.
        """
        if name in objects:
            return objects[name]
        by_number = objects[start] + name.removeprefix(start)
        if not self.by_alias:
            return by_number
        above, _, last = name.removesuffix(".").rpartition(".")
        table = above + "." if above else ""
        by_alias = self._answer_name(table, start, objects) + self._identifier(table, last)
        if name[-1] == ".":
            by_alias = objects[name] = by_alias + "."
        return by_alias if len(by_alias) <= LONGEST_NAME else by_number

    def _as_requested(self, requested: str, path: str) -> str:
        """``path`` with the identifiers of ``requested``; those in place of wildcards are by InstanceMode."""
        prefix, parts = "", []
        for part, number in zip(segments(requested), path.split("."), strict=True):
            parts.append(self._identifier(prefix, number) if part == ANY else part)
            prefix += number + "."
        return ".".join(parts)

    def _identifier(self, table: str, number: str) -> str:
        alias = self._resolver.alias(table, int(number)) if self.by_alias and is_instance_number(number) else None
        return number if alias is None else f"[{alias}]"


def _server(tree: Tree, name: str) -> str:
    path = f"{tree.model.root.path}ManagementServer.{name}"
    return tree.value(path).text if tree.exists(path) else ""
