"""Proposed changes of a tree: a validated plan, or every fault at once.

Planning changes nothing. A plan's ``batch`` is saved first, then :meth:`Tree.apply` takes the plan over. Plans hold
for the tree in the state they were made in; to build one upon another, plan on ``tree.after(first.batch)`` and
save both with :func:`joined`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from cwmpagent.datamodel.choices import refusal as choice_refusal
from cwmpagent.datamodel.identifiers import (
    ALIAS,
    alias_in,
    alias_parameter,
    alias_refusal,
    aliased_row,
    own_alias,
    segments,
)
from cwmpagent.datamodel.informparameters import refusal as inform_refusal
from cwmpagent.datamodel.keys import clashing
from cwmpagent.datamodel.overlay import split_row
from cwmpagent.datamodel.resolve import Resolver
from cwmpagent.datamodel.schema import Notify, ObjectDefinition, ParameterDefinition
from cwmpagent.datamodel.tree import Tree
from cwmpagent.errors import CwmpFault, ParameterFault
from cwmpagent.records import SUBSCRIBER, Attributes, Batch
from cwmpagent.values import LexicalError, Value

HIGHEST_INSTANCE = 2**31 - 1


class Assignment(Protocol):
    """One element of a SetParameterValues; the RPC's own struct is one, and so is :class:`ParameterAssignment`.

    A ``value`` that is plain text, or not ``typed`` (it came without ``xsi:type``), is read as the parameter's type.
    """

    @property
    def name(self) -> str: ...
    @property
    def value(self) -> Value | str: ...
    @property
    def typed(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class ParameterAssignment:
    """What the device itself, a person or a test assigns: a full parameter name and its new value."""

    name: str
    value: Value | str = field(repr=False)
    typed: bool = True


@dataclass(frozen=True, slots=True)
class AttributeChange:
    """New attributes for a parameter or everything below a partial path; ``None`` leaves one as it is."""

    name: str
    notification: int | None = None
    access_list: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A change that is allowed.

    ``changed``: path -> old and new value of every parameter, existing before and after, whose value differs;
    side effects (emptied references, row counters) are in it, ``assigned`` names what was asked for, and ``written``
    how that was written where it was by alias.
    ``added`` and ``removed``: paths of rows. Hidden values are in it as they are: nothing of a plan is for logs.
    """

    batch: Batch = field(repr=False)
    changed: Mapping[str, tuple[Value, Value]] = field(default_factory=dict, repr=False)
    assigned: frozenset[str] = frozenset()
    written: Mapping[str, str] = field(default_factory=dict)
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()


def plan_values(tree: Tree, assignments: Sequence[Assignment], *, as_acs: bool = True) -> Plan:
    """Assign values, all or nothing (SetParameterValues).

    With ``as_acs`` false the device itself writes: read-only parameters may be written, all else is checked.
    Rows may be named by alias, also where a value refers to them. Raises ``CwmpFault`` 9003 that lists every
    parameter at fault, as it was written, with its own code: 9003 named twice, 9005 unknown, 9006 wrong type, 9007 not
    allowed, not an existing row, not listed where its values are, or no longer unique, 9008 read-only.
    """
    resolver = Resolver(tree)
    names = {name: _resolved(resolver, name) for name in dict.fromkeys(each.name for each in assignments)}
    times = Counter(names[assignment.name] for assignment in assignments)
    faults: dict[str, ParameterFault] = {}
    texts: dict[str, str] = {}
    definitions: dict[str, ParameterDefinition] = {}
    for assignment in assignments:
        name = names[assignment.name]
        try:
            if times[name] > 1:
                raise CwmpFault(9003, "is named more than once")
            definitions[name] = tree.definition(name)
            texts[name] = _checked(name, definitions[name], assignment, as_acs)
        except CwmpFault as fault:
            faults[assignment.name] = ParameterFault(assignment.name, fault.code, fault.text)
            continue
        if definitions[name].reference is not None and "[" in texts[name]:
            items = definitions[name].items(texts[name])
            texts[name] = ",".join(_resolved(resolver, item) for item in items)
    written = tree.overlay.values
    batch = Batch(
        values={
            name: text
            for name, text in texts.items()
            if written.get(name) != text or tree.value_of(name, definitions[name]).text != text
        }
    )
    after = tree.after(batch)
    refusals = {
        name: after.refusal(definitions[name], text)
        or inform_refusal(after, name, text)
        or choice_refusal(after, name, definitions[name], text)
        for name, text in texts.items()
    }
    reasons = {**clashing(after, texts), **{name: reason for name, reason in refusals.items() if reason}}
    faults |= {given: ParameterFault(given, 9007, reasons[name]) for given, name in names.items() if name in reasons}
    if faults:
        raise CwmpFault(9003, "", tuple(faults[given] for given in names if given in faults))
    return Plan(
        batch=batch,
        changed=_differences(tree, after, texts),
        assigned=frozenset(texts),
        written={name: given for given, name in names.items() if given != name},
    )


