"""Models from dumps of devices: inferred definitions, errors, and three real dumps row by row."""

from __future__ import annotations

import csv as writer
import io
import json as notation
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from cwmpagent.datamodel import model_json
from cwmpagent.datamodel.builder import ModelBuilder
from cwmpagent.datamodel.plan import AttributeChange
from cwmpagent.datamodel.planning.objects import plan_add, plan_delete
from cwmpagent.datamodel.schema import Model
from cwmpagent.datamodel.sources.bbf.model import read_bbf
from cwmpagent.datamodel.sources.dump import decoding
from cwmpagent.datamodel.sources.dump import model as dump_model
from cwmpagent.datamodel.sources.dump.csv_reader import read_csv
from cwmpagent.datamodel.sources.dump.json_reader import read_json
from cwmpagent.datamodel.tree import Tree
from cwmpagent.device import models
from cwmpagent.errors import CwmpFault, ModelError
from cwmpagent.records import Attributes
from cwmpagent.values import NULL, LexicalError, ValueType
from tests.datamodel.sample import plan_attributes, read
from tests.datamodel.sources.dump.reading import LONG, SHORT, json_model, model_of, tree_of
from tests.dumps import KNOWN, Judge, dump
from tests.skips import bbf_directory

ADDED = 13
"""Number of parameters that the agent needs and that these small dumps do not contain."""


class NamesTests(SynchronousTestCase):
    def test_objects_tables_and_rows(self) -> None:
        tree = tree_of(
            "Box,true,false,,",
            "Box.Name,false,false,one,xsd:string",
            "Box.Port,true,true,,",
            "Box.Port.1,true,false,,",
            "Box.Port.1.Speed,false,true,100,xsd:unsignedInt",
            "Box.Port.7,true,true,,",
            "Box.Port.7.Speed,false,true,10,xsd:unsignedInt",
            "Box.Port.7.Stats,true,false,,",
            "Box.Port.7.Stats.Sent,false,false,5,xsd:unsignedLong",
            "Box.PortNumberOfEntries,false,false,2,xsd:unsignedInt",
        )
        self.assertEqual(tree.instances("Box.Port."), (1, 7))
        self.assertEqual(tree.value("Box.Port.7.Stats.Sent").kind, ValueType.UNSIGNED_LONG)
        self.assertEqual([name for name, _ in tree.names("Box.Port.", True)], ["Box.Port.1.", "Box.Port.7."])
        self.assertTrue(dict(tree.names("Box.", True))["Box.Port."])
        plan, number = plan_add(tree, "Box.Port.")
        tree.apply(plan.batch)
        self.assertEqual(number, 8)
        self.assertEqual(tree.value("Box.Port.8.Speed").text, "0")
        self.assertEqual(tree.value("Box.Port.8.Stats.Sent").text, "0")
        self.assertEqual(tree.value("Box.PortNumberOfEntries").text, "3")
        tree.apply(plan_delete(tree, "Box.Port.7.").batch)
        self.assertEqual(tree.instances("Box.Port."), (1, 8))

    def test_a_row_has_what_the_dump_gives_it(self) -> None:
        tree = tree_of(
            "Box.Port.1.Speed,false,true,100,xsd:int",
            "Box.Port.1.Extra,false,true,x,xsd:string",
            "Box.Port.1.Stats.Sent,false,false,5,xsd:int",
            "Box.Port.2.Speed,false,true,10,xsd:int",
        )
        self.assertEqual(tree.parameters("Box.Port.2."), ["Box.Port.2.Speed"])
        self.assertEqual([name for name, _ in tree.names("Box.Port.2.", True)], ["Box.Port.2.Speed"])
        self.assertEqual([name for name, _ in tree.names("Box.Port.2.", False)], ["Box.Port.2.", "Box.Port.2.Speed"])
        for absent in ("Box.Port.2.Extra", "Box.Port.2.Stats.", "Box.Port.2.Stats.Sent"):
            self.assertFalse(tree.exists(absent), absent)
            self.assertEqual(self.assertRaises(CwmpFault, read, tree, absent).code, 9005)
        self.assertEqual(len(tree.parameters("Box.Port.1.")), 3)

    def test_what_has_nothing_below_it(self) -> None:
        tree = tree_of(
            "Box.Creatable,true,true,,",
            "Box.Counted,true,false,,",
            "Box.CountedNumberOfEntries,false,false,0,xsd:unsignedInt",
            "Box.Plain,true,false,,",
            "Box.Port.1.Rule,true,true,,",
            "Box.Port.2.Rule.4,true,true,,",
            "Box.Port.2.Rule.4.Note,false,true,n,xsd:string",
            "Box.Open,true,true,,",
            "Box.Open.Way,false,true,on,xsd:string",
            "Box.Kept,true,true,,",
            "Box.Kept.1,true,false,,",
            "Box.Kept.1.Name,false,true,n,xsd:string",
        )
        self.assertEqual(dict(tree.names("Box.Kept.", False))["Box.Kept.1."], False)
        kinds = {name: tree.find(f"Box.{name}.").is_table for name in ("Creatable", "Counted", "Plain", "Open")}
        self.assertEqual(kinds, {"Creatable": True, "Counted": True, "Plain": False, "Open": False})
        self.assertEqual(tree.instances("Box.Port.1.Rule."), ())
        tree.apply(plan_add(tree, "Box.Port.1.Rule.")[0].batch)
        self.assertEqual(tree.value("Box.Port.1.Rule.1.Note").text, "")
        self.assertFalse(dict(tree.names("Box.", True))["Box.Open."])
        self.assertEqual(self.assertRaises(CwmpFault, plan_add, tree, "Box.Counted.").code, 9005)

    def test_names_above_that_the_dump_leaves_out(self) -> None:
        tree = tree_of("Box.A.3.B.C,false,false,x,xsd:string")
        self.assertEqual(tree.instances("Box.A."), (3,))
        self.assertEqual(tree.names("Box.A.", True), [("Box.A.3.", False)])

    def test_encoded_names(self) -> None:
        tree = tree_of("Box.X_ZTE%2DCOM.A%5FB,false,false,50%25,xsd:string")
        self.assertEqual(tree.value("Box.X_ZTE-COM.A_B").text, "50%25")

    def test_names_beside_rows_are_reported(self) -> None:
        model = model_of("Box.A.1.B,false,false,x,", "Box.A.Sum,false,false,1,", "Box.A.Deep.C,false,false,1,")
        self.assertEqual(len(Tree(model).parameters("Box.A.")), 1)
        self.assertEqual(
            model.reports[:2],
            (
                "box.csv: Box.A.Deep.: Box.A.Deep. is left out, with all below it: "
                "it is inside a table, but is not a row",
                "box.csv: line 3: Box.A.Sum is left out: it is inside a table, but not inside a row",
            ),
        )

    def test_a_count_that_is_wrong_stays_as_it_is(self) -> None:
        model = model_of("Box.ANumberOfEntries,false,false,5,xsd:unsignedInt", "Box.A.1.B,false,false,x,")
        self.assertEqual(Tree(model).value("Box.ANumberOfEntries").text, "5")
        self.assertIn(
            "box.csv: line 2: Box.ANumberOfEntries is '5', but the dump contains 1 rows: "
            "it is kept as a plain parameter",
            model.reports,
        )


