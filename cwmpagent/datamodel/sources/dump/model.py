"""Dumps of real devices, as an ACS exports them: a list of names with values, of which a whole model is made.

Readers of files (``csv_reader``, ``json_reader``) give entries,
:func:`declare` makes declarations of them. ``docs/model-format.md`` tells the rules to people.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from urllib.parse import unquote

from cwmpagent.datamodel.builder import LONGEST_PATH, ModelBuilder, template_of
from cwmpagent.datamodel.schema import ROW, ObjectDefinition, ParameterDefinition, is_instance_number
from cwmpagent.datamodel.sources.agent_parameters import ESSENTIAL, NEEDED
from cwmpagent.datamodel.sources.dump.entry import Entry, above, last
from cwmpagent.datamodel.sources.dump.shape import DumpShape
from cwmpagent.datamodel.sources.dump.types import definition_of, is_unknown
from cwmpagent.errors import ModelError
from cwmpagent.records import SUBSCRIBER, Attributes

LARGEST = 16 * 2**20
"""Octets of a dump at most; a device of 5,000 parameters has less than one million."""
MOST_ENTRIES = 100_000

_OF_THE_ACS = frozenset(
    ("DeviceID", "Tags", "Events", "VirtualParameters", "Downloads", "Reboot", "FactoryReset", "FaultLog")
)
"""What an ACS notes beside the device's own root."""
_IDENTITY: Mapping[str, str] = {
    "DeviceID.Manufacturer": "DeviceInfo.Manufacturer",
    "DeviceID.OUI": "DeviceInfo.ManufacturerOUI",
    "DeviceID.ProductClass": "DeviceInfo.ProductClass",
    "DeviceID.SerialNumber": "DeviceInfo.SerialNumber",
}
_ADDRESS = re.compile(r"InternetGatewayDevice\.WANDevice\.\d+\.WANConnectionDevice\.\d+\.WAN(IP|PPP)Connection\.\d+")
_DEFAULT_CONNECTION = "InternetGatewayDevice.Layer3Forwarding.DefaultConnectionService"


def text_of(data: bytes, name: str) -> str:
    """The text of a dump; raises ``ModelError`` for a file that is too large, empty or not UTF-8."""
    if len(data) > LARGEST:
        raise ModelError(name, f"has {len(data)} octets; a dump may have {LARGEST}")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ModelError(f"{name}: line {line}", "is not UTF-8 text") from None
    if not text.strip():
        raise ModelError(name, "is empty")
    return text


def declare(entries: Iterable[Entry], name: str, builder: ModelBuilder) -> None:
    """Declare to ``builder`` what the dump ``name`` holds and earlier sources do not, with all its rows and values.

    Raises ``ModelError`` with file, line and reason for what cannot be a dump of one device. What is odd but can be
    lived with is reported.
    """
    dump = _Dump(name, builder)
    for entry in entries:
        dump.take(entry)
    dump.declare()


