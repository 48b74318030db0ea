"""Builds an agent from its parts: the only file that knows every room of behaviour."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import count

from twisted.internet.defer import Deferred, succeed

from cwmpagent.agent.agenda_settings import AgendaSettings
from cwmpagent.agent.connection_request.http import ConnectionRequests
from cwmpagent.agent.connection_request.udp import UdpConnectionRequests
from cwmpagent.agent.connection_request.xmpp import XmppConnectionRequests
from cwmpagent.agent.connection_request.xmpp_table import XmppStats
from cwmpagent.agent.facts import AgentStarted, Noted, Warned
from cwmpagent.agent.journal import AGENDA, BOOT_ID, BOOTSTRAPPED, FILE_VALUES, PENDING, REQUEST_PATH, Journal
from cwmpagent.agent.management_server import ManagementServer
from cwmpagent.agent.notification.lightweight import Lightweight
from cwmpagent.agent.notification.polling import Polling
from cwmpagent.agent.notification.value_change import Notifications
from cwmpagent.agent.parameters.changes import Change, Changes
from cwmpagent.agent.parameters.provider_calls import GuardedProviders
from cwmpagent.agent.parameters.provider_rows import ProviderRows
from cwmpagent.agent.parameters.provider_values import ProviderValues
from cwmpagent.agent.parameters.refresh import Refresher
from cwmpagent.agent.parameters.transaction import Transactions
from cwmpagent.agent.ports import DelayedCall
from cwmpagent.agent.rpcs.attributes import ParameterAttributes
from cwmpagent.agent.rpcs.control import Control
from cwmpagent.agent.rpcs.objects import Objects
from cwmpagent.agent.rpcs.parameters import Parameters
from cwmpagent.agent.session.acs_discovery import DISCOVERED, AcsDiscovery, found_at_start
from cwmpagent.agent.session.after_session import read, written
from cwmpagent.agent.session.dispatcher import AfterSession, Dispatcher
from cwmpagent.agent.session.driver import SessionDriver
from cwmpagent.agent.session.envelope_trace import EnvelopeTrace
from cwmpagent.agent.session.startup import Bootstrap, reconcile, restored
from cwmpagent.datamodel.inform_parameters import informed, patterns
from cwmpagent.datamodel.resolve import Resolver
from cwmpagent.datamodel.restore import open_tree
from cwmpagent.datamodel.schema import Model
from cwmpagent.datamodel.tree import Tree
from cwmpagent.errors import CwmpFault
from cwmpagent.protocol.agenda import Now
from cwmpagent.protocol.agenda.events import CONNECTION_REQUEST, HEARTBEAT, VALUE_CHANGE, Event
from cwmpagent.records import Saved
from cwmpagent.runtime.environment import Environment
from cwmpagent.runtime.factory_defaults import FactoryValue, abilities, outvoted, texts

_AFTER_SESSION = ("URL", "Username", "Password")
"""Parameters of ManagementServer whose new value the present session does not use yet."""


class AgentRuntime:
    """One life of an agent: from a boot, or the start of its process, to the next.

    ``finish`` carries out what an RPC left for the time after its session.
    """

    def __init__(
        self,
        model: Model,
        values: Mapping[str, FactoryValue],
        saved: Saved,
        world: Environment,
        *,
        booted: bool,
        boot_id: str,
        finish: Callable[[tuple[AfterSession, ...]], None],
    ) -> None:
        self._world = world
        self._finish = finish
        self._booted = booted
        self._soon: DelayedCall | None = None
        self.udp: UdpConnectionRequests | None = None
        root = model.root.path
        saved, self._found = found_at_start(world.discovered_url, root + "ManagementServer.URL", saved, world.observer)
        known: dict[str, str] = {}
        factory = {**abilities(model, udp=world.udp is not None), **texts(values)}
        self.tree, ignored_entries = open_tree(model, saved, factory, live=known.get)
        tree = self.tree
        self.server = server = ManagementServer(tree)
        for ignored in ignored_entries:
            world.observer(Noted(f"what was saved for {ignored.path} is not used: {ignored.reason}"))
        lines, file_values = outvoted(values, tree, saved.notes.get(FILE_VALUES))
        for line in lines:
            world.observer(Noted(line))

        now = self._now()
        self.agenda = agenda = restored(
            saved.notes.get(AGENDA), booted=booted, random=world.random, now=now, observer=world.observer
        )
        bootstrap = Bootstrap(
            server, agenda, tree.value(root + "DeviceInfo.ManufacturerOUI").text, saved.notes.get(BOOTSTRAPPED)
        )
        self._owed = reconcile(agenda, bootstrap, read(saved.notes.get(PENDING, "")), booted=booted, now=now)
        self.request_path = saved.notes.get(REQUEST_PATH) or f"/{world.random.getrandbits(128):032x}"
        self._notes: dict[str, str | None] = {
            BOOT_ID: boot_id,
            FILE_VALUES: file_values,
            REQUEST_PATH: self.request_path,
            PENDING: written(self._owed) if self._owed else None,
        }

        self.journal = journal = Journal(world.store, agenda, world.observer)
        self.notifications = notifications = Notifications(
            tree, saved.notes, raised=self._news, withdrawn=self._no_news, supplied=known.__contains__, held=self._held
        )
        self.lightweight = lightweight = Lightweight(
            tree=tree,
            server=server,
            notes=saved.notes,
            now=self._now,
            random=world.random,
            timers=world.timers,
            notify=world.notify,
            journal=journal,
            observer=world.observer,
        )
        monotonic = world.clock.monotonic
        xmpp_stats = XmppStats(root)
        has_stats = world.xmpp is not None and model.definition(root + "XMPP.Connection.{i}.Stats.") is not None
        providers = (*world.providers(root), *((xmpp_stats,) if has_stats else ()))
        suppliers = GuardedProviders(providers, world.timers, monotonic, world.observer)
        keys: dict[str, str] = {}
        rows = ProviderRows(suppliers, tree, monotonic, keys, saved.notes)
        readings = ProviderValues(suppliers, tree.definition, monotonic, known, keys)

        def forget(paths: Sequence[str]) -> None:
            readings.forget(paths)
            rows.forget()

        transactions = Transactions(suppliers, world.store, world.observer, keys, saved.notes, forget)
        readings.held = lambda: transactions.held
        self.changes = changes = Changes(
            tree,
            world.store,
            world.observer,
            suppliers=suppliers,
            rows=rows,
            transactions=transactions,
            refresh=readings.refresh,
            key_path=server.path("ParameterKey"),
            notes=lambda change: {**notifications.before(change), **lightweight.before(change)},
        )
        self.live = live = Refresher(tree, readings, rows, changes, world.observer)
        self.polling = polling = Polling(
            tree=tree,
            watches=(notifications, lightweight.watch),
            suppliers=suppliers,
            readings=readings,
            keys=keys,
            live=live,
            timers=world.timers,
            interval=world.poll_interval,
            observer=world.observer,
        )
        self.dispatcher = dispatcher = Dispatcher(
            world.timers, world.observer, rpc_timeout=world.rpc_timeout, settled=self._settled
        )
        Parameters(tree, changes, live, [server.path(name) for name in _AFTER_SESSION]).register(dispatcher)
        ParameterAttributes(tree, changes, live).register(dispatcher)
        Objects(changes, live).register(dispatcher)
        Control(agenda, journal, self._now).register(dispatcher)
        for register in world.registered:
            register(dispatcher)
        self.reach = ConnectionRequests(
            server=server,
            changes=changes,
            listener=world.listener,
            local_address=world.local_address,
            watch=world.address_watch,
            path=self.request_path,
            fixed_url=world.fixed_url,
            wanted=self._wanted,
            monotonic=monotonic,
            observer=world.observer,
        )
        if world.udp is not None:
            self.udp = UdpConnectionRequests(
                server=server,
                changes=changes,
                reach=self.reach,
                port=world.udp.port,
                keep=world.udp.keep,
                local_address=world.local_address,
                watch=world.address_watch,
                timers=world.timers,
                monotonic=monotonic,
                observer=world.observer,
                filled=world.udp.filled,
                always_named=world.udp.always_named,
                again=notifications.look,
            )
        self.xmpp: XmppConnectionRequests | None = None
        if world.xmpp is not None:
            self.xmpp = XmppConnectionRequests(
                tree=tree,
                server=server,
                changes=changes,
                xmpp=world.xmpp,
                reach=self.reach,
                stats=xmpp_stats,
                clock=world.clock,
                observer=world.observer,
            )
        self.sessions = SessionDriver(
            tree=tree,
            server=server,
            agenda=agenda,
            journal=journal,
            notifications=notifications,
            bootstrap=bootstrap,
            dispatcher=dispatcher,
            acs=world.acs,
            clock=world.clock,
            timers=world.timers,
            envelope_ids=_envelope_ids(),
            trace=EnvelopeTrace(world.observer, wanted=world.envelopes, hidden=lambda path: _hidden(tree, path)),
            observer=world.observer,
            prepare=self._prepare,
            settle=changes.finish,
            finish=finish,
        )
        self._discovered: AcsDiscovery | None = None
        if world.discovered_url is not None:
            self._discovered = AcsDiscovery(
                world.discovered_url,
                server.path("URL"),
                changes,
                world.store,
                world.timers,
                world.observer,
                saved.notes.get(DISCOVERED),
            )
        self._following = AgendaSettings(server, agenda, self._now)
        changes.listen(notifications.after)
        changes.listen(lightweight.after)
        changes.listen(lambda change: polling.look())
        changes.listen(self._changed)

    async def start(self) -> None:
        """Save what this life begins with, settle what is owed from the last one, and open sessions."""
        self._following.configure()
        await self.changes.reconcile()
        await self.changes.finish()
        if self._discovered is not None:
            await self._discovered.start(self._found if self._found == self.server.text("URL") else None)
        await self.reach.refresh()
        if self.udp is not None:
            await self.udp.start()
        unread = await self.live.freshen([*self.tree.model.forced_inform, *self.tree.attributed()])
        notes = {**self._notes, **self.notifications.start(unread), **self.lightweight.start(unread)}
        await self.journal.save_or_warn(notes)
        info = self.tree.model.root.path + "DeviceInfo."
        device = "-".join(self.tree.value(info + name).text for name in ("ManufacturerOUI", "SerialNumber"))
        self._world.observer(
            AgentStarted(device, self.server.text("URL"), self._booted, self.server.text("ConnectionRequestURL"))
        )
        self.reach.announce()
        self.polling.start()
        if self._owed:
            self._finish(self._owed)
        else:
            self._open()

    def happened(self, event: Event) -> None:
        """Something has happened that the ACS is told in a session of now, or in one that follows the present one."""
        self._raise(event)

    async def look(self, path: str) -> None:
        """The device itself has other values at ``path``, a parameter or object: the ACS is told those it watches."""
        watches = [(each, each.watched_in(path)) for each in (self.notifications, self.lightweight.watch)]
        unread = await self.live.reread(path, [name for _, names in watches for name in names])
        for each, names in watches:
            each.noticed(names, unread.intersection(names))

    async def stop(self) -> None:
        """End the session under way, and save."""
        if self._soon is not None and self._soon.active():
            self._soon.cancel()
        if self._discovered is not None:
            self._discovered.stop()
        self.polling.stop()
        self.lightweight.stop()
        self.reach.stop()
        # At the same time: neither may take from the few seconds that the other has.
        closing = Deferred.fromCoroutine(self.xmpp.stop()) if self.xmpp is not None else succeed(None)
        await self.sessions.stop()
        if self.udp is not None:
            await self.udp.stop()
        await closing
        await self.changes.settled()
        await self.journal.save_or_warn()

    def resume(self) -> None:
        """Go on after :meth:`stop`, where what it made room for did not come: a reboot whose program failed."""
        if self._discovered is not None:
            self._discovered.resume()
        self.lightweight.resume()
        self.polling.start()
        self.reach.resume()
        if self.udp is not None:
            self.udp.resume()
        self._open()

    def _open(self) -> None:
        """Open sessions, and let the ACS ask for them by XMPP."""
        self.sessions.start()
        if self.xmpp is not None:
            self.xmpp.start()

    async def _settled(self) -> None:
        await self.changes.settled()
        await self.journal.settled()

    async def _prepare(self) -> None:
        """What must be up to date in an Inform."""
        await self.changes.finish()
        await self.reach.refresh()
        if self.udp is not None:
            await self.udp.refresh()
        if self.xmpp is not None:
            self.xmpp.refresh()
        asked = patterns(self.tree)
        if asked:
            await self.live.rows(asked)
            asked = informed(self.tree, [event.code for event in self.agenda.pending] + [HEARTBEAT])
        watched = (*self.notifications.watched, *self.lightweight.watch.watched)
        unread = await self.live.freshen([*self.tree.model.forced_inform, *asked, *watched])
        self.notifications.look(unread)
        self.lightweight.watch.look(unread)

    def _now(self) -> Now:
        clock = self._world.clock
        return Now(clock.monotonic(), clock.wall() if clock.wall_trusted() else None)

    def _wanted(self) -> None:
        # Not at once: the answer to the request leaves before the session begins. Several in a row are one.
        if self._soon is None or not self._soon.active():
            self._soon = self._world.timers.callLater(0, lambda: self._raise(Event(CONNECTION_REQUEST)))

    def _held(self, name: str) -> bool:
        return self.udp is not None and self.udp.holds(name)

    def _news(self, active: bool) -> None:
        self._raise(Event(VALUE_CHANGE), opens_session=active)

    def _no_news(self) -> None:
        self.agenda.withdraw(VALUE_CHANGE)
        self.journal.save_soon()

    def _raise(self, event: Event, *, opens_session: bool = True) -> None:
        self.agenda.add(event, self._now(), opens_session=opens_session)
        self.journal.save_soon()
        self.sessions.poke()

    def _changed(self, change: Change) -> None:
        if self.changes.unfinished and not self.sessions.in_session:
            Deferred.fromCoroutine(self.changes.finish()).addErrback(
                lambda failure: self._world.observer(Warned(f"an error of the agent itself: {failure.getTraceback()}"))
            )
        self._following.changed(change.plan.changed)
        self.reach.changed(change.plan.changed)
        if self.udp is not None:
            self.udp.changed(change.plan.changed)
        if self.xmpp is not None:
            self.xmpp.changed(change)
        self.sessions.poke()


def _hidden(tree: Tree, path: str) -> bool:
    """Whether the value of ``path`` is a secret; what is not known may be one."""
    try:
        return tree.definition(Resolver(tree).path(path)).hidden
    except CwmpFault:
        return True


def _envelope_ids() -> Iterator[str]:
    return (str(number) for number in count(1))
