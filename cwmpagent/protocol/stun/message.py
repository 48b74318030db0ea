"""Encoding and decoding of the STUN messages of TR-069 Annex G (RFC 3489), with the mapped address of RFC 5389.

A datagram may contain anything: one that holds no valid message decodes to None.
"""

from __future__ import annotations

import hmac
import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import NamedTuple

CONNECTION_REQUEST_BINDING = b"dslforum.org/TR-111 "
"""The value of CONNECTION-REQUEST-BINDING (TR-069 Annex G.2.1.2), with its trailing space."""
MOST_BYTES = 1500
"""Longest message in bytes; a longer one is ignored."""
MAGIC_COOKIE = 0x2112A442

_HEADER = struct.Struct("!HH16s")
_ATTRIBUTE = struct.Struct("!HH")
_INTEGRITY_BYTES = 20
_BLOCK = 64  # bytes; the signed text is padded to a multiple of it (RFC 3489 section 11.2.8)
_MANDATORY_BELOW = 0x8000


class MessageType(IntEnum):
    """The message types (RFC 3489 section 11.1)."""

    REQUEST = 0x0001
    RESPONSE = 0x0101
    ERROR = 0x0111


class Attribute(IntEnum):
    """The supported attributes. A server must refuse any other one below 0x8000 (comprehension-required)."""

    MAPPED_ADDRESS = 0x0001
    RESPONSE_ADDRESS = 0x0002
    CHANGE_REQUEST = 0x0003
    SOURCE_ADDRESS = 0x0004
    CHANGED_ADDRESS = 0x0005
    USERNAME = 0x0006
    MESSAGE_INTEGRITY = 0x0008
    ERROR_CODE = 0x0009
    UNKNOWN_ATTRIBUTES = 0x000A
    REFLECTED_FROM = 0x000B
    XOR_MAPPED_ADDRESS = 0x0020
    EARLY_XOR_MAPPED_ADDRESS = 0x8020
    CONNECTION_REQUEST_BINDING = 0xC001
    BINDING_CHANGE = 0xC002


