"""The retry table, RetryCount, and the end of a wait by events."""

from __future__ import annotations

import random
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from cwmpagent.protocol.agenda import Agenda, Periodic, RetryPolicy
from cwmpagent.protocol.agenda.events import (
    BOOT,
    CONNECTION_REQUEST,
    M_DOWNLOAD,
    PERIODIC,
    TRANSFER_COMPLETE,
    VALUE_CHANGE,
    Event,
)
from tests.protocol.agenda_world import World

DEFAULT_TABLE = (
    (5, 10),
    (10, 20),
    (20, 40),
    (40, 80),
    (80, 160),
    (160, 320),
    (320, 640),
    (640, 1280),
    (1280, 2560),
    (2560, 5120),
    (2560, 5120),
    (2560, 5120),
)


def refused(seed: int = 7) -> World:
    """Create a world with one pending event, whose ACS answers nothing."""
    world = World(agenda=Agenda(random=random.Random(seed)))
    world.outcome = lambda _: "refused"
    world.agenda.boot(world.now)
    return world


def gaps(world: World) -> list[float]:
    times = [session.monotonic for session in world.sessions]
    return [later - earlier for earlier, later in pairwise(times)]


class TableTests(SynchronousTestCase):
    """The interval before each retry."""

    def test_the_table_of_the_defaults(self) -> None:
        self.assertEqual([RetryPolicy().bounds(n + 1) for n in range(12)], list(DEFAULT_TABLE))

    def test_another_minimum_and_multiplier(self) -> None:
        policy = RetryPolicy(2, 3000)
        self.assertEqual([policy.bounds(n) for n in (1, 2, 3)], [(2, 6), (6, 18), (18, 54)])

    def test_settings_that_the_standard_forbids_are_no_storm(self) -> None:
        self.assertEqual([RetryPolicy(0, 0).bounds(n) for n in (1, 5)], [(1, 1), (1, 1)])
        world = refused()
        world.agenda.configure(now=world.now, retry=RetryPolicy(0, 0))
        world.run(100)
        world.restart()
        self.assertEqual(len(world.sessions), 101)

    def test_twelve_failures(self) -> None:
        world = refused()
        world.run(60_000, until=lambda: len(world.sessions) == 13)
        self.assertEqual([session.retry_count for session in world.sessions], list(range(13)))
        for gap, (shortest, longest) in zip(gaps(world), DEFAULT_TABLE, strict=True):
            self.assertTrue(shortest - 1e-5 <= gap <= longest, (gap, shortest, longest))

    def test_the_wait_is_spread_over_the_whole_interval(self) -> None:
        first = []
        for seed in range(200):
            world = refused(seed)
            world.run(60, until=lambda world=world: len(world.sessions) == 2)
            first += gaps(world)
        self.assertTrue(5 <= min(first) < 5.5 and 9.5 < max(first) <= 10, (min(first), max(first)))

    @given(
        st.integers(1, 65535),
        st.integers(1000, 65535),
        st.integers(1, 14),
        st.integers(0, 2**32),
    )
    @settings(deadline=None, max_examples=150)
    def test_any_settings(self, minimum: int, multiplier: int, failures: int, seed: int) -> None:
        world = refused(seed)
        world.agenda.configure(now=world.now, retry=RetryPolicy(minimum, multiplier))
        world.run(float("inf"), until=lambda: len(world.sessions) == failures)
        wait = world.agenda.retry_in(world.now)
        shortest = float(minimum)  # computed step by step, independently of the powers in the code
        for _ in range(min(failures, 10) - 1):
            shortest = shortest * multiplier / 1000
        assert wait is not None
        rounding = shortest * 1e-9 + 1e-5
        self.assertTrue(shortest - rounding <= wait <= shortest * multiplier / 1000 + rounding)

    def test_settings_are_read_when_the_wait_begins(self) -> None:
        world = refused()
        world.session()
        before = world.agenda.retry_in(world.now)
        world.agenda.configure(now=world.now, retry=RetryPolicy(1000, 2000))
        self.assertEqual(world.agenda.retry_in(world.now), before)
        world.agenda.configure(now=world.now, retry=RetryPolicy(1, 1000))
        world.restart()
        self.assertEqual(world.agenda.retry_in(world.now), before)
        world.agenda.configure(now=world.now, retry=RetryPolicy(1000, 2000))
        world.run(60, until=lambda: len(world.sessions) == 2)
        self.assertGreaterEqual(world.agenda.retry_in(world.now) or 0, 2000)


