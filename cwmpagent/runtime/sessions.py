"""Assembly of the session subsystem: the saved agenda, the RPCs, and the session driver."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from itertools import count

from cwmpagent.agent.device_identity import manufacturer_oui
from cwmpagent.agent.events import Events
from cwmpagent.agent.journal import AGENDA, BOOTSTRAPPED, PENDING, Journal
from cwmpagent.agent.long_work import LongWork
from cwmpagent.agent.notification.value_change import Notifications
from cwmpagent.agent.parameters.masked_values import is_hidden
from cwmpagent.agent.ports import Restart
from cwmpagent.agent.rpcs.attributes import ParameterAttributes
from cwmpagent.agent.rpcs.objects import Objects
from cwmpagent.agent.rpcs.parameters import ParameterValues
from cwmpagent.agent.rpcs.restart import FactoryResetKind, RebootKind, Restarts
from cwmpagent.agent.rpcs.schedule_inform import ScheduledInforms
from cwmpagent.agent.session.after_session import AfterSession
from cwmpagent.agent.session.dispatcher import AfterSessionWork, Dispatcher
from cwmpagent.agent.session.driver import SessionDriver
from cwmpagent.agent.session.envelope_trace import EnvelopeTrace
from cwmpagent.agent.session.own_requests import OwnRequests
from cwmpagent.agent.session.startup import Bootstrap, reconcile, restored
from cwmpagent.protocol.agenda import Agenda, Now
from cwmpagent.runtime.environment import Environment
from cwmpagent.runtime.parameters import Device, Parameters

_AFTER_SESSION = ("URL", "Username", "Password")
"""Parameters of ManagementServer whose new value takes effect after the session."""


@dataclass(frozen=True, slots=True)
class AgendaParts:
    """The agenda and the parts that depend on it. ``promised``: work after a session that is not done yet."""

    agenda: Agenda
    journal: Journal
    events: Events
    bootstrap: Bootstrap
    after_session: AfterSession
    own_requests: OwnRequests
    promised: tuple[AfterSessionWork, ...]


def build_agenda(
    device: Device, environment: Environment, restart: Restart, resume: Callable[[], None], *, booted: bool
) -> AgendaParts:
    """Restore the agenda. ``resume`` opens sessions again once the work after a session is done."""
    clock, observer, notes = environment.clock, environment.observer, device.saved.notes
    now = Now.read(clock)
    agenda = restored(notes.get(AGENDA), booted=booted, random=environment.random, now=now, observer=observer)
    journal = Journal(environment.store, agenda, observer)
    kinds = (FactoryResetKind(restart), RebootKind(agenda, clock, restart))
    after_session = AfterSession(kinds, journal, resume, observer)
    bootstrap = Bootstrap(device.server, agenda, manufacturer_oui(device.tree), notes.get(BOOTSTRAPPED))
    promised = after_session.restored(notes.get(PENDING, ""))
    return AgendaParts(
        agenda,
        journal,
        Events(agenda, journal, clock),
        bootstrap,
        after_session,
        OwnRequests(agenda, observer),
        reconcile(agenda, bootstrap, after_session, promised, booted=booted, now=now),
    )


def build_dispatcher(
    device: Device, environment: Environment, parts: AgendaParts, parameters: Parameters
) -> Dispatcher:
    """The dispatcher with every RPC that the agent supports."""
    changes, refresher, long_work = parameters.changes, parameters.refresher, parameters.long_work

    async def settled() -> None:
        await changes.settled()
        await parts.journal.settled()

    dispatcher = Dispatcher(
        environment.timers, environment.observer, rpc_timeout=environment.sessions.rpc_timeout, settled=settled
    )
    deferred = [device.server.path(name) for name in _AFTER_SESSION]
    ParameterValues(parameters.access, changes, refresher, long_work, deferred).register(dispatcher)
    ParameterAttributes(changes, refresher, long_work).register(dispatcher)
    Objects(changes, refresher).register(dispatcher)
    ScheduledInforms(parts.agenda, parts.journal, environment.clock).register(dispatcher)
    Restarts().register(dispatcher)
    for register in environment.registrations:
        register(dispatcher)
    return dispatcher


def build_sessions(
    device: Device,
    environment: Environment,
    parts: AgendaParts,
    notifications: Notifications,
    dispatcher: Dispatcher,
    long_work: LongWork,
    *,
    prepare: Callable[[], Awaitable[None]],
    settle: Callable[[], Awaitable[None]],
) -> SessionDriver:
    """Build the session driver. ``prepare`` and ``settle`` as for :class:`SessionDriver`."""
    options, observer, tree = environment.sessions, environment.observer, device.tree
    driver = SessionDriver(
        tree=tree,
        server=device.server,
        agenda=parts.agenda,
        journal=parts.journal,
        notifications=notifications,
        bootstrap=parts.bootstrap,
        dispatcher=dispatcher,
        acs=options.acs,
        clock=environment.clock,
        timers=environment.timers,
        long_work=long_work,
        envelope_ids=_envelope_ids(),
        lenient=options.lenient,
        trace=EnvelopeTrace(observer, enabled=options.envelopes, hidden=lambda path: is_hidden(tree, path)),
        observer=observer,
        prepare=prepare,
        settle=settle,
        after_session=parts.after_session,
        own_requests=parts.own_requests,
    )
    parts.events.wake = driver.poke
    return driver


def _envelope_ids() -> Iterator[str]:
    """The IDs of the agent's own requests (the header element ``ID``)."""
    return (str(number) for number in count(1))
