"""The table InformParameter: parameters that an ACS adds to the Informs of the device (TR-181 2.8)."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection

from cwmpagent.datamodel.identifiers import ANY, alias_in, segments
from cwmpagent.datamodel.resolve import Resolver
from cwmpagent.datamodel.schema import ObjectDefinition, is_instance_number, is_name
from cwmpagent.datamodel.tree import Tree
from cwmpagent.errors import CwmpFault
from cwmpagent.values import list_items

TABLE = "ManagementServer.InformParameter."
"""Path of the table below the root object."""
VALUE_CHANGE = "4 VALUE CHANGE"
"""The only event that an EventList cannot contain: its Informs carry the changed parameters."""

_EVENT = re.compile(r"(\d|1[0-4]) [A-Z]+( [A-Z]+)*|M \w+|X \S+ \S.*", re.ASCII)


def patterns(tree: Tree) -> list[str]:
    """ParameterName of each enabled entry, each once."""
    return _entries(tree, lambda events: True)


def informed(tree: Tree, codes: Collection[str]) -> list[str]:
    """Parameters that an Inform with the event ``codes`` must carry; entries that match nothing are ignored."""
    resolver = Resolver(tree)
    names: dict[str, None] = {}
    for pattern in _entries(tree, lambda events: _applies(events, codes)):
        try:
            paths = resolver.paths(pattern)
        except CwmpFault:
            continue
        names |= dict.fromkeys(path for path in paths if tree.exists(path) and tree.find(path).parameter is not None)
    return list(names)


def inform_parameter_refusal(tree: Tree, path: str, text: str) -> str | None:
    """Reason why the parameter ``path`` of an entry cannot have the value ``text``.

    ``None`` if the value is permitted, or if ``path`` is not a parameter of the table.
    """
    table = tree.model.root.path + TABLE
    if not path.startswith(table) or not text:
        return None
    name = path.rpartition(".")[2]
    if name == "EventList":
        invalid = [item for item in list_items(text) if item == VALUE_CHANGE or not _EVENT.fullmatch(item)]
        return f"each item must be the code of an event other than {VALUE_CHANGE}" if invalid else None
    return _name_refusal(tree, text) if name == "ParameterName" else None


def _entries(tree: Tree, matches: Callable[[list[str]], bool]) -> list[str]:
    table = tree.model.root.path + TABLE
    if not tree.exists(table):
        return []
    names: dict[str, None] = {}
    for number in tree.instances(table):
        row = f"{table}{number}."
        if tree.value(row + "Enable").text != "true" or not matches(list_items(tree.value(row + "EventList").text)):
            continue
        names[tree.value(row + "ParameterName").text] = None
    return [name for name in names if name]


def _applies(events: list[str], codes: Collection[str]) -> bool:
    return any(code in events for code in codes) if events else any(code != VALUE_CHANGE for code in codes)


def _name_refusal(tree: Tree, text: str) -> str | None:
    first, *parts = segments(text)
    if first != tree.model.root.name or not parts or not is_name(parts[-1]):
        return f"must be the full name of a parameter, {tree.model.root.path}... without a dot at its end"
    template = tree.model.root.path
    for part in parts[:-1]:
        row = part == ANY or alias_in(part) is not None or is_instance_number(part)
        above = tree.model.definition(template)
        if row and not (isinstance(above, ObjectDefinition) and above.table and not template.endswith("{i}.")):
            return f"{part} must stand for a row of a table"
        if not row and not is_name(part):
            return "is not the name of a parameter"
        template += "{i}." if row else part + "."
    for forced in tree.model.forced_inform:
        if _matches(tree, text, forced):
            return f"{forced} is already in every Inform and must not be listed"
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
