"""The rules of transfers: URLs, moments over restarts, windows, records, retries."""

from __future__ import annotations

import json
from dataclasses import replace

from twisted.trial.unittest import SynchronousTestCase

from cwmpagent.errors import CwmpFault, TransferFailure
from cwmpagent.protocol.agenda import Now
from cwmpagent.protocol.rpc import TimeWindowStruct
from cwmpagent.protocol.transfers.listed_type import filtered_type, listed_type
from cwmpagent.protocol.transfers.moment import Moment
from cwmpagent.protocol.transfers.record import Kind, State, Transfer
from cwmpagent.protocol.transfers.retry import WAITS, Begin, Expired, WaitUntil, next_step, retried
from cwmpagent.protocol.transfers.window import Window, checked_windows

FIRMWARE = "1 Firmware Upgrade Image"
START = Now(100.0, 1_800_000_000.0)
BROKEN = TransferFailure(9017, "broken")


def later(seconds: float, *, trusted: bool = True) -> Now:
    """The time ``seconds`` after the start."""
    return Now(100.0 + seconds, 1_800_000_000.0 + seconds if trusted else None)


def struct(start: int, end: int, mode: str = "1 At Any Time", retries: int = 0) -> TimeWindowStruct:
    """A window as a request has it."""
    return TimeWindowStruct(start, end, mode, "", retries)


def windows(*structs: TimeWindowStruct) -> tuple[Window, ...]:
    """The windows of a request that is received at the start."""
    return checked_windows(structs, START, ["X 00D09E At Night"])


def transfer(*structs: TimeWindowStruct, delay: float = 0.0) -> Transfer:
    """A Download, or a ScheduleDownload if there are windows."""
    kind = Kind.SCHEDULE_DOWNLOAD if structs else Kind.DOWNLOAD
    begin = Moment.after(delay, START)
    made = windows(*structs) if structs else ()
    url = "http://files.example/"
    return Transfer(number=1, kind=kind, file_type=FIRMWARE, url=url, password="hush", begin=begin, windows=made)


class MomentTests(SynchronousTestCase):
    def test_goes_on_over_a_boot_by_the_wall_clock(self) -> None:
        moment = Moment.after(600, START)
        booted = moment.booted(Now(3.0, 1_800_000_100.0))
        self.assertEqual(booted.due, 503.0)

    def test_an_untrusted_clock_waits_the_whole_delay_at_most(self) -> None:
        moment = Moment.after(600, START).booted(Now(3.0, None))
        self.assertEqual(moment.due, 603.0)
        self.assertEqual(moment.stamped(Now(10.0, 1_800_000_500.0)).due, 110.0)

    def test_a_step_of_the_wall_clock_changes_nothing(self) -> None:
        moment = Moment.after(600, START)
        self.assertEqual(moment.stamped(Now(200.0, 1_900_000_000.0)).due, 700.0)


class WindowTests(SynchronousTestCase):
    def test_modes(self) -> None:
        for mode in ("1 At Any Time", "2 Immediately", "3 When Idle", "4 Confirmation Needed", "X 00D09E At Night"):
            self.assertEqual(windows(struct(0, 10, mode))[0].mode, mode)

    def test_refused(self) -> None:
        for structs in (
            (),
            (struct(10, 10),),
            (struct(10, 5),),
            (struct(0, 10), struct(5, 20)),
            (struct(0, 10, "5 Never"),),
            (struct(0, 10, "X 00D09E Other"),),
            (struct(0, 10, retries=-2),),
            (struct(0, 1), struct(1, 2), struct(2, 3)),
        ):
            with self.subTest(structs=structs):
                self.assertEqual(self.assertRaises(CwmpFault, windows, *structs).code, 9003)

    def test_windows_that_touch(self) -> None:
        self.assertEqual([window.opens.delay for window in windows(struct(0, 10), struct(10, 20))], [0, 10])


