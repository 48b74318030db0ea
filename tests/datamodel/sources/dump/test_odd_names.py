"""Names that no standard allows and real devices have: what is not all digits is a name."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from cwmpagent.agent.management_server import ManagementServer
from cwmpagent.datamodel.builder import ModelBuilder
from cwmpagent.datamodel.deviations import MOST_REPORTS
from cwmpagent.datamodel.inform_parameters import inform_parameter_refusal
from cwmpagent.datamodel.names import named, request_template
from cwmpagent.datamodel.plan import ParameterAssignment
from cwmpagent.datamodel.planning.assignments import plan_values
from cwmpagent.datamodel.planning.objects import plan_add, plan_delete
from cwmpagent.datamodel.resolve import Resolver
from cwmpagent.datamodel.schema import is_instance_number, is_name
from cwmpagent.datamodel.sources.toml_reader import read_toml
from cwmpagent.datamodel.tree import Tree
from cwmpagent.errors import CwmpFault, ModelError
from tests.datamodel.sources.dump.reading import json_model, model_of, model_of_bytes, odd, tree_of
from tests.dumps import ODD_NAMES

IGD = "InternetGatewayDevice."
VLAN = IGD + "WANDevice.1.X_VLAN."


class NameTests(SynchronousTestCase):
    def test_names_and_numbers(self) -> None:
        for name in (
            "8021pMark",
            "802-1pMark",
            "11kSupported",
            "Stra\u00dfe",
            "3G Mode",
            "\u0662",
            "5\u00b2",
            "a+b",
            "Gr\u00f6\u00dfe#1",
        ):
            self.assertTrue(is_name(name), name)
            self.assertFalse(is_instance_number(name), name)
        for name in (
            "",
            "7",
            "007",
            "0",
            "*",
            "[web]",
            "a.b",
            "{i}",
            " a",
            "a ",
            "a\nb",
            "a\u00a0",
            "\u200b",
            "1" * 12,
        ):
            self.assertFalse(is_name(name), ascii(name))
        numbers = [
            text for text in ("0", "1", "4294967295", "01", "00", "-1", "\u0661", "1" * 11) if is_instance_number(text)
        ]
        self.assertEqual(numbers, ["0", "1", "4294967295"])

    def test_a_dump_with_odd_names(self) -> None:
        model = model_of(*ODD_NAMES[1:])
        self.assertEqual(odd(model), [])
        tree = Tree(model)
        given = {row.split(",")[0]: row.split(",")[3] for row in ODD_NAMES[2:] if row.split(",")[1] == "false"}
        given[IGD + "LANDevice.1.WLANConfiguration.1.11kSupported"] = "true"
        self.assertEqual({name: tree.value(name).text for name in given}, given)
        self.assertEqual(tree.parameters(VLAN + "2."), [VLAN + "2.8021pMark"])
        plan = plan_values(tree, [ParameterAssignment(VLAN + "1.8021pMark", "6")])
        tree.apply(plan.batch)
        self.assertEqual(Resolver(tree).paths(VLAN + "*.8021pMark"), [VLAN + "1.8021pMark", VLAN + "2.8021pMark"])
        self.assertEqual(tree.value(VLAN + "1.8021pMark").text, "6")
        entry = IGD + "ManagementServer.InformParameter.1.ParameterName"
        self.assertIsNone(inform_parameter_refusal(tree, entry, VLAN + "*.8021pMark"))
        name = named(VLAN + "1.802-1pMark", {})
        self.assertEqual((name.template, name.keys), (f"{IGD}WANDevice.{{i}}.X_VLAN.{{i}}.802-1pMark", ("1", "1")))
        self.assertEqual(request_template(VLAN + "*.8021pMark"), f"{IGD}WANDevice.{{i}}.X_VLAN.{{i}}.8021pMark")

    def test_row_zero(self) -> None:
        tree = tree_of("Box.List,true,true,,", "Box.List.0,true,true,,", "Box.List.0.Name,false,true,nil,xsd:string")
        self.assertEqual(tree.instances("Box.List."), (0,))
        plan, number = plan_add(tree, "Box.List.")
        tree.apply(plan.batch)
        self.assertEqual(number, 1)
        tree.apply(plan_delete(tree, "Box.List.0.").batch)
        self.assertEqual(tree.instances("Box.List."), (1,))
        self.assertEqual(self.assertRaises(CwmpFault, tree.find, "Box.List.0.").code, 9005)

    def test_more_parameters_beside_odd_names(self) -> None:
        model = model_of_bytes(
            b"Parameter,Object,Writable,Value,Value type\nBox.4G.Mode,false,true,auto,xsd:string",
            after='[objects."Box.4G.Cell."]\nparameters.Id = { type = "int" }\n[values]\n"Box.4G.Mode" = "on"',
        )
        self.assertEqual(Tree(model).value("Box.4G.Cell.Id").text, "0")
        self.assertEqual(Tree(model).value("Box.4G.Mode").text, "on")
        error = self.assertRaises(ModelError, read_toml, b'[objects."Box.4G."]', "x.toml", ModelBuilder())
        self.assertIn("an object's path must be names", str(error))

    def test_json(self) -> None:
        tree = Tree(json_model({"Box": {"4G": {"11kSupported": {"_value": True}, "\u00dc": {"_value": "x"}}}}))
        self.assertEqual(tree.value("Box.4G.11kSupported").text, "true")
        self.assertEqual(tree.value("Box.4G.\u00dc").text, "x")


class NumberTests(SynchronousTestCase):
    def test_a_number_that_the_agent_uses_and_the_dump_has_as_a_string(self) -> None:
        name = "Box.ManagementServer.STUNMaximumKeepAlivePeriod"
        for text, number in (("", 7), ("often", 7), ("1.5", 7), ("12", 12)):
            tree = tree_of(f"{name},false,true,{text},xsd:string")
            self.assertEqual(ManagementServer(tree).number("STUNMaximumKeepAlivePeriod", 7), number, text)


class LeftOutTests(SynchronousTestCase):
    """Entries that no path can name are left out; the others of the dump are read."""

    def test_each_is_one_report(self) -> None:
        for row, reason in (
            ("Box.B.01.C", "Box.B.01.C is left out: 01 is not an instance number: it must be 0, 1, 2"),
            ("Box.B.00.C", "00 is not an instance number"),
            ("Box.B.99999999999.C", "99999999999 is not an instance number"),
            ("Box.B.1.2.C", "2 is an instance number, but does not follow the name of a table"),
            ("Box.1.C", "1 is an instance number, but does not follow the name of a table"),
            ("Box.B.1", "Box.B.1 is left out: it has a number as its name, but is not an object"),
            ("Box.[B].C", "[B] is not a name: it contains a control character, a bracket, a brace or a wildcard"),
            ("Box.*.C", "* is not a name"),
            ("Box.B*.C", "B* is not a name"),
            ("Box.{i}.C", "{i} is not a name"),
            ("Box.B%0AC", "'Box.B\\nC' is left out: 'B\\nC' is not a name"),
            ("Box..C", "Box..C is left out: a name, or a part of it between dots, is empty"),
            (".Box", "a name, or a part of it between dots, is empty"),
            ("", "'' is left out: a name, or a part of it between dots, is empty"),
            ("Box." + "B" * 296, "it has 300 characters; a path has at most 256"),
            ("Box." + "%42" * 2000, "it has 6004 characters; a path has at most 256"),
        ):
            model = model_of("Box.A,false,true,x,xsd:string", f"{row},false,false,1,xsd:int")
            (report,) = odd(model)
            self.assertTrue(report.startswith("box.csv: line 3: "), report)
            self.assertIn(reason, report)
            self.assertLess(len(report), 500)
            self.assertEqual(model.deviations["names that are left out"], 1)
            self.assertEqual(Tree(model).value("Box.A").text, "x")

    def test_both_object_and_parameter(self) -> None:
        model = model_of("Box.A,false,false,1,xsd:int", "Box.A.B,false,false,2,xsd:int")
        self.assertEqual(Tree(model).value("Box.A.B").text, "2")
        self.assertIn(
            "line 2: Box.A is a parameter, but there are names below it: it is read as an object", odd(model)[0]
        )
        model = model_of(
            "Box.A.1.B,false,false,1,xsd:int", "Box.A.1.D,false,false,1,xsd:int", "Box.A.2.B.C,false,false,1,xsd:int"
        )
        self.assertEqual(odd(model), ["box.csv: line 2: Box.A.{i}.B is left out: it is an object in another row"])
        tree = Tree(model)
        self.assertEqual(tree.parameters("Box.A."), ["Box.A.1.D", "Box.A.2.B.C"])

    def test_a_second_root_beside_that_of_a_standard(self) -> None:
        rows = (
            "Summary.Model,false,false,x,xsd:string",
            "Device.A,false,false,1,xsd:int",
            "Other.B,false,false,1,xsd:int",
        )
        model = model_of(*rows)
        self.assertEqual(model.root.path, "Device.")
        self.assertEqual(
            odd(model),
            [
                "box.csv: line 2: Summary. is left out, with all below it: it is a second root beside Device.",
                "box.csv: line 4: Other. is left out, with all below it: it is a second root beside Device.",
            ],
        )
        error = self.assertRaises(ModelError, model_of, *rows, "InternetGatewayDevice.C,false,false,1,xsd:int")
        self.assertEqual(str(error), "box.csv: line 3: Device. is a second root beside Summary.")

    def test_reports_are_bounded_and_counted(self) -> None:
        rows = [f"Box.0{number}.C,false,false,1,xsd:int" for number in range(MOST_REPORTS + 50)]
        model = model_of("Box.A,false,true,x,xsd:string", *rows)
        self.assertEqual(len(model.reports), MOST_REPORTS)
        self.assertEqual(model.deviations["names that are left out"], MOST_REPORTS + 50)

    def test_the_summary(self) -> None:
        model = model_of("Box.A,false,true,x,xsd:float", "Box.0.B,false,true,x,", "Box.00.B,false,true,x,")
        self.assertEqual(
            model.summary,
            "16 deviations (parameters that are added for the agent: 13, names that are left out: 2, "
            "parameters that are read as strings: 1)",
        )
