"""The phase of periodic Informs, and all waits over steps of the wall clock."""

from __future__ import annotations

import json
import random
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from cwmpagent.protocol.agenda import Agenda, Periodic
from cwmpagent.protocol.agenda.events import BOOT, M_SCHEDULE_INFORM, PERIODIC, SCHEDULED, VALUE_CHANGE, Event
from cwmpagent.protocol.agenda.periodic import CHECK_EVERY
from tests.protocol.agenda_world import YEAR, World

STEPS = (50 * YEAR, 3600.0, -3600.0)


def periodic_world(interval: int, reference: float | None, *, wall: float | None = 1_700_000_000.0) -> World:
    world = World(wall=wall)
    world.agenda.configure(now=world.now, periodic=Periodic(True, interval, reference))
    return world


class PhaseTests(SynchronousTestCase):
    """The times of the ticks without steps of the clocks."""

    def on_the_grid(self, world: World, interval: int, reference: float) -> None:
        for session in world.sessions:
            off = (session.wall - reference + interval / 2) % interval - interval / 2  # type: ignore[operator]  # trusted
            self.assertLess(abs(off), 0.01, session)

    def test_a_reference_in_the_past_or_in_the_future_sets_the_phase_alone(self) -> None:
        for reference in (0.0, 1_699_999_999.0, 1_700_000_123.5, 1_700_000_000.0 + 20 * YEAR, -62_000_000_000.0):
            world = periodic_world(300, reference)
            world.run(3000.0)
            self.assertEqual(len(world.sessions), 10, reference)
            self.on_the_grid(world, 300, reference)

    def test_every_second_at_the_most(self) -> None:
        world = periodic_world(1, 0.0)
        world.run(100.4)
        self.assertEqual(len(world.sessions), 100)
        self.on_the_grid(world, 1, 0.0)

    def test_an_interval_of_nothing_is_none(self) -> None:
        for reference in (0.0, None):
            world = periodic_world(0, reference)
            world.run(1000.0)
            world.restart()
            self.assertEqual(world.sessions, [])
            self.assertIsNone(world.agenda.wake_at(world.now))

    def test_the_longest_interval(self) -> None:
        world = periodic_world(2**32 - 1, 1_700_000_100.0)
        world.run(200)
        self.assertEqual(len(world.sessions), 1)

    def test_without_a_reference_the_phase_is_random_and_the_cadence_exact(self) -> None:
        starts = []
        for seed in range(100):
            world = World(agenda=Agenda(random=random.Random(seed)))
            world.agenda.configure(now=world.now, periodic=Periodic(True, 300, None))
            began = world.monotonic
            world.run(3000.0)
            times = [session.monotonic for session in world.sessions]
            starts.append(times[0] - began)
            self.assertTrue(all(abs(later - earlier - 300) < 1e-3 for earlier, later in pairwise(times)))
        self.assertTrue(0 <= min(starts) < 30 and 270 < max(starts) <= 300)

    def test_a_clock_that_is_not_trusted_is_no_phase(self) -> None:
        world = periodic_world(300, 0.0, wall=None)
        world.run(3000.0)
        self.assertEqual(len(world.sessions), 10)

    def test_a_clock_that_becomes_trusted_sets_the_phase(self) -> None:
        for interval in (40, 300, 86400):
            world = periodic_world(interval, 17.0, wall=None)
            world.run(100.0)
            world.sessions.clear()
            world.offset = 1_800_000_000.0 - world.monotonic
            world.run(CHECK_EVERY)  # until the next check
            world.sessions.clear()
            world.run(interval + 1.0)
            self.assertGreaterEqual(len(world.sessions), 1, interval)
            self.on_the_grid(world, interval, 17.0)

    def test_a_clock_that_is_no_longer_trusted_leaves_the_phase(self) -> None:
        world = periodic_world(300, 0.0)
        world.run(1000.0)
        offset, world.offset = world.offset, None
        world.run(3000.0)
        times = [session.monotonic for session in world.sessions]
        self.assertTrue(all(abs(later - earlier - 300) < 0.01 for earlier, later in pairwise(times)))
        world.offset = offset
        world.run(3000.0)
        times = [session.monotonic for session in world.sessions]
        self.assertTrue(all(abs(later - earlier - 300) < 0.01 for earlier, later in pairwise(times)))

    def test_a_new_setting_is_in_force_at_once(self) -> None:
        world = periodic_world(86400, 0.0)
        world.run(100.0)
        world.agenda.configure(now=world.now, periodic=Periodic(True, 60, 7.0))
        world.run(60.0)
        self.assertEqual(len(world.sessions), 1)
        self.on_the_grid(world, 60, 7.0)
        world.agenda.configure(now=world.now, periodic=Periodic(True, 30, 7.0))
        world.run(300.0)
        self.assertEqual(len(world.sessions), 11)
        world.agenda.configure(now=world.now, periodic=Periodic(False, 30, 7.0))
        world.run(300.0)
        self.assertEqual(len(world.sessions), 11)
        self.assertIsNone(world.agenda.wake_at(world.now))

    def test_the_same_setting_again_disturbs_nothing(self) -> None:
        world = periodic_world(300, None)
        for _ in range(30):
            world.run(100.0)
            world.agenda.configure(now=world.now, periodic=Periodic(True, 300, None))
        self.assertEqual(len(world.sessions), 10)

    def test_ticks_missed_in_a_long_session_are_one(self) -> None:
        for reference in (0.0, None):
            world = periodic_world(10, reference)
            world.run(10.0)
            snapshot = world.agenda.begin(world.now)
            world.monotonic += 995
            world.agenda.informed(snapshot)
            world.agenda.ended(True, world.now)
            self.assertEqual([event.code for event in world.agenda.pending], [PERIODIC])
            world.sessions.clear()
            world.run(0.0)
            self.assertEqual(len(world.sessions), 1)
            world.run(10.0)
            self.assertEqual(len(world.sessions), 2)

    def test_a_tick_while_the_process_was_away_is_told_once(self) -> None:
        for reference in (0.0, None):
            world = periodic_world(300, reference)
            record = world.agenda.record()
            world.monotonic += 3000
            world.agenda = Agenda.restored(record, random=random.Random(1), now=world.now, booted=False)
            world.run(0.0)
            self.assertEqual([session.codes for session in world.sessions], [(PERIODIC,)])
            world.run(300.0)
            self.assertEqual(len(world.sessions), 2)

    def test_a_tick_that_cannot_be_so_far_away(self) -> None:
        for due in (1e9, None):
            world = periodic_world(300, None)
            record = json.loads(world.agenda.record())
            record["periodic"]["due"] = due
            world.agenda = Agenda.restored(json.dumps(record), random=random.Random(1), now=world.now, booted=False)
            world.run(301.0)
            self.assertIn(len(world.sessions), (1, 2))

    def test_a_restart_keeps_the_phase_and_a_boot_takes_it_from_the_clock(self) -> None:
        for reference in (0.0, None):
            world, same = periodic_world(300, reference), periodic_world(300, reference)
            for _ in range(10):
                world.run(77.0)
                same.run(77.0)
                world.restart()
            self.assertEqual(world.sessions, same.sessions)
        world = periodic_world(300, 0.0)
        world.boot()
        world.run(3000.0)
        self.assertEqual(world.sessions[0].codes, (BOOT,))
        del world.sessions[0]
        self.assertEqual(len(world.sessions), 10)
        self.on_the_grid(world, 300, 0.0)


