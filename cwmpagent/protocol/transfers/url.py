"""The URL of a transfer (TR-069 A.3.2.8): schemes, no credentials in it, and the checksum in its fragment."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from cwmpagent.errors import CwmpFault

SCHEMES = frozenset({"http", "https", "ftp", "ftps"})
_SHA256 = re.compile(r"sha256=([0-9A-Fa-f]{64})")


def check_url(url: str) -> tuple[str, str]:
    """Return ``url`` without its fragment, and the SHA-256 in hexadecimal of ``#sha256=``, empty without one.

    Raises CwmpFault 9003 for a URL that is empty or invalid or has credentials, 9013 for an unknown scheme.
    """
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise CwmpFault(9003, "the URL is not valid") from error
    if not parts.scheme:
        raise CwmpFault(9003, "the URL must be absolute")
    if parts.scheme not in SCHEMES:
        raise CwmpFault(9013, "the scheme of the URL is not supported")
    if not host or not url.isprintable() or " " in url:
        raise CwmpFault(9003, "the URL is not valid")
    if "@" in parts.netloc:
        raise CwmpFault(9003, "the URL must not have a user name or a password in it")
    checksum = _SHA256.fullmatch(parts.fragment)
    if parts.fragment.startswith("sha256=") and checksum is None:
        raise CwmpFault(9003, "the checksum in the URL must have 64 hexadecimal digits")
    return url.partition("#")[0], checksum[1].lower() if checksum else ""
