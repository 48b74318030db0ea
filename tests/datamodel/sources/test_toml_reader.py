"""The TOML model format: content of the model, and errors with file and element."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from cwmpagent.datamodel.schema import Notify, ObjectDefinition, ParameterDefinition, UniqueKey
from cwmpagent.errors import ModelError
from cwmpagent.values import Restriction, ValueType
from tests.datamodel.sample import SAMPLE, build
from tests.skips import CHECKOUT

ROOT = '[objects."Box."]\n[objects."Box.".parameters]\nMode = { type = "string" }\nPorts = { type = "unsignedInt" }\n'
TABLE = '[objects."Box.Port.{i}."]\n%s\n[objects."Box.Port.{i}.".parameters]\nLabel = { type = "string" }\n'


class ReadTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.model = build(SAMPLE)

    def parameter(self, path: str) -> ParameterDefinition:
        found = self.model.definition(path)
        assert isinstance(found, ParameterDefinition), path
        return found

    def test_a_parameter(self) -> None:
        self.assertEqual(
            self.parameter("Box.Level"),
            ParameterDefinition(
                name="Level",
                kind=ValueType.INT,
                writable=True,
                default="0",
                restriction=Restriction(ranges=((-5, 5),)),
            ),
        )
        self.assertEqual(
            self.parameter("Box.Version"),
            ParameterDefinition(
                name="Version", kind=ValueType.STRING, default="1.0", notify=Notify.FORCED, forced_inform=True
            ),
        )
        self.assertEqual(self.parameter("Box.PortNumberOfEntries").counts, "Port")
        self.assertEqual(self.parameter("Box.Main").reference, ("Box.Port.",))
        self.assertEqual(self.parameter("Box.All").reference, ())
        self.assertTrue(self.parameter("Box.Secret").hidden)
        self.assertTrue(self.parameter("Box.Uptime").live)

    def test_every_restriction(self) -> None:
        model = build(
            '[types.item]\ntype = "string"\nmax_length = 3\n'
            '[objects."B.".parameters]\n'
            'P = { type = "item", min_length = 1, patterns = ["a+", "b"], list = true, min_items = 0, max_items = 2, '
            "max_list_length = 6 }\n"
        )
        found = model.definition("B.P")
        assert isinstance(found, ParameterDefinition)
        self.assertEqual(
            found.restriction,
            Restriction(
                lengths=((1, 3),), patterns=("a+", "b"), list_of=True, list_lengths=((0, 2),), list_sizes=((None, 6),)
            ),
        )

    def test_defaults_by_type(self) -> None:
        lines = "\n".join(f'P{number} = {{ type = "{kind.value}" }}' for number, kind in enumerate(ValueType))
        model = build(f'[objects."B.".parameters]\n{lines}')
        defaults = [parameter.default for parameter in model.root.parameters.values()]
        self.assertEqual(defaults, ["", "0", "0", "0", "0", "0", "false", "0001-01-01T00:00:00Z", "", ""])

    def test_a_table(self) -> None:
        found = self.model.definition("Box.Port.{i}.")
        assert isinstance(found, ObjectDefinition)
        self.assertEqual((found.creatable, found.deletable, found.enable, found.max_rows), (True, True, "Enable", 4))
        self.assertEqual(
            found.unique_keys,
            (UniqueKey(("Label", "Number"), functional=True), UniqueKey(("Place",), functional=False)),
        )
        self.assertEqual(list(found.children), ["Rule", "Stats"])
        self.assertIs(self.model.definition("Box.Port.7."), found)
        self.assertIs(self.model.definition("Box.Port."), found)

    def test_what_may_be_created_may_be_deleted_unless_it_says_otherwise(self) -> None:
        for text, expected in (
            ("create = true", True),
            ("create = true\ndelete = false", False),
            ("delete = true", True),
        ):
            found = build(ROOT + TABLE % text).definition("Box.Port.")
            assert isinstance(found, ObjectDefinition)
            self.assertEqual(found.deletable, expected)

    def test_the_factory_s_rows_and_values(self) -> None:
        self.assertEqual(self.model.rows["Box.Port."], (1, 3))
        self.assertEqual(self.model.values["Box.Port.1.Enable"], "true")

    def test_lists_of_paths(self) -> None:
        self.assertEqual(self.model.forced_inform, ("Box.Version", "Box.Mode"))
        self.assertEqual(self.model.active, ("Box.Version", "Box.Address", "Box.Port.{i}.Stats.Sent"))

    def test_equal_definitions_are_one(self) -> None:
        model = build(ROOT + '[objects."Box.A.".parameters]\nMode = { type = "string" }')
        self.assertIs(model.definition("Box.A.Mode"), model.definition("Box.Mode"))

    def test_a_later_file_adds_objects_rows_and_values(self) -> None:
        model = build(
            SAMPLE,
            '[objects."Box.More.".parameters]\nX = { type = "int" }\n'
            '[rows]\n"Box.Port." = [2]\n'
            '[values]\n"Box.Level" = 2\n"Box.Port.1.Label" = "later"\n"Box.Port.2.Label" = "two"',
        )
        self.assertEqual(model.rows["Box.Port."], (1, 2, 3))
        self.assertEqual([model.values[name] for name in ("Box.Level", "Box.Port.1.Label")], ["2", "later"])
        self.assertIsNotNone(model.definition("Box.More.X"))

    def test_no_other_path_is_defined(self) -> None:
        for path in (
            "",
            "Box",
            "Box.Port.{i}",
            "Box.Port.{i}.{i}.",
            "Box.Port.Label",
            "Other.Mode",
            "Box.Port.00.Label",
        ):
            self.assertIsNone(self.model.definition(path), path)


class DocumentTests(SynchronousTestCase):
    def test_the_example_of_the_documentation_is_a_model(self) -> None:
        text = (CHECKOUT / "docs" / "model-format.md").read_text(encoding="utf-8")
        example = text.partition("```toml\n")[2].partition("```")[0]
        self.assertEqual(build(example).values, {"Device.NAT.PortMapping.1.ExternalPort": "8080"})

    def test_every_word_of_the_format_is_in_the_documentation(self) -> None:
        text = (CHECKOUT / "docs" / "model-format.md").read_text(encoding="utf-8")
        for document in (ROOT + TABLE % "zebra = 1", ROOT.replace('"string"', '"string", zebra = 1')):
            words = self.assertRaises(ModelError, build, document).reason.partition("known are ")[2].split(", ")
            self.assertGreater(len(words), 7)
            self.assertEqual([word for word in words if f"`{word}`" not in text], [])


class MistakeTests(SynchronousTestCase):
    def assert_refused(self, document: str | bytes, key: str, reason: str) -> None:
        error = self.assertRaises(ModelError, build, document)
        self.assertEqual(error.key, key)
        self.assertIn(reason, error.reason)

    def test_no_toml(self) -> None:
        self.assert_refused(b"\xff", "1.toml", "UTF-8")
        self.assert_refused("a = \nb", "1.toml", "line 1")

    def test_no_root(self) -> None:
        self.assert_refused("", "root", "one root")
        self.assert_refused('[objects."A."]\n[objects."B."]', "root", "A. and B.")

    def test_parameters(self) -> None:
        where = '1.toml: objects."Box.".parameters.P'
        for content, at, reason in (
            ('type = "text"', ".type", "must be one of string, int"),
            ("writable = true", ".type", "must be one of"),
            ('type = "int", writable = "yes"', ".writable", "true or false"),
            ('type = "int", writeable = true', ".writeable", "known are"),
            ('type = "int", min = 1', "", "the default '0' is not allowed: the number must be at least 1"),
            ('type = "int", min = true', ".min", "a whole number"),
            ('type = "int", default = 1.5', ".default", "a string, a whole number"),
            ('type = "int", default = "x"', "", "'x' is not allowed"),
            ('type = "string", enumeration = ["A"]', "", "must be one of A"),
            ('type = "string", enumeration = "A"', ".enumeration", "list of strings"),
            ('type = "string", patterns = ["("]', ".patterns", "not a regular expression"),
            ('type = "string", notify = "loud"', ".notify", "can-deny"),
            ('type = "string", reference = "Box.No."', "", "not a table of the model"),
            ('type = "string", reference = 3', ".reference", "list of strings"),
        ):
            self.assert_refused(f'[objects."Box.".parameters]\nP = {{ {content} }}', where + at, reason)
        self.assert_refused('[objects."Box.".parameters]\nP = 3', where, "a table")
        self.assert_refused(
            '[objects."Box.".parameters]\n"a.b" = { type = "int" }', '1.toml: objects."Box.".parameters."a.b"', "name"
        )

    def test_objects(self) -> None:
        for path in ("Box..", ".", "{i}.", "Box.{i}.", "Box.A.{i}.{i}.", "Box.9.", "Box. .", "Box.A"):
            self.assert_refused(f'[objects."{path}"]', f'1.toml: objects."{path}"', "followed by a dot")
        self.assert_refused(
            ROOT + '[objects."Box.A.B."]', '1.toml: objects."Box.A.B."', "parent Box.A. is not declared"
        )
        self.assert_refused(ROOT + '[objects."Box.Mode."]', '1.toml: objects."Box."', "both a parameter and an object")
        self.assert_refused(
            ROOT + '[objects."Box.A."]\n[objects."Box.A.{i}."]', '1.toml: objects."Box."', "both an object and a table"
        )
        self.assert_refused(ROOT + '[objects."Box.A."]\ncreate = true', '1.toml: objects."Box.A."', "only a table")
        long = "Box." + "a" * 300 + "."
        self.assert_refused(ROOT + f'[objects."{long}"]', f'1.toml: objects."{long}"', "at most 256")

    def test_tables(self) -> None:
        where = '1.toml: objects."Box.Port.{i}."'
        for content, at, reason in (
            ('number_of_entries = "Many"', "", "Many is not a parameter of Box."),
            ('enable = "On"', "", "On is not a parameter"),
            ('unique = [["Label", "On"]]', "", "On is not a parameter"),
            ('unique = ["Label"]', ".unique", "list of strings"),
            ("max_rows = true", ".max_rows", "a whole number"),
            ("colour = 1", ".colour", "is unknown here"),
        ):
            self.assert_refused(ROOT + TABLE % content, where + at, reason)

    def test_a_declaration_twice(self) -> None:
        error = self.assertRaises(ModelError, build, ROOT, '[objects."Box."]')
        self.assertEqual(
            (error.key, error.reason), ('2.toml: objects."Box."', 'is already declared in 1.toml: objects."Box."')
        )

    def test_rows_and_values(self) -> None:
        model = ROOT + TABLE % ""
        for content, key, reason in (
            ('[rows]\n"Box.No." = [1]', 'rows."Box.No."', "not a table"),
            ('[rows]\n"Box." = [1]', 'rows."Box."', "not a table"),
            ('[rows]\n"Box.Port." = [0]', 'rows."Box.Port."', "start at 1"),
            ('[rows]\n"Box.Port." = ["1"]', 'rows."Box.Port."', "instance numbers"),
            ('[rows]\n"Box.Port." = [true]', 'rows."Box.Port."', "instance numbers"),
            ('[rows]\n"Box.Port." = 1', 'rows."Box.Port."', "instance numbers"),
            ('[values]\n"Box.Port.1.Label" = "x"', 'values."Box.Port.1.Label"', "no such parameter"),
            ('[values]\n"Box.Ports" = "x"', 'values."Box.Ports"', "whole number"),
            ('[values]\n"Box.Mode" = 2026-01-01', 'values."Box.Mode"', "dateTime"),
            ("[value]", "value", "known are objects, rows, types, values"),
        ):
            self.assert_refused(model + content, f"1.toml: {key}", reason)

    def test_values_that_break_a_key(self) -> None:
        document = ROOT + TABLE % 'always_unique = [["Label"]]'
        document += '[rows]\n"Box.Port." = [1, 2]\n[values]\n"Box.Port.1.Label" = "x"\n"Box.Port.2.Label" = "x"'
        self.assert_refused(document, '1.toml: values."Box.Port.1.Label"', "must be unique")
