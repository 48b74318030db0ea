"""Planned changes: all faults at once with their codes, or a plan that says what it changes."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from twisted.trial.unittest import SynchronousTestCase

from cwmpagent.datamodel.plan import (
    HIGHEST_INSTANCE,
    AttributeChange,
    ParameterAssignment,
    Plan,
    joined,
    plan_add,
    plan_attributes,
    plan_delete,
    plan_values,
)
from cwmpagent.datamodel.tree import Tree
from cwmpagent.errors import CwmpFault
from cwmpagent.records import Attributes, Saved
from cwmpagent.values import Value, ValueType
from tests.datamodel.sample import SAMPLE, add, assign, build

S = ValueType.STRING


class PlanTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.model = build(SAMPLE)
        self.tree = Tree(self.model)

    def text(self, path: str) -> str:
        return self.tree.value(path).text

    def assert_faults(self, expected: dict[str, int], pairs: Sequence[tuple[str, str]], *, as_acs: bool = True) -> None:
        before = self.tree.read("")
        assignments = [ParameterAssignment(name, text) for name, text in pairs]
        fault = self.assertRaises(CwmpFault, plan_values, self.tree, assignments, as_acs=as_acs)
        self.assertEqual(fault.code, 9003)
        self.assertEqual([(each.name, each.code) for each in fault.parameters], list(expected.items()))
        self.assertNotIn("", [each.text for each in fault.parameters])
        self.assertEqual(self.tree.read(""), before)

    def assert_fault(self, code: int, call: Callable[..., object], *arguments: object) -> None:
        self.assertEqual(self.assertRaises(CwmpFault, call, *arguments).code, code)


class ValueTests(PlanTests):
    """SetParameterValues (TR-069 A.3.2.1)."""

    def test_each_fault_has_its_code_and_order(self) -> None:
        self.assert_faults(
            {
                "Box.Version": 9008,
                "Box.PortNumberOfEntries": 9008,
                "Box.Level": 9007,
                "Box.Mode": 9007,
                "Box.Nothing": 9005,
                "Box.Port.": 9005,
                "Box.Port.2.Label": 9005,
                "Box.Since": 9007,
                "Box.Secret": 9007,
                "Box.Main": 9007,
            },
            [
                ("Box.Version", "2"),
                ("Box.PortNumberOfEntries", "2"),
                ("Box.Level", "6"),
                ("Box.Port.1.Label", "good"),
                ("Box.Mode", "auto"),
                ("Box.Nothing", ""),
                ("Box.Port.", ""),
                ("Box.Port.2.Label", ""),
                ("Box.Since", "today"),
                ("Box.Secret", "123456789"),
                ("Box.Main", "Box.Fixed.1"),
            ],
        )

    def test_no_sentence_tells_a_hidden_value(self) -> None:
        assignments = [ParameterAssignment("Box.Secret", "123456789")]
        fault = self.assertRaises(CwmpFault, plan_values, self.tree, assignments)
        self.assertNotIn("1234", fault.parameters[0].text)
        self.assertNotIn("1234", repr(assignments))

    def test_no_plan_shows_a_hidden_value(self) -> None:
        self.assertNotIn("tell", repr(assign(self.tree, Secret="tell")))

    def test_a_name_given_twice(self) -> None:
        self.assert_faults(
            {"Box.Mode": 9003}, [("Box.Mode", "Fixed"), ("Box.Level", "1"), ("Box.Mode", "Fixed"), ("Box.Mode", "x")]
        )

    def test_the_declared_type_counts(self) -> None:
        def codes(assignment: ParameterAssignment) -> list[int]:
            try:
                plan_values(self.tree, [assignment])
            except CwmpFault as fault:
                return [each.code for each in fault.parameters]
            return []

        level = "Box.Level"
        self.assertEqual(codes(ParameterAssignment(level, Value(ValueType.INT, "1"))), [])
        self.assertEqual(codes(ParameterAssignment(level, Value(S, "1"))), [9006])
        self.assertEqual(codes(ParameterAssignment(level, Value(ValueType.UNSIGNED_INT, "1"))), [9006])
        self.assertEqual(codes(ParameterAssignment(level, Value(S, "1"), typed=False)), [])
        self.assertEqual(codes(ParameterAssignment(level, Value(ValueType.INT, "one"))), [9007])

    def test_edges(self) -> None:
        for path, good, bad in (
            ("Box.Level", ("-5", "5", "0"), ("-6", "6", "", "1.0")),
            ("Box.Mode", ("Auto", "Fixed"), ("", "Auto ", "AUTO")),
            ("Box.Secret", ("", "12345678"), ("123456789",)),
            ("Box.Port.1.Number", ("0", "9"), ("10", "-1")),
        ):
            for text in good:
                self.tree.apply(plan_values(self.tree, [ParameterAssignment(path, text)]))
                self.assertEqual(self.text(path), text)
            for text in bad:
                self.assert_faults({path: 9007}, [(path, text)])

    def test_what_no_message_could_carry_is_refused(self) -> None:
        for text in ("\0", "a\x1b", "\ud800", "\uffff"):
            self.assert_faults({"Box.Port.1.Label": 9007}, [("Box.Port.1.Label", text)])
        assign(self.tree, Port__1__Label="\t\r\n <&> \u00e9 \U0001f600")

    def test_values_are_kept_in_canonical_form(self) -> None:
        plan = assign(self.tree, Level="+03", Port__1__Enable="0")
        self.assertEqual(plan.batch.values, {"Box.Level": "3", "Box.Port.1.Enable": "false"})

    def test_an_empty_list_is_fine(self) -> None:
        self.assertEqual(plan_values(self.tree, []), Plan(batch=plan_values(self.tree, []).batch))

    def test_what_changes_and_what_was_asked_for(self) -> None:
        plan = assign(self.tree, Mode="Auto", Level="2")
        self.assertEqual(plan.changed, {"Box.Level": (Value(ValueType.INT, "0"), Value(ValueType.INT, "2"))})
        self.assertEqual(plan.assigned, {"Box.Mode", "Box.Level"})

    def test_a_value_written_like_the_factory_s_is_written(self) -> None:
        """It then outlives a change of the configuration."""
        assign(self.tree, Mode="Auto")
        self.assertEqual(self.tree.overlay.values, {"Box.Mode": "Auto"})
        self.assertEqual(assign(self.tree, Mode="Auto").batch.values, {})

    def test_the_device_itself_may_write_what_is_read_only(self) -> None:
        plan = plan_values(self.tree, [ParameterAssignment("Box.Version", "1.1")], as_acs=False)
        self.tree.apply(plan)
        self.assertEqual(self.text("Box.Version"), "1.1")
        self.assert_faults(
            {"Box.PortNumberOfEntries": 9008, "Box.Level": 9007, "Box.None": 9005},
            [("Box.PortNumberOfEntries", "3"), ("Box.Level", "9"), ("Box.None", "")],
            as_acs=False,
        )


class ReferenceTests(PlanTests):
    def test_a_reference_is_empty_or_names_an_existing_row_of_its_table(self) -> None:
        for text in ("Box.Port.1", "Box.Port.3.", ""):
            assign(self.tree, Main=text)
            self.assertEqual(self.text("Box.Main"), text)
        for text in (
            "Box.Port.2",
            "Box.Port.",
            "Box.Port",
            "Box.",
            "Box.Fixed.1",
            "Box.Mode",
            "x",
            "Box.Port.1,Box.Port.3",
        ):
            self.assert_faults({"Box.Main": 9007}, [("Box.Main", text)])

    def test_a_list_of_references_to_any_row(self) -> None:
        assign(self.tree, All="Box.Port.1, Box.Fixed.1,Box.Port.3.Rule.2")
        self.assert_faults({"Box.All": 9007}, [("Box.All", "Box.Port.1,Box.Port.4")])

    def test_deleting_a_row_empties_what_names_it_or_anything_in_it(self) -> None:
        assign(self.tree, Main="Box.Port.3", All="Box.Port.1,Box.Port.3.Rule.2,Box.Fixed.1,Box.Port.3")
        plan = plan_delete(self.tree, "Box.Port.3.")
        self.tree.apply(plan)
        self.assertEqual(self.text("Box.Main"), "")
        self.assertEqual(self.text("Box.All"), "Box.Port.1,Box.Fixed.1")
        self.assertEqual(self.text("Box.Fixed.1.Port"), "", "a reference that the factory gave")
        self.assertEqual(plan.changed["Box.Main"], (Value(S, "Box.Port.3"), Value(S, "")))
        self.assertEqual(plan.assigned, set())

    def test_only_that_row_is_meant(self) -> None:
        tree = self.tree = Tree(self.model, Saved(counters={"Box.Port.": 29}))
        number = add(tree, "Box.Port.")
        assign(tree, Main=f"Box.Port.{number}", Mode="Fixed")
        tree.apply(plan_delete(tree, "Box.Port.3."))
        self.assertEqual((self.text("Box.Main"), number), ("Box.Port.30", 30))


class KeyTests(PlanTests):
    """Unique keys (TR-106): functional ones bind enabled rows, the others all rows."""

    def setUp(self) -> None:
        super().setUp()
        add(self.tree, "Box.Port.")

    def test_rows_at_their_defaults_may_be_many(self) -> None:
        self.assertEqual(add(self.tree, "Box.Port."), 5)

    def test_a_disabled_row_may_have_the_key_of_another(self) -> None:
        assign(self.tree, Port__3__Label="one")

    def test_switching_on_a_second_row_with_the_same_key_is_refused(self) -> None:
        assign(self.tree, Port__3__Label="one")
        self.assert_faults({"Box.Port.3.Enable": 9007}, [("Box.Port.3.Enable", "true")])

    def test_giving_an_enabled_row_the_key_of_another_is_refused(self) -> None:
        assign(self.tree, Port__3__Enable="1", Port__3__Label="three")
        self.assert_faults({"Box.Port.3.Label": 9007}, [("Box.Port.3.Label", "one")])

    def test_the_key_is_blamed_before_the_switch(self) -> None:
        self.assert_faults(
            {"Box.Port.3.Label": 9007}, [("Box.Port.3.Enable", "true"), ("Box.Port.3.Label", "one"), ("Box.Level", "1")]
        )

    def test_all_parameters_of_a_key_count_together(self) -> None:
        assign(self.tree, Port__3__Enable="true", Port__3__Label="one", Port__3__Number="1")
        self.assert_faults({"Box.Port.3.Number": 9007}, [("Box.Port.3.Number", "00")])

    def test_only_the_result_of_the_whole_list_counts(self) -> None:
        assign(self.tree, Port__3__Enable="true", Port__3__Label="three")
        assign(self.tree, Port__3__Label="one", Port__1__Label="three")
        self.assertEqual((self.text("Box.Port.1.Label"), self.text("Box.Port.3.Label")), ("three", "one"))

    def test_two_new_rows_that_clash_are_both_at_fault(self) -> None:
        self.assert_faults(
            {"Box.Port.3.Place": 9007, "Box.Port.4.Place": 9007},
            [("Box.Port.3.Place", "here"), ("Box.Port.1.Place", "there"), ("Box.Port.4.Place", "here")],
        )

    def test_a_key_that_binds_all_rows_does_not_ask_whether_they_are_enabled(self) -> None:
        assign(self.tree, Port__1__Place="here")
        self.assert_faults({"Box.Port.3.Place": 9007}, [("Box.Port.3.Place", "here")])
        assign(self.tree, Port__1__Place="")
        assign(self.tree, Port__3__Place="")

    def test_a_key_in_an_object_of_the_row(self) -> None:
        self.tree = Tree(
            build(
                '[objects."Box."]\n[objects."Box.Port.{i}."]\ncreate = true\nalways_unique = [["Detail.Tag"]]\n'
                '[objects."Box.Port.{i}.Detail.".parameters]\nTag = { type = "string", writable = true }'
            )
        )
        add(self.tree, "Box.Port.")
        add(self.tree, "Box.Port.")
        assign(self.tree, Port__1__Detail__Tag="x")
        self.assert_faults({"Box.Port.2.Detail.Tag": 9007}, [("Box.Port.2.Detail.Tag", "x")])

    def test_an_old_clash_is_nobody_s_fault(self) -> None:
        saved = Saved(values={"Box.Port.1.Place": "x", "Box.Port.3.Place": "x"})
        self.tree = Tree(self.model, saved)
        assign(self.tree, Port__1__Number="2")
        self.assert_faults({"Box.Port.1.Place": 9007}, [("Box.Port.1.Place", "x")])


class AddTests(PlanTests):
    """AddObject (A.3.2.6)."""

    def test_a_new_row_has_its_defaults_and_objects(self) -> None:
        plan, number = plan_add(self.tree, "Box.Port.")
        self.assertEqual((number, plan.added), (4, ("Box.Port.4.",)))
        self.tree.apply(plan)
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
        self.tree.apply(plan_delete(self.tree, "Box.Port.1."))
        self.assertEqual(add(self.tree, "Box.Port."), 6)

    def test_where_nothing_can_be_created(self) -> None:
        for path in ("", "Box.", "Box.Fixed.", "Box.Port", "Box.Port.1.", "Box.Mode", "Box.No.", "Box.Port.9.Rule."):
            self.assert_fault(9005, plan_add, self.tree, path)

    def test_a_number_is_never_given_twice(self) -> None:
        for expected in (4, 5, 6):
            number = add(self.tree, "Box.Port.")
            self.assertEqual(number, expected)
            self.tree.apply(plan_delete(self.tree, f"Box.Port.{number}."))
        for number in (1, 3):
            self.tree.apply(plan_delete(self.tree, f"Box.Port.{number}."))
        self.assertEqual(add(self.tree, "Box.Port."), 7)

    def test_numbers_run_out_some_day(self) -> None:
        tree = Tree(self.model, Saved(counters={"Box.Port.": HIGHEST_INSTANCE}))
        self.assert_fault(9004, plan_add, tree, "Box.Port.")


class DeleteTests(PlanTests):
    """DeleteObject (A.3.2.7)."""

    def test_everything_below_goes_and_nothing_of_it_comes_back(self) -> None:
        row = add(self.tree, "Box.Port.")
        add(self.tree, f"Box.Port.{row}.Rule.")
        assign(self.tree, Port__4__Label="x", Port__4__Rule__1__Note="y")
        self.tree.apply(plan_attributes(self.tree, [AttributeChange("Box.Port.4.", 1)]))
        plan = plan_delete(self.tree, "Box.Port.4.")
        self.tree.apply(plan)
        self.assertEqual(set(plan.removed), {"Box.Port.4.", "Box.Port.4.Rule.1."})
        overlay = self.tree.overlay
        self.assertEqual((overlay.values, overlay.attributes, overlay.rows), ({}, {}, {}))
        self.assertEqual(overlay.counters, {"Box.Port.": 4})

    def test_a_row_of_the_factory_stays_deleted(self) -> None:
        plan = plan_delete(self.tree, "Box.Port.3.")
        self.assertEqual(plan.batch.rows["Box.Port.3."], False)
        self.assertEqual(Tree(self.model, Saved(rows={"Box.Port.3.": False})).instances("Box.Port."), (1,))

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


class AttributeTests(PlanTests):
    """SetParameterAttributes (A.3.2.4)."""

    def set(self, *changes: AttributeChange) -> Plan:
        plan = plan_attributes(self.tree, changes)
        self.tree.apply(plan)
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


class JoinedTests(PlanTests):
    def test_plans_made_one_upon_another_become_one(self) -> None:
        first, number = plan_add(self.tree, "Box.Port.")
        then = self.tree.after(first.batch)
        second = plan_values(
            then, [ParameterAssignment(f"Box.Port.{number}.Label", "x"), ParameterAssignment("Box.Level", "1")]
        )
        third = plan_delete(then.after(second.batch), "Box.Port.1.")
        plan = joined(first, second, third)
        expected = then.after(second.batch).after(third.batch)
        self.tree.apply(plan)
        self.assertEqual(self.tree.read(""), expected.read(""))
        self.assertEqual((plan.added, plan.removed), (("Box.Port.4.",), ("Box.Port.1.",)))
        self.assertNotIn("Box.PortNumberOfEntries", plan.changed, "one more and one less")
        self.assertEqual(plan.assigned, {"Box.Port.4.Label", "Box.Level"})
