"""Pages for browsers on the port of the listener: answers that come late, in memory and on loopback."""

from __future__ import annotations

from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.endpoints import clientFromString
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.testing import MemoryReactorClock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase, TestCase

from cwmpagent.errors import MisuseError
from cwmpagent.protocol.connection_request.refusal import Refusal
from cwmpagent.protocol.kick import PageAnswer
from cwmpagent.transport.connection_request.bounded_http import HttpBounds
from cwmpagent.transport.connection_request.listener import ListenerLimits
from tests.transport.connection_request.test_listener import LOOPBACK, Agent, Answer, Visitor, listener, port_of

PEER = "192.168.1.1"
"""The address of a client in memory."""
ELSEWHERE = PageAnswer(302, location="https://portal.example/?a=b")


class KickPage:
    """A page whose answers the test gives."""

    def __init__(self) -> None:
        self.on = True
        self.came: list[tuple[str, str, str]] = []
        self.gone = 0
        self.waiting: list[Deferred[PageAnswer]] = []
        self.refusals: list[tuple[Refusal, str]] = []

    def enabled(self) -> bool:
        return self.on

    def asked(self, source: str, query: str, referer: str) -> Deferred[PageAnswer]:
        self.came.append((source, query, referer))
        self.waiting.append(Deferred(self._gone))
        return self.waiting[-1]

    def refused(self, source: str, reason: Refusal, detail: str = "") -> None:
        self.refusals.append((reason, detail))

    def _gone(self, answer: Deferred[PageAnswer]) -> None:
        self.gone += 1


class MemoryTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.reactor = MemoryReactorClock()
        self.agent, self.page = Agent(), KickPage()
        self.warned: list[str] = []
        limits = ListenerLimits(bounds=HttpBounds(connections=4))
        self.listener = listener(self.reactor, limits=limits, warn=self.warned.append)
        self.listener.add("/one", self.agent)
        self.listener.pages.add("/kick", self.page)
        self.successResultOf(Deferred.fromCoroutine(self.listener.bind()))

    def test_the_answer_comes_late(self) -> None:
        visitor = Visitor(self.reactor)
        visitor.channel.dataReceived(b"GET /kick?command=1&next=%20 HTTP/1.1\r\nHost: a\r\nReferer: http://r/\r\n\r\n")
        self.assertEqual(self.page.came, [(PEER, "command=1&next=%20", "http://r/")])
        self.reactor.advance(1000)  # the time limit is one for the request, not for its answer
        self.assertEqual((visitor.transport.value(), visitor.closed()), (b"", False))
        self.page.waiting[0].callback(ELSEWHERE)
        answer = Answer(visitor.transport.value())
        self.assertEqual((answer.status, answer.rest, visitor.closed()), (302, b"", True))
        self.assertEqual(answer.all("location"), [ELSEWHERE.location])
        self.assertEqual(answer.all("content-length"), ["0"])
        self.assertEqual(answer.all("cache-control"), ["no-store"])
        self.assertEqual((self.page.gone, self.warned), (0, []))

    def test_a_text_for_people(self) -> None:
        visitor = Visitor(self.reactor)
        visitor.channel.dataReceived(b"GET /kick?x HTTP/1.1\r\nHost: a\r\n\r\n")
        self.page.waiting[0].callback(PageAnswer(504, "Try again."))
        answer = Answer(visitor.transport.value())
        self.assertEqual((answer.status, answer.rest), (504, b"Try again.\n"))
        self.assertEqual(answer.all("content-type"), ["text/plain; charset=utf-8"])
        self.assertEqual(answer.all("x-content-type-options"), ["nosniff"])
        self.assertEqual(answer.all("location"), [])

    def test_a_browser_that_goes(self) -> None:
        visitor = Visitor(self.reactor)
        visitor.channel.dataReceived(b"GET /kick?x HTTP/1.1\r\nHost: a\r\n\r\n")
        visitor.leave()
        self.assertEqual((self.page.gone, self.warned), (1, []))

    def test_one_connection_too_many_costs_the_oldest(self) -> None:
        visitors = [Visitor(self.reactor) for _ in range(4)]
        for visitor in visitors:
            visitor.channel.dataReceived(b"GET /kick?x HTTP/1.1\r\nHost: a\r\n\r\n")
        Visitor(self.reactor)
        self.assertTrue(visitors[0].transport.disconnected)
        self.assertEqual(self.agent.refusals, [(PEER, Refusal.TOO_MANY_CONNECTIONS, "")])

    def test_a_second_request_waits_for_the_first(self) -> None:
        visitor = Visitor(self.reactor)
        visitor.channel.dataReceived(b"GET /kick?x HTTP/1.1\r\nHost: a\r\n\r\n" * 3)
        self.assertEqual(len(self.page.came), 1)
        self.page.waiting[0].callback(ELSEWHERE)
        self.assertEqual((len(self.page.came), visitor.closed()), (1, True))

    def test_other_methods_and_a_page_that_is_off(self) -> None:
        answer = Visitor(self.reactor).ask("/kick?command=1", method="POST")
        self.assertEqual((answer.status, answer.all("allow")), (405, ["GET"]))
        self.assertEqual(Visitor(self.reactor).ask("/kick?command=1", method="HEAD").status, 405)
        self.page.on = False
        self.assertEqual(Visitor(self.reactor).ask("/kick?command=1").status, 404)
        self.assertEqual(
            self.page.refusals,
            [(Refusal.WRONG_METHOD, "POST"), (Refusal.WRONG_METHOD, "HEAD"), (Refusal.DISABLED, "")],
        )
        self.assertEqual(self.page.came, [])

    def test_what_is_too_long_never_arrives(self) -> None:
        visitor = Visitor(self.reactor)
        answer = visitor.send(b"GET /kick?arg=" + b"x" * 9000 + b" HTTP/1.1\r\nHost: a\r\n\r\n")
        self.assertEqual((answer[:12] in (b"", b"HTTP/1.1 400"), self.page.came), (True, []))
        self.assertTrue(visitor.closed() or visitor.transport.disconnected)

    def test_it_has_no_part_in_the_agents(self) -> None:
        self.assertEqual(Visitor(self.reactor).ask("/one").status, 401)
        self.assertRaises(MisuseError, self.listener.pages.add, "/kick", self.page)
        self.assertRaises(MisuseError, self.listener.pages.add, "kick", self.page)
        self.listener.pages.remove("/kick")
        self.assertEqual(Visitor(self.reactor).ask("/kick?command=1").status, 404)
        self.assertEqual(self.agent.refusals[-1], (PEER, Refusal.WRONG_PATH, "/kick"))

    def test_an_error_of_the_page(self) -> None:
        visitor = Visitor(self.reactor)
        visitor.channel.dataReceived(b"GET /kick?x HTTP/1.1\r\nHost: a\r\n\r\n")
        self.page.waiting[0].errback(RuntimeError("impossible"))
        self.assertIn("RuntimeError: impossible", self.warned[0])
        self.assertEqual((Answer(visitor.transport.value()).status, visitor.closed()), (500, True))


