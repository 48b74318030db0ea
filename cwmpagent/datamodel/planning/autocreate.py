"""Planning of SetParameterValues with AutoCreateInstances: creates rows named by a new alias (TR-069 A.3.2.1)."""

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
    """Plan the creation of the rows that are named by a new alias, then the values as :func:`plan_values`; all or none.

    A parameter of a row that cannot be created has the code 9005, or 9001 if the table is full. Rows are never created
    from instance numbers.
    """
    plans: list[Plan] = []
    refused: dict[str, CwmpFault] = {}
    planned, resolver = tree, Resolver(tree)
    for name in dict.fromkeys(assignment.name for assignment in assignments):
        try:
            while row := _missing_row(planned, resolver, name):
                plans.append(plan_add(planned, row)[0])
                planned = planned.after(plans[-1].batch)
                resolver = Resolver(planned)
        except CwmpFault as fault:
            refused[name] = CwmpFault(9001 if fault.code == 9004 else 9005, fault.text)
    try:
        plans.append(plan_values(planned, assignments))
    except CwmpFault as fault:
        parameters = [_reason(parameter, refused.get(parameter.name)) for parameter in fault.parameters]
        raise CwmpFault(fault.code, fault.text, tuple(parameters)) from None
    plan = joined(*plans)
    return replace(plan, changed={path: pair for path, pair in plan.changed.items() if tree.exists(path)})


def _missing_row(tree: Tree, resolver: Resolver, name: str) -> str | None:
    """Outermost row, named by alias, in ``name`` that does not exist; ``None`` if all exist."""
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


def _reason(fault: ParameterFault, creation: CwmpFault | None) -> ParameterFault:
    """``fault``, or the fault of the ``creation`` of its row if that was refused."""
    return fault if creation is None else ParameterFault(fault.name, creation.code, creation.text)
