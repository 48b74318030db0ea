"""Aliases of rows: assigned by the device, by the ACS, restored from the state, and used in paths."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from cwmpagent.datamodel.identifiers import alias_refusal, segments
from cwmpagent.datamodel.plan import AttributeChange, ParameterAssignment
from cwmpagent.datamodel.planning.assignments import plan_values as planned
from cwmpagent.datamodel.planning.objects import plan_add, plan_delete
from cwmpagent.datamodel.planning.reset import plan_reset
from cwmpagent.datamodel.resolve import Resolver
from cwmpagent.datamodel.restore import open_tree
from cwmpagent.datamodel.tree import Tree
from cwmpagent.errors import CwmpFault, ModelError
from cwmpagent.records import Attributes, Saved
from tests.datamodel.sample import ALIASED, SAMPLE, add, assign, build, plan_attributes, plan_values_in_new_rows, read

ONE, THREE = "Box.Port.1.Alias", "Box.Port.3.Alias"


class AliasTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.model = build(ALIASED)
        self.tree = Tree(self.model)

    def text(self, path: str) -> str:
        return self.tree.value(path).text

    def codes(self, pairs: list[tuple[str, str]], *, as_acs: bool = True) -> dict[str, int]:
        assignments = [ParameterAssignment(*pair) for pair in pairs]
        try:
            planned(self.tree, assignments, as_acs=as_acs)
        except CwmpFault as fault:
            return {each.name: each.code for each in fault.parameters}
        return {}

    def test_what_an_alias_may_be(self) -> None:
        for good in ("a", "cpe-1", "a.b", "Ü", "x" * 64, "a b,c*"):
            self.assertIsNone(alias_refusal(good), good)
        for bad in ("", "1", "-a", "_a", "x" * 65, "a[", "a]", "a\n", "*", " a"):
            self.assertIn("begins with a letter", str(alias_refusal(bad)), bad)

    def test_a_dot_within_brackets_divides_nothing(self) -> None:
        self.assertEqual(segments("A.[b.c].D"), ["A", "[b.c]", "D"])
        self.assertEqual(segments("A.[b.c."), ["A", "[b", "c", ""])
        self.assertEqual(segments("A.b].c."), ["A", "b]", "c", ""])

    def test_the_devices_own_cost_nothing(self) -> None:
        self.assertEqual([self.text(ONE), self.text(THREE)], ["cpe-1", "cpe-3"])
        plan, number = plan_add(self.tree, "Box.Port.")
        self.assertEqual((plan.batch.values, number), ({}, 4))
        self.assertEqual(self.tree.overlay.values, {})

    def test_an_own_one_that_is_anothers_is_another_and_stays(self) -> None:
        assign(self.tree, Port__1__Alias="cpe-4", Port__3__Alias="cpe-4-2")
        plan, _ = plan_add(self.tree, "Box.Port.")
        self.assertEqual(plan.batch.values, {"Box.Port.4.Alias": "cpe-4-3"})
        self.tree.apply(plan.batch)
        assign(self.tree, Port__1__Alias="other")
        self.tree.apply(plan_delete(self.tree, "Box.Port.3.").batch)
        self.assertEqual(self.text("Box.Port.4.Alias"), "cpe-4-3")

    def test_only_the_acs_changes_one(self) -> None:
        assign(self.tree, Port__1__Alias="mine")
        self.assertEqual(self.codes([(ONE, "yours")], as_acs=False), {ONE: 9008})
        self.assertEqual(plan_reset(self.tree, ["Box."]).batch.values, {})
        self.assertEqual(plan_reset(self.tree, [ONE]).batch.values, {})

    def test_two_that_change_places(self) -> None:
        assign(self.tree, Port__1__Alias="cpe-3", Port__3__Alias="cpe-1")
        self.assertEqual(Resolver(self.tree).path("Box.Port.[cpe-3].Label"), "Box.Port.1.Label")
        self.assertEqual(self.codes([(ONE, "same"), (THREE, "same")]), {ONE: 9007, THREE: 9007})

    def test_references_by_alias_are_kept_by_number(self) -> None:
        assign(self.tree, Main="Box.Port.[cpe-3]", All="Box.Port.[cpe-1],Box.Port.3.Rule.[cpe-2]")
        self.assertEqual([self.text("Box.Main"), self.text("Box.All")], ["Box.Port.3", "Box.Port.1,Box.Port.3.Rule.2"])
        assign(self.tree, Port__3__Alias="renamed")
        self.assertEqual(self.codes([("Box.Main", "Box.Port.[cpe-3]")]), {"Box.Main": 9007})
        self.assertEqual(self.text("Box.Main"), "Box.Port.3")

    def test_attributes_by_alias(self) -> None:
        self.tree.apply(plan_attributes(self.tree, [AttributeChange("Box.Port.[cpe-1].Label", 2)]).batch)
        self.assertEqual(self.tree.attributes("Box.Port.1.Label"), Attributes(2))

    def test_what_was_saved_before_there_were_aliases(self) -> None:
        saved = Saved(values={"Box.Port.1.Label": "x", "Box.Port.7.Label": "y"}, rows={"Box.Port.7.": True})
        tree, ignored = open_tree(self.model, saved)
        self.assertEqual(ignored, ())
        self.assertEqual([value.text for _, value in read(tree, "Box.Port.7.Alias")], ["cpe-7"])

    def test_what_was_saved_and_is_no_good(self) -> None:
        saved = Saved(values={ONE: "cpe-3", THREE: "9", "Box.Port.7.Alias": "twice", "Box.Port.8.Alias": "twice"})
        tree, ignored = open_tree(
            self.model, Saved(values=saved.values, rows={"Box.Port.7.": True, "Box.Port.8.": True})
        )
        self.assertEqual([each.path for each in ignored], [THREE, "Box.Port.8.Alias", ONE])
        aliases = [tree.value(f"Box.Port.{number}.Alias").text for number in (1, 3, 7, 8)]
        self.assertEqual(aliases, ["cpe-1", "cpe-3", "twice", "cpe-8"])

    def test_those_of_the_configuration(self) -> None:
        self.assertEqual(open_tree(self.model, factory={ONE: "wan"})[0].value(ONE).text, "wan")
        for factory, key in (({ONE: "9"}, ONE), ({ONE: "x", THREE: "x"}, ONE), ({THREE: "cpe-1"}, THREE)):
            error = self.assertRaises(ModelError, open_tree, self.model, factory=factory)
            self.assertEqual(error.key, key)

    def test_rows_without_an_alias(self) -> None:
        tree = Tree(build(SAMPLE))
        for path in ("Box.Port.[cpe-1].", "Box.Fixed.[cpe-1].Port", "Box.[x].", "[x]", "Box.Port.[]."):
            self.assertRaises(CwmpFault, Resolver(tree).path, path)
        fault = self.assertRaises(CwmpFault, plan_add, tree, "Box.Port.[x].")
        self.assertEqual(fault.code, 9005)

    def test_the_first_of_two_that_a_model_gives_one_name(self) -> None:
        self.model = build(ALIASED, '[values]\n"Box.Port.1.Alias" = "same"')
        values = {**self.model.values, THREE: "same"}
        object.__setattr__(self.model, "values", values)
        resolver = Resolver(Tree(self.model))
        self.assertEqual(resolver.number("Box.Port.", "same"), 1)
        self.assertIsNone(resolver.alias("Box.Port.", 3))

    def test_created_by_a_set(self) -> None:
        assignments = [
            ParameterAssignment("Box.Port.[new].Rule.[a].Note", "x"),
            ParameterAssignment("Box.Port.[new].Label", "y"),
            ParameterAssignment("Box.Main", "Box.Port.[new]"),
        ]
        plan = plan_values_in_new_rows(self.tree, assignments)
        self.assertEqual(plan.added, ("Box.Port.4.", "Box.Port.4.Rule.1."))
        self.assertEqual(plan.assigned, {"Box.Port.4.Rule.1.Note", "Box.Port.4.Label", "Box.Main"})
        self.assertEqual(plan.written["Box.Port.4.Label"], "Box.Port.[new].Label")
        self.assertEqual(set(plan.changed), {"Box.PortNumberOfEntries", "Box.Main"})
        self.tree.apply(plan.batch)
        self.assertEqual(self.text("Box.Main"), "Box.Port.4")
        self.assertEqual(add(self.tree, "Box.Port.[new].Rule."), 2)

    def test_a_row_that_cannot_be_says_why(self) -> None:
        assign(self.tree, Port__1__Alias="one")
        for _ in range(2):
            add(self.tree, "Box.Port.")
        names = ["Box.Port.[more].Label", "Box.Fixed.[x].Port", "Box.Port.[9].Label", "Box.Port.9.Label"]
        assignments = [ParameterAssignment(name, "") for name in names]
        fault = self.assertRaises(CwmpFault, plan_values_in_new_rows, self.tree, assignments)
        self.assertEqual([each.code for each in fault.parameters], [9001, 9005, 9005, 9005])
        texts = [each.text for each in fault.parameters]
        for text, part in zip(texts, ("at most 4", "can be created", "begins with a letter", "no such"), strict=True):
            self.assertIn(part, text)
