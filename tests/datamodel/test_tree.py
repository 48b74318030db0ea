"""Tree of one device: answers of GetParameterNames, GetParameterValues and GetParameterAttributes."""

from __future__ import annotations

import sys
from collections.abc import Callable

from hypothesis import example, given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from cwmpagent.datamodel.planning.objects import plan_delete
from cwmpagent.datamodel.restore import open_tree
from cwmpagent.datamodel.tree import Tree
from cwmpagent.errors import CwmpFault, ModelError
from cwmpagent.records import Attributes, Batch, Saved
from cwmpagent.values import Value, ValueType
from tests.datamodel.sample import SAMPLE, add, assign, build, read

UNKNOWN = (
    "Box",
    "Box..",
    "box.",
    "Box.Nothing",
    "Box.Mode.",
    "Box.Empty",
    "Box.Empty.Mode",
    "Box.Port",
    "Box.Port.Label",
    "Box.Port.1",
    "Box.Port.2.",
    "Box.Port.01.",
    "Box.Port.0.",
    "Box.Port.-1.",
    "Box.Port.+1.",
    "Box.Port. 1.",
    "Box.Port.\u0661.",
    "Box.Port.{i}.",
    "Box.Port.*.Label",
    "Box.Port.[one].Label",
    "Box.Port.1.1.",
    "Box.Port.1.Stats.Sent.",
    "Box.Port." + "9" * 5000 + ".",
    "Box.1.",
    ".",
    ".Box.",
)


class TreeTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.model = build(SAMPLE)
        self.tree = Tree(self.model)

    def assert_fault(self, code: int, call: Callable[..., object], *arguments: object) -> None:
        self.assertEqual(self.assertRaises(CwmpFault, call, *arguments).code, code)


class NameTests(TreeTests):
    """GetParameterNames (TR-069 A.3.2.3)."""

    def test_the_empty_path_is_the_root(self) -> None:
        self.assertEqual(self.tree.names("", True), [("Box.", False)])
        self.assertEqual(self.tree.names("", False), self.tree.names("Box.", False))

    def test_next_level_gives_children_without_the_object_itself(self) -> None:
        names = dict(self.tree.names("Box.", True))
        self.assertEqual(len(names), 13)
        self.assertNotIn("Box.", names)
        self.assertEqual(
            {name: names[name] for name in ("Box.Version", "Box.Mode", "Box.Empty.", "Box.Port.", "Box.Fixed.")},
            {"Box.Version": False, "Box.Mode": True, "Box.Empty.": False, "Box.Port.": True, "Box.Fixed.": False},
        )

    def test_next_level_of_a_table_gives_its_rows(self) -> None:
        self.assertEqual(self.tree.names("Box.Port.", True), [("Box.Port.1.", True), ("Box.Port.3.", True)])
        self.assertEqual(self.tree.names("Box.Fixed.", True), [("Box.Fixed.1.", False)])

    def test_everything_below_begins_with_the_object_itself(self) -> None:
        self.assertEqual(
            self.tree.names("Box.Port.3.Rule.", False),
            [
                ("Box.Port.3.Rule.", True),
                ("Box.Port.3.Rule.2.", True),
                ("Box.Port.3.Rule.2.Note", True),
            ],
        )

    def test_rows_come_in_the_order_of_their_numbers(self) -> None:
        saved = Saved(rows={f"Box.Fixed.{number}.": True for number in (10, 2, 30)})
        names = [name for name, _ in open_tree(self.model, saved)[0].names("Box.Fixed.", True)]
        self.assertEqual(names, [f"Box.Fixed.{number}." for number in (1, 2, 10, 30)])

    def test_an_empty_table(self) -> None:
        self.assertEqual(self.tree.names("Box.Port.1.Rule.", True), [])
        self.assertEqual(self.tree.names("Box.Port.1.Rule.", False), [("Box.Port.1.Rule.", True)])

    def test_a_parameter(self) -> None:
        self.assertEqual(self.tree.names("Box.Mode", False), [("Box.Mode", True)])
        self.assert_fault(9003, self.tree.names, "Box.Mode", True)

    def test_writable_is_settable_creatable_deletable(self) -> None:
        writable = dict(self.tree.names("", False))
        for name, expected in {
            "Box.Mode": True,
            "Box.Version": False,
            "Box.Empty.": False,
            "Box.Port.": True,
            "Box.Port.1.": True,
            "Box.Port.1.Stats.": False,
            "Box.Fixed.": False,
            "Box.Fixed.1.": False,
            "Box.PortNumberOfEntries": False,
        }.items():
            self.assertIs(writable[name], expected, name)

    def test_what_does_not_exist(self) -> None:
        for path in UNKNOWN:
            self.assert_fault(9005, self.tree.names, path, False)
            self.assert_fault(9005, self.tree.names, path, True)


