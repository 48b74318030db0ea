"""Conditions for ``0 BOOTSTRAP`` (TR-069 3.7.1.5), and the effect of a changed configuration file."""

from __future__ import annotations

from twisted.internet.defer import Deferred

from cwmpagent.agent.facts import Noted, Warned
from cwmpagent.agent.parameters.changes import Origin
from cwmpagent.protocol.agenda.events import DIAGNOSTICS_COMPLETE, Event
from cwmpagent.protocol.rpc import (
    Fault,
    GetParameterValues,
    ScheduleInform,
    SetParameterValuesResponse,
)
from cwmpagent.values import Value, ValueType
from tests.agent.bench import SERVER, BenchCase, assign
from tests.conformance.lives import (
    CODE,
    ELSEWHERE,
    NTP,
    SOFTWARE,
    DiskLives,
    LivesCase,
    down,
    good,
)

OUI = "Device.DeviceInfo.ManufacturerOUI"


class DamageTests(BenchCase):
    async def test_a_damaged_database_is_a_bootstrap(self) -> None:
        await self.bootstrapped()
        await self.ask(assign("key", **{CODE: "mine"}))
        await self.end()
        for each in self.state.glob("*.sqlite*"):
            each.write_bytes(b"this is no database" * 1000)
        number = self.lab.sessions.seen
        self.begin(self.config(boot="system"))
        trace = await self.session(event="0 BOOTSTRAP", since=number)
        self.assertEqual(trace.event_codes, ("0 BOOTSTRAP", "1 BOOT"))
        (warning,) = [fact for fact in self.facts if isinstance(fact, Warned)]
        self.assertIn("damaged", warning.text)
        told = {each.name: each.value.text for each in trace.informs[0].parameter_list}
        self.assertEqual((told[CODE], told[SERVER + "ParameterKey"]), ("", ""))


