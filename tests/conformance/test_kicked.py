"""The kick page of a whole agent: a browser, Kicked to the ACS of the lab, and the redirect to its NextURL."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import urlencode, urlsplit

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol
from twisted.internet.protocol import Protocol
from twisted.python.failure import Failure

from cwmpagent.agent.facts import KickEnded
from cwmpagent.config import Config
from cwmpagent.lab.acs.misbehaviour import Delay, Drop, FaultAnswer, Status
from cwmpagent.protocol.connection_request.refusal import Refusal
from cwmpagent.protocol.rpc import GetParameterValues, GetParameterValuesResponse, Inform, Kicked, Reboot
from cwmpagent.runtime.agent_runtime import AgentRuntime
from cwmpagent.values import Value, ValueType
from tests.agent.bench import SERVER, BenchCase, assign, reactor
from tests.transport.connection_request.test_listener import Answer

PORTAL = "https://portal.example/welcome?session=1"
QUERY = urlencode({"command": "17", "arg": "a b", "next": "http://portal.example/"})


class _Browser(Protocol):
    """A client that sends ``request`` and reads to the end."""

    def __init__(self, request: bytes) -> None:
        self._request = request
        self.data = b""
        self.done: Deferred[bytes] = Deferred()

    def connectionMade(self) -> None:
        assert self.transport is not None
        self.transport.write(self._request)

    def dataReceived(self, data: bytes) -> None:
        self.data += data

    def connectionLost(self, reason: Failure | None = None) -> None:
        self.done.callback(self.data)


class PageCase(BenchCase):
    """A bootstrapped agent with a kick page."""

    def config(self, **options: str) -> Config:
        config = super().config(**options)
        return replace(config, connection_request=replace(config.connection_request, kick=True))

    @property
    def runtime(self) -> AgentRuntime:
        """The present runtime of the agent."""
        assert self.agent is not None
        return self.agent.runtime

    async def kick_url(self) -> str:
        """Bootstrap; the KickURL as the ACS reads it."""
        await self.bootstrapped()
        (answer,) = await self.ask(GetParameterValues((SERVER + "KickURL",)))
        assert isinstance(answer, GetParameterValuesResponse)
        return answer.parameter_list[0].value.text

    async def visit(self, url: str, *headers: str) -> _Browser:
        """Send the GET of a browser."""
        parts = urlsplit(url)
        assert parts.hostname is not None and parts.port is not None
        lines = [f"GET {parts.path}?{parts.query} HTTP/1.1", f"Host: {parts.netloc}", *headers, "", ""]
        browser = _Browser("\r\n".join(lines).encode())
        await connectProtocol(TCP4ClientEndpoint(reactor, parts.hostname, parts.port), browser)
        return browser

    async def answer(self, url: str, *headers: str) -> Answer:
        browser = await self.visit(url, *headers)
        return Answer(await browser.done)

    def kicks(self) -> list[Kicked]:
        """Every Kicked that the lab received."""
        return [each for trace in self.lab.sessions for each in trace.requests if isinstance(each, Kicked)]

    def outcomes(self) -> list[str]:
        return [fact.outcome for fact in self.facts if isinstance(fact, KickEnded)]


class KickedTests(PageCase):
    async def test_a_browser_is_sent_where_the_acs_says(self) -> None:
        url = await self.kick_url()
        self.lab.send_browsers_to(PORTAL)
        number = self.lab.sessions.seen
        answer = await self.answer(f"{url}?{QUERY}", "Referer: http://isp.example/")
        self.assertEqual((answer.status, answer.all("location"), answer.rest), (302, [PORTAL], b""))
        trace = await self.session(since=number)
        self.assertEqual(trace.event_codes, ("5 KICKED",))
        self.assertEqual(self.kicks(), [Kicked("17", "http://isp.example/", "a b", "http://portal.example/")])
        received = [exchange.received.body for exchange in trace.exchanges if exchange.received is not None]
        self.assertEqual([type(message) for message in received], [Inform, Kicked])
        self.assertEqual(trace.violations, [])
        self.assertEqual(self.runtime.agenda.pending, ())
        self.assert_nothing_odd()

    async def test_the_acs_may_decide_by_what_it_was_told(self) -> None:
        url = await self.kick_url()
        self.lab.next_url = lambda kicked: f"http://{kicked.command}.example/"
        browsers = [await self.visit(f"{url}?command={name}") for name in ("one", "two")]
        locations = [Answer(await browser.done).all("location") for browser in browsers]
        self.assertEqual(locations, [["http://one.example/"], ["http://two.example/"]])

    async def test_never_where_the_query_says(self) -> None:
        url = await self.kick_url()
        for following, status in (("", 200), ("javascript:alert(1)", 502), ("http://x@evil.example/", 502)):
            self.lab.send_browsers_to(following)
            answer = await self.answer(f"{url}?next=http://evil.example/")
            self.assertEqual((answer.status, answer.all("location")), (status, []))
            self.assertNotIn(b"evil", answer.rest)

    async def test_hostile_queries_open_no_session(self) -> None:
        url = await self.kick_url()
        number = self.lab.sessions.seen
        for query in (
            "",
            "command=" + "x" * 33,
            "arg=%00",
            "next=javascript:alert(1)",
            "next=%0d%0aX:y",
            "arg=1&arg=2",
        ):
            answer = await self.answer(f"{url}?{query}")
            self.assertEqual((answer.status, answer.all("location")), (400, []), query)
        await self.pause(0.1)
        self.assertEqual((self.lab.sessions.seen, self.kicks()), (number, []))
        counts = self.runtime.connection_requests.http.refusals.counts
        self.assertEqual(counts[Refusal.WRONG_KICK], 6)

    async def test_a_fault_of_the_acs(self) -> None:
        url = await self.kick_url()
        self.lab.misbehave(FaultAnswer(8002, at="Kicked"))
        answer = await self.answer(f"{url}?{QUERY}")
        self.assertEqual((answer.status, answer.all("location")), (502, []))
        await self.until(lambda: not self.runtime.sessions.in_session)
        self.assertEqual(self.runtime.agenda.pending, ())

    async def test_a_session_that_fails_is_tried_again(self) -> None:
        url = await self.kick_url()
        self.lab.send_browsers_to(PORTAL)
        for failure in (Drop(at="Kicked"), Status(503, at="Kicked")):
            self.lab.misbehave(failure)
            answer = await self.answer(f"{url}?{QUERY}")
            self.assertEqual((answer.status, answer.all("location")), (302, [PORTAL]))

    async def test_a_browser_that_goes(self) -> None:
        url = await self.kick_url()
        self.lab.misbehave(Delay(1, at="Kicked"))
        number = self.lab.sessions.seen
        browser = await self.visit(f"{url}?{QUERY}")
        await self.until(self.kicks)
        assert browser.transport is not None
        browser.transport.abortConnection()
        await self.until(lambda: self.outcomes() == ["the browser has gone"])
        trace = await self.session(since=number)
        self.assertEqual((trace.ended, len(self.kicks())), ("complete", 1))
        self.assertEqual(self.runtime.agenda.pending, ())
        self.assert_nothing_odd()

    async def test_a_restart_forgets_the_browser(self) -> None:
        url = await self.kick_url()
        self.lab.misbehave(Status(503, at="Inform"))
        before = len(self.ended())
        browser = await self.visit(f"{url}?{QUERY}")
        await self.until(lambda: len(self.ended()) > before)  # it failed, and the browser waits on
        await self.end()
        answer = Answer(await browser.done)
        self.assertEqual((answer.status, answer.all("location")), (503, []))
        number = self.lab.sessions.seen
        self.begin()
        trace = await self.session(event="1 BOOT", since=number)
        self.assertNotIn("5 KICKED", trace.event_codes)
        self.assertEqual(self.kicks(), [])

    async def test_the_page_is_there_again_after_a_reboot(self) -> None:
        url = await self.kick_url()
        number = self.lab.sessions.seen
        await self.ask(Reboot("k"))
        await self.session(event="1 BOOT", since=number)
        self.lab.send_browsers_to(PORTAL)
        self.assertEqual((await self.answer(f"{url}?{QUERY}")).all("location"), [PORTAL])

    async def test_switched_off_by_the_acs(self) -> None:
        await self.kick_url()
        number = self.lab.sessions.seen
        off = assign(**{SERVER + "HTTPConnectionRequestEnable": Value(ValueType.BOOLEAN, "false")})
        await self.ask(off)
        await self.until(lambda: self.runtime.server.text("KickURL") == "")
        await self.session(event="4 VALUE CHANGE", since=number)


class OffTests(BenchCase):
    async def test_there_is_no_page_unless_configured(self) -> None:
        await self.bootstrapped()
        assert self.agent is not None
        self.assertIsNone(self.agent.runtime.connection_requests.kicks)
        (answer,) = await self.ask(GetParameterValues((SERVER + "KickURL",)))
        self.assertEqual(answer.parameter_list[0].value.text, "")
