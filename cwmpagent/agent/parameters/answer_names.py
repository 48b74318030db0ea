"""Names in answers: with instance numbers or aliases, as in the request or by InstanceMode (TR-069 3.6.1)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Generic, NamedTuple, TypeVar

from cwmpagent.datamodel.identifiers import ANY, segments
from cwmpagent.datamodel.names import objects_above
from cwmpagent.datamodel.plan import Plan
from cwmpagent.datamodel.resolve import Resolver
from cwmpagent.datamodel.schema import is_instance_number
from cwmpagent.datamodel.tree import Tree
from cwmpagent.errors import CwmpFault, ParameterFault
from cwmpagent.protocol.rpc import Inform

_T = TypeVar("_T")
_T_co = TypeVar("_T_co", covariant=True)
LONGEST_NAME = 256
"""Largest length of a name in an RPC, in characters."""


class Entry(NamedTuple, Generic[_T_co]):
    """One item of an answer. ``name``: as in the answer; ``path``: with instance numbers."""

    name: str
    path: str
    item: _T_co


Skips = Callable[[str], bool]
Pieces = Callable[[str, Skips], Iterator[Sequence[tuple[str, _T]]]]
"""Function that lists a path with instance numbers in pieces, without the objects for which ``Skips`` is true."""


def creates_rows(tree: Tree) -> bool:
    """Whether SetParameterValues creates rows that it names by a new alias (AutoCreateInstances)."""
    return _server(tree, "AutoCreateInstances") == "true"


def from_root(tree: Tree, paths: Sequence[str]) -> list[str]:
    """Copy of the requested ``paths``, with the root object for the empty path, which means the same."""
    return [path or tree.model.root.path for path in paths]


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
    """Resolves the paths of one request, and forms the names of its answer, for a tree that does not change meanwhile.

    Objects that are listed: path -> name in the request -> answer names of objects below it.
    """

    def __init__(self, tree: Tree) -> None:
        self.by_alias = _server(tree, "InstanceMode") == "InstanceAlias"
        self._tree = tree
        self._resolver = Resolver(tree)
        self._objects = {"": ""}
        self._listed: dict[str, dict[str, dict[str, str]]] = {}

    def answer(self, paths: Sequence[str], pieces: Pieces[_T]) -> Iterator[list[Entry[_T]]]:
        """Iterate over the items below the requested paths in pieces, some of them empty; each item is there once.

        ``paths`` are as in the request. Objects that several of them contain are listed once. Raises CwmpFault 9005.
        """
        returned: set[str] = set()
        for requested in dict.fromkeys(paths):
            for path in self._resolver.matches(requested):
                given = path if requested == path else self._as_requested(requested, path)
                if self._is_listed(path, given):
                    self._tree.find(path)
                    yield []
                    continue
                for piece in self._piece_by_piece(path, given, pieces):
                    entries = []
                    for name, entry_path, item in piece:
                        if name not in returned:
                            returned.add(name)
                            entries.append(Entry(name, entry_path, item))
                    yield entries

    def _piece_by_piece(self, start: str, given: str, pieces: Pieces[_T]) -> Iterator[Iterator[tuple[str, str, _T]]]:
        """Pieces of the object or parameter ``start``, which the request names ``given``, with answer names."""
        objects = {start: given}
        listed = self._listed

        def skips(path: str) -> bool:
            return path in listed and self._answer_name(path, start, objects) in listed[path]

        for piece in pieces(start, skips):
            yield ((self._answer_name(path, start, objects), path, item) for path, item in piece)
        if start.endswith("."):
            listed.setdefault(start, {})[given] = objects

    def _is_listed(self, path: str, given: str) -> bool:
        """Whether ``path`` is in an object that is listed, and with the same names that a request of ``given`` gets."""
        return any(
            self._answer_name(path, above, objects) == given
            for above in (*objects_above(path), path)
            for objects in self._listed.get(above, {}).values()
        )

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