class _Reading(Protocol):
    def __init__(self, request: bytes) -> None:
        self.request = request
        self.data = b""
        self.done: Deferred[bytes] = Deferred()

    def connectionMade(self) -> None:
        assert self.transport is not None
        self.transport.write(self.request)

    def dataReceived(self, data: bytes) -> None:
        self.data += data

    def connectionLost(self, reason: Failure | None = None) -> None:
        self.done.callback(self.data)


class LoopbackTests(TestCase):
    timeout = 60

    async def setUp(self) -> None:
        self.page = KickPage()
        self.listener = listener(reactor, [LOOPBACK])
        self.listener.add("/one", Agent())
        self.listener.pages.add("/kick", self.page)
        await self.listener.bind()
        self.addCleanup(self.listener.stopService)

    async def visit(self) -> _Reading:
        where = clientFromString(reactor, f"tcp:127.0.0.1:{port_of(self.listener)}")
        reading = _Reading(b"GET /kick?command=1 HTTP/1.1\r\nHost: a\r\n\r\n")
        await where.connect(Factory.forProtocol(lambda: reading))  # type: ignore[arg-type]  # a factory of one
        return reading

    async def until(self, condition: Any) -> None:
        while not condition():
            paused: Deferred[None] = Deferred()
            reactor.callLater(0.005, paused.callback, None)  # type: ignore[attr-defined]
            await paused

    async def test_browsers_wait_and_one_goes(self) -> None:
        visits = [await self.visit() for _ in range(3)]
        await self.until(lambda: len(self.page.waiting) == 3)
        assert visits[1].transport is not None
        visits[1].transport.abortConnection()
        await self.until(lambda: self.page.gone)
        for answer in self.page.waiting:
            if not answer.called:
                answer.callback(ELSEWHERE)
        first, gone, last = await gatherResults([visit.done for visit in visits])
        self.assertEqual((Answer(first).status, gone, Answer(last).all("location")), (302, b"", [ELSEWHERE.location]))

    async def test_the_listener_stops_while_a_browser_waits(self) -> None:
        visit = await self.visit()
        await self.until(lambda: self.page.waiting)
        await self.listener.stopService()
        self.assertEqual((await visit.done, self.page.gone), (b"", 1))
