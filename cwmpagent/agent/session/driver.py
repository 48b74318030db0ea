"""The session driver: opens a session when one is due, one at a time, and runs it to its end.

It carries out the actions of :class:`cwmpagent.protocol.session.Session` with the transport and the dispatcher. State
is saved before the next POST that depends on it; work for the time after the session begins at its end.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field

from twisted.internet.defer import CancelledError, Deferred
from twisted.python.failure import Failure

from cwmpagent.agent.facts import (
    Noted,
    Observer,
    RpcAnswered,
    SessionEnded,
    SessionStarted,
    Warned,
)
from cwmpagent.agent.full_collections import full_collections_later, full_collections_now
from cwmpagent.agent.internal_errors import report_internal_error
from cwmpagent.agent.journal import Journal
from cwmpagent.agent.long_work import LongWork
from cwmpagent.agent.management_server import ManagementServer
from cwmpagent.agent.notification.value_change import Notifications
from cwmpagent.agent.parameters.answer_names import named_for_acs
from cwmpagent.agent.ports import Acs, Clock, DelayedCall, Exchange, Timers
from cwmpagent.agent.session.after_session import AfterSession
from cwmpagent.agent.session.dispatcher import AfterSessionWork, Answer, Dispatcher
from cwmpagent.agent.session.envelope_trace import EnvelopeTrace
from cwmpagent.agent.session.inform import build_inform
from cwmpagent.agent.session.own_requests import OwnRequests
from cwmpagent.agent.session.startup import Bootstrap
from cwmpagent.datamodel.inform_parameters import informed
from cwmpagent.datamodel.tree import Tree
from cwmpagent.errors import MisuseError, StoreWriteError, TransportError
from cwmpagent.protocol.agenda import Agenda, Now, Snapshot
from cwmpagent.protocol.agenda.events import BOOTSTRAP
from cwmpagent.protocol.rpc import Fault, GenericRequest, Inform, Message, Request, SoapFault
from cwmpagent.protocol.session import Call, Delivered, Deviation, Finished, Post, Session

STOP_GRACE = 5.0
"""Seconds that the exchange under way may still take once the agent stops."""

MOST_NAMES = 100
"""Largest number of different RPC names that are counted in one session; others count as :data:`OTHERS`."""
OTHERS = "others"
_LONGEST_NAME = 200


@dataclass(slots=True)
class _Run:
    """State of the session under way."""

    snapshot: Snapshot
    inform: Inform
    url: str
    session: Session
    exchange: Exchange
    rpcs: Counter[str] = field(default_factory=Counter)
    faults: Counter[int | str] = field(default_factory=Counter)
    after: tuple[AfterSessionWork, ...] = ()


class SessionDriver:
    """The sessions of one agent with its ACS.

    ``prepare`` runs before each Inform is built, ``settle`` after each session. ``lenient``: a ParameterKey or
    CommandKey that a request of the ACS leaves out is taken as empty. After a session that leaves work for
    ``after_session``, no session opens until :meth:`start` is called again.
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
        long_work: LongWork,
        envelope_ids: Iterator[str],
        lenient: bool,
        trace: EnvelopeTrace,
        observer: Observer,
        prepare: Callable[[], Awaitable[None]],
        settle: Callable[[], Awaitable[None]],
        after_session: AfterSession,
        own_requests: OwnRequests,
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
        self._long_work = long_work
        self._envelope_ids = envelope_ids
        self._lenient = lenient
        self._trace = trace
        self._observer = observer
        self._prepare = prepare
        self._settle = settle
        self._after_session = after_session
        self._own_requests = own_requests
        self._running = False
        self._held = False
        self._timer: DelayedCall | None = None
        self._current: Deferred[None] | None = None

    def now(self) -> Now:
        """Present time of both clocks; that of the wall clock only while it is trusted."""
        return Now.read(self._clock)

    @property
    def in_session(self) -> bool:
        """Whether a session is under way."""
        return self._current is not None

    def start(self) -> None:
        """Open sessions from now on."""
        self._running = True
        self.poke()

    async def stop(self) -> None:
        """Open no more sessions. The exchange under way is cancelled after :data:`STOP_GRACE` seconds."""
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

    async def hold(self) -> None:
        """Wait for the end of the session under way, and open none until :meth:`release`."""
        self._held = True
        self._disarm()
        if self._current is not None:
            over: Deferred[None] = Deferred()
            self._current.addBoth(lambda _: over.callback(None))
            await over

    def release(self) -> None:
        """Open sessions again after :meth:`hold`."""
        self._held = False
        self.poke()

    def poke(self) -> None:
        """Open a session if one is due by the agenda, otherwise set a timer for the next one."""
        if not self._running or self._held or self._current is not None:
            return
        self._disarm()
        if not self._server.flag("EnableCWMP", default=True):
            return
        now = self.now()
        self._bootstrap.check(now)
        if self._agenda.due(now):
            # Set before the session starts: its code may call poke() at once.
            current: Deferred[None] = Deferred()
            self._current = current
            current.addCallback(lambda _: Deferred.fromCoroutine(self._run_session()))
            current.addErrback(self._crashed)
            current.addBoth(self._ended)
            current.callback(None)
            return
        wake_at = self._agenda.wake_at(now)
        if wake_at is not None:
            self._timer = self._timers.callLater(max(0.0, wake_at - now.monotonic), self.poke)

    def _disarm(self) -> None:
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._timer = None

    def _ended(self, _: object) -> None:
        self._current = None
        self.poke()

    def _crashed(self, failure: Failure) -> None:
        report_internal_error(self._observer, failure)

    async def _run_session(self) -> None:
        await self._guarded(self._prepare())  # after an error the session still takes place, and its retry
        snapshot = self._agenda.begin(self.now())
        started = self._clock.monotonic()
        finished = Finished(False, "internal error of the agent", False)
        run: _Run | None = None
        try:
            await self._journal.save_or_warn()
            run = self._open(snapshot)
            with full_collections_later():
                finished = await self._drive(run)
        except CancelledError:
            finished = Finished(False, "aborted: the agent stops", run is not None and run.session.informed)
        except Exception:
            report_internal_error(self._observer)
        finally:
            self._own_requests.end()
            self._agenda.ended(finished.success, self.now())
        if run is not None:
            await self._guarded(self._close(run))
            await self._guarded(self._settle())  # after an error, a saved reboot is still carried out
        await self._journal.save_or_warn()
        self._report(snapshot, run, finished, started)
        if run is not None and run.after:
            self._running = False
            self._after_session.begin(run.after)

    async def _guarded(self, work: Awaitable[None]) -> None:
        """Await ``work``; an internal error in it is reported, not raised."""
        try:
            await work
        except CancelledError:
            raise
        except Exception:
            report_internal_error(self._observer)

    def _open(self, snapshot: Snapshot) -> _Run:
        requested = informed(self._tree, [event.code for event in snapshot.events])
        changed = () if snapshot.heartbeat else self._notifications.pending
        inform = build_inform(self._tree, (*requested, *changed), snapshot, self._clock)
        url = self._server.text("URL")
        exchange = self._acs.open(url, self._server.text("Username"), self._server.text("Password"))
        session = Session(named_for_acs(self._tree, inform), envelope_ids=self._envelope_ids, lenient=self._lenient)
        if not snapshot.heartbeat:
            self._own_requests.begin(session, snapshot.events)
        self._observer(SessionStarted(url, tuple(event.code for event in snapshot.events), snapshot.retry_count))
        return _Run(snapshot, inform, url, session, exchange)

    async def _drive(self, run: _Run) -> Finished:
        """Carry out the actions of the session until it is finished. Raises CancelledError."""
        actions: deque[object] = deque([run.session.begin()])
        while True:
            match actions.popleft():
                case Post() as post:
                    if not self._running:
                        return run.session.broken("aborted: the agent stops")
                    actions.extend(await self._exchange(run, post))
                case Delivered() as delivered:
                    await self._delivered(run, delivered)
                case Deviation() as deviation:
                    self._observer(Noted(deviation.text))
                case Call() as call:
                    actions.append(await self._answer(run, call))
                    del call  # it may be large, and the next exchange takes its time
                case Finished() as finished:
                    return finished

    async def _exchange(self, run: _Run, post: Post) -> tuple[object, ...]:
        self._trace.sent(post)
        try:
            with full_collections_now():
                reply = await run.exchange.post(post.body)
        except TransportError as error:
            return (run.session.broken(str(error)),)
        self._trace.received(reply)
        actions = await self._long_work.run(run.session.receive_gradually(reply))
        for action in actions:  # a request that the session has refused itself never reaches the dispatcher
            if isinstance(action, Post) and isinstance(action.message, Fault | SoapFault):
                self._answered(run, action.answers, action.message, 0.0)
        return actions

    async def _delivered(self, run: _Run, delivered: Delivered) -> None:
        """Save the effects of an answer of the ACS to a request of the agent, before the next POST."""
        if isinstance(delivered.request, Inform):
            await self._journal.save_or_warn(self._informed(run))
            return
        await self._journal.save_or_warn(self._own_requests.answered(delivered.request, delivered.response))
        self._answered(run, _name(delivered.request), delivered.response, 0.0, by_acs=True)

    def _informed(self, run: _Run) -> dict[str, str | None]:
        """Process the delivery of the Inform. Returns the notes to save."""
        self._agenda.informed(run.snapshot)
        if run.snapshot.heartbeat:  # delivers no other events or values
            return {}
        values = ((parameter.name, parameter.value.text) for parameter in run.inform.parameter_list)
        notes = dict(self._notifications.reported(values))
        if any(event.code == BOOTSTRAP for event in run.snapshot.events):
            notes.update(self._bootstrap.delivered(run.url))
        return notes

    async def _answer(self, run: _Run, call: Call) -> Post:
        answer = await self._call(run, call)
        return await self._long_work.run(run.session.answer_gradually(answer.response))

    async def _call(self, run: _Run, call: Call) -> Answer:
        started = self._clock.monotonic()
        answer = await self._dispatcher.dispatch(call.request)
        if answer.after:
            try:
                await self._after_session.promise((*run.after, *answer.after))
                run.after += answer.after
            except (StoreWriteError, MisuseError) as error:
                answer = Answer(Fault(code=9002, text=f"the work after the session could not be saved: {error}"))
        self._answered(run, _name(call.request), answer.response, self._clock.monotonic() - started)
        return answer

    def _answered(self, run: _Run, name: str, answer: Message, seconds: float, *, by_acs: bool = False) -> None:
        code, text = _fault(answer)
        counted = name[:_LONGEST_NAME]
        run.rpcs[counted if counted in run.rpcs or len(run.rpcs) < MOST_NAMES else OTHERS] += 1
        if code:
            run.faults[code] += 1
        self._observer(
            RpcAnswered(
                name,
                code,
                seconds,
                by_acs,
                text,
                answer.parameters if isinstance(answer, Fault) else (),
            )
        )

    async def _close(self, run: _Run) -> None:
        try:
            await run.exchange.close()
        except (TransportError, CancelledError) as error:
            self._observer(Warned(f"cannot close the connection to the ACS: {error}"))

    def _report(self, snapshot: Snapshot, run: _Run | None, finished: Finished, started: float) -> None:
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


def _fault(answer: Message) -> tuple[int | str, str]:
    """Code and text of the fault in ``answer``: a fault code of CWMP, or a SOAP faultcode; 0 in a response."""
    if isinstance(answer, SoapFault):
        return answer.faultcode, answer.faultstring
    return (answer.code, answer.text) if isinstance(answer, Fault) else (0, "")


def _name(request: Request) -> str:
    return request.name if isinstance(request, GenericRequest) else request.NAME