class Address(NamedTuple):
    """An IP address and a port."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True, kw_only=True)
class StunMessage:
    """One message; an absent attribute is None or False.

    ``mapped``: source address of the request as the server received it. ``response_address``: destination of the answer
    instead of that address. ``error``: the code, 300 to 699, with its ``reason``. ``signed``: it has MESSAGE-INTEGRITY,
    which :func:`signature_holds` checks. ``unknown``: mandatory attributes that are not supported.
    """

    kind: MessageType
    transaction: bytes
    mapped: Address | None = None
    response_address: Address | None = None
    source: Address | None = None
    changed: Address | None = None
    username: str | None = field(default=None, repr=False)
    error: int | None = None
    reason: str = ""
    connection_request_binding: bool = False
    binding_change: bool = False
    signed: bool = False
    unknown: tuple[int, ...] = ()


def encode(message: StunMessage, *, password: str | None = None, filled: bool = True) -> bytes:
    """Encode ``message``, with MESSAGE-INTEGRITY where a ``password`` is given.

    ``filled``: the signed text is padded with zeros to a multiple of 64 bytes (RFC 3489); RFC 5389 does not pad it.
    """
    body = b"".join(_attributes(message))
    if password is None:
        return _HEADER.pack(message.kind, len(body), message.transaction) + body
    length = len(body) + _ATTRIBUTE.size + _INTEGRITY_BYTES
    text = _HEADER.pack(message.kind, length, message.transaction) + body
    return text + _attribute(Attribute.MESSAGE_INTEGRITY, _signature(text, password, filled))


def decode(data: bytes) -> StunMessage | None:
    """Decode a datagram; None where it holds no well-formed message of a supported type."""
    parsed = _parse(data)
    if parsed is None:
        return None
    kind, transaction, attributes = parsed
    values = {code: value for code, value, _ in reversed(attributes)}  # the first of several counts
    try:
        error, reason = _error(values.get(Attribute.ERROR_CODE))
        return StunMessage(
            kind=kind,
            transaction=transaction,
            mapped=_mapped(values, transaction),
            response_address=_address(values.get(Attribute.RESPONSE_ADDRESS)),
            source=_address(values.get(Attribute.SOURCE_ADDRESS)),
            changed=_address(values.get(Attribute.CHANGED_ADDRESS)),
            username=_username(values.get(Attribute.USERNAME)),
            error=error,
            reason=reason,
            connection_request_binding=values.get(Attribute.CONNECTION_REQUEST_BINDING) == CONNECTION_REQUEST_BINDING,
            binding_change=Attribute.BINDING_CHANGE in values,
            signed=Attribute.MESSAGE_INTEGRITY in values,
            unknown=tuple(code for code in values if code < _MANDATORY_BELOW and code not in _KNOWN),
        )
    except ValueError:
        return None


def signature_holds(data: bytes, password: str, ways: Sequence[bool] = (True, False)) -> bool:
    """Whether the MESSAGE-INTEGRITY in ``data`` was made with ``password``.

    ``ways``: the accepted values of ``filled`` in :func:`encode`. False where the attribute is absent or not the last.
    """
    parsed = _parse(data)
    for code, value, start in parsed[2] if parsed is not None else ():
        if code == Attribute.MESSAGE_INTEGRITY:
            end = start + _ATTRIBUTE.size + _INTEGRITY_BYTES
            if len(value) != _INTEGRITY_BYTES or end != len(data):
                return False
            text = data[:start]
            return any(hmac.compare_digest(value, _signature(text, password, filled)) for filled in ways)
    return False


def looks_like_stun(data: bytes) -> bool:
    """Whether a datagram can be a STUN message: its first byte is 0 or 1, never a letter."""
    return data[:1] in (b"\x00", b"\x01")


def _signature(text: bytes, password: str, filled: bool) -> bytes:
    padding = -len(text) % _BLOCK if filled else 0
    return hmac.new(password.encode("utf-8", "surrogatepass"), text + bytes(padding), "sha1").digest()


def _attributes(message: StunMessage) -> list[bytes]:
    """All attributes but MESSAGE-INTEGRITY, in the order in which devices send them."""
    parts: list[bytes] = []
    for code, address in (
        (Attribute.MAPPED_ADDRESS, message.mapped),
        (Attribute.SOURCE_ADDRESS, message.source),
        (Attribute.CHANGED_ADDRESS, message.changed),
        (Attribute.RESPONSE_ADDRESS, message.response_address),
    ):
        if address is not None:
            parts.append(_attribute(code, _packed(address)))
    if message.error is not None:
        reason = message.reason.encode()
        value = struct.pack("!HBB", 0, message.error // 100, message.error % 100) + reason
        parts.append(_attribute(Attribute.ERROR_CODE, value + b" " * (-len(value) % 4)))
    if message.unknown:
        codes = message.unknown if len(message.unknown) % 2 == 0 else (*message.unknown, message.unknown[-1])
        parts.append(_attribute(Attribute.UNKNOWN_ATTRIBUTES, struct.pack(f"!{len(codes)}H", *codes)))
    if message.connection_request_binding:
        parts.append(_attribute(Attribute.CONNECTION_REQUEST_BINDING, CONNECTION_REQUEST_BINDING))
    if message.binding_change:
        parts.append(_attribute(Attribute.BINDING_CHANGE, b""))
    if message.username is not None:
        name = message.username.encode("utf-8", "surrogatepass")
        parts.append(_attribute(Attribute.USERNAME, name + bytes(-len(name) % 4)))
    return parts


def _attribute(code: int, value: bytes) -> bytes:
    return _ATTRIBUTE.pack(code, len(value)) + value


def _parse(data: bytes) -> tuple[MessageType, bytes, list[tuple[int, bytes, int]]] | None:
    """The message type, the transaction ID, and each attribute as code, value and offset; None where malformed."""
    if not _HEADER.size <= len(data) <= MOST_BYTES:
        return None
    kind, length, transaction = _HEADER.unpack_from(data)
    if length != len(data) - _HEADER.size or length % 4 or kind not in _KINDS:
        return None
    attributes: list[tuple[int, bytes, int]] = []
    at = _HEADER.size
    while at < len(data):
        code, size = _ATTRIBUTE.unpack_from(data, at)  # never beyond the end: offset and length are multiples of four
        begin = at + _ATTRIBUTE.size
        if begin + size > len(data):
            return None
        attributes.append((code, data[begin : begin + size], at))
        at = begin + size + (-size % 4)
    return MessageType(kind), transaction, attributes


def _mapped(values: dict[int, bytes], transaction: bytes) -> Address | None:
    """XOR-MAPPED-ADDRESS where both sides support RFC 5389, else MAPPED-ADDRESS, which some NATs rewrite."""
    plain = values.get(Attribute.MAPPED_ADDRESS)
    xored = values.get(Attribute.XOR_MAPPED_ADDRESS, values.get(Attribute.EARLY_XOR_MAPPED_ADDRESS))
    cookie = struct.pack("!I", MAGIC_COOKIE)
    if xored is None or (plain is not None and not transaction.startswith(cookie)):
        return _address(plain)
    mask = cookie + transaction[4:]
    port = bytes(byte ^ key for byte, key in zip(xored[2:4], mask, strict=False))
    host = bytes(byte ^ key for byte, key in zip(xored[4:], mask, strict=False))
    return _address(xored[:2] + port + host)


def _packed(address: Address) -> bytes:
    host = ip_address(address.host)
    return struct.pack("!BBH", 0, 1 if host.version == 4 else 2, address.port) + host.packed


def _address(value: bytes | None) -> Address | None:
    """Decode an address attribute. Raises ValueError where it is malformed."""
    if value is None:
        return None
    if len(value) == 8 and value[1] == 1:
        host: IPv4Address | IPv6Address = IPv4Address(value[4:])
    elif len(value) == 20 and value[1] == 2:
        host = IPv6Address(value[4:])
    else:
        raise ValueError("malformed address attribute")
    return Address(str(host), int.from_bytes(value[2:4], "big"))


def _username(value: bytes | None) -> str | None:
    """USERNAME without its padding: zeros from most devices, spaces from some."""
    return None if value is None else value.rstrip(b"\0 ").decode("utf-8", "replace")


def _error(value: bytes | None) -> tuple[int | None, str]:
    if value is None:
        return None, ""
    if len(value) < 4:
        raise ValueError("malformed ERROR-CODE attribute")
    return (value[2] & 7) * 100 + value[3], value[4:].rstrip(b"\0 ").decode("utf-8", "replace")


_KINDS = frozenset(int(kind) for kind in MessageType)
_KNOWN = frozenset(int(code) for code in Attribute)
