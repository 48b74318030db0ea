"""Planning of SetParameterValues with AutoCreateInstances: creates rows named by a new alias (TR-069 A.3.2.1)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from cwmpagent.datamodel.identifiers import alias_in, segments
from cwmpagent.datamodel.plan import Assignment, Plan, joined
from cwmpagent.datamodel.planning.assignments import plan_values_gradually
from cwmpagent.datamodel.planning.objects import plan_add
from cwmpagent.datamodel.resolve import Resolver
from cwmpagent.datamodel.tree import Tree
from cwmpagent.errors import CwmpFault, ParameterFault
from cwmpagent.gradual import Gradual
from cwmpagent.values import Value


def plan_values_in_new_rows_gradually(tree: Tree, assignments: Sequence[Assignment]) -> Gradual[Plan]:
    """Plan the creation of the rows that are named by a new alias, and then the values as ``plan_values``, all or none.

    A parameter of a row that cannot be created has the code 9005, or 9001 if the table is full. Rows are never created
    from instance numbers.
    """
    plans: list[Plan] = []
    refused: dict[str, ParameterFault] = {}
    planned, resolver = tree, Resolver(tree)
    for name in dict.fromkeys(assignment.name for assignment in assignments):
        try:
            while missing := _missing_row(resolver, name):
                yield
                table, alias = missing
                plan, number = plan_add(planned, f"{table}[{alias}].", resolver=resolver)
                plans.append(plan)
                planned = planned.after(plan.batch)
                resolver.row_added(planned, table, number, alias)
        except CwmpFault as fault:
            refused[name] = ParameterFault(name, 9001 if fault.code == 9004 else 9005, fault.text)
        yield
    try:
        plans.append((yield from plan_values_gradually(planned, assignments)))
    except CwmpFault as fault:
        parameters = [refused.get(parameter.name, parameter) for parameter in fault.parameters]
        raise CwmpFault(fault.code, fault.text, tuple(parameters)) from None
    yield
    plan = joined(*plans)
    changed: dict[str, tuple[Value, Value]] = {}
    for path, pair in plan.changed.items():
        yield
        if tree.exists(path):
            changed[path] = pair
    return replace(plan, changed=changed)


def _missing_row(resolver: Resolver, name: str) -> tuple[str, str] | None:
    """Table and alias of the outermost row, named by alias, in ``name`` that does not exist; ``None`` if all exist."""
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
            return table, alias
        table += f"{number}."
    return None
