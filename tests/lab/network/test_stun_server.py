"""Tests of the lab's STUN server: answers, recorded bindings and spoilt answers; and of UDP connection requests."""

from __future__ import annotations

import json
import random
from itertools import count
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from cwmpagent.errors import ConfigError, MisuseError
from cwmpagent.lab.acs import LabAcs
from cwmpagent.lab.acs.acs import ADDRESS_WITHIN
from cwmpagent.lab.acs.connection_request.errors import UnreachableError
from cwmpagent.lab.console.resource import Console
from cwmpagent.lab.network.nat import Nat
from cwmpagent.lab.network.nat_kind import NatKind
from cwmpagent.lab.network.stun_server import BINDINGS, LATE, SPOILT, SeenBinding, StunServer
from cwmpagent.protocol.auth import Credentials
from cwmpagent.protocol.connection_request.udp import UdpRequests, parse
from cwmpagent.protocol.rpc import GetParameterValues, GetParameterValuesResponse, ParameterValueStruct
from cwmpagent.protocol.stun.message import Address, MessageType, StunMessage, decode, encode, signature_holds
from cwmpagent.values import Value, ValueType
from tests.lab.cpe import DEVICE, Cpe, Wire, parsed, request
from tests.transport.udp.udp_net import UdpNet

DEVICE_AT = Address("203.0.113.5", 40_001)
CREDENTIALS = Credentials("cpe", "stun secret")
NOON = 1_750_000_000.0


class ServerCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.net = UdpNet()
        self.ids = count(1)

    def serve(self, **settings: Any) -> StunServer:
        self.server = StunServer(
            self.net, host="198.51.100.9", port=3478, wall=lambda: NOON + self.net.seconds(), **settings
        )
        self.server.bind()
        return self.server

    def ask(
        self, source: Address = DEVICE_AT, *, password: str | None = None, **fields: Any
    ) -> list[tuple[Address, StunMessage]]:
        """Send a Binding Request; return the destination and the message of each answer."""
        before = len(self.net.sent)
        message = StunMessage(kind=MessageType.REQUEST, transaction=next(self.ids).to_bytes(16, "big"), **fields)
        self.asked = message
        self.net.sockets[0].receive(encode(message, password=password), source)
        return [(to, answer) for _, data, to in self.net.sent[before:] if (answer := decode(data)) is not None]

    def answer(self, source: Address = DEVICE_AT, **fields: Any) -> StunMessage:
        [(to, answer)] = self.ask(source, **fields)
        self.assertEqual((to, answer.transaction), (source, self.asked.transaction))
        return answer


