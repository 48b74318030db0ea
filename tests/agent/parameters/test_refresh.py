"""Values that the device reads each time: reported in each session; no harm follows where they cannot be read."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from cwmpagent.agent.facts import Warned
from cwmpagent.protocol.agenda.events import CONNECTION_REQUEST, Event
from cwmpagent.protocol.rpc import (
    Fault,
    GetParameterValues,
    GetParameterValuesResponse,
    SetParameterAttributes,
    SetParameterAttributesStruct,
)
from tests.agent.ports import SimulatedAgent

UPTIME = "Device.DeviceInfo.UpTime"
TOTAL = "Device.DeviceInfo.MemoryStatus.Total"  # the only live parameter that supports active notification


class LiveTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.simulated = SimulatedAgent()
        self.simulated.readings = {UPTIME: lambda: str(int(self.simulated.timers.seconds())), TOTAL: self.total}
        self.memory: str | Exception = "1000"
        self.simulated.begin()

    def total(self) -> str:
        if isinstance(self.memory, Exception):
            raise self.memory
        return self.memory

    def watch(self, path: str, notification: int) -> None:
        self.simulated.acs.asking.append(
            SetParameterAttributes((SetParameterAttributesStruct(path, True, notification, False, ()),))
        )
        self.call()

    def call(self) -> None:
        """Receive a ConnectionRequest; a minute passes."""
        self.simulated.happen(Event(CONNECTION_REQUEST))
        self.simulated.run(60)

    def last(self) -> tuple[tuple[str, ...], dict[str, str]]:
        """EventCodes and values of the last Inform."""
        inform = self.simulated.acs.informs()[-1]
        return self.simulated.acs.event_codes()[-1], {each.name: each.value.text for each in inform.parameter_list}

    def assert_only_told_of_it(self) -> None:
        """Assert that all warnings are about the read that failed."""
        odd = self.simulated.odd()
        self.assertTrue(odd)
        for fact in odd:
            assert isinstance(fact, Warned), fact
            self.assertTrue(fact.text.startswith(f"provider functions: {TOTAL} could not be read: "), fact)

    def test_a_passive_one_is_told_with_its_present_value(self) -> None:
        self.watch(UPTIME, 1)
        seconds = str(int(self.simulated.timers.seconds()))
        self.call()
        events, values = self.last()
        self.assertEqual(events, ("4 VALUE CHANGE", "6 CONNECTION REQUEST"))
        self.assertEqual(values[UPTIME], seconds)
        self.assertEqual(self.simulated.odd(), [])

    def test_one_that_did_not_change_is_not_told(self) -> None:
        self.watch(TOTAL, 1)
        self.call()
        events, values = self.last()
        self.assertEqual(events, ("6 CONNECTION REQUEST",))
        self.assertNotIn(TOTAL, values)

    def test_an_active_one_opens_no_session_after_session(self) -> None:
        self.watch(TOTAL, 2)
        self.simulated.readings[TOTAL] = lambda: str(len(self.simulated.facts))  # another value at each read
        before = len(self.simulated.acs.sessions)
        self.call()
        self.assertEqual(len(self.simulated.acs.sessions), before + 1)
        self.assertEqual(self.last()[0], ("4 VALUE CHANGE", "6 CONNECTION REQUEST"))

    def test_one_that_cannot_be_read_is_left_out_of_the_inform(self) -> None:
        self.watch(TOTAL, 1)
        for error in (OSError("no /proc"), RuntimeError("no such metric")):
            self.memory = "2000"
            self.simulated.begin(booted=False)  # the change is pending, and then it cannot be read
            self.simulated.run(2)
            self.memory = error
            before = len(self.simulated.acs.sessions)
            self.call()
            self.assertEqual(len(self.simulated.acs.sessions), before + 1)
            self.assertTrue(self.simulated.ended()[-1].success)
            self.assertNotIn(TOTAL, self.last()[1])
        self.assert_only_told_of_it()

    def test_nor_does_it_keep_the_agent_from_starting(self) -> None:
        self.watch(TOTAL, 2)
        self.memory = RuntimeError("no such metric")
        self.simulated.begin()
        self.assertEqual(self.last()[0], ("1 BOOT",))
        self.assert_only_told_of_it()

    def test_asked_for_it_is_fault_9002(self) -> None:
        for self.memory in (OSError("no /proc"), RuntimeError("no such metric")):
            self.simulated.acs.asking.append(GetParameterValues((TOTAL,)))
            self.call()
            (answer,) = self.simulated.acs.answers()
            assert isinstance(answer, Fault), answer
            self.assertEqual(answer.code, 9002)
            self.assertIn(TOTAL, answer.text)
        self.simulated.acs.asking.append(GetParameterValues((UPTIME,)))
        self.call()
        self.assertIsInstance(self.simulated.acs.answers()[0], GetParameterValuesResponse)
        self.assert_only_told_of_it()

    def test_a_time_that_no_calendar_has_is_unknown(self) -> None:
        self.simulated.clock.step(8000 * 365.25 * 86400)
        self.call()
        self.assertEqual(self.simulated.acs.informs()[-1].current_time, "0001-01-01T00:00:00Z")
        self.assertEqual(self.simulated.odd(), [])
