"""Opens a session when the agenda says so, one at a time, and drives it to its end.

The driver moves the actions of :class:`cwmpagent.protocol.session.Session` between the transport and the dispatcher:
what must be durable is saved before the next POST leaves, and work that must wait for the end is handed on at the end.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field

from twisted.internet.defer import CancelledError, Deferred
from twisted.python.failure import Failure

from cwmpagent.agent.facts import (
    Observer,
    RpcAnswered,
    SessionEnded,
    SessionStarted,
    Warned,
)
from cwmpagent.agent.journal import PENDING, Journal
from cwmpagent.agent.management_server import ManagementServer
from cwmpagent.agent.notification.value_change import Notifications
from cwmpagent.agent.parameters.answer_names import told
from cwmpagent.agent.ports import Acs, Clock, DelayedCall, Exchange, Timers
from cwmpagent.agent.session.after_session import written
from cwmpagent.agent.session.dispatcher import AfterSession, Answer, Dispatcher
from cwmpagent.agent.session.envelope_trace import EnvelopeTrace
from cwmpagent.agent.session.inform import build_inform
from cwmpagent.agent.session.startup import Bootstrap
from cwmpagent.datamodel.inform_parameters import informed
from cwmpagent.datamodel.tree import Tree
from cwmpagent.errors import StoreWriteError, TransportError
from cwmpagent.protocol.agenda import Agenda, Now, Snapshot
from cwmpagent.protocol.agenda.events import BOOTSTRAP
from cwmpagent.protocol.rpc import Fault, GenericRequest, Inform, Message, Request
from cwmpagent.protocol.session import Call, Delivered, Finished, Post, Session

STOP_GRACE = 5.0
"""Seconds that the exchange in flight may take when the agent stops."""

MOST_NAMES = 100
"""So many different RPCs of one session are told apart; the rest are :data:`OTHERS`. An ACS may go on for ever."""
OTHERS = "others"
_LONGEST_NAME = 200


@dataclass(slots=True)
class _Run:
    """What one session has come to so far."""

    snapshot: Snapshot
    inform: Inform
    url: str
    session: Session
    exchange: Exchange
    rpcs: Counter[str] = field(default_factory=Counter)
    faults: Counter[int] = field(default_factory=Counter)
    after: tuple[AfterSession, ...] = ()


class SessionDriver:
    """One agent's sessions with its ACS.

    ``prepare`` runs before each Inform is built, ``settle`` after each session. ``finish`` is handed what had to wait
    for the end of a session; no session opens after that until :meth:`start` is called again.
    """

    def __init__(
        self,
        *,
        tree: Tree,
        server: ManagementServer,
        agenda: Agenda,
        journal: Journal,
        notifications: Notifications,
        bootstrap: Bootstrap,
        dispatcher: Dispatcher,
        acs: Acs,
        clock: Clock,
        timers: Timers,
        envelope_ids: Iterator[str],
        trace: EnvelopeTrace,
        observer: Observer,
        prepare: Callable[[], Awaitable[None]],
        settle: Callable[[], Awaitable[None]],
        finish: Callable[[tuple[AfterSession, ...]], None],
    ) -> None:
        self._tree = tree
        self._server = server
        self._agenda = agenda
        self._journal = journal
        self._notifications = notifications
        self._bootstrap = bootstrap
        self._dispatcher = dispatcher
        self._acs = acs
        self._clock = clock
        self._timers = timers
        self._envelope_ids = envelope_ids
        self._trace = trace
        self._observer = observer
        self._prepare = prepare
        self._settle = settle
        self._finish = finish
        self._running = False
        self._timer: DelayedCall | None = None
        self._current: Deferred[None] | None = None

    def now(self) -> Now:
        """Both clocks, the wall only while it is trusted."""
        return Now(self._clock.monotonic(), self._clock.wall() if self._clock.wall_trusted() else None)

    @property
    def in_session(self) -> bool:
        """Whether a session is under way."""
        return self._current is not None

    def start(self) -> None:
        """Open sessions from now on."""
        self._running = True
        self.poke()

    async def stop(self) -> None:
        """Open no more sessions; let the exchange in flight end, or break it off after :data:`STOP_GRACE` seconds."""
        self._running = False
        self._disarm()
        if self._current is None:
            return
        current = self._current
        over: Deferred[None] = Deferred()
        current.addBoth(lambda _: over.callback(None))
        limit = self._timers.callLater(STOP_GRACE, current.cancel)
        await over
        if limit.active():
            limit.cancel()

    def poke(self) -> None:
        """Look at the agenda again: something was added to it, or a time may have come."""
        if not self._running or self._current is not None:
            return
        self._disarm()
        if not self._server.flag("EnableCWMP", default=True):
            return
        now = self.now()
        self._bootstrap.check(now)
        if self._agenda.due(now):
            # It is there before the session's own code runs, for that may poke us at once.
            current: Deferred[None] = Deferred()
            self._current = current
            current.addCallback(lambda _: Deferred.fromCoroutine(self._one_session()))
            current.addErrback(self._crashed)
            current.addBoth(self._over)
            current.callback(None)
            return
        wake_at = self._agenda.wake_at(now)
        if wake_at is not None:
            self._timer = self._timers.callLater(max(0.0, wake_at - now.monotonic), self.poke)

    def _disarm(self) -> None:
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._timer = None

    def _over(self, _: object) -> None:
        self._current = None
        self.poke()

    def _crashed(self, failure: Failure) -> None:
        if failure.check(CancelledError):  # type: ignore[no-untyped-call]  # Twisted has no types there
            return
        self._observer(Warned(f"a session ended in an error of the agent itself: {failure.getTraceback()}"))

    async def _one_session(self) -> None:
        await self._survived(self._prepare())  # without this session there would be another at once, and so for ever
        snapshot = self._agenda.begin(self.now())
        started = self._clock.monotonic()
        finished = Finished(False, "an error of the agent itself", False)
        run: _Run | None = None
        try:
            await self._journal.save_or_warn()
            run = self._open(snapshot)
            finished = await self._drive(run)
        except CancelledError:
            finished = Finished(False, "broken off because the agent stops", run is not None and run.session.informed)
        except Exception:
            self._warn_of_error()
        finally:
            self._agenda.ended(finished.success, self.now())
        if run is not None:
            await self._survived(self._close(run))
            await self._survived(self._settle())  # a reboot that was promised comes all the same
        await self._journal.save_or_warn()
        self._tell(snapshot, run, finished, started)
        if run is not None and run.after:
            self._running = False
            self._finish(run.after)

    async def _survived(self, work: Awaitable[None]) -> None:
        """Await ``work``; an error of the agent itself in it is told, and keeps nothing that follows from coming."""
        try:
            await work
        except CancelledError:
            raise
        except Exception:
            self._warn_of_error()

    def _warn_of_error(self) -> None:
        self._observer(Warned(f"an error of the agent itself: {Failure().getTraceback()}"))  # type: ignore[no-untyped-call]  # Twisted has no types there

    def _open(self, snapshot: Snapshot) -> _Run:
        asked = informed(self._tree, [event.code for event in snapshot.events])
        news = () if snapshot.heartbeat else self._notifications.news
        inform = build_inform(self._tree, (*asked, *news), snapshot, self._clock)
        url = self._server.text("URL")
        exchange = self._acs.open(url, self._server.text("Username"), self._server.text("Password"))
        session = Session(told(self._tree, inform), envelope_ids=self._envelope_ids)
        self._observer(SessionStarted(url, tuple(each.code for each in snapshot.events), snapshot.retry_count))
        return _Run(snapshot, inform, url, session, exchange)

    async def _drive(self, run: _Run) -> Finished:
        """Carry out the session's actions until it is finished. Raises CancelledError when it is broken off."""
        actions: deque[object] = deque([run.session.begin()])
        while True:
            match actions.popleft():
                case Post() as post:
                    if not self._running:
                        return run.session.broken("broken off because the agent stops")
                    actions.extend(await self._exchange(run, post))
                case Delivered() as delivered:
                    await self._delivered(run, delivered)
                case Call() as call:
                    actions.append(run.session.answer((await self._call(run, call)).response))
                case Finished() as finished:
                    return finished

    async def _exchange(self, run: _Run, post: Post) -> tuple[object, ...]:
        self._trace.sent(post)
        try:
            reply = await run.exchange.post(post.body)
        except TransportError as error:
            return (run.session.broken(str(error)),)
        self._trace.received(reply)
        return run.session.receive(reply)

    async def _delivered(self, run: _Run, delivered: Delivered) -> None:
        """The ACS has a request of ours: note it durably before anything else is sent."""
        notes: dict[str, str | None] = {}
        if isinstance(delivered.request, Inform):
            self._agenda.informed(run.snapshot)
        if isinstance(delivered.request, Inform) and not run.snapshot.heartbeat:
            told = ((each.name, each.value.text) for each in run.inform.parameter_list)
            notes.update(self._notifications.told(told))
            if any(event.code == BOOTSTRAP for event in run.snapshot.events):
                notes.update(self._bootstrap.delivered(run.url))
        await self._journal.save_or_warn(notes)
        if not isinstance(delivered.request, Inform):
            self._answered(run, _name(delivered.request), delivered.response, 0.0, by_acs=True)

    async def _call(self, run: _Run, call: Call) -> Answer:
        started = self._clock.monotonic()
        answer = await self._dispatcher.dispatch(call.request)
        if answer.after:
            try:
                await self._journal.save({PENDING: written((*run.after, *answer.after))})
                run.after += answer.after
            except StoreWriteError as error:
                answer = Answer(Fault(code=9002, text=f"what must follow the session could not be saved: {error}"))
        self._answered(run, _name(call.request), answer.response, self._clock.monotonic() - started)
        return answer

    def _answered(self, run: _Run, name: str, answer: Message, seconds: float, *, by_acs: bool = False) -> None:
        fault = answer if isinstance(answer, Fault) else None
        counted = name[:_LONGEST_NAME]
        run.rpcs[counted if counted in run.rpcs or len(run.rpcs) < MOST_NAMES else OTHERS] += 1
        if fault is not None:
            run.faults[fault.code] += 1
        self._observer(RpcAnswered(name, fault.code if fault else 0, seconds, by_acs, fault.text if fault else ""))

    async def _close(self, run: _Run) -> None:
        try:
            await run.exchange.close()
        except (TransportError, CancelledError) as error:
            self._observer(Warned(f"the connection to the ACS could not be closed: {error}"))

    def _tell(self, snapshot: Snapshot, run: _Run | None, finished: Finished, started: float) -> None:
        now = self.now()
        self._observer(
            SessionEnded(
                success=finished.success,
                reason=finished.reason,
                events=tuple(event.code for event in snapshot.events),
                rpcs=run.rpcs if run else {},
                faults=run.faults if run else {},
                seconds=now.monotonic - started,
                retry_count=snapshot.retry_count,
                retry_in=self._agenda.retry_in(now),
            )
        )


def _name(request: Request) -> str:
    return request.name if isinstance(request, GenericRequest) else request.NAME
