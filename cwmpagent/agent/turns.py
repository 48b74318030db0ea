"""Long work between other events of the reactor: no piece of it delays them for more than some milliseconds."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, cast

from twisted.internet.defer import CancelledError
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.task import Cooperator

from cwmpagent.agent.ports import Timers
from cwmpagent.gradual import Gradual

SLICE = 0.01
"""Seconds of work in one reactor turn."""

_T = TypeVar("_T")


class Turns:
    """Does long work in slices of :data:`SLICE` seconds, which all work under way shares.

    ``monotonic``: clock in seconds.
    """

    def __init__(self, timers: Timers, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        # Cooperator only cancels what the scheduler returns, which every DelayedCall can.
        scheduler = cast("Callable[[Callable[[], None]], IDelayedCall]", lambda turn: timers.callLater(0, turn))
        self._cooperator = Cooperator(terminationPredicateFactory=self._slice, scheduler=scheduler)

    async def run(self, work: Gradual[_T]) -> _T:
        """Do ``work``, and return its result. Work that fits into one slice is done at once.

        A caller that is cancelled ends the work between two pieces.
        """
        is_over = self._slice()
        try:
            while not is_over():
                next(work)
        except StopIteration as ended:
            result: _T = ended.value
            return result
        results: list[_T] = []
        task = self._cooperator.cooperate(_kept(work, results))
        try:
            await task.whenDone()
        except CancelledError:
            task.stop()
            work.close()
            raise
        return results[0]

    def _slice(self) -> Callable[[], bool]:
        end = self._monotonic() + SLICE
        return lambda: self._monotonic() >= end


def _kept(work: Gradual[_T], results: list[_T]) -> Gradual[None]:
    results.append((yield from work))
