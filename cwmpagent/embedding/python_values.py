"""Conversion of values between Python types and the texts of CWMP."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Any

from cwmpagent.values import ValueType

_NUMBERS = (ValueType.INT, ValueType.UNSIGNED_INT, ValueType.LONG, ValueType.UNSIGNED_LONG)

_FROM_TEXT: Mapping[ValueType, Callable[[str], Any]] = MappingProxyType(
    {
        **dict.fromkeys(_NUMBERS, int),
        ValueType.DECIMAL: Decimal,
        ValueType.BOOLEAN: lambda text: text == "true",
        ValueType.BASE64: base64.b64decode,
        ValueType.HEX_BINARY: bytes.fromhex,
    }
)


def python_value(kind: ValueType, text: str) -> Any:
    """The Python value of the canonical ``text``: int, Decimal, bool, bytes; a string or dateTime stays a str."""
    convert = _FROM_TEXT.get(kind)
    return text if convert is None else convert(text)


def text_of(kind: ValueType, value: object) -> str:
    """The text of ``value`` for type ``kind``. A str is returned unchanged and not checked.

    Raises TypeError with a message where the Python type of ``value`` does not fit ``kind``.
    """
    match value:
        case str():
            return str(value)
        case bool() if kind is ValueType.BOOLEAN:
            return "true" if value else "false"
        case bool():
            pass
        case int() if kind in _NUMBERS or kind is ValueType.DECIMAL:
            return str(int(value))
        case float() | Decimal() if kind is ValueType.DECIMAL:
            return format(Decimal(str(value)), "f")
        case bytes() if kind is ValueType.BASE64:
            return base64.b64encode(value).decode("ascii")
        case bytes() if kind is ValueType.HEX_BINARY:
            return value.hex()
        case datetime() if kind is ValueType.DATE_TIME and value.tzinfo is not None:
            return value.isoformat()
    raise TypeError(f"{_type_name(value)} cannot be a value of type {kind.value}: {_REMEDIES[kind]}")


def _type_name(value: object) -> str:
    if isinstance(value, datetime):
        return "a datetime without a time zone" if value.tzinfo is None else "a datetime"
    return f"a {type(value).__name__}" if value is not None else "None"


_REMEDIES: Mapping[ValueType, str] = MappingProxyType(
    {
        **dict.fromkeys(_NUMBERS, "use an int, as round() returns"),
        ValueType.DECIMAL: "use an int, a Decimal or a float",
        ValueType.BOOLEAN: "use True or False",
        ValueType.BASE64: "use bytes",
        ValueType.HEX_BINARY: "use bytes",
        ValueType.DATE_TIME: "use a datetime with a time zone",
        ValueType.STRING: "use a str",
    }
)
