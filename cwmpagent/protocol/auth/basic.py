"""User name and password, and the Basic scheme that sends them in the clear (RFC 7617)."""

from __future__ import annotations

import base64
import binascii
import hmac
from dataclasses import dataclass, field

from cwmpagent.protocol.auth.header_grammar import Header, parse_credentials


@dataclass(frozen=True, slots=True)
class Credentials:
    """A user name and the password that belongs to it."""

    username: str
    password: str = field(repr=False)

    def match(self, other: Credentials) -> bool:
        """Whether both are the same, in a time that tells nothing of where they differ."""
        names = hmac.compare_digest(octets(self.username), octets(other.username))
        return hmac.compare_digest(octets(self.password), octets(other.password)) and names


def octets(text: str) -> bytes:
    """``text`` as it stands on the wire: UTF-8, and bytes that were none as they came. Never raises."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")


def basic_authorization(credentials: Credentials) -> str:
    """The value of an Authorization header; a user name with a colon cannot be sent this way (section 2)."""
    pair = octets(f"{credentials.username}:{credentials.password}")
    return "Basic " + base64.b64encode(pair).decode("ascii")


def parse_basic(header: Header | None) -> Credentials | None:
    """The credentials in an Authorization header, None where it holds no readable Basic ones."""
    found = parse_credentials(header)
    if found is None or found.scheme != "basic":
        return None
    try:
        pair = base64.b64decode(found.token, validate=True).decode("utf-8", "surrogateescape")
    except (binascii.Error, ValueError):
        return None
    username, colon, password = pair.partition(":")
    return Credentials(username, password) if colon else None
