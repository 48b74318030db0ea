"""A simulated agent and fake ports for tests: stepped time, an ACS in memory, a store that may refuse."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from cwmpagent.agent.facts import Fact, RpcCrashed, SessionEnded, Warned
from cwmpagent.agent.options import (
    ConnectionRequestOptions,
    FileOptions,
    NotificationOptions,
    ParameterOptions,
    SessionOptions,
    SoftwareOptions,
    TransferOptions,
    UdpOptions,
)
from cwmpagent.agent.ports import FileSource, FirmwareImages, Installer, LogFiles
from cwmpagent.agent.session.dispatcher import Dispatcher
from cwmpagent.datamodel.schema import Model
from cwmpagent.device.function_provider import FunctionProvider
from cwmpagent.device.models import find_model
from cwmpagent.protocol.agenda.events import Event
from cwmpagent.protocol.rpc import (
    CpeRequest,
    GetRPCMethods,
    GetRPCMethodsResponse,
    Inform,
    InformResponse,
    Message,
    Request,
    response_class,
)
from cwmpagent.protocol.session import Reply
from cwmpagent.protocol.soap import Envelope, decode, encode
from cwmpagent.runtime.agent_runtime import AgentRuntime
from cwmpagent.runtime.environment import Environment
from cwmpagent.runtime.factory_defaults import FactoryValue
from cwmpagent.store.memory import MemoryStore

NEW_YEAR_2026 = 1767225600.0
TRUSTED_FROM = 1577836800.0
"""The wall clock is trusted from 2020 on."""
SERVER = "Device.ManagementServer."
FIFTY_YEARS = 50 * 365.25 * 86400


class FakeClock:
    """Both clocks, driven by ``timers``; :meth:`step` sets the wall clock, as NTP or a user does.

    ``timers_on_wall``: the timers run on the wall clock, and step with it.
    """

    def __init__(self, timers: Clock, wall: float = NEW_YEAR_2026, *, timers_on_wall: bool = False) -> None:
        self._timers = timers
        self._ahead = wall - timers.seconds()
        self._jumped = 0.0
        self._timers_on_wall = timers_on_wall

    def monotonic(self) -> float:
        return self._timers.seconds() - self._jumped

    def wall(self) -> float:
        return self.monotonic() + self._ahead

    def wall_trusted(self) -> bool:
        return self.wall() >= TRUSTED_FROM

    def utc_offset(self) -> int:
        return 0

    def step(self, seconds: float) -> None:
        self._ahead += seconds
        if self._timers_on_wall:
            self._jumped += seconds
            self._timers.advance(seconds)


@dataclass(frozen=True)
class Posted:
    """One POST; ``number``: in its session, from 1; ``at``: monotonic time of its arrival in seconds."""

    at: float
    url: str
    username: str
    number: int
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()

    @property
    def envelope(self) -> Envelope:
        return decode(self.body)

    @property
    def message(self) -> Message | None:
        return self.envelope.body if self.body else None

    def header(self, name: str) -> str | None:
        return next((value for given, value in self.headers if given.lower() == name.lower()), None)


Said = Reply | Exception | Deferred[Reply] | None
Asked = Request | Envelope | bytes


def reply(message: Message | Envelope | bytes, asked: Posted | None = None) -> Reply:
    """An HTTP answer; with ``asked``, it has the ID and namespace of that request."""
    if isinstance(message, bytes):
        return Reply(200, message)
    envelope = message if isinstance(message, Envelope) else Envelope(body=message)
    if asked is not None:
        envelope = replace(envelope, id=asked.envelope.id, namespace=asked.envelope.namespace)
    return Reply(200, encode(envelope))


class ScriptedAcs:
    """An ACS that answers correctly, then sends the requests in ``asking``; ``instead`` may replace its answers.

    ``sessions``: POSTs by session; ``open_now``: number of exchanges that are not closed.
    """

    def __init__(self, seconds: Callable[[], float] = lambda: 0.0) -> None:
        self.seconds = seconds
        self.sessions: list[list[Posted]] = []
        self.asking: deque[Asked] = deque()
        self.instead: Callable[[Posted], Said] = lambda posted: None
        self.open_now = 0
        self._ids = 0

    def open(self, url: str, username: str, password: str) -> ScriptedExchange:
        self.sessions.append([])
        self.open_now += 1
        return ScriptedExchange(self, self.sessions[-1], url, username)

    def post(self, session: list[Posted], posted: Posted) -> Said:
        session.append(posted)
        said = self.instead(posted)
        return self.good(posted) if said is None else said

    def good(self, posted: Posted) -> Reply:
        """Return the answer of a correct ACS."""
        message = posted.message
        if isinstance(message, Inform):
            return reply(InformResponse(), posted)
        if isinstance(message, CpeRequest):
            own = isinstance(message, GetRPCMethods)
            return reply(GetRPCMethodsResponse(("Inform",)) if own else response_class(message)(), posted)
        if not self.asking:
            return Reply(204, b"")
        asked = self.asking.popleft()
        if isinstance(asked, Request):
            self._ids += 1
            asked = Envelope(body=asked, id=f"acs{self._ids}")
        return reply(asked)

    def informs(self) -> list[Inform]:
        """Informs of all sessions."""
        return [first.message for first in self.firsts() if isinstance(first.message, Inform)]

    def firsts(self) -> list[Posted]:
        """First POSTs of all sessions."""
        return [session[0] for session in self.sessions if session]

    def event_codes(self) -> list[tuple[str, ...]]:
        """EventCodes of the Informs of all sessions."""
        return [tuple(event.event_code for event in inform.event) for inform in self.informs()]

    def answers(self) -> list[Message]:
        """Answers of the agent to the requests of the last session."""
        messages = [posted.message for posted in self.sessions[-1][1:]]
        return [message for message in messages if message is not None and not isinstance(message, CpeRequest)]


class ScriptedExchange:
    """One session's exchanges with a :class:`ScriptedAcs`."""

    def __init__(self, acs: ScriptedAcs, session: list[Posted], url: str, username: str) -> None:
        self._acs = acs
        self._session = session
        self._where = url, username
        self._closed = False

    async def post(self, body: bytes) -> Reply:
        posted = Posted(self._acs.seconds(), *self._where, len(self._session) + 1, body)
        said = self._acs.post(self._session, posted)
        if isinstance(said, Exception):
            raise said
        if isinstance(said, Deferred):
            return await said
        assert said is not None
        return said

    async def close(self) -> None:
        assert not self._closed, "an exchange is closed once"
        self._closed = True
        self._acs.open_now -= 1


