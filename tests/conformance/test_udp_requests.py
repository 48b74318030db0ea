"""ConnectionRequests by UDP and the STUN binding (TR-069 Annex G; UDP): whole agents on real sockets."""

from __future__ import annotations

import itertools
import socket
from dataclasses import replace
from tempfile import TemporaryDirectory
from typing import Any

from cwmpagent.agent.facts import ConnectionRequested, Warned
from cwmpagent.config import Config
from cwmpagent.embedding.service import Agent
from cwmpagent.errors import ConfigError
from cwmpagent.protocol.connection_request.udp import build
from cwmpagent.protocol.rpc import GetParameterValues, SetParameterValuesResponse
from cwmpagent.protocol.stun.message import Address, signature_holds
from cwmpagent.values import Value, ValueType
from tests.agent.bench import SERVER, BenchCase, assign, reactor
from tests.transport.udp.udp_net import StunPeer

ADDRESS = SERVER + "UDPConnectionRequestAddress"
NAT = SERVER + "NATDetected"
ELSEWHERE = Address("203.0.113.5", 40_001)
ON = Value(ValueType.BOOLEAN, "true")


class UdpCase(BenchCase):
    def setUp(self) -> None:
        super().setUp()
        self.stun = StunPeer()
        port = reactor.listenUDP(0, self.stun, interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        self.stun_port = int(port.getHost().port)
        self.ours = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.ours.bind(("127.0.0.1", 0))
        self.ours.setblocking(False)
        self.addCleanup(self.ours.close)
        self.numbers = itertools.count(1)

    async def started(self, **parameters: str) -> Address:
        """Bootstrap an agent; the address of its UDP port."""
        await self.bootstrapped(**{SERVER + name: text for name, text in parameters.items()})
        assert self.agent is not None
        host, _, port = self.value("UDPConnectionRequestAddress").rpartition(":")
        return Address(host, int(port))

    def stun_parameters(self, **more: str) -> dict[str, str]:
        return {
            "STUNEnable": "true",
            "STUNServerAddress": "127.0.0.1",
            "STUNServerPort": str(self.stun_port),
            "STUNMinimumKeepAlivePeriod": "1",
            "STUNMaximumKeepAlivePeriod": "1",
            **more,
        }

    def value(self, name: str) -> str:
        assert self.agent is not None
        return self.agent.runtime.server.text(name)

    def own(self) -> Address:
        """The actual UDP port of the agent."""
        return next(source for _, source in self.stun.requests)

    def request(self, *, username: str = "acs", password: str = "request-secret") -> bytes:
        number = next(self.numbers)
        return build(
            "127.0.0.1:7547",
            timestamp=1_700_000_000 + number,
            request_id=str(number),
            username=username,
            cnonce="abc123",
            password=password,
        )

    def knock(self, to: Address, *datagrams: bytes) -> None:
        for each in datagrams:
            self.ours.sendto(each, to)

    def assert_no_answer(self) -> None:
        self.assertRaises(BlockingIOError, self.ours.recv, 1)

    def requested(self) -> list[Any]:
        return [fact for fact in self.facts if isinstance(fact, ConnectionRequested)]

    def refused(self, agent: Agent | None = None) -> int:
        """Number of refused requests of ``agent``, else of the first one; facts about them are bounded in rate."""
        agent = agent or self.agent
        assert agent is not None
        return agent.runtime.connection_requests.http.refusals.counts.total()

    async def found(self, address: Address, nat: bool) -> None:
        await self.until(lambda: self.value("UDPConnectionRequestAddress") == str(address))
        self.assertEqual(self.value("NATDetected"), "true" if nat else "false")


class BindingTests(UdpCase):
    async def test_udp_01_the_request_and_what_is_learnt(self) -> None:
        self.stun.mapped = ELSEWHERE
        await self.started(**self.stun_parameters())
        await self.found(ELSEWHERE, True)
        first = self.stun.datagrams[0]
        self.assertEqual(first[:4].hex(), "00010018")
        self.assertEqual(first[20:].hex(), "c001001464736c666f72756d2e6f72672f54522d31313120")
        self.assertNotEqual(first[4:8].hex(), "2112a442")
        assert self.agent is not None
        answer, *_ = await self.ask(GetParameterValues((ADDRESS, NAT)))
        self.assertEqual([each.value.text for each in answer.parameter_list], [str(ELSEWHERE), "true"])

    async def test_udp_02_the_change_is_told_by_stun_and_by_inform(self) -> None:
        await self.started(**self.stun_parameters())
        await self.found(self.own(), False)
        self.stun.mapped = ELSEWHERE
        before = len(self.stun.datagrams)
        await self.found(ELSEWHERE, True)
        await self.until(lambda: any(message.binding_change for message, _ in self.stun.requests[before:]))
        told = next(data for data in self.stun.datagrams[before:] if b"\xc0\x02" in data[44:])
        self.assertEqual(told[20:].hex(), "c001001464736c666f72756d2e6f72672f54522d31313120" + "c0020000")

    async def test_udp_03_a_challenge(self) -> None:
        self.stun.password = "stun-secret"
        self.stun.mapped = ELSEWHERE
        await self.started(**self.stun_parameters(STUNUsername="cpe", STUNPassword="stun-secret"))
        await self.until(lambda: any(message.signed for message, _ in self.stun.requests))
        signed = next(
            data for data, (message, _) in zip(self.stun.datagrams, self.stun.requests, strict=True) if message.signed
        )
        self.assertEqual(
            signed[20:60].hex(),
            "c001001464736c666f72756d2e6f72672f54522d31313120c002000000060004" + "63706500" + "00080014",
        )
        self.assertTrue(signature_holds(signed, "stun-secret"))
        await self.found(ELSEWHERE, True)
        self.assertEqual([fact for fact in self.facts if isinstance(fact, Warned)], [])

    async def test_udp_04_kept_alive_from_the_port_itself(self) -> None:
        await self.started(**self.stun_parameters())
        count = len(self.stun.requests)
        await self.until(lambda: len(self.stun.requests) >= count + 3, 30)
        self.assertEqual({source for _, source in self.stun.requests}, {self.own()})
        self.assertTrue(all(message.connection_request_binding for message, _ in self.stun.requests))

    async def test_udp_05_from_another_port_to_find_how_long_it_lives(self) -> None:
        self.stun.mapped = ELSEWHERE
        self.stun.silent = lambda message: message.response_address is not None
        await self.started(**self.stun_parameters(STUNMaximumKeepAlivePeriod="4"))
        await self.until(lambda: len({source for _, source in self.stun.requests}) == 2, 20)
        probe, source = next(each for each in self.stun.requests if each[1] != self.own())
        self.assertEqual(probe.response_address, ELSEWHERE)
        self.assertFalse(probe.connection_request_binding or probe.binding_change)
        self.assertEqual(source.host, "127.0.0.1")

    async def test_udp_09_without_stun(self) -> None:
        at = await self.started()
        self.assertEqual((at.host, self.value("NATDetected")), ("127.0.0.1", "false"))
        self.assertEqual(self.stun.requests, [])
        self.knock(at, self.request())
        await self.session(event="6 CONNECTION REQUEST")

    async def test_the_acs_switches_it_on(self) -> None:
        await self.started()
        self.stun.mapped = ELSEWHERE
        changes = assign(
            **{
                SERVER + "STUNServerAddress": "127.0.0.1",
                SERVER + "STUNServerPort": Value(ValueType.UNSIGNED_INT, str(self.stun_port)),
                SERVER + "STUNEnable": ON,
            }
        )
        self.assertEqual(await self.ask(changes), [SetParameterValuesResponse(0)])
        await self.found(ELSEWHERE, True)

    async def test_stopped_and_started_again(self) -> None:
        await self.started(**self.stun_parameters())
        await self.end()
        count = len(self.stun.requests)
        await self.pause(1.2)
        self.assertEqual(len(self.stun.requests), count)
        assert self.agent is not None
        self.agent.startService()
        await self.until(lambda: len(self.stun.requests) > count)

    async def test_a_reboot_keeps_the_port(self) -> None:
        at = await self.started(**self.stun_parameters())
        assert self.agent is not None
        self.agent._assembly.lifecycle.reboot("")  # type: ignore[union-attr]  # as after a session that requested it
        await self.session(event="1 BOOT", since=1)
        self.assertEqual((self.own(), self.agent._assembly.network.udp.host.port), (at, at.port))  # type: ignore[union-attr]  # it listens


class RequestTests(UdpCase):
    async def test_udp_06_three_copies_one_session_no_answer(self) -> None:
        at = await self.started()
        sessions = self.lab.sessions.seen
        datagram = self.request()
        self.knock(at, datagram, datagram, datagram)
        trace = await self.session(event="6 CONNECTION REQUEST")
        self.assertEqual(trace.event_codes, ("6 CONNECTION REQUEST",))
        self.knock(at, datagram)
        await self.pause(0.2)
        self.assertEqual(self.lab.sessions.seen, sessions + 1)
        self.assertEqual(self.requested(), [ConnectionRequested("127.0.0.1", True, "UDP")])
        self.assert_no_answer()

    async def test_udp_08_another_form_among_wrong_ones(self) -> None:
        at = await self.started()
        good = self.request()
        old = self.request()
        late = self.request()
        for wrong in (
            self.request(password="wrong"),
            self.request(username="other"),
            good.replace(b"&cn=abc123", b""),
            good.replace(b"GET", b"PUT"),
            good.replace(b"sig=", b"sig=0"),
            b"\xff" * 1400,
        ):
            self.knock(at, wrong)
        await self.pause(0.2)
        self.assertEqual(self.requested(), [])
        shaped = late.replace(b"http://127.0.0.1:7547?", b"/?")
        signature = shaped[shaped.index(b"sig=") + 4 :][:40]
        self.knock(at, shaped.replace(signature, signature.upper()))
        await self.session(event="6 CONNECTION REQUEST")
        self.knock(at, good, old)
        await self.pause(0.2)
        self.assertEqual(len(self.requested()), 1, "older ones come too late")
        self.assert_no_answer()

    async def test_one_more_session_however_many_come_during_one(self) -> None:
        at = await self.started()
        self.knock(at, *(self.request() for _ in range(20)))
        await self.session(event="6 CONNECTION REQUEST")
        await self.pause(0.3)
        self.assertLessEqual(self.lab.sessions.seen, 3)
        self.assertEqual(len(self.requested()), 20)


class PortTests(UdpCase):
    def configured(self, **changes: Any) -> Config:
        """The usual configuration, with other keys of ``[connection_request]``."""
        config = self.config()
        return replace(config, connection_request=replace(config.connection_request, **changes))

    async def test_no_udp(self) -> None:
        self.begin(self.configured(udp_port=-1))
        await self.session(event="0 BOOTSTRAP")
        self.assertEqual(self.value("UDPConnectionRequestAddress"), "")
        self.assertNotIn("STUN", self.value("SupportedConnReqMethods"))

    async def test_udp_alone(self) -> None:
        self.begin(self.configured(endpoint=(), udp_port=0, udp_interface="127.0.0.1"))
        await self.session(event="0 BOOTSTRAP")
        host, _, port = self.value("UDPConnectionRequestAddress").rpartition(":")
        self.assertEqual(self.value("ConnectionRequestURL"), "")
        self.knock(Address(host, int(port)), self.request())
        await self.session(event="6 CONNECTION REQUEST")

    async def test_a_port_that_is_taken(self) -> None:
        number = self.ours.getsockname()[1]
        wrong = self.configured(udp_port=number)
        agent = Agent(wrong, reactor=reactor, model=self.model)
        error = self.assertRaises(ConfigError, agent.startService)
        self.assertIn(f"connection_request.udp_port: UDP port {number}: Address already in use", str(error))
        await agent.stopService()

    async def beside(self, number: int, **changes: Any) -> Agent:
        """A further agent beside the first one, ``changes`` in its ``[connection_request]``, after its bootstrap."""
        config = self.configured(**changes)
        name = f"SN000{number}"
        own = {SERVER + key: text for key, text in self.stun_parameters(STUNUsername=name).items()}
        config = replace(
            config,
            device=replace(config.device, serial_number=name),
            state=replace(config.state, directory=self.state.with_name(name)),
            parameters={**config.parameters, **own},
        )
        agent = Agent(config, reactor=reactor, observer=self.facts.append, beside=self.agent)
        agent.startService()
        self.addCleanup(self.end, agent)
        await self.lab.wait_for_session(f"00D09E-Gateway-{name}", event="0 BOOTSTRAP", ended="complete", since=0)
        return agent

    async def test_agents_beside_each_other_share_the_port(self) -> None:
        at = await self.started(**self.stun_parameters())
        second = await self.beside(2, username="two", password="secret-two")
        third = await self.beside(3, username="three", password="secret-three")
        self.stun.mapped = ELSEWHERE
        for agent in (second, third):
            await self.until(lambda agent=agent: agent.runtime.server.text("NATDetected") == "true")
            self.assertEqual(agent.runtime.server.text("UDPConnectionRequestAddress"), str(ELSEWHERE))
        self.assertEqual({source for _, source in self.stun.requests}, {at}, "one socket for all")
        for agent, name, password in ((third, "three", "secret-three"), (second, "two", "secret-two")):
            device = f"00D09E-Gateway-{agent.config.device.serial_number}"
            seen = self.lab.sessions.seen
            self.knock(at, self.request(username=name, password=password))
            await self.lab.wait_for_session(device, event="6 CONNECTION REQUEST", ended="complete", since=seen)
        self.assertEqual(len(self.requested()), 2, "one agent for each request")
        self.knock(at, self.request(username="nobody"), self.request(username="two", password="guess"))
        await self.until(lambda: (self.refused(), self.refused(second), self.refused(third)) == (1, 1, 0))
        await self.end(second)
        self.knock(at, self.request(username="two", password="secret-two"))
        await self.until(lambda: self.refused() == 2)
        self.knock(at, self.request())
        await self.until(lambda: len(self.requested()) == 3)
        self.assert_no_answer()

    async def test_a_username_that_the_acs_changes_at_a_shared_port(self) -> None:
        at = await self.started()
        second = await self.beside(2, username="two", password="secret-two")
        device = "00D09E-Gateway-SN0002"
        done = self.lab.queue(device, assign("k", **{SERVER + "ConnectionRequestUsername": "new"}))
        self.knock(at, self.request(username="two", password="secret-two"))
        self.assertIsInstance(await done, SetParameterValuesResponse)
        await self.until(lambda: second.runtime.server.text("ConnectionRequestUsername") == "new")
        seen = self.lab.sessions.seen
        self.knock(at, self.request(username="new", password="secret-two"))
        await self.lab.wait_for_session(device, event="6 CONNECTION REQUEST", ended="complete", since=seen)
        self.knock(at, self.request(username="two", password="secret-two"))
        await self.until(lambda: self.refused() == 1)

    async def test_a_port_of_its_own_beside_another_agent(self) -> None:
        at = await self.started()
        own = (await self.beside(2, udp_port=0))._assembly.network.udp.host
        assert own is not None
        self.assertNotEqual(own, at)
        self.assertEqual(own.host, "127.0.0.1", "no wider than the port of the other one")
        same = (await self.beside(4, udp_port=at.port, udp_interface=at.host))._assembly.network.udp.host
        self.assertEqual(same, at, "the port that the other one has already")
        none = await self.beside(3, udp_port=-1)
        self.assertIsNone(none._assembly.network.udp.host)

    async def test_where_nobody_asked_for_it(self) -> None:
        """No TCP endpoint and no UDP port in the file: no port is opened."""
        place = TemporaryDirectory()  # the path of a Unix socket must be short
        self.addCleanup(place.cleanup)
        self.begin(self.configured(endpoint=(f"unix:{place.name}/socket",)))
        await self.session(event="0 BOOTSTRAP")
        assert self.agent is not None
        self.assertIsNone(self.agent._assembly.network.udp.host)
