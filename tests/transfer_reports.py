"""The checks of what a device reports about its transfers, and of what it has done."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from cwmpagent.agent.files.configuration_text import configuration_values
from cwmpagent.lab.acs.session_trace import SessionTrace
from cwmpagent.protocol.rpc import TransferComplete, Upload
from cwmpagent.values import UNKNOWN_TIME
from tests.transfer_orders import Order

INSTALLED = "installed"
BEGUN = "begun"


class TransferReports:
    """The reports of the sessions of one device, for the test ``case``. ``uploads``: the folder of received files.

    A report is valid if it is the only one in its session, is announced by its events, has a result that its order
    allows, and is not repeated after a session in which all was answered.
    """

    def __init__(self, case: Any, sessions: Sequence[SessionTrace], uploads: Path) -> None:
        self._case = case
        self._sessions = sessions
        self._uploads = uploads
        self._seen = 0
        self._last: dict[str, SessionTrace] = {}
        self.reported: dict[str, TransferComplete] = {}
        self.configured: str | None = None
        self.repeated = 0

    def look(self, orders: dict[str, Order]) -> None:
        """Take the reports of the sessions since the last look."""
        for trace in self._sessions:
            if trace.number <= self._seen:
                continue
            reports = [each for each in trace.requests if isinstance(each, TransferComplete)]
            counts = Counter(each.command_key for each in reports)
            self._case.assertLessEqual(max(counts.values(), default=0), 1, "reported twice in one session")
            for report in reports:
                if self._last.get(report.command_key) is not trace:
                    self._case.assertIn(report.command_key, orders, "a report of a transfer that was not ordered")
                    self._add(report, orders[report.command_key], trace)
            if trace.ended:
                self._seen = max(self._seen, trace.number)
                self._case.assertEqual(trace.violations, [])

    def _add(self, report: TransferComplete, order: Order, trace: SessionTrace) -> None:
        former = self._last.get(order.key)
        self._last[order.key] = trace
        events = {(each.event_code, each.command_key) for each in trace.events}
        self._case.assertLessEqual({("7 TRANSFER COMPLETE", ""), (order.event, order.key)}, events)
        if former is not None:
            self._case.assertEqual(report, self.reported[order.key], "two different reports of one transfer")
            self._case.assertNotEqual(former.ended, "complete", f"{order.key} is repeated, though no answer was lost")
            self.repeated += 1
            return
        self.reported[order.key] = report
        fault = report.fault_struct
        self._case.assertTrue(order.allows(fault.fault_code, fault.fault_string), f"{order}: {fault}")
        self._case.assertNotIn(UNKNOWN_TIME, (report.start_time, report.complete_time))
        self._case.assertLessEqual(report.start_time, report.complete_time)
        if fault.fault_code == 0 and order.is_configuration:
            self.configured = order.key
        if isinstance(order.request, Upload):
            self._check_upload(order)

    def _check_upload(self, order: Order) -> None:
        file = self._uploads / order.key
        self._case.assertTrue(file.exists(), f"{order.key} is reported, but not there")
        if order.request.file_type.startswith("1 "):
            self._case.assertGreater(len(configuration_values(file.read_bytes())), 10)
        else:
            self._case.assertIn(b"its ACS is", file.read_bytes())

    def check_installations(self, orders: Iterable[Order], words: Sequence[tuple[str, str]]) -> None:
        """Each file was installed once where its report says so, else never, and was never begun twice.

        ``words``: what the program of ``[hooks] install`` has written, CommandKeys with a word each.
        """
        counts = Counter(words)
        for order in orders:
            report = self.reported[order.key]
            succeeded = order.is_hook and report.fault_struct.fault_code == 0
            self._case.assertEqual(counts.pop((order.key, INSTALLED), 0), int(succeeded), f"{order}: {report}")
            self._case.assertLessEqual(counts.pop((order.key, BEGUN), 0), int(order.is_hook), f"{order} twice")
        left = {each for each in counts if each[1] in (INSTALLED, BEGUN)}
        self._case.assertEqual(left, set(), "installed without a report")