@dataclass
class FakeListener:
    """A listener on every address; with port 0, one that does not listen."""

    port: int = 7547

    @property
    def listening(self) -> bool:
        return bool(self.port)

    def port_for(self, address: str) -> int:
        return self.port

    async def switched(self, path: str) -> None:
        """Do nothing."""


class FakeWatch:
    """An AddressWatch that records which hosts are watched."""

    def __init__(self) -> None:
        self.watched: list[tuple[str, Callable[[], None]]] = []

    def watch(self, host: str, moved: Callable[[], None]) -> None:
        self.watched.append((host, moved))

    def unwatch(self, host: str, moved: Callable[[], None]) -> None:
        self.watched.remove((host, moved))

    def hosts(self) -> list[str]:
        """Hosts that are watched."""
        return [host for host, _ in self.watched]


class FakeRestart:
    """Records restarts: the CommandKey of a reboot, None for a factory reset; ``local``: reboots asked for here."""

    def __init__(self) -> None:
        self.begun: list[str | None] = []
        self.local = 0

    def reboot(self, command_key: str, *, local: bool = False) -> None:
        self.local += local
        self.begun.append(command_key)

    def factory_reset(self) -> None:
        self.begun.append(None)


@cache
def device2() -> Model:
    """The built-in model, read once."""
    return find_model("device2")


