"""Combination of events, times of sessions, and the state after a restart or a boot."""

from __future__ import annotations

import json
import random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from cwmpagent.errors import CwmpFault, MisuseError
from cwmpagent.protocol.agenda import Agenda, Now, Periodic, RetryPolicy
from cwmpagent.protocol.agenda.events import (
    AUTONOMOUS_TRANSFER_COMPLETE,
    BOOT,
    BOOTSTRAP,
    CONNECTION_REQUEST,
    DIAGNOSTICS_COMPLETE,
    DU_STATE_CHANGE_COMPLETE,
    KICKED,
    M_CHANGE_DU_STATE,
    M_DOWNLOAD,
    M_REBOOT,
    M_SCHEDULE_INFORM,
    M_UPLOAD,
    PERIODIC,
    SCHEDULED,
    TRANSFER_COMPLETE,
    VALUE_CHANGE,
    Event,
)
from cwmpagent.protocol.agenda.schedule_inform import MOST_SCHEDULED
from tests.protocol.agenda_world import YEAR, Middle, World


def told(world: World) -> list[tuple[str, ...]]:
    return [session.codes for session in world.sessions]


class TogetherTests(SynchronousTestCase):
    """The events of one Inform (TR-069 3.7.1.5)."""

    def test_all_pending_causes_in_one_inform(self) -> None:
        world = World()
        for code in (VALUE_CHANGE, PERIODIC, CONNECTION_REQUEST, BOOT, DIAGNOSTICS_COMPLETE):
            world.agenda.add(Event(code), world.now)
        world.run(1000)
        self.assertEqual(told(world), [(BOOT, PERIODIC, VALUE_CHANGE, CONNECTION_REQUEST, DIAGNOSTICS_COMPLETE)])

    def test_first_contact(self) -> None:
        world = World()
        world.agenda.bootstrap(world.now)
        world.agenda.boot(world.now)
        world.run(1000)
        self.assertEqual(told(world), [(BOOTSTRAP, BOOT)])

    def test_reboot(self) -> None:
        world = World()
        world.boot(key="k")
        world.run(0)
        self.assertEqual((told(world), world.sessions[0].keys), ([(BOOT, M_REBOOT)], ("k",)))

    def test_a_reboot_whose_key_is_empty(self) -> None:
        world = World()
        world.boot(key="")
        self.assertEqual(world.agenda.pending, (Event(BOOT), Event(M_REBOOT, "")))

    def test_an_undelivered_reboot_over_a_power_cut(self) -> None:
        world = World()
        world.outcome = lambda _: "refused"
        world.boot(key="k")
        world.run(100)
        world.boot()
        self.assertEqual(world.agenda.pending, (Event(BOOT), Event(M_REBOOT, "k")))
        world.boot(key="again")
        self.assertEqual(world.agenda.pending, (Event(BOOT), Event(M_REBOOT, "k"), Event(M_REBOOT, "again")))

    def test_transfers(self) -> None:
        world = World()
        for code, key in ((M_DOWNLOAD, "a"), (M_DOWNLOAD, "b"), (M_UPLOAD, "a")):
            world.agenda.add(Event(code, key), world.now)
        snapshot = world.agenda.begin(world.now)
        self.assertEqual(
            [event.code for event in snapshot.events], [TRANSFER_COMPLETE, M_DOWNLOAD, M_DOWNLOAD, M_UPLOAD]
        )
        world.agenda.informed(snapshot)
        world.agenda.delivered_by("TransferComplete", "a", code=M_UPLOAD)
        self.assertEqual(
            world.agenda.pending, (Event(TRANSFER_COMPLETE), Event(M_DOWNLOAD, "a"), Event(M_DOWNLOAD, "b"))
        )
        world.agenda.delivered_by("TransferComplete", "b")
        self.assertEqual(world.agenda.pending, (Event(TRANSFER_COMPLETE), Event(M_DOWNLOAD, "a")))
        world.agenda.delivered_by("TransferComplete", "unknown")
        self.assertEqual(len(world.agenda.pending), 2)
        world.agenda.delivered_by("TransferComplete", "a")
        self.assertEqual(world.agenda.pending, ())
        world.agenda.ended(True, world.now)
        world.run(100_000)
        self.assertEqual(world.sessions, [])

    def test_two_transfers_with_the_same_command_key(self) -> None:
        world = World()
        for _ in range(2):
            world.agenda.add(Event(M_DOWNLOAD), world.now)
        world.agenda.delivered_by("TransferComplete", "")
        self.assertEqual(world.agenda.pending, (Event(TRANSFER_COMPLETE), Event(M_DOWNLOAD)))

    def test_deployment_units(self) -> None:
        world = World()
        world.agenda.add(Event(M_CHANGE_DU_STATE, "k"), world.now)
        self.assertEqual(world.agenda.pending, (Event(DU_STATE_CHANGE_COMPLETE), Event(M_CHANGE_DU_STATE, "k")))
        world.agenda.delivered_by("TransferComplete", "k")
        self.assertEqual(len(world.agenda.pending), 2)
        world.agenda.delivered_by("DUStateChangeComplete", "k")
        self.assertEqual(world.agenda.pending, ())

    def test_an_event_stays_for_another_report_with_the_same_command_key(self) -> None:
        world = World()
        world.agenda.add(Event(M_CHANGE_DU_STATE, "k"), world.now)
        world.agenda.begin(world.now)
        world.agenda.add(Event(M_CHANGE_DU_STATE, "k"), world.now)
        for again, left in ((2, 4), (1, 3), (0, 0)):
            world.agenda.delivered_by("DUStateChangeComplete", "k", code=M_CHANGE_DU_STATE, again=again)
            self.assertEqual(len(world.agenda.pending), left)

    def test_an_autonomous_event_goes_with_its_last_report(self) -> None:
        world = World()
        world.agenda.add(Event(AUTONOMOUS_TRANSFER_COMPLETE), world.now)
        world.agenda.add(Event(KICKED), world.now)
        world.agenda.delivered_by("AutonomousTransferComplete", more=True)
        self.assertEqual(world.agenda.pending, (Event(KICKED), Event(AUTONOMOUS_TRANSFER_COMPLETE)))
        world.agenda.delivered_by("AutonomousTransferComplete")
        self.assertEqual(world.agenda.pending, (Event(KICKED),))
        world.agenda.delivered_by("Kicked")
        self.assertEqual(world.agenda.pending, ())

    def test_a_report_that_was_not_taken_waits_for_the_next_session_and_opens_none(self) -> None:
        world = World()
        world.agenda.add(Event(M_DOWNLOAD, "k"), world.now)
        world.run(100_000)
        self.assertEqual(len(world.sessions), 1)
        self.assertEqual(world.agenda.pending, (Event(TRANSFER_COMPLETE), Event(M_DOWNLOAD, "k")))
        world.agenda.add(Event(M_DOWNLOAD, "l"), world.now)
        self.assertEqual([event.code for event in world.agenda.pending].count(TRANSFER_COMPLETE), 1)
        world.run(100_000)
        self.assertEqual([session.keys for session in world.sessions], [("k",), ("k", "l")])

    def test_a_single_event_whose_report_was_not_taken_is_news_again_when_it_happens_again(self) -> None:
        world = World()
        world.agenda.add(Event(AUTONOMOUS_TRANSFER_COMPLETE), world.now)
        world.run(1000)
        world.restart()
        self.assertFalse(world.agenda.due(world.now))
        world.agenda.add(Event(AUTONOMOUS_TRANSFER_COMPLETE), world.now)
        world.run(1000)
        self.assertEqual(told(world), [(AUTONOMOUS_TRANSFER_COMPLETE,)] * 2)

    def test_more_than_one_inform_can_carry(self) -> None:
        world = World()
        keys = [f"key{number:03}" for number in range(150)]
        for key in keys:
            world.agenda.add(Event("M X_EXAMPLE_Do", key), world.now)
        world.agenda.boot(world.now)
        world.run(1000)
        self.assertEqual([len(session.codes) for session in world.sessions], [64, 64, 23])
        self.assertEqual(sorted(key for session in world.sessions for key in session.keys), keys)
        self.assertEqual(world.agenda.pending, ())

    def test_more_than_that_while_the_acs_refuses_is_no_storm(self) -> None:
        world = World()
        world.outcome = lambda _: "refused"
        for number in range(150):
            world.agenda.add(Event("M X_EXAMPLE_Do", str(number)), world.now)
        world.run(1000)
        self.assertLessEqual(len(world.sessions), 9)
        self.assertEqual(len(world.agenda.pending), 150)

    def test_what_found_no_room_comes_before_what_was_told_in_vain(self) -> None:
        world = World()
        keys = [f"key{number:03}" for number in range(100)]
        for key in keys:
            world.agenda.add(Event(M_DOWNLOAD, key), world.now)
        world.run(1000)
        self.assertEqual([len(session.codes) for session in world.sessions], [64, 64])
        self.assertEqual({session.codes[0] for session in world.sessions}, {TRANSFER_COMPLETE})
        self.assertEqual(set(world.sessions[0].keys) | set(world.sessions[1].keys), set(keys))

    def test_what_found_no_room_waits_when_the_session_breaks(self) -> None:
        world = World()
        world.outcome = lambda _: "broken"
        for number in range(100):
            world.agenda.add(Event(M_SCHEDULE_INFORM, str(number)), world.now)
        world.session()
        self.assertFalse(world.agenda.due(world.now))
        self.assertIn(Event(SCHEDULED), world.agenda.pending)

    def test_methods_beyond_the_first_inform_keep_what_stands_beside_them(self) -> None:
        world = World()
        for number in range(100):
            world.agenda.add(Event(M_SCHEDULE_INFORM, str(number)), world.now)
        world.run(1000)
        self.assertEqual([session.codes.count(M_SCHEDULE_INFORM) for session in world.sessions], [63, 37])
        self.assertEqual([session.codes[0] for session in world.sessions], [SCHEDULED, SCHEDULED])


