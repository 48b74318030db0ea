"""Events (EVT and FR): the events that each boot, setting and RPC causes; none is lost."""

from __future__ import annotations

from itertools import pairwise

from cwmpagent.agent.facts import Warned
from cwmpagent.lab.acs import LabAcs
from cwmpagent.protocol.rpc import (
    AddObject,
    FactoryReset,
    FactoryResetResponse,
    Fault,
    GetParameterAttributes,
    GetParameterNames,
    GetParameterValues,
    GetRPCMethods,
    Reboot,
    RebootResponse,
    ScheduleInform,
    ScheduleInformResponse,
    SetParameterAttributes,
    SetParameterAttributesStruct,
    SetParameterValuesResponse,
)
from cwmpagent.values import Value, ValueType, format_time
from tests.agent.bench import DEVICE, SERVER, BenchCase, assign, reactor
from tests.agent.ports import NEW_YEAR_2026
from tests.conformance.simulated import (
    CODE,
    ELSEWHERE,
    NTP,
    SOFTWARE,
    TABLE,
    SimulatedAgentCase,
)

FORCED = {
    "Device.RootDataModelVersion",
    "Device.DeviceInfo.HardwareVersion",
    SOFTWARE,
    CODE,
    SERVER + "ParameterKey",
    SERVER + "ConnectionRequestURL",
    SERVER + "AliasBasedAddressing",
}


