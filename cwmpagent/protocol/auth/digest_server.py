"""The server side of HTTP Digest: challenges, and the check of the answers.

A nonce has a signature of the server, so unanswered challenges need no memory: many of them cannot push out a nonce in
use. Only nonces that were answered with the right password are stored, against replays.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from urllib.parse import unquote_to_bytes

from cwmpagent.errors import MisuseError
from cwmpagent.protocol.auth.basic import Credentials, octets
from cwmpagent.protocol.auth.digest_response import ALGORITHMS, QOPS, Algorithm, request_target, response, session_key
from cwmpagent.protocol.auth.header_grammar import Header, parse_credentials, quoted, sendable

LONGEST_CNONCE = 256
"""Maximum number of characters of a cnonce, which is stored together with its nonce."""

_COUNT = re.compile("[0-9A-Fa-f]{8}")
_USED_UP = 1 << 32


class DigestVerdict(Enum):
    """The result of a check of a request's credentials."""

    ACCEPTED = "accepted"
    STALE = "stale"
    """The password is right, but the nonce is expired, unknown or used with this nonce count: send a new challenge."""
    REFUSED = "refused"
    MISSING = "missing"
    """The request has no Digest credentials."""


@dataclass(slots=True)
class _Used:
    """A nonce that was answered with the right password."""

    issued: int
    cnonce: str  # of its first use; the key of a -sess algorithm depends on it
    nc: int = -1


