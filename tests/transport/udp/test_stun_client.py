"""STUN client: names, sockets and timers, with a test clock."""

from __future__ import annotations

import random
from collections.abc import Callable
from itertools import count, pairwise
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.trial.unittest import SynchronousTestCase

from cwmpagent.protocol.stun.binding import BindingSettings
from cwmpagent.protocol.stun.message import Address
from cwmpagent.transport.udp.port import DatagramPort
from cwmpagent.transport.udp.stun_client import (
    LOOKUP_TIMEOUT,
    RESOLVE_INTERVAL,
    RETRY_INTERVAL,
    StunClient,
    StunClients,
)
from tests.transport.udp.udp_net import FakeSocket, UdpNet, answered

OUTSIDE = Address("203.0.113.5", 40_001)
FIXED = BindingSettings(shortest=30, longest=30)
SEARCHED = BindingSettings(shortest=20, longest=300)


class ClientCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.net = UdpNet(stun=["198.51.100.9"])
        self.net.outbound = self.serve
        self.up = True
        self.mapped = OUTSIDE
        self.source: str | None = "192.168.1.2"
        self.found: list[tuple[Address, bool]] = []
        self.troubles: list[str] = []
        self.shift = 0.0
        self.alone = True
        self.times: list[float] = []
        self.port = DatagramPort(self.net, 7547)
        self.port.bind()

    def serve(self, socket: FakeSocket, data: bytes, to: Address) -> None:
        """Answer as a STUN server does, a moment later."""
        if socket.port == 7547:
            self.times.append(self.net.seconds())
        if self.up:
            self.net.callLater(0.01, lambda: socket in self.net.sockets and self.reply(socket, data, to))

    def reply(self, socket: FakeSocket, data: bytes, to: Address) -> None:
        socket.receive(answered(data, self.mapped), to)

    def begin(self, settings: BindingSettings = FIXED, host: str = "stun.test") -> StunClient:
        ids = count(1)
        made = StunClients(
            self.net,
            self.port,
            new_id=lambda: next(ids).to_bytes(16, "big"),
            monotonic=lambda: self.net.seconds() + self.shift,
            source_address=lambda host: self.source,
            alone=lambda: self.alone,
        ).keep(host, 3478, settings, found=lambda *found: self.found.append(found), trouble=self.troubles.append)

        class Target:
            """Target of the port: the agent."""

            def stun(self, data: bytes, source: Address) -> None:
                made.received(data)

            def text(self, data: bytes, source: Address) -> None:
                raise AssertionError("this is no text")

        self.port.attach(Target())
        return made

    def run_for(self, seconds: float, step: float = 0.05) -> None:
        for _ in range(round(seconds / step)):
            self.net.advance(step)

    def gone(self, client: StunClient) -> None:
        """Check that nothing is left after a stop."""
        self.successResultOf(client.stop())
        self.assertEqual(
            [call for call in self.net.getDelayedCalls() if call.getTime() > self.net.seconds() + 0.02], []
        )
        self.assertEqual([socket.port for socket in self.net.sockets], [7547])


