"""The event table row by row, and the delivery of events."""

from __future__ import annotations

import random
from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from cwmpagent.errors import MisuseError
from cwmpagent.protocol.agenda import Agenda, Now, events
from cwmpagent.protocol.agenda.events import EVENTS, Event, in_order

NOW = Now(1000.0, None)


@dataclass(frozen=True)
class Row:
    """One row of the standard's table (TR-069 3.7.1.5), written independently of the code."""

    code: str
    multiple: bool
    delivered_by: str
    retried: bool
    over_boot: bool
    beside: str = ""


TABLE = (
    Row("0 BOOTSTRAP", False, "Inform", True, True),
    Row("1 BOOT", False, "Inform", True, False),
    Row("2 PERIODIC", False, "Inform", True, True),
    Row("3 SCHEDULED", False, "Inform", True, True),
    Row("4 VALUE CHANGE", False, "Inform", True, True),
    Row("5 KICKED", False, "Kicked", True, False),
    Row("6 CONNECTION REQUEST", False, "Inform", False, False),
    Row("7 TRANSFER COMPLETE", False, "TransferComplete", True, True),
    Row("8 DIAGNOSTICS COMPLETE", False, "Inform", True, False),
    Row("9 REQUEST DOWNLOAD", False, "RequestDownload", True, False),
    Row("10 AUTONOMOUS TRANSFER COMPLETE", False, "AutonomousTransferComplete", True, True),
    Row("11 DU STATE CHANGE COMPLETE", False, "DUStateChangeComplete", True, True),
    Row("12 AUTONOMOUS DU STATE CHANGE COMPLETE", False, "AutonomousDUStateChangeComplete", True, True),
    Row("13 WAKEUP", False, "Inform", True, True),
    Row("14 HEARTBEAT", False, "Inform", False, False),
    Row("M Reboot", True, "Inform", True, True, "1 BOOT"),
    Row("M ScheduleInform", True, "Inform", True, True, "3 SCHEDULED"),
    Row("M Download", True, "TransferComplete", True, True, "7 TRANSFER COMPLETE"),
    Row("M ScheduleDownload", True, "TransferComplete", True, True, "7 TRANSFER COMPLETE"),
    Row("M Upload", True, "TransferComplete", True, True, "7 TRANSFER COMPLETE"),
    Row("M ChangeDUState", True, "DUStateChangeComplete", True, True, "11 DU STATE CHANGE COMPLETE"),
    Row("M X_EXAMPLE_Prepare", True, "Inform", True, True),
    Row("X 00D09E Something", False, "Inform", True, True),
    Row("X example.org Something else", False, "Inform", True, True),
)


def with_event(code: str, key: str = "") -> Agenda:
    """Create an agenda with this event as the only pending one."""
    agenda = Agenda(random=random.Random(1))
    agenda.add(Event(code, key), NOW)
    return agenda


def codes(agenda: Agenda) -> set[str]:
    return {event.code for event in agenda.pending}


