"""Masking of messages and bytes for logs: secrets become ``***``, text of the peer cannot forge a log line."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from typing import Any

from cwmpagent.protocol.rpc import REQUESTS, RESPONSES, GenericRequest, GenericResponse, Message, ParameterValueStruct
from cwmpagent.protocol.rpc.field_types import Text, fields_of
from cwmpagent.values import Value

MASK = "***"

_SECRET_ARGUMENT = re.compile(r"(?i)(?:username|password|passphrase|secret)\Z")
_SECRET_PARAMETER = re.compile(r"(?i)(?:password|passphrase|secret|pre-?sharedkey|wepkey)\Z")
_USERINFO = re.compile(r"(?<=://)[^/?#\s<>\"']{0,2000}@")
_SECRET_TEXT = re.compile(
    r"(?is)(<(?:[\w.-]{1,99}:)?(?:[\w.-]{0,99}(?:username|password|passphrase|secret)|value)(?:\s[^<>]*+)?>)"
    r"(?:[^<]++|<!\[CDATA\[.*?(?:\]\]>|\Z))+"
)


def masked(message: Message, hidden: Callable[[str], bool]) -> Message:
    """Return ``message`` with its secrets masked.

    Secrets are: the values of parameters whose full path is ``hidden`` or ends like a password, user names and
    passwords among the arguments, and user names and passwords in URLs.
    """
    if isinstance(message, GenericRequest | GenericResponse):
        shown = tuple(
            (name, MASK if text and _SECRET_ARGUMENT.search(name) else without_userinfo(text))
            for name, text in message.arguments
        )
        return dataclasses.replace(message, arguments=shown)
    if message.NAME in REQUESTS or message.NAME in RESPONSES:
        result: Message = _masked(message, hidden)
        return result
    return message


def _masked(struct: Any, hidden: Callable[[str], bool]) -> Any:
    if isinstance(struct, ParameterValueStruct):
        return _masked_value(struct, hidden)
    changes: dict[str, Any] = {}
    for field in fields_of(struct.__class__):
        old = getattr(struct, field.attribute)
        new = old
        if isinstance(field.shape, Text):
            if old and field.shape.secret:
                new = MASK
            elif old and field.shape.url:
                new = without_userinfo(old)
        elif field.types and isinstance(old, tuple):
            new = tuple(_masked(item, hidden) for item in old)
        elif field.types:
            new = _masked(old, hidden)
        if new is not old:
            changes[field.attribute] = new
    return dataclasses.replace(struct, **changes) if changes else struct


def is_secret_name(path: str) -> bool:
    """Whether the parameter ``path`` is a secret by its name, whatever the model says."""
    return _SECRET_PARAMETER.search(path) is not None


def _masked_value(parameter: ParameterValueStruct, hidden: Callable[[str], bool]) -> ParameterValueStruct:
    text = parameter.value.text
    secret = text and (hidden(parameter.name) or is_secret_name(parameter.name))
    shown = MASK if secret else without_userinfo(text)
    if shown == text:
        return parameter
    return dataclasses.replace(parameter, value=Value(parameter.value.kind, shown))


def without_userinfo(text: str) -> str:
    """Return ``text`` with the user names and passwords of its URLs masked."""
    return _USERINFO.sub(MASK + "@", text) if "@" in text else text


def scrub(text: str) -> str:
    """Return XML that could not be parsed, or only in part, with the texts of possibly secret elements masked.

    These elements are Value and all whose names end in Username, Password, Passphrase or Secret. A text whose end tag
    is missing is masked, too.
    """
    return without_userinfo(_SECRET_TEXT.sub(rf"\1{MASK}", text))


def quoted(data: bytes | str, limit: int = 200) -> str:
    """Return at most ``limit`` characters of a peer's data on one line, with non-printable characters escaped.

    The result has no quotation marks around it. It ends in ``...`` where the data was cut off.
    """
    text = data[: limit * 4 + 4].decode("utf-8", "surrogateescape") if isinstance(data, bytes) else data[: limit + 1]
    shown: list[str] = []
    length = 0
    for character in text:
        piece = character if character.isprintable() and character != "\\" else _escaped(character)
        length += len(piece)
        if length > limit:
            return "".join(shown) + "..."
        shown.append(piece)
    return "".join(shown)


def _escaped(character: str) -> str:
    if "\udc80" <= character <= "\udcff":  # an octet that is not valid UTF-8
        return f"\\x{ord(character) - 0xDC00:02x}"
    return character.encode("unicode_escape").decode("ascii")
