"""Names in answers: by number, by alias, as requested."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from cwmpagent.agent.parameters.answer_names import LONGEST_NAME, AnswerNames, as_written, creates_rows
from cwmpagent.datamodel.plan import Plan
from cwmpagent.datamodel.resolve import Resolver
from cwmpagent.datamodel.tree import Tree
from cwmpagent.errors import CwmpFault, ParameterFault
from cwmpagent.records import Batch
from tests.datamodel.sample import ALIASED, SAMPLE, add, assign, build

SERVER = """
[objects."Box.ManagementServer.".parameters]
InstanceMode = { type = "string", default = "InstanceAlias", writable = true }
AutoCreateInstances = { type = "boolean", writable = true }
"""
MODEL = build(ALIASED, SERVER)
ALIASES = st.text(st.characters(codec="ascii", categories=("L", "N", "P")), max_size=20).map(
    lambda text: "a" + text.replace("[", "").replace("]", "")
)


def names(tree: Tree, *paths: str) -> list[str]:
    answer = AnswerNames(tree).answer(paths, lambda path, _: tree.named(path, False))
    return [entry.name for piece in answer for entry in piece]


PATHS = (
    "",
    "Box.",
    "Box.Port.",
    "Box.Port.3.",
    "Box.Port.[cpe-3].",
    "Box.Port.*.",
    "Box.Port.[cpe-3].Rule.",
    "Box.Port.3.Rule.2.",
    "Box.Port.[cpe-3].Rule.[cpe-2].Note",
    "Box.Port.3.Rule.2.Note",
    "Box.Port.*.Rule.*.Note",
    "Box.Port.1.Label",
    "Box.Mode",
)


def values(tree: Tree, *paths: str) -> list[str]:
    return [entry.name for piece in AnswerNames(tree).answer(paths, tree.covered) for entry in piece]


class NamingTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.tree = Tree(MODEL)

    @given(st.lists(ALIASES, min_size=3, max_size=3, unique=True))
    @settings(deadline=None, max_examples=60)
    def test_every_name_leads_back(self, aliases: list[str]) -> None:
        tree = Tree(MODEL)
        for path, alias in zip(("Port__1", "Port__3", "Port__3__Rule__2"), aliases, strict=True):
            assign(tree, **{path + "__Alias": alias})
        plain = [name for name, _ in tree.names("", False)]
        shown = names(tree, "")
        self.assertEqual([Resolver(tree).path(name) for name in shown], plain)
        self.assertEqual([name for name in shown if ".Port." in name and "[" not in name], ["Box.Port."])
        self.assertEqual([AnswerNames(tree).name(path) for path in plain], shown)

    def test_without_the_parameter_numbers_stay(self) -> None:
        tree = Tree(build(ALIASED))
        self.assertEqual(names(tree, "Box.Port."), [name for name, _ in tree.names("Box.Port.", False)])
        self.assertFalse(creates_rows(tree))

    def test_without_aliases_numbers_stay(self) -> None:
        tree = Tree(build(SAMPLE, SERVER))
        self.assertEqual(names(tree, "Box.Port."), [name for name, _ in tree.names("Box.Port.", False)])
        self.assertIn("Box.Fixed.1.Port", names(self.tree, "Box.Fixed."))

    def test_what_was_asked_for_by_both_comes_by_both(self) -> None:
        asked = ("Box.Port.1.Label", "Box.Port.[cpe-1].Label", "Box.Port.1.Label", "Box.Port.*.Label")
        self.assertEqual(
            names(self.tree, *asked), ["Box.Port.1.Label", "Box.Port.[cpe-1].Label", "Box.Port.[cpe-3].Label"]
        )

    @given(st.lists(st.sampled_from(PATHS), max_size=8), st.sampled_from(("InstanceAlias", "InstanceNumber")))
    @settings(deadline=None, max_examples=150)
    def test_overlapping_paths_have_the_names_of_all_of_them(self, paths: list[str], mode: str) -> None:
        tree = Tree(MODEL)
        assign(tree, ManagementServer__InstanceMode=mode)
        expected = [name for path in paths for name in values(tree, path)]
        self.assertEqual(values(tree, *paths), list(dict.fromkeys(expected)))

    def test_a_name_never_gets_too_long(self) -> None:
        deep = "Box." + "D" * 170 + "."
        model = build(
            '[objects."Box."]',
            SERVER,
            f'[objects."{deep}"]\n[objects."{deep}A.{{i}}."]\ncreate = true\n[objects."{deep}A.{{i}}.".parameters]\n'
            'Alias = { type = "string", writable = true }\nQuiteALongerOne = { type = "int" }\n',
        )
        tree = Tree(model)
        add(tree, f"{deep}A.[{'x' * 64}].")
        found = names(tree, deep)
        self.assertIn(f"{deep}A.[{'x' * 64}].Alias", found)
        self.assertIn(f"{deep}A.1.QuiteALongerOne", found)
        self.assertLessEqual(max(map(len, found)), LONGEST_NAME)

    def test_a_devices_refusal_has_the_names_that_were_written(self) -> None:
        plan = Plan(batch=Batch(), assigned=frozenset({"B.1.P", "B.K"}), written={"B.1.P": "B.[n].P"}, added=("B.1.",))
        fault = as_written(CwmpFault(9003, "", (ParameterFault("B.1.P", 9007, "why"),)), plan)
        self.assertEqual(fault.parameters, (ParameterFault("B.[n].P", 9007, "why"),))
        fault = as_written(CwmpFault(9001, "no row"), plan)
        self.assertEqual((fault.code, fault.parameters), (9003, (ParameterFault("B.[n].P", 9001, "no row"),)))
        self.assertEqual(as_written(CwmpFault(9002, "down"), plan).code, 9002)
