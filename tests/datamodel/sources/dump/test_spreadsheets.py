"""Dumps that went through a spreadsheet, an editor or another ACS: read by what is there."""

from __future__ import annotations

import codecs

from twisted.trial.unittest import SynchronousTestCase

from cwmpagent.datamodel.builder import ModelBuilder
from cwmpagent.datamodel.schema import Model
from cwmpagent.datamodel.sources.dump.json_reader import read_json
from cwmpagent.datamodel.sources.toml_reader import read_toml
from cwmpagent.datamodel.tree import Tree
from cwmpagent.errors import ModelError
from cwmpagent.values import ValueType
from tests.datamodel.sample import read
from tests.datamodel.sources.dump.reading import json_model, model_of, model_of_bytes, odd, tree_of

TABLE = """Parameter;Object;Writable;Value;Type
Device;TRUE;FALSE;;
Device.Caf\u00e9;FALSE;TRUE;cr\u00e8me;xsd:string
Device.On;FALSE;TRUE;TRUE;xsd:boolean
Device.Off;FALSE;TRUE;FALSE;
Device.Port.1;TRUE;FALSE;;
Device.Port.1.Speed;FALSE;FALSE;100;xsd:unsignedInt
"""


class SpreadsheetTests(SynchronousTestCase):
    def check(self, data: bytes) -> Model:
        """Check that ``data`` reads as TABLE."""
        model = model_of_bytes(data)
        tree = Tree(model)
        found = {
            name: (value.kind, value.text)
            for name, value in read(tree, "")
            if name.startswith(("Device.C", "Device.O", "Device.P"))
        }
        self.assertEqual(
            found,
            {
                "Device.Caf\u00e9": (ValueType.STRING, "cr\u00e8me"),
                "Device.On": (ValueType.BOOLEAN, "true"),
                "Device.Off": (ValueType.BOOLEAN, "false"),
                "Device.Port.1.Speed": (ValueType.UNSIGNED_INT, "100"),
            },
        )
        self.assertEqual(tree.instances("Device.Port."), (1,))
        self.assertTrue(tree.writable("Device.Caf\u00e9"))
        self.assertFalse(tree.writable("Device.Port.1.Speed"))
        return model

    def test_encodings(self) -> None:
        for mark, encoding in (
            (b"", "utf-8"),
            (codecs.BOM_UTF8, "utf-8"),
            (codecs.BOM_UTF16_LE, "utf-16-le"),
            (codecs.BOM_UTF16_BE, "utf-16-be"),
            (codecs.BOM_UTF32_LE, "utf-32-le"),
            (codecs.BOM_UTF32_BE, "utf-32-be"),
            (b"", "utf-16-le"),
            (b"", "utf-16-be"),
        ):
            self.assertEqual(odd(self.check(mark + TABLE.encode(encoding))), [], encoding)

    def test_what_is_not_utf_8_is_read_line_by_line(self) -> None:
        model = self.check(TABLE.encode("latin-1"))
        self.assertEqual(odd(model), ["box.csv: line 3: is not UTF-8: read as Windows-1252"])
        mixed = TABLE.encode() + "Device.X;FALSE;FALSE;\u2019t is;\nDevice.Y;FALSE;FALSE;\u00e9;\n".encode("cp1252")
        model = self.check(mixed + b"Device.Z;FALSE;FALSE;\x81;\n")
        self.assertEqual(Tree(model).value("Device.X").text, "\u2019t is")
        self.assertEqual(Tree(model).value("Device.Z").text, "?")
        self.assertEqual(odd(model), ["box.csv: line 8: is not UTF-8, nor are 2 further lines: read as Windows-1252"])

    def test_separators_and_ends_of_lines(self) -> None:
        for text in (
            TABLE.replace(";", ","),
            TABLE.replace(";", "\t"),
            TABLE.replace(";", "|"),
            TABLE.replace("\n", "\r\n"),
            TABLE.replace("\n", "\r"),
            "sep=;\n" + TABLE,
            '\n"sep=;"\r\n' + TABLE,
            "\n\n" + TABLE,
        ):
            self.assertEqual(odd(self.check(text.encode())), [], text[:60])

    def test_cells_that_a_spreadsheet_adds_and_leaves_out(self) -> None:
        wide = "".join(line + ";;;\n" for line in TABLE.splitlines())
        self.check(wide.encode() + b";;;;;;;\n")
        short = "".join(line.rstrip(";") + "\n" for line in TABLE.splitlines())
        self.assertNotIn(";;\n", short)
        self.check(short.encode())
        error = self.assertRaises(ModelError, model_of_bytes, short.encode() + b"Device.Q;FAL")
        self.assertIn("line 8: is cut short: it has 2 columns, the first row has 5", str(error))

    def test_columns_by_other_names_or_none(self) -> None:
        tree = tree_of("Box.A,xsd:int,5,TRUE", header="NAME,Type,VALUE,Writeable")
        self.assertEqual((tree.value("Box.A").kind, tree.value("Box.A").text), (ValueType.INT, "5"))
        self.assertTrue(tree.writable("Box.A"))
        tree = tree_of("Box.A.,", "Box.B,true", header="Path,Value")
        self.assertEqual(tree.parameters("Box.A."), [])
        self.assertEqual(tree.value("Box.B").kind, ValueType.BOOLEAN)
        both = tree_of("Box.A,xsd:int,5,9", header="Parameter,Value type,Value,Type")
        self.assertEqual(both.value("Box.A").kind, ValueType.INT)

    def test_booleans_in_the_language_of_the_spreadsheet(self) -> None:
        tree = tree_of(
            "Box;WAHR;FALSCH;;", "Box.A;falsch;Wahr;1;xsd:int", header="Parameter;Object;Writable;Value;Type"
        )
        self.assertTrue(tree.writable("Box.A"))
        self.assertTrue(tree_of("Box.A,0,1,5,xsd:int").writable("Box.A"))

    def test_times_in_milliseconds(self) -> None:
        for text, time in (
            ("1685048666000", "2023-05-25T21:04:26Z"),
            ("1685048666123", "2023-05-25T21:04:26.123Z"),
            ("1685048666000.0", "2023-05-25T21:04:26Z"),
            ("45000", "1970-01-01T00:00:45Z"),
            ("0", "1970-01-01T00:00:00Z"),
            ("-62135596800000", "0001-01-01T00:00:00Z"),
        ):
            for model in (
                model_of(f"Box.When,false,false,{text},xsd:dateTime"),
                json_model(
                    {"Box": {"When": {"_value": float(text) if "." in text else int(text), "_type": "xsd:dateTime"}}}
                ),
            ):
                value = Tree(model).value("Box.When")
                self.assertEqual((value.kind, value.text), (ValueType.DATE_TIME, time))
        for text in ("-1", "99999999999999999", "1,7E+12"):
            value = tree_of(f'Box.When,false,false,"{text}",xsd:dateTime').value("Box.When")
            self.assertEqual((value.kind, value.text), (ValueType.STRING, text))

    def test_only_a_time_is_read_as_one(self) -> None:
        standard = '[objects."Box.".parameters]\nWhen = { type = "dateTime" }'
        for text, kind, time in (
            ("1685048666000", "", "2023-05-25T21:04:26Z"),
            ("1685048666000", "xsd:string", "0001-01-01T00:00:00Z"),
            ("-1", "xsd:int", "0001-01-01T00:00:00Z"),
            ("5", "", "0001-01-01T00:00:00Z"),
        ):
            tree = tree_of(f"Box.When,false,false,{text},{kind}", before=standard)
            self.assertEqual(tree.value("Box.When").text, time, text)

    def test_whole_numbers_with_a_point(self) -> None:
        tree = tree_of(
            "Box.A,false,false,5.0,xsd:unsignedInt", "Box.B,false,false,5.5,xsd:int", "Box.C,false,false,5.0,xsd:string"
        )
        self.assertEqual([tree.value("Box." + name).text for name in "ABC"], ["5", "5.5", "5.0"])

    def test_a_mark_of_byte_order_in_other_model_files(self) -> None:
        builder = ModelBuilder()
        read_toml(codecs.BOM_UTF8 + b'[objects."Box.".parameters]\nA = { type = "int" }', "x.toml", builder)
        self.assertEqual(builder.root, "Box.")