class DuringTests(SynchronousTestCase):
    """Events during an open session."""

    def test_it_is_told_in_the_next_one_even_if_the_same_was_just_told(self) -> None:
        for code in (PERIODIC, VALUE_CHANGE, CONNECTION_REQUEST, "X 00D09E a"):
            world = World()
            world.agenda.add(Event(code), world.now)
            snapshot = world.agenda.begin(world.now)
            world.agenda.add(Event(code), world.now)
            self.assertFalse(world.agenda.due(world.now))
            self.assertIsNone(world.agenda.wake_at(world.now))
            world.agenda.informed(snapshot)
            self.assertEqual(world.agenda.pending, (Event(code),))
            world.agenda.ended(True, world.now)
            world.run(1000)
            self.assertEqual(told(world), [(code,)])

    def test_one_more_event_whatever_the_number_of_requests(self) -> None:
        world = World()
        snapshot = world.agenda.begin(world.now)
        for _ in range(5):
            world.agenda.add(Event(CONNECTION_REQUEST), world.now)
        world.agenda.informed(snapshot)
        world.agenda.ended(True, world.now)
        world.run(1000)
        self.assertEqual(told(world), [(CONNECTION_REQUEST,)])

    def test_a_transfer_that_ends_in_it_and_is_reported_in_it_is_not_told(self) -> None:
        world = World()
        world.agenda.add(Event(PERIODIC), world.now)
        snapshot = world.agenda.begin(world.now)
        world.agenda.informed(snapshot)
        world.agenda.add(Event(M_DOWNLOAD, "k"), world.now)
        world.agenda.delivered_by("TransferComplete", "k")
        world.agenda.ended(True, world.now)
        self.assertFalse(world.agenda.due(world.now))

    def test_a_transfer_that_ends_after_another_was_told_in_vain(self) -> None:
        world = World()
        world.agenda.add(Event(M_DOWNLOAD, "k"), world.now)
        snapshot = world.agenda.begin(world.now)
        world.agenda.informed(snapshot)
        world.agenda.add(Event(M_DOWNLOAD, "l"), world.now)
        world.agenda.ended(True, world.now)
        self.assertEqual([event.code for event in world.agenda.pending], [TRANSFER_COMPLETE, M_DOWNLOAD, M_DOWNLOAD])
        world.run(1000)
        self.assertEqual([session.keys for session in world.sessions], [("k", "l")])

    def test_a_transfer_that_ends_too_late_for_it_opens_the_next(self) -> None:
        world = World()
        snapshot = world.agenda.begin(world.now)
        world.agenda.informed(snapshot)
        world.agenda.add(Event(M_DOWNLOAD, "k"), world.now)
        world.agenda.ended(True, world.now)
        world.run(0)
        self.assertEqual(told(world), [(TRANSFER_COMPLETE, M_DOWNLOAD)])

    def test_an_event_that_happened_again_in_a_session_that_failed_is_one(self) -> None:
        world = World()
        world.agenda.add(Event(PERIODIC), world.now)
        world.agenda.begin(world.now)
        world.agenda.add(Event(PERIODIC), world.now)
        world.agenda.ended(False, world.now)
        self.assertEqual(world.agenda.pending, (Event(PERIODIC),))
        self.assertFalse(world.agenda.due(world.now))

    def test_another_acs_in_a_session(self) -> None:
        for success in (True, False):
            world = World()
            world.agenda.add(Event(PERIODIC), world.now)
            snapshot = world.agenda.begin(world.now)
            world.agenda.bootstrap(world.now)
            world.agenda.informed(snapshot)
            world.agenda.ended(success, world.now)
            world.run(0)
            self.assertEqual((told(world), world.sessions[0].retry_count), ([(BOOTSTRAP,)], 0))

    def test_the_driver_may_not_mix_sessions_up(self) -> None:
        world = World()
        self.assertRaises(MisuseError, world.agenda.ended, True, world.now)
        world.agenda.add(Event(PERIODIC), world.now)
        snapshot = world.agenda.begin(world.now)
        self.assertRaises(MisuseError, world.agenda.begin, world.now)
        world.agenda.ended(True, world.now)
        self.assertRaises(MisuseError, world.agenda.informed, snapshot)