class AnswerTests(ServerCase):
    def test_the_mapped_address(self) -> None:
        self.serve()
        answer = self.answer()
        self.assertEqual((answer.kind, answer.mapped, answer.signed), (MessageType.RESPONSE, DEVICE_AT, False))
        self.assertEqual(answer.source, Address("198.51.100.9", 3478))
        self.assertEqual((self.server.answered, self.server.refused), (1, 0))

    def test_response_address(self) -> None:
        self.serve()
        other = Address(DEVICE_AT.host, 50_000)
        [(to, answer)] = self.ask(other, response_address=DEVICE_AT)
        self.assertEqual((to, answer.mapped), (DEVICE_AT, other))

    def test_it_sends_nothing_to_strangers(self) -> None:
        self.serve()
        self.answer(response_address=Address("192.0.2.66", 80))

    def test_response_address_is_not_known(self) -> None:
        self.serve(response_address="ignore")
        self.answer(response_address=Address(DEVICE_AT.host, 1))
        self.serve(response_address="refuse")
        self.net.sockets.pop(0)
        answer = self.answer(response_address=Address(DEVICE_AT.host, 1))
        self.assertEqual((answer.error, self.server.refused), (420, 1))

    def test_what_it_does_not_know(self) -> None:
        self.serve()
        body = bytes.fromhex("7ffe000400000000")
        self.net.sockets[0].receive(b"\x00\x01\x00\x08" + bytes(16) + body, DEVICE_AT)
        answer = decode(self.net.sent[-1][1])
        assert answer is not None
        self.assertEqual(answer.error, 420)
        self.assertIn(bytes.fromhex("000a00047ffe7ffe"), self.net.sent[-1][1])

    def test_what_is_no_request_is_not_answered(self) -> None:
        self.serve()
        good = encode(StunMessage(kind=MessageType.REQUEST, transaction=bytes(16)))
        for data in (
            b"GET / HTTP/1.1\r\n\r\n",
            good[:-1],
            good + b"x",
            encode(StunMessage(kind=MessageType.RESPONSE, transaction=bytes(16), mapped=DEVICE_AT)),
            encode(StunMessage(kind=MessageType.ERROR, transaction=bytes(16), error=401)),
        ):
            self.net.sockets[0].receive(data, DEVICE_AT)
        self.assertEqual(self.net.sent, [])

    @given(st.binary(max_size=200))
    def test_any_bytes(self, data: bytes) -> None:
        self.net.sockets.clear()
        self.serve()
        before = len(self.net.sent)
        self.net.sockets[0].receive(data, DEVICE_AT)
        self.assertLessEqual(sum(len(sent) for _, sent, _ in self.net.sent[before:]), max(64, 2 * len(data)))
        self.assertLessEqual({to for *_, to in self.net.sent[before:]}, {DEVICE_AT})

    def test_a_port_that_is_taken(self) -> None:
        self.net.taken.add(3478)
        error = self.assertRaises(ConfigError, self.serve)
        self.assertIn("--stun: UDP port 3478: Address already in use", str(error))

    def test_not_listening(self) -> None:
        server = StunServer(self.net, wall=self.net.seconds)
        self.assertRaises(MisuseError, lambda: server.address)
        self.assertFalse(server.send(b"x", DEVICE_AT))


class ChallengeTests(ServerCase):
    def test_always(self) -> None:
        self.serve(challenge="always", credentials=CREDENTIALS)
        self.assertEqual(self.answer().error, 401)
        good = self.answer(username="cpe", password="stun secret")
        self.assertEqual((good.kind, good.signed), (MessageType.RESPONSE, True))
        self.assertTrue(signature_holds(self.net.sent[-1][1], "stun secret"))

    def test_an_answer_is_signed_as_the_request_was(self) -> None:
        self.serve(challenge="always", credentials=CREDENTIALS)
        for filled in (True, False):
            message = StunMessage(kind=MessageType.REQUEST, transaction=bytes(16), username="cpe")
            self.net.sockets[0].receive(encode(message, password="stun secret", filled=filled), DEVICE_AT)
            self.assertTrue(signature_holds(self.net.sent[-1][1], "stun secret", (filled,)))
            self.assertFalse(signature_holds(self.net.sent[-1][1], "stun secret", (not filled,)))

    def test_changes_alone(self) -> None:
        self.serve(challenge="changes", credentials=CREDENTIALS)
        self.assertEqual(self.answer(connection_request_binding=True).mapped, DEVICE_AT)
        changed = {"connection_request_binding": True, "binding_change": True}
        self.assertEqual(self.answer(**changed).error, 401)
        self.assertEqual(self.answer(**changed, username="cpe", password="stun secret").mapped, DEVICE_AT)

    def test_wrong_ones(self) -> None:
        self.serve(challenge="always", credentials=CREDENTIALS)
        self.assertEqual(self.answer(username="cpe", password="wrong").error, 431)
        self.assertEqual(self.answer(username="other", password="stun secret").error, 431)
        self.assertEqual(self.answer(password="stun secret").error, 432)
        self.assertEqual(self.server.bindings, ())

    def test_without_credentials_it_cannot_ask(self) -> None:
        self.assertRaises(MisuseError, self.serve, challenge="always")


