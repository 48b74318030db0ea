"""The table InformParameter (TR-181 2.8): additional parameters in Informs, and the events that select them."""

from __future__ import annotations

from cwmpagent.agent.parameters.changes import Origin
from cwmpagent.errors import CwmpFault
from cwmpagent.protocol.agenda.events import DIAGNOSTICS_COMPLETE, Event
from cwmpagent.protocol.rpc import (
    AddObject,
    AddObjectResponse,
    DeleteObject,
    Fault,
    ScheduleInform,
    SetParameterValues,
    SetParameterValuesResponse,
)
from cwmpagent.values import Value, ValueType
from tests.agent.bench import SERVER, assign
from tests.conformance.simulated import CODE, NTP, TABLE, SimulatedAgentCase, SimulatedDiskAgent, down, good
from tests.conformance.test_notifications import attributes

ENTRIES = SERVER + "InformParameter."
UPTIME = "Device.DeviceInfo.UpTime"
TRUE = Value(ValueType.BOOLEAN, "true")


def entry(number: int, name: str, events: str = "", **others: Value | str) -> SetParameterValues:
    """A SetParameterValues that fills and enables a row."""
    row = f"{ENTRIES}{number}."
    values = {"ParameterName": name, "EventList": events, "Enable": TRUE, **others}
    return assign("", **{row + key: value for key, value in values.items()})