class EventTests(BenchCase):
    """Events over loopback."""

    async def test_evt_01_first_contact_is_a_bootstrap_with_the_forced_parameters(self) -> None:
        trace = await self.bootstrapped()
        self.assertEqual(trace.event_codes, ("0 BOOTSTRAP", "1 BOOT"))
        (inform,) = trace.informs
        names = [each.name for each in inform.parameter_list]
        self.assertEqual(sorted(names), sorted(FORCED))
        self.assertEqual(inform.retry_count, 0)
        self.assertEqual(inform.max_envelopes, 1)
        self.assert_nothing_odd()

    async def test_evt_02_a_boot_is_no_bootstrap(self) -> None:
        await self.bootstrapped()
        await self.ask(Reboot(""))
        trace = await self.session(event="1 BOOT", since=1)
        self.assertNotIn("0 BOOTSTRAP", trace.event_codes)
        self.assertNotIn("4 VALUE CHANGE", trace.event_codes)

    async def test_evt_03_the_acs_sends_the_device_elsewhere(self) -> None:
        other = LabAcs(reactor, auth=self.auth, username="cpe", password="acs-secret")
        port = reactor.listenTCP(0, other.site(), interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        self.addCleanup(other.close)
        await self.bootstrapped()
        there = f"http://127.0.0.1:{port.getHost().port}/"
        coming = other.wait_for_session(DEVICE, ended="complete")
        done, read = await self.ask(assign("moved", **{SERVER + "URL": there}), GetParameterValues((SERVER + "URL",)))
        self.assertEqual(done, SetParameterValuesResponse(1))
        self.assertEqual(read.parameter_list[0].value.text, there)
        here = self.lab.sessions.seen
        trace = await coming
        self.assertEqual(trace.event_codes, ("0 BOOTSTRAP",))
        self.assertEqual(trace.informs[0].retry_count, 0)
        self.assertEqual({each.name for each in trace.informs[0].parameter_list}, FORCED)
        await self.until(lambda: self.agent is not None and not self.agent.runtime.sessions.in_session)
        await self.end()
        again = other.wait_for_session(DEVICE, ended="complete")
        self.begin()
        self.assertIn("1 BOOT", (await again).event_codes)
        self.assertNotIn("0 BOOTSTRAP", (await again).event_codes)
        self.assertEqual(self.lab.sessions.seen, here)
        self.assert_nothing_odd_but("already")

    def assert_nothing_odd_but(self, word: str) -> None:
        self.assertEqual([fact for fact in self.facts if isinstance(fact, Warned) and word not in fact.text], [])

    async def test_evt_07_reboot(self) -> None:
        await self.bootstrapped()
        number = self.lab.sessions.seen
        (answer,) = await self.ask(Reboot("k"))
        self.assertEqual(answer, RebootResponse())
        asked = next(trace for trace in self.lab.sessions if trace.number == number + 1)
        self.assertEqual(asked.ended, "complete")
        trace = await self.session(event="1 BOOT", since=number)
        told = [(each.event_code, each.command_key) for each in trace.events]
        self.assertEqual(told, [("1 BOOT", ""), ("M Reboot", "k")])

    async def test_evt_07_two_reboots_in_one_session_are_told_both(self) -> None:
        await self.bootstrapped()
        number = self.lab.sessions.seen
        await self.ask(Reboot("one"), Reboot("two"))
        trace = await self.session(event="1 BOOT", since=number)
        told = [(each.event_code, each.command_key) for each in trace.events]
        self.assertEqual(told, [("1 BOOT", ""), ("M Reboot", "one"), ("M Reboot", "two")])

    async def test_evt_07_many_reboots_in_a_row_each_report_their_own_once(self) -> None:
        await self.bootstrapped()
        for number in range(6):
            seen = self.lab.sessions.seen
            await self.ask(Reboot(f"key {number}"))
            trace = await self.session(event="1 BOOT", since=seen)
            reported = [(each.event_code, each.command_key) for each in trace.events]
            self.assertEqual(reported, [("1 BOOT", ""), ("M Reboot", f"key {number}")])
        seen = self.lab.sessions.seen
        await self.ask(GetRPCMethods())
        trace = await self.session(event="6 CONNECTION REQUEST", since=seen)
        self.assertEqual([each.event_code for each in trace.events], ["6 CONNECTION REQUEST"])

    async def test_evt_11_schedule_inform_needs_a_delay(self) -> None:
        await self.bootstrapped()
        (answer,) = await self.ask(ScheduleInform(0, "now"))
        self.assertIsInstance(answer, Fault)
        self.assertEqual(answer.code, 9003)

    async def test_fr_01_factory_reset(self) -> None:
        await self.bootstrapped()
        await self.ask(
            assign("key", **{CODE: "mine", SERVER + "ConnectionRequestPassword": "request-secret"}),
            SetParameterAttributes((SetParameterAttributesStruct(NTP, True, 2, True, ()),)),
            AddObject(TABLE, "key"),
            ScheduleInform(3600, "dropped"),
        )
        number = self.lab.sessions.seen
        (answer,) = await self.ask(FactoryReset())
        self.assertEqual(answer, FactoryResetResponse())
        trace = await self.session(event="0 BOOTSTRAP", since=number)
        self.assertEqual(trace.event_codes, ("0 BOOTSTRAP", "1 BOOT"))
        values, names, attributes, added = await self.ask(
            GetParameterValues((CODE, SERVER + "ParameterKey", SERVER + "URL")),
            GetParameterNames(TABLE, True),
            GetParameterAttributes((NTP,)),
            AddObject(TABLE, ""),
        )
        self.assertEqual([each.value.text for each in values.parameter_list], ["", "", self.url])
        self.assertEqual(names.parameter_list, ())
        self.assertEqual(attributes.parameter_list[0].notification, 0)
        self.assertEqual(attributes.parameter_list[0].access_list, ("Subscriber",))
        self.assertEqual(added.instance_number, 1)
        self.assertEqual(self.agent and self.agent.runtime.agenda.scheduled(), ())

    async def test_fr_01_a_reset_brings_back_the_url_of_the_file(self) -> None:
        await self.bootstrapped()
        number = self.lab.sessions.seen
        # In the same session: another URL, and then a factory reset.
        await self.ask(assign("", **{SERVER + "URL": ELSEWHERE}), FactoryReset())
        trace = await self.session(event="0 BOOTSTRAP", since=number)
        self.assertEqual(trace.event_codes, ("0 BOOTSTRAP", "1 BOOT"))


class TimeTests(SimulatedAgentCase):
    """Events with a simulated clock: periods, schedules, and settings that change them."""

    def test_evt_05_the_period_hangs_on_its_reference(self) -> None:
        future = format_time(NEW_YEAR_2026 + 5 * 86400 + 17)
        simulated = self.device(PeriodicInformEnable="true", PeriodicInformInterval="60", PeriodicInformTime=future)
        simulated.bootstrapped()
        simulated.run(200)
        self.assertEqual(simulated.acs.event_codes()[1:], [("2 PERIODIC",)] * 4)
        ahead = simulated.clock.wall() - simulated.clock.monotonic()
        for posted in simulated.acs.firsts()[1:]:
            self.assertAlmostEqual((posted.at + ahead - NEW_YEAR_2026) % 60, 17, places=2)

    def test_evt_06_a_new_interval_counts_at_once(self) -> None:
        simulated = self.device(PeriodicInformEnable="true", PeriodicInformInterval="3600")
        simulated.bootstrapped()
        simulated.ask(assign("", **{SERVER + "PeriodicInformTime": Value(ValueType.DATE_TIME, "2026-01-01T00:00:00Z")}))
        for interval in (60, 30):
            simulated.ask(
                assign("", **{SERVER + "PeriodicInformInterval": Value(ValueType.UNSIGNED_INT, str(interval))})
            )
            before = len(simulated.acs.sessions)
            simulated.run(10 * interval)
            times = [posted.at for posted in simulated.acs.firsts()[before:]]
            self.assertEqual(len(times), 10)
            for earlier, later in pairwise(times):
                self.assertAlmostEqual(later - earlier, interval, places=2)

    def test_evt_06_switched_off_and_on_by_somebody_at_the_device(self) -> None:
        simulated = self.device(PeriodicInformEnable="true", PeriodicInformInterval="60")
        simulated.bootstrapped()
        simulated.server("PeriodicInformEnable", "false")
        simulated.run(1000)
        self.assertEqual(len(simulated.acs.sessions), 1)
        simulated.server("PeriodicInformEnable", "true")
        simulated.run(61)
        self.assertEqual(simulated.acs.event_codes()[1:2], [("2 PERIODIC",)])

    def test_evt_09_two_schedules_come_together(self) -> None:
        simulated = self.device()
        simulated.bootstrapped()
        simulated.ask(ScheduleInform(60, "k1"), ScheduleInform(60, "k2"))
        simulated.run(59)
        self.assertEqual(len(simulated.acs.sessions), 2)
        simulated.run(2)
        told = [(each.event_code, each.command_key) for each in simulated.last().event]
        self.assertEqual(told, [("3 SCHEDULED", ""), ("M ScheduleInform", "k1"), ("M ScheduleInform", "k2")])
        self.assertEqual(len(simulated.acs.sessions), 3)

    def test_evt_10_the_same_key_again_replaces(self) -> None:
        simulated = self.device()
        simulated.bootstrapped()
        simulated.ask(ScheduleInform(60, "k1"), ScheduleInform(10, "k1"))
        asked = simulated.clock.monotonic()
        simulated.run(1000)
        self.assertEqual(simulated.acs.event_codes()[2:], [("3 SCHEDULED", "M ScheduleInform")])
        self.assertAlmostEqual(simulated.acs.firsts()[-1].at - asked, 10, places=2)

    def test_evt_11_queue_of_schedules_is_bounded_and_holds_three(self) -> None:
        simulated = self.device()
        simulated.bootstrapped()
        answers = simulated.ask(*(ScheduleInform(600, f"k{number}") for number in range(20)))
        good = [each for each in answers if isinstance(each, ScheduleInformResponse)]
        refused = [each.code for each in answers if isinstance(each, Fault)]
        self.assertGreaterEqual(len(good), 3)
        self.assertEqual(refused, [9004] * (20 - len(good)))

    def test_evt_12_sixteen_schedules_outlive_restarts_and_boots(self) -> None:
        simulated = self.device()
        simulated.bootstrapped()
        answers = simulated.ask(*(ScheduleInform(600, f"k{number}") for number in range(17)))
        self.assertEqual(answers[:16], [ScheduleInformResponse()] * 16)
        for booted in (False, True, False):
            simulated.kill()
            simulated.resume(booted=booted)
        simulated.run(601)
        keys = [each.command_key for each in simulated.last().event if each.event_code == "M ScheduleInform"]
        self.assertEqual(keys, [f"k{number}" for number in range(16)])

    def test_evt_12_a_schedule_outlives_a_boot(self) -> None:
        for killed in (False, True):
            simulated = self.device()
            simulated.bootstrapped()
            simulated.ask(ScheduleInform(600, "k1"))
            asked = simulated.clock.monotonic()
            simulated.run(100)
            if killed:
                simulated.kill()
                simulated.resume(booted=True)
            else:
                simulated.reboot()
            self.assertEqual(simulated.acs.event_codes()[-1], ("1 BOOT",))
            simulated.run(1000)
            self.assertEqual(simulated.acs.event_codes()[-1], ("3 SCHEDULED", "M ScheduleInform"))
            self.assertAlmostEqual(simulated.acs.firsts()[-1].at - asked, 600, places=2)

    def test_evt_12_without_a_known_time_a_boot_ends_a_schedule(self) -> None:
        simulated = self.device(wall=0.0)
        simulated.bootstrapped()
        simulated.ask(ScheduleInform(600, "k1"))
        simulated.reboot()
        simulated.run(10000)
        self.assertEqual(simulated.acs.event_codes()[2:], [("1 BOOT",)])

    def test_evt_12_a_restart_without_a_boot_leaves_a_schedule_as_it_is(self) -> None:
        for wall in (0.0, NEW_YEAR_2026):
            simulated = self.device(wall=wall)
            simulated.bootstrapped()
            simulated.ask(ScheduleInform(600, "k1"))
            asked = simulated.clock.monotonic()
            simulated.kill()
            simulated.resume(booted=False)
            simulated.run(10000)
            self.assertEqual(simulated.acs.event_codes()[2:], [("3 SCHEDULED", "M ScheduleInform")])
            self.assertAlmostEqual(simulated.acs.firsts()[-1].at - asked, 600, places=2)
