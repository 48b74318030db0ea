"""The fidelity ``exact``: an ACS reads values and Writable as the dump has them, until they are changed."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from cwmpagent.datamodel import model_json
from cwmpagent.datamodel.plan import ParameterAssignment
from cwmpagent.datamodel.planning.assignments import plan_values
from cwmpagent.datamodel.planning.objects import plan_add, plan_delete
from cwmpagent.datamodel.planning.reset import plan_reset
from cwmpagent.datamodel.restore import open_tree
from cwmpagent.datamodel.schema import Model
from cwmpagent.datamodel.tree import Tree
from cwmpagent.device.model_cache import ModelCache
from cwmpagent.device.models import find_model
from cwmpagent.errors import CwmpFault, MisuseError
from cwmpagent.values import ValueType
from tests.datamodel.sample import read
from tests.datamodel.sources.dump.reading import SHORT, json_model, model_of, model_of_bytes, odd, tree_of
from tests.dumps import KNOWN, dump

ROWS = (
    "Box,true,true,,",
    "Box.Count,false,true,,xsd:unsignedInt",
    "Box.When,false,true,,xsd:dateTime",
    "Box.Year,false,true,0001-01-01T00:00:00.000Z,xsd:dateTime",
    "Box.On,false,true,1,xsd:boolean",
    "Box.Minus,false,true,-1,xsd:unsignedInt",
    "Box.Bell,false,true,\a,xsd:string",
    "Box.Password,false,true,hunter2,xsd:string",
    "Box.PinPassword,false,true,,xsd:unsignedInt",
    "Box.Port,true,true,,",
    "Box.Port.1,true,false,,",
    "Box.Port.1.Alias,false,true,,xsd:string",
    "Box.Port.1.Speed,false,false,10,xsd:int",
    "Box.Port.1.Rule,true,false,,",
    "Box.Port.1.Rule.1.Name,false,true,x,xsd:string",
    "Box.Port.2,true,true,,",
    "Box.Port.2.Alias,false,true,two,xsd:string",
    "Box.Port.2.Speed,false,true,20,xsd:int",
    "Box.Port.2.Rule,true,true,,",
)


def shown(tree: Tree) -> dict[str, str]:
    """Values as an ACS reads them, without those that are added for the agent."""
    added = ("Box.ManagementServer.", "Box.DeviceInfo.")
    return {name[4:]: value.text for name, value in read(tree, "") if not name.startswith(added)}


class ExactTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.model = model_of(*ROWS, fidelity="exact")
        self.tree = Tree(self.model)

    def refusal(self, name: str, text: str) -> int:
        fault = self.assertRaises(CwmpFault, plan_values, self.tree, [ParameterAssignment(name, text)])
        return fault.parameters[0].code

    def test_a_secret_of_a_wrong_type_is_left_out(self) -> None:
        rows = (
            "Box,true,true,,",
            "Box.PortPassword,false,true,hunter2,xsd:unsignedInt",
            "Box.Minus,false,true,-1,xsd:unsignedInt",
        )
        model = model_of(*rows, fidelity="exact")
        self.assertNotIn("Box.PortPassword", model.words)
        said = [line for line in model.reports if "PortPassword" in line or "Minus" in line]
        self.assertTrue(any("Box.PortPassword is left out" in line for line in said), said)
        self.assertTrue(any("Box.Minus is shown as it is, but not used" in line for line in said), said)
        self.assertNotIn("hunter2", "".join(said))

    def test_values(self) -> None:
        given = {row.split(",")[0][4:]: row.split(",")[3] for row in ROWS if row.split(",")[1] == "false"}
        self.assertEqual(shown(self.tree), given | {"Password": "", "Bell": ""})
        self.assertEqual(self.tree.value("Box.Minus").kind, ValueType.UNSIGNED_INT)
        strict = shown(tree_of(*ROWS))
        self.assertEqual(
            {name: text for name, text in strict.items() if text != given[name]},
            {
                "Count": "0",
                "When": "0001-01-01T00:00:00Z",
                "Year": "0001-01-01T00:00:00Z",
                "On": "true",
                "Bell": "",
                "Password": "",
                "PinPassword": "0",
                "Port.1.Alias": "cpe-1",
            },
        )

    def test_the_agent_uses_values_of_their_types(self) -> None:
        values = {
            name: self.tree.value("Box." + name).text for name in ("Count", "When", "On", "Minus", "Port.1.Alias")
        }
        self.assertEqual(
            values,
            {"Count": "0", "When": "0001-01-01T00:00:00Z", "On": "true", "Minus": "0", "Port.1.Alias": "cpe-1"},
        )
        self.assertEqual(
            [report.partition(": a")[0].partition(": control")[0] for report in odd(self.model)],
            [
                "box.csv: line 7: the value of Box.Minus is shown as it is, but not used",
                "box.csv: line 8: the value of Box.Bell is left out",
            ],
        )

    def test_a_change_replaces_the_words(self) -> None:
        tree = self.tree
        tree.apply(plan_values(tree, [ParameterAssignment("Box.Count", "0")]).batch)
        self.assertEqual(tree.shown("Box.Count").text, "0")
        tree.apply(plan_reset(tree, ["Box.Count"]).batch)
        self.assertEqual(tree.shown("Box.Count").text, "")
        self.assertEqual(Tree(self.model, live={"Box.Count": "7"}.get).shown("Box.Count").text, "7")
        configured = open_tree(self.model, factory={"Box.On": "true"})[0]
        self.assertEqual(configured.shown("Box.On").text, "true")
        later = model_of_bytes(
            "\n".join((SHORT, *ROWS)).encode(), after='[values]\n"Box.When" = "2026-01-01T00:00:00Z"', fidelity="exact"
        )
        self.assertEqual(Tree(later).shown("Box.When").text, "2026-01-01T00:00:00Z")

    def test_writable(self) -> None:
        given = {row.split(",")[0]: row.split(",")[2] == "true" for row in ROWS}
        objects = {row.split(",")[0] for row in ROWS if row.split(",")[1] == "true"}
        wanted = {name + "." if name in objects else name: writable for name, writable in given.items()}
        self.assertEqual({name: w for name, w in self.tree.names("", False) if name in wanted}, wanted)
        for path in ("", "Box.", "Box.Port.", "Box.Port.1.", "Box.Port.2.", "Box.Port.1.Rule."):
            for name, writable in self.tree.names(path, True):
                self.assertEqual(writable, wanted.get(name, writable), name)
        strict = dict(tree_of(*ROWS).names("", False))
        self.assertEqual(
            {name for name, writable in wanted.items() if strict[name] != writable},
            {"Box.", "Box.Port.1.", "Box.Port.1.Speed", "Box.Port.1.Rule."},
        )

    def test_what_is_not_writable_is_refused(self) -> None:
        tree = self.tree
        self.assertEqual(self.refusal("Box.Port.1.Speed", "1"), 9008)
        plan_values(tree, [ParameterAssignment("Box.Port.2.Speed", "1")])
        plan_values(tree, [ParameterAssignment("Box.Port.1.Speed", "1")], as_acs=False)
        self.assertEqual(self.assertRaises(CwmpFault, plan_delete, tree, "Box.Port.1.").code, 9005)
        self.assertEqual(self.assertRaises(CwmpFault, plan_add, tree, "Box.Port.1.Rule.").code, 9005)
        self.assertEqual(self.assertRaises(CwmpFault, plan_add, tree, "Box.").code, 9005)
        plan_delete(tree, "Box.Port.2.")
        plan_add(tree, "Box.Port.2.Rule.")
        tree.apply(plan_add(tree, "Box.Port.")[0].batch)
        self.assertTrue(tree.writable("Box.Port.3.Speed"))
        self.assertEqual(tree.shown("Box.Port.3.Alias").text, "cpe-3")
        fault = self.assertRaises(CwmpFault, plan_reset, tree, ["Box.Port.1.Speed"])
        self.assertEqual(fault.parameters[0].code, 9008)

    def test_with_a_standard_model(self) -> None:
        standard = """
            [objects."Box.".parameters]
            Mode = { type = "string", enumeration = ["Auto"], default = "Auto", writable = true }
            Level = { type = "unsignedInt", max = 10 }
        """
        rows = ("Box.Mode,false,false,Turbo,xsd:string", "Box.Level,false,true,11,xsd:unsignedInt")
        self.tree = tree_of(*rows, before=standard, fidelity="exact")
        self.assertEqual([self.tree.shown("Box." + name).text for name in ("Mode", "Level")], ["Turbo", "11"])
        self.assertEqual([self.tree.value("Box." + name).text for name in ("Mode", "Level")], ["Auto", "0"])
        self.assertEqual(self.refusal("Box.Mode", "Auto"), 9008)
        plan_values(self.tree, [ParameterAssignment("Box.Level", "9")])

    def test_the_identity_in_the_informs(self) -> None:
        rows = (
            "DeviceID.SerialNumber,false,false,S1,xsd:string",
            "Box.DeviceInfo.SerialNumber,false,false,0,xsd:string",
        )
        tree = tree_of(*rows, fidelity="exact")
        serial = "Box.DeviceInfo.SerialNumber"
        self.assertEqual((tree.value(serial).text, tree.shown(serial).text), ("S1", "0"))

    def test_json(self) -> None:
        document = {"Box": {"A": {"_value": "", "_type": "xsd:int", "_writable": True}, "B": {"_value": None}}}
        tree = Tree(json_model(document, "exact"))
        self.assertEqual((tree.shown("Box.A").text, tree.value("Box.A").text), ("", "0"))


class KeepingTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.directory = Path(self.mktemp())
        self.directory.mkdir()

    def test_as_json(self) -> None:
        model = model_of(*ROWS, fidelity="exact")
        again = model_json.read(model_json.written(model))
        self.assertEqual((again.words, again.access, again.deviations), (model.words, model.access, model.deviations))
        self.assertEqual(read(Tree(again), ""), read(Tree(model), ""))
        self.assertEqual(Tree(again).names("", False), Tree(model).names("", False))

    def test_the_cache_keeps_both_apart(self) -> None:
        rows = [SHORT, *ROWS, *(f"Box.X{number},false,true,{'x' * 200},xsd:string" for number in range(1500))]
        (self.directory / "box.csv").write_text("\n".join(rows))
        for fidelity in ("exact", "strict", "exact"):
            assert fidelity in ("exact", "strict")
            cache = ModelCache(self.directory)
            model = find_model("box.csv", self.directory, fidelity=fidelity, cache=cache)
            cache.save()
            self.assertEqual(Tree(model).shown("Box.Count").text, "" if fidelity == "exact" else "0")
        self.assertTrue(any(path.name == "model.cache" for path in self.directory.iterdir()))

    def test_a_wrong_word(self) -> None:
        error = self.assertRaises(MisuseError, find_model, "device2", fidelity="exakt")
        self.assertEqual(str(error), "fidelity must be one of exact, strict, not 'exakt'")


class RealTests(SynchronousTestCase):
    """Each row of the dump of a real device: name, Writable, type and value are what an ACS reads."""

    def check(self, at: int) -> Model:
        directory = Path(self.mktemp())
        directory.mkdir()
        known = KNOWN[at]
        shutil.copy(dump(known.name), directory)
        model = find_model(known.name, directory, fidelity="exact")
        tree = Tree(model)
        with (directory / known.name).open(newline="", encoding="utf-8") as file:
            rows = [
                row for row in csv.DictReader(file) if tree.exists(row["Parameter"] + ("." * (row["Object"] == "true")))
            ]
        self.assertEqual(len(rows), known.objects + known.parameters)
        names = dict(tree.names("", False))
        for row in rows:
            name = row["Parameter"] + ("." if row["Object"] == "true" else "")
            self.assertEqual(names[name], row["Writable"] == "true", name)
            if name.endswith("."):
                continue
            value = tree.shown(name)
            secret = tree.definition(name).hidden and row["Value"]
            self.assertEqual(
                (value.text, "xsd:" + value.kind.value), ("" if secret else row["Value"], row["Value type"])
            )
        return model

    def test_tr098_short(self) -> None:
        self.assertEqual(len(self.check(0).access), 6)

    def test_tr098_long(self) -> None:
        self.assertEqual(len(self.check(1).access), 180)

    def test_tr181_long(self) -> None:
        self.assertEqual(len(self.check(2).words), 56)
