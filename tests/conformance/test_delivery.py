"""The table of events (TR-069 3.7.1.5), row by row: an undelivered event, then a restart or a boot."""

from __future__ import annotations

from typing import ClassVar

from twisted.internet.defer import Deferred

from cwmpagent.protocol.rpc import (
    Reboot,
    ScheduleInform,
)
from tests.conformance.simulated import (
    CODE,
    SimulatedAgentCase,
    SimulatedDiskAgent,
    down,
    good,
    is_inform,
    unanswered,
)


class DeliveryTests(SimulatedAgentCase):
    """The table of events, row by row: undelivered at each moment, then a restart or a boot."""

    def pending(self, code: str) -> SimulatedDiskAgent:
        """A device that is about to report ``code`` and its companion to an ACS that does not answer."""
        simulated = self.device()
        silent = unanswered(is_inform)
        if code == "0 BOOTSTRAP":
            simulated.acs.instead = silent
            simulated.begin()
            return simulated
        simulated.bootstrapped()
        if code == "2 PERIODIC":
            simulated.server("PeriodicInformInterval", "60")
        elif code == "3 SCHEDULED":
            simulated.ask(ScheduleInform(60, "k1"))
        elif code == "M Reboot":
            simulated.ask(Reboot("k1"))
            simulated.kill()
        simulated.acs.instead = silent
        if code == "1 BOOT":
            simulated.reboot()
        elif code == "2 PERIODIC":
            simulated.server("PeriodicInformEnable", "true")
            simulated.run(60)
            simulated.server("PeriodicInformEnable", "false")
        elif code == "3 SCHEDULED":
            simulated.run(61)
        elif code == "4 VALUE CHANGE":
            simulated.change(CODE, "changed")
        elif code == "6 CONNECTION REQUEST":
            simulated.call()
        elif code == "M Reboot":
            simulated.begin(booted=True)
        return simulated

    # code: events reported at first, after a restart, and after a boot; None: no session
    UNDELIVERED: ClassVar[dict[str, tuple[list[str], list[str] | None, list[str]]]] = {
        "0 BOOTSTRAP": (["0 BOOTSTRAP", "1 BOOT"], ["0 BOOTSTRAP", "1 BOOT"], ["0 BOOTSTRAP", "1 BOOT"]),
        "1 BOOT": (["1 BOOT"], ["1 BOOT"], ["1 BOOT"]),
        "2 PERIODIC": (["2 PERIODIC"], ["2 PERIODIC"], ["1 BOOT", "2 PERIODIC"]),
        "3 SCHEDULED": (
            ["3 SCHEDULED", "M ScheduleInform"],
            ["3 SCHEDULED", "M ScheduleInform"],
            ["1 BOOT", "3 SCHEDULED", "M ScheduleInform"],
        ),
        "4 VALUE CHANGE": (["4 VALUE CHANGE"], ["4 VALUE CHANGE"], ["1 BOOT", "4 VALUE CHANGE"]),
        "6 CONNECTION REQUEST": (["6 CONNECTION REQUEST"], None, ["1 BOOT"]),
        "M Reboot": (["1 BOOT", "M Reboot"], ["1 BOOT", "M Reboot"], ["1 BOOT", "M Reboot"]),
    }

    def keys(self, simulated: SimulatedDiskAgent) -> set[str]:
        return {each.command_key for each in simulated.last().event if each.event_code.startswith("M ")}

    def test_evt_08_killed_before_the_inform_is_answered(self) -> None:
        for code, (first, restarted, booted) in self.UNDELIVERED.items():
            for boot, expected in ((False, restarted), (True, booted)):
                with self.subTest(code=code, boot=boot):
                    simulated = self.pending(code)
                    self.assertEqual(list(simulated.acs.event_codes()[-1]), first)
                    before = len(simulated.acs.sessions)
                    simulated.kill()
                    simulated.resume(booted=boot)
                    simulated.run(86400)
                    told = [list(each) for each in simulated.acs.event_codes()[before:]]
                    self.assertEqual(told, [] if expected is None else [expected])
                    if expected is not None:
                        self.assertEqual(simulated.last().retry_count, 0 if boot else 1)
                        self.assertEqual(self.keys(simulated), {"k1"} if "M" in code or "3" in code else set())
                    if code == "4 VALUE CHANGE":
                        self.assertEqual(simulated.last_values()[CODE], "changed")

    def test_evt_08_killed_after_the_inform_was_answered(self) -> None:
        for code in self.UNDELIVERED:
            for boot in (False, True):
                with self.subTest(code=code, boot=boot):
                    simulated = self.pending(code)
                    before = len(simulated.acs.sessions)
                    simulated.kill()
                    simulated.acs.instead = unanswered(lambda posted: posted.number == 2)
                    if code == "6 CONNECTION REQUEST":
                        simulated.begin(booted=False)
                        simulated.call()
                        before -= 1
                    else:
                        simulated.begin(booted=code in ("1 BOOT", "M Reboot"))
                        simulated.run(11)
                    self.assertEqual(len(simulated.acs.sessions[-1]), 2, "the session hangs after InformResponse")
                    before = len(simulated.acs.sessions)
                    simulated.kill()
                    simulated.resume(booted=boot)
                    simulated.run(86400)
                    # Delivered already: no event is reported twice, and yet the broken session is retried.
                    self.assertEqual(simulated.acs.event_codes()[before:], [("1 BOOT",) if boot else ()])
                    if not boot:
                        self.assertGreater(simulated.last().retry_count, 0)

    def test_evt_08_killed_in_mid_session_with_something_new_pending(self) -> None:
        def device() -> SimulatedDiskAgent:
            simulated = self.device()
            simulated.bootstrapped()
            simulated.acs.instead = unanswered(lambda posted: posted.number == 3)
            simulated.ask(ScheduleInform(60, "k1"))
            simulated.change(CODE, "changed")
            simulated.call()
            simulated.run(61)
            return simulated

        restarted, booted = device(), device()
        for simulated, boot in ((restarted, False), (booted, True)):
            before = len(simulated.acs.sessions)
            simulated.kill()
            simulated.resume(booted=boot)
            simulated.run(86400)
            self.assertEqual(len(simulated.acs.sessions), before + 1)
        both = ("3 SCHEDULED", "4 VALUE CHANGE")
        self.assertEqual(restarted.acs.event_codes()[-1], (*both, "6 CONNECTION REQUEST", "M ScheduleInform"))
        self.assertEqual(restarted.last().retry_count, 1)
        self.assertEqual(booted.acs.event_codes()[-1], ("1 BOOT", *both, "M ScheduleInform"))
        self.assertEqual(booted.last().retry_count, 0)

    def test_evt_08_stopped_in_mid_session(self) -> None:
        for code, (_, restarted, _) in self.UNDELIVERED.items():
            with self.subTest(code=code):
                simulated = self.pending(code)
                before = len(simulated.acs.sessions)
                stopping = simulated.runtime.stop()
                done = Deferred.fromCoroutine(stopping)
                simulated.run(6)
                self.successResultOf(done)
                simulated.resume(booted=False)
                simulated.run(86400)
                told = [list(each) for each in simulated.acs.event_codes()[before:]]
                self.assertEqual(told, [] if restarted is None else [restarted])

    def test_evt_08_a_reboot_that_was_promised_is_still_done(self) -> None:
        simulated = self.device()
        simulated.bootstrapped()
        simulated.ask(Reboot("k1"))
        simulated.kill()
        simulated.restarts.begun.clear()
        simulated.resume(booted=False)
        self.assertEqual(simulated.restarts.begun, ["k1"])
        self.assertEqual(len(simulated.acs.sessions), 2)

    def test_evt_14_only_the_connection_request_is_not_retried(self) -> None:
        simulated = self.device(PeriodicInformInterval="60")
        simulated.bootstrapped()
        simulated.server("PeriodicInformEnable", "true")
        simulated.acs.instead = unanswered(lambda posted: True)
        simulated.run(60)
        simulated.kill()
        simulated.acs.instead = down
        simulated.begin(booted=True)
        simulated.call()
        self.assertIn("6 CONNECTION REQUEST", simulated.acs.event_codes()[-1])
        simulated.acs.instead = good
        before = len(simulated.acs.sessions)
        simulated.run(20)
        self.assertEqual(simulated.acs.event_codes()[before:][:1], [("1 BOOT", "2 PERIODIC")])
