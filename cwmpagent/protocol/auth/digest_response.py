"""The calculation of HTTP Digest responses (RFC 7616 section 3.4, RFC 2617 section 3.2.2)."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from cwmpagent.protocol.auth.basic import octets

_AUTHORITY = re.compile(r"^[A-Za-z][A-Za-z0-9+.-]*://[^/?]*")


@dataclass(frozen=True, slots=True)
class Algorithm:
    """One value of the ``algorithm`` parameter. ``session``: the key also depends on the first nonce and cnonce."""

    name: str
    digest: Callable[[bytes], str]
    session: bool
    strength: int


def _md5(data: bytes) -> str:
    # The standard requires MD5; a hardened OpenSSL allows it only for non-security use.
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


ALGORITHMS: Mapping[str, Algorithm] = MappingProxyType(
    {
        algorithm.name.lower(): algorithm
        for algorithm in (
            Algorithm("MD5", _md5, False, 1),
            Algorithm("MD5-sess", _md5, True, 1),
            Algorithm("SHA-256", _sha256, False, 2),
            Algorithm("SHA-256-sess", _sha256, True, 2),
        )
    }
)
"""The supported algorithms by lower-case name."""

QOPS = ("auth", "auth-int")
"""The supported qop values, in the order of preference of the client."""


def session_key(
    algorithm: Algorithm, *, username: str, realm: str, password: str, nonce: str = "", cnonce: str = ""
) -> str:
    """H(A1); it depends on ``nonce`` and ``cnonce`` only in a ``-sess`` algorithm (RFC 7616 section 3.4.2)."""
    key = algorithm.digest(octets(f"{username}:{realm}:{password}"))
    return algorithm.digest(octets(f"{key}:{nonce}:{cnonce}")) if algorithm.session else key


def response(
    algorithm: Algorithm,
    key: str,
    *,
    method: str,
    uri: str,
    nonce: str,
    qop: str = "",
    nc: str = "",
    cnonce: str = "",
    body: bytes = b"",
) -> str:
    """The ``response`` parameter in lower-case hexadecimal digits; ``key`` is a result of :func:`session_key`.

    Without ``qop`` it is calculated by RFC 2069.
    """
    a2 = f"{method}:{uri}"
    if qop == "auth-int":
        a2 = f"{a2}:{algorithm.digest(body)}"
    middle = f"{nonce}:{nc}:{cnonce}:{qop}" if qop else nonce
    return algorithm.digest(octets(f"{key}:{middle}:{algorithm.digest(octets(a2))}"))


def request_target(uri: str) -> str:
    """Path and query of ``uri``, which may be an absolute URL, as in a request to a proxy (RFC 9112 section 3.2.2)."""
    target = _AUTHORITY.sub("", uri)
    return target if target == uri or target.startswith("/") else f"/{target}"
