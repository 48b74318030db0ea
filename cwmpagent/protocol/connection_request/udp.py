"""UDP ConnectionRequests (TR-069 Annex G.2.2.3): built by an ACS, parsed and checked by a device.

A request is never answered. The reason of a refusal is for the device's own log.
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple
from urllib.parse import quote, unquote_to_bytes

from cwmpagent.protocol.auth import octets
from cwmpagent.protocol.connection_request.refusal import Refusal

MOST_BYTES = 2048
"""Longest datagram in bytes; a longer one is ignored."""
KNOWN = 4
"""Number of credentials for which the last accepted request is remembered."""
_MOST_DIGITS = 20
_MOST_TEXT = 256
_MILLISECONDS_FROM = 10**11
"""Time stamps from this value on are in milliseconds: in seconds it is in the year 5138."""
AHEAD = 86400.0
"""Seconds by which a time stamp may be ahead of this device's clock before it is taken for a mistake."""
LATEST = float(_MILLISECONDS_FROM)
"""Latest time stamp, in seconds since 1970, that is taken for a present one while the clock is not trusted."""
_FIELDS = ("ts", "id", "un", "cn", "sig")


@dataclass(frozen=True, slots=True, kw_only=True)
class UdpRequest:
    """The content of a datagram; ``timestamp`` is in milliseconds since 1970.

    ``signed``: the two texts of which ``signature`` may be: as received, and percent-decoded, as some ACSs sign it.
    """

    timestamp: int
    id: str
    username: bytes
    signed: tuple[bytes, bytes] = field(repr=False)
    signature: bytes = field(repr=False)


def build(target: str, *, timestamp: int, request_id: str, username: str, cnonce: str, password: str) -> bytes:
    """Build a ConnectionRequest to the device at ``target`` (``host:port``, as its UDPConnectionRequestAddress).

    ``timestamp``: since 1970, in seconds or milliseconds; it must increase. ``cnonce``: a random text.
    """
    name, nonce = quote(username, safe=""), quote(cnonce, safe="")
    text = f"{timestamp}{request_id}{name}{nonce}"
    signature = _signature(text.encode(), password)
    return (
        f"GET http://{target}?ts={timestamp}&id={request_id}&un={name}&cn={nonce}&sig={signature} HTTP/1.1\r\n"
        f"Host: {target}\r\nContent-Length: 0\r\n\r\n"
    ).encode()


def parse(datagram: bytes) -> UdpRequest | None:
    """Parse a datagram; None where it holds no valid request.

    ACSs send ``http://host?ts``, ``/?ts`` and ``?ts``, seconds and milliseconds, either case of hexadecimal digits.
    """
    if len(datagram) > MOST_BYTES:
        return None
    method, _, rest = datagram.partition(b"\n")[0].rstrip(b"\r").partition(b" ")
    target, _, version = rest.rpartition(b" ")
    if method != b"GET" or version != b"HTTP/1.1":
        return None
    query = target.partition(b"?")[2]
    fields: dict[str, bytes] = {}
    for part in query.split(b"&"):
        name, equals, value = part.partition(b"=")
        field_name = name.decode("latin-1")
        if field_name in _FIELDS:
            if field_name in fields or not equals or len(value) > _MOST_TEXT * 3:
                return None
            fields[field_name] = value
    if len(fields) != len(_FIELDS):
        return None
    digits, signature = fields["ts"], fields["sig"]
    if not digits.isdigit() or len(digits) > _MOST_DIGITS or not 0 < len(fields["id"]) <= _MOST_TEXT:
        return None
    if len(signature) != 40 or not _is_hexadecimal(signature):
        return None
    stamp = int(digits)
    texts = [fields[name] for name in ("ts", "id", "un", "cn")]
    return UdpRequest(
        timestamp=stamp if stamp >= _MILLISECONDS_FROM else stamp * 1000,
        id=fields["id"].decode("latin-1"),
        username=unquote_to_bytes(fields["un"]),
        signed=(b"".join(texts), b"".join(map(unquote_to_bytes, texts))),
        signature=signature.lower(),
    )


class _Accepted(NamedTuple):
    """Time stamp, in milliseconds since 1970, and id of an accepted request."""

    timestamp: int
    id: str


class UdpRequests:
    """Check of requests against copies and replays: the time stamp increases and the id differs (Annex G.2.2.3).

    A time stamp in the far future does not shut out later requests with the right time: until its time has come, it is
    compared only with others in the future. The last request of each of the two kinds is remembered
    for each of the last :data:`KNOWN` credentials, in memory only.
    """

    def __init__(self) -> None:
        self._last: dict[bytes, tuple[_Accepted, ...]] = {}

    def refusal(
        self, datagram: bytes, credentials: tuple[str, str] | None, wall: float | None = None
    ) -> Refusal | None:
        """Why ``datagram`` is no new request signed with ``credentials``; None if it is, and it is remembered.

        ``wall``: the present time in seconds since 1970; None while it is not known.
        """
        request = parse(datagram)
        if request is None:
            return Refusal.MALFORMED
        if credentials is None or not all(credentials):
            return Refusal.NO_CREDENTIALS_SET
        username, password = credentials
        same_username = hmac.compare_digest(request.username, octets(username))
        signatures = [_signature(text, password).encode() for text in request.signed]
        if not any(hmac.compare_digest(request.signature, signature) for signature in signatures) or not same_username:
            return Refusal.WRONG_CREDENTIALS
        key = hmac.new(octets(password), octets(username), "sha256").digest()
        present = _Accepted(request.timestamp, request.id)
        limit = int((LATEST if wall is None else wall + AHEAD) * 1000)
        last = self._last.pop(key, ())
        counting = [each for each in last if each.timestamp <= limit or present.timestamp > limit]
        new = all(present.timestamp > each.timestamp and present.id != each.id for each in counting)
        self._last[key] = _latest((*last, present) if new else last, limit)
        if len(self._last) > KNOWN:
            del self._last[next(iter(self._last))]
        return None if new else Refusal.REPLAYED


def _latest(accepted: Sequence[_Accepted], limit: int) -> tuple[_Accepted, ...]:
    """The latest request up to ``limit``, and the latest one beyond it."""
    kinds = ([each for each in accepted if (each.timestamp > limit) is future] for future in (False, True))
    return tuple(max(kind) for kind in kinds if kind)


def _signature(text: bytes, password: str) -> str:
    return hmac.new(octets(password), text, "sha1").hexdigest()


def _is_hexadecimal(text: bytes) -> bool:
    try:
        bytes.fromhex(text.decode("ascii"))
    except ValueError:
        return False
    return text.isalnum()