class PlainJsonTests(SynchronousTestCase):
    def test_values(self) -> None:
        model = json_model(
            {
                "_id": "x",
                "InternetGatewayDevice": {
                    "DeviceInfo": {"Manufacturer": "Example", "UpTime": 77, "SerialNumber": None},
                    "ManagementServer": {"PeriodicInformInterval": 300},
                    "Port": {"1": {"Up": True, "Rate": 1.5}, "3": {"Up": False, "Rate": "x"}},
                    "Rule": [{"Name": "a", "On": True}, {"Name": "b"}],
                    "Nothing": {},
                    "None": [],
                },
            }
        )
        tree = Tree(model)
        found = {name[22:]: (value.kind.value, value.text) for name, value in read(tree, "")}
        self.assertEqual(
            {name: found[name] for name in found if name.startswith(("Port", "Rule", "DeviceInfo.M", "DeviceInfo.U"))},
            {
                "DeviceInfo.Manufacturer": ("string", "Example"),
                "DeviceInfo.ManufacturerOUI": ("string", "000000"),
                "DeviceInfo.UpTime": ("unsignedInt", "77"),
                "Port.1.Up": ("boolean", "true"),
                "Port.1.Rate": ("string", "1.5"),
                "Port.3.Up": ("boolean", "false"),
                "Port.3.Rate": ("string", "x"),
                "Rule.1.Name": ("string", "a"),
                "Rule.1.On": ("boolean", "true"),
                "Rule.2.Name": ("string", "b"),
            },
        )
        for name in ("Nothing.", "None."):
            self.assertEqual(tree.parameters("InternetGatewayDevice." + name), [])
        self.assertTrue(tree.writable("InternetGatewayDevice.ManagementServer.PeriodicInformInterval"))
        self.assertFalse(tree.writable("InternetGatewayDevice.Port.1.Up"))
        self.assertEqual(
            odd(model),
            ["box.json: does not say what can be written: an ACS can set only what every agent lets it set"],
        )

    def test_paths_with_values(self) -> None:
        tree = Tree(json_model({"Box.A": "x", "Box.B.1.C": 5}))
        self.assertEqual((tree.value("Box.A").text, tree.value("Box.B.1.C").kind), ("x", ValueType.INT))

    def test_refused(self) -> None:
        for document, reason in (
            ({"Box": {"A.": "x"}}, "box.json: Box.A.: must be a value"),
            ({"Box": {"A": ["x", "y"]}}, "box.json: Box.A: must be a value"),
            ({"Box": {"A": [{}, 1]}}, "box.json: Box.A: must be a value"),
        ):
            self.assertTrue(str(self.assertRaises(ModelError, json_model, document)).startswith(reason), reason)
        model = json_model({"Box": {"B": "x", "A" * 300: {"C": 1}}})
        self.assertIn("it has 304 characters; a path has at most 256", odd(model)[0])

    def test_encodings(self) -> None:
        text = '{"Box": {"\u00dc": "\u00fc"}}'
        for encoding in ("utf-8-sig", "utf-16", "utf-16-le", "latin-1"):
            builder = ModelBuilder()
            read_json(text.encode(encoding), "box.json", builder)
            self.assertEqual(Tree(builder.build("box")).value("Box.\u00dc").text, "\u00fc")
