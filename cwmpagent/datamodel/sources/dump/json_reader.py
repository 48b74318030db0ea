"""Reader of JSON dumps: flat, path -> ``[writable, value, type]``; nested as in the API of GenieACS; or plain values.

In the nested form every name is a JSON object. ``_writable``, ``_value``, ``_type`` and ``_object`` describe the name
that contains them, ``_deviceId`` identifies the device, and other names that begin with ``_`` are data of the ACS.
A plain value (a string, a number, true, false or null) in place of a list or an object is a parameter of which nothing
else is known; a list of JSON objects has the rows 1, 2, ... of a table. The forms can be mixed.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from cwmpagent.datamodel.builder import LONGEST_PATH, ModelBuilder
from cwmpagent.datamodel.sources.dump.decoding import text_of
from cwmpagent.datamodel.sources.dump.entry import Entry
from cwmpagent.datamodel.sources.dump.fidelity import Fidelity
from cwmpagent.datamodel.sources.dump.model import declare
from cwmpagent.errors import ModelError

_SHAPE = "must be a value, [writable], or [writable, value, type] with the type in quotes"


def read_json(data: bytes, name: str, builder: ModelBuilder, *, fidelity: Fidelity = "strict") -> None:
    """Declare everything in ``data``, the content of the file ``name``, to ``builder``.

    Raises ``ModelError`` whose key is the file and the path (``box.json: Device.Time.Enable``).
    """
    text = text_of(data, name, builder)
    try:
        document = json.loads(
            text, object_pairs_hook=lambda pairs: _unique_names(pairs, name), parse_constant=_refuse_constant
        )
    except ValueError as error:
        raise ModelError(name, f"is not JSON: {error}") from None
    except RecursionError:
        raise ModelError(name, "is nested too deeply for a dump") from None
    if isinstance(document, list) and len(document) == 1:
        document = document[0]
    if not isinstance(document, dict):
        raise ModelError(name, "must be an object that contains paths, or a list with one device")
    declare(_entries(document, "", name), name, builder, fidelity)


def _unique_names(pairs: list[tuple[str, Any]], name: str) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) < len(pairs):
        names = [key for key, _ in pairs]
        twice = next(key for key in content if names.count(key) > 1)
        raise ModelError(name, f"contains {twice[:LONGEST_PATH]!r} twice in one object")
    return content


def _refuse_constant(constant: str) -> None:
    raise ValueError(f"{constant} is not a JSON number")


def _entries(content: Mapping[str, Any], path: str, name: str) -> Iterator[Entry]:
    """Entries below ``path``, which ends in a dot or is empty."""
    for key, value in content.items():
        shown = (path + key)[:LONGEST_PATH]
        where = f"{name}: {shown if shown.isprintable() else ascii(shown)}"
        if key.startswith("_"):
            if key == "_deviceId" and isinstance(value, dict):
                yield from _identity(value, where)
        elif isinstance(value, list) and path and all(isinstance(row, dict) for row in value):
            yield from _table(path + key, value, name, where)
        elif isinstance(value, list):
            yield _flat(path + key, value, where)
        elif isinstance(value, dict):
            yield _nested(path + key, value, where)
            if len(path + key) <= LONGEST_PATH:  # the entry of a longer path is left out, with all below it
                yield from _entries(value, path + key + ".", name)
        elif key.endswith("."):
            raise ModelError(where, _SHAPE)
        else:
            yield Entry(where, path + key, False, None, _text(value, where), _type(value))


def _table(path: str, rows: list[dict[str, Any]], name: str, where: str) -> Iterator[Entry]:
    """Entries of a table that is a JSON list with one JSON object for each row; an empty list is an empty object."""
    yield Entry(where, path, True, None)
    numbered = {str(number): row for number, row in enumerate(rows, 1)}
    yield from _entries(numbered, path + ".", name)


def _flat(path: str, value: list[Any], where: str) -> Entry:
    writable, text, kind = [*value, None, None][:3] if len(value) in (1, 3) else (None, None, None)
    if not isinstance(writable, bool) or not isinstance(kind, str | None):
        raise ModelError(where, _SHAPE)
    is_object = True if path.endswith(".") else False if len(value) == 3 else None
    return Entry(where, path, is_object, writable, _text(text, where), kind or _type(text))


def _nested(path: str, content: Mapping[str, Any], where: str) -> Entry:
    writable, kind, is_object = (content.get(key) for key in ("_writable", "_type", "_object"))
    for key, value, types in (("_writable", writable, bool), ("_object", is_object, bool), ("_type", kind, str)):
        if value is not None and not isinstance(value, types):
            raise ModelError(f"{where}.{key}", f"must be {'true or false' if types is bool else 'a string'}")
    value = content.get("_value")
    if is_object is None:
        is_object = False if "_value" in content else None if any(key[:1] == "_" for key in content) else True
    text = _text(value, where)
    return Entry(where, path, is_object, writable, text, kind or _type(value), _notification(content))


def _notification(content: Mapping[str, Any]) -> str:
    level = content.get("_notification")
    return str(level) if isinstance(level, int) else ""


def _identity(content: Mapping[str, Any], where: str) -> Iterator[Entry]:
    for key in ("Manufacturer", "OUI", "ProductClass", "SerialNumber"):
        if "_" + key in content:
            yield Entry(where, "DeviceID." + key, False, False, _text(content["_" + key], where))


def _text(value: object, where: str) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float):
        return str(value)
    raise ModelError(where, "its value must be a string, a number, true or false")


def _type(value: object) -> str:
    """Type of a boolean or integer JSON value, for entries without a type; empty for any other value."""
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int):
        return "int" if -(2**31) <= value < 2**31 else "long"
    return ""
