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
from tests.conformance.lives import CODE, NTP, TABLE, DiskLives, LivesCase, down, good
from tests.conformance.test_notifications import attributes

ENTRIES = SERVER + "InformParameter."
UPTIME = "Device.DeviceInfo.UpTime"
TRUE = Value(ValueType.BOOLEAN, "true")


def entry(number: int, name: str, events: str = "", **others: Value | str) -> SetParameterValues:
    """A SetParameterValues that fills and enables a row."""
    row = f"{ENTRIES}{number}."
    values = {"ParameterName": name, "EventList": events, "Enable": TRUE, **others}
    return assign("", **{row + key: value for key, value in values.items()})


class InformParameterTests(LivesCase):
    def device_with(self, *entries: tuple[str, str], **options: str) -> DiskLives:
        """A bootstrapped device with these entries: ParameterName and EventList."""
        lives = self.device(**options)
        lives.bootstrapped()
        for number, (name, events) in enumerate(entries, 1):
            answers = lives.ask(AddObject(ENTRIES, ""), entry(number, name, events))
            self.assertEqual(answers, [AddObjectResponse(number, 0), SetParameterValuesResponse(0)])
        return lives

    def refused(self, lives: DiskLives, request: SetParameterValues) -> list[tuple[str, int]]:
        """The parameters at fault, relative to their row, and their fault codes."""
        (answer,) = lives.ask(request)
        assert isinstance(answer, Fault), answer
        self.assertEqual(answer.code, 9003)
        return [(each.name.rpartition(".")[2], each.code) for each in answer.parameters]

    def test_evt_15_with_the_events_that_are_listed_and_no_others(self) -> None:
        lives = self.device_with((NTP, "1 BOOT"))
        lives.ask(ScheduleInform(10, "k"))
        lives.run(20)
        self.assertEqual(lives.acs.told()[-1], ("3 SCHEDULED", "M ScheduleInform"))
        self.assertNotIn(NTP, lives.last_values())
        lives.reboot()
        self.assertEqual(lives.acs.told()[-1], ("1 BOOT",))
        self.assertEqual(lives.last_values()[NTP], lives.value(NTP))

    def test_evt_15_each_event_of_a_list_counts(self) -> None:
        lives = self.device_with((NTP, "8 DIAGNOSTICS COMPLETE, M ScheduleInform,X 00D09E Button"))
        for event in (DIAGNOSTICS_COMPLETE, "X 00D09E Button", "M ScheduleInform"):
            lives.happen(Event(event))
            self.assertIn(NTP, lives.last_values(), event)
        lives.call()
        self.assertNotIn(NTP, lives.last_values())

    def test_evt_15_an_empty_list_is_all_events_but_value_change(self) -> None:
        lives = self.device_with((NTP, ""))
        lives.call()
        self.assertIn(NTP, lives.last_values())
        lives.change(CODE, "changed")
        self.assertEqual(lives.acs.told()[-1], ("4 VALUE CHANGE",))
        self.assertNotIn(NTP, lives.last_values())

    def test_evt_15_heartbeats_are_events_too(self) -> None:
        lives = self.device_with(
            (NTP, "14 HEARTBEAT"), **{"HeartbeatPolicy.Enable": "true", "HeartbeatPolicy.ReportingInterval": "30"}
        )
        lives.run(31)
        self.assertEqual(lives.acs.told()[-1], ("14 HEARTBEAT",))
        self.assertIn(NTP, lives.last_values())

    def test_evt_15_without_events_nothing_is_added(self) -> None:
        lives = self.device_with((NTP, ""))
        lives.acs.instead = lambda posted: down(posted) if posted.number == 2 else None
        lives.call()  # the Inform is answered, then the session breaks and is retried with an empty event list
        lives.acs.instead = good
        lives.run(60)
        self.assertEqual(lives.acs.told()[-1], ())
        self.assertNotIn(NTP, lives.last_values())

    def test_evt_15_switched_off_or_deleted_it_is_not_there(self) -> None:
        lives = self.device_with((NTP, ""), (UPTIME, ""))
        lives.ask(assign("", **{ENTRIES + "1.Enable": Value(ValueType.BOOLEAN, "false")}))
        lives.ask(DeleteObject(ENTRIES + "2.", ""))
        lives.call()
        self.assertNotIn(NTP, lives.last_values())
        self.assertNotIn(UPTIME, lives.last_values())

    def test_evt_15_a_wildcard_stands_for_every_row_of_now(self) -> None:
        lives = self.device_with((TABLE + "*.Description", ""))
        lives.call()
        self.assertFalse([name for name in lives.last_values() if name.startswith(TABLE)])
        lives.ask(AddObject(TABLE, ""), AddObject(TABLE, ""))
        lives.call()
        expected = {TABLE + "1.Description", TABLE + "2.Description"}
        self.assertEqual({name for name in lives.last_values() if name.startswith(TABLE)}, expected)

    def test_evt_15_a_row_by_its_alias(self) -> None:
        table = ENTRIES
        lives = self.device_with((f"{table}[mine].EventList", "6 CONNECTION REQUEST"))
        lives.call()
        self.assertFalse([name for name in lives.last_values() if name.startswith(table)])
        lives.ask(assign("", **{table + "1.Alias": "mine"}))
        lives.call()
        self.assertEqual(lives.last_values()[table + "1.EventList"], "6 CONNECTION REQUEST")

    def test_evt_15_what_matches_nothing_is_skipped(self) -> None:
        lives = self.device_with(
            ("Device.Nowhere.Nothing", ""), (TABLE + "7.Description", ""), ("Device.DeviceInfo", ""), (NTP, "")
        )
        lives.call()
        self.assertTrue(lives.ended()[-1].success)
        self.assertEqual(len(lives.last_values()), 7 + 1)  # the forced ones, and the last entry

    def test_evt_15_each_parameter_once_and_hidden_ones_hidden(self) -> None:
        password = SERVER + "ConnectionRequestPassword"
        lives = self.device_with((NTP, ""), (password, ""), ConnectionRequestPassword="secret")
        lives.ask(attributes(NTP, 1))
        lives.change(NTP, "new.example")
        lives.call()
        names = [each.name for each in lives.last().parameter_list]
        self.assertEqual(len(names), len(set(names)))
        self.assertEqual((lives.last_values()[NTP], lives.last_values()[password]), ("new.example", ""))

    def test_evt_15_entries_outlive_a_reboot_and_are_counted(self) -> None:
        lives = self.device_with((NTP, "1 BOOT"))
        for _ in range(2):
            lives.reboot()
            self.assertIn(NTP, lives.last_values())
        self.assertEqual(lives.value(SERVER + "InformParameterNumberOfEntries"), "1")

    def test_evt_16_a_forced_parameter_is_refused(self) -> None:
        lives = self.device_with((NTP, ""))
        for name in (CODE, SERVER + "ParameterKey", "Device.RootDataModelVersion"):
            self.assertEqual(self.refused(lives, entry(1, name)), [("ParameterName", 9007)], name)
        self.assertEqual(lives.value(ENTRIES + "1.ParameterName"), NTP)
        for origin in (Origin.LOCAL, Origin.DEVICE):
            with self.assertRaises(CwmpFault):
                lives.change(ENTRIES + "1.ParameterName", CODE, origin)

    def test_evt_16_a_name_is_a_full_name_and_a_star_stands_for_a_row(self) -> None:
        lives = self.device_with((NTP, ""))
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
            self.assertEqual(self.refused(lives, entry(1, name)), [("ParameterName", 9007)], name)
        for name in (
            "",
            TABLE + "*.Description",
            "Device.IP.Interface.*.IPv4Address.*.IPAddress",
            TABLE + "[web].Enable",
        ):
            self.assertEqual(lives.ask(entry(1, name)), [SetParameterValuesResponse(0)], name)

    def test_evt_16_a_name_that_is_switched_on_occurs_once(self) -> None:
        lives = self.device_with((NTP, ""))
        lives.ask(AddObject(ENTRIES, ""))
        self.assertEqual(self.refused(lives, entry(2, NTP)), [("ParameterName", 9007)])

    def test_evt_17_value_change_is_refused(self) -> None:
        lives = self.device_with((NTP, ""))
        for events in ("4 VALUE CHANGE", "1 BOOT,4 VALUE CHANGE", "BOOT", "1 boot", "15 NEW", "1 BOOT,,", "M"):
            self.assertEqual(self.refused(lives, entry(1, NTP, events)), [("EventList", 9007)], events)
        self.assertEqual(lives.value(ENTRIES + "1.EventList"), "")

    def test_evt_17_every_fault_of_a_request_is_told(self) -> None:
        lives = self.device_with((NTP, ""))
        request = entry(1, CODE, "4 VALUE CHANGE", Enable="perhaps", Nothing="x")
        self.assertEqual(
            self.refused(lives, request),
            [("ParameterName", 9007), ("EventList", 9007), ("Enable", 9006), ("Nothing", 9005)],
        )
