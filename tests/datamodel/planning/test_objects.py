"""Planning of AddObject and DeleteObject: rows with default values, deletion with everything below."""

from __future__ import annotations

from cwmpagent.datamodel.plan import AttributeChange
from cwmpagent.datamodel.planning.objects import HIGHEST_INSTANCE, plan_add, plan_delete
from cwmpagent.datamodel.restore import open_tree
from cwmpagent.records import Attributes, Saved
from cwmpagent.values import Value, ValueType
from tests.datamodel.sample import PlanCase, add, assign, plan_attributes


class AddTests(PlanCase):
    """AddObject (A.3.2.6)."""

    def test_a_new_row_has_its_defaults_and_objects(self) -> None:
        plan, number = plan_add(self.tree, "Box.Port.")
        self.assertEqual((number, plan.added), (4, ("Box.Port.4.",)))
        self.tree.apply(plan.batch)
        self.assertEqual(self.text("Box.Port.4.Enable"), "false")
        self.assertEqual(self.text("Box.Port.4.Stats.Sent"), "0")
        self.assertEqual(self.tree.instances("Box.Port.4.Rule."), ())
        self.assertEqual(self.tree.attributes("Box.Port.4.Label"), Attributes())

    def test_its_counter_changes(self) -> None:
        plan, _ = plan_add(self.tree, "Box.Port.")
        unsigned = ValueType.UNSIGNED_INT
        self.assertEqual(plan.changed, {"Box.PortNumberOfEntries": (Value(unsigned, "2"), Value(unsigned, "3"))})

    def test_a_full_table(self) -> None:
        add(self.tree, "Box.Port.")
        add(self.tree, "Box.Port.")
        self.assert_fault(9004, plan_add, self.tree, "Box.Port.")
        self.tree.apply(plan_delete(self.tree, "Box.Port.1.").batch)
        self.assertEqual(add(self.tree, "Box.Port."), 6)

    def test_where_nothing_can_be_created(self) -> None:
        for path in ("", "Box.", "Box.Fixed.", "Box.Port", "Box.Port.1.", "Box.Mode", "Box.No.", "Box.Port.9.Rule."):
            self.assert_fault(9005, plan_add, self.tree, path)

    def test_a_number_is_never_given_twice(self) -> None:
        for expected in (4, 5, 6):
            number = add(self.tree, "Box.Port.")
            self.assertEqual(number, expected)
            self.tree.apply(plan_delete(self.tree, f"Box.Port.{number}.").batch)
        for number in (1, 3):
            self.tree.apply(plan_delete(self.tree, f"Box.Port.{number}.").batch)
        self.assertEqual(add(self.tree, "Box.Port."), 7)

    def test_a_row_that_had_the_number_zero_gets_it_again(self) -> None:
        plan, number = plan_add(self.tree, "Box.Port.", as_acs=False, number=0)
        self.assertEqual((number, plan.added), (0, ("Box.Port.0.",)))
        self.tree.apply(plan.batch)
        self.assertEqual(self.text("Box.Port.0.Enable"), "false")
        self.assertEqual(add(self.tree, "Box.Port."), 4)

    def test_numbers_run_out_some_day(self) -> None:
        tree = open_tree(self.model, Saved(counters={"Box.Port.": HIGHEST_INSTANCE}))[0]
        self.assert_fault(9004, plan_add, tree, "Box.Port.")


class DeleteTests(PlanCase):
    """DeleteObject (A.3.2.7)."""

    def test_everything_below_goes_and_nothing_of_it_comes_back(self) -> None:
        row = add(self.tree, "Box.Port.")
        add(self.tree, f"Box.Port.{row}.Rule.")
        assign(self.tree, Port__4__Label="x", Port__4__Rule__1__Note="y")
        self.tree.apply(plan_attributes(self.tree, [AttributeChange("Box.Port.4.", 1)]).batch)
        plan = plan_delete(self.tree, "Box.Port.4.")
        self.tree.apply(plan.batch)
        self.assertEqual(set(plan.removed), {"Box.Port.4.", "Box.Port.4.Rule.1."})
        overlay = self.tree.overlay
        self.assertEqual((overlay.values, overlay.attributes, overlay.rows), ({}, {}, {}))
        self.assertEqual(overlay.counters, {"Box.Port.": 4})

    def test_a_row_of_the_factory_stays_deleted(self) -> None:
        plan = plan_delete(self.tree, "Box.Port.3.")
        self.assertEqual(plan.batch.rows["Box.Port.3."], False)
        self.assertEqual(open_tree(self.model, Saved(rows={"Box.Port.3.": False}))[0].instances("Box.Port."), (1,))

    def test_what_cannot_be_deleted(self) -> None:
        for path in (
            "",
            "Box.",
            "Box.Port.",
            "Box.Port.1",
            "Box.Port.2.",
            "Box.Fixed.1.",
            "Box.Mode",
            "Box.Port.1.Stats.",
        ):
            self.assert_fault(9005, plan_delete, self.tree, path)
