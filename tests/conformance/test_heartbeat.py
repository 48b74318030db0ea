"""Heartbeats (HeartbeatPolicy, TR-069 Annex O): in phase, and without effect on other events."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred

from cwmpagent.protocol.agenda.events import DIAGNOSTICS_COMPLETE, Event
from cwmpagent.protocol.rpc import GetParameterValues, GetParameterValuesResponse, SetParameterAttributesResponse
from cwmpagent.protocol.session import Reply
from cwmpagent.values import Value, ValueType, format_time
from tests.agent.bench import SERVER, assign
from tests.agent.ports import NEW_YEAR_2026, Posted
from tests.conformance.lives import NTP, DiskLives, LivesCase, down, good, is_inform, unanswered
from tests.conformance.test_notifications import attributes

POLICY = "HeartbeatPolicy."
BEAT = ("14 HEARTBEAT",)


class HeartbeatTests(LivesCase):
    def beating(self, interval: int = 30, phase: float = 17.0, **options: str) -> DiskLives:
        """A bootstrapped device with heartbeats of this phase."""
        lives = self.device(
            **{
                POLICY + "Enable": "true",
                POLICY + "ReportingInterval": str(interval),
                POLICY + "InitiationTime": format_time(NEW_YEAR_2026 + 10 * interval + phase),
                **options,
            }
        )
        lives.bootstrapped()
        return lives

    def beats(self, lives: DiskLives) -> list[float]:
        """The wall times of the heartbeats, in seconds since the new year."""
        ahead = lives.clock.wall() - lives.clock.monotonic()
        return [
            posted.at + ahead - NEW_YEAR_2026
            for posted, told in zip(lives.acs.firsts(), lives.acs.told(), strict=True)
            if told == BEAT
        ]

    def test_evt_18_every_30_seconds_in_phase(self) -> None:
        lives = self.beating()
        lives.run(10 * 30)
        self.assertEqual(lives.acs.told()[1:], [BEAT] * 10)
        for beat in self.beats(lives):
            self.assertAlmostEqual(beat % 30, 17, places=2)
        self.assertEqual({inform.retry_count for inform in lives.acs.informs()}, {0})
        self.assertEqual({len(session) for session in lives.acs.sessions[1:]}, {2})  # the Inform and the empty POST

    def test_evt_18_set_by_the_acs_it_counts_at_once_and_without_a_time_the_phase_is_by_lot(self) -> None:
        lives = self.device(wall=0.0)  # type: ignore[arg-type]  # no parameter: the wall clock is not known
        lives.bootstrapped()
        lives.ask(
            assign(
                "",
                **{
                    SERVER + POLICY + "ReportingInterval": Value(ValueType.UNSIGNED_INT, "60"),
                    SERVER + POLICY + "Enable": Value(ValueType.BOOLEAN, "true"),
                },
            )
        )
        lives.run(600)
        self.assertEqual(lives.acs.told()[2:], [BEAT] * 10)
        lives.ask(assign("", **{SERVER + POLICY + "Enable": Value(ValueType.BOOLEAN, "false")}))
        lives.run(600)
        self.assertEqual(len(lives.acs.sessions), 13)

    def test_evt_18_less_than_30_seconds_is_refused(self) -> None:
        lives = self.device()
        lives.bootstrapped()
        name = SERVER + POLICY + "ReportingInterval"
        (answer,) = lives.ask(assign("", **{name: Value(ValueType.UNSIGNED_INT, "29")}))
        self.assertEqual([(each.name, each.code) for each in answer.parameters], [(name, 9007)])  # type: ignore[union-attr]  # it is a Fault

    def test_evt_18_nothing_else_is_told_with_it(self) -> None:
        lives = self.beating()
        self.assertEqual(lives.ask(attributes(NTP, 1)), [SetParameterAttributesResponse()])
        lives.change(NTP, "new.example")
        before = len(lives.acs.sessions)
        lives.run(60)
        self.assertEqual(lives.acs.told()[before:], [BEAT] * 2)
        self.assertNotIn(NTP, lives.last_values())
        lives.call()
        self.assertEqual(lives.acs.told()[-1], ("4 VALUE CHANGE", "6 CONNECTION REQUEST"))
        self.assertEqual(lives.last_values()[NTP], "new.example")

    def test_evt_18_a_forced_parameter_that_changed_is_still_told_with_4(self) -> None:
        software = "Device.DeviceInfo.SoftwareVersion"
        lives = self.beating(DefaultActiveNotificationThrottle="100")
        lives.change(software, "2.0")
        lives.run(60)
        self.assertEqual(lives.last_values()[software], "2.0")  # every Inform has one
        lives.run(60)
        self.assertIn(("4 VALUE CHANGE",), lives.acs.told())

    def test_evt_18_a_failed_one_is_not_retried(self) -> None:
        lives = self.beating(interval=3600)
        lives.acs.instead = down
        lives.run(3599)
        self.assertEqual(lives.acs.told()[1:], [BEAT])
        self.assertFalse(lives.ended()[-1].success)
        self.assertIsNone(lives.ended()[-1].retry_in)
        lives.acs.instead = good
        lives.run(3600)
        self.assertEqual(lives.acs.told()[1:], [BEAT] * 2)
        self.assertEqual(lives.last().retry_count, 0)

    def test_evt_18_retries_go_on_as_if_there_were_none(self) -> None:
        def times(with_beats: bool) -> list[tuple[float, int]]:
            """The times of the retries and their RetryCounts, with heartbeats during the retry waits."""
            lives = self.beating() if with_beats else self.device()
            if not with_beats:
                lives.bootstrapped()
            lives.acs.instead = lambda posted: good(posted) if told(posted) == BEAT else down(posted)
            begun = lives.clock.monotonic()
            lives.happen(Event(DIAGNOSTICS_COMPLETE))
            lives.run(1000)
            self.assertEqual(bool(self.beats(lives)), with_beats)
            return [
                (posted.at - begun, inform.retry_count)
                for posted, inform in zip(lives.acs.firsts(), lives.acs.informs(), strict=True)
                if told(posted) != BEAT
            ]

        def told(posted: Posted) -> Any:
            return tuple(event.event_code for event in posted.message.event) if is_inform(posted) else None  # type: ignore[union-attr]  # it is an Inform

        without = times(False)
        self.assertGreater(len(without), 6)
        for (at, count), (expected, same) in zip(times(True), without, strict=True):
            self.assertAlmostEqual(at, expected, places=2)
            self.assertEqual(count, same)

    def test_evt_18_a_beat_during_a_session_comes_right_after_it(self) -> None:
        lives = self.beating(interval=3600)
        held: list[Posted] = []
        answer: Deferred[Reply] = Deferred()
        lives.acs.instead = lambda posted: (
            answer if is_inform(posted) and not held and not held.append(posted) else None
        )  # type: ignore[func-returns-value]  # it keeps the first
        lives.call()
        lives.run(60)
        self.assertEqual(lives.acs.told()[1:], [("6 CONNECTION REQUEST",)])
        answer.callback(lives.acs.good(held[0]))
        lives.run(0)
        self.assertEqual(lives.acs.told()[2:], [BEAT])

    def test_evt_18_an_acs_may_ask_in_it(self) -> None:
        lives = self.beating()
        lives.acs.asking.append(GetParameterValues((NTP,)))
        lives.run(30)
        self.assertEqual(lives.acs.told()[-1], BEAT)
        self.assertIsInstance(lives.acs.answers()[0], GetParameterValuesResponse)

    def test_evt_18_slow_failures_of_heartbeats_hold_nothing_up(self) -> None:
        lives = self.beating()
        slow: Deferred[Reply] = Deferred()
        lives.acs.instead = lambda posted: slow if len(lives.acs.sessions) == 2 else None
        lives.run(30)
        self.assertEqual(lives.acs.told()[1:], [BEAT])
        lives.happen(Event(DIAGNOSTICS_COMPLETE))
        lives.run(45)
        slow.errback(down(lives.acs.firsts()[-1]))
        lives.run(0)
        self.assertEqual(lives.acs.told()[2:3], [("8 DIAGNOSTICS COMPLETE",)])

    def test_evt_18_not_before_the_bootstrap(self) -> None:
        lives = self.device(**{POLICY + "Enable": "true", POLICY + "ReportingInterval": "30"})
        lives.acs.instead = down
        lives.begin()
        lives.run(300)
        self.assertEqual(set(lives.acs.told()), {("0 BOOTSTRAP", "1 BOOT")})
        lives.acs.instead = good
        lives.run(600)
        self.assertIn(BEAT, lives.acs.told())

    def test_evt_18_a_restart_keeps_the_phase_and_a_kill_within_one_is_no_failure(self) -> None:
        lives = self.beating()
        lives.run(30)
        lives.acs.instead = unanswered(is_inform)
        lives.run(30)
        self.assertEqual(lives.acs.told()[1:], [BEAT] * 2)
        lives.kill()
        lives.resume(booted=False)
        lives.run(61)
        self.assertEqual(lives.acs.told()[3:], [BEAT] * 2)
        self.assertEqual(lives.last().retry_count, 0)
        for beat in self.beats(lives):
            self.assertAlmostEqual(beat % 30, 17, places=2)
