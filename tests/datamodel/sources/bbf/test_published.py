"""The complete TR-181 and TR-098 models, compared with the same files read by ElementTree."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from xml.etree import ElementTree

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from cwmpagent.datamodel.builder import ModelBuilder
from cwmpagent.datamodel.plan import ParameterAssignment
from cwmpagent.datamodel.planning.assignments import plan_values
from cwmpagent.datamodel.schema import Model, Notify, ObjectDefinition, ParameterDefinition
from cwmpagent.datamodel.sources.agent_parameters import ESSENTIAL
from cwmpagent.datamodel.sources.bbf.model import read_bbf
from cwmpagent.datamodel.sources.bbf.profiles import Profiles
from cwmpagent.datamodel.sources.bbf.xml import XmlElement, read_elements
from cwmpagent.datamodel.sources.bbf.xsd_patterns import translated
from cwmpagent.datamodel.tree import Tree
from cwmpagent.errors import CwmpFault
from cwmpagent.values import NULL, Restriction, Value, ValueType
from tests.datamodel.sample import read
from tests.skips import NO_BBF, bbf_directory

XML = ElementTree.Element
BUILT_IN = {kind.value for kind in ValueType}
NOTIFY = {
    None: Notify.NORMAL,
    "canDeny": Notify.CAN_DENY,
    "forceEnabled": Notify.FORCED,
    "forceDefaultEnabled": Notify.DEFAULT_ACTIVE,
}
# The definitions of these parameters are inconsistent, so only their types are checked: a size of 15 with a pattern of
# 31 characters, and an invalid pattern.
CONTRADICTIONS = (
    "Device.Bridging.Bridge.{i}.Port.{i}.PriorityCodePoint.PCPDecoding",
    "Device.ETSIM2M.SCL.{i}.SAFPolicySet.{i}.M2MSPPolicy.RequestCategory.{i}.Mem",
)


@dataclass(frozen=True)
class Declared:
    """Definition of a parameter in the file; bounds are sets of pairs."""

    kind: str
    items: str
    ranges: frozenset[tuple[str | None, str | None]]
    sizes: frozenset[tuple[str | None, str | None]]
    words: tuple[str, ...]
    patterns: tuple[str, ...]


class Source:
    """One file, read by ElementTree."""

    def __init__(self, path: Path) -> None:
        document = ElementTree.parse(path).getroot()
        self.types = {each.attrib["name"]: each for each in document.findall("dataType")}
        model = document.find("model")
        assert model is not None
        self.objects = {each.attrib["name"]: each for each in model.findall("object")}
        self.parameters = {
            above + each.attrib["name"].strip(): each
            for above, element in self.objects.items()
            for each in element.findall("parameter")
        }
        self.profiles = {each.attrib["name"]: each for each in model.findall("profile")}

    def declared(self, parameter: XML) -> Declared:
        syntax = syntax_of(parameter)
        chain = list(self.chain(syntax))
        built_in = next(each.tag for each in chain if each.tag in BUILT_IN)
        lists = [each for level in chain for each in level.findall("list")]
        facets: dict[str, list[XML]] = {}
        if len(lists) < 2:
            for level in chain:
                for tag in ("range", "size", "enumeration", "pattern"):
                    here = [each for each in level.findall(tag) if each.get("status") != "deleted"]
                    facets.setdefault(tag, here or [])
                    facets[tag] = facets[tag] or here
        return Declared(
            kind="string" if lists else built_in,
            items=built_in if lists else "",
            ranges=bounds(facets.get("range", []), "minInclusive", "maxInclusive"),
            sizes=bounds(facets.get("size", []), "minLength", "maxLength"),
            words=tuple(each.attrib["value"] for each in facets.get("enumeration", [])),
            patterns=tuple(each.attrib["value"] for each in facets.get("pattern", [])),
        )

    def chain(self, element: XML) -> Iterator[XML]:
        """Elements that define a type, from the most derived one to the base."""
        yield element
        for child in element:
            if child.tag in BUILT_IN:
                yield child
                return
            if child.tag == "dataType":
                yield child
                yield from self.chain(self.types[child.get("ref") or child.attrib["base"]])
                return
        yield from self.chain(self.types[element.attrib["base"]])


def syntax_of(parameter: XML) -> XML:
    found = parameter.find("syntax")
    assert found is not None
    return found


def bounds(elements: list[XML], low: str, high: str) -> frozenset[tuple[str | None, str | None]]:
    pairs = frozenset((each.get(low), each.get(high)) for each in elements)
    return frozenset() if (None, None) in pairs else pairs


def shown(pairs: tuple[tuple[int | None, int | None], ...]) -> frozenset[tuple[str | None, str | None]]:
    return frozenset((None if a is None else str(a), None if b is None else str(b)) for a, b in pairs)


@cache
def source(path: Path) -> Source:
    return Source(path)


@cache
def model(path: Path, *profiles: str, rows: bool = False) -> Model:
    """Model of the file; with ``rows``, each table has one row."""
    builder = ModelBuilder()
    read_bbf(path.read_bytes(), path.name, builder, profiles)
    if rows:
        for table in source(path).objects:
            if table.endswith("{i}."):
                builder.add_row("here", table.removesuffix("{i}.").replace("{i}", "1"), 1)
    return builder.build(path.name)


class Published:
    """Common tests of both models; ``name``: the name of the file."""

    name: str
    counts: tuple[int, int]
    listed: int
    forced_inform: tuple[str, ...]

    def setUp(self: SynchronousTestCase) -> None:  # type: ignore[misc]  # a mix-in
        directory = bbf_directory()
        if directory is None:
            raise SkipTest(NO_BBF)
        self.path = directory / self.name
        self.source = source(self.path)
        self.model = model(self.path)

    def test_every_object_and_parameter_is_there(self) -> None:
        ours = {each.path: each for each in self.model.root.walk()}
        self.assertEqual(set(ours), set(self.source.objects))
        paths = {above + name for above, each in ours.items() for name in each.parameters}
        self.assertEqual(paths, set(self.source.parameters))
        self.assertEqual((len(paths), len(ours)), self.counts)

    def test_every_parameter_says_what_the_file_says(self) -> None:
        for path, element in self.source.parameters.items():
            ours = self.model.definition(path)
            assert isinstance(ours, ParameterDefinition)
            syntax = syntax_of(element)
            self.assertEqual(ours.writable, element.get("access") in ("readWrite", "writeOnceReadOnly"), path)
            self.assertEqual(ours.notify, NOTIFY[element.get("activeNotify")], path)
            self.assertEqual(ours.forced_inform, element.get("forcedInform") == "true", path)
            hidden = any(syntax.get(name) == "true" for name in ("hidden", "secured", "command"))
            self.assertEqual(ours.hidden, hidden, path)
            references = [each for level in self.source.chain(syntax) for each in level.findall("pathRef")]
            strong = any(each.get("refType") == "strong" for each in references[:1])
            self.assertEqual(ours.reference is not None, strong, path)
            targets = references[0].get("targetParent", "").split() if strong else []
            if all(target.strip("#.") for target in targets):
                names = [target.rstrip(".").rpartition(".")[2] for target in targets]
                self.assertEqual([table.rstrip(".").rpartition(".")[2] for table in ours.reference or ()], names, path)
            if path not in CONTRADICTIONS:
                self.check_type(path, self.source.declared(element), ours)

    def check_type(self, path: str, declared: Declared, ours: ParameterDefinition) -> None:
        restriction = ours.restriction or Restriction()
        self.assertEqual(ours.kind.value, declared.kind, path)
        if restriction.list_of:
            self.assertEqual((restriction.item or ValueType.STRING).value, declared.items, path)
            declared_sizes = declared.sizes
        else:
            nested = bool(declared.items)
            declared_sizes = shown(restriction.lengths) if nested else declared.sizes
        self.assertEqual(shown(restriction.ranges), declared.ranges, path)
        self.assertEqual(shown(restriction.lengths), declared_sizes, path)
        self.assertEqual(restriction.enumeration, declared.words, path)
        self.assertEqual(restriction.patterns, tuple(translated(each) for each in declared.patterns), path)

    def test_every_table_says_what_the_file_says(self) -> None:
        for path, element in self.source.objects.items():
            ours = self.model.definition(path)
            assert isinstance(ours, ObjectDefinition)
            self.assertEqual(ours.table, path.endswith("{i}."))
            if not ours.table:
                continue
            self.assertEqual(ours.creatable, element.get("access") == "readWrite", path)
            self.assertEqual(ours.deletable, ours.creatable, path)
            self.assertEqual(ours.number_of_entries, element.get("numEntriesParameter", ""), path)
            self.assertEqual(ours.enable, element.get("enableParameter", ""), path)
            most = element.attrib["maxEntries"]
            self.assertEqual(ours.max_rows, None if most == "unbounded" else int(most), path)
            keys = [
                (tuple(each.attrib["ref"] for each in key.findall("parameter")), key.get("functional") != "false")
                for key in element.findall("uniqueKey")
            ]
            self.assertEqual([(key.parameters, key.functional) for key in ours.unique_keys], keys, path)
            if ours.number_of_entries:
                parent = path.removesuffix(".{i}.").rpartition(".")[0] + "."
                counter = self.model.definition(parent + ours.number_of_entries)
                assert isinstance(counter, ParameterDefinition)
                self.assertEqual(counter.counts, ours.name, path)

    def test_defaults_are_those_of_the_file_or_allowed(self) -> None:
        for path, element in self.source.parameters.items():
            ours = self.model.definition(path)
            assert isinstance(ours, ParameterDefinition)
            self.assertEqual(ours.admitted(ours.default), ours.default, path)
            default = syntax_of(element).find("default")
            own = ESSENTIAL.get(path.partition(".")[2])
            if default is not None and default.get("status") != "deleted":
                if not any(path in report and "its default" in report for report in self.model.reports):
                    self.assertEqual(ours.default, ours.admitted(default.attrib["value"]), path)
            elif own is not None and own.default:
                self.assertEqual(ours.default, own.default, path)
            elif ours.restriction is None:
                self.assertEqual(ours.default, NULL[ours.kind], path)

    def test_without_values_tables_are_empty_and_singletons_there(self) -> None:
        tree = Tree(self.model)
        parameters = {path for path in self.source.parameters if "{i}" not in path}
        self.assertEqual({name for name, _ in read(tree, "")}, parameters)
        self.assertEqual(len(read(tree, "")), len(parameters))
        tables = {path.removesuffix("{i}.") for path in self.source.objects if path.count("{i}") == 1}
        tables = {path for path in tables if "{i}" not in path}
        objects = {path for path in self.source.objects if "{i}" not in path}
        self.assertEqual({name for name, _ in tree.names("", False)}, parameters | objects | tables)
        for name, value in read(tree, ""):
            self.assertEqual(value, value.canonical(), name)
        for path in parameters:
            if path.endswith("NumberOfEntries"):
                self.assertEqual(tree.value(path).text, "0", path)

    def test_a_full_walk_with_a_row_in_every_table(self) -> None:
        tree = Tree(model(self.path, rows=True))
        names = dict(tree.names("", False))
        values = dict(read(tree, ""))
        expected = {path.replace("{i}", "1"): element for path, element in self.source.parameters.items()}
        self.assertEqual(set(values), set(expected))
        rows = {path.replace("{i}", "1") for path in self.source.objects}
        tables = {
            path.removesuffix("{i}.").replace("{i}", "1") for path in self.source.objects if path.endswith("{i}.")
        }
        self.assertEqual(set(names), set(expected) | rows | tables)
        for path, element in expected.items():
            self.assertEqual(names[path], element.get("access") not in ("readOnly", None), path)
            self.assertEqual(values[path].kind, tree.definition(path).kind, path)

    def test_every_restriction_refuses_what_lies_beyond_it(self) -> None:
        tree = Tree(model(self.path, rows=True))
        refused = 0
        for path in tree.parameters(""):
            definition = tree.definition(path)
            restriction = definition.restriction
            if restriction is None or definition.counts:
                continue
            for text, hint in beyond(definition, restriction):
                assignment = ParameterAssignment(path, Value(definition.kind, text))
                fault = self.assertRaises(CwmpFault, plan_values, tree, [assignment], as_acs=definition.writable)
                self.assertEqual([each.code for each in fault.parameters], [9007], path)
                self.assertIn("must" if restriction.list_lengths else hint, fault.parameters[0].text, path)
                refused += 1
        self.assertGreater(refused, self.counts[0] // 4)

    def test_what_another_parameter_lists(self) -> None:
        listed = 0
        for path, element in self.source.parameters.items():
            ours = self.model.definition(path)
            assert isinstance(ours, ParameterDefinition)
            reference = next(element.iter("enumerationRef"), None)
            if reference is None:
                self.assertEqual((ours.listed_in, ours.unlisted), ("", None), path)
                continue
            listed += 1
            target = self.model.definition(ours.listed_in)
            assert isinstance(target, ParameterDefinition) and target.restriction, path
            self.assertTrue(target.restriction.list_of and not target.hidden, path)
            self.assertTrue(ours.listed_in.endswith(reference.attrib["targetParam"].lstrip("#.")), path)
            self.assertEqual(ours.unlisted, reference.get("nullValue"), path)
        self.assertEqual(listed, self.listed)

    def test_every_listed_value_can_be_set_and_no_other(self) -> None:
        tree = Tree(model(self.path, rows=True))
        for path in tree.parameters(""):
            definition = tree.definition(path)
            if not definition.listed_in:
                continue
            lister = definition.listed_in.replace("{i}", "1")
            words = (tree.definition(lister).restriction or Restriction()).enumeration
            word, other = (words[0], words[-1] + "x") if words else ("1", "2")
            listing = tree.after(plan_values(tree, [ParameterAssignment(lister, word)], as_acs=False).batch)
            plan_values(listing, [ParameterAssignment(path, word)], as_acs=False)
            wrong = [ParameterAssignment(path, other)]
            fault = self.assertRaises(CwmpFault, plan_values, listing, wrong, as_acs=False)
            self.assertEqual([each.code for each in fault.parameters], [9007], path)
            self.assertIn(f"must be one of {word}", fault.parameters[0].text, path)

    def test_forced_inform(self) -> None:
        self.assertEqual(self.model.forced_inform, self.forced_inform)

    def test_every_profile_can_be_selected(self) -> None:
        profiles = Profiles(self.name, lambda where, text: None)

        def closed(element: XmlElement) -> None:
            if element.tag == "profile":
                profiles.add("here", element)

        read_elements(self.path.read_bytes(), self.name, lambda element: None, closed)
        for name, element in self.source.profiles.items():
            selected = profiles.selection([name.strip()])
            above = [each for each in (element.get("base", "") + " " + element.get("extends", "")).split() if each]
            for each in above:
                for path, names in profiles.selection([each]).items():
                    self.assertLessEqual(names, selected[path], f"{name} {path}")
            for item in element.findall("object"):
                if item.get("status") != "deleted":
                    names = {
                        each.attrib["ref"].strip()
                        for each in item.findall("parameter")
                        if each.get("status") != "deleted"
                    }
                    self.assertLessEqual(names, selected[item.attrib["ref"]], name)
        everything = model(self.path, *(name.strip() for name in self.source.profiles))
        self.assertTrue(read(Tree(everything), ""))
        self.assertLess(sum(len(each.parameters) for each in everything.root.walk()), self.counts[0])


def beyond(definition: ParameterDefinition, restriction: Restriction) -> Iterator[tuple[str, str]]:
    """Texts just outside the permitted values, and a text that the refusal must contain."""
    if restriction.enumeration:
        yield "no such word", "" if restriction.lengths else restriction.enumeration[-1]
    kind = restriction.item or definition.kind
    highest = [high for _, high in restriction.ranges]
    if highest and None not in highest:
        most = max(high for high in highest if high is not None)
        if kind is not ValueType.UNSIGNED_INT or most < 2**32 - 1:
            yield str(most + 1), str(most)
    longest = [high for _, high in restriction.lengths]
    if longest and None not in longest and kind in (ValueType.STRING, ValueType.HEX_BINARY):
        most = max(high for high in longest if high is not None)
        yield ("00" if kind is ValueType.HEX_BINARY else "0") * (most + 1), str(most)
    if restriction.patterns and not restriction.enumeration:
        yield "\x7f", "must"


class Tr181Tests(Published, SynchronousTestCase):
    name = "tr-181-2-17-0-cwmp-full.xml"
    counts = (6483, 790)
    listed = 49
    forced_inform = (
        "Device.RootDataModelVersion",
        "Device.DeviceInfo.HardwareVersion",
        "Device.DeviceInfo.SoftwareVersion",
        "Device.DeviceInfo.ProvisioningCode",
        "Device.ManagementServer.ParameterKey",
        "Device.ManagementServer.ConnectionRequestURL",
        "Device.ManagementServer.AliasBasedAddressing",
    )

    def test_every_reference_finds_its_table(self) -> None:
        references = [
            table for each in self.model.root.walk() for p in each.parameters.values() for table in p.reference or ()
        ]
        self.assertGreater(len(references), 200)
        for table in references:
            self.assertIn(table + "{i}.", self.source.objects)

    def test_its_version(self) -> None:
        self.assertEqual(Tree(self.model).value("Device.RootDataModelVersion").text, "2.17")

    def test_profiles_select(self) -> None:
        ours = model(self.path, "Baseline:3", "WiFiRadio:1")
        paths = {each.path + name for each in ours.root.walk() for name in each.parameters}
        self.assertIn("Device.WiFi.Radio.{i}.Channel", paths)
        self.assertIn("Device.ManagementServer.PeriodicInformTime", paths)
        self.assertNotIn("Device.WiFi.Radio.{i}.RegulatoryDomain2", paths)
        self.assertFalse([path for path in paths if path.startswith("Device.IP.")])
        self.assertLess(len(paths), 100)


class Tr098Tests(Published, SynchronousTestCase):
    name = "tr-098-1-8-0-full.xml"
    counts = (1801, 192)
    listed = 10
    forced_inform = (
        "InternetGatewayDevice.DeviceSummary",
        "InternetGatewayDevice.DeviceInfo.HardwareVersion",
        "InternetGatewayDevice.DeviceInfo.SoftwareVersion",
        "InternetGatewayDevice.DeviceInfo.SpecVersion",
        "InternetGatewayDevice.DeviceInfo.ProvisioningCode",
        "InternetGatewayDevice.ManagementServer.ParameterKey",
        "InternetGatewayDevice.ManagementServer.ConnectionRequestURL",
        "InternetGatewayDevice.ManagementServer.AliasBasedAddressing",
    )

    def test_its_summary(self) -> None:
        self.assertEqual(
            Tree(self.model).value("InternetGatewayDevice.DeviceSummary").text, "InternetGatewayDevice:1.14[]()"
        )
