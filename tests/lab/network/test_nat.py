"""Tests of the NAT in user space: filters, lifetimes and impairments, with a Clock and with real sockets."""

from __future__ import annotations

import socket
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet import reactor as global_reactor
from twisted.internet.defer import Deferred
from twisted.internet.error import CannotListenError
from twisted.internet.task import deferLater
from twisted.trial.unittest import SynchronousTestCase, TestCase

from cwmpagent.lab.network.nat import MAPPINGS, STAND_INS, Nat, NatWeather
from cwmpagent.lab.network.nat_kind import NatKind
from cwmpagent.protocol.stun.message import Address
from tests.transport.udp.udp_net import FakeSocket, UdpNet

reactor: Any = global_reactor
AGENT = Address("192.168.1.2", 7547)
SERVER = Address("198.51.100.9", 3478)
SAME_HOST = Address("198.51.100.9", 9999)
STRANGER = Address("203.0.113.66", 3478)


class NatCase(SynchronousTestCase):
    def build(self, kind: NatKind, **settings: Any) -> Nat:
        self.net = UdpNet()
        self.nat = Nat(self.net, kind, outside="192.0.2.1", monotonic=self.net.seconds, **settings)
        self.inside = self.nat.stand_in(SERVER, "192.168.1.1", 3478)
        return self.nat

    def at(self, address: Address) -> FakeSocket:
        """The socket with this port number."""
        return next(each for each in self.net.sockets if each.port == address.port)

    def send(self, data: bytes = b"out", *, agent: Address = AGENT, to: Address | None = None) -> Address:
        """Send from the agent; return the source address that the server receives."""
        before = len(self.net.sent)
        self.at(to or self.inside).receive(data, agent)
        port, sent, _ = self.net.sent[before]
        self.assertEqual(sent, data)
        return Address("192.0.2.1", port)

    def gets_in(self, outside: Address, source: Address) -> bool:
        """Whether a datagram from ``source`` to the mapped address reaches the agent."""
        before = len(self.net.sent)
        sockets = [each for each in self.net.sockets if each.port == outside.port]
        for each in sockets:
            each.receive(b"in", source)
        arrived = [to for _, data, to in self.net.sent[before:] if data == b"in"]
        self.assertLessEqual(set(arrived), {AGENT})
        return bool(arrived)


class RefusalTests(NatCase):
    """What the NAT says about a datagram in advance is what it does with one."""

    def test_as_it_lets_in(self) -> None:
        for kind in NatKind:
            self.build(kind, lifetime=30.0)
            outside = self.send()
            for source in (SERVER, SAME_HOST, STRANGER):
                refusal = self.nat.refusal(outside, source)
                self.assertEqual(not refusal, self.gets_in(outside, source), (kind, source))
                if refusal:
                    self.assertIn(f"({kind.value}) lets in nothing from {source}", refusal)

    def test_after_it_forgot(self) -> None:
        self.build(NatKind.FULL_CONE, lifetime=30.0)
        outside = self.send()
        self.net.advance(31)
        self.assertEqual(self.nat.refusal(outside, SERVER), f"the NAT has no mapping at {outside} any more")
        self.assertFalse(self.gets_in(outside, SERVER))
        outside = self.send()
        self.assertEqual(self.nat.refusal(outside, SERVER), "")
        self.nat.rebind()
        self.assertIn("any more", self.nat.refusal(outside, SERVER))
        self.assertIn("any more", self.nat.refusal(Address("192.0.2.1", 1), SERVER))

    def test_addresses_that_are_not_its_own(self) -> None:
        self.build(NatKind.SYMMETRIC)
        self.assertEqual(self.nat.refusal(Address("203.0.113.5", 40_001), SERVER), "")


class KindTests(NatCase):
    def test_whom_each_lets_in(self) -> None:
        table = {
            NatKind.FULL_CONE: (True, True, True),
            NatKind.ADDRESS_RESTRICTED: (True, True, False),
            NatKind.PORT_RESTRICTED: (True, False, False),
            NatKind.SYMMETRIC: (True, False, False),
        }
        for kind, expected in table.items():
            self.build(kind)
            outside = self.send()
            got = tuple(self.gets_in(outside, source) for source in (SERVER, SAME_HOST, STRANGER))
            self.assertEqual(got, expected, kind)
            self.assertEqual(self.nat.counters["filtered"], expected.count(False))

    def test_who_shares_a_mapping(self) -> None:
        for kind in NatKind:
            self.build(kind)
            other = self.nat.stand_in(STRANGER, "192.168.1.1", 4000)
            first, second = self.send(), self.send(to=other)
            self.assertEqual(first == second, kind is not NatKind.SYMMETRIC, kind)
            self.assertEqual(self.send(), first)
            self.assertNotEqual(self.send(agent=Address("192.168.1.2", 5000)), first)

    def test_sent_there_before_it_lets_them_in(self) -> None:
        for kind in (NatKind.ADDRESS_RESTRICTED, NatKind.PORT_RESTRICTED):
            self.build(kind)
            outside = self.send()
            self.assertFalse(self.gets_in(outside, STRANGER))
            self.send(to=self.nat.stand_in(STRANGER, "192.168.1.1", 4000))
            self.assertTrue(self.gets_in(outside, STRANGER), kind)

    def test_it_comes_from_the_stand_in(self) -> None:
        """An answer comes from the stand-in that the agent sent to; another outside address gets its own stand-in."""
        self.build(NatKind.FULL_CONE)
        outside = self.send()
        self.gets_in(outside, SERVER)
        self.assertEqual(self.net.sent[-1][0], self.inside.port)
        self.gets_in(outside, STRANGER)
        stranger = self.net.sent[-1][0]
        self.assertNotEqual(stranger, self.inside.port)
        self.assertEqual(self.at(Address("", stranger)).interface, "192.168.1.1")
        self.gets_in(outside, STRANGER)
        self.assertEqual(self.net.sent[-1][0], stranger)
        before = len(self.net.sent)
        self.at(Address("", stranger)).receive(b"back", AGENT)
        self.assertEqual(self.net.sent[before][2], STRANGER)

    def test_nobody_comes_in_uninvited(self) -> None:
        for kind in NatKind:
            self.build(kind)
            self.assertEqual([each.port for each in self.net.sockets], [3478], "there is no port to come in by")


