"""Models from the XML files of the Broadband Forum: content of the model, and one-line errors."""

from __future__ import annotations

import re

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from cwmpagent.datamodel.builder import ModelBuilder
from cwmpagent.datamodel.plan import ParameterAssignment
from cwmpagent.datamodel.planning.assignments import plan_values
from cwmpagent.datamodel.planning.objects import plan_add
from cwmpagent.datamodel.restore import open_tree
from cwmpagent.datamodel.schema import Notify, ObjectDefinition, ParameterDefinition, UniqueKey
from cwmpagent.datamodel.sources.bbf.model import read_bbf
from cwmpagent.datamodel.sources.dump.csv_reader import read_csv
from cwmpagent.datamodel.sources.toml_reader import read_toml
from cwmpagent.datamodel.tree import Tree
from cwmpagent.errors import CwmpFault, ModelError
from cwmpagent.values import UNKNOWN_TIME, Restriction, ValueType
from tests.datamodel.bbf_sample import NAME, OBJECTS, PROFILES, TYPES, document, read

K = ValueType
PORTS = "Device.Box.Port."

CHOICES = """
    <object name="Device.Pick.">
      <parameter name="Supported"><syntax><list/><string/></syntax></parameter>
      <parameter name="Strict" access="readWrite">
        <syntax><string><enumerationRef targetParam=" Supported "/></string></syntax></parameter>
      <parameter name="Free" access="readWrite">
        <syntax><string><enumerationRef targetParam="Supported" nullValue=""/></string></syntax></parameter>
      <parameter name="Off" access="readWrite">
        <syntax><string><enumerationRef targetParam=".Pick.Supported" nullValue="Off"/></string></syntax></parameter>
      <parameter name="Many" access="readWrite">
        <syntax><list/><string><enumerationRef targetParam="Device.Pick.Supported"/></string></syntax></parameter>
      <parameter name="Lost" access="readWrite">
        <syntax><string><enumerationRef targetParam="Nothing"/></string></syntax></parameter>
      <parameter name="Elsewhere" access="readWrite">
        <syntax><string><enumerationRef targetParam="Row.{i}.Words"/></string></syntax></parameter>
    </object>
    <object name="Device.Pick.Row.{i}.">
      <parameter name="Words"><syntax><list/><string/></syntax></parameter>
      <parameter name="One" access="readWrite">
        <syntax><string><enumerationRef targetParam="#.Supported"/></string></syntax></parameter>
    </object>
    <object name="Device.Pick.Row.{i}.In.{i}.">
      <parameter name="One" access="readWrite">
        <syntax><string><enumerationRef targetParam="#.Words"/></string></syntax></parameter>
    </object>
"""


def _parts(line: str) -> list[str]:
    return line.split(",")


class ReadTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.model = read(document())

    def parameter(self, path: str) -> ParameterDefinition:
        found = self.model.definition("Device." + path)
        assert isinstance(found, ParameterDefinition), path
        return found

    def test_types_restrictions_and_defaults(self) -> None:
        word = Restriction(lengths=((None, 8),), patterns=("", "[a-z]+"))
        levels = Restriction(ranges=((-10, 10),), step=5)
        numbers = Restriction(
            ranges=((None, 4), (10, None)),
            list_of=True,
            item=K.UNSIGNED_INT,
            list_lengths=((1, 3),),
            list_sizes=((None, 20),),
        )
        pair = Restriction(list_of=True, item=K.UNSIGNED_INT, list_lengths=((2, 2),))
        for path, kind, restriction, default in (
            ("Box.Name", K.STRING, word, "box"),
            ("Box.Level", K.INT, levels, "0"),
            ("Box.Narrow", K.INT, Restriction(ranges=((5, 10),)), "5"),
            ("Box.State", K.STRING, Restriction(enumeration=("None", "Requested")), "None"),
            ("Box.Secret", K.HEX_BINARY, Restriction(lengths=((2, 4),)), "0000"),
            ("Box.Reset", K.BOOLEAN, None, "false"),
            ("Box.Share", K.DECIMAL, None, "0"),
            ("Box.Since", K.DATE_TIME, None, UNKNOWN_TIME),
            ("Box.Numbers", K.STRING, numbers, "0"),
            ("Box.Pair", K.STRING, pair, "0,0"),
            ("Box.Pairs", K.STRING, Restriction(lengths=((None, 99),)), ""),
            ("Box.Sizes", K.BASE64, Restriction(lengths=((3, 3), (6, 9))), "AAAA"),
            ("Box.Odd", K.STRING, None, ""),
            ("Box.Undated", K.DATE_TIME, None, UNKNOWN_TIME),
            ("Box.Port.{i}.Number", K.UNSIGNED_LONG, None, "0"),
            ("Box.Port.{i}.Gone", K.LONG, None, "0"),
            ("Box.Deep.Down.Depth", K.INT, Restriction(ranges=((-9, -3),)), "-3"),
            ("ManagementServer.PeriodicInformInterval", K.UNSIGNED_INT, Restriction(ranges=((1, None),)), "3600"),
        ):
            found = self.parameter(path)
            self.assertEqual((found.kind, found.restriction, found.default), (kind, restriction, default), path)

    def test_access_notification_and_what_is_not_shown(self) -> None:
        self.assertTrue(self.parameter("Box.Name").writable)
        self.assertTrue(self.parameter("Box.Port.{i}.Alias").writable)
        self.assertFalse(self.parameter("Box.Level").writable)
        self.assertEqual(self.parameter("Box.Name").notify, Notify.FORCED)
        self.assertEqual(self.parameter("DeviceInfo.UpTime").notify, Notify.CAN_DENY)
        self.assertEqual(self.parameter("ManagementServer.ConnectionRequestURL").notify, Notify.DEFAULT_ACTIVE)
        self.assertEqual(self.parameter("Box.Level").notify, Notify.NORMAL)
        self.assertTrue(self.parameter("DeviceInfo.UpTime").live)
        self.assertFalse(self.parameter("Box.Level").live)
        tree = open_tree(self.model, factory={"Device.Box.Secret": "ABCD", "Device.Box.Reset": "1"})[0]
        for name, shown in (("Secret", ""), ("Reset", "false")):
            self.assertTrue(self.parameter("Box." + name).hidden)
            self.assertEqual(tree.shown("Device.Box." + name).text, shown)
        self.assertEqual(
            self.model.forced_inform, ("Device.RootDataModelVersion", "Device.ManagementServer.ConnectionRequestURL")
        )
        self.assertEqual(Tree(self.model).value("Device.RootDataModelVersion").text, "2.5")

    def test_tables(self) -> None:
        table = self.model.definition(PORTS)
        assert isinstance(table, ObjectDefinition)
        self.assertTrue(table.table and table.creatable and table.deletable)
        self.assertEqual((table.enable, table.number_of_entries, table.max_rows), ("Enable", "PortNumberOfEntries", 2))
        self.assertEqual(table.unique_keys, (UniqueKey(("Alias",), False), UniqueKey(("Number", "Gone"), True)))
        self.assertEqual(self.parameter("Box.PortNumberOfEntries").counts, "Port")
        tree = Tree(self.model)
        self.assertEqual(tree.instances(PORTS), ())
        for count in ("1", "2"):
            plan, _ = plan_add(tree, PORTS)
            tree.apply(plan.batch)
            self.assertEqual(tree.value("Device.Box.PortNumberOfEntries").text, count)
        self.assertEqual(self.assertRaises(CwmpFault, plan_add, tree, PORTS).code, 9004)

    def test_references(self) -> None:
        self.assertEqual(self.parameter("Box.Main").reference, (PORTS,))
        self.assertEqual(self.parameter("Box.Any").reference, ())
        self.assertIsNone(self.parameter("Box.Weak").reference)
        self.assertEqual(self.parameter("Box.Port.{i}.Peer").reference, (PORTS, "Device.Else.Where."))

    def test_only_what_is_allowed_can_be_set_and_the_sentence_says_it(self) -> None:
        tree = Tree(self.model)
        for name, text, sentence in (
            ("Name", "Box", "the value must match [a-z]+, or be empty"),
            ("Name", "abcdefghi", "the number of characters must be at most 8"),
            ("Narrow", "4", "the number must be from 5 to 10"),
            ("State", "None", "the value must be one of Requested; only the device can set others"),
            ("State", "Old", "the value must be one of None, Requested"),
            ("Numbers", "", "the number of items must be from 1 to 3"),
            ("Numbers", "1,5", "each item: the number must be at most 4 or at least 10"),
            ("Main", "Device.Box.", "must name a row of Device.Box.Port."),
            ("Main", "Device.Box.Port.1", "must be empty or name an existing row of Device.Box.Port."),
            ("Any", "Device.Box.", "must name a row"),
            ("Any", "Device.Box.Port.1", "must be empty or name an existing row"),
        ):
            fault = self.assertRaises(CwmpFault, plan_values, tree, [ParameterAssignment("Device.Box." + name, text)])
            self.assertEqual([(each.code, each.text) for each in fault.parameters], [(9007, sentence)], name)
        for name, text in (("State", "Requested"), ("Numbers", "1, 11"), ("Main", ""), ("Name", "")):
            plan_values(tree, [ParameterAssignment("Device.Box." + name, text)])
        plan_values(tree, [ParameterAssignment("Device.Box.State", "None")], as_acs=False)

    def test_what_is_not_followed_is_reported(self) -> None:
        reports = "\n".join(self.model.reports)
        self.assertEqual(len(self.model.reports), 4, reports)
        for line in (
            r"box\.xml: Device\.Box\.Pairs \(line \d+\): it is a list of lists",
            r"box\.xml: Device\.Box\.Odd \(line \d+\): no pattern is checked, because one of them has two",
            r"box\.xml: Device\.Box\.Undated \(line \d+\): its default '' is not used: a dateTime",
            r"box\.xml: Device\.Box\.Port\.\{i\}\.Peer \(line \d+\): it refers to rows of Device\.Else\.Where\., which",
        ):
            self.assertTrue(re.search(line, reports), f"{line} in\n{reports}")

    def test_what_another_parameter_lists_is_what_can_be_set(self) -> None:
        builder = ModelBuilder()
        read_bbf(document(OBJECTS + CHOICES), NAME, builder)
        for table, rows in (("Row.", (1, 2)), ("Row.1.In.", (1,)), ("Row.2.In.", (1,))):
            for row in rows:
                builder.add_row("here", "Device.Pick." + table, row)
        model = builder.build(NAME)
        tree = Tree(model)
        box = "Device.Pick."

        def sentence(tree: Tree, as_acs: bool = True, **texts: str) -> str | None:
            try:
                assigned = [ParameterAssignment(box + name.replace("_", "."), text) for name, text in texts.items()]
                plan_values(tree, assigned, as_acs=as_acs)
            except CwmpFault as fault:
                self.assertEqual([each.code for each in fault.parameters], [9007])
                return fault.parameters[0].text
            return None

        for name in ("Strict", "Free", "Many", "Row_1_One", "Row_1_In_1_One"):
            self.assertIsNone(sentence(tree, **{name: "whatever"}), "nothing is listed yet")
        for name, text in (("Supported", "A,B-x, C"), ("Row.1.Words", "One"), ("Row.2.Words", "Two")):
            tree.apply(plan_values(tree, [ParameterAssignment(box + name, text)], as_acs=False).batch)
        for name, good, words in (
            ("Strict", ("A", "C"), "the value must be one of A, B-x, C"),
            ("Free", ("", "A"), "the value must be one of A, B-x, C, or be empty"),
            ("Off", ("Off", "C"), "the value must be one of A, B-x, C, Off"),
            ("Many", ("", "C,A", "C , A"), "each item: the value must be one of A, B-x, C"),
            ("Row_1_One", ("A",), "the value must be one of A, B-x, C"),
            ("Row_1_In_1_One", ("One",), "the value must be one of One"),
            ("Row_2_In_1_One", ("Two",), "the value must be one of Two"),
        ):
            for text in good:
                self.assertIsNone(sentence(tree, **{name: text}), (name, text))
            for text in ("D", "a", "A,D", *([] if "" in good else [""])):
                self.assertEqual(sentence(tree, **{name: text}), words, (name, text))
        self.assertEqual(sentence(tree, False, Strict="D"), "the value must be one of A, B-x, C")
        self.assertIsNone(sentence(tree, False, Strict="D", Supported="D"), "what is so after all that is assigned")
        self.assertIsNone(sentence(tree, Lost="D"))
        self.assertIsNone(sentence(tree, Elsewhere="D"))
        told = "\n".join(model.reports)
        self.assertIn("its values are listed by Device.Pick.Nothing, which is not a parameter of the model", told)
        self.assertIn("its values are listed by Device.Pick.Row.{i}.Words of any row: they are not checked", told)

    def test_what_is_listed_where_the_device_has_no_such_parameter(self) -> None:
        profile = '<profile name="Strict:1"><object ref="Device.Pick."><parameter ref="Strict"/></object></profile>'
        tree = Tree(read(document(OBJECTS + CHOICES, profiles=profile), "Strict:1"))
        plan_values(tree, [ParameterAssignment("Device.Pick.Strict", "whatever")])

    def test_what_profiles_leave_out_and_a_dump_has_is_as_the_standard_says(self) -> None:
        builder = ModelBuilder()
        profile = '<profile name="Up:1"><object ref="Device.DeviceInfo."><parameter ref="UpTime"/></object></profile>'
        read_bbf(document(profiles=profile), NAME, builder, ["Up:1"])
        self.assertIsNone(builder.declared("Device.Box."))
        lines = (
            "Device.Box.Level,false,5,xsd:string",
            "Device.Box.Narrow,true,99,xsd:int",
            "Device.Box.Main,true,Device.Box.Port.2,xsd:string",
            "Device.Box.PortNumberOfEntries,false,2,xsd:string",
            "Device.Box.Port.1.Enable,true,1,xsd:string",
            "Device.Box.Port.2.Enable,true,0,xsd:string",
            "Device.Box.Port.2.Number,true,7,xsd:string",
            "Device.Box.Own,true,x,xsd:string",
            "Device.Box.Port.2.Own,true,7,xsd:int",
            "Device.Box.Deep,false,x,xsd:string",
        )
        rows = "\n".join(f"{path},false,{write},{text},{kind}" for path, write, text, kind in map(_parts, lines))
        read_csv(f"Parameter,Object,Writable,Value,Value type\n{rows}\n".encode(), "dump.csv", builder)
        model = builder.build("both")
        whole = read(document())
        for path in ("Level", "Narrow", "Main", "PortNumberOfEntries", "Port.{i}.Enable", "Port.{i}.Number"):
            self.assertEqual(model.definition("Device.Box." + path), whole.definition("Device.Box." + path), path)
        (port,) = (each for each in model.root.walk() if each.path == "Device.Box.Port.{i}.")
        self.assertEqual((port.enable, port.max_rows, port.number_of_entries), ("Enable", 2, "PortNumberOfEntries"))
        self.assertEqual(port.unique_keys, (), "the dump has none of their parameters")
        self.assertEqual(set(port.parameters), {"Enable", "Number", "Own"})
        self.assertIsNone(model.definition("Device.Box.Name"))
        self.assertTrue(any("Device.Box.Deep is left out: it is an object" in line for line in model.reports))
        tree = Tree(model)
        self.assertEqual(tree.value("Device.Box.Main").text, "Device.Box.Port.2")
        self.assertEqual(tree.value("Device.Box.Port.1.Enable").text, "true")
        self.assertFalse(tree.exists("Device.Box.Port.1.Number"), "its row in the dump has none")
        self.assertTrue(any("Device.Box.Narrow is left out: the number must be" in line for line in model.reports))

    def test_another_source_adds_rows_and_values(self) -> None:
        builder = ModelBuilder()
        read_bbf(document(), NAME, builder)
        read_toml(b'[rows]\n"Device.Box.Port." = [3]\n[values]\n"Device.Box.Main" = "Device.Box.Port.3"', "my", builder)
        tree = Tree(builder.build("both"))
        self.assertEqual(tree.value("Device.Box.Main").text, "Device.Box.Port.3")
        self.assertEqual(tree.value("Device.Box.PortNumberOfEntries").text, "1")


