"""The check of a client's credentials: Basic, Digest, either of them, or none."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from cwmpagent.lab.acs.authentication import Auth, Guard
from cwmpagent.protocol.auth import Credentials, DigestVerdict

FilesAuth = Literal["digest", "basic", "both", "none"]
REALM = "cwmplab files"


class FileAccess:
    """The check of one user. ``both`` offers Digest first. ``nonce``: returns unpredictable text."""

    def __init__(self, auth: FilesAuth, credentials: Credentials, *, nonce: Callable[[], str]) -> None:
        kinds: tuple[Auth, ...] = ("digest", "basic") if auth == "both" else (auth,)
        self._guards = tuple(
            Guard(kind, credentials, realm=REALM, nonce=nonce, algorithms=("SHA-256", "MD5"), qop=("auth",))
            for kind in kinds
        )

    def check(self, header: bytes | None, *, method: str, uri: str, now: float) -> DigestVerdict:
        """Check the Authorization ``header``; ``now`` is monotonic, in seconds. Raises nothing."""
        verdict = DigestVerdict.MISSING
        for guard in self._guards:
            found = guard.check(header, method=method, uri=uri, body=b"", now=now)
            if found is DigestVerdict.ACCEPTED:
                return found
            if found is not DigestVerdict.MISSING:
                verdict = found
        return verdict

    def needs_credentials(self) -> bool:
        """Whether a request without an Authorization header is refused."""
        return any(guard.auth != "none" for guard in self._guards)

    def challenges(self, now: float, *, stale: bool = False) -> list[str]:
        """The WWW-Authenticate headers of a 401."""
        return [challenge for guard in self._guards for challenge in guard.challenges(now, stale=stale)]
