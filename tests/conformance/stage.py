"""Whole agents over loopback, with an ACS that gives scripted answers, or with a clock that only the test advances."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from twisted.internet import reactor as global_reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request, Site

from cwmpagent.agent.facts import RpcCrashed, Warned
from cwmpagent.agent.session.driver import STOP_GRACE
from cwmpagent.config import Config
from cwmpagent.embedding.service import Agent
from cwmpagent.protocol.agenda.events import CONNECTION_REQUEST, Event
from cwmpagent.protocol.rpc import Inform
from cwmpagent.protocol.session import Reply
from tests.agent.bench import PATIENCE, BenchCase
from tests.agent.ports import FakeClock, Posted, ScriptedAcs

reactor: Any = global_reactor
SOAP = "{http://schemas.xmlsoap.org/soap/envelope/}"
ENCODING = "{http://schemas.xmlsoap.org/soap/encoding/}"
XSI = "{http://www.w3.org/2001/XMLSchema-instance}"
CWMP = "{urn:dslforum-org:cwmp-1-2}"


@dataclass(frozen=True)
class Headed:
    """An HTTP answer with additional headers."""

    reply: Reply
    headers: tuple[tuple[str, str], ...] = ()
    content_type: str = 'text/xml; charset="utf-8"'


class WebAcs(Resource):
    """A :class:`ScriptedAcs` on a TCP port; each Inform begins a new session.

    ``dress`` adds headers to an answer. ``connections``: the TCP port of the client for each POST.
    """

    isLeaf = True

    def __init__(self, acs: ScriptedAcs) -> None:
        super().__init__()
        self.acs = acs
        self.connections: list[int] = []
        self.dress: Callable[[Posted, Reply], Headed] = lambda posted, reply: Headed(reply)

    def render_POST(self, request: Request) -> Any:
        body = request.content.read()
        headers = tuple(
            (name.decode(), value.decode())
            for name, values in request.requestHeaders.getAllRawHeaders()
            for value in values
        )
        posted = Posted(0.0, request.uri.decode(), "", 1, body, headers)
        if isinstance(posted.message, Inform) or not self.acs.sessions:
            self.acs.sessions.append([])
        session = self.acs.sessions[-1]
        posted = Posted(0.0, posted.url, "", len(session) + 1, body, headers)
        self.connections.append(request.getClientAddress().port)
        said = self.acs.post(session, posted)
        if isinstance(said, Exception):
            request.channel.abortConnection()
            return NOT_DONE_YET
        if isinstance(said, Deferred):
            return NOT_DONE_YET
        assert said is not None
        headed = self.dress(posted, said)
        request.setResponseCode(headed.reply.status)
        request.setHeader("Content-Type", headed.content_type)
        for name, value in headed.headers:
            request.responseHeaders.addRawHeader(name, value)
        return headed.reply.body


class ScriptedCase(BenchCase):
    """Tests with ``self.acs`` as the ACS of the agent; the lab is not used."""

    front: WebAcs

    def listen(self) -> Any:
        self.acs = ScriptedAcs()
        self.front = WebAcs(self.acs)
        return reactor.listenTCP(0, Site(self.front), interface="127.0.0.1")

    async def sessions_ended(self, count: int) -> None:
        """Wait until this number of sessions has ended."""
        await self.until(lambda: len(self.ended()) >= count)

    async def talk(self, *asked: Any) -> list[Posted]:
        """The POSTs of the agent in a session with the requests ``asked``."""
        self.acs.asking.extend(asked)
        before = len(self.ended())
        if self.agent is None:
            self.begin()
        else:
            call(self.agent)
        await self.sessions_ended(before + 1)
        return self.acs.sessions[-1]


def call(agent: Agent) -> None:
    """Make the agent open a session, as a ConnectionRequest does."""
    agent.runtime.agenda.add(Event(CONNECTION_REQUEST), agent.runtime.sessions.now())
    agent.runtime.sessions.poke()


class Stepped(Clock):
    """A reactor with real sockets and threads, and with a clock that the test advances."""

    def __getattr__(self, name: str) -> Any:
        return getattr(reactor, name)


class SteppedCase(BenchCase):
    """Tests in which the lab runs in real time, and :meth:`advance` moves the clock of the agent."""

    def setUp(self) -> None:
        self.time = Stepped()
        self.time.advance(1000)
        self.clock = FakeClock(self.time)
        super().setUp()

    def prepared(self, config: Config | None = None, **options: Any) -> Agent:
        return super().prepared(config, **{"reactor": self.time, "clock": self.clock, **options})

    async def until(self, condition: Any, seconds: float = PATIENCE) -> None:
        await super().until(lambda: bool(self.time.advance(0) or condition()), seconds)

    async def sessions_ended(self, count: int) -> None:
        """Wait, in real time, until this number of sessions has ended."""
        await self.until(lambda: len(self.ended()) >= count and not self.busy())

    async def stopping(self, agent: Agent) -> tuple[Deferred[None]]:
        """Stop the agent in the middle of a session, which delays it. The Deferred fires when it has stopped."""
        stopped = Deferred.fromCoroutine(self.end(agent))
        broken_off_at = self.time.seconds() + STOP_GRACE
        await self.until(lambda: any(call.getTime() == broken_off_at for call in self.time.getDelayedCalls()))
        return (stopped,)

    def busy(self) -> bool:
        """Whether a session is under way."""
        return self.agent is not None and self.agent.runtime.sessions.in_session

    def odd(self) -> Iterable[object]:
        """The warnings and errors of the agent."""
        return [fact for fact in self.facts if isinstance(fact, RpcCrashed | Warned)]