class ValueTests(TreeTests):
    """GetParameterValues (A.3.2.2)."""

    def test_a_parameter(self) -> None:
        self.assertEqual(read(self.tree, "Box.Level"), [("Box.Level", Value(ValueType.INT, "0"))])

    def test_a_partial_path_covers_every_depth(self) -> None:
        self.assertEqual(
            self.tree.parameters("Box.Port.3."),
            ["Box.Port.3." + name for name in ("Enable", "Label", "Number", "Place", "Speed", "RuleNumberOfEntries")]
            + ["Box.Port.3.Rule.2.Note", "Box.Port.3.Stats.Sent"],
        )

    def test_the_empty_path_is_everything(self) -> None:
        names = [name for name, _ in self.tree.names("", False) if not name.endswith(".")]
        self.assertEqual(self.tree.parameters(""), names)
        self.assertEqual([name for name, _ in read(self.tree, "")], names)

    def test_objects_without_parameters_give_nothing(self) -> None:
        self.assertEqual(read(self.tree, "Box.Empty."), [])
        self.assertEqual(read(self.tree, "Box.Port.1.Rule."), [])

    def test_what_does_not_exist(self) -> None:
        for path in UNKNOWN:
            for call in (self.tree.parameters, self.tree.definition, self.tree.value, self.tree.shown):
                self.assert_fault(9005, call, path)
            self.assertFalse(self.tree.exists(path), path)

    def test_an_object_is_no_parameter(self) -> None:
        for call in (self.tree.definition, self.tree.value, self.tree.attributes):
            self.assert_fault(9005, call, "Box.Port.1.")

    def test_a_hidden_value_is_kept_but_not_shown(self) -> None:
        assign(self.tree, Secret="tell")
        self.assertEqual(self.tree.value("Box.Secret").text, "tell")
        self.assertEqual(self.tree.shown("Box.Secret").text, "")
        self.assertEqual(dict(read(self.tree, ""))["Box.Secret"].text, "")

    def test_counters_follow_the_rows(self) -> None:
        self.assertEqual(self.tree.value("Box.PortNumberOfEntries").text, "2")
        self.assertEqual(self.tree.value("Box.Port.3.RuleNumberOfEntries").text, "1")
        add(self.tree, "Box.Port.")
        self.assertEqual(self.tree.value("Box.PortNumberOfEntries").text, "3")

    def test_written_before_given_before_model_before_default(self) -> None:
        factory = {"Box.Port.1.Label": "file", "Box.Level": "3"}
        tree = open_tree(self.model, Saved(values={"Box.Level": "4"}), factory)[0]
        names = ("Box.Mode", "Box.Port.1.Enable", "Box.Port.1.Label", "Box.Level")
        self.assertEqual([tree.value(name).text for name in names], ["Auto", "true", "file", "4"])

    def test_a_live_value_is_asked_for_each_time(self) -> None:
        times = iter(("7", "8", None))
        tree = Tree(self.model, live=lambda path: next(times) if path == "Box.Uptime" else None)
        self.assertEqual([tree.value("Box.Uptime").text for _ in range(3)], ["7", "8", "0"])
        self.assertEqual(tree.value("Box.Mode").text, "Auto")

    def test_trees_planned_one_upon_another_are_read_as_fast_as_one(self) -> None:
        tree = Tree(self.model, live={"Box.Mode": "Auto", "Box.Uptime": "7"}.get)
        for _ in range(sys.getrecursionlimit()):
            tree = tree.after(Batch(values={"Box.Mode": "Fixed"}))
        self.assertEqual(tree.value("Box.Mode").text, "Fixed")
        self.assertEqual(tree.value("Box.Uptime").text, "7")

    @settings(deadline=None, max_examples=300)
    @given(
        st.lists(st.sampled_from(["Box", "Port", "1", "3", "Rule", "2", "Note", "Stats", "", "Mode", "\u0663", "²"]))
    )
    @example([])
    def test_any_path_is_found_or_refused(self, parts: list[str]) -> None:
        path = ".".join(parts)
        listed = {name for name, _ in self.tree.names("", False)}
        self.assertEqual(self.tree.exists(path), path in listed)


