"""Answers to `status`, `events` and metrics, put together from the reports of subsystems."""

from __future__ import annotations

from collections.abc import Iterable

from twisted.trial.unittest import SynchronousTestCase

from cwmpagent.agent.report import Json, Metric, Report
from cwmpagent.control.report import events, metrics, status


class Transfers(Report):
    """A subsystem made up by this test."""

    def status(self) -> Json:
        return {"transfers": {"active": 1}}

    def summary(self) -> Iterable[tuple[str, str]]:
        yield "Transfers", "1 is active"

    def events(self) -> Json:
        return {"queued": ["key"]}

    def events_summary(self) -> Iterable[tuple[str, str]]:
        yield "Queued", "key"

    def metrics(self) -> Iterable[Metric]:
        yield Metric("cwmpagent_transfers", "Transfers under way.", 1)


class Silent(Report):
    """A subsystem that adds nothing."""


class ReportTests(SynchronousTestCase):
    """A report needs no other edit to be in each answer."""

    every = (Silent(), Transfers())

    def test_status(self) -> None:
        expected = {"transfers": {"active": 1}, "summary": [["Transfers", "1 is active"]]}
        self.assertEqual(status(self.every), expected)

    def test_events(self) -> None:
        self.assertEqual(events(self.every), {"queued": ["key"], "summary": [["Queued", "key"]]})

    def test_metrics(self) -> None:
        self.assertEqual(metrics(self.every), [Metric("cwmpagent_transfers", "Transfers under way.", 1)])
