"""The rate limit of ConnectionRequests."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from cwmpagent.protocol.connection_request.rate_limit import RateLimit


class RequestLimitTests(SynchronousTestCase):
    """The limit of fifty requests in five seconds."""

    def test_fifty_in_five_seconds(self) -> None:
        limit = RateLimit()
        self.assertTrue(all(limit.accept(number * 0.05) for number in range(50)))
        self.assertFalse(limit.accept(4.999))
        self.assertEqual([limit.accept(5.0), limit.accept(5.0)], [True, False])
        self.assertEqual([limit.accept(5.05), limit.accept(5.05)], [True, False])
        self.assertTrue(all(limit.accept(100) for _ in range(50)))

    def test_what_is_refused_counts_for_nothing(self) -> None:
        limit = RateLimit(requests=1, window=2.0)
        self.assertTrue(limit.accept(0))
        self.assertFalse(any(limit.accept(at) for at in (0, 0.5, 1, 1.5, 1.9)))
        self.assertTrue(limit.accept(2))

    @given(st.lists(st.floats(min_value=0, max_value=3), max_size=60), st.integers(min_value=1, max_value=5))
    def test_no_window_has_more(self, waits: list[float], requests: int) -> None:
        limit = RateLimit(requests, 5.0)
        now, accepted = 0.0, []
        for wait in waits:
            now += wait
            recent = sum(now - stamp < 5.0 for stamp in accepted)
            self.assertEqual(limit.accept(now), recent < requests)
            if recent < requests:
                accepted.append(now)
