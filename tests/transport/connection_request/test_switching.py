"""Ports of the listener: closed while no agent is enabled, and opened again on the same number."""

from __future__ import annotations

import errno
import os
from typing import Any

from twisted.internet import reactor as global_reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import clientFromString
from twisted.internet.error import CannotListenError, ConnectionRefusedError
from twisted.internet.protocol import Factory
from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SkipTest, SynchronousTestCase, TestCase

from cwmpagent.protocol.auth import Authenticator
from cwmpagent.transport.connection_request.endpoints import Endpoints
from cwmpagent.transport.connection_request.listener import REOPEN_INTERVAL, ConnectionRequestListener
from tests.skips import NO_IPV6, has_ipv6
from tests.transport.connection_request.test_listener import (
    LOOPBACK,
    PATIENT,
    USER,
    Agent,
    Answer,
    Collector,
    counter,
    listener,
    port_of,
)

reactor: Any = global_reactor
KEY = "connection_request.endpoint"


class Reactor(MemoryReactorClock):
    """Reactor that refuses ports, and records open ports and calls."""

    def __init__(self) -> None:
        super().__init__()
        self.refused: dict[int, OSError] = {}
        self.open: list[int] = []
        self.asked: list[int] = []

    def listenTCP(self, port: int, *arguments: Any, **options: Any) -> Any:
        self.asked.append(port)
        if port in self.refused:
            raise CannotListenError("", port, self.refused[port])
        listening = super().listenTCP(port, *arguments, **options)
        self.open.append(port)
        listening.stopListening = lambda: self.open.remove(port)
        return listening


