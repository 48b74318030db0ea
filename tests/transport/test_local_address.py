"""Source addresses towards a host, and callbacks after changes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from twisted.internet.defer import CancelledError, Deferred
from twisted.trial.unittest import SynchronousTestCase

from cwmpagent.transport.fair_turns import AT_ONCE
from cwmpagent.transport.local_address import EVERY, RESOLVE_INTERVAL, RESOLVE_RETRY, AddressWatch, source_address
from tests.transport.test_fair_turns import Stepped

ACS = "acs.example"


class Callback:
    """A caller that counts its callbacks."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self) -> None:
        self.times += 1


class WatchTests(SynchronousTestCase):
    """Address watch with names and routes of the test."""

    def setUp(self) -> None:
        self.clock = Stepped()
        self.names: dict[str, Sequence[str] | Exception] = {ACS: ["198.51.100.1"]}
        self.routes: dict[str, str | None] = {"198.51.100.1": "192.0.2.1", "198.51.100.2": "192.0.2.2"}
        self.resolved: list[str] = []
        self.looked: list[str] = []
        self.waiting: list[Deferred[Sequence[str]]] = []
        self.at_once = True
        self.told = Callback()
        self.watch = AddressWatch(self.clock, monotonic=self.clock.seconds, resolve=self.resolve, source=self.source)

    def resolve(self, host: str) -> Awaitable[Sequence[str]]:
        self.resolved.append(host)
        done: Deferred[Sequence[str]] = Deferred()
        self.waiting.append(done)
        if self.at_once:
            self.answer(host)
        return done

    def answer(self, host: str = ACS) -> None:
        found = self.names.get(host, OSError("no such name"))
        done = self.waiting.pop()
        if isinstance(found, Exception):
            done.errback(found)
        else:
            done.callback(found)

    def source(self, address: str) -> str | None:
        self.looked.append(address)
        return self.routes.get(address)

    def sources(self, host: str = ACS) -> list[str]:
        return list(self.successResultOf(Deferred.fromCoroutine(self.watch.sources(host))))

    def wait(self, seconds: float) -> None:
        end = self.clock.seconds() + seconds
        while self.clock.seconds() < end:
            self.clock.advance(min(1.0, end - self.clock.seconds()))
        self.clock.advance(0)

    def look(self) -> None:
        """Run the next check only."""
        self.clock.rightNow += EVERY
        self.clock.turn()

    def test_our_addresses_towards_a_host(self) -> None:
        self.names[ACS] = ["198.51.100.2", "198.51.100.9", "198.51.100.1", "198.51.100.2"]
        self.assertEqual(self.sources(), ["192.0.2.2", "192.0.2.1"])
        self.assertEqual(self.sources("elsewhere"), [])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_another_address_is_told(self) -> None:
        self.watch.watch(ACS, self.told)
        self.assertEqual(self.sources(), ["192.0.2.1"])
        self.wait(60)
        self.assertEqual(self.told.times, 0)
        self.routes["198.51.100.1"] = "192.0.2.7"
        self.wait(EVERY)
        self.assertEqual(self.told.times, 1)
        self.assertEqual(self.sources(), ["192.0.2.7"])
        self.wait(60)
        self.assertEqual(self.told.times, 1)

    def test_one_before_the_first_look_too(self) -> None:
        self.watch.watch(ACS, self.told)
        self.sources()
        self.routes["198.51.100.1"] = "192.0.2.7"
        self.wait(EVERY)
        self.assertEqual(self.told.times, 1)

    def test_a_way_that_goes_and_comes_back(self) -> None:
        self.watch.watch(ACS, self.told)
        self.sources()
        self.routes["198.51.100.1"] = None
        self.wait(EVERY)
        self.assertEqual((self.told.times, self.sources()), (1, []))
        self.routes["198.51.100.1"] = "192.0.2.7"
        self.wait(EVERY)
        self.assertEqual(self.told.times, 2)

    def test_a_hundred_agents_cost_one_look_a_host(self) -> None:
        everybody = [Callback() for _ in range(10 * AT_ONCE)]
        for each in everybody:
            self.watch.watch(ACS, each)
            self.sources()
        self.assertEqual(self.resolved, [ACS])
        self.looked.clear()
        self.wait(10 * EVERY)
        self.assertEqual(len(self.looked), 10)
        self.routes["198.51.100.1"] = "192.0.2.7"
        self.look()
        for number in range(1, 11):
            self.clock.turn()
            self.assertEqual(sum(each.times for each in everybody), number * AT_ONCE)
        self.assertEqual({each.times for each in everybody}, {1})
        self.assertEqual(self.resolved, [ACS])

    def test_nobody_is_told_who_has_gone(self) -> None:
        everybody = [Callback() for _ in range(2 * AT_ONCE)]
        for each in everybody:
            self.watch.watch(ACS, each)
        self.sources()
        self.routes["198.51.100.1"] = "192.0.2.7"
        self.look()
        self.clock.turn()
        for each in everybody[AT_ONCE:]:
            self.watch.unwatch(ACS, each)
        self.wait(EVERY)
        self.assertEqual([each.times for each in everybody], [1] * AT_ONCE + [0] * AT_ONCE)
        for each in everybody:
            self.watch.unwatch(ACS, each)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.watch.unwatch(ACS, self.told)
        self.watch.watch(ACS, self.told)
        self.wait(EVERY)
        self.assertEqual(len(self.clock.getDelayedCalls()), 1)

    def test_gone_while_it_is_being_told(self) -> None:
        self.watch.watch(ACS, lambda: self.watch.unwatch(ACS, self.told))
        self.watch.watch(ACS, self.told)
        self.sources()
        self.routes["198.51.100.1"] = "192.0.2.7"
        self.wait(2 * EVERY)
        self.assertEqual(self.told.times, 0)

    def test_names_are_looked_up_anew_seldom(self) -> None:
        self.watch.watch(ACS, self.told)
        self.sources()
        self.wait(RESOLVE_INTERVAL - EVERY)
        self.assertEqual(len(self.resolved), 1)
        self.names[ACS] = ["198.51.100.2"]
        self.wait(3 * EVERY)
        self.assertEqual((len(self.resolved), self.told.times), (2, 1))
        self.assertEqual(self.sources(), ["192.0.2.2"])

    def test_shuffled_names_are_nothing_new(self) -> None:
        self.names[ACS] = ["198.51.100.2", "198.51.100.1"]
        self.watch.watch(ACS, self.told)
        self.assertEqual(self.sources(), ["192.0.2.2", "192.0.2.1"])
        self.names[ACS] = ["198.51.100.1", "198.51.100.2"]
        self.wait(3 * RESOLVE_INTERVAL)
        self.assertGreater(len(self.resolved), 2)
        self.assertEqual((self.told.times, self.sources()), (0, ["192.0.2.2", "192.0.2.1"]))

    def test_a_name_server_that_fails_changes_nothing(self) -> None:
        self.watch.watch(ACS, self.told)
        self.sources()
        for failure in (OSError("down"), []):
            self.names[ACS] = failure  # type: ignore[assignment]  # the list is empty
            self.wait(RESOLVE_INTERVAL + RESOLVE_RETRY + EVERY)
            self.assertEqual((self.sources(), self.told.times), (["192.0.2.1"], 0))

    def test_a_name_that_nobody_knew_at_first(self) -> None:
        known = self.names.pop(ACS)
        self.watch.watch(ACS, self.told)
        self.assertEqual(self.sources(), [])
        self.wait(10 * RESOLVE_RETRY)
        self.assertLess(len(self.resolved), 15)
        self.names[ACS] = known
        self.wait(RESOLVE_RETRY + 2 * EVERY)
        self.assertEqual((self.sources(), self.told.times), (["192.0.2.1"], 1))

    def test_a_resolver_that_hangs(self) -> None:
        self.at_once = False
        self.watch.watch(ACS, self.told)
        self.wait(10 * RESOLVE_INTERVAL)
        self.assertEqual(len(self.resolved), 1)
        self.watch.unwatch(ACS, self.told)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_cancelled_while_it_waits_for_a_name(self) -> None:
        self.at_once = False
        for watched in (False, True):
            if watched:
                self.watch.watch(ACS, self.told)
            asked = Deferred.fromCoroutine(self.watch.sources(ACS))
            asked.cancel()
            self.failureResultOf(asked, CancelledError)

    def test_a_wall_clock_that_is_set_changes_nothing(self) -> None:
        steps = [0.0]
        seconds: Callable[[], float] = lambda: self.clock.seconds() - steps[0]  # noqa: E731
        self.watch = AddressWatch(self.clock, monotonic=seconds, resolve=self.resolve, source=self.source)
        self.watch.watch(ACS, self.told)
        self.sources()
        steps[0] = 50 * 365 * 86400.0
        self.clock.advance(steps[0])
        self.assertEqual(self.looked, ["198.51.100.1"])
        self.wait(EVERY + 1)
        self.assertEqual(self.looked, ["198.51.100.1"] * 2)


class MachineTests(SynchronousTestCase):
    """Source addresses of the kernel."""

    def test_towards_ourselves(self) -> None:
        self.assertEqual(source_address("127.0.0.1"), "127.0.0.1")
        for nowhere in ("0.0.0.0.0", "::ffff:999.1.1.1"):
            self.assertIsNone(source_address(nowhere), nowhere)