class ProfileTests(SynchronousTestCase):
    def paths(self, *profiles: str) -> set[str]:
        model = read(document(), *profiles)
        return {each.path + name for each in model.root.walk() for name in ("", *each.parameters)}

    needed = frozenset(
        {
            "Device.",
            "Device.RootDataModelVersion",
            "Device.ManagementServer.",
            "Device.ManagementServer.Password",
            "Device.ManagementServer.PeriodicInformInterval",
            "Device.ManagementServer.ConnectionRequestURL",
        }
    )

    def test_what_the_profile_names_its_parents_and_what_the_agent_needs(self) -> None:
        self.assertEqual(self.paths("Base:1"), self.needed | {"Device.Box.", "Device.Box.Name"})
        port = {PORTS + "{i}.", PORTS + "{i}.Enable", PORTS + "{i}.Gone"}
        base2 = self.needed | {"Device.Box.", "Device.Box.Name"} | port
        self.assertEqual(self.paths("Base:2"), base2)
        other = {"Device.Box.Deep.", "Device.Box.Deep.Down.", "Device.Box.Deep.Down.Depth"}
        self.assertEqual(self.paths("Extra:1"), base2 | other)
        self.assertEqual(self.paths("Other:1"), self.needed | other | {"Device.Box."})

    def test_keys_and_counters_that_the_device_does_not_have_are_not_kept(self) -> None:
        table = read(document(), "Base:2").definition(PORTS)
        assert isinstance(table, ObjectDefinition)
        self.assertEqual((table.unique_keys, table.enable, table.number_of_entries), ((), "Enable", ""))

    def test_a_reference_to_a_table_that_the_device_does_not_have_can_only_be_empty(self) -> None:
        profile = (
            '<profile name="R:1"><object ref="Device.Box."><parameter ref="Main"/></object>'
            '<object ref="Device.Lost."><parameter ref="X"/></object></profile>'
        )
        model = read(document(profiles=profile), "R:1")
        tree = Tree(model)
        plan_values(tree, [ParameterAssignment("Device.Box.Main", "")])
        self.assertRaises(CwmpFault, plan_values, tree, [ParameterAssignment("Device.Box.Main", "Device.Box.Port.1")])
        self.assertIn("box.xml: Device.Lost.X: is in a profile, but not in the model", model.reports)

    def test_what_is_kept_besides_is_said(self) -> None:
        (report,) = read(document(), "Extra:1").reports
        said, _, names = report.rpartition(": ")
        self.assertEqual(said, "box.xml: added because the agent needs them, although no profile selects them")
        self.assertEqual(set(names.split(", ")), {path for path in self.needed if not path.endswith(".")})
        (report, *_) = read(document(), "Other:1").reports
        self.assertIn("box.xml: profile Other:1: is selected although it is deleted from the standard", report)

    def test_an_unknown_one_is_named_with_those_near_it(self) -> None:
        error = self.assertRaises(ModelError, read, document(), "Base:1", "Bsae:2")
        self.assertEqual(error.key, "device.profiles")
        self.assertEqual(error.reason, "'Bsae:2' is not a profile of box.xml; did you mean Base:2 or Base:1?")
        error = self.assertRaises(ModelError, read, document(), "WiFiRadio:1")
        self.assertEqual(error.reason, "'WiFiRadio:1' is not a profile of box.xml; it has 4 profiles")

    def test_broken_ones(self) -> None:
        for profile, reason in (
            ('<profile name="A:1" base="B:1"/>', "is based on B:1, which is not in this file"),
            ('<profile name="A:1"/><profile name="A:1"/>', "is already declared in line"),
            ("<profile/>", "without a name"),
        ):
            error = self.assertRaises(ModelError, read, document(profiles=profile), "A:1")
            self.assertIn(reason, str(error))
        circle = '<profile name="A:1" base="A:2"/><profile name="A:2" extends="A:1"/>'
        self.assertIn("Device.", {each.path for each in read(document(profiles=circle), "A:1").root.walk()})


