"""Time limits of an exchange, with real sockets and a test clock."""

from __future__ import annotations

from socket import SO_RCVBUF, SOL_SOCKET
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IHostnameResolver
from twisted.internet.task import Clock, deferLater
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from cwmpagent.errors import TooSlowError
from cwmpagent.transport.deadline import Deadline
from cwmpagent.transport.http.limits import HttpLimits
from tests.transport.http.scripted import OK, Connection, Names, ScriptedCase, Stepped, answer, silence

STANDARD = HttpLimits()
HALF = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhalf"


@implementer(IHostnameResolver)
class NeverKnows:
    """A resolver that never completes."""

    receiver: Any = None

    def resolveHostName(self, resolutionReceiver: Any, *args: Any, **kwargs: Any) -> None:
        self.receiver = resolutionReceiver


class Unanswered(Stepped):
    """A reactor whose connection attempts never complete."""

    def __init__(self) -> None:
        super().__init__()
        self.attempts: list[str] = []

    def connectTCP(self, host: str, port: int, factory: Any, *args: Any, **kwargs: Any) -> None:
        self.attempts.append(host)
        factory.startedConnecting(self)

    def getDestination(self) -> None:
        """Method of the connector, which this object also is."""

    def stopConnecting(self) -> None:
        """Method of the connector, which this object also is."""


async def a_moment() -> None:
    """Wait until the sockets have sent and received."""
    for _ in range(10):
        await deferLater(reactor, 0.005, lambda: None)


class Limited(ScriptedCase):
    def setUp(self) -> None:
        super().setUp()
        self.clock = Stepped()

    def posting(self, server: Any, **given: Any) -> Deferred[Any]:
        client = self.client(self.clock, limits=given.pop("limits", STANDARD), **given)
        return Deferred.fromCoroutine(self.exchange(server, client).post(b"x"))

    async def fails(self, waiting: Deferred[Any], reason: str) -> None:
        error = await self.assertFailure(waiting, TooSlowError)
        self.assertIn(reason, str(error))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    async def test_silence(self) -> None:
        server = self.serve(silence)
        waiting = self.posting(server)
        await server.asked(1)
        self.clock.advance(29.9)
        await a_moment()
        self.assertNoResult(waiting)
        self.clock.advance(0.2)
        await self.fails(waiting, f"127.0.0.1:{server.port}: sent no response within 30 s")
        await server.connections[0].gone
        self.assertEqual(len(server.requests), 1)

    async def test_silence_on_a_used_connection_is_not_asked_again(self) -> None:
        server = self.serve(OK, silence)
        exchange = self.exchange(server, self.client(self.clock, limits=STANDARD))
        await exchange.post(b"1")
        waiting = Deferred.fromCoroutine(exchange.post(b"2"))
        await server.asked(2)
        self.clock.advance(30.1)
        await self.fails(waiting, "sent no response within 30 s")
        self.assertEqual(len(server.requests), 2)

    async def test_silence_in_the_middle(self) -> None:
        for part in (b"HTT", b"HTTP/1.1 200 OK\r\nX: ", HALF):
            server = self.serve(part)
            waiting = self.posting(server)
            await server.asked(1)
            await a_moment()
            self.clock.advance(29.9)
            await a_moment()
            self.assertNoResult(waiting)
            self.clock.advance(0.2)
            await self.fails(waiting, "sent nothing for 30 s in the middle of its response")

    async def test_a_drip_is_cut(self) -> None:
        for part, drop in ((HALF, b"x"), (b"HTTP/1.1 200 OK\r\nX: ", b"y")):
            server = self.serve(part)
            waiting = self.posting(server)
            await server.asked(1)
            for _ in range(5):
                await a_moment()
                self.assertNoResult(waiting)
                self.clock.advance(23)
                server.connections[0].transport.write(drop)
            await a_moment()
            self.assertNoResult(waiting)
            self.clock.advance(5.1)
            await self.fails(waiting, "did not complete its response within 120 s")

    async def test_a_slow_answer_within_the_limits_is_whole(self) -> None:
        server = self.serve(HALF)
        waiting = self.posting(server)
        await server.asked(1)
        for _ in range(4):
            await a_moment()
            self.clock.advance(29)
            server.connections[0].transport.write(b"x" * 249)
        self.assertEqual((await waiting).body, b"half" + b"x" * 996)

    async def test_each_answer_has_its_own_time(self) -> None:
        later: list[Connection] = []
        server = self.serve(later.append, later.append, later.append)
        waiting = self.posting(server)
        for count, data in enumerate((answer(302, b"", "Location: /b"), answer(307, b"", "Location: /c"), OK), 1):
            await server.asked(count)
            self.clock.advance(29)
            later[-1].transport.write(data)
        self.assertEqual((await waiting).status, 200)

    async def test_nothing_runs_between_two_posts(self) -> None:
        server = self.serve(OK, OK)
        exchange = self.exchange(server, self.client(self.clock, limits=STANDARD))
        await exchange.post(b"1")
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.clock.advance(1000)
        await exchange.post(b"2")
        self.assertEqual(len(server.connections), 1)

    async def test_time_starts_when_the_last_byte_is_sent(self) -> None:
        """A peer that reads slowly does not exceed the limits."""
        server = self.serve(silence)
        server.listening.socket.setsockopt(SOL_SOCKET, SO_RCVBUF, 500_000)  # else the kernel may accept everything
        made = server.buildProtocol
        taken: list[Connection] = []

        def paused(addr: object) -> Connection:
            connection = made(addr)
            was = connection.connectionMade
            connection.connectionMade = lambda: (was(), connection.transport.pauseProducing(), taken.append(connection))
            return connection

        server.buildProtocol = paused
        exchange = self.exchange(server, self.client(self.clock, limits=STANDARD))
        body = bytes(32_000_000)
        waiting = Deferred.fromCoroutine(exchange.post(body))
        while not taken:
            await a_moment()
        for _ in range(8):
            self.clock.advance(29)  # one slice is sent in each interval
            await self._reads(taken[0])
        self.assertNoResult(waiting)
        taken[0].transport.resumeProducing()
        await server.asked(1)
        await a_moment()
        self.clock.advance(29.9)
        await a_moment()
        self.assertNoResult(waiting)
        self.clock.advance(0.2)
        await self.fails(waiting, "sent no response within 30 s")

    async def _reads(self, connection: Connection) -> None:
        had = len(connection.held)
        connection.transport.resumeProducing()
        while len(connection.held) < had + 2_000_000:
            await deferLater(reactor, 0, lambda: None)
        connection.transport.pauseProducing()
        await a_moment()

    async def test_a_peer_that_reads_nothing(self) -> None:
        server = self.serve()
        made = server.buildProtocol

        def deaf(addr: object) -> Connection:
            connection = made(addr)
            connection.connectionMade = lambda: (
                server.connections.append(connection),
                connection.transport.pauseProducing(),
            )
            return connection

        server.buildProtocol = deaf
        exchange = self.exchange(server, self.client(self.clock, limits=STANDARD))
        waiting = Deferred.fromCoroutine(exchange.post(bytes(12_000_000)))
        while not server.connections:
            await a_moment()
        await a_moment()
        self.clock.advance(30.1)
        await self.fails(waiting, "accepted no more of the request for 30 s")
        server.connections[0].transport.resumeProducing()

    async def test_name_resolution(self) -> None:
        names = NeverKnows()
        waiting = self.posting("http://acs.test/", resolver=names)
        self.clock.advance(14.9)
        self.assertNoResult(waiting)
        self.clock.advance(0.2)
        await self.fails(waiting, "acs.test:80: its name was not resolved within 15 s")
        names.receiver.resolutionComplete()  # too late, without effect

    async def test_connecting(self) -> None:
        self.clock = clock = Unanswered()
        waiting = self.posting("http://acs.test:7547/", resolver=Names(acs=["192.0.2.1", "192.0.2.2"]))
        self.clock.advance(14.9)
        self.assertEqual(len(clock.attempts), 1)
        self.clock.advance(0.2)
        self.assertEqual(sorted(clock.attempts), ["192.0.2.1", "192.0.2.2"])
        self.clock.advance(15.1)
        await self.fails(waiting, f"acs.test:7547 at {clock.attempts[1]}: no connection within 15 s")

    async def test_a_tls_handshake_that_never_ends(self) -> None:
        server = self.serve()
        waiting = self.posting(f"https://127.0.0.1:{server.port}/")
        while not server.connections:
            await a_moment()
        self.clock.advance(15.1)
        await self.fails(waiting, "no connection within 15 s")
        await server.connections[0].gone