class LifetimeTests(NatCase):
    def test_a_silent_binding_is_forgotten(self) -> None:
        self.build(NatKind.PORT_RESTRICTED, lifetime=5.0)
        outside = self.send()
        self.net.advance(5.0)
        self.assertTrue(self.gets_in(outside, SERVER))
        self.net.advance(0.1)
        self.assertFalse(self.gets_in(outside, SERVER))
        self.assertEqual((self.nat.counters["expired"], self.nat.mappings()), (1, []))
        self.assertNotEqual(self.send(), outside)

    def test_what_leaves_keeps_it(self) -> None:
        self.build(NatKind.PORT_RESTRICTED, lifetime=5.0)
        outside = self.send()
        for _ in range(10):
            self.net.advance(4.9)
            self.assertEqual(self.send(), outside)
        self.assertTrue(self.gets_in(outside, SERVER))

    def test_inbound_datagrams_do_not_keep_it(self) -> None:
        self.build(NatKind.PORT_RESTRICTED, lifetime=5.0)
        outside = self.send()
        self.net.advance(4.0)
        self.assertTrue(self.gets_in(outside, SERVER))
        self.net.advance(4.0)
        self.assertFalse(self.gets_in(outside, SERVER))

    def test_a_permission_ends_too(self) -> None:
        self.build(NatKind.PORT_RESTRICTED, lifetime=5.0)
        self.send()
        other = self.nat.stand_in(STRANGER, "192.168.1.1", 4000)
        self.net.advance(4.0)
        outside = self.send(to=other)
        self.net.advance(4.0)
        self.assertTrue(self.gets_in(outside, STRANGER))
        self.assertFalse(self.gets_in(outside, SERVER), "nothing was sent there for eight seconds")

    def test_for_ever(self) -> None:
        self.build(NatKind.SYMMETRIC, lifetime=None)
        outside = self.send()
        self.net.advance(10**6)
        self.assertTrue(self.gets_in(outside, SERVER))

    def test_rebind(self) -> None:
        self.build(NatKind.FULL_CONE)
        outside = self.send()
        self.nat.rebind()
        self.assertEqual(self.nat.mappings(), [])
        self.assertFalse(self.gets_in(outside, SERVER))
        self.assertNotEqual(self.send(), outside)

    def test_what_is_known_of_them(self) -> None:
        self.build(NatKind.FULL_CONE)
        outside = self.send()
        self.net.advance(3)
        [mapping] = self.nat.mappings()
        self.assertEqual((mapping.inside, mapping.outside, mapping.age), (AGENT, outside, 3.0))


class WeatherTests(NatCase):
    def history(self, seed: int, **weather: float) -> tuple[list[bytes], dict[str, int]]:
        """The packets of a hundred that arrive at the server, in order."""
        self.build(NatKind.FULL_CONE, seed=seed, weather=NatWeather(**weather))
        for number in range(100):
            self.at(self.inside).receive(b"%d" % number, AGENT)
            self.net.advance(0.001)
        self.net.advance(1)
        return [data for *_, data, to in self.net.sent if to == SERVER], dict(self.nat.counters)

    def test_fine(self) -> None:
        arrived, _ = self.history(1)
        self.assertEqual(arrived, [b"%d" % number for number in range(100)])

    def test_loss(self) -> None:
        arrived, counters = self.history(1, loss=0.3)
        self.assertEqual(len(arrived), 100 - counters["lost"])
        self.assertTrue(15 < counters["lost"] < 50)

    def test_duplicates(self) -> None:
        arrived, counters = self.history(1, duplicate=0.3)
        self.assertEqual(len(arrived), 100 + counters["duplicated"])
        self.assertTrue(counters["duplicated"])

    def test_order(self) -> None:
        arrived, counters = self.history(1, reorder=0.3)
        self.assertEqual(sorted(arrived, key=int), [b"%d" % number for number in range(100)])
        self.assertNotEqual(arrived, sorted(arrived, key=int))
        self.assertTrue(counters["reordered"])

    def test_a_seed_decides_the_same_again(self) -> None:
        weather = {"loss": 0.2, "duplicate": 0.2, "reorder": 0.2}
        self.assertEqual(self.history(5, **weather), self.history(5, **weather))
        self.assertNotEqual(self.history(5, **weather)[0], self.history(6, **weather)[0])