class CountTests(SynchronousTestCase):
    """RetryCount."""

    def test_a_success_starts_anew(self) -> None:
        world = refused()
        world.outcome = lambda number: "refused" if number < 3 else "ok"
        world.run(1000)
        self.assertEqual([session.retry_count for session in world.sessions], [0, 1, 2, 3])
        world.agenda.add(Event(CONNECTION_REQUEST), world.now)
        world.run(1000)
        self.assertEqual(world.sessions[-1].retry_count, 0)

    def test_a_boot_starts_count_and_table_anew(self) -> None:
        world = refused()
        world.run(1e6, until=lambda: len(world.sessions) == 5)
        world.boot()
        world.sessions.clear()
        world.run(10, until=lambda: len(world.sessions) == 1)
        self.assertEqual(world.sessions[0].retry_count, 0)
        self.assertTrue(5 <= (world.agenda.retry_in(world.now) or 0) <= 10)

    def test_a_restart_without_a_boot_goes_on(self) -> None:
        world = refused()
        world.run(1e6, until=lambda: len(world.sessions) == 5)
        world.run(20)
        rest = world.agenda.retry_in(world.now)
        world.restart()
        self.assertEqual(world.agenda.retry_in(world.now), rest)
        self.assertFalse(world.agenda.due(world.now))
        world.run(1000, until=lambda: len(world.sessions) == 6)
        self.assertEqual(world.sessions[-1].retry_count, 5)

    def test_each_crash_within_a_session_counts(self) -> None:
        world = refused()
        for count in range(1, 4):
            world.agenda.begin(world.now)
            world.restart()
            self.assertEqual(world.agenda.retry_count, count)
            shortest, longest = DEFAULT_TABLE[count - 1]
            self.assertTrue(shortest <= (world.agenda.retry_in(world.now) or 0) <= longest)
            world.run(1000, until=lambda: world.agenda.due(world.now))

    def test_a_wait_that_cannot_be_is_cut(self) -> None:
        world = refused()
        world.session()
        record = world.agenda.record()
        world.monotonic = 10.0  # backwards, as in a migrated container
        again = Agenda.restored(record, random=random.Random(1), now=world.now, booted=False)
        self.assertLessEqual(again.retry_in(world.now) or 0, 10)


