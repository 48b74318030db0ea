"""Unique keys of tables (TR-106 ``uniqueKey``): finds rows with the same key after a change."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from cwmpagent.datamodel.identifiers import ALIAS, alias_parameter
from cwmpagent.datamodel.schema import ObjectDefinition, UniqueKey, is_instance_number
from cwmpagent.datamodel.tree import Tree
from cwmpagent.gradual import Gradual, at_once

_BY_ALIAS = UniqueKey((ALIAS,), functional=False)


def clashing(tree: Tree, changed: Iterable[str]) -> dict[str, str]:
    """Parameters among ``changed`` that give their row in ``tree`` the key of another row, each with a reason.

    An existing clash between rows without a changed parameter is not reported.
    """
    return at_once(clashing_gradually(tree, changed))


def clashing_gradually(tree: Tree, changed: Iterable[str]) -> Gradual[dict[str, str]]:
    """The same as :func:`clashing`, in small pieces."""
    reasons: dict[str, str] = {}
    for (table, key), names_of_row in (yield from _affected_keys(tree, changed)).items():
        definition = tree.find(table).definition
        rows: dict[tuple[str, ...], list[str]] = {}
        for row, values in _keyed_rows(tree, table, definition, key):
            rows.setdefault(values, []).append(row)
            yield
        for row in (row for same in rows.values() if len(same) > 1 for row in same):
            names = names_of_row.get(row, ())
            # A changed enable parameter is at fault only if no parameter of the key was changed.
            in_key = [name for name in names if name.removeprefix(row) in key.parameters]
            reasons |= dict.fromkeys(in_key or names, f"{', '.join(key.parameters)} must be unique in {table}")
    return reasons


def _affected_keys(tree: Tree, changed: Iterable[str]) -> Gradual[dict[tuple[str, UniqueKey], dict[str, list[str]]]]:
    """Tables and keys that the ``changed`` parameters affect, with those parameters by row."""
    affected: dict[tuple[str, UniqueKey], dict[str, list[str]]] = {}
    for name in changed:
        yield
        above = name.rpartition(".")[0]
        while "." in above:
            table, _, number = above.rpartition(".")
            if is_instance_number(number):
                row = above + "."
                definition = tree.find(row).definition
                relative = name.removeprefix(row)
                for key in _keys(definition):
                    if relative in key.parameters or (key.functional and relative == definition.enable):
                        affected.setdefault((table + ".", key), {}).setdefault(row, []).append(name)
            above = table
    return affected


def _keys(definition: ObjectDefinition) -> tuple[UniqueKey, ...]:
    """Unique keys of a table; the alias of its rows is always one of them."""
    if alias_parameter(definition) is None or _BY_ALIAS in definition.unique_keys:
        return definition.unique_keys
    return (*definition.unique_keys, _BY_ALIAS)


def _keyed_rows(
    tree: Tree, table: str, definition: ObjectDefinition, key: UniqueKey
) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Rows of ``table`` to which the key applies, each with the values of its key."""
    parameters = [(name, definition.parameter(name)) for name in key.parameters]
    defaults = tuple(parameter.default for _, parameter in parameters)
    enable = definition.parameter(definition.enable) if key.functional and definition.enable else None
    for number in tree.instances(table):
        row = f"{table}{number}."
        if enable is not None and tree.value_of(row + enable.name, enable).text != "true":
            continue
        values = tuple(tree.value_of(row + name, parameter).text for name, parameter in parameters)
        if enable is not None or values != defaults:
            yield row, values
