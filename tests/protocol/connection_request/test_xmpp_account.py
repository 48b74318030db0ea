"""The waits between two attempts, and the order of servers."""

from __future__ import annotations

import random

from twisted.trial.unittest import SynchronousTestCase

from cwmpagent.protocol.connection_request.xmpp_account import Account, Retry, Server, in_order


class Most(random.Random):
    """A random source that always returns the upper bound."""

    def uniform(self, a: float, b: float) -> float:
        self.lowest = a
        return b


class RetryTests(SynchronousTestCase):
    def waits(self, retry: Retry, count: int) -> list[float]:
        return [retry.wait(number, Most()) for number in range(1, count + 1)]

    def test_the_models_own_example(self) -> None:
        minutes = [wait / 60 for wait in self.waits(Retry(), 15)]
        self.assertEqual(minutes, [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 512, 512, 512, 512, 512])

    def test_others(self) -> None:
        self.assertEqual(self.waits(Retry(initial=10, multiplier=1000), 3), [10, 10, 10])
        self.assertEqual(self.waits(Retry(initial=10, multiplier=1500, longest=20), 4), [10, 15, 20, 20])
        self.assertEqual(self.waits(Retry(initial=100, longest=5), 2), [5, 5])
        self.assertEqual(Retry(multiplier=65535).wait(10_000, Most()), 30720)

    def test_never_none_at_all(self) -> None:
        """The wait has a lower limit even where the data model has no ranges, to protect the server."""
        self.assertEqual(self.waits(Retry(initial=0), 2), [1, 1])
        self.assertEqual(self.waits(Retry(longest=0), 2), [1, 1])
        self.assertEqual(self.waits(Retry(initial=8, multiplier=0), 3), [8, 1, 1])
        self.assertEqual(self.waits(Retry(initial=-5, longest=-5), 1), [1])

    def test_without_attempts_the_rest_is_ignored(self) -> None:
        self.assertEqual(self.waits(Retry(0, 1, 1000, 1), 3), [60, 120, 240])

    def test_by_lot_from_nothing(self) -> None:
        chance = random.Random(3)
        drawn = [Retry().wait(2, chance) for _ in range(2000)]
        self.assertTrue(all(0 <= wait <= 120 for wait in drawn))
        self.assertLess(min(drawn), 6)
        self.assertGreater(max(drawn), 114)


class OrderTests(SynchronousTestCase):
    def test_priority_first(self) -> None:
        servers = [Server("c", priority=20), Server("a", priority=0), Server("b", priority=10)]
        self.assertEqual([server.host for server in in_order(servers, random.Random(1))], ["a", "b", "c"])
        self.assertEqual(in_order([], random.Random(1)), [])

    def test_weight_is_a_share(self) -> None:
        chance = random.Random(5)
        servers = [Server("heavy", weight=90), Server("light", weight=10), Server("none"), Server("ours", weight=-1)]
        firsts = [in_order(servers, chance)[0].host for _ in range(2000)]
        self.assertTrue(1600 < firsts.count("heavy") < 1950)
        self.assertTrue(100 < firsts.count("light") < 300)
        self.assertEqual({server.host for server in in_order(servers, chance)}, {"heavy", "light", "none", "ours"})

    def test_equal_weights_are_spread(self) -> None:
        chance = random.Random(5)
        firsts = [in_order([Server("a"), Server("b")], chance)[0].host for _ in range(500)]
        self.assertTrue(150 < firsts.count("a") < 350)

    def test_the_password_shows_nowhere(self) -> None:
        self.assertNotIn("hidden", repr(Account(username="u", password="hidden", domain="d")))
