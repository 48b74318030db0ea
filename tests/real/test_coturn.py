"""The NAT binding with the STUN server coturn on loopback."""

from __future__ import annotations

import shutil
import socket
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SkipTest

from cwmpagent.agent.facts import Noted, Warned
from cwmpagent.lab.network.nat import Nat
from cwmpagent.lab.network.nat_kind import NatKind
from cwmpagent.protocol.stun.message import Address, MessageType, StunMessage, decode, encode
from tests.agent.bench import SERVER, BenchCase, reactor
from tests.process import Child, free_port
from tests.skips import NO_COTURN

TURNSERVER = shutil.which("turnserver") or ""


class CoturnTests(BenchCase):
    timeout = 120

    def setUp(self) -> None:
        if not TURNSERVER:
            raise SkipTest(NO_COTURN)
        super().setUp()
        self.stun_port = free_port()
        self.probe = socket.socket(type=socket.SOCK_DGRAM)
        self.probe.setblocking(False)
        self.addCleanup(self.probe.close)

    async def coturn(self) -> Child:
        """Start coturn and wait until it answers."""
        place = Path(self.mktemp()).absolute()
        place.mkdir()
        child = Child.start(
            reactor,
            [
                TURNSERVER,
                *("-n", "--stun-only", "--no-tls", "--no-dtls", "--no-cli", "--log-file=stdout", "--simple-log"),
                *("--listening-ip=127.0.0.1", f"--listening-port={self.stun_port}", "--relay-ip=127.0.0.1"),
                *(f"--pidfile={place / 'pid'}", f"--userdb={place / 'db'}"),
            ],
        )
        self.addCleanup(self.kill, child)
        await self.until(self.answers, 60)  # its output is buffered and arrives too late
        return child

    def answers(self) -> bool:
        """Whether coturn has answered; sends another request."""
        request = StunMessage(kind=MessageType.REQUEST, transaction=bytes(range(16)))
        try:
            self.probe.sendto(encode(request), ("127.0.0.1", self.stun_port))
            return decode(self.probe.recv(2000)) is not None
        except OSError:
            return False

    async def kill(self, child: Child) -> None:
        child.signal("KILL")
        if not child.ended.called:
            await child.ended

    async def begun(self, **more: str) -> Any:
        """Start an agent with coturn as its STUN server; its runtime."""
        settings = {
            "STUNEnable": "true",
            "STUNServerAddress": "127.0.0.1",
            "STUNServerPort": str(self.stun_port),
            "STUNMinimumKeepAlivePeriod": "1",
            "STUNMaximumKeepAlivePeriod": "1",
            **more,
        }
        await self.bootstrapped(**{SERVER + name: text for name, text in settings.items()})
        assert self.agent is not None
        return self.agent.runtime

    async def test_the_binding(self) -> None:
        await self.coturn()
        runtime = await self.begun(STUNUsername="cpe", STUNPassword="secret")
        assert self.agent is not None
        await self.until(
            lambda: (
                runtime.connection_requests.udp._keeper.binding is not None
                and runtime.connection_requests.udp._keeper.binding.mapping
            ),
            30,
        )
        mapping = runtime.connection_requests.udp._keeper.binding.mapping
        self.assertEqual(mapping, Address("127.0.0.1", self.agent._assembly.network.udp.host.port))  # type: ignore[union-attr]  # it listens
        self.assertEqual(runtime.server.text("UDPConnectionRequestAddress"), str(mapping))
        self.assertEqual(runtime.server.text("NATDetected"), "false")
        self.assertEqual([fact for fact in self.facts if isinstance(fact, Warned)], [])

    async def test_behind_a_nat(self) -> None:
        """coturn ignores RESPONSE-ADDRESS, and answers to the second port: the agent uses the shortest period."""
        await self.coturn()
        nat = Nat(reactor, NatKind.PORT_RESTRICTED, lifetime=5.0, monotonic=reactor.seconds)
        self.addCleanup(nat.close)
        inside = nat.stand_in(Address("127.0.0.1", self.stun_port))
        runtime = await self.begun(
            STUNServerPort=str(inside.port), STUNMinimumKeepAlivePeriod="2", STUNMaximumKeepAlivePeriod="60"
        )
        await self.until(lambda: runtime.server.flag("NATDetected"), 30)
        address = runtime.server.text("UDPConnectionRequestAddress")
        self.assertIn(address, {str(each.outside) for each in nat.mappings()})
        await self.until(
            lambda: (
                runtime.connection_requests.udp.binding is not None
                and not runtime.connection_requests.udp.binding.searching
            ),
            30,
        )
        self.assertEqual(runtime.connection_requests.udp.binding.period, 2)
        await self.pause(6)
        self.assertEqual(runtime.server.text("UDPConnectionRequestAddress"), address)
        self.assertIn(address, {str(each.outside) for each in nat.mappings()})
        self.assertEqual(self.warned(), [])

    async def test_it_goes_away_and_comes_back(self) -> None:
        child = await self.coturn()
        await self.begun()
        await self.kill(child)
        while self.answers():
            pass
        await self.until(lambda: any("it does not answer" in fact.text for fact in self.warned()), 60)
        self.assertEqual(len(self.warned()), 1)
        await self.coturn()
        back = Noted("the STUN server answers again")
        await self.until(lambda: back in self.facts, 60)

    def warned(self) -> list[Warned]:
        return [fact for fact in self.facts if isinstance(fact, Warned)]
