"""Planning of AddObject and DeleteObject (TR-069 A.3.2.6, A.3.2.7)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from cwmpagent.datamodel.identifiers import ALIAS, alias_in, alias_parameter, alias_refusal, own_alias, segments
from cwmpagent.datamodel.overlay import split_row
from cwmpagent.datamodel.plan import Plan, differences
from cwmpagent.datamodel.resolve import Resolver
from cwmpagent.datamodel.schema import HIGHEST_INSTANCE, ObjectDefinition
from cwmpagent.datamodel.tree import Tree
from cwmpagent.datamodel.unique_keys import clashing
from cwmpagent.errors import CwmpFault
from cwmpagent.records import Attributes, Batch


def plan_add(
    tree: Tree, path: str, *, as_acs: bool = True, number: int | None = None, resolver: Resolver | None = None
) -> tuple[Plan, int]:
    """Plan a new row in the table ``path`` (AddObject); returns the plan and the instance number.

    ``Table.[alias].`` sets the alias of the row; otherwise the device assigns one. With ``as_acs`` false, the device
    itself adds the row, in any table and without the limit of rows. ``number``: the instance number, if the row had one
    before. ``resolver``: one of ``tree``, if the caller has it. Raises ``CwmpFault``: 9005 if ``path`` is not a table
    in which rows can be created, 9004 if it is full, 9003 for an alias that is invalid or in use.
    """
    resolver = resolver or Resolver(tree)
    path, alias = _named_row(path)
    path = resolver.path(path)
    node = tree.find(path)
    if not (node.is_table and (tree.writable(path) or not as_acs)):
        raise CwmpFault(9005, f"{path} is not a table in which objects can be created")
    if alias is not None:
        _check_alias(node.definition, path, alias, resolver)
    limit = node.definition.max_rows if as_acs else None
    last = tree.last_instance(path)
    number = last + 1 if number is None else number
    if number > HIGHEST_INSTANCE or (limit is not None and len(tree.instances(path)) >= limit):
        raise CwmpFault(9004, f"{path} is full" if limit is None else f"{path} holds at most {limit} objects")
    row = f"{path}{number}."
    exists = None if number in tree.model.rows.get(path, ()) else True
    batch = Batch(
        rows={row: exists}, counters={path: max(number, last)}, values=_alias_of_new(tree, row, exists, alias)
    )
    changed = differences(tree, tree.after(batch), _counter(tree, path, node.definition))
    return Plan(batch=batch, changed=changed, added=(row,)), number


def plan_delete(tree: Tree, path: str, *, as_acs: bool = True) -> Plan:
    """Plan the deletion of the row ``path`` and everything below it (DeleteObject); references to it become empty.

    With ``as_acs`` false, the device itself removes the row, in any table. Raises ``CwmpFault`` 9005 if ``path`` is not
    an existing row that can be deleted.
    """
    path = Resolver(tree).path(path)
    definition, parameter, is_table = tree.find(path)
    if parameter is not None or is_table or not (definition.table and (tree.writable(path) or not as_acs)):
        raise CwmpFault(9005, f"{path} is not an object that can be deleted")
    values: dict[str, str | None] = {}
    attributes: dict[str, Attributes | None] = {}
    counters: dict[str, int | None] = {}
    rows: dict[str, bool | None] = {}
    overlay = tree.overlay
    for name, node in tree.below(path):
        if node.is_table:
            if name in overlay.counters:
                counters[name] = None
            # Entries of factory rows that were deleted earlier are removed as well.
            deleted = set(tree.model.rows.get(name, ())) - set(tree.instances(name))
            rows |= dict.fromkeys((f"{name}{number}." for number in deleted), None)
        elif node.parameter is None and node.definition.table:
            rows[name] = None
        else:
            if name in overlay.values:
                values[name] = None
            if name in overlay.attributes:
                attributes[name] = None
    table, number = split_row(path)
    rows[path] = False if number in tree.model.rows.get(table, ()) else None
    emptied = dict(_emptied(tree, path))
    batch = Batch(values=values | emptied, attributes=attributes, rows=rows, counters=counters)
    changed = differences(tree, tree.after(batch), [*emptied, *_counter(tree, table, definition)])
    removed = tuple(name for name in rows if tree.exists(name))
    return Plan(batch=batch, changed=changed, removed=removed)


def _named_row(path: str) -> tuple[str, str | None]:
    """Table and alias of ``Table.[alias].``; the alias is ``None`` for ``Table.``."""
    *above, last, end = ["", *segments(path)]
    alias = None if end else alias_in(last)
    return (path, None) if alias is None else (".".join([*above[1:], ""]), alias)


def _check_alias(definition: ObjectDefinition, table: str, alias: str, resolver: Resolver) -> None:
    parameter = alias_parameter(definition)
    if parameter is None:
        raise CwmpFault(9005, f"the rows of {table} have no alias")
    refusal = alias_refusal(alias) or parameter.refusal(alias)
    if refusal is None and resolver.number(table, alias) is not None:
        refusal = f"{ALIAS} must be unique in {table}"
    if refusal:
        raise CwmpFault(9003, refusal)


def _alias_of_new(tree: Tree, row: str, exists: bool | None, alias: str | None) -> Mapping[str, str]:
    """Alias to save with a new row: the requested one, or one of the device if its default alias is in use."""
    path = row + ALIAS
    if alias is not None:
        return {path: alias}
    after = tree.after(Batch(rows={row: exists}))
    attempt = 1
    while clashing(after, [path]):
        attempt += 1
        after = after.after(Batch(values={path: own_alias(split_row(row)[1], attempt)}))
    return {path: after.value(path).text} if attempt > 1 else {}


def _counter(tree: Tree, table: str, definition: ObjectDefinition) -> list[str]:
    """Path of the parameter that counts the rows of ``table``, in a list; empty if there is none."""
    parent = table.removesuffix(".").rpartition(".")[0] + "."
    path = parent + definition.number_of_entries
    return [path] if definition.number_of_entries and tree.exists(path) else []


def _emptied(tree: Tree, row: str) -> Iterable[tuple[str, str]]:
    """Parameters outside ``row`` that refer to it or below it, each with its text without these references."""
    for path, text in tree.given_values():
        if row.removesuffix(".") not in text or path.startswith(row) or not tree.exists(path):
            continue
        parameter = tree.definition(path)
        if parameter.reference is None:
            continue
        kept = [item for item in parameter.items(text) if not (item.removesuffix(".") + ".").startswith(row)]
        if len(kept) < len(parameter.items(text)):
            yield path, ",".join(kept)
