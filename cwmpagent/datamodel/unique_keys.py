"""Unique keys of tables (TR-106 ``uniqueKey``): whether a change leaves two rows with the same key."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from cwmpagent.datamodel.identifiers import ALIAS, alias_parameter
from cwmpagent.datamodel.schema import ObjectDefinition, UniqueKey, is_instance_number
from cwmpagent.datamodel.tree import Tree

_BY_ALIAS = UniqueKey((ALIAS,), functional=False)


def clashing(tree: Tree, touched: Iterable[str]) -> dict[str, str]:
    """Parameters among ``touched`` that give their row in ``tree`` the key of another row, each with a sentence.

    A clash that was there before, between rows of which nothing was touched, is nobody's fault and not listed.
    """
    reasons: dict[str, str] = {}
    for (table, key), names_of_row in _concerned(tree, touched).items():
        definition = tree.find(table).definition
        rows: dict[tuple[str, ...], list[str]] = {}
        for row, values in _bound(tree, table, definition, key):
            rows.setdefault(values, []).append(row)
        for row in (row for same in rows.values() if len(same) > 1 for row in same):
            names = names_of_row.get(row, ())
            # Where the key itself was given, switching the row on is not what was wrong.
            given = [name for name in names if name.removeprefix(row) in key.parameters]
            reasons |= dict.fromkeys(given or names, f"{', '.join(key.parameters)} must be unique in {table}")
    return reasons


def _concerned(tree: Tree, touched: Iterable[str]) -> dict[tuple[str, UniqueKey], dict[str, list[str]]]:
    """Each table and key that ``touched`` parameters decide about, with those parameters by row."""
    concerned: dict[tuple[str, UniqueKey], dict[str, list[str]]] = {}
    for name in touched:
        above = name.rpartition(".")[0]
        while "." in above:
            table, _, number = above.rpartition(".")
            if is_instance_number(number):
                row = above + "."
                definition = tree.find(row).definition
                relative = name.removeprefix(row)
                for key in _keys(definition):
                    if relative in key.parameters or (key.functional and relative == definition.enable):
                        concerned.setdefault((table + ".", key), {}).setdefault(row, []).append(name)
            above = table
    return concerned


def _keys(definition: ObjectDefinition) -> tuple[UniqueKey, ...]:
    """The keys of a table: a row's alias is one, whatever its model says."""
    if alias_parameter(definition) is None or _BY_ALIAS in definition.unique_keys:
        return definition.unique_keys
    return (*definition.unique_keys, _BY_ALIAS)


def _bound(
    tree: Tree, table: str, definition: ObjectDefinition, key: UniqueKey
) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Every row of ``table`` that the key binds, with its key."""
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
