"""Requests, misbehaviours and other frozen dataclasses built from plain JSON values, with one line for each error.

Fields may be texts, whole numbers, numbers, booleans, None, tuples and dataclasses. A parameter's value may be plain.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

from cwmpagent.errors import MisuseError
from cwmpagent.lab.acs.misbehaviour import KINDS, Misbehaviour
from cwmpagent.lab.files import faults
from cwmpagent.protocol.masking import quoted
from cwmpagent.protocol.rpc import REQUESTS, AcsRequest, GenericRequest, ParameterValueStruct
from cwmpagent.typed_members import LARGEST, TypedMembers, is_whole
from cwmpagent.values import Value, ValueType

Types = Mapping[str, ValueType]
"""Known types of parameters, by full name."""

_DESCRIPTIONS: dict[type, str] = {str: "a text", int: "a whole number", bool: "true or false", float: "a number"}


class _Members(TypedMembers):
    """The members of a parameter, with the words of this module."""

    TEXT = "a text"
    PLAIN = "a text, a whole number, true or false"


class PlainError(ValueError):
    """JSON that does not fit; ``str()`` is the place and the reason."""


def request_from(data: object, types: Types) -> AcsRequest:
    """Build a request from ``{"rpc": "GetParameterValues", "parameter_names": [...]}``. Raises :class:`PlainError`."""
    if not isinstance(data, dict) or not isinstance(data.get("rpc"), str):
        raise PlainError('a task is an object such as {"rpc": "Reboot", "command_key": "k1"}')
    name = data["rpc"]
    arguments = {key: value for key, value in data.items() if key != "rpc"}
    cls = REQUESTS.get(name)
    if cls is not None and issubclass(cls, AcsRequest):
        request = build(cls, arguments, name, types)
        assert isinstance(request, AcsRequest)
        return request
    if cls is None and name.startswith("X_"):
        return _vendor_request(name, arguments)
    known = ", ".join(sorted(key for key, request_class in REQUESTS.items() if issubclass(request_class, AcsRequest)))
    raise PlainError(f"rpc {quoted(name)} is not one of {known}, or X_<VENDOR>_<Name>")


def _vendor_request(name: str, data: dict[str, Any]) -> GenericRequest:
    arguments = data.pop("arguments", {})
    if data:
        raise PlainError(f"{quoted(name)} has no {next(iter(data))!r}; it has: arguments")
    if not isinstance(arguments, dict) or not all(isinstance(value, str) for value in arguments.values()):
        raise PlainError(f"{quoted(name)}.arguments must be an object of texts")
    return GenericRequest(name, tuple(arguments.items()))


def misbehaviour_from(data: object) -> Misbehaviour:
    """Build a misbehaviour from ``{"kind": "delay", "seconds": 3, "at": "inform"}``. Raises :class:`PlainError`."""
    kind = data.get("kind") if isinstance(data, dict) else None
    if not isinstance(data, dict) or not isinstance(kind, str) or kind not in KINDS:
        raise PlainError(f"kind must be one of {', '.join(KINDS)}")
    try:
        misbehaviour = build(KINDS[kind], {key: value for key, value in data.items() if key != "kind"}, kind, {})
    except MisuseError as error:
        raise PlainError(str(error)) from error
    assert isinstance(misbehaviour, Misbehaviour)
    return misbehaviour


def file_fault_from(data: object) -> faults.FileFault:
    """Build a fault of the file server from ``{"kind": "cut", "keep": 1000}``. Raises :class:`PlainError`."""
    kind = data.get("kind") if isinstance(data, dict) else None
    if not isinstance(data, dict) or not isinstance(kind, str) or kind not in faults.KINDS:
        raise PlainError(f"kind must be one of {', '.join(faults.KINDS)}")
    fields = {key: value for key, value in data.items() if key != "kind"}
    try:
        fault = build(faults.KINDS[kind], fields, kind, {})
    except MisuseError as error:
        raise PlainError(str(error)) from error
    assert isinstance(fault, faults.FileFault)
    return fault


def build(cls: type[Any], data: object, where: str, types: Types) -> Any:
    """Build an instance of the dataclass ``cls`` from a JSON object. Raises :class:`PlainError`.

    ``command_key`` and ``parameter_key`` default to an empty text. ``types``: the types of parameter values that name
    no type.
    """
    if not isinstance(data, dict):
        raise PlainError(f"{where} must be an object")
    if cls is ParameterValueStruct:
        return _parameter(data, where, types)
    hints = get_type_hints(cls)
    fields = {field.name: field for field in dataclasses.fields(cls)}
    for name in data:
        if name not in fields:
            known = ", ".join(fields) or "none"
            raise PlainError(f"{where} has no {name!r}; it has: {known}")
    given: dict[str, Any] = {}
    for name, field in fields.items():
        if name in data:
            given[name] = _value(hints[name], data[name], f"{where}.{name}", types)
        elif name in ("command_key", "parameter_key"):
            given[name] = "" if field.default is dataclasses.MISSING else field.default
        elif field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            raise PlainError(f"{where}.{name} is missing")
    return cls(**given)


def _value(hint: Any, data: object, where: str, types: Types) -> Any:
    if get_origin(hint) is Annotated:
        hint = get_args(hint)[0]
    if get_origin(hint) is tuple:
        if not isinstance(data, list):
            raise PlainError(f"{where} must be a list")
        member = get_args(hint)[0]
        return tuple(_value(member, item, f"{where}[{index}]", types) for index, item in enumerate(data))
    if get_origin(hint) in (Union, UnionType):
        return _alternative(get_args(hint), data, where, types)
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        return build(hint, data, where, types)
    if hint is float and is_whole(data) and abs(data) < LARGEST:  # a larger one cannot be converted
        data = float(data)
    if type(data) is not hint or (isinstance(data, float) and not math.isfinite(data)):
        raise PlainError(f"{where} must be {_DESCRIPTIONS.get(hint, 'something else')}")
    return data


def _alternative(hints: tuple[Any, ...], data: object, where: str, types: Types) -> Any:
    """A value of one of ``hints``; of several dataclasses, ``"type"`` names one without its suffix ``OpStruct``."""
    structs = {hint.__name__: hint for hint in hints if dataclasses.is_dataclass(hint) and isinstance(hint, type)}
    if structs:
        kinds = {name.removesuffix("OpStruct").lower(): hint for name, hint in structs.items()}
        kind = data.get("type") if isinstance(data, dict) else None
        if not isinstance(data, dict) or not isinstance(kind, str) or kind not in kinds:
            raise PlainError(f"{where}.type must be one of {', '.join(sorted(kinds))}")
        return build(kinds[kind], {name: value for name, value in data.items() if name != "type"}, where, types)
    if data is None and NoneType in hints:
        return None
    if type(data) in hints:
        return data
    allowed = [_DESCRIPTIONS[hint] for hint in hints if hint in _DESCRIPTIONS]
    raise PlainError(f"{where} must be {' or '.join(allowed)}")


def _parameter(data: dict[str, Any], where: str, types: Types) -> ParameterValueStruct:
    """A parameter from ``{"name": .., "value": .., "type": ..}``.

    Without ``type``, the type is the one in ``types``, else the one of the JSON value.
    """
    for name in data:
        if name not in ("name", "value", "type", "typed"):
            raise PlainError(f"{where} has no {name!r}; it has: name, value, type, typed")
    members = _Members(data, where, lambda name, reason: PlainError(f"{name} {reason}"))
    parameter, text, typed = members.text("name"), members.plain("value"), members.flag("typed", True)
    kind = members.choice_or_none("type", list(ValueType))
    value_type = ValueType(kind) if kind is not None else types.get(parameter) or _type_of(data["value"])
    return ParameterValueStruct(parameter, Value(value_type, text), typed)


def _type_of(value: str | bool | int) -> ValueType:
    if isinstance(value, bool):
        return ValueType.BOOLEAN
    if isinstance(value, int):
        return ValueType.UNSIGNED_INT if value >= 0 else ValueType.INT
    return ValueType.STRING
