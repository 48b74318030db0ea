"""Declaration of a whole model from a dump of a real device: a list of names with values, as exported by an ACS.

The file readers (``csv_reader``, ``json_reader``) supply entries, which :func:`declare` declares to a model builder.
``docs/model-format.md`` documents the rules.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from urllib.parse import unquote

from cwmpagent.datamodel.builder import LONGEST_PATH, ModelBuilder, template_of
from cwmpagent.datamodel.deviations import BAD_ATTRIBUTES, LEFT_OUT
from cwmpagent.datamodel.schema import (
    ROW,
    ObjectDefinition,
    ParameterDefinition,
    is_instance_number,
    is_name,
    is_number,
)
from cwmpagent.datamodel.sources.agent_parameters import ESSENTIAL, NEEDED
from cwmpagent.datamodel.sources.dump.entry import Entry, above, last
from cwmpagent.datamodel.sources.dump.fidelity import Fidelity
from cwmpagent.datamodel.sources.dump.shape import DumpShape
from cwmpagent.datamodel.sources.dump.types import definition_of, device_text, is_unknown
from cwmpagent.errors import ModelError
from cwmpagent.records import SUBSCRIBER, Attributes

MOST_ENTRIES = 100_000

_ACS_NAMES = frozenset(
    ("DeviceID", "Tags", "Events", "VirtualParameters", "Downloads", "Reboot", "FactoryReset", "FaultLog")
)
"""Root names that an ACS adds beside the root object of the device."""
_ROOTS = ("Device.", "InternetGatewayDevice.")
"""Roots of the standards; beside one of them, every other root is of an ACS."""
_IDENTITY: Mapping[str, str] = {
    "DeviceID.Manufacturer": "DeviceInfo.Manufacturer",
    "DeviceID.OUI": "DeviceInfo.ManufacturerOUI",
    "DeviceID.ProductClass": "DeviceInfo.ProductClass",
    "DeviceID.SerialNumber": "DeviceInfo.SerialNumber",
}
_ADDRESS = re.compile(
    r"InternetGatewayDevice\.WANDevice\.[0-9]+\.WANConnectionDevice\.[0-9]+\.WAN(IP|PPP)Connection\.[0-9]+"
)
_DEFAULT_CONNECTION = "InternetGatewayDevice.Layer3Forwarding.DefaultConnectionService"


def declare(entries: Iterable[Entry], name: str, builder: ModelBuilder, fidelity: Fidelity) -> None:
    """Declare the content of the dump ``name`` that earlier sources do not declare, with all its rows and values.

    Raises ``ModelError`` with file, line and reason for a dump whose entries cannot be told apart or are not those of
    one device. All other irregularities are reported to ``builder``.
    """
    dump = _Dump(name, builder, exact=fidelity == "exact")
    for entry in entries:
        dump.take(entry)
    dump.declare()


class _Dump:
    """Entries of a dump, by path without a dot at the end."""

    def __init__(self, name: str, builder: ModelBuilder, *, exact: bool) -> None:
        self._name = name
        self._builder = builder
        self._exact = exact
        self._entries: dict[str, Entry] = {}
        self._acs_entries: dict[str, Entry] = {}
        self._roots: dict[str, Entry] = {}
        self._root = ""

    def take(self, entry: Entry) -> None:
        """Check and add one entry; one with a name that no path can contain is reported and left out."""
        path = _plain_path(entry)
        refusal = _refusal(path)
        if refusal:
            self._builder.report(entry.where, f"{_shown(path)} is left out: {refusal}", LEFT_OUT)
            return
        first = path.partition(".")[0]
        entries = self._acs_entries if first in _ACS_NAMES else self._entries
        if path in entries:
            raise ModelError(entry.where, f"{path} is already in {entries[path].where}")
        if len(entries) == MOST_ENTRIES:
            raise ModelError(self._name, f"has more than {MOST_ENTRIES} rows")
        entries[path] = entry
        if entries is self._entries:
            self._roots.setdefault(first + ".", entry)

    def declare(self) -> None:
        """Declare all entries."""
        builder = self._builder
        if not self._entries:
            raise ModelError(self._name, "has no root object such as Device.")
        self._choose_root()
        if not builder.root and all(entry.writable is None for entry in self._entries.values()):
            text = "does not say what can be written: an ACS can set only what every agent lets it set"
            builder.report(self._name, text, "files without Writable")
        if builder.root not in ("", self._root):
            raise ModelError(
                self._name, f"is a dump of {self._root}, but the preceding model has the root {builder.root}"
            )
        taken = self._take_offered()
        self._shape = DumpShape(self._entries, self._name, builder)
        self._shape.declare()
        if self._exact:
            self._keep_access()
        for template, group in self._parameters().items():
            self._declare_parameter(template, group)
        for template in taken:
            parent = above(template.removesuffix(ROW))
            self._shape.own.setdefault(parent, []).append(template.removesuffix(ROW).removeprefix(parent))
        self._shape.leave_out()
        self._add_needed()
        self._set_identity()
        self._force_address_inform()

    def _choose_root(self) -> None:
        """Set the root of the device, and leave out all other roots; raises ``ModelError`` if it is not clear."""
        first, *others = self._roots
        standard = [root for root in _ROOTS if root in self._roots]
        if others and len(standard) != 1:
            raise ModelError(self._roots[others[0]].where, f"{others[0]} is a second root beside {first}")
        self._root = standard[0] if standard else first
        for root in (root for root in self._roots if root != self._root):
            text = f"{root} is left out, with all below it: it is a second root beside {self._root}"
            self._builder.report(self._roots[root].where, text, LEFT_OUT)
        if others:
            self._entries = {
                path: entry for path, entry in self._entries.items() if (path + ".").startswith(self._root)
            }

    def _keep_access(self) -> None:
        for path, entry in self._entries.items():
            if entry.writable is not None:
                is_object = path + "." in self._shape.objects
                self._builder.set_access(path + "." if is_object else path, entry.writable)

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
            if shape.is_table(above(path)) or is_number(last(path)):
                misplaced = "is inside a table, but not inside a row"
                reason = misplaced if shape.is_table(above(path)) else "has a number as its name, but is not an object"
                self._builder.report(entry.where, f"{path} is left out: it {reason}", LEFT_OUT)
                continue
            groups.setdefault(shape.kept[above(path)] + last(path), {})[path] = entry
        return groups

    def _declare_parameter(self, template: str, group: Mapping[str, Entry]) -> None:
        builder = self._builder
        first = next(iter(group.values()))
        known = builder.declared(template)
        if known is None:
            if builder.declared(template + ".") or builder.declared(template + "." + ROW):
                elsewhere = "another row" if self._shape.declares(template + ".") else "the preceding model"
                builder.report(first.where, f"{template} is left out: it is an object in {elsewhere}", LEFT_OUT)
                return
            essential = self._essential(template)
            known = definition_of(last(template), group, essential, builder.report, keep_type=self._exact)
            builder.add_parameter(first.where, above(template), known, observed=True)
            self._shape.own.setdefault(above(template), []).append(known.name)
        assert isinstance(known, ParameterDefinition)
        for path, entry in group.items():
            text = device_text(known.kind, entry)
            if self._exact:
                builder.set_words(path, text)
            if not text and known.hidden:
                pass  # a device does not report the value of a hidden parameter
            elif is_unknown(entry, known):
                self._report_unknown(path, entry, known)
            else:
                builder.set_value(entry.where, path, text, observed=True)
            if entry.notification or entry.access:
                self._set_attributes(path, entry)

    def _report_unknown(self, path: str, entry: Entry, known: ParameterDefinition) -> None:
        if not self._exact:
            text = f"{path} is empty, which is not a value of {known.kind}: read as unknown"
            self._builder.report(entry.where, text, "empty values that are read as unknown")

    def _essential(self, template: str) -> ParameterDefinition | None:
        return ESSENTIAL.get(template.removeprefix(self._root))

    def _set_attributes(self, path: str, entry: Entry) -> None:
        if entry.notification not in ("", "0", "1", "2"):
            text = f"{path} has a notification that is not 0, 1 or 2: it is left out"
            self._builder.report(entry.where, text, BAD_ATTRIBUTES)
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
                text = "is added, because the agent needs it and the dump does not contain it"
                builder.report(where, text, "parameters that are added for the agent")

    def _set_identity(self) -> None:
        for name, relative in _IDENTITY.items():
            entry, path = self._acs_entries.get(name), self._root + relative
            if entry is None or not entry.text:
                continue
            self._builder.set_value(entry.where, path, entry.text, observed=True)
            other = self._entries.get(path)
            if other is not None and other.text != entry.text:
                text = f"{path} differs from {name}, the value in the Informs, which is used"
                self._builder.report(other.where, text, "values that differ from the identity in the Informs")

    def _force_address_inform(self) -> None:
        """Include the address of the default connection of a TR-098 device in every Inform, if the dump names it."""
        default = self._entries.get(_DEFAULT_CONNECTION)
        if default is not None and _ADDRESS.fullmatch(default.text.removesuffix(".")):
            self._builder.force_inform(default.text.removesuffix(".") + ".ExternalIPAddress")


def _plain_path(entry: Entry) -> str:
    """Path of ``entry`` without a dot at the end, %XX decoded."""
    path = entry.path
    if "%" in path and len(path) <= 3 * LONGEST_PATH:
        path = ".".join(unquote(name) for name in path.split("."))
    return path.removesuffix(".")


def _refusal(path: str) -> str | None:
    """Reason why ``path`` cannot be that of an object or parameter; ``None`` if it can."""
    if len(path) > LONGEST_PATH:
        return f"it has {len(path)} characters; a path has at most {LONGEST_PATH}"
    before = ""
    for at, part in enumerate(path.split(".")):
        if not part:
            return "a name, or a part of it between dots, is empty"
        if is_number(part):
            if not is_instance_number(part):
                return f"{part} is not an instance number: it must be 0, 1, 2 ... without leading zeros"
            if at < 2 or is_number(before):
                return f"{part} is an instance number, but does not follow the name of a table"
        elif not is_name(part):
            reason = "contains a control character, a bracket, a brace or a wildcard, or begins or ends with a blank"
            return f"{_shown(part)} is not a name: it {reason}"
        before = part
    return None


def _shown(text: str) -> str:
    text = text[:LONGEST_PATH]
    return text if text.isprintable() and text else ascii(text)