def plan_add(tree: Tree, path: str, *, as_acs: bool = True, number: int | None = None) -> tuple[Plan, int]:
    """Create a row in the table ``path`` (AddObject); gives its plan and its instance number.

    ``Table.[alias].`` gives the row an alias; otherwise the device itself does. With ``as_acs`` false the device itself
    has a new row, in any table and whatever there are already; ``number`` where it had it before. Raises ``CwmpFault``
    9005 if ``path`` is no table in which rows can be created, 9004 if it is full, 9003 for an alias that is none or
    another row's.
    """
    resolver = Resolver(tree)
    path, alias = _named_row(path)
    path = resolver.path(path)
    found = tree.find(path)
    if not (found.is_table and (found.definition.creatable or not as_acs)):
        raise CwmpFault(9005, f"{path} is no table in which objects can be created")
    if alias is not None:
        _check_alias(found.definition, path, alias, resolver)
    limit = found.definition.max_rows if as_acs else None
    last = tree.last_instance(path)
    number = number or last + 1
    if number > HIGHEST_INSTANCE or (limit is not None and len(tree.instances(path)) >= limit):
        raise CwmpFault(9004, f"{path} is full" if limit is None else f"{path} holds at most {limit} objects")
    row = f"{path}{number}."
    exists = None if number in tree.model.rows.get(path, ()) else True
    batch = Batch(
        rows={row: exists}, counters={path: max(number, last)}, values=_alias_of_new(tree, row, exists, alias)
    )
    changed = _differences(tree, tree.after(batch), _counter(tree, path, found.definition))
    return Plan(batch=batch, changed=changed, added=(row,)), number


def plan_delete(tree: Tree, path: str, *, as_acs: bool = True) -> Plan:
    """Delete the row ``path`` and everything below it (DeleteObject); references to any of it become empty.

    With ``as_acs`` false the device itself has the row no longer, in any table. Raises ``CwmpFault`` 9005 if ``path``
    is no row that exists and can be deleted.
    """
    path = Resolver(tree).path(path)
    definition, parameter, is_table = tree.find(path)
    if parameter is not None or is_table or not (definition.table and (definition.deletable or not as_acs)):
        raise CwmpFault(9005, f"{path} is no object that can be deleted")
    values: dict[str, str | None] = {}
    attributes: dict[str, Attributes | None] = {}
    counters: dict[str, int | None] = {}
    rows: dict[str, bool | None] = {}
    overlay = tree.overlay
    for name, found in tree.below(path):
        if found.is_table:
            if name in overlay.counters:
                counters[name] = None
            # Rows of the factory that were deleted earlier are on record: that goes too.
            gone = set(tree.model.rows.get(name, ())) - set(tree.instances(name))
            rows |= dict.fromkeys((f"{name}{number}." for number in gone), None)
        elif found.parameter is None and found.definition.table:
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
    changed = _differences(tree, tree.after(batch), [*emptied, *_counter(tree, table, definition)])
    removed = tuple(name for name in rows if tree.exists(name))
    return Plan(batch=batch, changed=changed, removed=removed)


def plan_attributes(tree: Tree, changes: Sequence[AttributeChange]) -> Plan:
    """Set notification and access lists, in the order given, all or nothing (SetParameterAttributes).

    Raises ``CwmpFault`` 9005 for an unknown name; 9003 for a notification other than 0, 1, 2 (3 to 6 too, where the
    device says that it supports lightweight notifications) and for an entity other than ``Subscriber``; 9009 for
    active notification (2, 5, 6) of a parameter that denies it, and for another than active on a parameter that forces
    it and is named itself (within a partial path such a parameter just stays active).
    """
    new: dict[str, Attributes] = {}
    resolver = Resolver(tree)
    highest = 6 if _lightweight(tree) else 2
    for change in changes:
        _check_change(change, highest)
        change = replace(change, name=resolver.path(change.name))
        for path in tree.parameters(change.name):
            present = new.get(path) or tree.attributes(path)
            access = present.access_list if change.access_list is None else change.access_list
            notification = _notification(tree.definition(path), path, change, present.notification)
            new[path] = _SHARED.get((notification, access)) or Attributes(notification, access)
    saved = tree.overlay.attributes
    changed: dict[str, Attributes | None] = {}
    for path, attributes in new.items():
        if attributes == tree.factory_attributes(path):
            if path in saved:
                changed[path] = None
        elif saved.get(path) != attributes:
            changed[path] = attributes
    return Plan(batch=Batch(attributes=changed))


def joined(*plans: Plan) -> Plan:
    """One plan that does what these do one after another, each made upon what those before it leave."""
    changed: dict[str, tuple[Value, Value]] = {}
    for plan in plans:
        for path, (old, new) in plan.changed.items():
            changed[path] = (changed[path][0] if path in changed else old, new)
    return Plan(
        batch=Batch(
            values={path: text for plan in plans for path, text in plan.batch.values.items()},
            attributes={path: item for plan in plans for path, item in plan.batch.attributes.items()},
            rows={path: item for plan in plans for path, item in plan.batch.rows.items()},
            counters={path: item for plan in plans for path, item in plan.batch.counters.items()},
            notes={name: text for plan in plans for name, text in plan.batch.notes.items()},
        ),
        changed={path: pair for path, pair in changed.items() if pair[0] != pair[1]},
        assigned=frozenset().union(*(plan.assigned for plan in plans)),
        written={name: given for plan in plans for name, given in plan.written.items()},
        added=tuple(row for plan in plans for row in plan.added),
        removed=tuple(row for plan in plans for row in plan.removed),
    )


