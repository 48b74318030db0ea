"""The runtime of one agent: from a boot of its device, or a start of its process, to the next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from twisted.internet.defer import Deferred, succeed

from cwmpagent.agent.agenda_settings import AgendaSettings
from cwmpagent.agent.connection_request.report import ConnectionRequestReport
from cwmpagent.agent.connection_request.xmpp_table import XmppStats
from cwmpagent.agent.device_identity import device_name
from cwmpagent.agent.facts import AgentStarted, Noted
from cwmpagent.agent.internal_errors import report_internal_error
from cwmpagent.agent.journal import BOOT_ID, FILE_VALUES, PENDING, REQUEST_PATH
from cwmpagent.agent.parameters.changes import Change
from cwmpagent.agent.ports import Restart
from cwmpagent.agent.report import Report
from cwmpagent.agent.scheduled_reboots import SCHEDULED_REBOOTS, ScheduledReboots
from cwmpagent.agent.session.acs_discovery import DISCOVERED, AcsDiscovery
from cwmpagent.agent.session.acs_methods import AcsMethodRequests
from cwmpagent.agent.standby import STANDBY, Standby
from cwmpagent.agent.transfers.installation import Pause
from cwmpagent.datamodel.inform_parameters import informed, patterns
from cwmpagent.datamodel.schema import Model
from cwmpagent.gradual import Gradual
from cwmpagent.protocol.agenda.events import HEARTBEAT
from cwmpagent.records import Saved
from cwmpagent.runtime.connection_requests import build_connection_requests, own_providers
from cwmpagent.runtime.device_files import build_device_files, build_options
from cwmpagent.runtime.environment import Environment
from cwmpagent.runtime.factory_defaults import FactoryValue, unapplied_changes
from cwmpagent.runtime.notification import build_notification, build_polling
from cwmpagent.runtime.parameters import build_parameters, open_device
from cwmpagent.runtime.saved_notes import check_notes
from cwmpagent.runtime.sessions import build_agenda, build_dispatcher, build_sessions
from cwmpagent.runtime.software import Software
from cwmpagent.runtime.transfers import Transfers, build_transfers


class AgentRuntime:
    """The parts of one agent. ``restart`` performs reboots and factory resets.

    ``booted``: whether the device has booted since the last start; ``boot_id`` identifies its present boot.
    """

    def __init__(
        self,
        model: Model,
        values: Mapping[str, FactoryValue],
        saved: Saved,
        environment: Environment,
        restart: Restart,
        *,
        booted: bool,
        boot_id: str,
    ) -> None:
        self._environment = environment
        self._booted = booted
        saved, self._damaged = check_notes(saved, model, environment.observer)
        self._device = device = open_device(model, values, saved, environment)
        self.tree, self.server = device.tree, device.server
        self._agenda_parts = parts = build_agenda(device, environment, restart, self._open, booted=booted)
        self.agenda, self.journal, self.events = parts.agenda, parts.journal, parts.events
        self.after_session, self.own_requests = parts.after_session, parts.own_requests
        self.acs_methods = AcsMethodRequests(parts.events, environment.observer)
        self.own_requests.add(self.acs_methods)
        self.scheduled_reboots = ScheduledReboots(
            device.server,
            parts.journal,
            restart,
            environment.clock,
            environment.timers,
            environment.observer,
            saved.notes.get(SCHEDULED_REBOOTS),
            booted=booted,
        )
        self.standby = Standby(
            device.server,
            parts.agenda,
            parts.journal,
            parts.events,
            environment.clock,
            environment.observer,
            saved.notes.get(STANDBY),
            booted=booted,
        )
        options = environment.software
        self.software = Software(device, environment, parts, options) if options is not None else None
        self.request_path = saved.notes.get(REQUEST_PATH) or f"/{environment.random.getrandbits(128):032x}"
        self._notes = self._first_notes(values, boot_id)
        self.notification = notification = build_notification(
            device, environment, self.events, self.journal, self._holds
        )
        stats = XmppStats(model.root.path)
        own = own_providers(model, environment, stats)
        if self.software is not None and self.software.supported:
            own = (*own, self.software.provider)
        self._device_files = device_files = build_device_files(
            environment.files, device, environment.clock, lambda: self.parameters.keys
        )
        self.parameters = parameters = build_parameters(device, environment, own, device_files.tables, self._notes_of)
        self.changes, self.refresher = parameters.changes, parameters.refresher
        self.polling = build_polling(device, environment, notification, parameters)
        self.dispatcher = build_dispatcher(device, environment, parts, parameters)
        if self.software is not None:
            self.software.connect(parameters, self.dispatcher)
        self.connection_requests = build_connection_requests(
            device, environment, self.changes, parts, stats, self.request_path, notification.by_inform.compare_all
        )
        self.sessions = build_sessions(
            device,
            environment,
            parts,
            notification.by_inform,
            self.dispatcher,
            parameters.long_work,
            prepare=self._prepare,
            settle=self._settle,
        )
        self.transfers = self._build_transfers(saved.notes, restart)
        if self.transfers is not None:
            self.transfers.rpcs.register(self.dispatcher)
        self._discovery = self._build_discovery()
        self._settings = AgendaSettings(self.server, self.agenda, environment.clock)
        self.changes.listen(notification.after)
        self.changes.listen(self._changed)
        self.changes.listen(self.scheduled_reboots.after)
        requests = self.connection_requests
        self.reports: Sequence[Report] = (
            ConnectionRequestReport(self.server, requests.http, requests.udp),
            *([self.transfers.report] if self.transfers is not None else []),
        )

    async def start(self) -> None:
        """Complete the work that an earlier process left, save the first notes, and open sessions."""
        self._settings.configure()
        if self._damaged:  # before anything else is saved: a note may be written anew below
            await self.journal.save_or_warn(dict.fromkeys(self._damaged))
        await self.changes.reconcile()
        await self.changes.finish()
        if self._discovery is not None:
            url = self._device.discovered_url
            await self._discovery.start(url if url == self.server.text("URL") else None)
        requests = self.connection_requests
        await requests.http.refresh()
        if requests.udp is not None:
            await requests.udp.start()
        await self.refresher.rows([each.table for each in self._device_files.tables])
        unread = await self.refresher.freshen([*self.tree.model.forced_inform, *self.tree.attributed()])
        baselines = {**self.notification.by_inform.start(unread), **self.notification.by_datagram.start(unread)}
        requested: Mapping[str, str | None] = {}
        if self.transfers is not None:
            await self.transfers.queue.recover(booted=self._booted)
            requested = self.transfers.download_requests.note
        await self.journal.save_or_warn({**self._notes, **baselines, **requested})
        url, request_url = self.server.text("URL"), self.server.text("ConnectionRequestURL")
        self._environment.observer(AgentStarted(device_name(self.tree), url, self._booted, request_url))
        requests.http.announce()
        await self.scheduled_reboots.start(self.changes, lambda: self.sessions.in_session)
        self.polling.start()
        if self.software is not None:
            await self.software.start()
        if self._agenda_parts.promised:
            self.after_session.begin(self._agenda_parts.promised)
        else:
            self._open()

    async def look(self, path: str) -> None:
        """Read the watched parameters at ``path``, a parameter or object, and compare: the device has new values."""
        watches = [(watch, watch.watched_in(path)) for watch in self.notification.watches]
        unread = await self.refresher.reread(path, [name for _, names in watches for name in names])
        for watch, names in watches:
            watch.compare(names, unread.intersection(names))

    async def stop(self) -> None:
        """End the session under way, and save."""
        requests = self.connection_requests
        if self._discovery is not None:
            self._discovery.stop()
        self.polling.stop()
        self.scheduled_reboots.stop()
        self.notification.by_datagram.stop()
        requests.stop_http()
        # Both at the same time: each has the few seconds of its own timeout.
        closing = Deferred.fromCoroutine(requests.xmpp.stop()) if requests.xmpp is not None else succeed(None)
        # Begun before the transfers stop: the end of one may open a session.
        sessions = Deferred.fromCoroutine(self.sessions.stop())
        if self.transfers is not None:
            await self.transfers.queue.stop()
        await sessions
        self.acs_methods.stop()
        await self.after_session.stop()
        if self.transfers is not None:
            await self.transfers.queue.settled()
        if self.software is not None:
            await self.software.stop()
        if requests.udp is not None:
            await requests.udp.stop()
        await closing
        await self.changes.settled()
        await self.journal.save_or_warn()

    def resume(self) -> None:
        """Continue after :meth:`stop`, where the restart has failed."""
        requests = self.connection_requests
        if self._discovery is not None:
            self._discovery.resume()
        self.notification.by_datagram.resume()
        self.polling.start()
        requests.resume_http()
        if requests.udp is not None:
            requests.udp.resume()
        self.scheduled_reboots.resume()
        if self.software is not None:
            self.software.resume()
        self.sessions.release()
        self._open()

    def _first_notes(self, values: Mapping[str, FactoryValue], boot_id: str) -> dict[str, str | None]:
        """The notes that this start saves. Changed values of the file that do not take effect are logged."""
        lines, file_values = unapplied_changes(values, self.tree, self._device.saved.notes.get(FILE_VALUES))
        for line in lines:
            self._environment.observer(Noted(line))
        return {
            BOOT_ID: boot_id,
            FILE_VALUES: file_values,
            REQUEST_PATH: self.request_path,
            **self.scheduled_reboots.note,
            **self.standby.note,
            PENDING: self.after_session.record(self._agenda_parts.promised),
        }

    def _build_discovery(self) -> AcsDiscovery | None:
        environment = self._environment
        if environment.sessions.discovered_url is None:
            return None
        return AcsDiscovery(
            environment.sessions.discovered_url,
            self.server.path("URL"),
            self.changes,
            environment.store,
            environment.timers,
            environment.observer,
            self._device.saved.notes.get(DISCOVERED),
        )

    def _open(self) -> None:
        """Open sessions, and accept ConnectionRequests by XMPP."""
        self.sessions.start()
        if self.transfers is not None:
            self.transfers.queue.start()
        if self.connection_requests.xmpp is not None:
            self.connection_requests.xmpp.start()

    def _build_transfers(self, notes: Mapping[str, str], restart: Restart) -> Transfers | None:
        files, sessions = self._environment.files, self.sessions
        if files is None:
            return None
        options = build_options(files, self._device, self.parameters, self._device_files)
        pause = Pause(sessions.hold, sessions.release)
        return build_transfers(
            options,
            self.server,
            self._environment,
            self._agenda_parts,
            notes,
            restart,
            pause,
            sessions.poke,
            followers=self._device_files.follow(self.refresher.outdate),
            booted=self._booted,
        )

    async def _prepare(self) -> None:
        """Bring the parameters up to date that an Inform can report."""
        requests = self.connection_requests
        await self.changes.finish()
        if self.transfers is not None:
            await self.transfers.queue.forget_other_acs()
        await requests.http.refresh()
        if requests.udp is not None:
            await requests.udp.refresh()
        if requests.xmpp is not None:
            requests.xmpp.refresh()
        additional = patterns(self.tree)
        if additional:
            await self.refresher.rows(additional)
            additional = informed(self.tree, [event.code for event in self.agenda.pending] + [HEARTBEAT])
        watched = [name for watch in self.notification.watches for name in watch.watched]
        unread = await self.refresher.freshen([*self.tree.model.forced_inform, *additional, *watched])
        for watch in self.notification.watches:
            await self.parameters.long_work.run(watch.compare_all_gradually(unread))

    def _notes_of(self, change: Change) -> Gradual[Mapping[str, str | None]]:
        """The notes to save in the transaction of ``change``."""
        notes = yield from self.notification.before(change)
        return {**notes, **self.scheduled_reboots.before(change)}

    async def _settle(self) -> None:
        """Carry out what waited for the end of the session."""
        await self.changes.finish()
        if self.transfers is not None:
            self.transfers.queue.session_ended()
        self.scheduled_reboots.session_over()
        if self.software is not None:
            self.software.session_over()

    def _holds(self, name: str) -> bool:
        udp = self.connection_requests.udp
        return udp is not None and udp.holds(name)

    def _changed(self, change: Change) -> None:
        requests, changed = self.connection_requests, change.plan.changed
        self.polling.schedule()
        if self.changes.unfinished and not self.sessions.in_session:
            finished = Deferred.fromCoroutine(self.changes.finish())
            finished.addErrback(lambda failure: report_internal_error(self._environment.observer, failure))
        self._settings.changed(changed)
        requests.http.changed(changed)
        if requests.udp is not None:
            requests.udp.changed(changed)
        if requests.xmpp is not None:
            requests.xmpp.changed(change)
        self.sessions.poke()
