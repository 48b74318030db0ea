"""Rows by alias on a device with providers: a change and its rows are made completely or not at all."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from cwmpagent.agent.parameters.changes import Origin
from cwmpagent.datamodel.plan import ParameterAssignment
from cwmpagent.errors import CwmpFault
from tests.agent.box import NTP, PORTS
from tests.agent.parameters.test_transaction import Boxed

CREATE = "Device.ManagementServer.AutoCreateInstances"
WEB = PORTS + "[web]."


class NewRowTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.box = Boxed()
        self.box.set({CREATE: "true"})
        self.box.add()
        self.before = self.box.told()

    def fault(self, values: dict[str, str]) -> CwmpFault:
        return self.assertRaises(CwmpFault, self.box.set, values, "after")

    def assert_untouched(self) -> None:
        self.assertEqual(self.box.told(), self.before)
        self.assertEqual(self.box.differences().keys() - {PORTS + "1.Alias"}, set())

    def test_the_device_gets_row_and_values_and_no_alias(self) -> None:
        self.box.set({WEB + "Description": "d", NTP[0]: "time"}, "made")
        method, changes = self.box.ports.calls[-1]
        self.assertEqual(method, "apply")
        self.assertEqual(changes, {PORTS + "2.": "", PORTS + "2.Description": "d"})
        self.assertEqual(self.box.told()[PORTS + "2.Alias"], "web")

    def test_an_alias_is_no_business_of_the_device(self) -> None:
        calls = len(self.box.ports.calls)
        self.box.set({PORTS + "1.Alias": "mine"})
        self.assertEqual([method for method, _ in self.box.ports.calls[calls:] if method != "read"], [])
        self.assertEqual(self.box.told()[PORTS + "1.Alias"], "mine")

    def test_a_value_that_the_device_refuses_is_named_as_it_was_written(self) -> None:
        self.box.ports.trouble["check"] = lambda: {PORTS + "2.Description": "not that"}
        fault = self.fault({WEB + "Description": "d"})
        self.assertEqual([(each.name, each.code) for each in fault.parameters], [(WEB + "Description", 9007)])
        self.assert_untouched()

    def test_a_row_that_the_device_refuses_is_a_fault_of_what_is_in_it(self) -> None:
        self.box.ports.trouble["check"] = lambda: {PORTS + "2.": "no more room"}
        fault = self.fault({WEB + "Description": "d", NTP[0]: "time"})
        self.assertEqual(fault.code, 9003)
        self.assertEqual(
            [(each.name, each.code, each.text) for each in fault.parameters],
            [(WEB + "Description", 9001, "no more room")],
        )
        self.assert_untouched()

    def test_a_device_that_fails_keeps_no_row(self) -> None:
        def fail() -> None:
            raise RuntimeError("broken")

        self.box.ports.trouble["apply"] = fail
        self.assertEqual(self.fault({NTP[0]: "time", WEB + "Description": "d"}).code, 9002)
        self.box.ports.trouble.clear()
        self.assert_untouched()
        self.box.set({PORTS + "[other].Description": "d"})
        self.assertIn(PORTS + "2.", self.box.device())

    def test_a_person_at_the_device_creates_none_by_naming_it(self) -> None:
        work = self.box.changes.set_values([ParameterAssignment(WEB + "Enable", "true")], Origin.LOCAL)
        self.assertRaises(CwmpFault, self.box.done, work)
        self.assert_untouched()
