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
from tests.conformance.simulated import (
    CODE,
    ELSEWHERE,
    NTP,
    SOFTWARE,
    SimulatedAgentCase,
    SimulatedDiskAgent,
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


class BootstrapTests(SimulatedAgentCase):
    """Conditions for ``0 BOOTSTRAP``."""

    def test_evt_04_a_bootstrap_discards_what_was_pending(self) -> None:
        simulated = self.device(PeriodicInformEnable="true", PeriodicInformInterval="60")
        simulated.bootstrapped()
        simulated.ask(ScheduleInform(86400, "queued"))
        simulated.acs.instead = down
        simulated.happen(Event(DIAGNOSTICS_COMPLETE))
        simulated.run(70)
        self.assertLessEqual({"2 PERIODIC", "8 DIAGNOSTICS COMPLETE"}, set(simulated.acs.event_codes()[-1]))
        self.assertGreater(simulated.last().retry_count, 0)
        simulated.acs.instead = good
        simulated.server("URL", ELSEWHERE)
        self.assertEqual(simulated.acs.event_codes()[-1], ("0 BOOTSTRAP",))
        self.assertEqual(simulated.acs.firsts()[-1].url, ELSEWHERE)
        self.assertEqual(simulated.last().retry_count, 0)
        self.assertEqual(simulated.runtime.agenda.scheduled(), ())

    def test_a_url_changed_at_the_device_is_a_bootstrap_without_value_change(self) -> None:
        for origin in (Origin.LOCAL, Origin.DEVICE):
            simulated = self.device()
            simulated.bootstrapped()
            simulated.server("URL", ELSEWHERE, origin)
            self.assertEqual(simulated.acs.event_codes()[1:], [("0 BOOTSTRAP",)])
            self.assertEqual(simulated.acs.firsts()[-1].url, ELSEWHERE)
            simulated.kill()
            simulated.resume(booted=False)
            simulated.run(86400)
            self.assertEqual(len(simulated.acs.sessions), 2)

    def test_a_url_of_the_file_that_nobody_wrote_is_followed(self) -> None:
        simulated = self.device()
        simulated.bootstrapped()
        simulated.kill()
        simulated.write(SERVER + "URL", ELSEWHERE)
        simulated.resume(booted=False)
        self.assertEqual(simulated.acs.event_codes()[1:], [("0 BOOTSTRAP",)])
        self.assertEqual(simulated.acs.firsts()[-1].url, ELSEWHERE)
        simulated.kill()
        simulated.resume(booted=True)
        self.assertEqual(simulated.acs.event_codes()[2:], [("1 BOOT",)])

    def test_a_url_that_is_none_fails_by_the_table_and_can_be_corrected(self) -> None:
        simulated = self.device()
        simulated.bootstrapped()
        simulated.acs.instead = down
        simulated.server("URL", "http://[::1::2]/")
        simulated.run(3600)
        self.assertLess(len(simulated.acs.sessions), 15)
        simulated.acs.instead = good
        simulated.server("URL", ELSEWHERE)
        self.assertEqual(
            (simulated.acs.event_codes()[-1], simulated.acs.firsts()[-1].url), (("0 BOOTSTRAP",), ELSEWHERE)
        )

    def test_killed_or_broken_off_after_the_acs_sent_the_device_elsewhere(self) -> None:
        for killed in (True, False):
            simulated = self.device()
            simulated.bootstrapped()
            broken = (lambda posted: Deferred()) if killed else down
            simulated.acs.instead = lambda posted, broken=broken: broken(posted) if posted.number == 3 else None
            simulated.ask(assign("moved", **{SERVER + "URL": ELSEWHERE}))
            if killed:
                simulated.kill()
                simulated.resume(booted=False)
            self.assertEqual(simulated.acs.event_codes()[2:], [("0 BOOTSTRAP",)])
            self.assertEqual((simulated.acs.firsts()[-1].url, simulated.last().retry_count), (ELSEWHERE, 0))
            self.assertEqual(simulated.last_values()[SERVER + "ParameterKey"], "moved")

    def test_a_new_oui_is_a_bootstrap(self) -> None:
        simulated = self.device()
        simulated.bootstrapped()
        simulated.kill()
        simulated.write(OUI, "0011AA")
        simulated.resume(booted=True)
        self.assertEqual(simulated.acs.event_codes()[1:], [("0 BOOTSTRAP", "1 BOOT")])
        self.assertEqual(simulated.last().device_id.oui, "0011AA")

    def test_a_bootstrap_is_tried_for_ever(self) -> None:
        simulated = self.device()
        simulated.acs.instead = down
        simulated.begin()
        simulated.run(3 * 86400)
        self.assertGreater(len(simulated.acs.sessions), 20)
        self.assertEqual(set(simulated.acs.event_codes()), {("0 BOOTSTRAP", "1 BOOT")})
        simulated.acs.instead = good
        simulated.run(5200)
        simulated.run(86400)
        self.assertEqual(simulated.last().event[0].event_code, "0 BOOTSTRAP")
        self.assertIsNone(simulated.runtime.agenda.wake_at(simulated.runtime.sessions.now()))

    def test_a_bootstrap_is_told_until_that_very_acs_has_it(self) -> None:
        simulated = self.device()
        simulated.bootstrapped()
        simulated.acs.instead = lambda posted: down(posted) if posted.url == ELSEWHERE else None
        simulated.server("URL", ELSEWHERE)
        simulated.run(1000)
        self.assertEqual(set(simulated.acs.event_codes()[1:]), {("0 BOOTSTRAP",)})
        simulated.kill()
        simulated.begin(booted=False)
        simulated.run(1000)
        self.assertEqual(set(simulated.acs.event_codes()[1:]), {("0 BOOTSTRAP",)})
        self.assertEqual({posted.url for posted in simulated.acs.firsts()[1:]}, {ELSEWHERE})

    def test_a_url_corrected_while_its_acs_cannot_be_reached_is_tried_at_once(self) -> None:
        for first in (True, False):
            for way in ("device", "file"):
                simulated = self.device()
                simulated.acs.instead = lambda posted: down(posted) if "wrong" in posted.url else None
                if first:
                    simulated.write(SERVER + "URL", "http://wrong.example/")
                    simulated.begin()
                else:
                    simulated.bootstrapped()
                    simulated.kill()
                    simulated.write(SERVER + "URL", "http://wrong.example/")
                    simulated.begin(booted=False)
                simulated.run(10000)
                self.assertGreater(simulated.last().retry_count, 8)
                tries = len(simulated.acs.sessions)
                if way == "device":
                    simulated.server("URL", ELSEWHERE)
                else:
                    simulated.kill()
                    simulated.write(SERVER + "URL", ELSEWHERE)
                    simulated.begin(booted=False)
                simulated.run(1)
                self.assertEqual(simulated.acs.firsts()[-1].url, ELSEWHERE, (first, way))
                self.assertEqual(len(simulated.acs.sessions), tries + 1)
                self.assertEqual(simulated.last().retry_count, 0)
                self.assertEqual(simulated.acs.event_codes()[-1][0], "0 BOOTSTRAP")

    def test_the_first_acs_again_needs_no_patience(self) -> None:
        simulated = self.device()
        simulated.bootstrapped()
        home = simulated.value(SERVER + "URL")
        simulated.acs.instead = lambda posted: down(posted) if posted.url == ELSEWHERE else None
        simulated.server("URL", ELSEWHERE)
        simulated.run(10000)
        simulated.server("URL", home)
        simulated.run(1)
        self.assertEqual(simulated.acs.firsts()[-1].url, home)
        self.assertEqual(simulated.last().retry_count, 0)

    def test_an_agent_switched_off_is_silent_until_it_is_switched_on(self) -> None:
        simulated = self.device(PeriodicInformEnable="true", PeriodicInformInterval="60")
        simulated.bootstrapped()
        simulated.server("EnableCWMP", "false")
        simulated.change(CODE, "changed")
        simulated.run(1000)
        self.assertEqual(len(simulated.acs.sessions), 1)
        simulated.kill()
        simulated.resume(booted=True)
        simulated.run(1000)
        self.assertEqual(len(simulated.acs.sessions), 1)
        simulated.server("EnableCWMP", "true")
        simulated.run(1)
        self.assertEqual(len(simulated.acs.sessions), 2)
        self.assertLessEqual({"1 BOOT", "2 PERIODIC", "4 VALUE CHANGE"}, set(simulated.acs.event_codes()[-1]))

    def test_switched_off_within_a_session_by_the_acs(self) -> None:
        simulated = self.device(PeriodicInformEnable="true", PeriodicInformInterval="60")
        simulated.bootstrapped()
        done, read = simulated.ask(
            assign("off", **{SERVER + "EnableCWMP": Value(ValueType.BOOLEAN, "0")}), GetParameterValues((CODE,))
        )
        self.assertEqual(done, SetParameterValuesResponse(0))
        self.assertNotIsInstance(read, Fault)
        self.assertTrue(simulated.ended()[-1].success)
        simulated.run(10000)
        self.assertEqual(len(simulated.acs.sessions), 2)


class FileTests(SimulatedAgentCase):
    """Values of the configuration file, and values written later."""

    def test_a_value_nobody_wrote_follows_the_file(self) -> None:
        simulated = self.device()
        simulated.bootstrapped()
        self.assertEqual(simulated.value(NTP), "pool.ntp.org")
        simulated.kill()
        simulated.write(NTP, "file.example")
        simulated.resume(booted=False)
        self.assertEqual(simulated.value(NTP), "file.example")
        self.assertEqual(len(simulated.acs.sessions), 1)
        simulated.kill()
        simulated.write(SOFTWARE, "2.0")
        simulated.resume(booted=True)
        self.assertEqual(simulated.acs.event_codes()[1:], [("1 BOOT", "4 VALUE CHANGE")])
        self.assertEqual(simulated.last_values()[SOFTWARE], "2.0")

    def test_what_the_acs_wrote_wins_and_the_start_says_so_once(self) -> None:
        for path, shown in ((NTP, True), (SERVER + "ConnectionRequestPassword", False)):
            simulated = self.device()
            simulated.write(path, "of-the-file")
            simulated.bootstrapped()
            simulated.ask(assign("", **{path: "of-the-acs"}))
            simulated.kill()
            simulated.facts.clear()
            simulated.resume(booted=False)
            self.assertEqual(self.noted(simulated), [])
            simulated.kill()
            simulated.write(path, "new-in-the-file")
            simulated.resume(booted=False)
            self.assertEqual(simulated.value(path), "of-the-acs")
            (line,) = self.noted(simulated)
            self.assertIn(path, line)
            for text in ("new-in-the-file", "of-the-acs"):
                self.assertIs(text in line, shown)
            self.assertNotIn("of-the-file", line)

    def test_a_password_in_a_url_of_the_file_is_not_logged(self) -> None:
        simulated = self.device()
        simulated.write(CODE, "http://me:first@a.example/")
        simulated.bootstrapped()
        simulated.ask(assign("", **{CODE: "http://me:second@a.example/"}))
        simulated.kill()
        simulated.write(CODE, "http://me:third@a.example/")
        simulated.resume(booted=False)
        (line,) = self.noted(simulated)
        self.assertIn(CODE, line)
        for secret in ("first", "second", "third"):
            self.assertNotIn(secret, line)

    def noted(self, simulated: SimulatedDiskAgent) -> list[str]:
        """The facts Noted, without the one of every device without credentials."""
        noted = [fact.text for fact in simulated.facts if isinstance(fact, Noted)]
        return [text for text in noted if not text.startswith("no ConnectionRequest is accepted")]
