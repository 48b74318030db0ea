"""Planning of SetParameterAttributes."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from cwmpagent.datamodel.plan import AttributeChange, Plan
from cwmpagent.datamodel.tree import Tree
from cwmpagent.errors import CwmpFault
from cwmpagent.records import Attributes
from tests.datamodel.sample import PlanCase, plan_attributes

NAMES = ("", "Box.", "Box.Port.", "Box.Port.3.", "Box.Port.3.Rule.", "Box.Port.3.Label", "Box.Mode", "Box.Version")
CHANGES = st.builds(
    AttributeChange,
    st.sampled_from(NAMES),
    st.sampled_from((None, 0, 1, 2)),
    st.sampled_from((None, (), ("Subscriber",))),
)


class AttributeTests(PlanCase):
    """SetParameterAttributes (A.3.2.4)."""

    def set(self, *changes: AttributeChange) -> Plan:
        plan = plan_attributes(self.tree, changes)
        self.tree.apply(plan.batch)
        return plan

    def test_a_partial_path_is_everything_below(self) -> None:
        self.set(AttributeChange("Box.Port.3.", 1))
        levels = {path: self.tree.attributes(path).notification for path in self.tree.parameters("Box.Port.")}
        self.assertEqual(
            levels, {path: int(path.startswith("Box.Port.3.")) for path in levels} | {"Box.Port.1.Stats.Sent": 2}
        )

    def test_later_entries_win_and_what_is_not_given_stays(self) -> None:
        self.set(AttributeChange("Box.Mode", 1, ()))
        self.set(AttributeChange("Box.", 1), AttributeChange("Box.Mode", 2), AttributeChange("Box.Level", None, ()))
        self.assertEqual(self.tree.attributes("Box.Mode"), Attributes(2, ()))
        self.assertEqual(self.tree.attributes("Box.Level"), Attributes(1, ()))

    def test_an_unknown_name_changes_nothing(self) -> None:
        changes = [AttributeChange("Box.Mode", 1), AttributeChange("Box.Nothing", 1)]
        self.assert_fault(9005, plan_attributes, self.tree, changes)
        self.assertEqual(self.tree.attributes("Box.Mode"), Attributes())

    def test_bad_arguments(self) -> None:
        for level in (-1, 3, 4, 5, 6, 7):
            self.assert_fault(9003, plan_attributes, self.tree, [AttributeChange("Box.Mode", level)])
        self.assert_fault(9003, plan_attributes, self.tree, [AttributeChange("Box.Mode", None, ("Everybody",))])

    def test_active_may_be_denied_passive_never(self) -> None:
        for name in ("Box.Uptime", "Box.Port.1.", "Box."):
            self.assert_fault(
                9009, plan_attributes, self.tree, [AttributeChange("Box.Mode", 1), AttributeChange(name, 2)]
            )
        self.set(AttributeChange("Box.Uptime", 1))
        self.assertEqual(self.tree.attributes("Box.Uptime").notification, 1)

    def test_forced_active_stays_active(self) -> None:
        for level in (0, 1):
            self.assert_fault(9009, plan_attributes, self.tree, [AttributeChange("Box.Version", level)])
        self.set(AttributeChange("Box.", 1, ()))
        self.assertEqual(self.tree.attributes("Box.Version"), Attributes(2, ()))
        self.set(AttributeChange("Box.Version", 2))

    def test_default_active_can_be_turned_off(self) -> None:
        self.set(AttributeChange("Box.Address", 0))
        self.assertEqual(self.tree.attributes("Box.Address").notification, 0)

    def test_back_at_the_default_nothing_is_kept(self) -> None:
        self.set(AttributeChange("Box.Mode", 1), AttributeChange("Box.Address", 1))
        self.set(AttributeChange("Box.Mode", 0), AttributeChange("Box.Address", 2))
        self.assertEqual(self.tree.overlay.attributes, {})

    def test_what_is_set_again_is_not_saved_again(self) -> None:
        self.set(AttributeChange("Box.Mode", 1))
        self.assertEqual(self.set(AttributeChange("Box.Mode", 1)).batch.attributes, {})

    @given(st.lists(CHANGES, max_size=8))
    @settings(deadline=None, max_examples=150)
    def test_all_at_once_is_one_after_the_other(self, changes: list[AttributeChange]) -> None:
        single, together = Tree(self.tree.model), Tree(self.tree.model)
        try:
            for change in changes:
                single.apply(plan_attributes(single, [change]).batch)
        except CwmpFault as fault:
            self.assert_fault(fault.code, plan_attributes, together, changes)
            return
        together.apply(plan_attributes(together, changes).batch)
        for name in single.parameters(""):
            self.assertEqual(together.attributes(name), single.attributes(name), name)