class BindingTests(ServerCase):
    def test_what_is_remembered(self) -> None:
        told: list[SeenBinding] = []
        self.serve(changed=told.append)
        self.answer()
        self.assertEqual(self.server.bindings, (), "whoever does not ask for it is not kept")
        self.answer(connection_request_binding=True)
        self.net.advance(10)
        self.answer(connection_request_binding=True, binding_change=True, username="cpe")
        expected = SeenBinding(DEVICE_AT, "cpe", NOON + 1010, NOON + 1010)
        self.assertEqual((self.server.bindings, told), ((expected,), [expected]))
        self.net.advance(20)
        self.answer(connection_request_binding=True)
        [kept] = self.server.bindings
        self.assertEqual((kept.seen_at, kept.changed_at, kept.username), (NOON + 1030, NOON + 1010, "cpe"))

    def test_signed(self) -> None:
        self.serve(challenge="changes", credentials=CREDENTIALS)
        self.answer(connection_request_binding=True, binding_change=True, username="cpe", password="stun secret")
        self.assertTrue(self.server.bindings[0].signed)

    def test_bounded(self) -> None:
        self.serve()
        for number in range(BINDINGS + 50):
            self.answer(Address("203.0.113.5", 1000 + number), connection_request_binding=True)
        self.assertEqual(len(self.server.bindings), BINDINGS)
        self.assertEqual(self.server.bindings[-1].mapped.port, 1000 + BINDINGS + 49)


class SpoiltTests(ServerCase):
    def test_each_way(self) -> None:
        self.serve()
        answers: dict[str, list[tuple[Address, StunMessage]]] = {}
        for how in SPOILT:
            self.server.spoil(how, 1)
            answers[how] = self.ask()
            self.assertEqual(self.server.spoilt, "")
        self.assertEqual((answers["silent"], answers["late"], answers["garbage"]), ([], [], []))
        self.assertEqual(answers["wrong-transaction"][0][1].transaction, bytes(16))
        self.assertTrue(answers["wrong-signature"][0][1].signed)
        self.assertNotEqual(self.net.sent[-1][0], 3478, "from another port")
        self.net.advance(LATE)
        self.assertEqual(self.net.sent[-1][0], 3478)

    def test_no_other_port_to_be_had(self) -> None:
        self.serve()
        self.net.taken.add(0)
        self.server.spoil("other-port", 1)
        self.assertEqual(self.ask(), [])
        self.answer()

    def test_so_often(self) -> None:
        self.serve()
        self.server.spoil("silent", 2)
        self.assertEqual([len(self.ask()) for _ in range(3)], [0, 0, 1])
        self.server.spoil("silent")
        self.assertEqual([len(self.ask()) for _ in range(5)], [0] * 5)
        self.server.spoil("")
        self.answer()
        self.assertRaises(MisuseError, self.server.spoil, "nonsense")

    def test_closed_with_an_answer_under_way(self) -> None:
        self.serve()
        self.server.spoil("late", 1)
        self.ask()
        self.successResultOf(Deferred.fromCoroutine(self.server.close()))
        self.assertEqual((self.net.sockets, self.net.getDelayedCalls()), ([], []))


