"""The server's side of HTTP Digest: challenges, and the check of what comes back.

A nonce carries its own proof of origin, so nothing is kept for a challenge nobody has answered: however many are asked
for, memory stays the same and none in use is pushed out. Only those answered with the right password are remembered,
against replays.
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
"""Characters; a longer one is refused, since it is kept as long as its nonce."""

_COUNT = re.compile("[0-9A-Fa-f]{8}")
_USED_UP = 1 << 32


class DigestVerdict(Enum):
    """What a server makes of a request's credentials."""

    ACCEPTED = "accepted"
    STALE = "stale"
    """The password is right, but the nonce is expired, not ours, or was used with this nonce count: ask once more."""
    REFUSED = "refused"
    MISSING = "missing"
    """No Digest credentials at all."""


@dataclass(slots=True)
class _Used:
    """A nonce that was answered with the right password."""

    issued: int
    cnonce: str  # of its first use: what the key of a -sess algorithm goes on with
    nc: int = -1


class DigestServer:
    """Checks Digest credentials for one realm (RFC 7616).

    ``algorithms``: names, in the order in which they are offered. ``qop``: of ``auth`` and ``auth-int``; empty offers
    none, as RFC 2069 had it. ``nonce``: makes unpredictable tokens of 64 bits or more. ``lifetime``: seconds that a
    nonce is good for. ``limit``: nonces in use at once; beyond it those first used are forgotten and count as stale.

    ``now`` is always in seconds of one monotonic clock. ``scope`` says for what a nonce is good, where one server
    speaks for several that share its realm: one that was issued for another counts as not ours.
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
            raise MisuseError(f"no realm that a header can carry: {realm!a}")
        if unknown or not algorithms:
            raise MisuseError(f"no Digest algorithm or qop: {', '.join(unknown) or 'none given'}")
        self._realm = realm
        self._algorithms = {name.lower(): ALGORITHMS[name.lower()] for name in algorithms}
        self._qop = tuple(qop)
        self._nonce = nonce
        self._lifetime = lifetime
        self._limit = limit
        self._secret = octets(nonce() + nonce())
        # Nonces are stamped, but not with the time since this machine's start.
        self._epoch = int(self._seal("epoch")[:10], 16)
        self._used: dict[str, _Used] = {}
        self._forgotten = -1

    def challenges(self, now: float, stale: bool = False, scope: str = "") -> list[str]:
        """The WWW-Authenticate headers of a 401, one for each algorithm, each with a new nonce."""
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
        """Judge the Authorization ``header`` of a request; raises nothing, whatever is in it.

        ``uri``: the request target as it stood in the request line. ``password_of``: the password of a user name, None
        where there is no such user.
        """
        found = parse_credentials(header)
        if found is None or found.scheme != "digest":
            return DigestVerdict.MISSING
        given = found.parameters
        algorithm = self._algorithms.get(given.get("algorithm", "MD5").lower())
        username = _username(given)
        if algorithm is None or username is None or not self._fits(given, uri):
            return DigestVerdict.REFUSED
        password = password_of(username)
        known = self._used.get(given["nonce"])
        cnonces = {given.get("cnonce", "")}
        if algorithm.session and known is not None:
            cnonces.add(known.cnonce)
        # An unknown user costs the same work as a known one.
        user = Credentials(username, password or "")
        right = any(self._answers(algorithm, user, cnonce, given, method, body) for cnonce in cnonces)
        return self._count(algorithm, given, now, scope) if right and password is not None else DigestVerdict.REFUSED

    def _challenge(self, algorithm: Algorithm, now: float, stale: bool, scope: str) -> str:
        parts = [f"realm={quoted(self._realm)}", f"nonce={quoted(self._issue(algorithm, now, scope))}"]
        if self._qop:
            parts.append(f'qop="{",".join(self._qop)}"')
        parts.append(f"algorithm={algorithm.name}")
        if stale:
            parts.append("stale=true")
        return "Digest " + ", ".join(parts)

    def _fits(self, given: Mapping[str, str], uri: str) -> bool:
        """Whether the parameters are complete and meant for this server and this request."""
        if not all(given.get(name) for name in ("nonce", "uri", "response")) or given.get("realm") != self._realm:
            return False
        if request_target(given["uri"]) != request_target(uri) or len(given.get("cnonce", "")) > LONGEST_CNONCE:
            return False
        if "qop" not in given:
            # RFC 2069's answer does not cover the body.
            return not self._qop or "auth" in self._qop
        return given["qop"] in self._qop and "cnonce" in given and _COUNT.fullmatch(given.get("nc", "")) is not None

    def _answers(
        self, algorithm: Algorithm, user: Credentials, cnonce: str, given: Mapping[str, str], method: str, body: bytes
    ) -> bool:
        key = session_key(
            algorithm,
            username=user.username,
            realm=self._realm,
            password=user.password,
            nonce=given["nonce"],
            cnonce=cnonce,
        )
        expected = response(
            algorithm,
            key,
            method=method,
            uri=given["uri"],
            nonce=given["nonce"],
            qop=given.get("qop", ""),
            nc=given.get("nc", ""),
            cnonce=given.get("cnonce", ""),
            body=body,
        )
        return hmac.compare_digest(octets(expected), octets(given["response"].lower()))

    def _count(self, algorithm: Algorithm, given: Mapping[str, str], now: float, scope: str) -> DigestVerdict:
        """The password is right: see that the nonce is, and note its use."""
        nonce = given["nonce"]
        issued = self._issued(nonce, algorithm, scope)
        if issued is None or not 0 <= self._stamp(now) - issued <= self._lifetime * 1000:
            self._used.pop(nonce, None)
            return DigestVerdict.STALE
        known = self._used.get(nonce)
        if known is None:
            if issued <= self._forgotten:
                return DigestVerdict.STALE
            known = self._remember(nonce, _Used(issued, given.get("cnonce", "")), now)
        # Without a count a nonce is good for one answer.
        nc = int(given["nc"], 16) if "qop" in given else 0
        if nc <= known.nc:
            return DigestVerdict.STALE
        known.nc = nc if "qop" in given else _USED_UP
        return DigestVerdict.ACCEPTED

    def _remember(self, nonce: str, used: _Used, now: float) -> _Used:
        while self._used:
            oldest = next(iter(self._used))
            if len(self._used) < self._limit and self._stamp(now) - self._used[oldest].issued <= self._lifetime * 1000:
                break
            # Or it could be answered again as if it were new.
            self._forgotten = max(self._forgotten, self._used.pop(oldest).issued)
        self._used[nonce] = used
        return used

    def _issue(self, algorithm: Algorithm, now: float, scope: str) -> str:
        head = f"{self._stamp(now):x}.{self._nonce()}"
        return f"{head}.{self._seal(f'{algorithm.name} {head} {scope}')}"

    def _issued(self, nonce: str, algorithm: Algorithm, scope: str) -> int | None:
        """When this server issued ``nonce`` for ``algorithm`` and ``scope``; None if it did not."""
        head, _, seal = nonce.rpartition(".")
        if not hmac.compare_digest(octets(seal), octets(self._seal(f"{algorithm.name} {head} {scope}"))):
            return None
        return int(head.partition(".")[0], 16)

    def _stamp(self, now: float) -> int:
        return self._epoch + int(now * 1000)

    def _seal(self, text: str) -> str:
        return hmac.new(self._secret, octets(text), hashlib.sha256).hexdigest()[:32]


def _username(given: Mapping[str, str]) -> str | None:
    """The user name, also where it comes in the extended form (RFC 7616 section 3.4)."""
    if "username" in given:
        return given["username"]
    charset, language, value = (*given.get("username*", "").split("'", 2), "", "")[:3]
    del language
    if charset.lower() != "utf-8":
        return None
    return unquote_to_bytes(octets(value)).decode("utf-8", "surrogateescape")