class TableTests(SynchronousTestCase):
    """Each row, as applied by the agenda."""

    def test_no_event_is_left_out(self) -> None:
        self.assertEqual(set(EVENTS), {row.code for row in TABLE if "X " not in row.code and "X_" not in row.code})
        constants = {value for name, value in vars(events).items() if name.isupper() and isinstance(value, str)}
        self.assertEqual(set(EVENTS), constants)

    def test_single_or_multiple(self) -> None:
        for row in TABLE:
            first, second = ("a", "b") if row.multiple else ("", "")
            agenda = with_event(row.code, first)
            agenda.add(Event(row.code, second), NOW)
            found = [event.command_key for event in agenda.pending if event.code == row.code]
            self.assertEqual(found, ["a", "b"] if row.multiple else [""], row.code)

    def test_an_occurrence_with_the_same_command_key_is_another_one(self) -> None:
        for row in TABLE:
            agenda = with_event(row.code)
            agenda.add(Event(row.code), NOW)
            self.assertEqual(len([e for e in agenda.pending if e.code == row.code]), 2 if row.multiple else 1, row.code)

    def test_what_stands_beside_it(self) -> None:
        for row in TABLE:
            self.assertEqual(codes(with_event(row.code)), {row.code} | ({row.beside} - {""}), row.code)

    def test_every_event_opens_a_session(self) -> None:
        for row in TABLE:
            self.assertTrue(with_event(row.code).due(NOW), row.code)

    def test_delivered_by_its_message_alone(self) -> None:
        messages = {row.delivered_by for row in TABLE} - {"Inform"}
        for row in TABLE:
            for message in (*messages, "Inform"):
                agenda = with_event(row.code, "k" if row.multiple else "")
                snapshot = agenda.begin(NOW)
                if message == "Inform":
                    agenda.informed(snapshot)
                else:
                    agenda.delivered_by(message, "k")
                left = set() if message == row.delivered_by else {row.code} | ({row.beside} - {""})
                self.assertEqual(codes(agenda), left, (row.code, message))

    def test_a_failure_before_the_inform_was_answered(self) -> None:
        for row in TABLE:
            agenda = with_event(row.code)
            agenda.begin(NOW)
            agenda.ended(False, NOW)
            self.assertEqual(row.code in codes(agenda), row.retried, row.code)
            self.assertEqual(agenda.retry_in(NOW) is not None, row.retried, row.code)

    def test_a_failure_after_the_inform_was_answered(self) -> None:
        for row in TABLE:
            agenda = with_event(row.code)
            agenda.informed(agenda.begin(NOW))
            agenda.ended(False, NOW)
            self.assertEqual(row.code in codes(agenda), row.delivered_by != "Inform", row.code)
            self.assertIsNotNone(agenda.retry_in(NOW), row.code)

    def test_a_restart_without_a_boot_keeps_every_event(self) -> None:
        for row in TABLE:
            agenda = with_event(row.code)
            again = Agenda.restored(agenda.record(), random=random.Random(2), now=NOW, booted=False)
            self.assertEqual(again.pending, agenda.pending, row.code)
            self.assertTrue(again.due(NOW), row.code)

    def test_a_crash_within_the_session_is_a_failure(self) -> None:
        for row in TABLE:
            agenda = with_event(row.code)
            agenda.begin(NOW)
            again = Agenda.restored(agenda.record(), random=random.Random(2), now=NOW, booted=False)
            self.assertEqual(row.code in codes(again), row.retried, row.code)
            self.assertEqual(again.retry_count, 1)

    def test_a_boot(self) -> None:
        for row in TABLE:
            key = "k" if row.multiple else ""
            for in_session in (False, True):
                agenda = with_event(row.code, key)
                if in_session:
                    agenda.begin(NOW)
                again = Agenda.restored(agenda.record(), random=random.Random(2), now=Now(3.0, None), booted=True)
                self.assertEqual(Event(row.code, key) in again.pending, row.over_boot, row.code)
                again.boot(Now(3.0, None))
                self.assertEqual([e for e in again.pending if e.code == "1 BOOT"], [Event("1 BOOT")], row.code)
                self.assertTrue(again.due(Now(3.0, None)), row.code)
                self.assertEqual(again.begin(Now(3.0, None)).retry_count, 0)

    def test_a_bootstrap_discards_every_other_event(self) -> None:
        for row in TABLE:
            agenda = with_event(row.code)
            agenda.bootstrap(NOW)
            self.assertEqual(agenda.pending, (Event("0 BOOTSTRAP"),), row.code)
            self.assertTrue(agenda.due(NOW))


class EventTests(SynchronousTestCase):
    """Valid EventStructs and their order."""

    def test_what_is_no_event_is_a_mistake_of_ours(self) -> None:
        for code in (
            "",
            "2",
            "2 PERIODICAL",
            "2 periodic",
            "15 NEW",
            "M",
            "M Format",
            "M X_",
            "X 00D09E",
            "X  a",
            "Y a b",
        ):
            with self.assertRaises(MisuseError, msg=code):
                Event(code)
        with self.assertRaises(MisuseError):
            Event("M Reboot", "k" * 33)
        with self.assertRaises(MisuseError):
            Event("X 00D09E " + "e" * 56)
        with self.assertRaises(MisuseError):
            Event("2 PERIODIC", "key")
        Event("M Reboot", "k" * 32)
        Event("X 00D09E " + "e" * 55)

    def test_order(self) -> None:
        names = ["M Reboot", "X 00D09E b", "10 AUTONOMOUS TRANSFER COMPLETE", "2 PERIODIC", "M Download", "X 00D09E a"]
        self.assertEqual(
            [event.code for event in in_order(Event(name) for name in names)],
            ["2 PERIODIC", "10 AUTONOMOUS TRANSFER COMPLETE", "M Download", "M Reboot", "X 00D09E a", "X 00D09E b"],
        )

    @given(st.permutations([row.code for row in TABLE]))
    @settings(deadline=None, max_examples=30)
    def test_the_order_does_not_depend_on_how_they_came(self, order: list[str]) -> None:
        self.assertEqual(
            [event.code for event in in_order(map(Event, order))],
            [row.code for row in TABLE][:15]
            + sorted(row.code for row in TABLE if row.code[0] == "M")
            + sorted(row.code for row in TABLE if row.code[0] == "X"),
        )
