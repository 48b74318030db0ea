"""Many calls, a few in each turn of the reactor, so that nothing else has to wait for all of them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable

from twisted.internet.interfaces import IDelayedCall, IReactorTime

AT_ONCE = 20
"""Calls in one turn."""


class FairTurns:
    """Makes the calls that are added, in their order."""

    def __init__(self, reactor: IReactorTime) -> None:
        self._reactor = reactor
        self._waiting: deque[Callable[[], object]] = deque()
        self._next: IDelayedCall | None = None

    def add(self, calls: Iterable[Callable[[], object]]) -> None:
        """Make ``calls`` after those that wait already; the first ones in the next turn."""
        self._waiting.extend(calls)
        self._arm()

    def stop(self) -> None:
        """Make none of those that still wait."""
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