class ValuesTests(SynchronousTestCase):
    def test_values_as_they_are(self) -> None:
        tree = tree_of(
            'Box.Quoted,false,false,"a, ""b""",xsd:string',
            'Box.Lines,false,false,"one\r\ntwo\n\x85three\u2028",xsd:string',
            "Box.Bare,false,false,a\x85b\u2028c,xsd:string",
            "Box.After,false,true,1,xsd:boolean",
            "Box.Time,false,false,2023-05-25T21:04:26.000Z,xsd:dateTime",
            "Box.Octets,false,false,YWI=,xsd:base64",
            "",
        )
        shown = {name: value.text for name, value in read(tree, "Box.") if name.count(".") == 1}
        self.assertEqual(
            shown,
            {
                "Box.Quoted": 'a, "b"',
                "Box.Lines": "one\r\ntwo\n\x85three\u2028",
                "Box.Bare": "a\x85b\u2028c",
                "Box.After": "true",
                "Box.Time": "2023-05-25T21:04:26.000Z",
                "Box.Octets": "YWI=",
            },
        )

    def test_missing_types(self) -> None:
        tree = tree_of(
            "Box.Flag,false,true,true,",
            "Box.When,false,true,2023-05-25T21:04:26Z,",
            "Box.Serial,false,true,0012,",
            "Box.Bit,false,true,1,",
            "Box.Empty,false,true,,",
            "Box.XNumberOfEntries,false,false,12,",
            "Box.A.1.Mixed,false,true,true,",
            "Box.A.2.Mixed,false,true,maybe,",
        )
        kinds = {name: tree.value("Box." + name).kind.value for name in ("Flag", "When", "Serial", "Bit", "Empty")}
        self.assertEqual(
            kinds, {"Flag": "boolean", "When": "dateTime", "Serial": "string", "Bit": "string", "Empty": "string"}
        )
        self.assertEqual(tree.value("Box.XNumberOfEntries").kind, ValueType.UNSIGNED_INT)
        self.assertEqual(tree.value("Box.A.1.Mixed").kind, ValueType.STRING)

    def test_values_that_do_not_fit_their_type(self) -> None:
        model = model_of(
            "Box.Minus,false,false,-1,xsd:unsignedInt",
            "Box.A.1.B,false,true,5,xsd:unsignedInt",
            "Box.A.2.B,false,true,five,xsd:unsignedInt",
            "Box.Odd,false,true,1.5,xsd:float",
            "Box.C.1.D,false,true,1,xsd:int",
            "Box.C.2.D,false,true,1,xsd:unsignedInt",
            "Box.Gone,false,false,,xsd:dateTime",
            "Box.Bell,false,false,\a,xsd:string",
        )
        tree = Tree(model)
        for path, text in {"Box.Minus": "-1", "Box.A.1.B": "5", "Box.A.2.B": "five", "Box.Odd": "1.5"}.items():
            self.assertEqual((tree.value(path).kind, tree.value(path).text), (ValueType.STRING, text))
        self.assertEqual(tree.value("Box.C.2.D").kind, ValueType.STRING)
        self.assertEqual(tree.value("Box.Gone").kind, ValueType.DATE_TIME)
        self.assertEqual(tree.value("Box.Gone").text, "0001-01-01T00:00:00Z")
        self.assertEqual(tree.value("Box.Bell").text, "")
        told = [report for report in model.reports if "added" not in report]
        self.assertEqual(
            [report.partition(" is ")[0] for report in told],
            [
                "box.csv: line 2: Box.Minus",
                "box.csv: line 4: Box.A.2.B",
                "box.csv: line 5: Box.Odd has the type 'xsd:float', which",
                "box.csv: line 6: Box.C.1.D has the type 'xsd:int' and 'xsd:unsignedInt', which",
                "box.csv: line 8: Box.Gone",
                "box.csv: line 9: the value of Box.Bell",
            ],
        )

    def test_secrets_read_back_empty(self) -> None:
        tree = tree_of(
            "Box.Users.1.Password,false,true,hunter2,xsd:string",
            "Box.WPS.DevicePassword,false,true,12345670,xsd:unsignedInt",
            "Box.RekeyingInterval,false,true,60,xsd:int",
            "Box.ChangePassword,false,true,true,xsd:boolean",
            "Box.PrintedPassword,false,false,on the label,xsd:string",
            "Box.A.1.PeerPassword,false,true,,xsd:unsignedInt",
        )
        self.assertNotIn("PeerPassword", "".join(tree.model.reports))
        hidden = {name: value.text for name, value in read(tree, "Box.") if tree.definition(name).hidden}
        self.assertEqual(
            {name: text for name, text in hidden.items() if not name.startswith("Box.ManagementServer.")},
            {"Box.Users.1.Password": "", "Box.WPS.DevicePassword": "0", "Box.A.1.PeerPassword": "0"},
        )
        self.assertEqual(tree.value("Box.Users.1.Password").text, "hunter2")

    def test_notifications_and_access_lists(self) -> None:
        def row(name: str, notification: str, access: str) -> str:
            return f"Box.{name},false,,true,,v,xsd:string,,{notification},,{access},"

        tree = tree_of(
            row("Active", "2", ""),
            row("Passive", "1", "Subscriber"),
            row("Off", "0", ""),
            row("Other", "", '"Somebody, Else"'),
            row("Light", "5", ""),
            "Box.ManagementServer.ParameterKey,false,,false,,,xsd:string,,2,,,",
            header=LONG,
        )
        attributes = {name: tree.attributes("Box." + name) for name in ("Active", "Passive", "Off", "Other", "Light")}
        self.assertEqual(
            attributes,
            {
                "Active": Attributes(2),
                "Passive": Attributes(1),
                "Off": Attributes(0),
                "Other": Attributes(0, ()),
                "Light": Attributes(0),
            },
        )
        self.assertIn("Box.Passive", tree.attributed())
        self.assertNotIn("Box.Off", tree.attributed())
        tree.apply(plan_attributes(tree, [AttributeChange("Box.Active", 0)]).batch)
        self.assertEqual(tree.attributes("Box.Active"), Attributes(0))
        reports = "\n".join(tree.model.reports)
        self.assertIn("line 6: Box.Light has a notification that is not 0, 1 or 2", reports)
        self.assertIn("line 7: has notification 2, which the model does not allow", reports)


