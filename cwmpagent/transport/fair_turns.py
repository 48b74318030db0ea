"""Many calls spread over reactor turns, so that they do not delay other events."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable

from twisted.internet.interfaces import IDelayedCall, IReactorTime

AT_ONCE = 20
"""Maximum number of calls in one reactor turn."""


class FairTurns:
    """Queue of calls, made in the order in which they were added."""

    def __init__(self, reactor: IReactorTime) -> None:
        self._reactor = reactor
        self._waiting: deque[Callable[[], object]] = deque()
        self._next: IDelayedCall | None = None

    def add(self, calls: Iterable[Callable[[], object]]) -> None:
        """Queue ``calls``. The first ones are made in the next reactor turn."""
        self._waiting.extend(calls)
        self._arm()

    def stop(self) -> None:
        """Drop the queued calls."""
        self._waiting.clear()
        if self._next is not None:
            self._next.cancel()
            self._next = None

    def _arm(self) -> None:
        if self._waiting and self._next is None:
            self._next = self._reactor.callLater(0, self._turn)

    def _turn(self) -> None:
        self._next = None
        calls = [self._waiting.popleft() for _ in range(min(AT_ONCE, len(self._waiting)))]
        self._arm()
        for call in calls:
            call()