class BootstrapTests(LivesCase):
    """Conditions for ``0 BOOTSTRAP``."""

    def test_evt_04_a_bootstrap_discards_what_was_pending(self) -> None:
        lives = self.device(PeriodicInformEnable="true", PeriodicInformInterval="60")
        lives.bootstrapped()
        lives.ask(ScheduleInform(86400, "queued"))
        lives.acs.instead = down
        lives.happen(Event(DIAGNOSTICS_COMPLETE))
        lives.run(70)
        self.assertLessEqual({"2 PERIODIC", "8 DIAGNOSTICS COMPLETE"}, set(lives.acs.told()[-1]))
        self.assertGreater(lives.last().retry_count, 0)
        lives.acs.instead = good
        lives.server("URL", ELSEWHERE)
        self.assertEqual(lives.acs.told()[-1], ("0 BOOTSTRAP",))
        self.assertEqual(lives.acs.firsts()[-1].url, ELSEWHERE)
        self.assertEqual(lives.last().retry_count, 0)
        self.assertEqual(lives.runtime.agenda.scheduled(), ())

    def test_a_url_changed_at_the_device_is_a_bootstrap_without_value_change(self) -> None:
        for origin in (Origin.LOCAL, Origin.DEVICE):
            lives = self.device()
            lives.bootstrapped()
            lives.server("URL", ELSEWHERE, origin)
            self.assertEqual(lives.acs.told()[1:], [("0 BOOTSTRAP",)])
            self.assertEqual(lives.acs.firsts()[-1].url, ELSEWHERE)
            lives.kill()
            lives.resume(booted=False)
            lives.run(86400)
            self.assertEqual(len(lives.acs.sessions), 2)

    def test_a_url_of_the_file_that_nobody_wrote_is_followed(self) -> None:
        lives = self.device()
        lives.bootstrapped()
        lives.kill()
        lives.write(SERVER + "URL", ELSEWHERE)
        lives.resume(booted=False)
        self.assertEqual(lives.acs.told()[1:], [("0 BOOTSTRAP",)])
        self.assertEqual(lives.acs.firsts()[-1].url, ELSEWHERE)
        lives.kill()
        lives.resume(booted=True)
        self.assertEqual(lives.acs.told()[2:], [("1 BOOT",)])

    def test_a_url_that_is_none_fails_by_the_table_and_can_be_corrected(self) -> None:
        lives = self.device()
        lives.bootstrapped()
        lives.acs.instead = down
        lives.server("URL", "http://[::1::2]/")
        lives.run(3600)
        self.assertLess(len(lives.acs.sessions), 15)
        lives.acs.instead = good
        lives.server("URL", ELSEWHERE)
        self.assertEqual((lives.acs.told()[-1], lives.acs.firsts()[-1].url), (("0 BOOTSTRAP",), ELSEWHERE))

    def test_killed_or_broken_off_after_the_acs_sent_the_device_elsewhere(self) -> None:
        for killed in (True, False):
            lives = self.device()
            lives.bootstrapped()
            broken = (lambda posted: Deferred()) if killed else down
            lives.acs.instead = lambda posted, broken=broken: broken(posted) if posted.number == 3 else None
            lives.ask(assign("moved", **{SERVER + "URL": ELSEWHERE}))
            if killed:
                lives.kill()
                lives.resume(booted=False)
            self.assertEqual(lives.acs.told()[2:], [("0 BOOTSTRAP",)])
            self.assertEqual((lives.acs.firsts()[-1].url, lives.last().retry_count), (ELSEWHERE, 0))
            self.assertEqual(lives.last_values()[SERVER + "ParameterKey"], "moved")

    def test_a_new_oui_is_a_bootstrap(self) -> None:
        lives = self.device()
        lives.bootstrapped()
        lives.kill()
        lives.write(OUI, "0011AA")
        lives.resume(booted=True)
        self.assertEqual(lives.acs.told()[1:], [("0 BOOTSTRAP", "1 BOOT")])
        self.assertEqual(lives.last().device_id.oui, "0011AA")

    def test_a_bootstrap_is_tried_for_ever(self) -> None:
        lives = self.device()
        lives.acs.instead = down
        lives.begin()
        lives.run(3 * 86400)
        self.assertGreater(len(lives.acs.sessions), 20)
        self.assertEqual(set(lives.acs.told()), {("0 BOOTSTRAP", "1 BOOT")})
        lives.acs.instead = good
        lives.run(5200)
        lives.run(86400)
        self.assertEqual(lives.last().event[0].event_code, "0 BOOTSTRAP")
        self.assertIsNone(lives.runtime.agenda.wake_at(lives.runtime.sessions.now()))

    def test_a_bootstrap_is_told_until_that_very_acs_has_it(self) -> None:
        lives = self.device()
        lives.bootstrapped()
        lives.acs.instead = lambda posted: down(posted) if posted.url == ELSEWHERE else None
        lives.server("URL", ELSEWHERE)
        lives.run(1000)
        self.assertEqual(set(lives.acs.told()[1:]), {("0 BOOTSTRAP",)})
        lives.kill()
        lives.begin(booted=False)
        lives.run(1000)
        self.assertEqual(set(lives.acs.told()[1:]), {("0 BOOTSTRAP",)})
        self.assertEqual({posted.url for posted in lives.acs.firsts()[1:]}, {ELSEWHERE})

    def test_a_url_corrected_while_its_acs_cannot_be_reached_is_tried_at_once(self) -> None:
        for first in (True, False):
            for way in ("device", "file"):
                lives = self.device()
                lives.acs.instead = lambda posted: down(posted) if "wrong" in posted.url else None
                if first:
                    lives.write(SERVER + "URL", "http://wrong.example/")
                    lives.begin()
                else:
                    lives.bootstrapped()
                    lives.kill()
                    lives.write(SERVER + "URL", "http://wrong.example/")
                    lives.begin(booted=False)
                lives.run(10000)
                self.assertGreater(lives.last().retry_count, 8)
                tries = len(lives.acs.sessions)
                if way == "device":
                    lives.server("URL", ELSEWHERE)
                else:
                    lives.kill()
                    lives.write(SERVER + "URL", ELSEWHERE)
                    lives.begin(booted=False)
                lives.run(1)
                self.assertEqual(lives.acs.firsts()[-1].url, ELSEWHERE, (first, way))
                self.assertEqual(len(lives.acs.sessions), tries + 1)
                self.assertEqual(lives.last().retry_count, 0)
                self.assertEqual(lives.acs.told()[-1][0], "0 BOOTSTRAP")

    def test_the_first_acs_again_needs_no_patience(self) -> None:
        lives = self.device()
        lives.bootstrapped()
        home = lives.value(SERVER + "URL")
        lives.acs.instead = lambda posted: down(posted) if posted.url == ELSEWHERE else None
        lives.server("URL", ELSEWHERE)
        lives.run(10000)
        lives.server("URL", home)
        lives.run(1)
        self.assertEqual(lives.acs.firsts()[-1].url, home)
        self.assertEqual(lives.last().retry_count, 0)

    def test_an_agent_switched_off_is_silent_until_it_is_switched_on(self) -> None:
        lives = self.device(PeriodicInformEnable="true", PeriodicInformInterval="60")
        lives.bootstrapped()
        lives.server("EnableCWMP", "false")
        lives.change(CODE, "changed")
        lives.run(1000)
        self.assertEqual(len(lives.acs.sessions), 1)
        lives.kill()
        lives.resume(booted=True)
        lives.run(1000)
        self.assertEqual(len(lives.acs.sessions), 1)
        lives.server("EnableCWMP", "true")
        lives.run(1)
        self.assertEqual(len(lives.acs.sessions), 2)
        self.assertLessEqual({"1 BOOT", "2 PERIODIC", "4 VALUE CHANGE"}, set(lives.acs.told()[-1]))

    def test_switched_off_within_a_session_by_the_acs(self) -> None:
        lives = self.device(PeriodicInformEnable="true", PeriodicInformInterval="60")
        lives.bootstrapped()
        done, read = lives.ask(
            assign("off", **{SERVER + "EnableCWMP": Value(ValueType.BOOLEAN, "0")}), GetParameterValues((CODE,))
        )
        self.assertEqual(done, SetParameterValuesResponse(0))
        self.assertNotIsInstance(read, Fault)
        self.assertTrue(lives.ended()[-1].success)
        lives.run(10000)
        self.assertEqual(len(lives.acs.sessions), 2)