class AgentTests(SynchronousTestCase):
    def test_what_the_agent_relies_on(self) -> None:
        model = model_of(
            "InternetGatewayDevice.DeviceSummary,false,false,IGD:1.4,xsd:string",
            "InternetGatewayDevice.DeviceInfo.UpTime,false,false,55,xsd:unsignedInt",
            "InternetGatewayDevice.DeviceInfo.SoftwareVersion,false,false,7,xsd:string",
            "InternetGatewayDevice.DeviceInfo.SpecVersion,false,false,1.0,xsd:string",
            "InternetGatewayDevice.ManagementServer.PeriodicInformInterval,false,true,0,xsd:int",
            "InternetGatewayDevice.Layer3Forwarding.DefaultConnectionService,false,true,"
            "InternetGatewayDevice.WANDevice.1.WANConnectionDevice.2.WANPPPConnection.3,xsd:string",
            "InternetGatewayDevice.WANDevice.1.WANConnectionDevice.2.WANPPPConnection.3.ExternalIPAddress,"
            "false,false,192.0.2.7,xsd:string",
        )
        igd = "InternetGatewayDevice."
        self.assertEqual(
            set(model.forced_inform),
            {
                igd + "DeviceSummary",
                igd + "DeviceInfo.SoftwareVersion",
                igd + "DeviceInfo.SpecVersion",
                igd + "ManagementServer.ParameterKey",
                igd + "ManagementServer.ConnectionRequestURL",
                igd + "WANDevice.1.WANConnectionDevice.2.WANPPPConnection.3.ExternalIPAddress",
            },
        )
        tree = Tree(model, live={igd + "DeviceInfo.UpTime": "7"}.get)
        self.assertEqual(tree.value(igd + "DeviceInfo.UpTime").text, "7")
        self.assertEqual(Tree(model).value(igd + "DeviceInfo.UpTime").text, "55")
        interval = tree.value(igd + "ManagementServer.PeriodicInformInterval")
        self.assertEqual((interval.kind, interval.text), (ValueType.UNSIGNED_INT, "3600"))
        added = [report for report in model.reports if "because the agent needs it" in report]
        self.assertEqual(len(added), ADDED - 1)
        self.assertTrue(tree.definition(igd + "ManagementServer.Password").hidden)

    def test_who_the_device_is(self) -> None:
        model = model_of(
            "DeviceID.SerialNumber,false,false,S1,xsd:string",
            "DeviceID.OUI,false,false,00D09E,xsd:string",
            "Device.DeviceInfo.SerialNumber,false,false,0,xsd:string",
            "Device.DeviceInfo.Manufacturer,false,false,Example,xsd:string",
            "Events.0_BOOTSTRAP,false,false,2023-03-27T19:32:49.978Z,xsd:dateTime",
            "Tags.a tag,false,true,true,xsd:boolean",
            "VirtualParameters.x.y,false,true,1,xsd:int",
        )
        info = {name[18:]: value.text for name, value in read(Tree(model), "Device.DeviceInfo.")}
        self.assertEqual(
            info, {"SerialNumber": "S1", "ManufacturerOUI": "00D09E", "Manufacturer": "Example", "ProductClass": ""}
        )
        self.assertIn(
            "box.csv: line 4: Device.DeviceInfo.SerialNumber differs from DeviceID.SerialNumber, "
            "the value in the Informs, which is used",
            model.reports,
        )


