"""The built-in model device2: found by name, consistent with the published data model, usable by an ACS."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from cwmpagent.datamodel.plan import ParameterAssignment
from cwmpagent.datamodel.planning.assignments import plan_values
from cwmpagent.datamodel.planning.objects import plan_add, plan_delete
from cwmpagent.datamodel.restore import open_tree
from cwmpagent.datamodel.schema import ROW, Notify, ObjectDefinition, ParameterDefinition
from cwmpagent.datamodel.tree import Tree
from cwmpagent.device.models import builtin_names, find_model
from cwmpagent.errors import CwmpFault, ModelError
from cwmpagent.values import ValueType
from tests.datamodel.sample import read
from tests.skips import NO_BBF, bbf_directory

PORTS = "Device.NAT.PortMapping."
USERS = "Device.Users.User."
ROUTES = "Device.Routing.Router.1.IPv4Forwarding."
INTERFACES = "Device.IP.Interface."


class FindTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.directory = Path(self.mktemp())
        self.directory.mkdir()

    def write(self, name: str, text: str) -> Path:
        path = self.directory / name
        path.write_text(text)
        return path

    def assert_refused(self, names: str | list[str], key: str, reason: str) -> None:
        error = self.assertRaises(ModelError, find_model, names, self.directory)
        self.assertEqual(error.key, key)
        self.assertIn(reason, error.reason)

    def test_built_in_models_can_be_read(self) -> None:
        self.assertIn("device2", builtin_names())
        for name in builtin_names():
            self.assertEqual(find_model(name).name, name)

    def test_a_file_by_path(self) -> None:
        self.write("box.toml", '[objects."Box."]')
        self.assertEqual(find_model("box.toml", self.directory).root.path, "Box.")
        self.assertEqual(find_model(str(self.directory.resolve() / "box.toml")).root.path, "Box.")

    def test_the_files_of_a_directory_in_order(self) -> None:
        self.write("2.toml", '[values]\n"Box.A" = "two"')
        self.write("1.toml", '[objects."Box.".parameters]\nA = { type = "string" }\n[values]\n"Box.A" = "one"')
        self.write("notes.txt", "not read")
        self.assertEqual(Tree(find_model(str(self.directory.resolve()))).value("Box.A").text, "two")

    def test_later_ones_add_to_earlier_ones(self) -> None:
        self.write("mine.toml", '[rows]\n"Device.Users.User." = [1]\n[values]\n"Device.Users.User.1.Username" = "me"')
        tree = Tree(find_model(["device2", "mine.toml"], self.directory))
        self.assertEqual(tree.value(USERS + "1.Username").text, "me")

    def test_what_cannot_be_read(self) -> None:
        self.write("box.pdf", "")
        (self.directory / "empty.d").mkdir()
        self.assert_refused([], "device.model", "built in: device2")
        self.assert_refused("device3", "device.model", "'device3' is neither a path nor built in; built in: device2")
        self.assert_refused("box.pdf", "device.model", "must be a directory or a file that ends in .toml")
        self.assert_refused("empty.d", "device.model", "contains no .toml")
        self.assert_refused("none.toml", "device.model", "No such file")
        self.write("bad.toml", '[objects."Box."]\ncolour = 1')
        self.assert_refused("bad.toml", 'bad.toml: objects."Box.".colour', "is unknown here")


class Device2Tests(SynchronousTestCase):
    def setUp(self) -> None:
        self.model = find_model("device2")
        self.tree = Tree(self.model)

    def add(self, table: str, **texts: str) -> str:
        plan, number = plan_add(self.tree, table)
        self.tree.apply(plan.batch)
        row = f"{table}{number}."
        self.set({row + name: text for name, text in texts.items()})
        return row

    def set(self, texts: dict[str, str]) -> None:
        self.tree.apply(plan_values(self.tree, [ParameterAssignment(name, text) for name, text in texts.items()]).batch)

    def assert_faults(self, texts: dict[str, str], *expected: str) -> None:
        fault = self.assertRaises(CwmpFault, self.set, texts)
        self.assertEqual([(each.name, each.code) for each in fault.parameters], [(name, 9007) for name in expected])

    def test_the_forced_inform_parameters(self) -> None:
        self.assertEqual(
            self.model.forced_inform,
            (
                "Device.RootDataModelVersion",
                "Device.DeviceInfo.HardwareVersion",
                "Device.DeviceInfo.SoftwareVersion",
                "Device.DeviceInfo.ProvisioningCode",
                "Device.ManagementServer.ParameterKey",
                "Device.ManagementServer.ConnectionRequestURL",
                "Device.ManagementServer.AliasBasedAddressing",
            ),
        )

    def test_every_value_is_one_that_its_definition_allows(self) -> None:
        for name, value in read(self.tree, ""):
            definition = self.tree.definition(name)
            self.assertEqual(definition.admitted(value.text), value.text, name)
            self.assertIsNone(self.tree.refusal(definition, value.text), name)

    def test_every_table_has_its_counter(self) -> None:
        for table in self.model.root.walk():
            if table.table:
                self.assertEqual(table.number_of_entries, f"{table.name}NumberOfEntries", table.path)

    def test_rows_can_be_created_one_after_another_with_their_defaults(self) -> None:
        creatable = [found for found in self.model.root.walk() if found.creatable]
        self.assertGreaterEqual({found.path.removesuffix(ROW) for found in creatable}, {PORTS, USERS, INTERFACES})
        for table in (PORTS, USERS, ROUTES, INTERFACES, INTERFACES + "1.IPv4Address."):
            rows = [self.add(table), self.add(table)]
            self.assertEqual(len(set(rows)), 2)
            self.assertEqual(self.tree.value(rows[0] + "Enable").text, "false")

    def test_a_user_s_name_is_unique_and_the_password_not_shown(self) -> None:
        self.add(USERS, Enable="true", Username="ann", Password="secret")
        row = self.add(USERS, Username="ann")
        self.assert_faults({row + "Enable": "true"}, row + "Enable")
        self.set({row + "Enable": "true", row + "Username": "bob"})
        self.assert_faults({row + "Username": "ann"}, row + "Username")
        self.assertNotIn("secret", [value.text for _, value in read(self.tree, "")])

    def test_an_enabled_port_is_mapped_once(self) -> None:
        self.add(PORTS, Enable="1", ExternalPort="80", Protocol="TCP")
        row = self.add(PORTS, Enable="1", ExternalPort="80", Protocol="UDP")
        self.assert_faults({row + "Protocol": "TCP"}, row + "Protocol")

    def test_a_route_leads_to_an_interface_that_exists_until_that_is_deleted(self) -> None:
        route, new = self.add(ROUTES), self.add(INTERFACES)
        self.assert_faults({route + "Interface": "Device.IP.Interface.9"}, route + "Interface")
        self.assert_faults({route + "Interface": "Device.Ethernet.Interface.1"}, route + "Interface")
        self.set({route + "Interface": new})
        self.tree.apply(plan_delete(self.tree, new).batch)
        self.assertEqual(self.tree.value(route + "Interface").text, "")

    def test_a_full_table_says_how_much_it_holds(self) -> None:
        table = self.model.definition(PORTS)
        assert isinstance(table, ObjectDefinition)
        self.assertEqual(self.tree.value("Device.NAT.MaxNumberOfPortMappings").text, str(table.max_rows))

    def test_the_url_of_the_acs(self) -> None:
        url = "Device.ManagementServer.URL"
        for good in ("http://acs", "HTTPS://[2001:db8::1]:7547/cwmp?x=1", "https://acs.example.net:7547/"):
            self.set({url: good})
        for bad in ("acs.example.net", "ftp://acs/", "http://", "https://user:word@acs/", "http://a b/"):
            self.assert_faults({url: bad}, url)

    def test_identity_comes_from_the_configuration(self) -> None:
        tree = open_tree(self.model, factory={"Device.DeviceInfo.ManufacturerOUI": "00D09E"})[0]
        self.assertEqual(tree.value("Device.DeviceInfo.ManufacturerOUI").text, "00D09E")
        error = self.assertRaises(
            ModelError, open_tree, self.model, factory={"Device.DeviceInfo.ManufacturerOUI": "00d09e"}
        )
        self.assertEqual(error.key, "Device.DeviceInfo.ManufacturerOUI")


class PublishedTests(SynchronousTestCase):
    """Every object and parameter of device2 is in TR-181 with the same definition."""

    maxDiff = None

    def setUp(self) -> None:
        directory = bbf_directory()
        if directory is None:
            raise SkipTest(NO_BBF)
        self.model = find_model("device2")
        self.published = Published(directory)

    def test_device2_is_a_part_of_tr_181(self) -> None:
        wrong = [line for definition in self.model.root.walk() for line in self.published.differences(definition)]
        self.assertEqual(wrong, [])

    def test_forced_inform(self) -> None:
        expected = {
            definition.path + name
            for definition in self.model.root.walk()
            for name in definition.parameters
            if self.published.parameter(definition.path, name).get("forcedInform") == "true"
        }
        self.assertEqual(set(self.model.forced_inform), expected)


class Published:
    """TR-181 as published by the Broadband Forum, as far as these tests compare it."""

    NOTIFY = {  # noqa: RUF012  # a table of this test
        "canDeny": Notify.CAN_DENY,
        "forceEnabled": Notify.FORCED,
        "forceDefaultEnabled": Notify.DEFAULT_ACTIVE,
        None: Notify.NORMAL,
    }
    INTEGERS = frozenset({"int", "unsignedInt", "long", "unsignedLong"})

    def __init__(self, directory: Path) -> None:
        root = ElementTree.parse(directory / "tr-181-2-17-0-cwmp-full.xml").getroot()
        types = ElementTree.parse(directory / "tr-106-types.xml").getroot()
        self.objects = {each.attrib["name"]: each for each in root.iter("object") if "name" in each.attrib}
        self.types = {each.attrib["name"]: each for each in types.iter("dataType") if "name" in each.attrib}

    def parameter(self, path: str, name: str) -> ElementTree.Element:
        found = self.objects[path].find(f"parameter[@name='{name}']")
        assert found is not None, path + name
        return found

    def differences(self, ours: ObjectDefinition) -> Iterator[str]:
        theirs = self.objects.get(ours.path)
        if theirs is None:
            yield f"{ours.path} is not published"
            return
        if ours.creatable and theirs.get("access") != "readWrite":
            yield f"{ours.path} cannot be created"
        if ours.enable != theirs.get("enableParameter", ""):
            yield f"{ours.path} is enabled by {theirs.get('enableParameter')}"
        if ours.number_of_entries != theirs.get("numEntriesParameter", ""):
            yield f"{ours.path} is counted by {theirs.get('numEntriesParameter')}"
        keys = {
            (tuple(part.attrib["ref"] for part in key), key.get("functional") == "true")
            for key in theirs.iter("uniqueKey")
        }
        present = {key for key in keys if set(key[0]) <= ours.parameters.keys()}
        if {(key.parameters, key.functional) for key in ours.unique_keys} != present:
            yield f"{ours.path} has the keys {sorted(present)}"
        for name, parameter in ours.parameters.items():
            found = theirs.find(f"parameter[@name='{name}']")
            if found is None:
                yield f"{ours.path}{name} is not published"
                continue
            for line in self.parameter_differences(parameter, found):
                yield f"{ours.path}{name} {line}"

    def parameter_differences(self, ours: ParameterDefinition, theirs: ElementTree.Element) -> Iterator[str]:
        # An Alias has the access of USP in the file; in CWMP it is readWrite (TR-106 _AliasCWMP).
        if ours.writable != (theirs.get("access") in ("readWrite", "writeOnceReadOnly")):
            yield f"is {theirs.get('access')}"
        if ours.notify is not self.NOTIFY[theirs.get("activeNotify")]:
            yield f"has activeNotify {theirs.get('activeNotify')}"
        syntax = theirs.find("syntax")
        assert syntax is not None
        if ours.hidden != ("true" in (syntax.get("hidden"), syntax.get("secured"))):
            yield "hides its value" if not ours.hidden else "does not hide its value"
        is_list = syntax.find("list") is not None
        if is_list != bool(ours.restriction and ours.restriction.list_of):
            yield f"is {'' if is_list else 'not '}a list"
        sizes = tuple((number(each, "minLength"), number(each, "maxLength")) for each in syntax.iterfind("list/size"))
        sizes = tuple(each for each in sizes if each != (None, None))  # which is any length
        if sizes != (ours.restriction.list_sizes if ours.restriction else ()):
            yield f"has the lengths {sizes} as a list"
        kind, facets = self.base(next(each for each in syntax if each.tag not in ("list", "default")))
        if ours.kind is not (ValueType.STRING if is_list else ValueType(kind)):
            yield f"is of type {kind}"
        default = syntax.find("default")
        if default is not None and default.get("type") in ("object", "factory"):
            text = ours.admitted(default.get("value", ""))
            if text != ours.default:
                yield f"has the default {default.get('value')!r}"
        yield from self.facet_differences(ours, facets, kind)

    def facet_differences(
        self, ours: ParameterDefinition, facets: list[ElementTree.Element], kind: str
    ) -> Iterator[str]:
        restriction = ours.restriction
        ranges = tuple((number(each, "minInclusive"), number(each, "maxInclusive")) for each in of(facets, "range"))
        if kind in self.INTEGERS and trimmed(ranges) != trimmed(restriction.ranges if restriction else ()):
            yield f"has the ranges {ranges}"
        lengths = tuple((number(each, "minLength"), number(each, "maxLength")) for each in of(facets, "size"))
        if lengths != (restriction.lengths if restriction else ()):
            yield f"has the lengths {lengths}"
        words = {each.attrib["value"]: each.get("optional") == "true" for each in of(facets, "enumeration")}
        ours_words = set(restriction.enumeration if restriction else ())
        if not {word for word, optional in words.items() if not optional} <= ours_words | {"STUN", "XMPP"}:
            yield f"has the words {sorted(words)}"
        if not ours_words <= words.keys():
            yield f"has only the words {sorted(words)}"
        if (ours.reference is not None) != any(each.get("refType") == "strong" for each in of(facets, "pathRef")):
            yield "differs in being a reference"
        table = next((each.get("targetParent", "") for each in of(facets, "pathRef")), "")
        named = ours.reference[0].removeprefix("Device.") if ours.reference else ""
        relative = not table.startswith(".")  # to the object of the parameter, or to one around it
        target = table.lstrip("#.")
        if ours.reference and named != target and not (relative and named.endswith(f".{target}")):
            yield f"refers to {table}"

    def base(self, declared: ElementTree.Element) -> tuple[str, list[ElementTree.Element]]:
        """Built-in type of a syntax element, and the facets of its derivation; derived facets replace base facets."""
        facets = list(declared)
        if declared.tag != "dataType":
            return declared.tag, facets
        named = self.types[declared.get("ref") or declared.get("base") or ""]
        while True:
            tags = {each.tag for each in facets}
            basic = next((each for each in named if each.tag in {kind.value for kind in ValueType}), None)
            facets += [each for each in (*named, *(basic if basic is not None else ())) if each.tag not in tags]
            if basic is not None:
                return basic.tag, facets
            named = self.types[named.attrib["base"]]


def of(facets: list[ElementTree.Element], tag: str) -> list[ElementTree.Element]:
    return [each for each in facets if each.tag == tag]


def number(element: ElementTree.Element, name: str) -> int | None:
    text = element.get(name)
    return None if text is None else int(text)


def trimmed(ranges: tuple[tuple[int | None, int | None], ...]) -> set[tuple[int | None, int | None]]:
    """Ranges without a lower end of 0."""
    return {(low or None, high) for low, high in ranges} - {(None, None)}