_SHARED: Mapping[tuple[int, tuple[str, ...]], Attributes] = {
    (notification, access): Attributes(notification, access)
    for notification in range(7)
    for access in ((), (SUBSCRIBER,))
}


def _resolved(resolver: Resolver, path: str) -> str:
    """``path`` with instance numbers, as it is where it names no row."""
    try:
        return resolver.path(path)
    except CwmpFault:
        return path


def _named_row(path: str) -> tuple[str, str | None]:
    """The table and the alias of ``Table.[alias].``; of ``Table.`` the alias is ``None``."""
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
    """The alias to save with a new row: the one it is given, or one of ours where its usual one is another row's."""
    path = row + ALIAS
    if alias is not None:
        return {path: alias}
    after = tree.after(Batch(rows={row: exists}))
    attempt = 1
    while clashing(after, [path]):
        attempt += 1
        after = after.after(Batch(values={path: own_alias(split_row(row)[1], attempt)}))
    return {path: after.value(path).text} if attempt > 1 else {}


def _checked(path: str, parameter: ParameterDefinition, assignment: Assignment, as_acs: bool) -> str:
    """The canonical text to store; raises ``CwmpFault`` with the code for this parameter."""
    if parameter.counts or (as_acs and not parameter.writable):
        raise CwmpFault(9008, "is read-only")
    alias = aliased_row(path, parameter) is not None
    if alias and not as_acs:
        raise CwmpFault(9008, "is the ACS's to change")
    value = assignment.value
    if isinstance(value, str):
        text = value
    elif assignment.typed and value.kind is not parameter.kind:
        raise CwmpFault(9006, f"is of type {parameter.kind.value}")
    else:
        text = value.text
    try:
        text = parameter.admitted(text)
    except LexicalError as error:
        raise CwmpFault(9007, str(error)) from None
    if alias and (refusal := alias_refusal(text)):
        raise CwmpFault(9007, refusal)
    if as_acs and not parameter.settable(text):
        raise CwmpFault(9007, f"the value must be one of {', '.join(parameter.words)}; others only the device sets")
    return text


def _differences(before: Tree, after: Tree, paths: Iterable[str]) -> dict[str, tuple[Value, Value]]:
    pairs = {path: (before.value(path), after.value(path)) for path in paths if after.exists(path)}
    return {path: (old, new) for path, (old, new) in pairs.items() if old != new}


def _counter(tree: Tree, table: str, definition: ObjectDefinition) -> list[str]:
    """The path of the parameter that counts the rows of ``table``, if there is one."""
    parent = table.removesuffix(".").rpartition(".")[0] + "."
    path = parent + definition.number_of_entries
    return [path] if definition.number_of_entries and tree.exists(path) else []


def _emptied(tree: Tree, row: str) -> Iterable[tuple[str, str]]:
    """Every parameter outside ``row`` that names it or something below it, without those names."""
    for path, text in tree.given_values():
        if row.removesuffix(".") not in text or path.startswith(row) or not tree.exists(path):
            continue
        parameter = tree.definition(path)
        if parameter.reference is None:
            continue
        kept = [item for item in parameter.items(text) if not (item.removesuffix(".") + ".").startswith(row)]
        if len(kept) < len(parameter.items(text)):
            yield path, ",".join(kept)


def _lightweight(tree: Tree) -> bool:
    """Whether the device says that it can send lightweight notifications, by whatever protocol."""
    path = tree.model.root.path + "ManagementServer.LightweightNotificationProtocolsSupported"
    return tree.exists(path) and bool(tree.value(path).text)


def _check_change(change: AttributeChange, highest: int) -> None:
    if change.notification is not None and not 0 <= change.notification <= highest:
        lacking = "" if highest > 2 else ": lightweight notifications are not supported"
        raise CwmpFault(9003, f"Notification must be 0 to {highest}{lacking}")
    for entity in change.access_list or ():
        if entity != SUBSCRIBER:
            raise CwmpFault(9003, f"AccessList knows only {SUBSCRIBER}")


def _notification(parameter: ParameterDefinition, path: str, change: AttributeChange, present: int) -> int:
    wanted = change.notification
    if wanted is None:
        return present
    if wanted in (2, 5, 6) and parameter.notify is Notify.CAN_DENY:
        raise CwmpFault(9009, f"{path} allows no active notification")
    if wanted != 2 and parameter.notify is Notify.FORCED:
        if change.name == path:
            raise CwmpFault(9009, f"active notification of {path} cannot be turned off")
        return 2
    return wanted