class BootstrapTests(SynchronousTestCase):
    """``0 BOOTSTRAP``."""

    def test_everything_else_is_discarded_and_counting_starts_anew(self) -> None:
        world = World()
        world.outcome = lambda number: ("broken", "refused", "ok")[number]
        world.agenda.add(Event(PERIODIC), world.now)
        world.agenda.add(Event(DIAGNOSTICS_COMPLETE), world.now)
        world.agenda.add(Event(M_DOWNLOAD, "k"), world.now)
        world.agenda.schedule_inform("k", 100, world.now)
        world.run(10.5)
        self.assertEqual(world.agenda.retry_count, 2)
        world.agenda.bootstrap(world.now)
        world.run(1000)
        self.assertEqual(told(world)[2:], [(BOOTSTRAP,)])
        self.assertEqual(world.sessions[-1].retry_count, 0)

    def test_it_is_retried_for_ever_and_survives_everything(self) -> None:
        world = World()
        world.outcome = lambda _: "refused"
        world.agenda.bootstrap(world.now)
        for _ in range(5):
            world.run(20_000)
            world.restart()
            world.run(20_000)
            world.boot()
        self.assertEqual({session.codes[0] for session in world.sessions}, {BOOTSTRAP})
        world.outcome = lambda _: "ok"
        world.run(6000)
        self.assertEqual(world.agenda.pending, ())