class BoundTests(NatCase):
    def test_mappings(self) -> None:
        self.build(NatKind.FULL_CONE)
        for number in range(MAPPINGS + 20):
            self.at(self.inside).receive(b"x", Address("192.168.1.2", 1000 + number))
        self.assertEqual(len(self.nat.mappings()), MAPPINGS)
        self.assertEqual(len(self.net.sockets), MAPPINGS + 1)

    def test_the_one_silent_longest_goes(self) -> None:
        self.build(NatKind.FULL_CONE)
        kept, silent = self.send(), self.send(agent=Address("192.168.1.2", 999))
        for number in range(MAPPINGS + 20):
            self.at(self.inside).receive(b"x", Address("192.168.1.2", 1000 + number))
            self.assertEqual(self.send(), kept)
        self.assertNotIn(silent, [each.outside for each in self.nat.mappings()])
        self.assertEqual(len(self.net.sockets), MAPPINGS + 1)

    def test_no_port_to_be_had(self) -> None:
        self.build(NatKind.FULL_CONE, lifetime=5.0)
        outside = self.send()
        listen = self.net.listenUDP

        def full(*_: Any, **__: Any) -> FakeSocket:
            raise CannotListenError("192.0.2.1", 0, OSError(24, "Too many open files"))

        self.patch(self.net, "listenUDP", full)
        self.assertFalse(self.gets_in(outside, STRANGER), "there is no stand-in")
        self.at(self.inside).receive(b"x", Address("192.168.1.2", 5000))
        self.net.advance(6)
        self.at(self.inside).receive(b"x", AGENT)
        self.assertEqual((self.nat.counters["unmapped"], self.nat.mappings()), (3, []))
        self.patch(self.net, "listenUDP", listen)
        self.assertTrue(self.gets_in(self.send(), SERVER))
        self.successResultOf(Deferred.fromCoroutine(self.nat.close()))
        self.assertEqual(self.net.sockets, [])

    def test_stand_ins(self) -> None:
        self.build(NatKind.FULL_CONE)
        outside = self.send()
        for number in range(STAND_INS + 20):
            self.gets_in(outside, Address("203.0.113.66", 1000 + number))
        self.assertEqual(self.nat.counters["filtered"], 21)

    def test_closed_at_any_moment(self) -> None:
        self.build(NatKind.FULL_CONE, weather=NatWeather(reorder=1.0))
        self.at(self.inside).receive(b"x", AGENT)
        self.successResultOf(Deferred.fromCoroutine(self.nat.close()))
        self.assertEqual((self.net.sockets, self.net.getDelayedCalls()), ([], []))

    @given(st.binary(max_size=2000), st.binary(max_size=2000))
    def test_any_bytes(self, out: bytes, back: bytes) -> None:
        self.build(NatKind.FULL_CONE)
        outside = self.send(out)
        self.at(outside).receive(back, SERVER)
        self.assertEqual(self.net.sent[-1][1:], (back, AGENT))


class LoopbackTests(TestCase):
    """The NAT with real sockets."""

    timeout = 30

    async def test_there_and_back(self) -> None:
        server, agent = (socket.socket(type=socket.SOCK_DGRAM) for _ in range(2))
        for each in (server, agent):
            each.bind(("127.0.0.1", 0))
            each.setblocking(False)
            self.addCleanup(each.close)
        nat = Nat(reactor, NatKind.PORT_RESTRICTED, monotonic=reactor.seconds)
        self.addCleanup(nat.close)
        inside = nat.stand_in(Address(*server.getsockname()))
        agent.sendto(b"out", inside)
        data, source = await self.received(server)
        self.assertEqual((data, source[0]), (b"out", "127.1.0.1"))
        server.sendto(b"back", source)
        self.assertEqual(await self.received(agent), (b"back", tuple(inside)))
        agent.sendto(bytes(60_000), inside)
        self.assertEqual(len((await self.received(server))[0]), 8192, "Twisted reads no more of a datagram")

    async def test_an_outside_address_that_is_not_ours(self) -> None:
        for address in ("192.0.2.99", "nowhere"):
            nat = Nat(reactor, NatKind.FULL_CONE, outside=address, monotonic=reactor.seconds)
            self.addCleanup(nat.close)
            self.assertRaises(CannotListenError, nat.try_outside)
        nat = Nat(reactor, NatKind.FULL_CONE, monotonic=reactor.seconds)
        nat.try_outside()
        await nat.close()

    async def received(self, of: socket.socket) -> tuple[bytes, Any]:
        for _ in range(500):
            try:
                return of.recvfrom(65536)
            except BlockingIOError:
                await deferLater(reactor, 0.01, lambda: None)
        raise AssertionError("nothing came")
