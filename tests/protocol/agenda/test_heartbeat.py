"""Heartbeats together with all other functions of the agenda."""

from __future__ import annotations

import json

from twisted.trial.unittest import SynchronousTestCase

from cwmpagent.protocol.agenda import Agenda, Periodic, RetryPolicy
from cwmpagent.protocol.agenda.events import BOOT, BOOTSTRAP, CONNECTION_REQUEST, HEARTBEAT, VALUE_CHANGE, Event
from tests.protocol.agenda_world import YEAR, Middle, World


class HeartbeatTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.world = World()
        self.agenda = self.world.agenda

    def beat(self, interval: int = 60, reference: float | None = 0.0, *, enabled: bool = True) -> None:
        self.agenda.configure(heartbeat=Periodic(enabled, interval, reference), now=self.world.now)

    def told(self) -> list[tuple[str, ...]]:
        return [session.codes for session in self.world.sessions]

    def test_at_the_same_time_as_others_each_has_a_session(self) -> None:
        self.beat()
        self.world.run(59, until=lambda: bool(self.world.sessions))
        self.world.sessions.clear()
        self.world.sleep_until(self.world.monotonic + 60)
        self.agenda.add(Event(CONNECTION_REQUEST), self.world.now)
        self.world.run(1)
        self.assertEqual(self.told(), [(CONNECTION_REQUEST,), (HEARTBEAT,)])

    def test_two_in_a_row_never_where_another_waits(self) -> None:
        self.beat()
        self.agenda.add(Event(CONNECTION_REQUEST), self.world.now)
        for _ in range(6):
            self.world.sleep_until(self.world.monotonic + 60)
            self.agenda.add(Event(CONNECTION_REQUEST), self.world.now)
            self.world.session()
        codes = [codes[0] for codes in self.told()]
        self.assertEqual(codes, [HEARTBEAT, CONNECTION_REQUEST] * 3)

    def test_neither_success_nor_failure_touches_a_retry(self) -> None:
        for outcome in ("ok", "refused", "broken"):
            with self.subTest(outcome):
                self.setUp()
                self.beat(30)
                self.agenda.configure(retry=RetryPolicy(600, 1000), now=self.world.now)
                self.agenda.add(Event(BOOT), self.world.now)
                self.world.outcome = lambda number, outcome=outcome: "refused" if number == 0 else outcome  # type: ignore[misc]  # bound per round
                self.world.session()
                wait = self.agenda.retry_in(self.world.now)
                assert wait is not None
                self.assertEqual(self.agenda.retry_count, 1)
                begun = self.world.monotonic
                self.world.run(300)
                self.assertGreaterEqual(len(self.world.sessions), 10)
                self.assertEqual(set(self.told()[1:]), {(HEARTBEAT,)})
                self.assertEqual({each.retry_count for each in self.world.sessions[1:]}, {1})
                self.assertEqual(self.agenda.retry_count, 1)
                self.assertEqual(self.agenda.pending, (Event(BOOT),))
                left = self.agenda.retry_in(self.world.now)
                self.assertAlmostEqual(left or 0.0, wait - (self.world.monotonic - begun))

    def test_the_throttle_counts_from_other_sessions(self) -> None:
        self.beat(30)
        self.agenda.configure(throttle=100, now=self.world.now)
        self.world.session()
        begun = self.world.monotonic
        self.agenda.add(Event(VALUE_CHANGE), self.world.now)
        self.world.run(200, until=lambda: (VALUE_CHANGE,) in self.told())
        self.assertAlmostEqual(self.world.monotonic - begun, 100)

    def test_an_event_that_comes_during_one_is_told_after_it(self) -> None:
        self.beat()
        self.world.sleep_until(self.world.monotonic + 60)
        snapshot = self.agenda.begin(self.world.now)
        self.assertEqual(snapshot.events, (Event(HEARTBEAT),))
        self.agenda.add(Event(CONNECTION_REQUEST), self.world.now)
        self.agenda.informed(snapshot)
        self.agenda.ended(True, self.world.now)
        self.assertEqual(self.agenda.pending, (Event(CONNECTION_REQUEST),))
        self.assertTrue(self.agenda.due(self.world.now))

    def test_none_while_the_acs_does_not_know_the_device(self) -> None:
        self.beat(30)
        self.world.outcome = lambda number: "refused"
        self.agenda.bootstrap(self.world.now)
        self.world.run(3600)
        self.assertEqual(set(self.told()), {(BOOTSTRAP,)})

    def test_steps_of_the_wall_clock(self) -> None:
        for step in (50 * YEAR, 3600.0, -3600.0):
            with self.subTest(step):
                self.setUp()
                self.beat(60, 7.0)
                self.world.run(100)
                self.world.step(step)
                self.world.run(600)
                walls = [each.wall for each in self.world.sessions if each.wall is not None]
                self.assertEqual(len(walls), len(self.world.sessions))
                self.assertGreaterEqual(len(walls), 10)
                self.assertLessEqual(len(walls), 13)
                for wall in walls[3:]:
                    self.assertAlmostEqual((wall - 7.0) % 60, 0, places=2)

    def test_people_are_told_when(self) -> None:
        self.beat(60, self.world.now.wall)
        at = self.agenda.session_at(self.world.now)
        assert at is not None
        self.assertAlmostEqual(at - self.world.monotonic, 60)

    def test_a_restart_keeps_the_phase_a_boot_begins_it_anew(self) -> None:
        self.beat(600, None)
        at = self.agenda.session_at(self.world.now)
        self.world.restart()
        self.assertEqual(self.world.agenda.session_at(self.world.now), at)
        self.world.boot()
        self.world.session()
        later = self.world.agenda.session_at(self.world.now)
        assert later is not None
        self.assertLessEqual(later - self.world.monotonic, 600)

    def test_a_process_that_dies_within_one(self) -> None:
        self.beat()
        self.world.sleep_until(self.world.monotonic + 60)
        self.agenda.begin(self.world.now)
        self.world.restart()
        self.assertEqual((self.world.agenda.retry_count, self.world.agenda.pending), (0, ()))
        self.assertIsNone(self.world.agenda.retry_in(self.world.now))
        self.assertFalse(self.world.agenda.due(self.world.now))

    def test_a_record_from_before_there_were_any(self) -> None:
        self.agenda.add(Event(BOOT), self.world.now)
        self.agenda.begin(self.world.now)
        record = json.loads(self.agenda.record())
        del record["heartbeat"], record["session"]["heartbeat"]
        restored = Agenda.restored(json.dumps(record), random=Middle(), now=self.world.now, booted=False)
        self.assertEqual((restored.pending, restored.retry_count), ((Event(BOOT),), 1))

    def test_switched_off(self) -> None:
        self.beat()
        self.world.sleep_until(self.world.monotonic + 60)
        self.assertTrue(self.agenda.due(self.world.now))
        self.beat(enabled=False)
        self.assertFalse(self.agenda.due(self.world.now))
        self.assertIsNone(self.agenda.wake_at(self.world.now))
