"""Requests of a client: one JSON object per line, checked completely before it is executed.

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
"""Maximum number of bytes of a request."""


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


def _texts_by_any_name(arguments: Arguments, name: str) -> dict[str, str]:
    return arguments.texts_by_name(name)


def _text_or_empty(arguments: Arguments, name: str) -> str:
    return arguments.text(name, "")


def _direction(arguments: Arguments, name: str) -> str:
    return arguments.choice(name, None, ("download", "upload"))


def _octets(arguments: Arguments, name: str) -> int:
    return arguments.whole(name, 0, least=0, most=2**32 - 1)


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
        "acs-methods": {},
        "request-download": {"file_type": _text, "arguments": _texts_by_any_name},
        "transfer": {
            "direction": _direction,
            "file_type": _text,
            "url": _text,
            "username": _text_or_empty,
            "password": _text_or_empty,
            "size": _octets,
            "target_name": _text_or_empty,
            "wait": _flag,
        },
        "sleeping": {},
        "woke": {},
        "events": {},
        "trace": {"follow": _flag, "envelopes": _flag},
        "reset": {"paths": _texts},
        "factory-reset": {},
        "export": {},
    }
)
"""Arguments of each command, and the function that reads each argument.

Booleans may be left out, and of ``transfer`` all but the first three.
"""


@dataclass(frozen=True, slots=True)
class ControlRequest:
    """A checked request. ``arguments`` has every argument that :data:`COMMANDS` lists for the command."""

    command: str
    arguments: Mapping[str, Any] = field(repr=False)


def parse(line: bytes) -> ControlRequest:
    """Parse and check one line. Raises ControlError with a message for the client."""
    try:
        message = json.loads(line.decode(), object_pairs_hook=_object)
    except (ValueError, RecursionError) as error:
        raise ControlError(f"a request is one JSON object on one line: {_first_line(error)}") from None
    if not isinstance(message, dict) or not isinstance(message.get("command"), str):
        raise ControlError('a request is a JSON object with "command", as in {"command": "status"}')
    command = message.pop("command")
    readers = COMMANDS.get(command)
    if readers is None:
        raise ControlError(f"unknown command {command[:40]!r}: use one of {', '.join(COMMANDS)}")
    for name in message:
        if name not in readers:
            raise ControlError(f"{command} has no argument {name[:40]!r}")
    arguments = Arguments(message, "", lambda name, reason: ControlError(f"{command} needs {name}: it {reason}"))
    return ControlRequest(command, MappingProxyType({name: read(arguments, name) for name, read in readers.items()}))


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        raise ValueError("an object has the same name twice")
    return members


def _first_line(error: Exception) -> str:
    if isinstance(error, UnicodeDecodeError):
        return "it is not UTF-8"
    return " ".join(str(error).split())[:200]