class RecordTests(SynchronousTestCase):
    def test_comes_back_as_it_was(self) -> None:
        for each in (
            transfer(),
            transfer(delay=30).done(later(40), 9010, "no"),
            replace(transfer(), acs=json.dumps(["https://acs.example/" + "\u00e4" * 2028, "00D09E"])),
            replace(transfer(struct(5, 10, retries=-1), struct(20, 30)), state=State.RECEIVED, validator='"v"'),
        ):
            self.assertEqual(Transfer.restored("transfer:1", each.record()), each)

    def test_damaged(self) -> None:
        good = json.loads(transfer(struct(5, 10)).record())
        for change in (
            {"number": 2},
            {"number": "1"},
            {"state": "lost"},
            {"kind": "Reboot"},
            {"url": None},
            {"url": "x" * 2000},
            {"command_key": "k" * 33},
            {"begin": {}},
            {"begin": {**good["begin"], "delay": -1}},
            {"windows": []},
            {"windows": good["windows"] * 3},
            {"window": 2},
            {"attempts": -1},
            {"format": 2},
        ):
            with self.subTest(change=change):
                self.assertRaises(ValueError, Transfer.restored, "transfer:1", json.dumps({**good, **change}))
        for text in ("", "[]", "{}", "[" * 100_000):
            self.assertRaises(ValueError, Transfer.restored, "transfer:1", text)

    def test_no_secret_is_shown(self) -> None:
        self.assertNotIn("hush", repr(transfer()))

    def test_times(self) -> None:
        self.assertEqual(transfer().done(later(5)).completed, 1_800_000_005.0)
        self.assertIsNone(transfer().done(later(5, trusted=False)).completed)
        self.assertEqual(len(transfer().done(START, 9010, "x" * 999).text), 256)

    def test_states_as_listed(self) -> None:
        states = {state: replace(transfer(), state=state).reported_state for state in State}
        self.assertEqual([states[state] for state in State], [1, 2, 2, 2, 2, 3])


class ListedTypeTests(SynchronousTestCase):
    def test_an_upload(self) -> None:
        for file_type, listed, filtered in (
            ("1 Vendor Configuration File", "3 Vendor Configuration File", "3 Vendor Configuration File"),
            ("2 Vendor Log File", "4 Vendor Log File", "4 Vendor Log File"),
            ("3 Vendor Configuration File 1", "6 Vendor Configuration File 1", "3 Vendor Configuration File"),
            ("4 Vendor Log File 12", "7 Vendor Log File 12", "4 Vendor Log File"),
            ("X 00D09E Any 1", "X 00D09E Any 1", "X 00D09E Any 1"),
        ):
            each = replace(transfer(), kind=Kind.UPLOAD, file_type=file_type)
            self.assertEqual((listed_type(each), filtered_type(each)), (listed, filtered), file_type)

    def test_a_download_has_one_type(self) -> None:
        for file_type in (FIRMWARE, "3 Vendor Configuration File", "4 Tone File", "X 00D09E Any"):
            each = replace(transfer(), file_type=file_type)
            self.assertEqual((listed_type(each), filtered_type(each)), (file_type, file_type))


class RetryTests(SynchronousTestCase):
    def test_a_delay(self) -> None:
        self.assertEqual(next_step(transfer(delay=30), START), WaitUntil(130.0))
        self.assertIsInstance(next_step(transfer(delay=30), later(30)), Begin)

    def test_five_attempts_with_growing_waits(self) -> None:
        each, waits, now = transfer(), [], START
        while each.state is not State.DONE:
            step = next_step(each, now)
            if isinstance(step, WaitUntil):
                waits.append(step.due - now.monotonic)
                now = later(step.due - 100.0)
            each = retried(each, BROKEN, now)
        self.assertEqual(waits, list(WAITS))
        self.assertEqual((each.code, each.text), (9017, "broken"))

    def test_a_permanent_failure_at_once(self) -> None:
        each = retried(transfer(), TransferFailure(9012, "who", permanent=True), START)
        self.assertEqual((each.state, each.code), (State.DONE, 9012))

    def test_outside_its_windows(self) -> None:
        each = transfer(struct(10, 20), struct(30, 40))
        self.assertEqual(next_step(each, START), WaitUntil(110.0))
        self.assertEqual(next_step(each, later(25)), WaitUntil(130.0))
        self.assertEqual(next_step(each, later(40)), Expired())

    def test_retries_of_each_window(self) -> None:
        for retries, attempts in ((0, [1, 1]), (2, [3, 3]), (-1, [5, 5])):
            each = transfer(struct(0, 1000, retries=retries), struct(2000, 3000, retries=retries))
            made, now = [0, 0], START
            while each.state is not State.DONE:
                step = next_step(each, now)
                if isinstance(step, WaitUntil):
                    now = later(step.due - 100.0)
                    continue
                assert isinstance(step, Begin)
                made[step.transfer.window] += 1
                each = retried(step.transfer, BROKEN, now)
            self.assertEqual((made, each.code), (attempts, 9017))

    def test_an_attempt_that_the_end_of_the_last_window_cuts(self) -> None:
        each = retried(transfer(struct(0, 10, retries=5)), BROKEN, later(10))
        self.assertEqual((each.state, each.code), (State.DONE, 9020))

    def test_the_next_window_after_one_that_has_ended(self) -> None:
        each = retried(transfer(struct(0, 10, retries=5), struct(20, 30)), BROKEN, later(10))
        self.assertEqual((each.state, each.window, each.attempts), (State.QUEUED, 1, 0))
        self.assertEqual(next_step(each, later(10)), WaitUntil(120.0))