def parameter(syntax: str, more: str = "") -> bytes:
    return document(f'<object name="D.">\n<parameter name="P" {more}>{syntax}</parameter></object>', profiles="")


WRONG: tuple[tuple[bytes, str], ...] = (
    (b"", "box.xml: is not well-formed XML: no element found"),
    (b"\xff\xfe<", "box.xml: is not well-formed XML"),
    (document()[:-30], "box.xml: is not well-formed XML"),
    (document().replace(b"</model>", b"</modle>"), "box.xml: is not well-formed XML: mismatched tag: line "),
    (document().replace(b"UTF-8", b"EBCDIC-X"), "box.xml: "),
    (b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', "box.xml: contains a document type declaration or entities"),
    (b"<html><body/></html>", "box.xml: html (line 1): is not a model of the Broadband Forum"),
    (b"<document/>", "box.xml: contains no model"),
    (document(objects="", profiles=""), "box.xml: model Device:2.5 (line 11): contains no object"),
    (document(types='<import file="x.xml" spec="y"/>'), "imports x.xml: use the published file whose name ends in"),
    (document(model='base="Device:2.4"'), "changes the model Device:2.4: use"),
    (document(model='isService="true"'), "is the model of a service"),
    (document().replace(b"</model>", b'</model><model name="B:1"></model>'), "model B:1 (line"),
    (document('<component ref="C"/>'), "a component directly in a model"),
    (document('<parameter name="P"/>'), "a parameter directly in a model"),
    (document('<object base="Device."/>'), "an object without a name"),
    (document('<object name="D."/><object name="D."/>'), "D. (line 11): is already declared: box.xml: D. (line 11)"),
    (document('<object name="D.E."/>', profiles=""), "its parent D. is not declared"),
    (document('<object name="D./."/>', profiles=""), "an object's path must be names"),
    (document('<object name="D."/><object name="E."/>', profiles=""), "there must be one root object"),
    (document('<object name="D." maxEntries="x"/>', profiles=""), "maxEntries must be a whole number or unbounded"),
    (document('<object name="D."/><object name="D.E.{i}." access="maybe"/>'), "access must be one of readOnly,"),
    (document('<object name="D."><parameter/></object>'), "D. (line 11): a parameter without a name"),
    (document('<object name="D."><command name="C()"/></object>'), "a command in an object"),
    (
        parameter("<syntax><int/></syntax>").replace(b"</object>", b'<parameter name="P"/></object>'),
        "D.P (line 12): is already d",
    ),
    (parameter(""), "box.xml: D.P (line 12): has no syntax"),
    (parameter("<syntax/>"), "must contain a known type"),
    (parameter("<syntax><float/></syntax>"), "must contain a known type"),
    (parameter('<syntax><dataType ref="Wrod"/></syntax>'), "D.P (line 12): the data type Wrod is not declared"),
    (parameter('<syntax><int><range minInclusive="a"/></int></syntax>'), "minInclusive of its range must be a whole"),
    (parameter('<syntax><string><size maxLength="1.5"/></string></syntax>'), "maxLength of its size must be a whole"),
    (parameter("<syntax><int/></syntax>", 'access="write"'), "access must be one of readOnly, readWrite"),
    (parameter("<syntax><int/></syntax>", 'activeNotify="no"'), "activeNotify must be one of normal, canDeny"),
    (parameter("<syntax><int/></syntax>").replace(b'"P"', b'"9"'), "a parameter's name must be a letter"),
    (document(types='<dataType name="A" base="A"/>', objects=""), "contains no object"),
    (
        document(
            '<object name="D."><parameter name="P"><syntax><dataType ref="A"/></syntax></parameter></object>',
            types='<dataType name="A" base="B"/><dataType name="B" base="A"/>',
        ),
        "the data type A is based on itself",
    ),
    (document(types='<dataType name="A"/><dataType name="A"/>'), "the data type A is already declared in line 2"),
    (document(types="<dataType/>"), "a data type without a name"),
    (document("<object name='D.'>" + "<x>" * 40 + "</x>" * 40 + "</object>"), "is nested too deeply"),
)


class BrokenTests(SynchronousTestCase):
    def test_one_line_with_file_and_element(self) -> None:
        for data, reason in WRONG:
            error = self.assertRaises(ModelError, read, data)
            self.assertIn(reason, str(error))
            self.assertTrue(str(error).startswith(("box.xml", "root: there must be one")), str(error))
            self.assertEqual(len(str(error).splitlines()), 1)

    def test_after_another_model(self) -> None:
        builder = ModelBuilder()
        read_toml(b'[objects."Device."]', "a.toml", builder)
        error = self.assertRaises(ModelError, read_bbf, document(), NAME, builder)
        self.assertIn("follows another model", str(error))

    @settings(deadline=None, max_examples=150)
    @given(st.data())
    def test_a_damaged_file_is_a_model_or_one_line(self, data: st.DataObject) -> None:
        whole = document()
        at = data.draw(st.integers(0, len(whole) - 1))
        length = data.draw(st.sampled_from([1, 1, 5, 60]))
        damage = data.draw(st.sampled_from([b"", b"<", b'"', b"&", b"\x00", b"x", b"\xff", b"</object>", b" 9{i}."]))
        try:
            read(whole[:at] + damage + whole[at + length :], *data.draw(st.sampled_from([(), ("Base:2",)])))
        except ModelError as error:
            self.assertEqual(len(str(error).splitlines()), 1, str(error))

    def test_the_sample_is_whole(self) -> None:
        self.assertEqual(document(), document(OBJECTS, TYPES, PROFILES))
