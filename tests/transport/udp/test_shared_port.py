"""A UDP port with several agents: to which of them a datagram goes."""

from __future__ import annotations

import secrets

from twisted.trial.unittest import TestCase

from cwmpagent.protocol.connection_request.udp import build
from cwmpagent.protocol.stun.message import Address
from cwmpagent.transport.udp.port import DatagramPort
from cwmpagent.transport.udp.shared_port import MOST_WITH_A_USERNAME, SharedPort
from tests.transport.udp.udp_net import UdpNet

ACS = Address("192.0.2.1", 4711)


class Target:
    """An agent that takes every request with its password."""

    def __init__(self, password: bytes = b"") -> None:
        self.password = password
        self.seen: list[bytes] = []
        self.reported: list[bytes] = []

    def stun(self, data: bytes, source: Address) -> None:
        self.seen.append(data)

    def text(self, data: bytes, source: Address) -> None:
        self.reported.append(data)

    def takes(self, data: bytes, source: Address) -> bool:
        self.seen.append(data)
        return self.password in data


def request(username: str) -> bytes:
    return build("192.0.2.7:7547", timestamp=1, request_id="1", username=username, cnonce="c", password="p")


class SharedPortTests(TestCase):
    def setUp(self) -> None:
        self.shared = SharedPort(secrets.token_bytes)
        self.net = UdpNet()

    def opened(self) -> None:
        port = DatagramPort(self.net, 7547)
        port.bind()
        self.shared.open(port)

    def test_requests_go_to_those_with_the_username(self) -> None:
        one, two, three = (Target() for _ in range(3))
        for target, name in ((one, "a"), (two, "b"), (three, "b")):
            self.shared.share().attach(target, name)
        self.shared.text(request("b"), ACS)
        self.assertEqual([len(each.seen) for each in (one, two, three)], [0, 1, 1])
        self.assertEqual(one.reported, [])

    def test_one_agent_reports_what_none_takes(self) -> None:
        first, second, third = (Target(b"never") for _ in range(3))
        self.shared.share().attach(first, "a")
        self.shared.share().attach(second, "b")
        self.shared.share().attach(third, "b")
        for data in (request("a"), request("nobody"), b"GET / HTTP/1.1", b"\xff" * 3000):
            self.shared.text(data, ACS)
            self.assertEqual((first.reported.pop(), second.reported), (data, []))
        self.shared.text(request("b"), ACS)
        self.assertEqual([each.reported for each in (first, second, third)], [[], [request("b")], []])

    def test_only_one_sender_knows_how_long_the_port_was_silent(self) -> None:
        self.opened()
        one, two, three = (self.shared.share() for _ in range(3))
        for share in (one, two, three):
            share.attach(Target(), "a")
        self.assertTrue(one.alone() and two.alone())
        for _ in range(2):
            one.send(b"x", ACS)
            self.assertEqual([share.alone() for share in (one, two, three)], [True, False, False])
        two.send(b"x", ACS)
        self.assertFalse(one.alone() or two.alone())
        two.detach()
        self.assertTrue(one.alone())

    def test_a_name_changes_and_an_agent_leaves(self) -> None:
        first, second = Target(), Target()
        share = self.shared.share()
        share.attach(first, "a")
        second_share = self.shared.share()
        second_share.attach(second, "b")
        share.attach(first, "c")
        self.shared.text(request("a"), ACS)
        self.assertEqual((first.seen, len(first.reported)), ([], 1), "still the first one")
        self.shared.text(request("c"), ACS)
        self.assertEqual(len(first.seen), 1)
        share.detach()
        share.detach()
        self.shared.text(request("c"), ACS)
        self.assertEqual((len(first.seen), len(second.reported)), (1, 1))
        second_share.detach()
        self.shared.text(request("b"), ACS)
        self.assertEqual(len(second.reported), 1, "nobody is left")

    def test_answers_go_to_the_agent_that_asked(self) -> None:
        targets = [Target() for _ in range(300)]
        shares = [self.shared.share() for _ in targets]
        for target, share in zip(targets, shares, strict=True):
            share.attach(target, "")
        ids = [share.new_id() for share in shares]
        self.assertEqual({len(each) for each in ids}, {16})
        self.assertNotEqual(ids[0], shares[0].new_id())
        for number in (0, 7, 299):
            answer = b"\x01\x01\x00\x00" + ids[number]
            self.shared.stun(answer, ACS)
            self.assertEqual([index for index, each in enumerate(targets) if each.seen == [answer]], [number])
            targets[number].seen.clear()
        shares[7].detach()
        self.shared.stun(b"\x01\x01\x00\x00" + ids[7], ACS)
        self.shared.stun(b"\x01\x01", ACS)
        self.assertFalse(any(each.seen for each in targets))

    def test_many_with_one_username_are_bounded(self) -> None:
        targets = [Target() for _ in range(MOST_WITH_A_USERNAME + 5)]
        for target in targets:
            self.shared.share().attach(target, "same")
        self.shared.text(request("same"), ACS)
        self.assertEqual(sum(len(each.seen) for each in targets), MOST_WITH_A_USERNAME)

    def test_an_agent_that_leaves_while_it_takes_one(self) -> None:
        shared = self.shared

        class Leaving(Target):
            def takes(self, data: bytes, source: Address) -> bool:
                share.detach()
                return super().takes(data, source)

        leaving, other = Leaving(), Target()
        share = shared.share()
        share.attach(leaving, "a")
        shared.share().attach(other, "a")
        shared.text(request("a"), ACS)
        self.assertEqual((len(leaving.seen), len(other.seen)), (1, 1))

    async def test_who_sends_alone(self) -> None:
        one, two = self.shared.share(), self.shared.share()
        for share in (one, two):
            share.attach(Target(), "")
        two.send(b"x", ACS)
        self.assertTrue(one.alone(), "a closed port sends nothing")
        self.opened()
        one.send(b"x", ACS)
        self.assertEqual((one.alone(), two.alone()), (True, False))
        two.send(b"x", ACS)
        self.assertFalse(one.alone())
        two.detach()
        self.assertTrue(one.alone())

    async def test_opened_and_closed_while_agents_are_attached(self) -> None:
        share, target = self.shared.share(), Target()
        share.attach(target, "a")
        self.assertIsNone(self.shared.host)
        self.assertIsNone(share.host)
        self.assertFalse(share.send(b"x", ACS))
        for _ in range(2):
            self.opened()
            assert share.host is not None
            self.assertEqual(share.host.port, 7547)
            self.assertTrue(share.send(b"x", ACS))
            await self.shared.close()
            self.assertIsNone(share.host)
        await self.shared.close()
