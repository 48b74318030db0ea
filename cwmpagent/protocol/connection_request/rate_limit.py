"""How many ConnectionRequests an agent takes, however they come (TR-069 3.2.2)."""

from __future__ import annotations


class RateLimit:
    """At most ``requests`` are accepted in any ``window`` seconds; what is refused counts for nothing."""

    __slots__ = ("_accepted", "_requests", "_window")

    def __init__(self, requests: int = 50, window: float = 5.0) -> None:
        self._requests = requests
        self._window = window
        self._accepted: list[float] = []  # an idle agent's costs next to nothing

    def accept(self, now: float) -> bool:
        """Whether one that comes at ``now``, in seconds of a monotonic clock, is accepted; if so it is counted."""
        self._accepted = [stamp for stamp in self._accepted if now - stamp < self._window]
        if len(self._accepted) >= self._requests:
            return False
        self._accepted.append(now)
        return True