STANDARD = """
[objects."Box.".parameters]
Mode = { type = "string", enumeration = ["Auto", "Fixed"], default = "Auto", writable = true }
Level = { type = "unsignedInt", max = 10, default = 3 }
Main = { type = "string", reference = "Box.Port." }
PortNumberOfEntries = { type = "unsignedInt" }
Name = { type = "string" }
[objects."Box.Plain."]
[objects."Box.Port.{i}."]
create = true
number_of_entries = "PortNumberOfEntries"
always_unique = [["Alias"]]
[objects."Box.Port.{i}.".parameters]
Alias = { type = "string", writable = true }
Speed = { type = "unsignedInt" }
"""


class FileTests(SynchronousTestCase):
    def test_found_by_the_ends_of_their_names(self) -> None:
        directory = Path(self.mktemp())
        directory.mkdir()
        (directory / "box.csv").write_text(f"{SHORT}\nBox.A,false,false,x,xsd:string")
        (directory / "box.json").write_text(notation.dumps({"Box.B": [True, "y", "xsd:string"]}))
        tree = Tree(models.find_model(["box.csv", "box.json"], directory))
        self.assertEqual((tree.value("Box.A").text, tree.value("Box.B").text), ("x", "y"))
        self.patch(models, "LARGEST", 20)
        error = self.assertRaises(ModelError, models.find_model, "box.csv", directory)
        self.assertTrue(str(error).startswith("box.csv: has more than"), str(error))

    def test_a_model_of_a_dump_can_be_kept(self) -> None:
        model = model_of(
            "Box.Port.1.Extra,false,,true,,x,xsd:string,,2,,,",
            "Box.Port.2.Other,false,,true,,-1,xsd:unsignedInt,,,,,",
            header=LONG,
        )
        again = model_json.read(model_json.written(model))
        self.assertEqual(read(Tree(again), ""), read(Tree(model), ""))
        self.assertEqual(Tree(again).names("", False), Tree(model).names("", False))
        self.assertEqual(Tree(again).attributes("Box.Port.1.Extra"), Attributes(2))
        self.assertEqual(again.reports, model.reports)


