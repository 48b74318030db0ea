"""An agent at a path of the listener, and the check of its credentials in one request."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from cwmpagent.protocol.auth import DigestVerdict
from cwmpagent.protocol.connection_request.refusal import Refusal


class Target(Protocol):
    """An agent at a path of the listener."""

    def credentials(self) -> tuple[str, str] | None:
        """The current user name and password. Without both, every request is refused."""

    def enabled(self) -> bool:
        """Whether the agent accepts ConnectionRequests now."""

    def requested(self, source: str) -> bool:
        """Process an authenticated request from the address ``source``. Returns True for 200, False (too many) for 503.

        The response is written when this returns; the session must not begin before.
        """

    def refused(self, source: str, reason: Refusal, detail: str = "") -> None:
        """Record a request from the address ``source`` that is refused; ``detail``: text of the client.

        A request that names no agent is recorded by the agent that was added first.
        """

    def moved(self) -> None:
        """Record that the agent can be reached again, after its port could not be opened or was not open yet."""


class TargetCredentials:
    """The credentials of ``target`` for one request, and the reason why they do not fit."""

    def __init__(self, target: Target) -> None:
        self._expected = target.credentials()
        self._compared = False
        self._known = False

    def password_of(self, username: str) -> str | None:
        """The password of ``username``, None for any other user."""
        self._compared = True
        if self._expected is None or not all(self._expected) or self._expected[0] != username:
            return None
        self._known = True
        return self._expected[1]

    def refusal(self, verdict: DigestVerdict, given: Sequence[bytes]) -> Refusal | None:
        """The reason for ``verdict``; None for a request without credentials: it is the first step of Digest."""
        if verdict is DigestVerdict.STALE:
            return Refusal.OLD_NONCE
        if not given:
            return None
        if self._expected is None or not all(self._expected):
            return Refusal.NO_CREDENTIALS_SET
        if verdict is DigestVerdict.MISSING:
            return Refusal.NOT_DIGEST
        if not self._compared:
            return Refusal.WRONG_DIGEST
        return Refusal.WRONG_PASSWORD if self._known else Refusal.WRONG_USERNAME