class SteppedClocks(SynchronousTestCase):
    """The reactor's timers run on the wall clock; limits are measured by the monotonic clock."""

    def setUp(self) -> None:
        self.wall = Clock()
        self.monotonic = 1000.0
        self.expired: list[float] = []
        self.deadline = Deadline(self.wall, lambda: self.monotonic, lambda: self.expired.append(self.monotonic))

    def pass_time(self, seconds: float) -> None:
        self.monotonic += seconds
        self.wall.advance(seconds)

    def test_runs_out(self) -> None:
        self.deadline.start(30)
        self.pass_time(29.9)
        self.assertEqual(self.expired, [])
        self.pass_time(0.1)
        self.assertEqual(self.expired, [1030.0])

    def test_a_step_forward_is_not_time(self) -> None:
        self.deadline.start(30)
        self.pass_time(10)
        for step in (3600, 50 * 365.25 * 86400):
            self.wall.advance(step)
            self.assertEqual(self.expired, [])
        self.pass_time(19)
        self.assertEqual(self.expired, [])
        self.pass_time(1)
        self.assertEqual(self.expired, [1030.0])

    def test_moved(self) -> None:
        self.deadline.start(30)
        for _ in range(10):
            self.pass_time(20)
            self.deadline.start(30)
        self.assertEqual(self.expired, [])
        self.deadline.start(5)
        self.pass_time(5)
        self.assertEqual(self.expired, [1205.0])
        self.assertEqual(self.wall.getDelayedCalls(), [])

    def test_stopped(self) -> None:
        self.deadline.start(30)
        self.deadline.stop()
        self.deadline.stop()
        self.pass_time(100)
        self.assertEqual((self.expired, self.wall.getDelayedCalls()), ([], []))