class CombinationTests(SynchronousTestCase):
    def combined(self, *rows: str) -> Model:
        return model_of(*rows, before=STANDARD)

    def test_values_from_the_dump_all_else_from_the_standard(self) -> None:
        tree = Tree(
            self.combined(
                "Box.Mode,false,false,Fixed,xsd:string",
                "Box.Level,false,true,7,xsd:string",
                "Box.Port,true,false,,",
                "Box.Port.2,true,false,,",
                "Box.Port.2.Alias,false,false,p,xsd:string",
                "Box.PortNumberOfEntries,false,false,1,xsd:unsignedInt",
                "Box.Main,false,true,Box.Port.2.,xsd:string",
            )
        )
        self.assertEqual({name: value.text for name, value in read(tree, "Box.Port.")}, {
            "Box.Port.2.Alias": "p", "Box.Port.2.Speed": "0",
        })  # fmt: skip
        self.assertEqual((tree.value("Box.Level").kind, tree.value("Box.Level").text), (ValueType.UNSIGNED_INT, "7"))
        self.assertTrue(tree.definition("Box.Mode").writable)
        self.assertFalse(tree.definition("Box.Level").writable)
        self.assertEqual(tree.value("Box.Main").text, "Box.Port.2.")
        self.assertEqual(plan_add(tree, "Box.Port.")[1], 3)

    def test_what_only_the_dump_has_is_added(self) -> None:
        tree = Tree(
            self.combined(
                "Box.X_Own,false,true,5,xsd:int",
                "Box.Port.1.X_Kind,false,true,k,xsd:string",
                "Box.X_Table.4.Y,false,false,true,xsd:boolean",
            )
        )
        self.assertEqual(tree.value("Box.X_Own").kind, ValueType.INT)
        self.assertEqual(tree.value("Box.Port.1.X_Kind").text, "k")
        self.assertEqual(tree.instances("Box.X_Table."), (4,))

    def test_what_the_standard_does_not_allow_is_reported(self) -> None:
        model = self.combined(
            "Box.Mode,false,true,Turbo,xsd:string",
            "Box.Level,false,true,11,xsd:unsignedInt",
            "Box.Main,false,true,Box.Port.9.,xsd:string",
            "Box.Port.1.Alias,false,true,same,xsd:string",
            "Box.Port.2.Alias,false,true,same,xsd:string",
            "Box.PortNumberOfEntries,false,false,7,xsd:unsignedInt",
            "Box.Plain.1.X,false,false,x,xsd:string",
            "Box.Name.Deep,false,false,x,xsd:string",
            "Box.Port.1.Speed,false,false,fast,xsd:string",
        )
        tree = Tree(model)
        shown = {name: value.text for name, value in read(tree, "") if "." not in name[4:]}
        self.assertEqual(shown, {"Box.Mode": "Auto", "Box.Level": "3", "Box.Main": "", "Box.PortNumberOfEntries": "2", "Box.Name": ""})  # fmt: skip  # noqa: E501
        self.assertEqual(tree.value("Box.Port.2.Alias").text, "same")
        told = [report.removeprefix("box.csv: ") for report in model.reports if "added" not in report]
        self.assertEqual(
            told,
            [
                "Box.Plain.1.: Box.Plain.1. is left out, with all below it: the preceding model has no such table",
                "Box.Name.: Box.Name. is left out, with all below it: it is a parameter in the preceding model",
                "line 2: the value of Box.Mode is left out: the value must be one of Auto, Fixed",
                "line 3: the value of Box.Level is left out: the number must be at most 10",
                "line 4: the value of Box.Main is left out: must be empty or name an existing row of Box.Port.",
                "line 7: Box.PortNumberOfEntries is '7', but there are 2 rows",
                "line 10: the value of Box.Port.1.Speed is left out: "
                "an unsignedInt is a whole number from 0 to 4294967295",
                "line 5: Alias must be unique in Box.Port.: 2 values that are not unique are kept",
            ],
        )

    def test_another_root(self) -> None:
        error = self.assertRaises(ModelError, self.combined, "Device.A,false,false,1,xsd:int")
        self.assertEqual(str(error), "box.csv: is a dump of Device., but the preceding model has the root Box.")


