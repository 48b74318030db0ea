"""Joined plans."""

from __future__ import annotations

from cwmpagent.datamodel.plan import ParameterAssignment, joined
from cwmpagent.datamodel.planning.assignments import plan_values
from cwmpagent.datamodel.planning.objects import plan_add, plan_delete
from tests.datamodel.sample import PlanCase, read


class JoinedTests(PlanCase):
    def test_plans_made_one_upon_another_become_one(self) -> None:
        first, number = plan_add(self.tree, "Box.Port.")
        then = self.tree.after(first.batch)
        second = plan_values(
            then, [ParameterAssignment(f"Box.Port.{number}.Label", "x"), ParameterAssignment("Box.Level", "1")]
        )
        third = plan_delete(then.after(second.batch), "Box.Port.1.")
        plan = joined(first, second, third)
        expected = then.after(second.batch).after(third.batch)
        self.tree.apply(plan.batch)
        self.assertEqual(read(self.tree, ""), read(expected, ""))
        self.assertEqual((plan.added, plan.removed), (("Box.Port.4.",), ("Box.Port.1.",)))
        self.assertNotIn("Box.PortNumberOfEntries", plan.changed, "one more and one less")
        self.assertEqual(plan.assigned, {"Box.Port.4.Label", "Box.Level"})
