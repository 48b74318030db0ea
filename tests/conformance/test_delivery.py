"""The table of events (TR-069 3.7.1.5), row by row: an undelivered event, then a restart or a boot."""

from __future__ import annotations

from typing import ClassVar

from twisted.internet.defer import Deferred

from cwmpagent.protocol.rpc import (
    Reboot,
    ScheduleInform,
)
from tests.conformance.lives import (
    CODE,
    DiskLives,
    LivesCase,
    down,
    good,
    is_inform,
    unanswered,
)


class DeliveryTests(LivesCase):
    """Each row of the table, with a restart or a boot at each stage before the delivery."""

    def pending(self, code: str) -> DiskLives:
        """A device that is about to report ``code`` and its companion to an ACS that does not answer."""
        lives = self.device()
        silent = unanswered(is_inform)
        if code == "0 BOOTSTRAP":
            lives.acs.instead = silent
            lives.begin()
            return lives
        lives.bootstrapped()
        if code == "2 PERIODIC":
            lives.server("PeriodicInformInterval", "60")
        elif code == "3 SCHEDULED":
            lives.ask(ScheduleInform(60, "k1"))
        elif code == "M Reboot":
            lives.ask(Reboot("k1"))
            lives.kill()
        lives.acs.instead = silent
        if code == "1 BOOT":
            lives.reboot()
        elif code == "2 PERIODIC":
            lives.server("PeriodicInformEnable", "true")
            lives.run(60)
            lives.server("PeriodicInformEnable", "false")
        elif code == "3 SCHEDULED":
            lives.run(61)
        elif code == "4 VALUE CHANGE":
            lives.change(CODE, "changed")
        elif code == "6 CONNECTION REQUEST":
            lives.call()
        elif code == "M Reboot":
            lives.begin(booted=True)
        return lives

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

    def keys(self, lives: DiskLives) -> set[str]:
        return {each.command_key for each in lives.last().event if each.event_code.startswith("M ")}

    def test_evt_08_killed_before_the_inform_is_answered(self) -> None:
        for code, (first, restarted, booted) in self.UNDELIVERED.items():
            for boot, expected in ((False, restarted), (True, booted)):
                with self.subTest(code=code, boot=boot):
                    lives = self.pending(code)
                    self.assertEqual(list(lives.acs.told()[-1]), first)
                    before = len(lives.acs.sessions)
                    lives.kill()
                    lives.resume(booted=boot)
                    lives.run(86400)
                    told = [list(each) for each in lives.acs.told()[before:]]
                    self.assertEqual(told, [] if expected is None else [expected])
                    if expected is not None:
                        self.assertEqual(lives.last().retry_count, 0 if boot else 1)
                        self.assertEqual(self.keys(lives), {"k1"} if "M" in code or "3" in code else set())
                    if code == "4 VALUE CHANGE":
                        self.assertEqual(lives.last_values()[CODE], "changed")

    def test_evt_08_killed_after_the_inform_was_answered(self) -> None:
        for code in self.UNDELIVERED:
            for boot in (False, True):
                with self.subTest(code=code, boot=boot):
                    lives = self.pending(code)
                    before = len(lives.acs.sessions)
                    lives.kill()
                    lives.acs.instead = unanswered(lambda posted: posted.number == 2)
                    if code == "6 CONNECTION REQUEST":
                        lives.begin(booted=False)
                        lives.call()
                        before -= 1
                    else:
                        lives.begin(booted=code in ("1 BOOT", "M Reboot"))
                        lives.run(11)
                    self.assertEqual(len(lives.acs.sessions[-1]), 2, "the session hangs after InformResponse")
                    before = len(lives.acs.sessions)
                    lives.kill()
                    lives.resume(booted=boot)
                    lives.run(86400)
                    # Delivered already: no event is reported twice, and yet the broken session is retried.
                    self.assertEqual(lives.acs.told()[before:], [("1 BOOT",) if boot else ()])
                    if not boot:
                        self.assertGreater(lives.last().retry_count, 0)

    def test_evt_08_killed_in_mid_session_with_something_new_pending(self) -> None:
        def device() -> DiskLives:
            lives = self.device()
            lives.bootstrapped()
            lives.acs.instead = unanswered(lambda posted: posted.number == 3)
            lives.ask(ScheduleInform(60, "k1"))
            lives.change(CODE, "changed")
            lives.call()
            lives.run(61)
            return lives

        restarted, booted = device(), device()
        for lives, boot in ((restarted, False), (booted, True)):
            before = len(lives.acs.sessions)
            lives.kill()
            lives.resume(booted=boot)
            lives.run(86400)
            self.assertEqual(len(lives.acs.sessions), before + 1)
        both = ("3 SCHEDULED", "4 VALUE CHANGE")
        self.assertEqual(restarted.acs.told()[-1], (*both, "6 CONNECTION REQUEST", "M ScheduleInform"))
        self.assertEqual(restarted.last().retry_count, 1)
        self.assertEqual(booted.acs.told()[-1], ("1 BOOT", *both, "M ScheduleInform"))
        self.assertEqual(booted.last().retry_count, 0)

    def test_evt_08_stopped_in_mid_session(self) -> None:
        for code, (_, restarted, _) in self.UNDELIVERED.items():
            with self.subTest(code=code):
                lives = self.pending(code)
                before = len(lives.acs.sessions)
                stopping = lives.runtime.stop()
                done = Deferred.fromCoroutine(stopping)
                lives.run(6)
                self.successResultOf(done)
                lives.resume(booted=False)
                lives.run(86400)
                told = [list(each) for each in lives.acs.told()[before:]]
                self.assertEqual(told, [] if restarted is None else [restarted])

    def test_evt_08_a_reboot_that_was_promised_is_still_done(self) -> None:
        lives = self.device()
        lives.bootstrapped()
        lives.ask(Reboot("k1"))
        lives.kill()
        lives.restarts.begun.clear()
        lives.resume(booted=False)
        self.assertEqual(lives.restarts.begun, ["k1"])
        self.assertEqual(len(lives.acs.sessions), 2)

    def test_evt_14_only_the_connection_request_is_not_retried(self) -> None:
        lives = self.device(PeriodicInformInterval="60")
        lives.bootstrapped()
        lives.server("PeriodicInformEnable", "true")
        lives.acs.instead = unanswered(lambda posted: True)
        lives.run(60)
        lives.kill()
        lives.acs.instead = down
        lives.begin(booted=True)
        lives.call()
        self.assertIn("6 CONNECTION REQUEST", lives.acs.told()[-1])
        lives.acs.instead = good
        before = len(lives.acs.sessions)
        lives.run(20)
        self.assertEqual(lives.acs.told()[before:][:1], [("1 BOOT", "2 PERIODIC")])