class BadCsvTests(SynchronousTestCase):
    def assert_refused(self, data: bytes, start: str, *words: str) -> None:
        error = self.assertRaises(ModelError, read_csv, data, "box.csv", ModelBuilder())
        self.assertTrue(str(error).startswith(start), str(error))
        self.assertNotIn("\n", str(error))
        for word in words:
            self.assertIn(word, str(error))

    def test_files(self) -> None:
        head = SHORT.encode() + b"\n"
        cases: Sequence[tuple[bytes, str, str]] = (
            (b"", "box.csv: ", "is empty"),
            (b"\xef\xbb\xbf \n", "box.csv: ", "is empty"),
            (b"PK\x03\x04\x14\0\6\0", "box.csv: ", "is a spreadsheet or an archive, not text: save it as CSV"),
            (b"\xff\xfeP\0a", "box.csv: ", "is not UTF-16 text, although it begins like it"),
            (head + b"Box.A,false,false,\0,xsd:string", "box.csv: line 2: ", "is not text: it contains a NUL"),
            (head, "box.csv: ", "has no root object"),
            (head + b"DeviceID.OUI,false,false,00D09E,xsd:string", "box.csv: ", "has no root object"),
            (b"Parameter,Worth\nBox.A,1", "box.csv: line 1: ", "missing or repeated: Value (known are Parameter,"),
            (b"what is this?", "box.csv: line 1: ", "must name the columns Parameter and Value"),
            (b"sep=;", "box.csv: line 2: ", "must name the columns Parameter and Value"),
            (SHORT.encode() + b",Value\n", "box.csv: line 1: ", "missing or repeated: Value"),
            (head + b'Box.A,false,false,"x,xsd:string\n', "box.csv: line 2: ", "is not CSV"),
            (head + b'Box.A,false,false,"x"y,xsd:string\n', "box.csv: line 2: ", "is not CSV"),
            (head + b"Box.A,false,false," + b"x" * 140_000 + b",", "box.csv: line 2: ", "is not CSV: field larger"),
            (b" " * (decoding.LARGEST + 1), "box.csv: ", "16777217 octets; a dump may have at most 16777216"),
        )
        for data, start, reason in cases:
            self.assert_refused(data, start, reason)

    def test_rows(self) -> None:
        good = 'Box.A,false,false,"one\ntwo",xsd:string'
        cases: Sequence[tuple[str, str]] = (
            ("Box.B,false,false", "is cut short: it has 3 columns, the first row has 5"),
            ("Box.B,false,false,1,xsd:int,,x", "it has 7 columns, the first row has 5"),
            ("Box.B,maybe,false,1,xsd:int", "Object: must be true, false or empty"),
            ("Box.B,false,2,1,xsd:int", "Writable: must be true, false or empty"),
            ("Box.A,false,false,1,xsd:int", "Box.A is already in box.csv: line 2"),
            ("Box.A.,true,false,,", "Box.A is already in box.csv: line 2"),
            ("Box.%41,false,false,1,xsd:int", "Box.A is already in box.csv: line 2"),
            ("Other.B,false,false,1,xsd:int", "Other. is a second root beside Box."),
        )
        for row, reason in cases:
            self.assert_refused(f"{SHORT}\n{good}\n{row}".encode(), "box.csv: line 4", reason)

    def test_too_many_rows(self) -> None:
        self.patch(dump_model, "MOST_ENTRIES", 2)
        rows = "\n".join(f"Box.A{number},false,false,1,xsd:int" for number in range(3))
        self.assert_refused(f"{SHORT}\n{rows}".encode(), "box.csv: has more than 2 rows")

    def test_a_mark_of_byte_order_and_any_end_of_lines(self) -> None:
        for data in (b"\xef\xbb\xbf%s\nBox.A,false,false,x,", b"%s\r\nBox.A,false,false,x,\r\n\r\n"):
            builder = ModelBuilder()
            read_csv(data % SHORT.encode(), "box.csv", builder)
            self.assertEqual(Tree(builder.build("box")).value("Box.A").text, "x")


FLAT: Mapping[str, list[Any]] = {
    "DeviceID.SerialNumber": [False, "S1", "xsd:string"],
    "Box.": [False],
    "Box.DeviceInfo.": [False],
    "Box.DeviceInfo.SerialNumber": [False, "0", "xsd:string"],
    "Box.Port.": [True],
    "Box.Port.1.": [True],
    "Box.Port.1.Speed": [True, 100, "xsd:unsignedInt"],
    "Box.Port.1.Up": [False, True, ""],
    "Box.Port.1.Note": [True, None, "xsd:string"],
    "Box.Port.1.Big": [True, 5000000000, None],
    "_cookie": [""],
}
NESTED: Mapping[str, Any] = {
    "_id": "00D09E-Gateway-S1",
    "_deviceId": {"_SerialNumber": "S1"},
    "_lastInform": "2023-05-25T21:04:26.000Z",
    "_tags": [],
    "Box": {
        "_object": True,
        "_writable": False,
        "DeviceInfo": {
            "_object": True,
            "SerialNumber": {"_object": False, "_writable": False, "_value": "0", "_type": "xsd:string"},
        },
        "Port": {
            "_object": True,
            "_writable": True,
            "1": {
                "_object": True,
                "_writable": True,
                "Speed": {"_value": 100, "_type": "xsd:unsignedInt", "_writable": True, "_notification": 1},
                "Up": {"_value": True, "_writable": False, "_timestamp": "2023-05-25T21:04:26.000Z"},
                "Note": {"_value": "", "_type": "xsd:string", "_writable": True},
                "Big": {"_value": 5000000000, "_writable": True},
            },
        },
    },
}


