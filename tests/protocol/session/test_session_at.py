"""``session_at``, the displayed time of the next session, in contrast to ``wake_at``."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from cwmpagent.protocol.agenda import Periodic, RetryPolicy
from cwmpagent.protocol.agenda.events import CONNECTION_REQUEST, VALUE_CHANGE, Event
from tests.protocol.agenda_world import World


class SessionAtTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.world = World()
        self.agenda = self.world.agenda

    def remaining(self) -> float | None:
        at = self.agenda.session_at(self.world.now)
        return None if at is None else at - self.world.now.monotonic

    def test_nothing_is_planned(self) -> None:
        self.agenda.add(Event(VALUE_CHANGE), self.world.now, opens_session=False)
        self.assertIsNone(self.remaining())

    def test_the_next_tick_and_not_the_next_look(self) -> None:
        reference = self.world.now.wall
        self.agenda.configure(periodic=Periodic(True, 7 * 86400, reference), now=self.world.now)
        self.assertAlmostEqual(self.remaining() or 0, 7 * 86400)
        wake = self.agenda.wake_at(self.world.now)
        assert wake is not None
        self.assertLess(wake - self.world.now.monotonic, 86400)

    def test_a_retry_a_schedule_and_something_due(self) -> None:
        self.agenda.configure(retry=RetryPolicy(100, 1000), now=self.world.now)
        self.agenda.schedule_inform("key", 500, self.world.now)
        self.assertAlmostEqual(self.remaining() or 0, 500)
        self.agenda.add(Event("X 00D09E Local Inform"), self.world.now)
        self.assertEqual(self.remaining(), 0)
        self.agenda.begin(self.world.now)
        self.agenda.ended(False, self.world.now)
        self.assertAlmostEqual(self.remaining() or 0, 100)
        self.agenda.add(Event(CONNECTION_REQUEST), self.world.now)
        self.assertEqual(self.remaining(), 0)

    def test_the_throttle(self) -> None:
        self.agenda.configure(throttle=60, now=self.world.now)
        self.agenda.begin(self.world.now)
        self.agenda.ended(True, self.world.now)
        self.agenda.add(Event(VALUE_CHANGE), self.world.now)
        self.assertAlmostEqual(self.remaining() or 0, 60)