class AskingTests(ServerCase):
    """UDP connection requests from the STUN server's port."""

    def setUp(self) -> None:
        super().setUp()
        self.serve()
        self.lab = LabAcs(
            self.net,  # type: ignore[arg-type]  # a Clock, and no more is needed
            stun=self.server,
            connection_request=Credentials("acs", "secret"),
            wall=lambda: NOON + self.net.seconds(),
        )
        self.cpe = Cpe(self.lab.site())
        console = Console(self.lab, self.net, monotonic=self.net.seconds)  # type: ignore[arg-type]  # as above
        self.wire = Wire(console.site())

    def inform(self, address: str = str(DEVICE_AT), username: str = "") -> None:
        values = {"UDPConnectionRequestAddress": address, "STUNUsername": username}
        self.cpe.session(parameters={f"Device.ManagementServer.{name}": text for name, text in values.items()})

    def request(self) -> list[tuple[int, bytes, Address]]:
        before = len(self.net.sent)
        self.sent = self.successResultOf(self.deferred(self.lab.connection_request_by_udp(DEVICE)))
        return self.net.sent[before:]

    def deferred(self, work: Any) -> Any:
        return Deferred.fromCoroutine(work)

    def refused(self) -> str:
        failure = self.failureResultOf(self.deferred(self.lab.connection_request_by_udp(DEVICE)), UnreachableError)
        return str(failure.value)

    def test_three_copies_from_the_stun_port(self) -> None:
        self.inform()
        sent = self.request()
        self.assertEqual([(port, to) for port, _, to in sent], [(3478, DEVICE_AT)] * 3)
        self.assertEqual(len({data for _, data, _ in sent}), 1)
        self.assertIsNone(UdpRequests().refusal(sent[0][1], ("acs", "secret")))
        self.assertEqual((self.sent.to, self.sent.copies), (DEVICE_AT, 3))

    def test_two_in_a_second(self) -> None:
        self.inform()
        device = UdpRequests()
        for _ in range(5):
            self.assertIsNone(device.refusal(self.request()[0][1], ("acs", "secret")))
        parsed_request = parse(self.net.sent[-1][1])
        assert parsed_request is not None
        self.assertLess(abs(parsed_request.timestamp / 1000 - NOON - self.net.seconds()), 10)

    def test_another_binding_since(self) -> None:
        self.inform(username="box")
        self.net.advance(5)
        moved = Address("203.0.113.5", 40_002)
        self.answer(moved, connection_request_binding=True, binding_change=True, username="box")
        self.assertEqual(self.request()[0][2], moved)
        self.net.advance(5)
        self.inform(username="box")
        self.assertEqual(self.request()[0][2], DEVICE_AT, "what the device has told since counts")

    def test_somebody_elses_binding(self) -> None:
        self.inform()
        self.net.advance(5)
        self.answer(Address("192.0.2.66", 6), connection_request_binding=True, binding_change=True)
        self.answer(Address("192.0.2.66", 6), connection_request_binding=True, binding_change=True, username="x")
        self.assertEqual(self.request()[0][2], DEVICE_AT)

    def test_addresses_as_devices_write_them(self) -> None:
        for text, expected in (
            ("192.0.2.7", Address("192.0.2.7", 80)),
            ("192.0.2.7:5000", Address("192.0.2.7", 5000)),
            ("[2001:db8::1]:5000", Address("2001:db8::1", 5000)),
        ):
            self.inform(text)
            self.assertEqual(self.request()[0][2], expected)

    def test_no_address(self) -> None:
        self.inform("")
        self.assertIn("has reported no UDPConnectionRequestAddress", self.refused())
        for text in (
            "box.example:1",
            "192.0.2.7:0",
            "192.0.2.7:99999",
            "192.0.2.7:x",
            "<script>",
            "[fe80::1%a\nX: 1]:5",
        ):
            self.inform(text)
            self.assertIn("is not an address", self.refused())

    def test_no_credentials(self) -> None:
        self.inform()
        self.lab._connection_request = None
        self.assertIn("no credentials for", self.refused())

    def test_a_lab_without_stun(self) -> None:
        self.inform()
        self.lab._udp = None
        self.assertIn("--stun", self.refused())

    def test_what_cannot_be_sent(self) -> None:
        self.inform()

        def gone(*_: object) -> bool:
            return False

        self.patch(self.server, "send", gone)
        self.assertIn("no datagram can be sent to 203.0.113.5:40001", self.refused())

    def test_what_its_own_nat_does_not_let_in(self) -> None:
        nat = Nat(self.net, NatKind.FULL_CONE, outside=DEVICE_AT.host, monotonic=self.net.seconds)
        self.lab.nat = nat
        self.inform()
        self.request()
        self.assertEqual(self.sent.lost, f"the request went nowhere: the NAT has no mapping at {DEVICE_AT} any more")
        status, answer = self.post(f"/devices/{DEVICE}/connection-request", {"by": "udp"})
        self.assertEqual((status, answer["lost"]), (202, self.sent.lost))

    def test_an_address_that_was_never_reported_is_read_first(self) -> None:
        requests: list[str] = []

        async def by_http(device: str) -> int:
            requests.append(device)
            return 200

        self.patch(self.lab, "connection_request", by_http)
        self.cpe.session()
        asked = self.deferred(self.lab.connection_request_by_udp(DEVICE))
        again = self.deferred(self.lab.connection_request_by_udp(DEVICE))
        self.assertNoResult(asked)
        self.assertEqual(requests, [DEVICE] * 2)
        (task,) = self.lab.tasks.of(DEVICE)
        self.cpe.inform()
        read = self.cpe.post()
        self.assertEqual(read.message, GetParameterValues(("Device.ManagementServer.",)))
        name = "Device.ManagementServer.UDPConnectionRequestAddress"
        values = (ParameterValueStruct(name, Value(ValueType.STRING, str(DEVICE_AT))),)
        self.cpe.answer(read, GetParameterValuesResponse(values))
        for done in (asked, again):
            self.assertEqual(self.successResultOf(done).to, DEVICE_AT)
        self.assertEqual(task.state, "answered")
        soon = self.net.seconds() + ADDRESS_WITHIN
        self.assertEqual([call for call in self.net.getDelayedCalls() if call.getTime() <= soon], [])

    def test_an_address_that_cannot_be_read_now(self) -> None:
        async def by_http(device: str) -> int:
            raise UnreachableError("no connection")

        self.patch(self.lab, "connection_request", by_http)
        self.cpe.session()
        self.assertIn("a task that reads it waits for the next session: try again after it", self.refused())
        self.assertIn("waits for the next session", self.refused())
        self.assertEqual(len(self.lab.tasks.of(DEVICE)), 1, "one task, however often")

    def test_a_device_that_does_not_answer_the_reading(self) -> None:
        async def by_http(device: str) -> int:
            return 200

        self.patch(self.lab, "connection_request", by_http)
        self.cpe.session()
        asked = self.deferred(self.lab.connection_request_by_udp(DEVICE))
        self.net.advance(ADDRESS_WITHIN)
        self.assertIn("has reported no", str(self.failureResultOf(asked, UnreachableError).value))

    def post(self, path: str, data: object) -> tuple[int, Any]:
        headers = {"Host": "127.0.0.1", "Content-Type": "application/json", "SOAPAction": "-"}
        answer = parsed(self.wire.send(request(json.dumps(data).encode(), method="POST", path=path, headers=headers)))
        return answer.status, json.loads(answer.body)

    def get(self, path: str) -> Any:
        headers = {"Host": "127.0.0.1", "Content-Type": "-", "SOAPAction": "-"}
        return json.loads(parsed(self.wire.send(request(b"", method="GET", path=path, headers=headers))).body)

    def test_by_json(self) -> None:
        self.inform()
        path = f"/devices/{DEVICE}/connection-request"
        self.assertEqual(self.post(path, {"by": "udp"}), (202, {"sent_to": str(DEVICE_AT), "copies": 3}))
        self.assertEqual(self.post(path, {"by": "pigeon"})[0], 400)
        self.assertEqual(self.post(path, ["udp"])[0], 400)
        self.inform("")
        self.assertEqual(self.post(path, {"by": "udp"})[0], 502)

    def test_the_server_by_json(self) -> None:
        self.answer(connection_request_binding=True, binding_change=True, username="<b>")
        told = self.get("/stun")
        self.assertEqual((told["address"], told["answered"], told["spoil"]), ("198.51.100.9:3478", 1, ""))
        self.assertEqual(told["bindings"][0]["username"], "<b>")
        status, told = self.post("/stun", {"spoil": "silent", "times": 2})
        self.assertEqual((status, told["spoil"]), (202, "silent"))
        for wrong in ({"spoil": "x"}, {"spoil": 1}, {"times": -1}, {"times": True}, {"more": 1}):
            self.assertEqual(self.post("/stun", wrong)[0], 400, wrong)

    def test_random_bindings_disturb_no_device(self) -> None:
        self.inform(username="box")
        chance = random.Random(3)
        for _ in range(500):
            name = chance.choice(["", "x", "BOX", "bo"])
            self.ask(
                Address("192.0.2.66", chance.randrange(1, 65535)),
                connection_request_binding=True,
                binding_change=True,
                username=name,
            )
        self.assertEqual(self.request()[0][2], DEVICE_AT)