class FileTests(LivesCase):
    """Values of the configuration file, and values written later."""

    def test_a_value_nobody_wrote_follows_the_file(self) -> None:
        lives = self.device()
        lives.bootstrapped()
        self.assertEqual(lives.value(NTP), "pool.ntp.org")
        lives.kill()
        lives.write(NTP, "file.example")
        lives.resume(booted=False)
        self.assertEqual(lives.value(NTP), "file.example")
        self.assertEqual(len(lives.acs.sessions), 1)
        lives.kill()
        lives.write(SOFTWARE, "2.0")
        lives.resume(booted=True)
        self.assertEqual(lives.acs.told()[1:], [("1 BOOT", "4 VALUE CHANGE")])
        self.assertEqual(lives.last_values()[SOFTWARE], "2.0")

    def test_what_the_acs_wrote_wins_and_the_start_says_so_once(self) -> None:
        for path, shown in ((NTP, True), (SERVER + "ConnectionRequestPassword", False)):
            lives = self.device()
            lives.write(path, "of-the-file")
            lives.bootstrapped()
            lives.ask(assign("", **{path: "of-the-acs"}))
            lives.kill()
            lives.facts.clear()
            lives.resume(booted=False)
            self.assertEqual(self.noted(lives), [])
            lives.kill()
            lives.write(path, "new-in-the-file")
            lives.resume(booted=False)
            self.assertEqual(lives.value(path), "of-the-acs")
            (line,) = self.noted(lives)
            self.assertIn(path, line)
            for text in ("new-in-the-file", "of-the-acs"):
                self.assertIs(text in line, shown)
            self.assertNotIn("of-the-file", line)

    def noted(self, lives: DiskLives) -> list[str]:
        """The facts Noted, without the one of every device without credentials."""
        noted = [fact.text for fact in lives.facts if isinstance(fact, Noted)]
        return [text for text in noted if not text.startswith("no connection request is accepted")]
