"""What the configuration gives a device: factory values by full path, each with the key that it comes from."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from cwmpagent.config.settings import Config
from cwmpagent.datamodel.restore import open_tree
from cwmpagent.datamodel.schema import Model, ObjectDefinition, ParameterDefinition
from cwmpagent.datamodel.tree import Tree
from cwmpagent.errors import ConfigError, CwmpFault, ModelError
from cwmpagent.records import Batch
from cwmpagent.values import Value, ValueType

_IDENTITY = MappingProxyType(
    {"Manufacturer": "device.manufacturer", "ManufacturerOUI": "device.oui", "SerialNumber": "device.serial_number"}
)
_NO_OUI = "000000"


class FactoryValue(NamedTuple):
    """A factory value, and the key of the configuration that gives it."""

    text: str
    key: str


def given(config: Config, root: str) -> dict[str, FactoryValue]:
    """The factory values that ``config`` gives a device whose root object is ``root``."""
    info, server = root + "DeviceInfo.", root + "ManagementServer."
    device = config.device
    identity = {
        info + "Manufacturer": FactoryValue(device.manufacturer, "device.manufacturer"),
        info + "ManufacturerOUI": FactoryValue(device.oui, "device.oui"),
        info + "ProductClass": FactoryValue(device.product_class, "device.product_class"),
        info + "SerialNumber": FactoryValue(device.serial_number, "device.serial_number"),
    }
    values = {path: each for path, each in identity.items() if each.text} | {
        server + "URL": FactoryValue(config.acs.url, "acs.url"),
        server + "Username": FactoryValue(config.acs.username, "acs.username"),
        server + "Password": FactoryValue(config.acs.password, "acs.password"),
        server + "ConnectionRequestUsername": FactoryValue(
            config.connection_request.username, "connection_request.username"
        ),
        server + "ConnectionRequestPassword": FactoryValue(
            config.connection_request.password, "connection_request.password"
        ),
    }
    for path, text in config.parameters.items():
        if path in values:
            raise ConfigError(f"parameters.{path}", f"is set by {values[path].key} already; keep that one")
        values[path] = FactoryValue(text, f"parameters.{path}")
    return values


def abilities(model: Model, *, udp: bool = False) -> dict[str, str]:
    """What the agent says it can do where ``model`` has the parameters for it, and does not say otherwise.

    ``udp``: it takes ConnectionRequests by UDP, too.
    """
    server = model.root.path + "ManagementServer."
    shown = [server + "InstanceWildcardsSupported"]
    if model.definition(server + "InstanceMode") and model.definition(server + "AutoCreateInstances"):
        shown.append(server + "AliasBasedAddressing")
    able = {path: "true" for path in shown if _is_flag(model.definition(path))}
    supported, used = (server + "LightweightNotificationProtocols" + end for end in ("Supported", "Used"))
    definition = model.definition(supported)
    if isinstance(definition, ParameterDefinition) and model.definition(used) and not definition.refusal("UDP"):
        able[supported] = "UDP"
    able |= _request_abilities(model, udp)
    return {path: text for path, text in able.items() if path not in model.values}


def _request_abilities(model: Model, udp: bool) -> dict[str, str]:
    """By which methods it can be called, and how it finds an XMPP server (TR-069 Annex K)."""
    root, server = model.root.path, model.root.path + "ManagementServer."
    methods = ["HTTP"]
    if udp and model.definition(server + "UDPConnectionRequestAddress"):
        methods.append("STUN")
    if all(map(model.definition, (server + "ConnReqXMPPConnection", root + "XMPP.Connection.{i}.Username"))):
        methods.append("XMPP")
    able = {
        server + "SupportedConnReqMethods": ",".join(methods),
        root + "XMPP.SupportedServerConnectAlgorithms": "DNS-SRV,DNS,ServerTable",
    }
    definitions = {path: model.definition(path) for path in able}
    return {
        path: able[path]
        for path, each in definitions.items()
        if isinstance(each, ParameterDefinition) and not each.refusal(able[path])
    }


def _is_flag(definition: ObjectDefinition | ParameterDefinition | None) -> bool:
    return isinstance(definition, ParameterDefinition) and definition.kind is ValueType.BOOLEAN


def texts(values: Mapping[str, FactoryValue]) -> dict[str, str]:
    """Path -> text."""
    return {path: each.text for path, each in values.items()}


def check(model: Model, values: Mapping[str, FactoryValue]) -> str:
    """Raises ConfigError, naming the key, for a value that the model does not allow, and where neither says who the
    device is. Gives the device's short name: its OUI and serial number."""
    try:
        tree, _ = open_tree(model, factory=texts(values))
    except ModelError as error:
        key = values[error.key].key if error.key in values else error.key
        raise ConfigError(key, error.reason) from error
    identity = {name: _identity(tree, name, key) for name, key in _IDENTITY.items()}
    return f"{identity['ManufacturerOUI']}-{identity['SerialNumber']}"


def _identity(tree: Tree, name: str, key: str) -> str:
    path = f"{tree.model.root.path}DeviceInfo.{name}"
    text = tree.value(path).text if tree.exists(path) else ""
    if text in ("", _NO_OUI):
        raise ConfigError(key, f"is required: the model {tree.model.name} does not say it")
    if len(text) > 64 or (name == "ManufacturerOUI" and not re.fullmatch("[0-9A-F]{6}", text)):
        raise ConfigError(key, f"is required: what the model {tree.model.name} says cannot stand in an Inform")
    return text


class Overruled(NamedTuple):
    """A value of the configuration that is not in force, because another one has been written since."""

    key: str
    path: str
    file: Value
    present: Value


def overruled(values: Mapping[str, FactoryValue], tree: Tree) -> list[Overruled]:
    """Every value of the configuration that is not in force now; true values, secret ones too."""
    found: list[Overruled] = []
    for path, each in values.items():
        if path in tree.overlay.values and tree.exists(path):
            file, present = tree.after(Batch(values={path: None})).value(path), tree.value(path)
            if file != present:
                found.append(Overruled(each.key, path, file, present))
    return found


def outvoted(values: Mapping[str, FactoryValue], tree: Tree, note: str | None) -> tuple[list[str], str]:
    """Lines about values that changed in the file but have been written since, and the note to keep.

    ``note`` is what this gave at the last start. Values of hidden parameters are not shown.
    """
    try:
        before = json.loads(note or "{}")
    except ValueError:
        before = {}
    lines: list[str] = []
    marks: dict[str, str] = {}
    for path, each in values.items():
        marks[path] = hashlib.sha256(each.text.encode()).hexdigest()
        if not isinstance(before, dict) or before.get(path, marks[path]) == marks[path]:
            continue
        try:
            present = tree.value(path)
            secret = tree.definition(path).hidden
        except CwmpFault:
            continue
        if present.text != each.text:
            told = "another value" if secret else repr(each.text)
            force = "the one written since" if secret else repr(present.text)
            until = f"until `cwmpagent reset {path}`"
            lines.append(f"{each.key}: the file now says {told}, but {force} stays in force {until}")
    return lines, json.dumps(marks)
