"""Credentials, and the Basic scheme, which sends them in clear text (RFC 7617)."""

from __future__ import annotations

import base64
import binascii
import hmac
from dataclasses import dataclass, field

from cwmpagent.protocol.auth.header_grammar import Header, parse_credentials


@dataclass(frozen=True, slots=True)
class Credentials:
    """A user name with its password."""

    username: str
    password: str = field(repr=False)

    def match(self, other: Credentials) -> bool:
        """Whether both are equal, compared in constant time."""
        names = hmac.compare_digest(octets(self.username), octets(other.username))
        return hmac.compare_digest(octets(self.password), octets(other.password)) and names


def octets(text: str) -> bytes:
    """Encode ``text`` for the wire: as UTF-8, with bytes that were not valid UTF-8 as received. Never raises."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")


def basic_authorization(credentials: Credentials) -> str:
    """The value of an Authorization header. A user name must not have a colon (RFC 7617 section 2)."""
    pair = octets(f"{credentials.username}:{credentials.password}")
    return "Basic " + base64.b64encode(pair).decode("ascii")


def parse_basic(header: Header | None) -> Credentials | None:
    """The credentials in an Authorization header; None where it has no valid Basic credentials."""
    parsed = parse_credentials(header)
    if parsed is None or parsed.scheme != "basic":
        return None
    try:
        pair = base64.b64decode(parsed.token, validate=True).decode("utf-8", "surrogateescape")
    except (binascii.Error, ValueError):
        return None
    username, colon, password = pair.partition(":")
    return Credentials(username, password) if colon else None
