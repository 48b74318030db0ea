"""Full collections of the garbage collector: none while an answer is made, as usual before and after."""

from __future__ import annotations

import gc

from twisted.trial.unittest import SynchronousTestCase

from cwmpagent.agent.full_collections import full_collections_later, full_collections_now
from cwmpagent.protocol.agenda.events import CONNECTION_REQUEST, Event
from cwmpagent.protocol.rpc import GetParameterValues
from tests.agent.ports import SimulatedAgent


class FullCollectionsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.before = gc.get_threshold()
        self.addCleanup(gc.set_threshold, *self.before)

    def postponed(self) -> bool:
        return gc.get_threshold()[2] > self.before[2] + 1000

    def test_sessions_that_end_in_another_order(self) -> None:
        one, two = full_collections_later(), full_collections_later()
        with one:
            two.__enter__()
        self.assertTrue(self.postponed())
        two.__exit__(None, None, None)
        self.assertEqual(gc.get_threshold(), self.before)

    def test_now_inside_of_later(self) -> None:
        with full_collections_later():
            with full_collections_now():
                self.assertEqual(gc.get_threshold(), self.before)
            self.assertTrue(self.postponed())

    def test_another_part_of_the_program_sets_it(self) -> None:
        with full_collections_later():
            gc.set_threshold(500, 5, 5)
        self.assertEqual(gc.get_threshold(), (500, 5, 5))

    def test_an_answer_is_made_without_and_the_wait_for_the_acs_is_not(self) -> None:
        simulated = SimulatedAgent()
        simulated.begin()
        making: list[bool] = []
        waiting: list[bool] = []
        tree = type(simulated.runtime.tree)
        shown_of = tree.shown_of

        def observed(*arguments: object) -> object:
            making.append(self.postponed())
            return shown_of(*arguments)  # type: ignore[arg-type]  # those it was called with

        self.patch(tree, "shown_of", observed)
        simulated.acs.asking.append(GetParameterValues(("Device.DeviceInfo.",)))
        simulated.acs.instead = lambda posted: waiting.append(self.postponed())
        simulated.happen(Event(CONNECTION_REQUEST))
        simulated.run(0.1)
        self.assertTrue(making[-1])
        self.assertEqual(set(waiting), {False})
        self.assertEqual(gc.get_threshold(), self.before)
