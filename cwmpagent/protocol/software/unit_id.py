"""The UUID of a deployment unit: its form, and the one that the agent chooses (RFC 4122 4.3).

An operation that installs may leave the UUID out. The agent then takes the name-based UUID (version 5) of the URL: the
same URL always gives the same UUID.
"""

from __future__ import annotations

import hashlib
import re

_FORM = re.compile(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
_URL_NAMESPACE = bytes.fromhex("6ba7b8119dad11d180b400c04fd430c8")
"""The namespace of URLs (RFC 4122 Appendix C)."""
_VERSION, _VARIANT = 0x50, 0x80


def is_uuid(text: str) -> bool:
    """Whether ``text`` has the form 8-4-4-4-12 of hexadecimal digits."""
    return _FORM.fullmatch(text) is not None


def same_uuid(one: str, other: str) -> bool:
    """Whether both are the same UUID; letters of either case are the same."""
    return one.lower() == other.lower()


def uuid_of_url(url: str) -> str:
    """The UUID of a deployment unit that comes from ``url``, where the ACS has chosen none."""
    digest = bytearray(hashlib.sha1(_URL_NAMESPACE + url.encode(), usedforsecurity=False).digest()[:16])
    digest[6] = digest[6] & 0x0F | _VERSION
    digest[8] = digest[8] & 0x3F | _VARIANT
    text = digest.hex()
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))