class ClientTests(ClientCase):
    def test_the_mapping_is_found(self) -> None:
        client = self.begin()
        self.run_for(1)
        self.assertEqual((self.found, self.troubles), ([(OUTSIDE, True)], []))
        self.assertEqual({to for *_, to in self.net.sent}, {Address("198.51.100.9", 3478)})
        self.assertEqual({port for port, *_ in self.net.sent}, {7547})
        self.gone(client)

    def test_no_nat(self) -> None:
        self.mapped = Address("192.168.1.2", 7547)
        client = self.begin()
        self.run_for(1)
        self.assertEqual(self.found, [(self.mapped, False)])
        self.gone(client)

    def test_a_socket_for_one_address_is_compared_with_that(self) -> None:
        self.successResultOf(self.port.close())
        self.port = DatagramPort(self.net, 7547, "192.168.7.7")
        self.port.bind()
        self.mapped = Address("192.168.7.7", 7547)
        self.begin()
        self.run_for(1)
        self.assertEqual(self.found, [(self.mapped, False)])

    def test_an_address_needs_no_name_server(self) -> None:
        self.begin(host="198.51.100.77")
        self.run_for(1)
        self.assertEqual({to.host for *_, to in self.net.sent}, {"198.51.100.77"})
        self.assertEqual(self.net.nameResolver.asked, [])

    def test_ipv4_is_preferred(self) -> None:
        self.net.nameResolver.addresses["stun"] = ["2001:db8::1", "198.51.100.9"]
        self.begin()
        self.run_for(1)
        self.assertEqual({to.host for *_, to in self.net.sent}, {"198.51.100.9"})

    def test_a_name_without_an_address_is_looked_up_again(self) -> None:
        self.net.nameResolver.addresses["stun"] = []
        self.begin()
        self.run_for(RETRY_INTERVAL * 3 - 1)
        self.assertEqual((self.net.sent, self.troubles), ([], ["the STUN server 'stun.test' has no address"]))
        self.net.nameResolver.addresses["stun"] = ["198.51.100.9"]
        self.run_for(RETRY_INTERVAL)
        self.assertEqual((self.found, self.troubles[1:]), ([(OUTSIDE, True)], [""]))

    def test_a_name_server_that_is_silent(self) -> None:
        waiting: list[Any] = []
        self.net.nameResolver.resolveHostName = lambda receiver, *_, **__: waiting.append(receiver)  # type: ignore[method-assign]  # a resolver of another kind
        client = self.begin()
        self.run_for(LOOKUP_TIMEOUT + 1)
        self.assertEqual(self.troubles, ["the STUN server 'stun.test': its name was not resolved in time"])
        self.run_for(RETRY_INTERVAL)
        self.assertEqual(len(waiting), 2)
        waiting[1].addressResolved(IPv4Address("UDP", "198.51.100.9", 0))
        waiting[1].resolutionComplete()
        waiting[0].resolutionComplete()
        self.run_for(1)
        self.assertEqual(self.found, [(OUTSIDE, True)])
        self.gone(client)

    def test_stopped_while_the_name_is_looked_up(self) -> None:
        waiting: list[Any] = []
        self.net.nameResolver.resolveHostName = lambda receiver, *_, **__: waiting.append(receiver)  # type: ignore[method-assign]  # as above
        client = self.begin()
        self.gone(client)
        waiting[0].addressResolved(IPv4Address("UDP", "198.51.100.9", 0))
        waiting[0].resolutionComplete()
        self.run_for(60)
        self.assertEqual((self.net.sent, self.troubles, self.found), ([], [], []))

    def test_stopped_at_any_moment(self) -> None:
        chance = random.Random(11)
        for _ in range(60):
            client = self.begin(SEARCHED)
            self.up = chance.random() < 0.8
            self.run_for(chance.uniform(0, 200))
            self.gone(client)
            before = len(self.net.sent)
            self.run_for(30)
            self.assertEqual(len(self.net.sent), before)

    def test_the_server_goes_away_and_comes_back(self) -> None:
        self.begin()
        self.run_for(1)
        self.up = False
        self.run_for(200)
        self.assertEqual(self.troubles, ["the STUN server 'stun.test': it does not answer"])
        self.up = True
        self.run_for(200)
        self.assertEqual((self.troubles[1:], self.found), ([""], [(OUTSIDE, True)]))

    def test_the_server_moves_when_it_fails(self) -> None:
        self.begin()
        self.run_for(1)
        old, new = Address("198.51.100.9", 3478), Address("198.51.100.10", 3478)

        def only_new(socket: FakeSocket, data: bytes, to: Address) -> None:
            if to == new:
                self.serve(socket, data, to)

        self.net.outbound = only_new
        self.run_for(60)
        self.net.nameResolver.addresses["stun"] = ["198.51.100.10"]
        self.run_for(120)
        self.assertEqual({to for *_, to in self.net.sent}, {old, new})
        self.assertEqual(self.net.sent[-1][2], new)
        self.assertEqual(self.troubles[-1], "")

    def test_the_name_moves_while_the_old_server_still_answers(self) -> None:
        self.begin()
        self.run_for(60)
        self.net.nameResolver.addresses["stun"] = ["198.51.100.10"]
        self.run_for(RESOLVE_INTERVAL + 60, step=0.5)
        self.assertEqual(self.net.sent[-1][2], Address("198.51.100.10", 3478))
        self.assertEqual(self.troubles, [])

    def test_the_first_of_several_addresses_is_dead(self) -> None:
        dead, alive = "198.51.100.9", "198.51.100.10"
        self.net.nameResolver.addresses["stun"] = [dead, alive]

        def one_answers(socket: FakeSocket, data: bytes, to: Address) -> None:
            if to.host == alive:
                self.serve(socket, data, to)

        self.net.outbound = one_answers
        self.begin()
        self.run_for(12)
        self.assertEqual(self.found, [(OUTSIDE, True)])
        self.run_for(RESOLVE_INTERVAL * 2, step=0.5)
        self.assertEqual(self.net.sent[-1][2].host, alive, "it stays where it is answered")
        self.assertEqual(self.troubles[-1], "")

    def test_all_of_several_addresses_are_dead(self) -> None:
        self.net.nameResolver.addresses["stun"] = ["198.51.100.9", "198.51.100.10", "2001:db8::1"]
        self.up = False
        client = self.begin()
        self.run_for(3600, step=0.1)
        asked = [to.host for _, _, to in self.net.sent]
        self.assertEqual(set(asked), {"198.51.100.9", "198.51.100.10", "2001:db8::1"})
        self.assertLess(len(asked), 36 * 16 + 3600 // 30, "less and less often, beside the keep-alives")
        self.assertLessEqual(len(self.troubles), 1)
        self.up = True
        self.run_for(400, step=0.1)
        self.assertEqual((len(self.found), self.troubles[-1]), (1, ""))
        self.gone(client)

    def test_no_silence_whatever_happens_to_the_servers(self) -> None:
        """Between two rounds of all addresses, too, the port sends at least once in the maximum period."""
        for addresses in (["198.51.100.9"], ["198.51.100.9", "198.51.100.10", "2001:db8::1"]):
            self.net.nameResolver.addresses["stun"] = addresses
            for longest in (3, 30):
                self.up = True
                client = self.begin(BindingSettings(shortest=1, longest=longest))
                self.run_for(30)
                self.times.clear()
                self.up = False
                self.run_for(1000)
                self.up = True
                self.run_for(400)
                gaps = [later - earlier for earlier, later in pairwise(self.times)]
                self.assertLessEqual(max(gaps), longest + 0.11)
                self.assertEqual(self.troubles[-1], "")
                self.gone(client)

    def test_a_name_that_is_gone_for_a_while_changes_nothing(self) -> None:
        self.begin()
        self.run_for(1)
        self.net.nameResolver.addresses["stun"] = []
        self.run_for(RESOLVE_INTERVAL * 2, step=0.5)
        self.assertEqual((self.found, self.troubles), ([(OUTSIDE, True)], []))

    def test_this_machine_gets_another_address(self) -> None:
        client = self.begin()
        self.run_for(1)
        before = len(self.net.sent)
        client.look()
        self.assertEqual(len(self.net.sent), before, "it is the same")
        self.source, self.mapped = "192.168.9.9", Address("192.168.9.9", 7547)
        client.look()
        self.run_for(1)
        self.assertEqual(self.found, [(OUTSIDE, True), (self.mapped, False)])

    def test_it_is_noticed_at_the_next_keep_alive_too(self) -> None:
        self.begin()
        self.run_for(1)
        self.source = "192.168.9.9"
        self.run_for(31)
        self.assertTrue(self.net.requests()[-1][1].binding_change)

    def test_no_way_to_the_server(self) -> None:
        self.source = None
        self.begin()
        self.run_for(RETRY_INTERVAL * 2)
        self.assertEqual((self.net.sent, len(self.troubles)), ([], 1))
        self.assertIn("no route to the STUN server 198.51.100.9:3478", self.troubles[0])
        self.source = "192.168.1.2"
        self.run_for(RETRY_INTERVAL)
        self.assertEqual((self.found, self.troubles[1:]), ([(OUTSIDE, True)], [""]))

    def test_the_reactors_clock_is_set(self) -> None:
        """The reactor may run on the wall clock; time is measured by the monotonic clock."""
        self.begin()
        self.run_for(1)
        before = len(self.net.sent)
        for step in (3600.0, 50 * 365 * 86400.0):
            self.shift -= step
            self.net.advance(step)
            self.assertLessEqual(len(self.net.sent) - before, 1, "no storm after a step forward")
            self.run_for(31)
        self.assertLess(len(self.net.sent) - before, 5)


class SearchTests(ClientCase):
    """Search for the period with the secondary socket; the server answers to RESPONSE-ADDRESS."""

    lifetime = 90.0

    def setUp(self) -> None:
        super().setUp()
        self.used = self.net.seconds()
        self.honoured = True

    def reply(self, socket: FakeSocket, data: bytes, to: Address) -> None:
        primary = next(each for each in self.net.sockets if each.port == 7547)
        if socket is primary:
            self.used = self.net.seconds()
            super().reply(socket, data, to)
        elif not self.honoured:
            super().reply(socket, data, to)
        elif self.net.seconds() - self.used <= self.lifetime:
            super().reply(primary, data, to)

    def test_the_second_socket_lives_as_long_as_the_search(self) -> None:
        client = self.begin(SEARCHED)
        self.run_for(45)
        self.assertEqual(len(self.net.sockets), 2)
        _, message, to = next(each for each in self.net.requests() if each[0] != 7547)
        self.assertEqual((message.response_address, to), (OUTSIDE, Address("198.51.100.9", 3478)))
        self.run_for(2000)
        assert client.binding is not None
        self.assertFalse(client.binding.searching)
        self.assertTrue(70 < client.binding.period < 90, client.binding.period)
        self.assertEqual(len(self.net.sockets), 1)

    def test_no_search_while_others_send_from_the_port(self) -> None:
        client = self.begin(SEARCHED)
        self.run_for(45)
        self.alone = False
        self.run_for(600)
        assert client.binding is not None
        self.assertEqual((client.binding.searching, len(self.net.sockets)), (False, 1))
        before = len(self.net.sent)
        self.run_for(300)
        self.assertEqual({port for port, *_ in self.net.sent[before:]}, {7547}, "no probe")
        self.assertLess(client.binding.period, self.lifetime)
        self.alone = True
        self.run_for(2000)
        self.assertFalse(client.binding.searching)
        self.assertTrue(70 < client.binding.period < 90, client.binding.period)

    def test_a_probe_shows_nothing_when_others_send_meanwhile(self) -> None:
        self.lifetime = 15.0
        client = self.begin(SEARCHED)
        self.run_for(1)
        assert client.binding is not None
        self.lifetime, self.alone = 1e9, False  # datagrams of others keep the binding
        self.run_for(600)
        self.assertEqual(client.binding.period, 20)

    def test_no_second_socket_to_be_had(self) -> None:
        client = self.begin(SEARCHED)
        self.net.taken.add(0)
        self.run_for(600)
        assert client.binding is not None
        self.assertEqual((client.binding.period, self.found), (20, [(OUTSIDE, True)]))

    def test_a_server_that_answers_to_the_second_socket(self) -> None:
        self.honoured = False
        client = self.begin(SEARCHED)
        self.run_for(600)
        assert client.binding is not None
        self.assertEqual((client.binding.period, client.binding.searching), (20, False))
        self.assertEqual(len(self.net.sockets), 1)


class HostileTests(ClientCase):
    def test_any_datagram_in_any_state(self) -> None:
        chance = random.Random(5)
        self.begin(SEARCHED)
        samples: list[Callable[[], bytes]] = [
            lambda: chance.randbytes(chance.randrange(1, 60)),
            lambda: b"\x01\x01" + chance.randbytes(18),
            lambda: answered(self.net.sent[-1][1], OUTSIDE)[: chance.randrange(1, 32)],
        ]
        for _ in range(3000):
            self.run_for(0.5, step=0.5)
            for socket in self.net.sockets:
                data = chance.choice(samples)()
                if data[:1] in (b"\0", b"\1"):
                    socket.receive(data, Address("192.0.2.66", 666))
        self.assertEqual(self.found, [(OUTSIDE, True)])
