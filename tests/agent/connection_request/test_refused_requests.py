"""The record of refused ConnectionRequests: facts bounded in rate, counts that lose nothing."""

from __future__ import annotations

from twisted.internet.task import Clock as Timers
from twisted.trial.unittest import SynchronousTestCase

from cwmpagent.agent.connection_request.refused_requests import LONGEST_TEXT, MOST_SOURCES, WINDOW, RefusedRequests
from cwmpagent.agent.facts import ConnectionRequestRefused, Fact
from cwmpagent.protocol.connection_request.refusal import Refusal
from tests.agent.ports import FakeClock


class RefusedRequestsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.timers = Timers()
        self.facts: list[Fact] = []
        self.record = RefusedRequests(FakeClock(self.timers), self.timers, self.facts.append)

    def add(self, source: str = "192.0.2.1", reason: Refusal = Refusal.WRONG_PASSWORD, detail: str = "") -> None:
        self.record.add(source, "HTTP", reason, detail)

    def test_the_first_one_is_reported_at_once(self) -> None:
        self.add(reason=Refusal.WRONG_PATH, detail="/x")
        self.assertEqual(self.facts, [ConnectionRequestRefused("192.0.2.1", "HTTP", "wrong path", "/x")])

    def test_more_of_the_same_are_one_fact_a_window(self) -> None:
        for _ in range(1000):
            self.add()
        self.assertEqual(len(self.facts), 1)
        self.timers.advance(WINDOW)
        self.assertEqual(
            self.facts[1:],
            [ConnectionRequestRefused("192.0.2.1", "HTTP", "wrong password", count=999, summary=True)],
        )
        self.assertEqual(self.timers.getDelayedCalls(), [])
        self.add()
        self.assertEqual(len(self.facts), 3, "a new window begins with a fact at once")

    def test_many_sources_are_bounded(self) -> None:
        for number in range(5000):
            self.add(f"2001:db8::{number:x}")
        self.assertEqual(len(self.facts), MOST_SOURCES)
        self.timers.advance(WINDOW)
        self.assertEqual(
            self.facts[MOST_SOURCES:],
            [ConnectionRequestRefused("", "", "", count=5000 - MOST_SOURCES, summary=True)],
        )
        self.assertEqual(self.record.counts, {Refusal.WRONG_PASSWORD: 5000})
        assert self.record.last is not None
        self.assertEqual(self.record.last.source, "2001:db8::1387")

    def test_texts_of_the_client_are_cut(self) -> None:
        self.add("s" * 5000, detail="d" * 5000)
        (fact,) = self.facts
        assert isinstance(fact, ConnectionRequestRefused)
        self.assertEqual((len(fact.source), len(fact.detail)), (LONGEST_TEXT, LONGEST_TEXT))

    def test_a_stop_reports_the_rest_and_leaves_no_timer(self) -> None:
        self.add()
        self.add()
        self.record.report()
        self.assertEqual([fact.count for fact in self.facts if isinstance(fact, ConnectionRequestRefused)], [1, 1])
        self.assertEqual(self.timers.getDelayedCalls(), [])
