"""The table InformParameter: what an ACS wants in its Informs besides what must be in them (TR-181 2.8)."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection

from cwmpagent.datamodel.identifiers import ANY, alias_in, segments
from cwmpagent.datamodel.resolve import Resolver
from cwmpagent.datamodel.schema import ObjectDefinition, is_instance_number
from cwmpagent.datamodel.tree import Tree
from cwmpagent.errors import CwmpFault
from cwmpagent.values import list_items

TABLE = "ManagementServer.InformParameter."
"""Its path below the root."""
VALUE_CHANGE = "4 VALUE CHANGE"
"""The one event that no entry may ask for: its Informs carry what has changed."""

_EVENT = re.compile(r"(\d|1[0-4]) [A-Z]+( [A-Z]+)*|M \w+|X \S+ \S.*", re.ASCII)
_NAME = re.compile(r"[A-Za-z_][\w-]*")


def patterns(tree: Tree) -> list[str]:
    """The ParameterName of each entry that is switched on."""
    return _entries(tree, lambda events: True)


def informed(tree: Tree, codes: Collection[str]) -> list[str]:
    """The parameters that an Inform with events of these ``codes`` must carry; what matches nothing is not in it."""
    resolver = Resolver(tree)
    found: dict[str, None] = {}
    for pattern in _entries(tree, lambda events: _concerned(events, codes)):
        try:
            paths = resolver.paths(pattern)
        except CwmpFault:
            continue
        found |= dict.fromkeys(path for path in paths if tree.exists(path) and tree.find(path).parameter is not None)
    return list(found)


def refusal(tree: Tree, path: str, text: str) -> str | None:
    """Why the parameter ``path``, if it is one of an entry, may not have the value ``text``; None where it may."""
    table = tree.model.root.path + TABLE
    if not path.startswith(table) or not text:
        return None
    name = path.rpartition(".")[2]
    if name == "EventList":
        wrong = [item for item in list_items(text) if item == VALUE_CHANGE or not _EVENT.fullmatch(item)]
        return f"each item must be the code of an event other than {VALUE_CHANGE}" if wrong else None
    return _name_refusal(tree, text) if name == "ParameterName" else None


def _entries(tree: Tree, wanted: Callable[[list[str]], bool]) -> list[str]:
    table = tree.model.root.path + TABLE
    if not tree.exists(table):
        return []
    found = []
    for number in tree.instances(table):
        row = f"{table}{number}."
        if tree.value(row + "Enable").text != "true" or not wanted(list_items(tree.value(row + "EventList").text)):
            continue
        found.append(tree.value(row + "ParameterName").text)
    return [pattern for pattern in found if pattern]


def _concerned(events: list[str], codes: Collection[str]) -> bool:
    return any(code in events for code in codes) if events else any(code != VALUE_CHANGE for code in codes)


def _name_refusal(tree: Tree, text: str) -> str | None:
    first, *parts = segments(text)
    if first != tree.model.root.name or not parts or not _NAME.fullmatch(parts[-1]):
        return f"must be the full name of a parameter, {tree.model.root.path}... without a dot at its end"
    template = tree.model.root.path
    for part in parts[:-1]:
        row = part == ANY or alias_in(part) is not None or is_instance_number(part or "0")
        above = tree.model.definition(template)
        if row and not (isinstance(above, ObjectDefinition) and above.table and not template.endswith("{i}.")):
            return f"{part} must stand for a row of a table"
        if not row and not _NAME.fullmatch(part):
            return "is no name of a parameter"
        template += "{i}." if row else part + "."
    for forced in tree.model.forced_inform:
        if _matches(tree, text, forced):
            return f"{forced} is in every Inform anyway and must not be here"
    return None


def _matches(tree: Tree, pattern: str, path: str) -> bool:
    parts, names = segments(pattern), path.split(".")
    if len(parts) != len(names):
        return False
    resolver = Resolver(tree)
    table = ""
    for part, name in zip(parts, names, strict=True):
        alias = alias_in(part)
        if alias is not None and resolver.number(table, alias) != (int(name) if is_instance_number(name) else None):
            return False
        if alias is None and part != name and not (part == ANY and is_instance_number(name)):
            return False
        table += name + "."
    return True
