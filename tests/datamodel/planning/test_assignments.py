"""Planning of SetParameterValues: checks, plans and faults."""

from __future__ import annotations

from cwmpagent.datamodel.plan import ParameterAssignment, Plan
from cwmpagent.datamodel.planning.assignments import plan_values
from cwmpagent.datamodel.planning.objects import plan_delete
from cwmpagent.datamodel.restore import open_tree
from cwmpagent.datamodel.tree import Tree
from cwmpagent.errors import CwmpFault
from cwmpagent.records import Saved
from cwmpagent.values import Value, ValueType
from tests.datamodel.sample import PlanCase, add, assign, build

S = ValueType.STRING


class ValueTests(PlanCase):
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
                self.tree.apply(plan_values(self.tree, [ParameterAssignment(path, text)]).batch)
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
        """The value is then kept after a change of the configuration."""
        assign(self.tree, Mode="Auto")
        self.assertEqual(self.tree.overlay.values, {"Box.Mode": "Auto"})
        self.assertEqual(assign(self.tree, Mode="Auto").batch.values, {})

    def test_the_device_itself_may_write_what_is_read_only(self) -> None:
        plan = plan_values(self.tree, [ParameterAssignment("Box.Version", "1.1")], as_acs=False)
        self.tree.apply(plan.batch)
        self.assertEqual(self.text("Box.Version"), "1.1")
        self.assert_faults(
            {"Box.PortNumberOfEntries": 9008, "Box.Level": 9007, "Box.None": 9005},
            [("Box.PortNumberOfEntries", "3"), ("Box.Level", "9"), ("Box.None", "")],
            as_acs=False,
        )


class ReferenceTests(PlanCase):
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
        self.tree.apply(plan.batch)
        self.assertEqual(self.text("Box.Main"), "")
        self.assertEqual(self.text("Box.All"), "Box.Port.1,Box.Fixed.1")
        self.assertEqual(self.text("Box.Fixed.1.Port"), "", "a reference that the factory gave")
        self.assertEqual(plan.changed["Box.Main"], (Value(S, "Box.Port.3"), Value(S, "")))
        self.assertEqual(plan.assigned, set())

    def test_only_that_row_is_meant(self) -> None:
        tree = self.tree = open_tree(self.model, Saved(counters={"Box.Port.": 29}))[0]
        number = add(tree, "Box.Port.")
        assign(tree, Main=f"Box.Port.{number}", Mode="Fixed")
        tree.apply(plan_delete(tree, "Box.Port.3.").batch)
        self.assertEqual((self.text("Box.Main"), number), ("Box.Port.30", 30))


class KeyTests(PlanCase):
    """Unique keys (TR-106): functional keys apply to enabled rows, other keys to all rows."""

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
        self.tree = open_tree(self.model, saved)[0]
        assign(self.tree, Port__1__Number="2")
        self.assert_faults({"Box.Port.1.Place": 9007}, [("Box.Port.1.Place", "x")])