class SimulatedAgent:
    """An agent on fake ports, over starts, crashes and reboots; each start builds an AgentRuntime.

    ``values``: factory values by full path; ``parameters``: of ManagementServer, by name. ``restarts``: reboots and
    factory resets that the agent requested. ``readings``: functions that read single parameters, by full path;
    ``providers``: other providers of the device, polled every ``polling`` seconds (0: never). ``transfers``: options
    of transfers, None: it has none; ``sources``: of the files that it writes itself.
    """

    def __init__(
        self,
        values: Mapping[str, str] | None = None,
        *,
        wall: float = NEW_YEAR_2026,
        timers_on_wall: bool = False,
        store: Any = None,
        registered: tuple[Callable[[Dispatcher], None], ...] = (),
        seed: int = 7,
        polling: float = 0.0,
        udp: UdpOptions | None = None,
        model: Model | None = None,
        software: SoftwareOptions | None = None,
        **parameters: str,
    ) -> None:
        self.transfers: TransferOptions | None = None
        self.images: FirmwareImages | None = None
        self.logs: LogFiles | None = None
        self.sources: Sequence[FileSource] = ()
        self.udp = udp
        self.software = software
        self.kick = False
        self.model = model or device2()
        self.timers = Clock()
        self.timers.advance(1000)
        self.clock = FakeClock(self.timers, wall, timers_on_wall=timers_on_wall)
        self.acs = ScriptedAcs(self.clock.monotonic)
        self.store = MemoryStore() if store is None else store
        self.facts: list[Fact] = []
        self.datagrams: list[tuple[str, int, bytes]] = []
        self.restarts = FakeRestart()
        self.address = "192.0.2.1"
        self.watch = FakeWatch()
        self.readings: dict[str, Callable[[], str]] = {}
        self.providers: list[Any] = []
        self.discovered_url: Callable[[], str | None] | None = None
        self.xmpp: Any = None
        self._registered = registered
        self._random = random.Random(seed)
        self._polling = polling
        given = {
            "Device.DeviceInfo.Manufacturer": "Example",
            "Device.DeviceInfo.ManufacturerOUI": "00D09E",
            "Device.DeviceInfo.SerialNumber": "SN0001",
            SERVER + "URL": "http://acs.example/",
            SERVER + "PeriodicInformEnable": "false",
            **(values or {}),
            **{SERVER + name: text for name, text in parameters.items()},
        }
        self.values = {path: FactoryValue(text, path) for path, text in given.items()}
        self.runtime: AgentRuntime

    def begin(self, *, booted: bool = True, seconds: float = 0) -> AgentRuntime:
        """Start the agent with the saved state; ``seconds``: time that passes during the start."""
        environment = Environment(
            timers=self.timers,
            clock=self.clock,
            random=self._random,
            store=self.store,
            observer=self.facts.append,
            sessions=SessionOptions(acs=self.acs, discovered_url=self.discovered_url),
            connection_requests=ConnectionRequestOptions(
                listener=FakeListener(),
                local_address=self._local_address,
                address_watch=self.watch,
                kick=self.kick,
                udp=self.udp,
                xmpp=self.xmpp,
            ),
            parameters=ParameterOptions(
                providers=lambda root: [*([FunctionProvider(self.readings)] if self.readings else ()), *self.providers]
            ),
            notification=NotificationOptions(
                poll_interval=self._polling,
                notify=lambda host, port, datagrams: self.datagrams.extend((host, port, each) for each in datagrams),
            ),
            software=self.software,
            files=self._files(),
            registrations=self._registered,
        )
        self.runtime = AgentRuntime(
            self.model,
            self.values,
            self.store.load(),
            environment,
            self.restarts,
            booted=booted,
            boot_id="boot",
        )
        started = Deferred.fromCoroutine(self.runtime.start())
        self.run(seconds)
        finished(started)
        return self.runtime

    def kill(self) -> None:
        """End the process at once, as SIGKILL does."""
        for call in self.timers.getDelayedCalls():
            call.cancel()

    def reboot(self) -> AgentRuntime:
        """Stop the agent as for a reboot, and start it after a boot."""
        finished(self.runtime.stop())
        return self.begin()

    def run(self, seconds: float) -> None:
        """Let time pass; each timer fires at its time."""
        end = self.timers.seconds() + seconds
        while (first := self._first()) <= end:
            self.timers.advance(max(0.0, first - self.timers.seconds()) + 1e-7)
        self.timers.advance(max(0.0, end - self.timers.seconds()))

    def happen(self, event: Event) -> None:
        """Raise an event."""
        self.runtime.agenda.add(event, self.runtime.sessions.now())
        self.runtime.sessions.poke()

    def ended(self) -> list[SessionEnded]:
        """Facts about sessions that ended."""
        return [fact for fact in self.facts if isinstance(fact, SessionEnded)]

    def odd(self) -> list[Fact]:
        """Warnings and crashes of RPCs that the agent emitted."""
        return [fact for fact in self.facts if isinstance(fact, RpcCrashed | Warned)]

    def _files(self) -> FileOptions | None:
        """The options of transfers, if the test has set them; configuration files are not used."""
        transfers = self.transfers
        if transfers is None:
            return None

        async def unused(*arguments: object) -> bytes:
            raise AssertionError("there are no configuration files here")

        def options(installer: Installer, sources: Sequence[FileSource]) -> TransferOptions:
            self.sources = sources
            return transfers

        return FileOptions(
            client=transfers.client,
            read=unused,
            write=unused,
            transfers=options,
            images=lambda: self.images,
            logs=self.logs,
        )

    async def _local_address(self, host: str) -> str | None:
        return self.address

    def _first(self) -> float:
        return min((call.getTime() for call in self.timers.getDelayedCalls()), default=float("inf"))


def finished(awaitable: Awaitable[Any]) -> Any:
    """Result of an awaitable that is complete at once on fake ports."""
    done: list[Any] = []
    work = awaitable if isinstance(awaitable, Deferred) else Deferred.fromCoroutine(awaitable)  # type: ignore[arg-type]  # every one is a coroutine
    work.addCallback(done.append)
    assert done, "this still waits for something"
    return done[0]
