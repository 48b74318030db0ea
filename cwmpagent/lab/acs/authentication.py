"""Authentication of the lab's clients: Digest (RFC 7616), Basic (RFC 7617) or none."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

from cwmpagent.protocol.auth import Credentials, DigestServer, DigestVerdict, parse_basic

Auth = Literal["digest", "basic", "none"]


class Guard:
    """The check of one user's credentials.

    ``algorithms`` (``MD5``, ``SHA-256``) and ``qop``: the offers of Digest, in this order. ``nonce``: returns
    unpredictable text. ``lifetime``: of a nonce, in seconds. ``now`` of the methods is monotonic, in seconds.
    """

    def __init__(
        self,
        auth: Auth,
        credentials: Credentials,
        *,
        realm: str,
        nonce: Callable[[], str],
        algorithms: Sequence[str] = ("MD5",),
        qop: Sequence[str] = ("auth", "auth-int"),
        lifetime: float = 300.0,
    ) -> None:
        self.auth: Auth = auth
        self._credentials = credentials
        self._realm = realm
        self._digest = DigestServer(
            realm, algorithms=algorithms, qop=qop, nonce=nonce, lifetime=lifetime, limit=100_000
        )

    def check(self, header: bytes | None, *, method: str, uri: str, body: bytes, now: float) -> DigestVerdict:
        """Check the Authorization ``header`` of a request; raises nothing."""
        if self.auth == "none":
            return DigestVerdict.ACCEPTED
        if self.auth == "digest":
            return self._digest.check(header, method=method, uri=uri, body=body, password_of=self._password_of, now=now)
        given = parse_basic(header)
        if given is None:
            return DigestVerdict.MISSING
        return DigestVerdict.ACCEPTED if self._credentials.match(given) else DigestVerdict.REFUSED

    def challenges(self, now: float, *, stale: bool = False) -> list[str]:
        """The WWW-Authenticate headers of a 401; with authentication ``none`` they offer Digest."""
        if self.auth == "basic":
            return [f'Basic realm="{self._realm}"']
        return self._digest.challenges(now, stale)

    def _password_of(self, username: str) -> str | None:
        return self._credentials.password if username == self._credentials.username else None
