"""Whole agents over loopback: towards an ACS of scripted answers, or in time that only the test moves."""

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
    """An HTTP answer with headers of its own."""

    reply: Reply
    headers: tuple[tuple[str, str], ...] = ()
    content_type: str = 'text/xml; charset="utf-8"'


class WebAcs(Resource):
    """A :class:`ScriptedAcs` behind a port; each Inform begins another of its sessions.

    ``dress`` gives an answer its headers. ``connections`` are the client's ports, of each POST.
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
    """``self.acs`` is what the agent talks to; the lab is there only to be talked to."""

    front: WebAcs

    def listen(self) -> Any:
        self.acs = ScriptedAcs()
        self.front = WebAcs(self.acs)
        return reactor.listenTCP(0, Site(self.front), interface="127.0.0.1")

    async def sessions_ended(self, count: int) -> None:
        """Wait until so many sessions have ended."""
        await self.until(lambda: len(self.ended()) >= count)

    async def talk(self, *asked: Any) -> list[Posted]:
        """What the agent posts in a session in which it is asked ``asked``."""
        self.acs.asking.extend(asked)
        before = len(self.ended())
        if self.agent is None:
            self.begin()
        else:
            call(self.agent)
        await self.sessions_ended(before + 1)
        return self.acs.sessions[-1]


def call(agent: Agent) -> None:
    """Let the agent open a session, as a ConnectionRequest does."""
    agent.runtime.agenda.add(Event(CONNECTION_REQUEST), agent.runtime.sessions.now())
    agent.runtime.sessions.poke()


class Stepped(Clock):
    """A reactor whose sockets and threads are real, and whose time is the test's."""

    def __getattr__(self, name: str) -> Any:
        return getattr(reactor, name)


class SteppedCase(BenchCase):
    """The lab's own time is real; that of the agent moves when :meth:`advance` says so."""

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
        """Wait, in real time, until so many sessions have ended."""
        await self.until(lambda: len(self.ended()) >= count and not self.busy())

    async def stopping(self, agent: Agent) -> tuple[Deferred[None]]:
        """Stop the agent in the middle of a session, which holds it up; what fires when it has stopped."""
        stopped = Deferred.fromCoroutine(self.end(agent))
        broken_off_at = self.time.seconds() + STOP_GRACE
        await self.until(lambda: any(call.getTime() == broken_off_at for call in self.time.getDelayedCalls()))
        return (stopped,)

    def busy(self) -> bool:
        """Whether a session is under way."""
        return self.agent is not None and self.agent.runtime.sessions.in_session

    def odd(self) -> Iterable[object]:
        """Whatever the agent complained of."""
        return [fact for fact in self.facts if isinstance(fact, RpcCrashed | Warned)]
