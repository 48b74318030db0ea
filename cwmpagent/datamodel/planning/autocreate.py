"""SetParameterValues that creates the rows it names by a new alias (TR-069 A.3.2.1, AutoCreateInstances)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from cwmpagent.datamodel.identifiers import alias_in, segments
from cwmpagent.datamodel.plan import Assignment, Plan, joined
from cwmpagent.datamodel.planning.assignments import plan_values
from cwmpagent.datamodel.planning.objects import plan_add
from cwmpagent.datamodel.resolve import Resolver
from cwmpagent.datamodel.tree import Tree
from cwmpagent.errors import CwmpFault, ParameterFault


def plan_values_in_new_rows(tree: Tree, assignments: Sequence[Assignment]) -> Plan:
    """As :func:`plan_values`, with the rows created before that are named by a new alias; all of it, or nothing.

    A parameter of a row that cannot be created has the code 9005, or 9001 where the table is full. Rows are never made
    from instance numbers.
    """
    plans: list[Plan] = []
    refused: dict[str, CwmpFault] = {}
    then, resolver = tree, Resolver(tree)
    for name in dict.fromkeys(each.name for each in assignments):
        try:
            while row := _missing_row(then, resolver, name):
                plans.append(plan_add(then, row)[0])
                then = then.after(plans[-1].batch)
                resolver = Resolver(then)
        except CwmpFault as fault:
            refused[name] = CwmpFault(9001 if fault.code == 9004 else 9005, fault.text)
    try:
        plans.append(plan_values(then, assignments))
    except CwmpFault as fault:
        listed = [_reason(each, refused.get(each.name)) for each in fault.parameters]
        raise CwmpFault(fault.code, fault.text, tuple(listed)) from None
    plan = joined(*plans)
    return replace(plan, changed={path: pair for path, pair in plan.changed.items() if tree.exists(path)})


def _missing_row(tree: Tree, resolver: Resolver, name: str) -> str | None:
    """The outermost row in ``name``, by alias, that its table has not; ``None`` if all are there."""
    if "[" not in name:
        return None
    table = ""
    for segment in segments(name)[:-1]:
        alias = alias_in(segment)
        if alias is None:
            table += segment + "."
            continue
        number = resolver.number(table, alias)
        if number is None:
            return f"{table}{segment}."
        table += f"{number}."
    return None


def _reason(found: ParameterFault, refused: CwmpFault | None) -> ParameterFault:
    return found if refused is None else ParameterFault(found.name, refused.code, refused.text)
