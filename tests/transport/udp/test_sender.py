"""Datagrams on loopback, and datagrams that cannot be sent."""

from __future__ import annotations

from typing import Any

from twisted.internet import reactor as global_reactor
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.internet.protocol import DatagramProtocol
from twisted.internet.task import Clock, deferLater
from twisted.trial.unittest import SkipTest, TestCase

from cwmpagent.transport.udp.sender import LOOKUP_TIMEOUT, MOST_WAITING, WARN_INTERVAL, DatagramSender
from tests.skips import NO_IPV6, has_ipv6

reactor: Any = global_reactor


class Receiver(DatagramProtocol):
    def __init__(self) -> None:
        self.got: list[tuple[bytes, tuple[str, int]]] = []

    def datagramReceived(self, datagram: bytes, addr: Any) -> None:
        self.got.append((datagram, addr[:2]))


class Resolver:
    """A resolver that answers on demand."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, Any]] = []

    def resolveHostName(self, receiver: Any, host: str, **options: Any) -> Any:
        self.asked.append((host, receiver))
        return receiver

    def answer(self, *addresses: str) -> None:
        _, receiver = self.asked[-1]
        for each in addresses:
            receiver.addressResolved(IPv4Address("UDP", each, 0))
        receiver.resolutionComplete()


class Timed:
    """Real sockets with a test clock and a test resolver."""

    def __init__(self, clock: Clock, resolver: Resolver) -> None:
        self.callLater = clock.callLater
        self.listenUDP = reactor.listenUDP
        self.nameResolver = resolver


class NotifyTests(TestCase):
    timeout = 120

    def setUp(self) -> None:
        self.warned: list[str] = []
        self.clock = Clock()
        self.resolver = Resolver()
        self.receiver = Receiver()
        self.port = self.listen("127.0.0.1")
        self.sender = self.begin(reactor)

    def listen(self, interface: str) -> int:
        receiver = Receiver()
        receiver.got = self.receiver.got
        port = reactor.listenUDP(0, receiver, interface=interface)
        self.addCleanup(port.stopListening)
        return int(port.getHost().port)

    def begin(self, world: Any) -> DatagramSender:
        sender = DatagramSender(world, monotonic=self.clock.seconds, warn=self.warned.append)
        self.addCleanup(lambda: Deferred.fromCoroutine(sender.close()))
        return sender

    async def arrived(self, count: int) -> list[bytes]:
        for _ in range(10_000):
            if len(self.receiver.got) >= count:
                break
            await deferLater(reactor, 0.005, lambda: None)
        return [datagram for datagram, _ in self.receiver.got]

    async def test_in_order_from_one_socket(self) -> None:
        self.sender.send("127.0.0.1", self.port, [b"one", b"two"])
        self.sender.send("127.0.0.1", self.port, [b"three"])
        self.assertEqual(await self.arrived(3), [b"one", b"two", b"three"])
        self.assertEqual(len({source for _, source in self.receiver.got}), 1)
        self.assertEqual(self.warned, [])

    async def test_a_name_is_looked_up_each_time(self) -> None:
        sender = self.begin(Timed(self.clock, self.resolver))
        sender.send("acs.example", self.port, [b"one"])
        sender.send("acs.example", self.port, [b"two"])
        self.assertEqual(self.receiver.got, [])
        self.resolver.answer("127.0.0.1")
        self.assertEqual(await self.arrived(1), [b"one"])
        self.resolver.answer("127.0.0.1")
        self.assertEqual(await self.arrived(2), [b"one", b"two"])
        self.assertEqual([host for host, _ in self.resolver.asked], ["acs.example"] * 2)

    async def test_ipv6(self) -> None:
        if not has_ipv6():
            raise SkipTest(NO_IPV6)
        self.sender.send("::1", self.listen("::1"), [b"six"])
        self.sender.send("127.0.0.1", self.port, [b"four"])
        self.assertEqual(sorted(await self.arrived(2)), [b"four", b"six"])

    async def test_what_cannot_be_sent_is_said_once_a_minute(self) -> None:
        sender = self.begin(Timed(self.clock, self.resolver))
        for attempt in range(3):
            sender.send("nowhere.example", 7547, [b"lost"])
            self.resolver.answer()
            self.assertEqual(len(self.warned), 1, attempt)
        self.assertIn("'nowhere.example'", self.warned[0])
        self.clock.advance(WARN_INTERVAL)
        sender.send("127.0.0.1", 70_000, [b"no such port"])
        self.assertEqual(len(self.warned), 2)
        self.clock.advance(WARN_INTERVAL)
        sender.send("127.0.0.1", self.port, [b"x" * 70_000])
        self.assertEqual(len(self.warned), 3)
        sender.send("127.0.0.1", self.port, [b"good"])
        self.assertEqual(await self.arrived(1), [b"good"])

    async def test_a_resolver_that_never_answers_holds_up_nothing_for_long(self) -> None:
        sender = self.begin(Timed(self.clock, self.resolver))
        for number in range(3 * MOST_WAITING):
            sender.send("slow.example", self.port, [b"%d" % number])
        self.assertEqual(len(self.resolver.asked), 1)
        self.assertEqual(len(self.warned), 1)
        for _ in range(MOST_WAITING):
            self.clock.advance(LOOKUP_TIMEOUT)
        self.assertEqual(len(self.resolver.asked), MOST_WAITING)
        sender.send("127.0.0.1", self.port, [b"good"])
        self.assertEqual(await self.arrived(1), [b"good"])

    async def test_closed_it_leaves_nothing_behind_and_may_be_used_again(self) -> None:
        sender = self.begin(Timed(self.clock, self.resolver))
        sender.send("slow.example", self.port, [b"never"])
        sender.send("slow.example", self.port, [b"nor this"])
        await Deferred.fromCoroutine(sender.close())
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.resolver.answer("127.0.0.1")
        sender.send("127.0.0.1", self.port, [b"again"])
        self.assertEqual(await self.arrived(1), [b"again"])
        self.assertEqual(self.warned, [])

    async def test_nothing_is_sent_for_nothing(self) -> None:
        sender = self.begin(Timed(self.clock, self.resolver))
        sender.send("acs.example", self.port, [])
        self.assertEqual(self.resolver.asked, [])
