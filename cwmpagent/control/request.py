"""What a client may ask: one JSON object a line, checked wholly before anything is done.

``{"command": "get", "paths": ["Device.DeviceInfo."]}``
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, TypeGuard

from cwmpagent.errors import ControlError
from cwmpagent.typed_members import TypedMembers

LONGEST = 1 << 18
"""Bytes of a request."""


class Arguments(TypedMembers):
    """The arguments of a command. Their strings can be encoded as UTF-8: JSON can escape half of a surrogate pair."""

    @staticmethod
    def is_text(value: object) -> TypeGuard[str]:
        """Whether ``value`` is a string without surrogates."""
        return isinstance(value, str) and not any("\ud800" <= character <= "\udfff" for character in value)


def _text(arguments: Arguments, name: str) -> str:
    return arguments.text(name)


def _texts(arguments: Arguments, name: str) -> list[str]:
    return list(arguments.texts(name, least=1))


def _texts_by_name(arguments: Arguments, name: str) -> dict[str, str]:
    return arguments.texts_by_name(name, least=1)


def _flag(arguments: Arguments, name: str) -> bool:
    return arguments.flag(name, False)


COMMANDS: Mapping[str, Mapping[str, Callable[[Arguments, str], Any]]] = MappingProxyType(
    {
        "status": {},
        "get": {"paths": _texts},
        "set": {"values": _texts_by_name},
        "add": {"table": _text},
        "delete": {"row": _text},
        "names": {"path": _text, "all": _flag},
        "inform": {"wait": _flag},
        "events": {},
        "trace": {"follow": _flag, "envelopes": _flag},
        "reset": {"paths": _texts},
        "factory-reset": {},
        "export": {},
    }
)
"""Command -> its arguments and the reader of each. A boolean may be left out."""


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
    arguments = Arguments(found, "", lambda name, reason: ControlError(f"{command} needs {name}: it {reason}"))
    return ControlRequest(command, MappingProxyType({name: read(arguments, name) for name, read in known.items()}))


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        raise ValueError("a name stands twice in one object")
    return made


def _first_line(error: Exception) -> str:
    if isinstance(error, UnicodeDecodeError):
        return "it is not UTF-8"
    return " ".join(str(error).split())[:200]
