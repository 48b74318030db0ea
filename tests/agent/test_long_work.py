"""Long work between other events of the reactor."""

from __future__ import annotations

from collections.abc import Iterator

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from cwmpagent.agent.long_work import SLICE, LongWork
from cwmpagent.errors import CwmpFault
from cwmpagent.gradual import Gradual, at_once


class LongWorkTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.timers = Clock()
        self.now = 0.0
        self.long_work = LongWork(self.timers, lambda: self.now)
        self.closed: list[str] = []

    def work(self, pieces: int, name: str = "", done: list[str] | None = None) -> Gradual[str]:
        """Work of ``pieces`` that take a millisecond each."""
        try:
            for _ in range(pieces):
                self.now += 0.001
                if done is not None:
                    done.append(name)
                yield
            return name
        finally:
            self.closed.append(name)

    def begun(self, work: Gradual[str]) -> Deferred[str]:
        return Deferred.fromCoroutine(self.long_work.run(work))

    def slices(self) -> Iterator[float]:
        """Duration of the work in each reactor turn, as long as there is work."""
        while self.timers.getDelayedCalls():
            before = self.now
            self.timers.advance(1e-7)
            yield self.now - before

    def test_short_work_is_done_at_once(self) -> None:
        self.assertEqual(self.successResultOf(self.begun(self.work(5, "five"))), "five")
        self.assertEqual(self.timers.getDelayedCalls(), [])
        self.assertEqual(at_once(self.work(500, "all")), "all")

    def test_long_work_leaves_the_reactor_its_turns(self) -> None:
        done = self.begun(self.work(200, "long"))
        self.assertLess(self.now, 2 * SLICE)
        self.assertNoResult(done)
        slices = list(self.slices())
        self.assertGreater(len(slices), 10)
        self.assertLess(max(slices), 2 * SLICE)
        self.assertEqual(self.successResultOf(done), "long")

    def test_work_of_two_callers_shares_a_turn(self) -> None:
        pieces: list[str] = []
        both = [self.begun(self.work(100, name, pieces)) for name in ("one", "two")]
        self.assertLess(max(self.slices()), 2 * SLICE)
        self.assertEqual([self.successResultOf(done) for done in both], ["one", "two"])
        self.assertLess(pieces.index("two"), 30)
        self.assertIn("two", pieces[40:60])
        self.assertIn("one", pieces[40:60])

    def test_works_after_one_another_share_what_is_done_at_once(self) -> None:
        async def several() -> None:
            for number in range(6):
                await self.long_work.run(self.work(8, str(number)))

        done = Deferred.fromCoroutine(several())
        self.assertLess(self.now, 2 * SLICE)
        self.assertLess(max(self.slices()), 3 * SLICE)
        self.assertIsNone(self.successResultOf(done))

    def test_a_caller_that_is_cancelled_ends_its_work(self) -> None:
        done = self.begun(self.work(100000, "endless"))
        self.timers.advance(1e-7)
        done.cancel()
        self.failureResultOf(done, CancelledError)
        self.assertEqual(self.closed, ["endless"])
        self.timers.advance(1)
        self.assertEqual(self.timers.getDelayedCalls(), [])

    def test_a_fault_reaches_the_caller_at_once_or_later(self) -> None:
        def failing(pieces: int) -> Gradual[str]:
            yield from self.work(pieces)
            raise CwmpFault(9005, "gone")

        self.assertEqual(self.failureResultOf(self.begun(failing(1)), CwmpFault).value.code, 9005)
        late = self.begun(failing(100))
        list(self.slices())
        self.assertEqual(self.failureResultOf(late, CwmpFault).value.code, 9005)