class ThrottleTests(SynchronousTestCase):
    """DefaultActiveNotificationThrottle."""

    def setUp(self) -> None:
        self.world = World()
        self.world.agenda.configure(now=self.world.now, throttle=60)
        self.world.agenda.add(Event(PERIODIC), self.world.now)
        self.world.run(10)
        self.world.sessions.clear()

    def change(self, **options: bool) -> None:
        self.world.agenda.add(Event(VALUE_CHANGE), self.world.now, **options)

    def test_a_change_alone_waits_for_it(self) -> None:
        self.change()
        self.world.run(49.9)
        self.assertEqual(told(self.world), [])
        self.world.run(0.2)
        self.assertEqual(told(self.world), [(VALUE_CHANGE,)])

    def test_another_reason_takes_it_along_at_once(self) -> None:
        self.change()
        self.world.agenda.add(Event(CONNECTION_REQUEST), self.world.now)
        self.world.run(0)
        self.assertEqual(told(self.world), [(VALUE_CHANGE, CONNECTION_REQUEST)])

    def test_retries_are_not_held_back(self) -> None:
        self.world.outcome = lambda _: "refused"
        self.change()
        self.world.run(68)
        self.assertGreater(len(self.world.sessions), 1)

    def test_a_new_setting_is_in_force_at_once(self) -> None:
        self.change()
        self.world.agenda.configure(now=self.world.now, throttle=0)
        self.assertTrue(self.world.agenda.due(self.world.now))

    def test_it_goes_on_over_a_restart_but_not_over_a_boot(self) -> None:
        self.change()
        self.world.restart()
        self.assertFalse(self.world.agenda.due(self.world.now))
        self.world.boot()
        self.world.agenda.begin(self.world.now)
        self.world.agenda.ended(False, self.world.now)
        self.world.agenda.withdraw(VALUE_CHANGE)
        self.change()
        self.assertTrue(self.world.agenda.due(self.world.now))

    def test_a_passive_change_opens_nothing(self) -> None:
        self.change(opens_session=False)
        self.world.run(100_000)
        self.assertEqual(told(self.world), [])
        self.assertEqual(self.world.agenda.pending, (Event(VALUE_CHANGE),))
        self.world.agenda.add(Event(PERIODIC), self.world.now)
        self.world.run(0)
        self.assertEqual(told(self.world), [(PERIODIC, VALUE_CHANGE)])

    def test_a_change_undone_is_forgotten(self) -> None:
        self.change()
        self.world.agenda.withdraw(VALUE_CHANGE)
        self.world.run(1000)
        self.assertEqual(told(self.world), [])

    def test_and_what_is_left_is_retried(self) -> None:
        self.world.outcome = lambda _: "refused"
        self.world.agenda.add(Event(PERIODIC), self.world.now)
        self.change()
        self.world.session()
        self.world.agenda.withdraw(VALUE_CHANGE)
        self.world.run(10.5)
        self.assertEqual(told(self.world), [(PERIODIC, VALUE_CHANGE), (PERIODIC,)])

    def test_also_while_it_is_being_retried(self) -> None:
        self.world.outcome = lambda _: "refused"
        self.change()
        self.world.run(1000, until=lambda: len(self.world.sessions) == 1)
        self.world.agenda.withdraw(VALUE_CHANGE)
        self.world.run(1000)
        self.assertEqual(len(self.world.sessions), 1)


