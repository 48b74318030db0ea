"""Hundreds of thousands of hostile datagrams: no exception, no answer, no session, and no growth of memory."""

from __future__ import annotations

import gc
import os
import secrets
import tracemalloc
from itertools import count
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from cwmpagent.agent.options import UdpOptions
from cwmpagent.protocol.connection_request.udp import build
from cwmpagent.protocol.stun.message import Address, MessageType, StunMessage, encode
from cwmpagent.transport.udp.port import DatagramPort
from cwmpagent.transport.udp.shared_port import SharedPort
from cwmpagent.transport.udp.stun_client import StunClients
from tests.conformance.simulated import SimulatedAgentCase, SimulatedDiskAgent
from tests.transport.udp.udp_net import FakeSocket, UdpNet, answered

DATAGRAMS = 100_000
SEED = int(os.environ.get("CWMPAGENT_SEED", "20261126"))
WHO = {"username": "acs", "password": "secret"}
STRANGER = Address("198.51.100.66", 666)
MAPPED = Address("203.0.113.5", 40_001)
EDGES = (b"\0", b"\xff", b"\x80", b"\x7f", b"%", b"&", b"=", b"?", b" ", b"\r\n", b"%00", b"%zz", b"\xc0\xaf")
QUERY = ("ts", "id", "un", "cn", "sig")


def request(number: int = 1, password: str = "secret") -> bytes:
    return build(
        "192.0.2.1:7547",
        timestamp=1_700_000_000 + number,
        request_id=str(number),
        username="acs",
        cnonce="abc",
        password=password,
    )


def corpus() -> list[bytes]:
    """Valid messages of every kind, as input of :func:`broken`."""
    made = [request(1, "wrong"), request(1).replace(b"http://192.0.2.1:7547", b"/")]
    for kind in MessageType:
        message = StunMessage(
            kind=kind,
            transaction=bytes(range(16)),
            mapped=STRANGER,
            response_address=STRANGER,
            username="cpe",
            error=401,
            reason="Unauthorized",
            connection_request_binding=True,
            binding_change=True,
        )
        made += [encode(message), encode(message, password="x")]
    return made


def broken(data: bytes, random: Random) -> bytes:
    """``data`` with one to four random alterations."""
    for _ in range(random.randrange(1, 5)):
        place = random.randrange(len(data) + 1)
        end = min(len(data), place + random.randrange(1, 9))
        match random.randrange(8):
            case 0:
                data = data[:place] + bytes([random.randrange(256)]) + data[place + 1 :]
            case 1:
                data = data[:place]
            case 2:
                data = data[:place] + data[end:]
            case 3:
                data = data[:place] + random.choice(EDGES) + data[place:]
            case 4:
                data = data[:end] + data[place:]
            case 5:
                data = data[:place] + random.randbytes(end - place) + data[end:]
            case 6:
                data = data + data[:place]
            case 7:
                data = data[:place] + random.choice(EDGES) * random.randrange(1, 400) + data[end:]
    return data[:65_000]