class FollowTests(SynchronousTestCase):
    """The listener in memory, with a test clock."""

    def setUp(self) -> None:
        self.reactor = Reactor()
        self.warnings: list[str] = []
        self.one, self.two = Agent(), Agent()
        self.listener = self.serve("tcp:7001", "tcp:7002")
        self.listener.add("/one", self.one)

    def serve(self, *endpoints: str) -> ConnectionRequestListener:
        made = listener(self.reactor, endpoints, warn=self.warnings.append)
        self.successResultOf(Deferred.fromCoroutine(made.bind()))
        return made

    def switch(self, agent: Agent, on: bool, path: str = "/one") -> None:
        agent.on = on
        self.successResultOf(Deferred.fromCoroutine(self.listener.switched(path)))

    def taken(self, *ports: int) -> None:
        self.reactor.refused = {port: OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE)) for port in ports}

    def test_closed_while_none_is_on(self) -> None:
        self.assertEqual(self.reactor.open, [7001, 7002])
        self.switch(self.one, False)
        self.assertEqual((self.reactor.open, self.listener.listening), ([], False))
        self.assertEqual(self.listener.port_for("127.0.0.1"), 0)
        self.switch(self.one, False)
        self.switch(self.one, True)
        self.assertEqual((self.reactor.open, self.listener.listening), ([7001, 7002], True))
        self.assertEqual(self.warnings, [])

    def test_several(self) -> None:
        self.listener.add("/two", self.two)
        self.switch(self.one, False)
        self.assertEqual(self.reactor.open, [7001, 7002])
        self.switch(self.two, False, "/two")
        self.assertEqual(self.reactor.open, [])
        self.switch(self.two, True, "/two")
        self.assertEqual(self.reactor.open, [7001, 7002])
        self.listener.remove("/two")
        self.reactor.advance(0)
        self.assertEqual(self.reactor.open, [])
        self.listener.remove("/one")
        self.reactor.advance(0)
        self.assertEqual(self.reactor.open, [], "with no agent at all nothing changes")

    def test_one_life_after_another_leaves_them_open(self) -> None:
        self.two.on = False
        self.listener.add("/two", self.two)
        asked = len(self.reactor.asked)
        self.listener.remove("/one")
        self.listener.add("/one", self.one)
        self.reactor.advance(0)
        self.assertEqual((self.reactor.open, len(self.reactor.asked)), ([7001, 7002], asked))

    def test_an_agent_that_is_on_comes_to_closed_ports(self) -> None:
        self.switch(self.one, False)
        self.listener.add("/two", self.two)
        self.switch(self.two, True, "/two")
        self.assertEqual(self.reactor.open, [7001, 7002])

    def test_paths_that_are_not_there(self) -> None:
        self.successResultOf(Deferred.fromCoroutine(self.listener.switched("/nowhere")))
        self.listener.remove("/nowhere")
        self.assertEqual(self.reactor.open, [7001, 7002])

    def test_before_it_is_bound_and_after_it_has_stopped(self) -> None:
        made = listener(self.reactor, ["tcp:7003"])
        made.add("/one", self.one)
        self.one.on = False
        for _ in range(2):
            self.successResultOf(Deferred.fromCoroutine(made.switched("/one")))
            self.assertNotIn(7003, self.reactor.open)
            self.successResultOf(made.stopService())
            self.one.on = True
        self.one.on = False
        self.successResultOf(Deferred.fromCoroutine(made.switched("/one")))
        self.successResultOf(Deferred.fromCoroutine(made.bind()))
        self.assertNotIn(7003, self.reactor.open, "all that are there are off")

    def test_bound_after_agents_came_they_hear_of_it(self) -> None:
        made = listener(self.reactor, ["tcp:7003"])
        made.add("/one", self.one)
        self.two.on = False
        made.add("/two", self.two)
        self.successResultOf(Deferred.fromCoroutine(made.bind()))
        self.reactor.advance(0)
        self.assertEqual((self.one.told, self.two.told), (1, 0))

    def test_no_endpoint_at_all(self) -> None:
        made = listener(self.reactor, [])
        self.successResultOf(Deferred.fromCoroutine(made.bind()))
        made.add("/one", self.one)
        for on in (False, True):
            self.one.on = on
            self.successResultOf(Deferred.fromCoroutine(made.switched("/one")))
            self.assertFalse(made.listening)
        made.remove("/one")
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_a_port_that_cannot_be_had_again(self) -> None:
        self.listener.add("/two", self.two)
        self.switch(self.two, False, "/two")
        self.switch(self.one, False)
        self.taken(7002)
        self.switch(self.one, True)
        self.assertEqual((self.reactor.open, self.listener.listening), ([], False))
        for _ in range(5):
            self.reactor.advance(REOPEN_INTERVAL)
        self.assertEqual(self.reactor.asked.count(7002), 7)
        [warning] = self.warnings
        self.assertIn(f"{KEY}: tcp:7002: Address already in use", warning)
        self.assertNotIn("\n", warning)
        self.assertEqual(self.one.told, 0)
        self.taken()
        self.reactor.advance(REOPEN_INTERVAL)
        self.reactor.advance(0)
        self.assertEqual(self.reactor.open, [7001, 7002])
        self.assertEqual((self.one.told, self.two.told), (1, 0))
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_no_longer_wanted_while_it_cannot_be_had(self) -> None:
        self.switch(self.one, False)
        self.taken(7001)
        self.switch(self.one, True)
        self.switch(self.one, False)
        self.assertEqual(self.reactor.getDelayedCalls(), [])
        self.switch(self.one, True)
        self.assertEqual(len(self.warnings), 2)
        self.successResultOf(self.listener.stopService())
        self.assertEqual(self.reactor.getDelayedCalls(), [])
        self.reactor.advance(10 * REOPEN_INTERVAL)
        self.assertEqual(self.reactor.open, [])

    def test_stopped_with_calls_that_wait(self) -> None:
        self.switch(self.one, False)
        self.taken(7001)
        self.switch(self.one, True)
        self.taken()
        self.reactor.rightNow += REOPEN_INTERVAL
        [call] = self.reactor.getDelayedCalls()
        self.reactor.calls.remove(call)
        call.func()
        self.assertEqual(self.listener.listening, True)
        self.listener.remove("/one")
        self.successResultOf(self.listener.stopService())
        self.assertEqual((self.reactor.getDelayedCalls(), self.one.told), ([], 0))

    def test_a_burst_may_wait_to_be_accepted(self) -> None:
        """With a short backlog a lost SYN delays a client by a second."""
        for text, backlog in (
            ("tcp:7100", 1024),
            ("tcp:7100:127.0.0.1", 1024),
            ("tcp:7100:interface=127.0.0.1", 1024),
            ("tcp:port=7100:interface=127.0.0.1", 1024),
            ("tcp6:7100:interface=\\:\\:1", 1024),
            ("tcp:7100:backlog=7", 7),
            ("tcp:7100:127.0.0.1:7", 7),
        ):
            self.reactor.tcpServers.clear()
            self.serve(text)
            [(port, _, asked, _)] = self.reactor.tcpServers
            self.assertEqual((port, asked), (7100, backlog), text)

    def test_a_socket_that_was_inherited_stays(self) -> None:
        """An inherited socket cannot be opened again after closing: its file descriptor may be reused."""
        endpoints = Endpoints(self.reactor, ["systemd:domain=INET:index=0"], KEY)
        self.assertTrue(endpoints.inherited)
        self.assertFalse(Endpoints(self.reactor, ["tcp:7001"], KEY).inherited)
        self.patch(Endpoints, "inherited", True)
        self.switch(self.one, False)
        self.assertEqual(self.reactor.open, [7001, 7002])