class JsonTests(SynchronousTestCase):
    def test_flat_and_nested(self) -> None:
        for document in (FLAT, NESTED, [NESTED]):
            tree = Tree(json_model(document))
            values = {name: (value.kind.value, value.text) for name, value in read(tree, "Box.Port.")}
            self.assertEqual(
                values,
                {
                    "Box.Port.1.Speed": ("unsignedInt", "100"),
                    "Box.Port.1.Up": ("boolean", "true"),
                    "Box.Port.1.Note": ("string", ""),
                    "Box.Port.1.Big": ("long", "5000000000"),
                },
            )
            self.assertEqual(tree.value("Box.DeviceInfo.SerialNumber").text, "S1")
            self.assertEqual(tree.names("Box.Port.", True), [("Box.Port.1.", True)])
            self.assertEqual(plan_add(tree, "Box.Port.")[1], 2)
            self.assertFalse(tree.definition("Box.Port.1.Up").writable)
        self.assertEqual(tree.attributes("Box.Port.1.Speed"), Attributes(1))

    def test_refused(self) -> None:
        cases: Sequence[tuple[Any, str]] = (
            ("", "box.json: is empty"),
            ("{", "box.json: is not JSON"),
            ('{"Box.A": [true, NaN, "xsd:int"]}', "box.json: is not JSON: NaN is not a JSON number"),
            ("[" * 100_000, "box.json: is nested too deeply"),
            ("[]", "box.json: must be an object"),
            ("3", "box.json: must be an object"),
            ([NESTED, NESTED], "box.json: must be an object that contains paths, or a list with one device"),
            ({}, "box.json: has no root object"),
            ('{"Box.A": [true], "Box.A": [true]}', "box.json: contains 'Box.A' twice in one object"),
            ({"Box.A": [True, "x", "xsd:string"], "Box.A.": [True]}, "box.json: Box.A.: Box.A is already in"),
            ({"Box.A": []}, "box.json: Box.A: must be a value, [writable]"),
            ({"Box.A": ["true", "x", "xsd:string"]}, "box.json: Box.A: must be a value, [writable]"),
            ({"Box.A": [True, "x"]}, "box.json: Box.A: must be a value, [writable]"),
            ({"Box.A": [True, "x", 5]}, "box.json: Box.A: must be a value, [writable]"),
            ({"Box.A": [True, {}, "xsd:string"]}, "box.json: Box.A: its value must be a string"),
            ({"Box": {"A": {"_writable": "yes"}}}, "box.json: Box.A._writable: must be true or false"),
            ({"Box": {"A": {"_value": 1, "_type": 7}}}, "box.json: Box.A._type: must be a string"),
            ({"Box": {"A": {"_value": [1]}}}, "box.json: Box.A: its value must be a string"),
            ({"Box.A\n": [True, 1]}, "box.json: 'Box.A\\n': must be"),
        )
        for document, start in cases:
            error = self.assertRaises(ModelError, json_model, document)
            self.assertTrue(str(error).startswith(start), f"{str(error)[:300]} / {start}")


names = st.sampled_from(["A", "B", "X_ZTE-COM", "Port", "Wide"])
texts = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"], include_characters="\n\t\r"), max_size=8)


@st.composite
def devices(draw: Callable[..., Any]) -> dict[str, str]:
    """Parameters of a device by full path; a name that begins with T is a table."""
    found: dict[str, str] = {}
    for _ in range(draw(st.integers(1, 8))):
        table = draw(st.sampled_from(["", "TOne", "TTwo"]))
        row = f"{table}.{draw(st.integers(1, 3))}." if table else ""
        inner = draw(st.sampled_from(["", "Inner."]))
        found[f"Box.{row}{inner}{draw(names)}"] = draw(texts)
    return found


class PropertyTests(SynchronousTestCase):
    @given(devices())
    @settings(max_examples=60, deadline=None)
    def test_a_device_has_what_its_dump_says(self, device: dict[str, str]) -> None:
        out = io.StringIO()
        table = writer.writer(out)
        table.writerow(SHORT.split(","))
        for name, text in device.items():
            table.writerow([name, "false", "true", text, "xsd:string"])
        builder = ModelBuilder()
        read_csv(out.getvalue().encode(), "box.csv", builder)
        flat = {name: [True, text, "xsd:string"] for name, text in device.items()}
        for model in (builder.build("box"), json_model(flat)):
            self.assertEqual({**device, **dict(_shown(Tree(model), set(device)))}, device)
            extra = [name for name in Tree(model).parameters("") if name not in device]
            self.assertEqual(len(extra), ADDED)

    @given(st.binary(max_size=120), st.integers(0, 400), st.integers(0, 60))
    @settings(max_examples=150, deadline=None)
    def test_damage_is_never_worse_than_a_model_error(self, junk: bytes, at: int, gone: int) -> None:
        good = f"{SHORT}\nBox,true,false,,\nBox.A.1.B,false,true,x,xsd:string\nBox.C,false,true,1,xsd:int\n".encode()
        flat = notation.dumps(FLAT).encode()
        for data, read_file in ((good, read_csv), (flat, read_json)):
            builder = ModelBuilder()
            try:
                read_file(data[:at] + junk + data[at + gone :], "box", builder)
                builder.build("box")
            except ModelError as error:
                self.assertNotIn("\n", str(error))