class HostileTests(SimulatedAgentCase):
    """A whole agent behind a NAT that keeps its binding and measures its lifetime."""

    def setUp(self) -> None:
        super().setUp()
        self.net = UdpNet()
        self.net.outbound = self.serve
        port = DatagramPort(self.net, 7547)
        port.bind()
        shared = SharedPort(secrets.token_bytes)
        shared.open(port)
        share = shared.share()
        ids = count(1)
        clients = StunClients(
            self.net,
            share,
            new_id=lambda: share.new_id()[:4] + next(ids).to_bytes(12, "big"),
            monotonic=self.net.seconds,
            source_address=lambda host: "192.0.2.1",
        )
        self.simulated: SimulatedDiskAgent = self.device(
            udp=UdpOptions(port=share, keep=clients.keep),
            ConnectionRequestUsername=WHO["username"],
            ConnectionRequestPassword=WHO["password"],
            STUNEnable="true",
            STUNServerAddress="198.51.100.9",
            STUNUsername="cpe",
            STUNPassword="stun",
        )
        self.simulated.bootstrapped()
        self.socket = self.net.sockets[0]
        self.pass_time(1)

    def serve(self, socket: FakeSocket, data: bytes, to: Address) -> None:
        self.net.callLater(0.01, lambda: socket in self.net.sockets and socket.receive(answered(data, MAPPED), to))

    def pass_time(self, seconds: float) -> None:
        for _ in range(round(seconds * 20)):
            self.net.advance(0.05)

    def receive(self, data: bytes) -> None:
        self.socket.receive(data, STRANGER)

    def assert_untouched(self) -> None:
        """Expect no change, and a session after a valid request."""
        self.assertEqual(self.simulated.runtime.server.text("UDPConnectionRequestAddress"), str(MAPPED))
        self.assertEqual({to.host for *_, to in self.net.sent}, {"198.51.100.9"}, "nothing is sent to anybody else")
        self.assertEqual(len(self.simulated.acs.sessions), 1)
        self.receive(request(10**6))
        self.simulated.run(0)
        self.assertEqual(self.simulated.acs.event_codes()[1:], [("6 CONNECTION REQUEST",)])

    def test_a_hundred_thousand_broken_ones(self) -> None:
        print(f"seed {SEED}: {DATAGRAMS} datagrams", end=" ", flush=True)
        random = Random(SEED)
        samples = corpus()
        sent = len(self.net.sent)
        tracemalloc.start()
        self.addCleanup(tracemalloc.stop)
        before = 0
        for number in range(DATAGRAMS):
            for socket in self.net.sockets:
                socket.receive(broken(random.choice(samples), random), STRANGER)
            if number == 1000:
                gc.collect()
                before = tracemalloc.get_traced_memory()[0]
        gc.collect()
        self.assertLess(tracemalloc.get_traced_memory()[0] - before, 100_000)
        self.assertEqual(len(self.net.sent), sent)
        self.assert_untouched()

    def test_they_come_while_the_binding_is_being_searched(self) -> None:
        random = Random(SEED + 1)
        samples = corpus()
        for _ in range(4000):
            self.pass_time(0.05)
            for socket in list(self.net.sockets):
                socket.receive(broken(random.choice(samples), random), STRANGER)
        self.assertGreater(len({port for port, *_ in self.net.sent}), 1, "the second socket was in use")
        self.assert_untouched()

    def test_answers_that_are_almost_right(self) -> None:
        """The attacker knows the transaction ID; the rest is altered."""
        random = Random(SEED + 2)

        def poison(socket: FakeSocket, data: bytes, to: Address) -> None:
            good = answered(data, MAPPED)
            for _ in range(20):
                place = random.choice([0, 1, 2, 3, *range(20, 28)])
                bad = bytearray(good)
                bad[place] ^= 1 << random.randrange(8)
                socket.receive(bytes(bad[: random.randrange(20, 33)]), to)
            self.serve(socket, data, to)

        self.net.outbound = poison
        self.pass_time(120)
        self.assertEqual(len(self.simulated.acs.sessions), 1)
        self.assertEqual(self.simulated.odd(), [])

    @settings(max_examples=400, deadline=None)
    @given(
        st.fixed_dictionaries({name: st.binary(max_size=80) for name in QUERY}),
        st.permutations(QUERY),
        st.binary(max_size=20),
    )
    def test_every_field(self, fields: dict[str, bytes], order: list[str], rest: bytes) -> None:
        query = b"&".join(name.encode() + b"=" + fields[name] for name in order)
        self.receive(b"GET http://192.0.2.1:7547?" + query + rest + b" HTTP/1.1\r\n\r\n")
        self.simulated.run(0)
        self.assertEqual(len(self.simulated.acs.sessions), 1)

    @settings(max_examples=200, deadline=None)
    @given(st.integers(0, 2**128), st.text(max_size=30), st.text(max_size=30), st.text(max_size=30))
    def test_well_formed_ones_of_strangers(self, timestamp: int, request_id: str, name: str, password: str) -> None:
        self.receive(
            build("x", timestamp=timestamp, request_id=request_id, username=name, cnonce=name, password=password)
            if (name, password) != ("acs", "secret")
            else b""
        )
        self.simulated.run(0)
        self.assertEqual(len(self.simulated.acs.sessions), 1)
