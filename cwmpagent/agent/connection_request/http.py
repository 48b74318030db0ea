"""ConnectionRequests (TR-069 3.2.2): ConnectionRequestURL, KickURL, credentials, and the effect of a request.

Requests by HTTP, UDP and XMPP all go to :meth:`ConnectionRequests.requested`, and share one limit.
"""

from __future__ import annotations

from collections.abc import Iterable

from twisted.internet.defer import Deferred

from cwmpagent.agent.connection_request.own_address import OwnAddress
from cwmpagent.agent.connection_request.refused_requests import RefusedRequests
from cwmpagent.agent.events import Events
from cwmpagent.agent.facts import ConnectionRequested, Noted, Observer, Warned
from cwmpagent.agent.internal_errors import report_internal_error
from cwmpagent.agent.management_server import ManagementServer
from cwmpagent.agent.options import ConnectionRequestOptions
from cwmpagent.agent.parameters.changes import Changes, Origin
from cwmpagent.agent.ports import Clock, DelayedCall, Timers
from cwmpagent.datamodel.plan import ParameterAssignment
from cwmpagent.errors import CwmpFault
from cwmpagent.protocol.agenda.events import CONNECTION_REQUEST, Event
from cwmpagent.protocol.connection_request.rate_limit import RateLimit
from cwmpagent.protocol.connection_request.refusal import Refusal
from cwmpagent.protocol.kick import kick_path


class ConnectionRequests:
    """The ``Target`` of the listener for one agent, and its URLs; ``path``: that of ConnectionRequestURL.

    ``kick_path``: that of KickURL.
    """

    def __init__(
        self,
        *,
        server: ManagementServer,
        changes: Changes,
        events: Events,
        options: ConnectionRequestOptions,
        path: str,
        clock: Clock,
        timers: Timers,
        observer: Observer,
    ) -> None:
        self._server = server
        self._changes = changes
        self._events = events
        self._listener = options.listener
        self._fixed_url = options.fixed_url
        self._kicks = options.kick and server.knows("KickURL")
        self._own_address = OwnAddress(options, self.moved)
        self._begun = False  # False until the start of the agent has completed work of an earlier process
        self._stopped = False
        self._path = path
        self.kick_path = kick_path(path)
        self._clock = clock
        self._timers = timers
        self._soon: DelayedCall | None = None
        self._limit = RateLimit()
        self.refusals = RefusedRequests(clock, timers, observer)
        self._observer = observer
        self._failing = False
        self._switches = {server.path("EnableCWMP"), server.path("HTTPConnectionRequestEnable")}

    def credentials(self) -> tuple[str, str] | None:
        """ConnectionRequestUsername and -Password; None while either is empty: then every request is refused."""
        username = self._server.text("ConnectionRequestUsername")
        password = self._server.text("ConnectionRequestPassword")
        return (username, password) if username and password else None

    def enabled(self) -> bool:
        """Whether requests by HTTP are accepted (EnableCWMP, HTTPConnectionRequestEnable)."""
        return self.takes_requests() and self._server.flag("HTTPConnectionRequestEnable", True)

    def takes_requests(self) -> bool:
        """Whether requests of any kind are accepted (EnableCWMP)."""
        return self._server.flag("EnableCWMP", True)

    def requested(self, source: str, by: str = "HTTP") -> bool:
        """Process an authenticated request ``by`` HTTP, UDP or XMPP (TR-069 3.2.2). Returns whether it is accepted.

        It is refused beyond the rate limit, and while the agent stops. An accepted one raises ``6 CONNECTION REQUEST``.
        """
        if self._stopped:
            return False
        accepted = self._limit.accept(self._clock.monotonic())
        self._observer(ConnectionRequested(source, accepted, by))
        if not accepted:
            self.refused(source, Refusal.TOO_MANY_REQUESTS, by=by)
        # With the next turn of the reactor: the request is answered before the session begins. Several are one event.
        if accepted and (self._soon is None or not self._soon.active()):
            event = Event(CONNECTION_REQUEST)
            self._soon = self._timers.callLater(0, lambda: self._events.raise_event(event))
        return accepted

    def refused(self, source: str, reason: Refusal, detail: str = "", by: str = "HTTP") -> None:
        """Record a request that is refused; arguments as for :meth:`RefusedRequests.add`."""
        if not self._stopped:
            self.refusals.add(source, by, reason, detail)

    def announce(self) -> None:
        """At the start: log that every request is refused, if credentials are missing."""
        if self.enabled() and self._listener.listening and self.credentials() is None:
            missing = " and ".join(
                name
                for name in ("ConnectionRequestUsername", "ConnectionRequestPassword")
                if not self._server.text(name)
            )
            self._observer(
                Noted(f"no ConnectionRequest is accepted until the ACS or the configuration file sets {missing}")
            )

    def changed(self, names: Iterable[str]) -> None:
        """Update the URL if ``names``, which have new values, enable or disable requests."""
        if not self._switches.isdisjoint(names):
            self.moved()

    def moved(self) -> None:
        """Update the URL: the local address towards the ACS, or the port, may have changed."""
        if self._begun and not self._stopped:
            refreshed = Deferred.fromCoroutine(self.refresh())
            refreshed.addErrback(lambda failure: report_internal_error(self._observer, failure))

    def stop(self) -> None:
        """Stop accepting requests and watching the local address."""
        self._stopped = True
        self.refusals.report()
        if self._soon is not None and self._soon.active():
            self._soon.cancel()
        self._own_address.follow("")

    def resume(self) -> None:
        """Accept requests again after :meth:`stop`."""
        self._stopped = False
        self.moved()

    async def refresh(self) -> None:
        """Open or close the listener by the settings, and update ConnectionRequestURL and KickURL.

        A failure is a warning, once; never raises.
        """
        self._begun = True
        try:
            await self._listener.switched(self._path)
            urls = {} if self._stopped else await self._urls()
            values = [
                ParameterAssignment(self._server.path(name), url)
                for name, url in urls.items()
                if url != self._server.text(name)
            ]
            if values and not self._stopped:
                await self._changes.set_values(values, Origin.DEVICE)
            self._failing = False
        except CwmpFault as fault:
            if not self._failing:
                self._observer(Warned(f"cannot update ConnectionRequestURL: {fault.text}"))
            self._failing = True

    async def _urls(self) -> dict[str, str]:
        """Present URLs by parameter: empty where requests are disabled. Those whose address is unknown are left out."""
        listening = self.enabled() and self._listener.listening
        host = self._server.acs_host if listening and (self._kicks or not self._fixed_url) else ""
        self._own_address.follow(host)
        own = await self._origin(host) if listening else ""
        urls = {}
        if listening and self._fixed_url:
            urls["ConnectionRequestURL"] = self._fixed_url
        elif own is not None:
            urls["ConnectionRequestURL"] = own and own + self._path
        if self._kicks and own is not None:
            urls["KickURL"] = own and own + self.kick_path
        elif not self._kicks and self._server.text("KickURL").endswith(self.kick_path):  # it was switched on before
            urls["KickURL"] = ""
        return urls

    async def _origin(self, host: str) -> str | None:
        """Scheme, address and port at which ``host`` reaches the listener; empty where it does not.

        None where the local address is unknown.
        """
        address = await self._own_address.towards(host)
        if address is None:
            return None
        port = self._listener.port_for(address)
        host_part = f"[{address}]" if ":" in address else address
        return f"http://{host_part}:{port}" if port else ""