class LoopbackTests(TestCase):
    """The listener on real sockets."""

    timeout = 30

    def setUp(self) -> None:
        self.agent = Agent()

    async def serve(self, *endpoints: str, **arguments: Any) -> ConnectionRequestListener:
        made = listener(reactor, endpoints or [LOOPBACK], **arguments)
        made.add("/one", self.agent)
        await made.bind()
        made.startService()
        self.addCleanup(made.stopService)
        return made

    async def switch(self, made: ConnectionRequestListener, on: bool) -> None:
        self.agent.on = on
        await made.switched("/one")

    async def connect(self, port: int, data: bytes = b"", to: str = "127.0.0.1") -> Collector:
        collector = Collector(data)
        endpoint = clientFromString(reactor, "tcp:" + to.replace(":", "\\:") + f":{port}")
        await endpoint.connect(Factory.forProtocol(lambda: collector))
        return collector

    async def test_the_same_port_again(self) -> None:
        forms = [LOOPBACK, "tcp:port=0:interface=127.0.0.1", "tcp:interface=127.0.0.1:port=0"]
        for text in forms + (["tcp6:0:interface=\\:\\:1"] if has_ipv6() else []):
            made = await self.serve(text)
            host = "::1" if "tcp6" in text else "127.0.0.1"
            port = port_of(made, host)
            for _ in range(3):
                await self.switch(made, False)
                await self.assertFailure(Deferred.fromCoroutine(self.connect(port, to=host)), ConnectionRefusedError)
                await self.switch(made, True)
                self.assertEqual(port_of(made, host), port, text)
            collector = await self.connect(port, b"GET /one HTTP/1.0\r\n\r\n", host)
            self.assertEqual(Answer(await collector.gone).status, 401)
        if not has_ipv6():
            raise SkipTest(NO_IPV6)

    async def test_a_unix_socket(self) -> None:
        made = await self.serve("unix:" + self.mktemp())
        for on in (False, True, False, True):
            await self.switch(made, on)
            self.assertEqual(made.listening, on)

    async def test_the_answer_under_way_leaves_and_the_rest_goes(self) -> None:
        made = await self.serve(limits=PATIENT)
        port = port_of(made)
        switched: list[Deferred[None]] = []

        def during() -> None:
            self.agent.on = False
            switched.append(Deferred.fromCoroutine(made.switched("/one")))

        self.agent.during = during
        idle = [await self.connect(port, data) for data in (b"", b"GET /one", b"GET /one HTTP/1.1\r\n\r\n")]
        ours = Authenticator(USER, cnonce=counter("c"), basic_allowed=False)
        first = await self.connect(port, b"GET /one HTTP/1.0\r\n\r\n")
        ours.challenged(Answer(await first.gone).all("www-authenticate"))
        header = f"Authorization: {ours.authorization('GET', '/one')}"
        asking = await self.connect(port, f"GET /one HTTP/1.0\r\n{header}\r\n\r\n".encode())
        self.assertEqual(Answer(await asking.gone).status, 200)
        await switched[0]
        for each in idle:
            await each.gone
        self.assertFalse(made.listening)

    async def test_connections_after_the_reopening_are_left_alone(self) -> None:
        """A client that reads nothing is aborted a second after the closing; newer clients are not affected."""
        made = await self.serve(limits=PATIENT)
        old = await self.connect(port_of(made))
        old.transport.pauseProducing()
        await self.switch(made, False)
        await self.switch(made, True)
        new = await self.connect(port_of(made))
        old.transport.resumeProducing()
        await old.gone
        new.transport.write(b"GET /one HTTP/1.0\r\n\r\n")
        self.assertEqual(Answer(await new.gone).status, 401)

    async def test_switched_faster_than_it_follows(self) -> None:
        made = await self.serve()
        port = port_of(made)
        waiting = []
        for number in range(20):
            self.agent.on = bool(number % 2)
            waiting.append(Deferred.fromCoroutine(made.switched("/one")))
        for each in waiting:
            await each
        self.assertEqual((made.listening, port_of(made)), (True, port))