class _Dump:
    """All entries of a dump, by paths without a dot at their end."""

    def __init__(self, name: str, builder: ModelBuilder) -> None:
        self._name = name
        self._builder = builder
        self._entries: dict[str, Entry] = {}
        self._of_the_acs: dict[str, Entry] = {}
        self._root = ""

    def take(self, entry: Entry) -> None:
        """Take in one entry."""
        path = _plain(entry)
        first = path.partition(".")[0]
        kind = self._of_the_acs if first in _OF_THE_ACS else self._entries
        if path in kind:
            raise ModelError(entry.where, f"{path} stands in {kind[path].where} already")
        if len(kind) == MOST_ENTRIES:
            raise ModelError(self._name, f"has more than {MOST_ENTRIES} rows")
        kind[path] = entry
        if kind is self._entries:
            if self._root not in ("", first + "."):
                raise ModelError(entry.where, f"{first}. is a second root beside {self._root}")
            self._root = first + "."
            _check_instances(entry, path)

    def declare(self) -> None:
        """Declare everything."""
        builder = self._builder
        if not self._entries:
            raise ModelError(self._name, "has no root object such as Device.")
        if builder.root not in ("", self._root):
            raise ModelError(self._name, f"is a dump of {self._root}, but the model before it is {builder.root}")
        taken = self._take_offered()
        self._shape = DumpShape(self._entries, self._name, builder)
        self._shape.declare()
        for template, group in self._parameters().items():
            self._declare_parameter(template, group)
        for template in taken:
            above_it = above(template.removesuffix(ROW))
            self._shape.own.setdefault(above_it, []).append(template.removesuffix(ROW).removeprefix(above_it))
        self._shape.leave_out()
        self._add_needed()
        self._identify()
        self._tell_address()

    def _take_offered(self) -> list[str]:
        """Have what the model before it offers and the dump names; gives the templates of that."""
        names = {template_of(path + ".")[:-1] for path in self._entries}
        return [
            taken
            for name in sorted(names)
            for template in (name, name + ".", name + "." + ROW)
            for taken in self._builder.take(template)
        ]

    def _parameters(self) -> dict[str, dict[str, Entry]]:
        """Template -> full path -> entry, of all parameters that the model can have."""
        groups: dict[str, dict[str, Entry]] = {}
        shape = self._shape
        for path, entry in self._entries.items():
            if path + "." in shape.objects or above(path) not in shape.kept:
                continue
            if shape.is_table(above(path)):
                self._builder.report(entry.where, f"{path} is left out: it lies in a table, but in none of its rows")
                continue
            groups.setdefault(shape.kept[above(path)] + last(path), {})[path] = entry
        return groups

    def _declare_parameter(self, template: str, group: Mapping[str, Entry]) -> None:
        builder = self._builder
        first = next(iter(group.values()))
        known = builder.declared(template)
        if known is None:
            if builder.declared(template + ".") or builder.declared(template + "." + ROW):
                if self._shape.declares(template + "."):
                    raise ModelError(first.where, f"{template} is a parameter here, but an object in another row")
                builder.report(first.where, f"{template} is left out: it is an object in the model before it")
                return
            known = definition_of(last(template), group, self._essential(template), builder.report)
            builder.add_parameter(first.where, above(template), known)
            self._shape.own.setdefault(above(template), []).append(known.name)
        assert isinstance(known, ParameterDefinition)
        for path, entry in group.items():
            if not entry.text and known.hidden:
                pass  # a device does not tell it
            elif is_unknown(entry, known):
                builder.report(entry.where, f"{path} is empty, which no {known.kind} is: taken as unknown")
            else:
                builder.set_value(entry.where, path, entry.text, observed=True)
            if entry.notification or entry.access:
                self._set_attributes(path, entry)

    def _essential(self, template: str) -> ParameterDefinition | None:
        return ESSENTIAL.get(template.removeprefix(self._root))

    def _set_attributes(self, path: str, entry: Entry) -> None:
        if entry.notification not in ("", "0", "1", "2"):
            self._builder.report(entry.where, f"{path} has a notification that is not 0, 1 or 2: left out")
            return
        access = tuple(name for name in entry.access.replace(",", " ").split() if name == SUBSCRIBER)
        attributes = Attributes(int(entry.notification or 0), access if entry.access else (SUBSCRIBER,))
        self._builder.set_attributes(entry.where, path, attributes)

    def _add_needed(self) -> None:
        builder = self._builder
        for relative in NEEDED:
            path = self._root + relative
            if builder.declared(path) is None:
                where = f"{self._name}: {path}"
                if builder.declared(above(path)) is None:
                    builder.add_object(where, ObjectDefinition(path=above(path)))
                builder.add_parameter(where, above(path), ESSENTIAL[relative])
                builder.report(where, "is not in the dump, but the agent needs it: added")

    def _identify(self) -> None:
        for name, relative in _IDENTITY.items():
            entry, path = self._of_the_acs.get(name), self._root + relative
            if entry is None or not entry.text:
                continue
            self._builder.set_value(entry.where, path, entry.text, observed=True)
            other = self._entries.get(path)
            if other is not None and other.text != entry.text:
                self._builder.report(other.where, f"{path} is not what the device says in its Informs: {name} counts")

    def _tell_address(self) -> None:
        """Have the address of a TR-098 device's default connection in every Inform, if the dump tells which it is."""
        default = self._entries.get(_DEFAULT_CONNECTION)
        if default is not None and _ADDRESS.fullmatch(default.text.removesuffix(".")):
            self._builder.force_inform(default.text.removesuffix(".") + ".ExternalIPAddress")


def _plain(entry: Entry) -> str:
    """The path of ``entry`` without a dot at its end, %XX decoded."""
    path = entry.path
    if len(path) > 3 * LONGEST_PATH:
        raise ModelError(entry.where, f"the name has {len(path)} characters; a path has at most {LONGEST_PATH}")
    if "%" in path:
        path = ".".join(unquote(name) for name in path.split("."))
    path = path.removesuffix(".")
    if not path.isprintable():
        raise ModelError(entry.where, "the name holds what cannot be printed")
    if not all(path.split(".")):
        raise ModelError(entry.where, "the name, or a part of it between dots, is empty")
    if len(path) > LONGEST_PATH:
        raise ModelError(entry.where, f"the name has {len(path)} characters; a path has at most {LONGEST_PATH}")
    return path


def _check_instances(entry: Entry, path: str) -> None:
    previous = "0"
    for name in path.split(".")[1:]:
        if name[:1].isdecimal():
            if not is_instance_number(name):
                raise ModelError(
                    entry.where, f"{name} in {path} is no instance number: 1, 2, 3 ... without zeros before"
                )
            if previous.isdecimal():
                raise ModelError(entry.where, f"{name} in {path} is an instance number, but follows no table's name")
        previous = name
