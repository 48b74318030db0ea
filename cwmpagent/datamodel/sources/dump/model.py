"""Declaration of a whole model from a dump of a real device: a list of names with values, as exported by an ACS.

The file readers (``csv_reader``, ``json_reader``) supply entries, which :func:`declare` declares to a model builder.
``docs/model-format.md`` documents the rules.
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
"""Maximum size of a dump in octets; a device with 5,000 parameters needs less than one million."""
MOST_ENTRIES = 100_000

_ACS_NAMES = frozenset(
    ("DeviceID", "Tags", "Events", "VirtualParameters", "Downloads", "Reboot", "FactoryReset", "FaultLog")
)
"""Root names that an ACS adds beside the root object of the device."""
_IDENTITY: Mapping[str, str] = {
    "DeviceID.Manufacturer": "DeviceInfo.Manufacturer",
    "DeviceID.OUI": "DeviceInfo.ManufacturerOUI",
    "DeviceID.ProductClass": "DeviceInfo.ProductClass",
    "DeviceID.SerialNumber": "DeviceInfo.SerialNumber",
}
_ADDRESS = re.compile(r"InternetGatewayDevice\.WANDevice\.\d+\.WANConnectionDevice\.\d+\.WAN(IP|PPP)Connection\.\d+")
_DEFAULT_CONNECTION = "InternetGatewayDevice.Layer3Forwarding.DefaultConnectionService"


def text_of(data: bytes, name: str) -> str:
    """Text of a dump; raises ``ModelError`` for a file that is too large, empty or not UTF-8."""
    if len(data) > LARGEST:
        raise ModelError(name, f"has {len(data)} octets; a dump may have at most {LARGEST}")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ModelError(f"{name}: line {line}", "is not UTF-8 text") from None
    if not text.strip():
        raise ModelError(name, "is empty")
    return text


def declare(entries: Iterable[Entry], name: str, builder: ModelBuilder) -> None:
    """Declare the content of the dump ``name`` that earlier sources do not declare, with all its rows and values.

    Raises ``ModelError`` with file, line and reason for an entry that cannot be part of a dump of one device. Other
    irregularities are reported to ``builder``.
    """
    dump = _Dump(name, builder)
    for entry in entries:
        dump.take(entry)
    dump.declare()


class _Dump:
    """Entries of a dump, by path without a dot at the end."""

    def __init__(self, name: str, builder: ModelBuilder) -> None:
        self._name = name
        self._builder = builder
        self._entries: dict[str, Entry] = {}
        self._acs_entries: dict[str, Entry] = {}
        self._root = ""

    def take(self, entry: Entry) -> None:
        """Check and add one entry."""
        path = _plain_path(entry)
        first = path.partition(".")[0]
        entries = self._acs_entries if first in _ACS_NAMES else self._entries
        if path in entries:
            raise ModelError(entry.where, f"{path} is already in {entries[path].where}")
        if len(entries) == MOST_ENTRIES:
            raise ModelError(self._name, f"has more than {MOST_ENTRIES} rows")
        entries[path] = entry
        if entries is self._entries:
            if self._root not in ("", first + "."):
                raise ModelError(entry.where, f"{first}. is a second root beside {self._root}")
            self._root = first + "."
            _check_instances(entry, path)

    def declare(self) -> None:
        """Declare all entries."""
        builder = self._builder
        if not self._entries:
            raise ModelError(self._name, "has no root object such as Device.")
        if builder.root not in ("", self._root):
            raise ModelError(
                self._name, f"is a dump of {self._root}, but the preceding model has the root {builder.root}"
            )
        taken = self._take_offered()
        self._shape = DumpShape(self._entries, self._name, builder)
        self._shape.declare()
        for template, group in self._parameters().items():
            self._declare_parameter(template, group)
        for template in taken:
            parent = above(template.removesuffix(ROW))
            self._shape.own.setdefault(parent, []).append(template.removesuffix(ROW).removeprefix(parent))
        self._shape.leave_out()
        self._add_needed()
        self._set_identity()
        self._force_address_inform()

    def _take_offered(self) -> list[str]:
        """Declare the offered definitions of the preceding model that the dump contains; returns their templates."""
        names = {template_of(path + ".")[:-1] for path in self._entries}
        return [
            taken
            for name in sorted(names)
            for template in (name, name + ".", name + "." + ROW)
            for taken in self._builder.take(template)
        ]

    def _parameters(self) -> dict[str, dict[str, Entry]]:
        """Template -> full path -> entry, for all parameters that fit the model."""
        groups: dict[str, dict[str, Entry]] = {}
        shape = self._shape
        for path, entry in self._entries.items():
            if path + "." in shape.objects or above(path) not in shape.kept:
                continue
            if shape.is_table(above(path)):
                self._builder.report(entry.where, f"{path} is left out: it is inside a table, but not inside a row")
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
                    raise ModelError(
                        first.where, f"{template} is a parameter in this row, but an object in another row"
                    )
                builder.report(first.where, f"{template} is left out: it is an object in the preceding model")
                return
            known = definition_of(last(template), group, self._essential(template), builder.report)
            builder.add_parameter(first.where, above(template), known)
            self._shape.own.setdefault(above(template), []).append(known.name)
        assert isinstance(known, ParameterDefinition)
        for path, entry in group.items():
            if not entry.text and known.hidden:
                pass  # a device does not report the value of a hidden parameter
            elif is_unknown(entry, known):
                builder.report(entry.where, f"{path} is empty, which is not a value of {known.kind}: read as unknown")
            else:
                builder.set_value(entry.where, path, entry.text, observed=True)
            if entry.notification or entry.access:
                self._set_attributes(path, entry)

    def _essential(self, template: str) -> ParameterDefinition | None:
        return ESSENTIAL.get(template.removeprefix(self._root))

    def _set_attributes(self, path: str, entry: Entry) -> None:
        if entry.notification not in ("", "0", "1", "2"):
            self._builder.report(entry.where, f"{path} has a notification that is not 0, 1 or 2: it is left out")
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
                builder.report(where, "is added, because the agent needs it and the dump does not contain it")

    def _set_identity(self) -> None:
        for name, relative in _IDENTITY.items():
            entry, path = self._acs_entries.get(name), self._root + relative
            if entry is None or not entry.text:
                continue
            self._builder.set_value(entry.where, path, entry.text, observed=True)
            other = self._entries.get(path)
            if other is not None and other.text != entry.text:
                self._builder.report(
                    other.where, f"{path} differs from {name}, the value in the Informs, which is used"
                )

    def _force_address_inform(self) -> None:
        """Include the address of the default connection of a TR-098 device in every Inform, if the dump names it."""
        default = self._entries.get(_DEFAULT_CONNECTION)
        if default is not None and _ADDRESS.fullmatch(default.text.removesuffix(".")):
            self._builder.force_inform(default.text.removesuffix(".") + ".ExternalIPAddress")


def _plain_path(entry: Entry) -> str:
    """Path of ``entry`` without a dot at the end, %XX decoded."""
    path = entry.path
    if len(path) > 3 * LONGEST_PATH:
        raise ModelError(entry.where, f"the name has {len(path)} characters; a path has at most {LONGEST_PATH}")
    if "%" in path:
        path = ".".join(unquote(name) for name in path.split("."))
    path = path.removesuffix(".")
    if not path.isprintable():
        raise ModelError(entry.where, "the name contains characters that cannot be printed")
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
                    entry.where,
                    f"{name} in {path} is not an instance number: it must be 1, 2, 3 ... without leading zeros",
                )
            if previous.isdecimal():
                raise ModelError(
                    entry.where, f"{name} in {path} is an instance number, but does not follow the name of a table"
                )
        previous = name