class ScheduleTests(SynchronousTestCase):
    """ScheduleInform (TR-069 A.4.1.1)."""

    def setUp(self) -> None:
        self.world = World()

    def schedule(self, key: str, delay: float) -> None:
        self.world.agenda.schedule_inform(key, delay, self.world.now)

    def code(self, key: str, delay: float) -> int:
        return self.assertRaises(CwmpFault, self.schedule, key, delay).code  # type: ignore[no-any-return, attr-defined]  # trial is untyped

    def test_at_its_time(self) -> None:
        self.schedule("k", 10)
        self.world.run(9.9)
        self.assertEqual(told(self.world), [])
        self.world.run(0.2)
        self.assertEqual((told(self.world), self.world.sessions[0].keys), ([(SCHEDULED, M_SCHEDULE_INFORM)], ("k",)))

    def test_two_that_fall_due_together(self) -> None:
        self.schedule("k1", 10)
        self.schedule("k2", 10)
        self.world.run(100)
        self.assertEqual(told(self.world), [(SCHEDULED, M_SCHEDULE_INFORM, M_SCHEDULE_INFORM)])
        self.assertEqual(self.world.sessions[0].keys, ("k1", "k2"))

    def test_the_same_command_key_moves_it(self) -> None:
        self.schedule("k", 60)
        self.world.run(5)
        self.schedule("k", 10)
        self.world.run(1000)
        self.assertEqual([round(session.monotonic - 5000) for session in self.world.sessions], [15])

    def test_without_a_command_key_each_is_another(self) -> None:
        self.schedule("", 60)
        self.schedule("", 10)
        self.world.run(1000)
        self.assertEqual(len(self.world.sessions), 2)

    def test_no_delay_is_refused(self) -> None:
        self.assertEqual((self.code("k", 0), self.code("k", -1)), (9003, 9003))

    def test_so_many_and_no_more(self) -> None:
        self.assertGreaterEqual(MOST_SCHEDULED, 3)
        for number in range(MOST_SCHEDULED):
            self.schedule(f"k{number}", 10)
        self.assertEqual(self.code("one more", 10), 9004)
        self.assertEqual(self.code("", 10), 9004)
        self.schedule("k3", 20)
        self.world.run(12)
        self.schedule("one more", 10)
        self.assertEqual(len(self.world.agenda.scheduled()), 2)

    def test_one_that_could_not_be_saved_is_taken_back(self) -> None:
        self.schedule("k", 60)
        before = self.world.agenda.scheduled()
        self.schedule("k", 10)
        self.schedule("l", 10)
        self.world.agenda.reschedule(before)
        self.world.run(1000)
        self.assertEqual([round(session.monotonic - 5000) for session in self.world.sessions], [60])

    def test_over_a_boot_by_the_wall_clock(self) -> None:
        self.schedule("k", 1000)
        self.world.run(100)
        self.world.boot(after=200)
        self.world.run(0)
        self.world.sessions.clear()
        self.world.run(1000)
        self.assertEqual([round(session.monotonic - 12) for session in self.world.sessions], [700])

    def test_over_a_boot_that_took_too_long(self) -> None:
        self.schedule("k", 1000)
        self.world.boot(after=5000)
        self.world.run(0)
        self.assertEqual(told(self.world), [(BOOT, SCHEDULED, M_SCHEDULE_INFORM)])

    def test_a_boot_forgets_it_where_the_time_was_not_known(self) -> None:
        self.world = World(wall=None)
        self.schedule("k", 1000)
        self.world.run(100)
        self.world.boot()
        self.assertEqual(self.world.agenda.scheduled(), ())

    def test_the_time_may_become_known_later(self) -> None:
        self.world = World(wall=None)
        self.schedule("k", 1000)
        self.world.offset = 1e9
        self.world.run(10)
        self.world.boot(after=90)
        self.world.run(0)
        self.world.sessions.clear()
        self.world.run(1000)
        self.assertEqual([round(session.monotonic - 12) for session in self.world.sessions], [900])

    def test_after_a_boot_too_and_is_looked_for(self) -> None:
        self.schedule("k", 1000)
        wall = self.world.now.wall
        assert wall is not None
        self.world.boot(trusted=False)
        self.world.run(100)
        self.world.sessions.clear()
        self.world.offset = wall + 500 - self.world.monotonic
        self.world.run(1000)
        self.assertEqual([round(session.wall - wall) for session in self.world.sessions if session.wall], [1000])

    def test_it_waits_no_longer_than_its_delay_for_the_time_to_become_known(self) -> None:
        self.schedule("k", 1000)
        self.world.boot(trusted=False)
        self.world.run(0)
        self.world.boot(trusted=False)
        self.world.run(0)
        self.world.sessions.clear()
        self.world.run(1001)
        self.assertEqual([round(session.monotonic - 12) for session in self.world.sessions], [1000])

    def test_nor_for_a_clock_that_went_back(self) -> None:
        self.schedule("k", 1000)
        self.world.boot(after=-50 * YEAR)
        self.world.run(0)
        self.world.sessions.clear()
        self.world.run(1001)
        self.assertEqual(len(self.world.sessions), 1)