def _shown(tree: Tree, wanted: set[str]) -> list[tuple[str, str]]:
    return [(name, value.text) for name, value in read(tree, "") if name in wanted or "TOne" in name or "TTwo" in name]


class RealTests(SynchronousTestCase):
    """Every row of the dump of a real device, compared with the answers of its model."""

    def check(self, at: int) -> None:
        judge = Judge(KNOWN[at])
        builder = ModelBuilder()
        read_csv(dump(judge.known.name).read_bytes(), judge.known.name, builder)
        tree = Tree(builder.build(judge.known.name))
        known = judge.known
        self.assertEqual((len(judge.objects), len(judge.parameters)), (known.objects, known.parameters))
        others = (judge.secret, judge.empty, judge.other_zero, judge.unnamed)
        self.assertEqual(others, (known.secret, known.empty, known.other_zero, known.unnamed))
        found = read(tree, "")
        self.assertEqual(len(found), known.parameters)
        for name, value in found:
            row = judge.parameters[name]
            self.assertEqual((value.text, "xsd:" + value.kind.value), (row.value, row.type), name)
        listed = tree.names("", False)
        self.assertEqual(len(listed), known.objects + known.parameters)
        for name, writable in listed:
            if name.endswith("."):
                self.assertEqual(writable, judge.objects[name] and not judge.is_plain(name), name)
            else:
                self.assertEqual(writable, judge.parameters[name].writable, name)
        self.assertEqual([name for name in judge.parameters if read(tree, name)[0][0] != name], [])
        for name in judge.objects:
            below = sum(other.startswith(name) for other in judge.parameters)
            self.assertEqual(len(read(tree, name)), below, name)

    def test_tr098_short(self) -> None:
        self.check(0)

    def test_tr098_long(self) -> None:
        self.check(1)

    def test_tr181_long(self) -> None:
        self.check(2)

    def combine(self, at: int, standard: str) -> tuple[int, int, int]:
        """Numbers of values of the dump that a device of the published model shows, hides and refuses."""
        judge = Judge(KNOWN[at])
        builder = ModelBuilder()
        schemas = bbf_directory()
        assert schemas is not None
        read_bbf((schemas / standard).read_bytes(), standard, builder)
        read_csv(dump(judge.known.name).read_bytes(), judge.known.name, builder)
        model = builder.build("both")
        tree, reports = Tree(model), "\n".join(model.reports)
        gone = re.findall(r"(\S+) is left out, with all below it", reports)
        shown = hidden = refused = 0
        for name, row in judge.parameters.items():
            if not tree.exists(name):
                refused += 1
                template = re.sub(r"\.\d+\.", ".{i}.", re.sub(r"\.\d+\.", ".{i}.", name))
                self.assertTrue(name.startswith(tuple(gone)) or f"{template} is left out" in reports, name)
            elif tree.definition(name).hidden:
                hidden += 1
                self.assertEqual(tree.shown(name).text, NULL[tree.definition(name).kind], name)
            elif _same(tree, name, row.given) or row.value == tree.shown(name).text != row.given == "":
                shown += 1
            else:
                refused += 1
                told = (f"the value of {name} is left out", f"{name} is '", f"{name} is empty")
                self.assertTrue(any(each in reports for each in told), name)
        self.assertEqual(shown + hidden + refused, judge.known.parameters)
        return shown, hidden, refused

    def assert_combined(self, at: int, standard: str, *, shown: int, refused: int) -> None:
        found, _, odd = self.combine(at, standard)
        self.assertGreaterEqual(found, shown)
        self.assertLessEqual(odd, refused)

    def test_tr098_short_with_its_standard(self) -> None:
        self.assert_combined(0, "tr-098-1-8-0-full.xml", shown=773, refused=7)

    def test_tr098_long_with_its_standard(self) -> None:
        self.assert_combined(1, "tr-098-1-8-0-full.xml", shown=3055, refused=29)

    def test_tr181_long_with_its_standard(self) -> None:
        self.assert_combined(2, "tr-181-2-17-0-cwmp-full.xml", shown=4191, refused=65)


def _same(tree: Tree, name: str, given: str) -> bool:
    try:
        return tree.shown(name).text == tree.definition(name).lexical(given)
    except LexicalError:
        return False
