"""Planning of a configuration file: rows that are missing are added under their numbers, then the values are set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from cwmpagent.datamodel.plan import ParameterAssignment, Plan, joined
from cwmpagent.datamodel.planning.assignments import plan_values_gradually
from cwmpagent.datamodel.planning.objects import plan_add
from cwmpagent.datamodel.schema import is_instance_number
from cwmpagent.datamodel.tree import Tree
from cwmpagent.errors import CwmpFault, ParameterFault
from cwmpagent.gradual import Gradual


def plan_configuration_gradually(tree: Tree, values: Mapping[str, str]) -> Gradual[Plan]:
    """Plan ``values``, full path -> text, all or none, in small pieces.

    Rows are added where an ACS could add them; no row is removed. Raises ``CwmpFault`` with the fault of each
    parameter.
    """
    plans: list[Plan] = []
    refused: list[ParameterFault] = []
    planned = tree
    for name in values:
        try:
            while (row := _missing_row(planned, name)) is not None:
                plan, _ = plan_add(planned, row[0], number=row[1])
                plans.append(plan)
                planned = planned.after(plan.batch)
        except CwmpFault as fault:
            refused.append(ParameterFault(name, fault.code, fault.text))
        yield
    if refused:
        raise CwmpFault(9003, "", tuple(refused))
    wanted = [ParameterAssignment(name, text) for name, text in values.items()]
    plans.append((yield from plan_values_gradually(planned, wanted)))
    plan = joined(*plans)
    return replace(plan, changed={path: pair for path, pair in plan.changed.items() if tree.exists(path)})


def _missing_row(tree: Tree, name: str) -> tuple[str, int] | None:
    """Table and number of the outermost row in ``name`` that does not exist; no row 0 can be added."""
    above = ""
    for segment in name.split(".")[:-1]:
        row = f"{above}{segment}."
        if is_instance_number(segment) and segment != "0" and tree.exists(above) and not tree.exists(row):
            return above, int(segment)
        above = row
    return None