CODES = (PERIODIC, VALUE_CHANGE, CONNECTION_REQUEST, DIAGNOSTICS_COMPLETE, KICKED, M_DOWNLOAD, M_REBOOT, "X 00D09E a")
OPERATIONS = st.one_of(
    st.tuples(st.just("add"), st.sampled_from(CODES), st.booleans()),
    st.tuples(st.just("wait"), st.floats(0, 400)),
    st.tuples(st.just("step"), st.sampled_from((50 * YEAR, 3600.0, -3600.0))),
    st.tuples(st.just("trust"), st.booleans()),
    st.tuples(st.just("session"), st.sampled_from(("ok", "refused", "broken"))),
    st.tuples(st.just("schedule"), st.sampled_from(("a", "b", "")), st.integers(1, 500)),
    st.tuples(st.just("configure"), st.integers(1, 500), st.one_of(st.none(), st.floats(0, 1e9)), st.integers(0, 100)),
    st.tuples(st.just("delivered"), st.sampled_from(("TransferComplete", "Kicked"))),
    st.tuples(st.just("bootstrap")),
)


class RestartTests(SynchronousTestCase):
    """``record`` and ``restored``."""

    def apply(self, agenda: Agenda, now: Now, operation: tuple[Any, ...]) -> object:
        """Apply one step to an agenda and return its visible state."""
        match operation:
            case ("add", code, opens):
                agenda.add(Event(code), now, opens_session=opens)
            case ("session", outcome):
                snapshot = agenda.begin(now)
                if outcome != "refused":
                    agenda.informed(snapshot)
                agenda.ended(outcome == "ok", now)
            case ("schedule", key, delay):
                if len(agenda.scheduled()) < MOST_SCHEDULED - 1:
                    agenda.schedule_inform(key, delay, now)
            case ("configure", interval, reference, throttle):
                agenda.configure(
                    now=now,
                    periodic=Periodic(interval % 7 > 0, interval, reference),
                    retry=RetryPolicy(interval, 1000 + interval),
                    throttle=throttle,
                )
            case ("delivered", request):
                agenda.delivered_by(request, "")
            case ("bootstrap",):
                agenda.bootstrap(now)
        due, wake_at = agenda.due(now), agenda.wake_at(now)
        self.assertTrue(wake_at == now.monotonic if due else wake_at is None or wake_at > now.monotonic)
        return due, wake_at, agenda.pending, agenda.retry_count, agenda.retry_in(now), agenda.record()

    @given(st.lists(OPERATIONS, max_size=25))
    @settings(deadline=None, max_examples=150)
    def test_restarting_at_every_step_changes_nothing(self, operations: list[tuple[Any, ...]]) -> None:
        world = World()
        steady, restarted = Agenda(random=Middle()), Agenda(random=Middle())
        for operation in operations:
            match operation:
                case ("wait", seconds):
                    world.monotonic += seconds
                case ("step", seconds) if world.offset is not None:
                    world.step(seconds)
                case ("trust", trusted):
                    world.offset = 1_700_000_000.0 if trusted else None
            self.assertEqual(self.apply(steady, world.now, operation), self.apply(restarted, world.now, operation))
            restarted = Agenda.restored(restarted.record(), random=Middle(), now=world.now, booted=False)

    @given(st.lists(OPERATIONS, max_size=15), st.sampled_from((None, "refused", "broken")))
    @settings(deadline=None, max_examples=100)
    def test_a_restart_within_a_session_is_a_failure_of_it(
        self, operations: list[tuple[Any, ...]], stage: str | None
    ) -> None:
        world = World()
        steady = Agenda(random=Middle())
        for operation in operations:
            if operation[0] == "wait":
                world.monotonic += operation[1]
            self.apply(steady, world.now, operation)
        snapshot = steady.begin(world.now)
        if stage == "broken":
            steady.informed(snapshot)
        restarted = Agenda.restored(steady.record(), random=Middle(), now=world.now, booted=False)
        steady.ended(False, world.now)
        self.assertEqual(restarted.record(), steady.record())

    @given(st.lists(OPERATIONS, max_size=20), st.booleans())
    @settings(deadline=None, max_examples=100)
    def test_a_boot(self, operations: list[tuple[Any, ...]], in_session: bool) -> None:
        world = World()
        agenda = Agenda(random=Middle())
        for operation in operations:
            if operation[0] == "wait":
                world.monotonic += operation[1]
            self.apply(agenda, world.now, operation)
        if in_session:
            agenda.begin(world.now)
        kept = {event for event in agenda.pending if event.code not in (BOOT, KICKED, CONNECTION_REQUEST)}
        kept -= {Event(DIAGNOSTICS_COMPLETE)}
        waiting = {each.command_key for each in agenda.scheduled()}
        world.agenda = agenda
        world.boot(after=10)
        booted = world.agenda
        self.assertEqual(set(booted.pending) - kept, {Event(BOOT)} - kept)
        self.assertLessEqual(kept, set(booted.pending))
        self.assertEqual({each.command_key for each in booted.scheduled()}, waiting)
        self.assertEqual((booted.retry_count, booted.retry_in(world.now)), (0, None))
        self.assertTrue(booted.due(world.now))

    def test_what_is_no_record(self) -> None:
        world = World()
        world.agenda.bootstrap(world.now)
        world.agenda.schedule_inform("k", 10, world.now)
        good = json.loads(world.agenda.record())
        bad: list[str] = ["", "{}", "[]", "null", "{", '"text"', "[" * 100_000, '{"format":1}']
        for path in self.paths(good):
            for wrong in (None, "text", -1, [], {}, [1], True, float("nan"), float("inf"), 10**400, "M Nothing"):
                bad.append(json.dumps(self.replaced(good, path, wrong)))
        refused = 0
        for text in bad:
            try:
                agenda = Agenda.restored(text, random=Middle(), now=world.now, booted=False)
            except ValueError:
                refused += 1
            else:  # some replaced values are valid: the agenda must then still work
                agenda.due(world.now)
                agenda.record()
        self.assertGreater(refused, len(bad) * 0.7)

    def paths(self, found: object, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        keys = found.keys() if isinstance(found, dict) else range(len(found)) if isinstance(found, list) else ()
        return [path] * bool(path) + [
            each
            for key in keys
            for each in self.paths(found[key], (*path, key))  # type: ignore[index]  # one of the two above
        ]

    def replaced(self, found: Any, path: tuple[Any, ...], value: object) -> object:
        if not path:
            return value
        copy = dict(found) if isinstance(found, dict) else list(found)
        copy[path[0]] = self.replaced(found[path[0]], path[1:], value)
        return copy

    def test_a_later_format_is_not_taken_for_ours(self) -> None:
        record = json.loads(World().agenda.record()) | {"format": 2}
        error = self.assertRaises(
            ValueError, Agenda.restored, json.dumps(record), random=Middle(), now=Now(0, None), booted=False
        )
        self.assertIn("format 2", str(error))

    def test_what_an_older_version_wrote_goes_on(self) -> None:
        world = World()
        world.agenda.bootstrap(world.now, "an ACS")
        world.agenda.schedule_inform("k", 10, world.now)
        world.agenda.informed(world.agenda.begin(world.now))
        world.agenda.ended(False, world.now)
        world.agenda.add(Event(PERIODIC), world.now)
        world.agenda.begin(world.now)
        record = json.loads(world.agenda.record())
        del record["acs"], record["heartbeat"], record["retry"]["wait"], record["session"]["heartbeat"]
        for event in record["events"]:
            del event["heard"]
        agenda = Agenda.restored(json.dumps(record), random=Middle(), now=world.now, booted=False)
        self.assertEqual(agenda.acs, "")
        self.assertEqual(agenda.retry_count, 2)
        self.assertEqual(agenda.pending, world.agenda.pending)
        self.assertEqual(agenda.scheduled(), world.agenda.scheduled())

    def test_a_retry_wait_without_its_length_keeps_its_end_and_is_bounded(self) -> None:
        world = World()
        world.agenda.bootstrap(world.now)
        world.agenda.begin(world.now)
        world.agenda.ended(False, world.now)
        record = json.loads(world.agenda.record())
        del record["retry"]["wait"]
        again = Agenda.restored(json.dumps(record), random=Middle(), now=world.now, booted=False)
        self.assertEqual(again.retry_in(world.now), world.agenda.retry_in(world.now))
        record["retry"]["at"] += 1000
        again = Agenda.restored(json.dumps(record), random=Middle(), now=world.now, booted=False)
        self.assertEqual(again.retry_in(world.now), 10)

    def test_it_stays_small(self) -> None:
        world = World()
        world.boot(key="k")
        self.assertLess(len(world.agenda.record()), 800)

    def test_two_agendas_share_nothing(self) -> None:
        one, other = Agenda(random=random.Random(1)), Agenda(random=random.Random(1))
        one.bootstrap(Now(0, None))
        self.assertEqual(other.pending, ())