class AttributeTests(TreeTests):
    def test_those_of_the_model(self) -> None:
        self.assertEqual(self.tree.attributes("Box.Mode"), Attributes())
        self.assertEqual(self.tree.attributes("Box.Version"), Attributes(notification=2))
        self.assertEqual(self.tree.attributes("Box.Address"), Attributes(notification=2))

    def test_what_is_attributed(self) -> None:
        tree = open_tree(self.model, Saved(attributes={"Box.Mode": Attributes(1), "Box.Version": Attributes(2, ())}))[0]
        number = add(tree, "Box.Port.")
        expected = {"Box.Version", "Box.Address", "Box.Mode"}
        expected |= {f"Box.Port.{row}.Stats.Sent" for row in (1, 3, number)}
        self.assertEqual(set(tree.attributed()), expected)


class RowTests(TreeTests):
    def test_instances(self) -> None:
        self.assertEqual(self.tree.instances("Box.Port."), (1, 3))
        self.assertEqual(self.tree.instances("Box.Port.1.Rule."), ())
        for path in ("Box.", "Box.Port.1.", "Box.Mode", "Box.Port.2.Rule."):
            self.assert_fault(9005, self.tree.instances, path)

    def test_what_lies_in_a_deleted_row_is_gone(self) -> None:
        self.tree.apply(plan_delete(self.tree, "Box.Port.3.").batch)
        self.assert_fault(9005, self.tree.value, "Box.Port.3.Rule.2.Note")
        self.assert_fault(9005, self.tree.instances, "Box.Port.3.Rule.")


class SeparationTests(TreeTests):
    def test_two_devices_share_a_model_and_nothing_else(self) -> None:
        other = Tree(self.model)
        assign(self.tree, Mode="Fixed")
        add(self.tree, "Box.Port.")
        self.assertEqual(read(other, ""), read(Tree(self.model), ""))
        self.assertEqual(other.instances("Box.Port."), (1, 3))

    def test_a_tree_after_a_batch_leaves_the_tree_alone(self) -> None:
        before = read(self.tree, "")
        after = self.tree.after(Batch(values={"Box.Mode": "Fixed"}, rows={"Box.Port.1.": False}))
        self.assertEqual(after.value("Box.Mode").text, "Fixed")
        self.assertFalse(after.exists("Box.Port.1."))
        self.assertEqual(read(self.tree, ""), before)

    def test_erasing_goes_first(self) -> None:
        assign(self.tree, Mode="Fixed", Level="1")
        add(self.tree, "Box.Port.")
        after = self.tree.after(Batch(erase=True, values={"Box.Level": "2"}))
        self.assertEqual(
            read(after, ""), read(self.tree.after(Batch(erase=True)).after(Batch(values={"Box.Level": "2"})), "")
        )
        self.assertEqual(after.value("Box.Mode").text, "Auto")
        self.assertEqual(after.instances("Box.Port."), (1, 3))


