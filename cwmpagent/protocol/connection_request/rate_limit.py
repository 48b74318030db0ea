"""The rate limit of ConnectionRequests, common to all transports (TR-069 3.2.2)."""

from __future__ import annotations


class RateLimit:
    """A limit of ``requests`` accepted in any ``window`` seconds; refused ones are not counted."""

    __slots__ = ("_accepted", "_requests", "_window")

    def __init__(self, requests: int = 50, window: float = 5.0) -> None:
        self._requests = requests
        self._window = window
        self._accepted: list[float] = []

    def accept(self, now: float) -> bool:
        """Whether a request that arrives at ``now`` (monotonic seconds) is accepted; an accepted one is counted."""
        self._accepted = [stamp for stamp in self._accepted if now - stamp < self._window]
        if len(self._accepted) >= self._requests:
            return False
        self._accepted.append(now)
        return True
