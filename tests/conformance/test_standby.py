"""The standby policy (TR-069 Annex L): ``13 WAKEUP`` where the sleep missed what the ACS wants to know."""

from __future__ import annotations

from cwmpagent.agent.facts import Warned
from cwmpagent.protocol.rpc import Fault, ScheduleInform
from cwmpagent.values import Value, ValueType
from tests.agent.bench import SERVER, BenchCase, assign
from tests.conformance.simulated import SimulatedAgentCase, SimulatedDiskAgent

POLICY = SERVER + "StandbyPolicy."
ON = {"PeriodicInformEnable": "true", "PeriodicInformInterval": "1000", "PeriodicInformTime": "2026-01-01T00:00:00Z"}


class StandbyTests(SimulatedAgentCase):
    """A suspended machine: its monotonic clock stands still, and its wall clock is ahead when it wakes."""

    def started(self, **policy: str) -> SimulatedDiskAgent:
        """A bootstrapped agent with a periodic Inform every 1000 s, the next one in 1000 s."""
        simulated = self.device(**ON, **{f"StandbyPolicy.{name}": text for name, text in policy.items()})
        simulated.bootstrapped()
        return simulated

    def sleep(self, simulated: SimulatedDiskAgent, seconds: float) -> bool:
        """Suspend the machine, and wake it."""
        simulated.runtime.standby.sleeping()
        simulated.clock.step(seconds)
        return simulated.runtime.standby.woke()

    def test_wup_01_longer_than_allowed(self) -> None:
        simulated = self.started(CRUnawarenessMaxDuration="60")
        self.assertFalse(self.sleep(simulated, 60))
        self.assertTrue(self.sleep(simulated, 61))
        simulated.run(0)
        self.assertEqual(simulated.acs.event_codes()[1:], [("13 WAKEUP",)])
        simulated.run(10)
        self.assertEqual(len(simulated.acs.sessions), 2)

    def test_wup_02_missed_periodic_contacts(self) -> None:
        for seconds, wakes in ((999, False), (1001, False), (1999, False), (2001, True)):
            simulated = self.started(MaxMissedPeriodic="1")
            self.assertEqual(self.sleep(simulated, seconds), wakes, seconds)

    def test_wup_03_missed_scheduled_contacts(self) -> None:
        for notify, wakes in (("true", True), ("false", False)):
            simulated = self.started(NotifyMissedScheduled=notify)
            simulated.ask(ScheduleInform(100, "k"))
            self.assertFalse(self.sleep(simulated, 50))
            self.assertEqual(self.sleep(simulated, 100), wakes)

    def test_wup_04_never_by_default_and_not_without_a_sleep(self) -> None:
        simulated = self.started()
        self.assertFalse(self.sleep(simulated, 1e6))
        simulated = self.started(CRUnawarenessMaxDuration="0")
        self.assertFalse(simulated.runtime.standby.woke())
        self.assertFalse(self.sleep(simulated, -1e6))

    def test_wup_05_over_a_restart_of_the_process_but_not_over_a_boot(self) -> None:
        for booted in (False, True):
            simulated = self.started(CRUnawarenessMaxDuration="60")
            simulated.runtime.standby.sleeping()
            simulated.kill()
            simulated.resume(booted=booted)
            simulated.clock.step(61)
            if not booted:
                simulated.runtime.standby.sleeping()  # a second report does not begin the sleep anew
            self.assertEqual(simulated.runtime.standby.woke(), not booted)
            simulated.kill()
            simulated.resume(booted=False)
            self.assertFalse(simulated.runtime.standby.woke())
            told = [code for codes in simulated.acs.event_codes() for code in codes]
            self.assertEqual(told.count("13 WAKEUP"), 0 if booted else 1)

    def test_wup_05_a_damaged_note(self) -> None:
        simulated = self.started(CRUnawarenessMaxDuration="0")
        for text in ("{", '{"monotonic":1,"wall":null,"periodic":null,"interval":1,"scheduled":["x"]}'):
            simulated.runtime.journal.save_soon({"standby": text})
            simulated.kill()
            simulated.resume(booted=False)
            self.assertFalse(simulated.runtime.standby.woke())
            warned = [fact.text for fact in simulated.odd() if isinstance(fact, Warned)]
            self.assertEqual([each.partition(",")[0] for each in warned], ["cannot read the saved standby"])
            simulated.facts.clear()


class LoopbackTests(BenchCase):
    """Over loopback, with the lab's ACS, by the methods of Agent."""

    async def test_wup_01_reported_by_the_program(self) -> None:
        await self.bootstrapped()
        bad, good = await self.ask(
            assign("", **{POLICY + "CRUnawarenessMaxDuration": Value(ValueType.INT, "-2")}),
            assign("", **{POLICY + "CRUnawarenessMaxDuration": Value(ValueType.INT, "0")}),
        )
        self.assertEqual((bad.code, bad.parameters[0].code), (9003, 9007))
        self.assertNotIsInstance(good, Fault)
        number = self.lab.sessions.seen
        assert self.agent is not None
        self.assertFalse(self.agent.woke())
        await self.agent.sleeping()
        self.assertTrue(self.agent.woke())
        trace = await self.session(event="13 WAKEUP", since=number)
        self.assertEqual(trace.event_codes, ("13 WAKEUP",))
