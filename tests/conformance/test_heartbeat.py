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
from tests.conformance.simulated import NTP, SimulatedAgentCase, SimulatedDiskAgent, down, good, is_inform, unanswered
from tests.conformance.test_notifications import attributes

POLICY = "HeartbeatPolicy."
BEAT = ("14 HEARTBEAT",)


class HeartbeatTests(SimulatedAgentCase):
    def beating(self, interval: int = 30, phase: float = 17.0, **options: str) -> SimulatedDiskAgent:
        """A bootstrapped device with heartbeats of this phase."""
        simulated = self.device(
            **{
                POLICY + "Enable": "true",
                POLICY + "ReportingInterval": str(interval),
                POLICY + "InitiationTime": format_time(NEW_YEAR_2026 + 10 * interval + phase),
                **options,
            }
        )
        simulated.bootstrapped()
        return simulated

    def beats(self, simulated: SimulatedDiskAgent) -> list[float]:
        """The wall times of the heartbeats, in seconds since the new year."""
        ahead = simulated.clock.wall() - simulated.clock.monotonic()
        return [
            posted.at + ahead - NEW_YEAR_2026
            for posted, told in zip(simulated.acs.firsts(), simulated.acs.event_codes(), strict=True)
            if told == BEAT
        ]

    def test_evt_18_every_30_seconds_in_phase(self) -> None:
        simulated = self.beating()
        simulated.run(10 * 30)
        self.assertEqual(simulated.acs.event_codes()[1:], [BEAT] * 10)
        for beat in self.beats(simulated):
            self.assertAlmostEqual(beat % 30, 17, places=2)
        self.assertEqual({inform.retry_count for inform in simulated.acs.informs()}, {0})
        self.assertEqual({len(session) for session in simulated.acs.sessions[1:]}, {2})  # the Inform and the empty POST

    def test_evt_18_set_by_the_acs_it_counts_at_once_and_without_a_time_the_phase_is_by_lot(self) -> None:
        simulated = self.device(wall=0.0)  # type: ignore[arg-type]  # no parameter: the wall clock is not known
        simulated.bootstrapped()
        simulated.ask(
            assign(
                "",
                **{
                    SERVER + POLICY + "ReportingInterval": Value(ValueType.UNSIGNED_INT, "60"),
                    SERVER + POLICY + "Enable": Value(ValueType.BOOLEAN, "true"),
                },
            )
        )
        simulated.run(600)
        self.assertEqual(simulated.acs.event_codes()[2:], [BEAT] * 10)
        simulated.ask(assign("", **{SERVER + POLICY + "Enable": Value(ValueType.BOOLEAN, "false")}))
        simulated.run(600)
        self.assertEqual(len(simulated.acs.sessions), 13)

    def test_evt_18_less_than_30_seconds_is_refused(self) -> None:
        simulated = self.device()
        simulated.bootstrapped()
        name = SERVER + POLICY + "ReportingInterval"
        (answer,) = simulated.ask(assign("", **{name: Value(ValueType.UNSIGNED_INT, "29")}))
        self.assertEqual([(each.name, each.code) for each in answer.parameters], [(name, 9007)])  # type: ignore[union-attr]  # it is a Fault

    def test_evt_18_nothing_else_is_told_with_it(self) -> None:
        simulated = self.beating()
        self.assertEqual(simulated.ask(attributes(NTP, 1)), [SetParameterAttributesResponse()])
        simulated.change(NTP, "new.example")
        before = len(simulated.acs.sessions)
        simulated.run(60)
        self.assertEqual(simulated.acs.event_codes()[before:], [BEAT] * 2)
        self.assertNotIn(NTP, simulated.last_values())
        simulated.call()
        self.assertEqual(simulated.acs.event_codes()[-1], ("4 VALUE CHANGE", "6 CONNECTION REQUEST"))
        self.assertEqual(simulated.last_values()[NTP], "new.example")

    def test_evt_18_a_forced_parameter_that_changed_is_still_told_with_4(self) -> None:
        software = "Device.DeviceInfo.SoftwareVersion"
        simulated = self.beating(DefaultActiveNotificationThrottle="100")
        simulated.change(software, "2.0")
        simulated.run(60)
        self.assertEqual(simulated.last_values()[software], "2.0")  # every Inform has one
        simulated.run(60)
        self.assertIn(("4 VALUE CHANGE",), simulated.acs.event_codes())

    def test_evt_18_a_failed_one_is_not_retried(self) -> None:
        simulated = self.beating(interval=3600)
        simulated.acs.instead = down
        simulated.run(3599)
        self.assertEqual(simulated.acs.event_codes()[1:], [BEAT])
        self.assertFalse(simulated.ended()[-1].success)
        self.assertIsNone(simulated.ended()[-1].retry_in)
        simulated.acs.instead = good
        simulated.run(3600)
        self.assertEqual(simulated.acs.event_codes()[1:], [BEAT] * 2)
        self.assertEqual(simulated.last().retry_count, 0)

    def test_evt_18_retries_go_on_as_if_there_were_none(self) -> None:
        def times(with_beats: bool) -> list[tuple[float, int]]:
            """The times of the retries and their RetryCounts, with heartbeats during the retry waits."""
            simulated = self.beating() if with_beats else self.device()
            if not with_beats:
                simulated.bootstrapped()
            simulated.acs.instead = lambda posted: good(posted) if told(posted) == BEAT else down(posted)
            begun = simulated.clock.monotonic()
            simulated.happen(Event(DIAGNOSTICS_COMPLETE))
            simulated.run(1000)
            self.assertEqual(bool(self.beats(simulated)), with_beats)
            return [
                (posted.at - begun, inform.retry_count)
                for posted, inform in zip(simulated.acs.firsts(), simulated.acs.informs(), strict=True)
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
        simulated = self.beating(interval=3600)
        held: list[Posted] = []
        answer: Deferred[Reply] = Deferred()
        simulated.acs.instead = lambda posted: (
            answer if is_inform(posted) and not held and not held.append(posted) else None
        )  # type: ignore[func-returns-value]  # it keeps the first
        simulated.call()
        simulated.run(60)
        self.assertEqual(simulated.acs.event_codes()[1:], [("6 CONNECTION REQUEST",)])
        answer.callback(simulated.acs.good(held[0]))
        simulated.run(0)
        self.assertEqual(simulated.acs.event_codes()[2:], [BEAT])

    def test_evt_18_an_acs_may_ask_in_it(self) -> None:
        simulated = self.beating()
        simulated.acs.asking.append(GetParameterValues((NTP,)))
        simulated.run(30)
        self.assertEqual(simulated.acs.event_codes()[-1], BEAT)
        self.assertIsInstance(simulated.acs.answers()[0], GetParameterValuesResponse)

    def test_evt_18_slow_failures_of_heartbeats_hold_nothing_up(self) -> None:
        simulated = self.beating()
        slow: Deferred[Reply] = Deferred()
        simulated.acs.instead = lambda posted: slow if len(simulated.acs.sessions) == 2 else None
        simulated.run(30)
        self.assertEqual(simulated.acs.event_codes()[1:], [BEAT])
        simulated.happen(Event(DIAGNOSTICS_COMPLETE))
        simulated.run(45)
        slow.errback(down(simulated.acs.firsts()[-1]))
        simulated.run(0)
        self.assertEqual(simulated.acs.event_codes()[2:3], [("8 DIAGNOSTICS COMPLETE",)])

    def test_evt_18_not_before_the_bootstrap(self) -> None:
        simulated = self.device(**{POLICY + "Enable": "true", POLICY + "ReportingInterval": "30"})
        simulated.acs.instead = down
        simulated.begin()
        simulated.run(300)
        self.assertEqual(set(simulated.acs.event_codes()), {("0 BOOTSTRAP", "1 BOOT")})
        simulated.acs.instead = good
        simulated.run(600)
        self.assertIn(BEAT, simulated.acs.event_codes())

    def test_evt_18_a_restart_keeps_the_phase_and_a_kill_within_one_is_no_failure(self) -> None:
        simulated = self.beating()
        simulated.run(30)
        simulated.acs.instead = unanswered(is_inform)
        simulated.run(30)
        self.assertEqual(simulated.acs.event_codes()[1:], [BEAT] * 2)
        simulated.kill()
        simulated.resume(booted=False)
        simulated.run(61)
        self.assertEqual(simulated.acs.event_codes()[3:], [BEAT] * 2)
        self.assertEqual(simulated.last().retry_count, 0)
        for beat in self.beats(simulated):
            self.assertAlmostEqual(beat % 30, 17, places=2)