class InformParameterTests(SimulatedAgentCase):
    def device_with(self, *entries: tuple[str, str], **options: str) -> SimulatedDiskAgent:
        """A bootstrapped device with these entries: ParameterName and EventList."""
        simulated = self.device(**options)
        simulated.bootstrapped()
        for number, (name, events) in enumerate(entries, 1):
            answers = simulated.ask(AddObject(ENTRIES, ""), entry(number, name, events))
            self.assertEqual(answers, [AddObjectResponse(number, 0), SetParameterValuesResponse(0)])
        return simulated

    def refused(self, simulated: SimulatedDiskAgent, request: SetParameterValues) -> list[tuple[str, int]]:
        """The parameters at fault, relative to their row, and their fault codes."""
        (answer,) = simulated.ask(request)
        assert isinstance(answer, Fault), answer
        self.assertEqual(answer.code, 9003)
        return [(each.name.rpartition(".")[2], each.code) for each in answer.parameters]

    def test_evt_15_with_the_events_that_are_listed_and_no_others(self) -> None:
        simulated = self.device_with((NTP, "1 BOOT"))
        simulated.ask(ScheduleInform(10, "k"))
        simulated.run(20)
        self.assertEqual(simulated.acs.event_codes()[-1], ("3 SCHEDULED", "M ScheduleInform"))
        self.assertNotIn(NTP, simulated.last_values())
        simulated.reboot()
        self.assertEqual(simulated.acs.event_codes()[-1], ("1 BOOT",))
        self.assertEqual(simulated.last_values()[NTP], simulated.value(NTP))

    def test_evt_15_each_event_of_a_list_counts(self) -> None:
        simulated = self.device_with((NTP, "8 DIAGNOSTICS COMPLETE, M ScheduleInform,X 00D09E Button"))
        for event in (DIAGNOSTICS_COMPLETE, "X 00D09E Button", "M ScheduleInform"):
            simulated.happen(Event(event))
            self.assertIn(NTP, simulated.last_values(), event)
        simulated.call()
        self.assertNotIn(NTP, simulated.last_values())

    def test_evt_15_an_empty_list_is_all_events_but_value_change(self) -> None:
        simulated = self.device_with((NTP, ""))
        simulated.call()
        self.assertIn(NTP, simulated.last_values())
        simulated.change(CODE, "changed")
        self.assertEqual(simulated.acs.event_codes()[-1], ("4 VALUE CHANGE",))
        self.assertNotIn(NTP, simulated.last_values())

    def test_evt_15_heartbeats_are_events_too(self) -> None:
        simulated = self.device_with(
            (NTP, "14 HEARTBEAT"), **{"HeartbeatPolicy.Enable": "true", "HeartbeatPolicy.ReportingInterval": "30"}
        )
        simulated.run(31)
        self.assertEqual(simulated.acs.event_codes()[-1], ("14 HEARTBEAT",))
        self.assertIn(NTP, simulated.last_values())

    def test_evt_15_without_events_nothing_is_added(self) -> None:
        simulated = self.device_with((NTP, ""))
        simulated.acs.instead = lambda posted: down(posted) if posted.number == 2 else None
        simulated.call()  # the Inform is answered, then the session breaks and is retried with an empty event list
        simulated.acs.instead = good
        simulated.run(60)
        self.assertEqual(simulated.acs.event_codes()[-1], ())
        self.assertNotIn(NTP, simulated.last_values())

    def test_evt_15_switched_off_or_deleted_it_is_not_there(self) -> None:
        simulated = self.device_with((NTP, ""), (UPTIME, ""))
        simulated.ask(assign("", **{ENTRIES + "1.Enable": Value(ValueType.BOOLEAN, "false")}))
        simulated.ask(DeleteObject(ENTRIES + "2.", ""))
        simulated.call()
        self.assertNotIn(NTP, simulated.last_values())
        self.assertNotIn(UPTIME, simulated.last_values())

    def test_evt_15_a_wildcard_stands_for_every_row_of_now(self) -> None:
        simulated = self.device_with((TABLE + "*.Description", ""))
        simulated.call()
        self.assertFalse([name for name in simulated.last_values() if name.startswith(TABLE)])
        simulated.ask(AddObject(TABLE, ""), AddObject(TABLE, ""))
        simulated.call()
        expected = {TABLE + "1.Description", TABLE + "2.Description"}
        self.assertEqual({name for name in simulated.last_values() if name.startswith(TABLE)}, expected)

    def test_evt_15_a_row_by_its_alias(self) -> None:
        table = ENTRIES
        simulated = self.device_with((f"{table}[mine].EventList", "6 CONNECTION REQUEST"))
        simulated.call()
        self.assertFalse([name for name in simulated.last_values() if name.startswith(table)])
        simulated.ask(assign("", **{table + "1.Alias": "mine"}))
        simulated.call()
        self.assertEqual(simulated.last_values()[table + "1.EventList"], "6 CONNECTION REQUEST")

    def test_evt_15_what_matches_nothing_is_skipped(self) -> None:
        simulated = self.device_with(
            ("Device.Nowhere.Nothing", ""), (TABLE + "7.Description", ""), ("Device.DeviceInfo", ""), (NTP, "")
        )
        simulated.call()
        self.assertTrue(simulated.ended()[-1].success)
        self.assertEqual(len(simulated.last_values()), 7 + 1)  # the forced ones, and the last entry

    def test_evt_15_each_parameter_once_and_hidden_ones_hidden(self) -> None:
        password = SERVER + "ConnectionRequestPassword"
        simulated = self.device_with((NTP, ""), (password, ""), ConnectionRequestPassword="secret")
        simulated.ask(attributes(NTP, 1))
        simulated.change(NTP, "new.example")
        simulated.call()
        names = [each.name for each in simulated.last().parameter_list]
        self.assertEqual(len(names), len(set(names)))
        self.assertEqual((simulated.last_values()[NTP], simulated.last_values()[password]), ("new.example", ""))

    def test_evt_15_entries_outlive_a_reboot_and_are_counted(self) -> None:
        simulated = self.device_with((NTP, "1 BOOT"))
        for _ in range(2):
            simulated.reboot()
            self.assertIn(NTP, simulated.last_values())
        self.assertEqual(simulated.value(SERVER + "InformParameterNumberOfEntries"), "1")

    def test_evt_16_a_forced_parameter_is_refused(self) -> None:
        simulated = self.device_with((NTP, ""))
        for name in (CODE, SERVER + "ParameterKey", "Device.RootDataModelVersion"):
            self.assertEqual(self.refused(simulated, entry(1, name)), [("ParameterName", 9007)], name)
        self.assertEqual(simulated.value(ENTRIES + "1.ParameterName"), NTP)
        for origin in (Origin.LOCAL, Origin.DEVICE):
            with self.assertRaises(CwmpFault):
                simulated.change(ENTRIES + "1.ParameterName", CODE, origin)

    def test_evt_16_a_name_is_a_full_name_and_a_star_stands_for_a_row(self) -> None:
        simulated = self.device_with((NTP, ""))
        bad = (
            "Device.Time.",
            "Device.*.NTPServer1",
            "Device.Time.*",
            "*.Time.NTPServer1",
            "Device.NAT.*.1.Description",
            "Device.NAT.PortMapping.1.*.Description",
            "Device.NAT.PortMapping.*x.Description",
            "Other.Time.NTPServer1",
            "Device..NTPServer1",
            "NTPServer1",
            " ",
        )
        for name in bad:
            self.assertEqual(self.refused(simulated, entry(1, name)), [("ParameterName", 9007)], name)
        for name in (
            "",
            TABLE + "*.Description",
            "Device.IP.Interface.*.IPv4Address.*.IPAddress",
            TABLE + "[web].Enable",
        ):
            self.assertEqual(simulated.ask(entry(1, name)), [SetParameterValuesResponse(0)], name)

    def test_evt_16_a_name_that_is_switched_on_occurs_once(self) -> None:
        simulated = self.device_with((NTP, ""))
        simulated.ask(AddObject(ENTRIES, ""))
        self.assertEqual(self.refused(simulated, entry(2, NTP)), [("ParameterName", 9007)])

    def test_evt_17_value_change_is_refused(self) -> None:
        simulated = self.device_with((NTP, ""))
        for events in ("4 VALUE CHANGE", "1 BOOT,4 VALUE CHANGE", "BOOT", "1 boot", "15 NEW", "1 BOOT,,", "M"):
            self.assertEqual(self.refused(simulated, entry(1, NTP, events)), [("EventList", 9007)], events)
        self.assertEqual(simulated.value(ENTRIES + "1.EventList"), "")

    def test_evt_17_every_fault_of_a_request_is_told(self) -> None:
        simulated = self.device_with((NTP, ""))
        request = entry(1, CODE, "4 VALUE CHANGE", Enable="perhaps", Nothing="x")
        self.assertEqual(
            self.refused(simulated, request),
            [("ParameterName", 9007), ("EventList", 9007), ("Enable", 9006), ("Nothing", 9005)],
        )