class SlewTests(SynchronousTestCase):
    """A wall clock that drifts."""

    @given(st.integers(1, 4000), st.floats(-0.0005, 0.0005), st.floats(0, 5000))
    @settings(deadline=None, max_examples=60)
    def test_each_tick_is_told_once(self, interval: int, drift: float, reference: float) -> None:
        world = periodic_world(interval, reference)
        world.drift = drift
        world.run(20.0 * interval)
        numbers = [round((session.wall - reference) / interval) for session in world.sessions]  # type: ignore[operator]  # trusted
        self.assertEqual(numbers, list(range(numbers[0], numbers[0] + len(numbers))))
        self.assertTrue(19 <= len(numbers) <= 21, numbers)
        self.assertLessEqual(world.checks, 20 * (interval / CHECK_EVERY + 5))

    def test_corrections_of_less_than_a_second(self) -> None:
        for correction in (0.4, -0.4):
            world = periodic_world(10, 0.0)
            for number in range(200):
                world.step_in(7.3 * number, correction if number % 2 else -correction)
            world.run(7.3 * 200)
            numbers = [round(session.wall / 10) for session in world.sessions]  # type: ignore[operator]  # trusted
            self.assertEqual(numbers, list(range(numbers[0], numbers[0] + len(numbers))))
            self.assertIn(len(numbers), (145, 146))