class DigestServer:
    """Checks Digest credentials for one realm (RFC 7616).

    ``algorithms``: names in the order in which they are offered. ``qop``: any of ``auth`` and ``auth-int``; empty
    offers none (RFC 2069). ``nonce``: returns unpredictable tokens of at least 64 bits. ``lifetime``: seconds for which
    a nonce is valid. ``limit``: maximum number of nonces in use; above it, the ones used first become stale.

    ``now`` is in seconds of one monotonic clock. ``scope`` limits a nonce to one of several resources with the same
    realm: a nonce that was issued for another scope is stale.
    """

    def __init__(
        self,
        realm: str,
        *,
        algorithms: Sequence[str] = ("MD5",),
        qop: Sequence[str] = ("auth",),
        nonce: Callable[[], str],
        lifetime: float = 300.0,
        limit: int = 1024,
    ) -> None:
        unknown = [name for name in algorithms if name.lower() not in ALGORITHMS] + [q for q in qop if q not in QOPS]
        if not sendable(realm):
            raise MisuseError(f"the realm {realm!a} has characters that a header cannot carry")
        if unknown or not algorithms:
            raise MisuseError(f"unknown Digest algorithm or qop: {', '.join(unknown) or 'none given'}")
        self._realm = realm
        self._algorithms = {name.lower(): ALGORITHMS[name.lower()] for name in algorithms}
        self._qop = tuple(qop)
        self._nonce = nonce
        self._lifetime = lifetime
        self._limit = limit
        self._secret = octets(nonce() + nonce())
        # The time stamp in a nonce must not reveal the uptime of the machine.
        self._epoch = int(self._seal("epoch")[:10], 16)
        self._used: dict[str, _Used] = {}
        self._forgotten_until = -1

    def challenges(self, now: float, stale: bool = False, scope: str = "") -> list[str]:
        """The WWW-Authenticate headers of a 401: one for each algorithm, each with a new nonce."""
        return [self._challenge(algorithm, now, stale, scope) for algorithm in self._algorithms.values()]

    def check(
        self,
        header: Header | None,
        *,
        method: str,
        uri: str,
        body: bytes = b"",
        password_of: Callable[[str], str | None],
        now: float,
        scope: str = "",
    ) -> DigestVerdict:
        """Check the Authorization ``header`` of a request. Never raises, whatever the header contains.

        ``uri``: the request target as in the request line. ``password_of``: returns the password of a user name, None
        for an unknown user.
        """
        credentials = parse_credentials(header)
        if credentials is None or credentials.scheme != "digest":
            return DigestVerdict.MISSING
        params = credentials.parameters
        algorithm = self._algorithms.get(params.get("algorithm", "MD5").lower())
        username = _username(params)
        if algorithm is None or username is None or not self._is_complete(params, uri):
            return DigestVerdict.REFUSED
        password = password_of(username)
        used = self._used.get(params["nonce"])
        cnonces = {params.get("cnonce", "")}
        if algorithm.session and used is not None:
            cnonces.add(used.cnonce)
        # An unknown user takes the same time as a known one.
        user = Credentials(username, password or "")
        valid = any(self._matches(algorithm, user, cnonce, params, method, body) for cnonce in cnonces)
        if not valid or password is None:
            return DigestVerdict.REFUSED
        return self._check_nonce(algorithm, params, now, scope)

    def _challenge(self, algorithm: Algorithm, now: float, stale: bool, scope: str) -> str:
        parts = [f"realm={quoted(self._realm)}", f"nonce={quoted(self._issue(algorithm, now, scope))}"]
        if self._qop:
            parts.append(f'qop="{",".join(self._qop)}"')
        parts.append(f"algorithm={algorithm.name}")
        if stale:
            parts.append("stale=true")
        return "Digest " + ", ".join(parts)

    def _is_complete(self, params: Mapping[str, str], uri: str) -> bool:
        """Whether the parameters are complete, and valid for this server and this request."""
        if not all(params.get(name) for name in ("nonce", "uri", "response")) or params.get("realm") != self._realm:
            return False
        if request_target(params["uri"]) != request_target(uri) or len(params.get("cnonce", "")) > LONGEST_CNONCE:
            return False
        if "qop" not in params:
            # The response of RFC 2069 does not cover the body.
            return not self._qop or "auth" in self._qop
        return params["qop"] in self._qop and "cnonce" in params and _COUNT.fullmatch(params.get("nc", "")) is not None

    def _matches(
        self, algorithm: Algorithm, user: Credentials, cnonce: str, params: Mapping[str, str], method: str, body: bytes
    ) -> bool:
        key = session_key(
            algorithm,
            username=user.username,
            realm=self._realm,
            password=user.password,
            nonce=params["nonce"],
            cnonce=cnonce,
        )
        expected = response(
            algorithm,
            key,
            method=method,
            uri=params["uri"],
            nonce=params["nonce"],
            qop=params.get("qop", ""),
            nc=params.get("nc", ""),
            cnonce=params.get("cnonce", ""),
            body=body,
        )
        return hmac.compare_digest(octets(expected), octets(params["response"].lower()))

    def _check_nonce(self, algorithm: Algorithm, params: Mapping[str, str], now: float, scope: str) -> DigestVerdict:
        """Check the nonce of an answer with the right password, and record its use."""
        nonce = params["nonce"]
        issued = self._issued(nonce, algorithm, scope)
        if issued is None or not 0 <= self._stamp(now) - issued <= self._lifetime * 1000:
            self._used.pop(nonce, None)
            return DigestVerdict.STALE
        used = self._used.get(nonce)
        if used is None:
            if issued <= self._forgotten_until:
                return DigestVerdict.STALE
            used = self._remember(nonce, _Used(issued, params.get("cnonce", "")), now)
        # Without a nonce count, a nonce is valid for one request.
        nc = int(params["nc"], 16) if "qop" in params else 0
        if nc <= used.nc:
            return DigestVerdict.STALE
        used.nc = nc if "qop" in params else _USED_UP
        return DigestVerdict.ACCEPTED

    def _remember(self, nonce: str, used: _Used, now: float) -> _Used:
        while self._used:
            oldest = next(iter(self._used))
            if len(self._used) < self._limit and self._stamp(now) - self._used[oldest].issued <= self._lifetime * 1000:
                break
            # A forgotten nonce must not be accepted again as if it were new.
            self._forgotten_until = max(self._forgotten_until, self._used.pop(oldest).issued)
        self._used[nonce] = used
        return used

    def _issue(self, algorithm: Algorithm, now: float, scope: str) -> str:
        head = f"{self._stamp(now):x}.{self._nonce()}"
        return f"{head}.{self._seal(f'{algorithm.name} {head} {scope}')}"

    def _issued(self, nonce: str, algorithm: Algorithm, scope: str) -> int | None:
        """The time stamp of ``nonce``; None where this server did not issue it for ``algorithm`` and ``scope``."""
        head, _, seal = nonce.rpartition(".")
        if not hmac.compare_digest(octets(seal), octets(self._seal(f"{algorithm.name} {head} {scope}"))):
            return None
        return int(head.partition(".")[0], 16)

    def _stamp(self, now: float) -> int:
        return self._epoch + int(now * 1000)

    def _seal(self, text: str) -> str:
        return hmac.new(self._secret, octets(text), hashlib.sha256).hexdigest()[:32]


def _username(params: Mapping[str, str]) -> str | None:
    """The user name, in plain or extended form (RFC 7616 section 3.4)."""
    if "username" in params:
        return params["username"]
    charset, language, value = (*params.get("username*", "").split("'", 2), "", "")[:3]
    del language
    if charset.lower() != "utf-8":
        return None
    return unquote_to_bytes(octets(value)).decode("utf-8", "surrogateescape")
