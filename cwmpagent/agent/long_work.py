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
_PART = 0.001
"""Seconds of the work of one caller, after which it is the turn of another."""
_NEXT_TURN = 1e-8
"""Seconds to the next turn, as Cooperator has them: a ``task.Clock`` makes calls without a delay in the same turn."""
_END = object()

_T = TypeVar("_T")


class LongWork:
    """Does long work in slices of :data:`SLICE` seconds, which all work under way shares.

    ``monotonic``: clock in seconds.
    """

    def __init__(self, timers: Timers, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        # Cooperator only cancels what the scheduler returns, which every DelayedCall can.
        scheduler = cast(
            "Callable[[Callable[[], None]], IDelayedCall]", lambda turn: timers.callLater(_NEXT_TURN, turn)
        )
        self._end_at_once = monotonic() - SLICE
        self._cooperator = Cooperator(terminationPredicateFactory=self._slice, scheduler=scheduler)

    async def run(self, work: Gradual[_T]) -> _T:
        """Do ``work``, and return its result. Work that fits into the present slice is done at once.

        Works that follow one another in one turn share a slice. A caller that is cancelled ends the work between two
        pieces.
        """
        results: list[_T] = []
        parts = self._in_parts(work, results)
        now = self._monotonic()
        if now >= self._end_at_once + SLICE:
            self._end_at_once = now + SLICE
        while self._monotonic() < self._end_at_once:
            if next(parts, _END) is _END:
                return results[0]
        task = self._cooperator.cooperate(parts)
        try:
            await task.whenDone()
        except CancelledError:
            task.stop()
            parts.close()
            raise
        return results[0]

    def _in_parts(self, work: Gradual[_T], results: list[_T]) -> Gradual[None]:
        """``work`` with fewer pauses: each costs more than a small piece. The result is added to ``results``."""
        try:
            while True:
                end = self._monotonic() + _PART
                next(work)
                while self._monotonic() < end:
                    next(work)
                yield
        except StopIteration as ended:
            results.append(ended.value)
        finally:
            work.close()

    def _slice(self) -> Callable[[], bool]:
        end = self._monotonic() + SLICE
        return lambda: self._monotonic() >= end
