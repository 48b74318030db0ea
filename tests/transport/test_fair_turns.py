"""Calls spread over several reactor turns."""

from __future__ import annotations

from functools import partial

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from cwmpagent.transport.fair_turns import AT_ONCE, FairTurns


class Stepped(Clock):
    """A clock that can run one turn, as a reactor does."""

    def turn(self) -> None:
        """Run the calls that are due now; calls added by them run in the next turn."""
        for call in [each for each in self.calls if each.getTime() <= self.seconds()]:
            if call.active():
                self.calls.remove(call)
                call.called = 1
                call.func(*call.args, **call.kw)


class TurnsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Stepped()
        self.turns = FairTurns(self.clock)
        self.made: list[int] = []

    def calls(self, *numbers: int) -> list[partial[None]]:
        return [partial(self.made.append, number) for number in numbers]

    def test_a_few_a_turn_in_their_order(self) -> None:
        self.turns.add(self.calls(*range(2 * AT_ONCE + 1)))
        self.turns.add(self.calls(-1))
        self.assertEqual(self.made, [])
        seen = []
        while self.clock.getDelayedCalls():
            self.clock.turn()
            seen.append(len(self.made))
        self.assertEqual(seen, [AT_ONCE, 2 * AT_ONCE, 2 * AT_ONCE + 2])
        self.assertEqual(self.made, [*range(2 * AT_ONCE + 1), -1])

    def test_none_is_made_after_the_end(self) -> None:
        self.turns.add(self.calls(*range(2 * AT_ONCE)))
        self.clock.turn()
        self.turns.stop()
        self.clock.advance(1)
        self.assertEqual((len(self.made), self.clock.getDelayedCalls()), (AT_ONCE, []))
        self.turns.stop()
        self.turns.add(self.calls(7))
        self.clock.advance(0)
        self.assertEqual(self.made[-1], 7)

    def test_one_that_fails_does_not_hold_up_the_rest(self) -> None:
        def fail() -> None:
            raise ValueError

        self.turns.add([fail, *self.calls(*range(AT_ONCE))])
        self.assertRaises(ValueError, self.clock.advance, 0)
        self.clock.advance(0)
        self.assertEqual(self.made[-1], AT_ONCE - 1)

    def test_a_call_may_add_others(self) -> None:
        self.turns.add([lambda: self.turns.add(self.calls(2)), *self.calls(1)])
        self.clock.advance(0)
        self.clock.advance(0)
        self.assertEqual(self.made, [1, 2])
