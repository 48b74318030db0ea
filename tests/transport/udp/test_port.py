"""UDP port on loopback: separation of datagrams, IPv4 and IPv6, and errors."""

from __future__ import annotations

import socket
from typing import Any

from twisted.internet import reactor as global_reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.trial.unittest import SkipTest, TestCase

from cwmpagent.errors import ConfigError
from cwmpagent.protocol.stun.message import Address
from cwmpagent.transport.udp.port import DatagramPort
from tests.skips import NO_IPV6, has_ipv6
from tests.transport.udp.udp_net import UdpNet

reactor: Any = global_reactor


class Target:
    """Records the datagrams."""

    def __init__(self) -> None:
        self.came: list[tuple[str, bytes, Address]] = []
        self.waiting: list[Deferred[None]] = []

    def stun(self, data: bytes, source: Address) -> None:
        self._note("stun", data, source)

    def text(self, data: bytes, source: Address) -> None:
        self._note("text", data, source)

    def _note(self, kind: str, data: bytes, source: Address) -> None:
        self.came.append((kind, data, source))
        waiting, self.waiting = self.waiting, []
        for each in waiting:
            each.callback(None)

    def next(self) -> Deferred[None]:
        self.waiting.append(Deferred())
        return self.waiting[-1]


class PortTests(TestCase):
    timeout = 20

    def setUp(self) -> None:
        self.target = Target()

    def open(self, interface: str = "127.0.0.1", port: int = 0) -> DatagramPort:
        made = DatagramPort(reactor, port, interface)
        made.bind()
        self.addCleanup(made.close)
        made.attach(self.target)
        return made

    def knock(self, port: DatagramPort, *datagrams: bytes, host: str = "127.0.0.1") -> int:
        """Send from a new socket. Returns its port number."""
        assert port.host is not None
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with socket.socket(family, socket.SOCK_DGRAM) as ours:
            for datagram in datagrams:
                ours.sendto(datagram, (host, port.host.port))
            return int(ours.getsockname()[1])

    async def test_by_the_first_byte(self) -> None:
        port = self.open()
        sent = [b"GET /?ts", b"\x01\x01rest", b"\x00\x01", b"\x80", b"\xff"]
        source = Address("127.0.0.1", self.knock(port, b"", *sent))
        while len(self.target.came) < len(sent):
            await self.target.next()
        kinds = ["text", "stun", "stun", "text", "text"]
        self.assertEqual(self.target.came, [(*each, source) for each in zip(kinds, sent, strict=True)])

    async def test_nobody_is_attached(self) -> None:
        port = self.open()
        port.detach()
        self.knock(port, b"GET")
        await deferLater(reactor, 0.05, lambda: None)
        self.assertEqual(self.target.came, [])

    async def test_sending(self) -> None:
        one, other = self.open(), self.open()
        assert one.host is not None and other.host is not None
        arrived = self.target.next()
        self.assertTrue(one.send(b"hello", other.host))
        await arrived
        self.assertEqual(self.target.came, [("text", b"hello", one.host)])

    async def test_a_port_for_both_families(self) -> None:
        if not has_ipv6():
            raise SkipTest(NO_IPV6)
        port = self.open("::")
        for host in ("127.0.0.1", "::1"):
            arrived = self.target.next()
            number = self.knock(port, b"from " + host.encode(), host=host)
            await arrived
            self.assertEqual(self.target.came[-1], ("text", b"from " + host.encode(), Address(host, number)))
        other = self.open()
        assert other.host is not None
        arrived = self.target.next()
        self.assertTrue(port.send(b"to IPv4", other.host))
        await arrived
        self.assertEqual(self.target.came[-1][1], b"to IPv4")

    async def test_what_cannot_be_sent_is_lost(self) -> None:
        port = self.open()
        for data, to in (
            (b"x", Address("::1", 9)),
            (b"x", Address("no address", 9)),
            (b"x", Address("127.0.0.1", 0)),
            (b"x", Address("127.0.0.1", 70_000)),
            (bytes(70_000), Address("127.0.0.1", 9)),
            (b"x", Address("255.255.255.255", 9)),
        ):
            self.assertFalse(port.send(data, to), to)
        await port.close()
        self.assertFalse(port.send(b"x", Address("127.0.0.1", 9)))
        self.assertIsNone(port.host)
        await port.close()

    async def test_nobody_listens_where_it_is_sent(self) -> None:
        """The kernel reports it later; the port stays open."""
        port, gone = self.open(), self.open()
        assert port.host is not None and gone.host is not None
        nowhere = gone.host
        await gone.close()
        for _ in range(3):
            port.send(b"x", nowhere)
            await deferLater(reactor, 0.01, lambda: None)
        arrived = self.target.next()
        self.knock(port, b"still here")
        await arrived

    async def test_a_port_that_is_taken(self) -> None:
        first = self.open()
        assert first.host is not None
        second = DatagramPort(reactor, first.host.port, "127.0.0.1")
        error = self.assertRaises(ConfigError, second.bind)
        self.assertEqual(
            str(error),
            f"connection_request.udp_port: UDP port {first.host.port}: Address already in use: choose another",
        )
        await second.close()

    async def test_an_address_that_is_not_ours(self) -> None:
        error = self.assertRaises(ConfigError, DatagramPort(reactor, 0, "192.0.2.1").bind)
        self.assertIn("connection_request.udp_port: UDP port 0: ", str(error))

    def test_without_a_socket(self) -> None:
        net = UdpNet()
        port = DatagramPort(net, 7547)
        self.assertIsNone(port.host)
        port.bind()
        self.assertEqual(port.host, Address("0.0.0.0", 7547))
        self.successResultOf(port.close())
        self.assertEqual(net.sockets, [])