class StepTests(SynchronousTestCase):
    """Steps of the wall clock in every waiting state."""

    @given(
        st.sampled_from(STEPS),
        st.integers(1, 10_000),
        st.floats(-1e9, 3e9),
        st.floats(0, 20_000),
    )
    @settings(deadline=None, max_examples=150)
    def test_phased(self, step: float, interval: int, reference: float, before: float) -> None:
        world = periodic_world(interval, reference)
        before = min(before, 20.0 * interval)
        stepped = world.monotonic + before
        world.step_in(before, step)
        world.run(before + 3.0 * interval + 2 * CHECK_EVERY)
        times = [session.monotonic for session in world.sessions if session.monotonic > stepped]
        self.assertLessEqual(times[0] - stepped, interval + CHECK_EVERY + 0.01)
        settled = [session for session in world.sessions if session.monotonic > stepped + CHECK_EVERY]
        for session in settled:
            off = (session.wall - reference + interval / 2) % interval - interval / 2  # type: ignore[operator]  # trusted
            self.assertLess(abs(off), 0.02, session)
        for earlier, later in pairwise(settled):
            self.assertLess(abs(later.monotonic - earlier.monotonic - interval), 0.02)
        self.assertLessEqual(sum(time <= stepped + CHECK_EVERY for time in times), CHECK_EVERY / interval + 2)

    def test_a_tick_right_after_the_step_is_not_lost(self) -> None:
        for step in (-3600.0, 3600.0, 50 * YEAR):
            for since in (1.0, 20.0, 45.0):  # seconds from the step to the tick, all before the next check
                world = periodic_world(7000, 1_700_000_010.0 + step + since)
                world.step_in(10.0, step)
                world.run(6000.0)
                self.assertEqual([session.monotonic for session in world.sessions], [5000.0 + CHECK_EVERY], step)
                world.run(5000.0)
                self.assertEqual(round(world.sessions[1].monotonic), 12_010 + since)

    def test_ticks_that_the_clock_jumped_over_are_missed(self) -> None:
        world = periodic_world(300, 1_700_000_050.0)
        world.step_in(70.0, 3600.0 + 17.0)
        world.run(180.0)
        self.assertEqual([round(session.monotonic - 5000) for session in world.sessions], [50])
        world.run(200.0)
        self.assertEqual([round(session.monotonic - 5000) for session in world.sessions], [50, 333])

    @given(st.lists(st.tuples(st.floats(0, 5000), st.sampled_from(STEPS)), max_size=12), st.integers(1, 2000))
    @settings(deadline=None, max_examples=80)
    def test_phased_through_many_steps(self, steps: list[tuple[float, float]], interval: int) -> None:
        world = periodic_world(interval, 0.0)
        for wait, step in steps:
            world.step_in(wait, step)
        world.run(5000.0)
        world.run(interval + CHECK_EVERY + 0.01)
        elapsed = world.monotonic - 5000.0
        self.assertGreaterEqual(len(world.sessions), 1)
        self.assertLessEqual(len(world.sessions), elapsed / interval + 2 * len(steps) + 1)
        self.assertLessEqual(world.checks, elapsed / CHECK_EVERY + 2 * (len(world.sessions) + len(steps)) + 4)

    def test_nothing_but_a_phase_is_looked_at_in_between(self) -> None:
        for reference in (None, 1_700_000_000.0):
            world = periodic_world(86_400, reference)
            world.run(86_399.0, until=lambda world=world: len(world.sessions) == 1)
            checks = 3 if reference is None else 86_400 / CHECK_EVERY + 1
            self.assertLessEqual(world.checks, checks)
            self.assertGreaterEqual(world.checks, checks - 2)

    @given(st.lists(st.tuples(st.floats(0, 20_000), st.sampled_from(STEPS)), max_size=8), st.integers(0, 1000))
    @settings(deadline=None, max_examples=40)
    def test_everything_else_takes_no_notice(self, steps: list[tuple[float, float]], seed: int) -> None:
        calm, stepped = self.busy_world(seed), self.busy_world(seed)
        for wait, step in steps:
            stepped.step_in(wait, step)
        calm.run(30_000.0)
        stepped.run(30_000.0)
        self.assertEqual(self.without_wall(calm), self.without_wall(stepped))
        self.assertEqual(calm.checks, stepped.checks)

    def busy_world(self, seed: int) -> World:
        """A world with a random phase, retries, two ScheduleInforms and a throttled change at once."""
        world = World(agenda=Agenda(random=random.Random(seed)))
        world.outcome = lambda number: ("refused", "broken", "refused", "ok")[number % 4]
        world.agenda.configure(now=world.now, periodic=Periodic(True, 1111, None), throttle=500)
        world.agenda.schedule_inform("one", 777, world.now)
        world.agenda.schedule_inform("two", 12_345, world.now)
        world.agenda.boot(world.now)
        world.run(0.0)
        world.agenda.add(Event(VALUE_CHANGE), world.now, opens_session=True)
        return world

    def without_wall(self, world: World) -> list[object]:
        return [(round(each.monotonic, 3), each.codes, each.keys, each.retry_count) for each in world.sessions]

    def test_retry(self) -> None:
        for step in STEPS:
            world = World()
            world.outcome = lambda number: ("refused", "ok")[number]
            world.agenda.boot(world.now)
            world.session()
            wait = world.agenda.retry_in(world.now)
            began = world.monotonic
            world.step(step)
            world.run(100.0)
            self.assertAlmostEqual(world.sessions[1].monotonic - began, wait, places=3)

    def test_throttle(self) -> None:
        for step in STEPS:
            world = World()
            world.agenda.configure(now=world.now, throttle=60)
            world.agenda.boot(world.now)
            world.run(5.0)
            world.agenda.add(Event(VALUE_CHANGE), world.now)
            world.step(step)
            world.run(100.0)
            self.assertEqual([session.codes for session in world.sessions], [(BOOT,), (VALUE_CHANGE,)])
            self.assertAlmostEqual(world.sessions[1].monotonic - world.sessions[0].monotonic, 60, places=3)

    def test_schedule_inform(self) -> None:
        for step in STEPS:
            for restarted in (False, True):
                world = World()
                began = world.monotonic
                world.agenda.schedule_inform("k", 1000, world.now)
                world.run(400.0)
                world.step(step)
                if restarted:
                    world.restart()
                world.run(1000.0)
                self.assertEqual([session.codes for session in world.sessions], [(SCHEDULED, M_SCHEDULE_INFORM)])
                self.assertAlmostEqual(world.sessions[0].monotonic - began, 1000, places=3)
