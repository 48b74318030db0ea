"""What a client may ask: one JSON object a line, checked wholly before anything is done.

``{"command": "get", "paths": ["Device.DeviceInfo."]}``
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from cwmpagent.errors import ControlError

LONGEST = 1 << 18
"""Bytes of a request."""

_TEXT = "a string"
_TEXTS = "a list of strings with at least one"
_TEXTS_BY_NAME = "an object of strings with at least one"
_FLAG = "true or false"

COMMANDS: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "status": {},
        "get": {"paths": _TEXTS},
        "set": {"values": _TEXTS_BY_NAME},
        "add": {"table": _TEXT},
        "delete": {"row": _TEXT},
        "names": {"path": _TEXT, "all": _FLAG},
        "inform": {"wait": _FLAG},
        "events": {},
        "trace": {"follow": _FLAG, "envelopes": _FLAG},
        "reset": {"paths": _TEXTS},
        "factory-reset": {},
        "export": {},
    }
)
"""Command -> its arguments and what each must be. What is true or false may be left out."""


@dataclass(frozen=True, slots=True)
class ControlRequest:
    """A checked request; ``arguments`` are those of :data:`COMMANDS`, all of them."""

    command: str
    arguments: Mapping[str, Any] = field(repr=False)


def parse(line: bytes) -> ControlRequest:
    """Raises ControlError with a sentence for the client."""
    try:
        found = json.loads(line.decode(), object_pairs_hook=_object)
    except (ValueError, RecursionError) as error:
        raise ControlError(f"a request is one JSON object on one line: {_first_line(error)}") from None
    if not isinstance(found, dict) or not isinstance(found.get("command"), str):
        raise ControlError('a request is a JSON object with "command", as in {"command": "status"}')
    command = found.pop("command")
    known = COMMANDS.get(command)
    if known is None:
        raise ControlError(f"there is no command {command[:40]!r}; there are {', '.join(COMMANDS)}")
    for name in found:
        if name not in known:
            raise ControlError(f"{command} takes no {name[:40]!r}")
    for name, kind in known.items():
        if kind is _FLAG:
            found.setdefault(name, False)
        if not _is(found.get(name), kind):
            raise ControlError(f"{command} needs {name}: {kind}")
    return ControlRequest(command, MappingProxyType(found))


def _is(value: object, kind: str) -> bool:
    if kind is _FLAG:
        return isinstance(value, bool)
    if kind is _TEXT:
        return _text(value)
    if kind is _TEXTS:
        return isinstance(value, list) and bool(value) and all(map(_text, value))
    return isinstance(value, dict) and bool(value) and all(map(_text, [*value, *value.values()]))


def _text(value: object) -> bool:
    """Whether it is a string that can be written as UTF-8: JSON can spell half of a character."""
    return isinstance(value, str) and not any("\ud800" <= character <= "\udfff" for character in value)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        raise ValueError("a name stands twice in one object")
    return made


def _first_line(error: Exception) -> str:
    if isinstance(error, UnicodeDecodeError):
        return "it is not UTF-8"
    return " ".join(str(error).split())[:200]
