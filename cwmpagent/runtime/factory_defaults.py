"""Factory values of a device by full path, each with the key of the configuration that sets it."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from cwmpagent.agent.device_identity import device_name
from cwmpagent.agent.parameters.masked_values import masked_value
from cwmpagent.config import MOST_ERRORS
from cwmpagent.config.settings import Config
from cwmpagent.datamodel.restore import open_tree
from cwmpagent.datamodel.schema import Model, ObjectDefinition, ParameterDefinition
from cwmpagent.datamodel.tree import Tree
from cwmpagent.errors import ConfigError, CwmpFault, ModelError, raise_first
from cwmpagent.records import Batch
from cwmpagent.values import Value, ValueType

_DEVICE_INFO = MappingProxyType(
    {
        "Manufacturer": "manufacturer",
        "ManufacturerOUI": "oui",
        "ProductClass": "product_class",
        "SerialNumber": "serial_number",
    }
)
"""Parameters of DeviceInfo, and the keys of the table ``[device]`` that set them."""
_REQUIRED = ("Manufacturer", "ManufacturerOUI", "SerialNumber")
_NO_OUI = "000000"


class FactoryValue(NamedTuple):
    """A factory value, and the key of the configuration that sets it."""

    text: str
    key: str


def factory_values(config: Config, root: str) -> dict[str, FactoryValue]:
    """The factory values in ``config``, by full path. ``root``: path of the root object of the device.

    Raises ConfigError for a path that another key sets, all of them at once.
    """
    info, server = root + "DeviceInfo.", root + "ManagementServer."
    identity = {
        info + name: FactoryValue(getattr(config.device, key), f"device.{key}") for name, key in _DEVICE_INFO.items()
    }
    values = {path: value for path, value in identity.items() if value.text} | {
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
    errors: list[ConfigError] = []
    for path, text in config.parameters.items():
        if path in values:
            errors.append(ConfigError(f"parameters.{path}", f"is already set by {values[path].key}: remove this one"))
        else:
            values[path] = FactoryValue(text, f"parameters.{path}")
    raise_first(errors)
    return values


def capabilities(model: Model, *, udp: bool = False) -> dict[str, str]:
    """Values of the parameters that report capabilities of the agent, by full path.

    Only parameters of ``model`` for which ``model`` has no value itself. ``udp``: whether the agent accepts
    ConnectionRequests by UDP.
    """
    server = model.root.path + "ManagementServer."
    flags = [server + "InstanceWildcardsSupported"]
    if model.definition(server + "InstanceMode") and model.definition(server + "AutoCreateInstances"):
        flags.append(server + "AliasBasedAddressing")
    values = {path: "true" for path in flags if _is_flag(model.definition(path))}
    supported, used = (server + "LightweightNotificationProtocols" + end for end in ("Supported", "Used"))
    definition = model.definition(supported)
    if isinstance(definition, ParameterDefinition) and model.definition(used) and not definition.refusal("UDP"):
        values[supported] = "UDP"
    values |= _connection_request_capabilities(model, udp)
    return {path: text for path, text in values.items() if path not in model.values}


def _connection_request_capabilities(model: Model, udp: bool) -> dict[str, str]:
    """Methods of ConnectionRequests, and algorithms that select an XMPP server (TR-069 Annex K)."""
    root, server = model.root.path, model.root.path + "ManagementServer."
    methods = ["HTTP"]
    if udp and model.definition(server + "UDPConnectionRequestAddress"):
        methods.append("STUN")
    if all(map(model.definition, (server + "ConnReqXMPPConnection", root + "XMPP.Connection.{i}.Username"))):
        methods.append("XMPP")
    values = {
        server + "SupportedConnReqMethods": ",".join(methods),
        root + "XMPP.SupportedServerConnectAlgorithms": "DNS-SRV,DNS,ServerTable",
    }
    definitions = {path: model.definition(path) for path in values}
    return {
        path: values[path]
        for path, definition in definitions.items()
        if isinstance(definition, ParameterDefinition) and not definition.refusal(values[path])
    }


def _is_flag(definition: ObjectDefinition | ParameterDefinition | None) -> bool:
    return isinstance(definition, ParameterDefinition) and definition.kind is ValueType.BOOLEAN


def texts(values: Mapping[str, FactoryValue]) -> dict[str, str]:
    """The texts of factory values, by full path."""
    return {path: value.text for path, value in values.items()}


def check(model: Model, values: Mapping[str, FactoryValue]) -> str:
    """Check that ``model`` allows the factory values, and that both together identify the device.

    Return the name of the device in logs. Raises ConfigError with the key at fault: the first
    error, with all others as its ``more``.
    """
    errors: list[ConfigError] = []
    allowed = dict(values)
    while True:
        try:
            tree, _ = open_tree(model, factory=texts(allowed))
            break
        except ModelError as error:
            value = allowed.pop(error.key, None)
            errors.append(ConfigError(value.key if value is not None else error.key, error.reason))
            if value is None or len(errors) >= MOST_ERRORS:
                raise_first(errors)
    for name in _REQUIRED:
        key = f"device.{_DEVICE_INFO[name]}"
        if key in [known.key for known in errors]:  # a refused value is missing because of that error
            continue
        try:
            _check_identity(tree, name, key)
        except ConfigError as error:
            errors.append(error)
    raise_first(errors)
    return device_name(tree)


def _check_identity(tree: Tree, name: str, key: str) -> None:
    path = f"{tree.model.root.path}DeviceInfo.{name}"
    text = tree.value(path).text if tree.exists(path) else ""
    if text in ("", _NO_OUI):
        raise ConfigError(key, f"is required: the model {tree.model.name} has no value for it")
    if len(text) > 64 or (name == "ManufacturerOUI" and not re.fullmatch("[0-9A-F]{6}", text)):
        raise ConfigError(key, f"is required: the value of the model {tree.model.name} is not valid in an Inform")


class OverriddenValue(NamedTuple):
    """A value of the configuration that is not in force, because another value has been written since."""

    key: str
    path: str
    file: Value
    present: Value


def overridden_values(values: Mapping[str, FactoryValue], tree: Tree) -> list[OverriddenValue]:
    """Every value of the configuration that is not in force now. Secrets are not masked."""
    overridden: list[OverriddenValue] = []
    for path, value in values.items():
        if path in tree.overlay.values and tree.exists(path):
            file, present = tree.after(Batch(values={path: None})).value(path), tree.value(path)
            if file != present:
                overridden.append(OverriddenValue(value.key, path, file, present))
    return overridden


def unapplied_changes(values: Mapping[str, FactoryValue], tree: Tree, note: str | None) -> tuple[list[str], str]:
    """Log lines about new values of the file that do not take effect, because the parameters have been written.

    Returns the note for the next start, too: hashes of the values of the file. ``note`` is that of the last start.
    Secret values are not shown.
    """
    try:
        before = json.loads(note or "{}")
    except ValueError:
        before = {}
    lines: list[str] = []
    hashes: dict[str, str] = {}
    for path, value in values.items():
        hashes[path] = hashlib.sha256(value.text.encode()).hexdigest()
        if not isinstance(before, dict) or before.get(path, hashes[path]) == hashes[path]:
            continue
        try:
            present = tree.value(path)
        except CwmpFault:
            continue
        if present.text != value.text:
            new = _shown(tree, path, Value(present.kind, value.text)) or "a new value"
            written = _shown(tree, path, present) or "the value written since"
            lines.append(
                f"{value.key}: the file now has {new}, but {written} stays in force until `cwmpagent reset {path}`"
            )
    return lines, json.dumps(hashes)


def _shown(tree: Tree, path: str, value: Value) -> str:
    """``value`` of the parameter ``path`` in quotes; empty if it is, or contains, a secret."""
    return repr(value.text) if masked_value(tree, path, value) == value else ""