class NewsTests(SynchronousTestCase):
    """Events during the wait."""

    def test_a_new_event_is_told_at_once_and_counts_as_a_retry(self) -> None:
        world = refused()
        world.run(100, until=lambda: len(world.sessions) == 3)
        world.agenda.add(Event(VALUE_CHANGE), world.now)
        self.assertTrue(world.agenda.due(world.now))
        world.session()
        self.assertEqual(world.sessions[-1].retry_count, 3)
        self.assertEqual(world.sessions[-1].codes, (BOOT, VALUE_CHANGE))
        shortest, longest = DEFAULT_TABLE[3]
        self.assertTrue(shortest <= (world.agenda.retry_in(world.now) or 0) <= longest)

    def test_an_event_that_is_pending_already_is_not_new(self) -> None:
        world = refused()
        world.session()
        world.agenda.add(Event(BOOT), world.now)
        self.assertFalse(world.agenda.due(world.now))

    def test_a_passive_change_is_not_new_but_an_active_one_is(self) -> None:
        world = refused()
        world.session()
        world.agenda.add(Event(VALUE_CHANGE), world.now, opens_session=False)
        self.assertFalse(world.agenda.due(world.now))
        world.agenda.add(Event(VALUE_CHANGE), world.now)
        self.assertTrue(world.agenda.due(world.now))

    def test_periodic_ticks_do_not_take_the_place_of_the_table(self) -> None:
        world = refused()
        world.agenda.configure(now=world.now, periodic=Periodic(True, 30, None))
        world.run(20_000)
        self.assertLessEqual(len(world.sessions), 14)
        self.assertGreater(min(gaps(world)[5:]), 80)

    def test_ticks_during_sessions_that_fail_do_not_either(self) -> None:
        world = refused()
        world.agenda.configure(now=world.now, periodic=Periodic(True, 10, None))

        def slow(_: int) -> str:
            world.monotonic += 30
            return "refused"

        world.outcome = slow
        world.run(20_000)
        self.assertLessEqual(len(world.sessions), 14)

    def test_a_connection_request_is_not_retried(self) -> None:
        world = World()
        world.outcome = lambda _: "refused"
        world.agenda.add(Event(CONNECTION_REQUEST), world.now)
        world.run(100_000)
        self.assertEqual(len(world.sessions), 1)
        self.assertIsNone(world.agenda.wake_at(world.now))

    def test_it_is_dropped_and_the_rest_is_retried(self) -> None:
        world = refused()
        world.agenda.add(Event(PERIODIC), world.now)
        world.agenda.add(Event(CONNECTION_REQUEST), world.now)
        world.run(10.5)
        self.assertEqual(
            [session.codes for session in world.sessions], [(BOOT, PERIODIC, CONNECTION_REQUEST), (BOOT, PERIODIC)]
        )

    def test_one_that_came_during_a_failing_session_is_answered_at_once(self) -> None:
        world = refused()
        world.agenda.begin(world.now)
        world.agenda.add(Event(CONNECTION_REQUEST), world.now)
        world.agenda.ended(False, world.now)
        self.assertTrue(world.agenda.due(world.now))
        world.session()
        self.assertEqual(world.sessions[-1].codes, (BOOT, CONNECTION_REQUEST))
        self.assertEqual(world.sessions[-1].retry_count, 1)


class BrokenLaterTests(SynchronousTestCase):
    """Sessions that fail after their Inform was answered."""

    def test_it_is_retried_without_events(self) -> None:
        world = World()
        world.agenda.add(Event(CONNECTION_REQUEST), world.now)
        world.outcome = lambda number: "broken" if number == 0 else "ok"
        world.run(100_000)
        self.assertEqual([session.codes for session in world.sessions], [(CONNECTION_REQUEST,), ()])
        self.assertEqual(world.sessions[1].retry_count, 1)
        self.assertTrue(5 - 1e-5 <= gaps(world)[0] <= 10)

    def test_and_goes_on_being_retried(self) -> None:
        world = World()
        world.agenda.boot(world.now)
        world.outcome = lambda number: "broken" if number == 0 else "refused"
        world.run(40_000)
        self.assertGreater(len(world.sessions), 12)
        self.assertEqual({session.codes for session in world.sessions[1:]}, {()})

    def test_a_connection_request_in_between_does_not_end_that(self) -> None:
        world = World()
        world.agenda.boot(world.now)
        world.outcome = lambda number: ("broken", "refused", "ok")[number]
        world.session()
        world.agenda.add(Event(CONNECTION_REQUEST), world.now)
        world.run(1000)
        self.assertEqual([session.codes for session in world.sessions], [(BOOT,), (CONNECTION_REQUEST,), ()])

    def test_nor_does_a_restart(self) -> None:
        world = World()
        world.agenda.boot(world.now)
        world.outcome = lambda number: ("broken", "ok")[number]
        world.session()
        world.restart()
        world.run(1000)
        self.assertEqual([session.codes for session in world.sessions], [(BOOT,), ()])

    def test_a_crash_after_the_answer_to_the_inform(self) -> None:
        world = World()
        world.agenda.boot(world.now)
        world.agenda.informed(world.agenda.begin(world.now))
        world.restart()
        self.assertEqual(world.agenda.pending, ())
        self.assertEqual(world.agenda.retry_count, 1)
        world.run(1000)
        self.assertEqual([session.codes for session in world.sessions], [()])

    def test_what_a_request_delivers_is_told_again(self) -> None:
        world = World()
        world.agenda.add(Event(M_DOWNLOAD, "k"), world.now)
        world.outcome = lambda number: ("broken", "ok")[number]
        world.run(1000)
        self.assertEqual([session.codes for session in world.sessions], [(TRANSFER_COMPLETE, M_DOWNLOAD)] * 2)