class FactoryTests(TreeTests):
    """Factory values from the configuration."""

    def assert_refused(self, path: str, text: str, told: str) -> None:
        error = self.assertRaises(ModelError, open_tree, self.model, factory={path: text})
        self.assertEqual(error.key, path)
        self.assertIn(told, error.reason)

    def test_every_refusal_names_its_path(self) -> None:
        self.assert_refused("Box.Nothing", "x", "no such parameter")
        self.assert_refused("Box.Port.7.Label", "x", "no such parameter")
        self.assert_refused("Box.Port.", "x", "no such parameter")
        self.assert_refused("Box.Level", "high", "whole number")
        self.assert_refused("Box.Level", "6", "from -5 to 5")
        self.assert_refused("Box.Mode", "Off", "Auto, Fixed")
        self.assert_refused("Box.PortNumberOfEntries", "9", "cannot be configured")
        self.assert_refused("Box.Main", "Box.Port.2", "existing row")

    def test_values_are_taken_in_canonical_form(self) -> None:
        tree = open_tree(self.model, factory={"Box.Level": " +04", "Box.Port.1.Enable": "0", "Box.Version": "2"})[0]
        self.assertEqual(
            [tree.value(name).text for name in ("Box.Level", "Box.Port.1.Enable", "Box.Version")], ["4", "false", "2"]
        )


class SavedTests(TreeTests):
    """Restoring a state that was saved with another model."""

    def test_what_no_longer_fits_is_left_out_and_listed(self) -> None:
        saved = Saved(
            values={
                "Box.Gone": "x",
                "Box.Level": "99",
                "Box.Mode": "Off",
                "Box.Since": "yesterday",
                "Box.Secret": "much too long a secret",
                "Box.Main": "Box.Port.9",
                "Box.PortNumberOfEntries": "7",
                "Box.Port.8.Label": "no such row",
                "Box.Port.1.Label": "kept",
            },
            attributes={"Box.Gone": Attributes(1), "Box.Port.": Attributes(1), "Box.Mode": Attributes(1)},
            rows={
                "Box.Gone.1.": True,
                "Box.Port.8.Rule.1.": True,
                "Box.Port.04.": True,
                "Box.Port.x.": True,
                "nonsense": True,
                "": True,
                "Box.Port.5.": True,
                "Box.Port.5.Rule.1.": True,
            },
            counters={"Box.Gone.": 4, "Box.Mode": 1, "Box.Port.": 6},
        )
        tree, ignored = open_tree(self.model, saved)
        kept = {"Box.Port.1.Label", "Box.Port.5.", "Box.Port.5.Rule.1."}
        left_out = [path for path in (*saved.values, *saved.rows) if path not in kept]
        left_out += ["Box.Gone", "Box.Port.", "Box.Gone.", "Box.Mode"]
        self.assertEqual(sorted(each.path for each in ignored), sorted(left_out))
        self.assertNotIn("secret", " ".join(each.reason for each in ignored))
        self.assertEqual(tree.instances("Box.Port."), (1, 3, 5))
        self.assertEqual(tree.instances("Box.Port.5.Rule."), (1,))
        self.assertEqual(tree.value("Box.Port.1.Label").text, "kept")
        self.assertEqual(tree.value("Box.Level").text, "0")
        self.assertEqual(tree.attributes("Box.Mode"), Attributes(1))
        self.assertEqual(add(tree, "Box.Port."), 7)

    def test_a_reference_to_a_row_that_is_saved_too_is_kept(self) -> None:
        tree, ignored = open_tree(self.model, Saved(rows={"Box.Port.5.": True}, values={"Box.Main": "Box.Port.5"}))
        self.assertEqual((tree.value("Box.Main").text, ignored), ("Box.Port.5", ()))

    def test_what_fits_is_not_listed(self) -> None:
        _, ignored = open_tree(self.model, Saved(values={"Box.Version": "3"}, rows={"Box.Port.3.": False}))
        self.assertEqual(ignored, ())
