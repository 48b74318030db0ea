"""How the ACS reaches the agent: the ConnectionRequestURL, whose credentials count, what a good request does.

Requests by HTTP, UDP and XMPP are told to the same :meth:`ConnectionRequests.requested`, and share one limit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from twisted.internet.defer import Deferred

from cwmpagent.agent.connection_request.own_address import OwnAddress
from cwmpagent.agent.facts import ConnectionRequested, Noted, Observer, Warned
from cwmpagent.agent.management_server import ManagementServer
from cwmpagent.agent.parameters.changes import Changes, Origin
from cwmpagent.agent.ports import AddressWatch, Listener, LocalAddress
from cwmpagent.datamodel.plan import ParameterAssignment
from cwmpagent.errors import CwmpFault
from cwmpagent.protocol.connection_request.rate_limit import RateLimit


class ConnectionRequests:
    """What the listener asks about this agent (``Target``), and its URL.

    ``fixed_url`` is told to the ACS as it is, where it cannot be derived. ``wanted`` is called for each good request
    within the limit; ``monotonic``: seconds that are never set.
    """

    def __init__(
        self,
        *,
        server: ManagementServer,
        changes: Changes,
        listener: Listener,
        local_address: LocalAddress,
        watch: AddressWatch | None,
        path: str,
        fixed_url: str,
        wanted: Callable[[], None],
        monotonic: Callable[[], float],
        observer: Observer,
    ) -> None:
        self._server = server
        self._changes = changes
        self._listener = listener
        self._local_address = local_address
        self._whereabouts = OwnAddress(watch, self.moved)
        self._begun = False  # the life's start comes first, which settles what a crash left
        self._stopped = False
        self._path = path
        self._fixed_url = fixed_url
        self._wanted = wanted
        self._monotonic = monotonic
        self._limit = RateLimit()
        self._observer = observer
        self._failing = False
        self._switches = {server.path("EnableCWMP"), server.path("HTTPConnectionRequestEnable")}

    def credentials(self) -> tuple[str, str] | None:
        """ConnectionRequestUsername and Password; None while either is unset, when nobody can get in."""
        username = self._server.text("ConnectionRequestUsername")
        password = self._server.text("ConnectionRequestPassword")
        return (username, password) if username and password else None

    def enabled(self) -> bool:
        """Whether requests are taken by HTTP (EnableCWMP, HTTPConnectionRequestEnable)."""
        return self.takes_requests() and self._server.flag("HTTPConnectionRequestEnable", True)

    def takes_requests(self) -> bool:
        """Whether requests are taken at all, by whatever they come (EnableCWMP)."""
        return self._server.flag("EnableCWMP", True)

    def requested(self, source: str, by: str = "HTTP") -> bool:
        """A request with the right credentials came ``by`` HTTP, UDP or XMPP (TR-069 3.2.2).

        It leads to ``6 CONNECTION REQUEST``, unless there were too many or the agent is about to stop: then this is
        False, and nothing comes of it.
        """
        if self._stopped:
            return False
        accepted = self._limit.accept(self._monotonic())
        self._observer(ConnectionRequested(source, accepted, by))
        if accepted:
            self._wanted()
        return accepted

    def announce(self) -> None:
        """Say at start, in the log alone, that nobody can get in where that is so."""
        if self.enabled() and self._listener.listening and self.credentials() is None:
            missing = " and ".join(
                name
                for name in ("ConnectionRequestUsername", "ConnectionRequestPassword")
                if not self._server.text(name)
            )
            self._observer(Noted(f"no connection request is accepted until the ACS, or the file, sets {missing}"))

    def changed(self, names: Iterable[str]) -> None:
        """Parameters have new values: where requests are switched off there is no URL, and there is one again after."""
        if not self._switches.isdisjoint(names):
            self.moved()

    def moved(self) -> None:
        """The address used towards the ACS may be another, or the port: the ACS is told the new URL, if it is one."""
        if self._begun and not self._stopped:
            Deferred.fromCoroutine(self.refresh()).addErrback(
                lambda failure: self._observer(Warned(f"ConnectionRequestURL: {failure.getErrorMessage()}"))
            )

    def stop(self) -> None:
        """Take no requests, and follow this machine's addresses no more."""
        self._stopped = True
        self._whereabouts.follow("")

    def resume(self) -> None:
        """Go on after :meth:`stop`."""
        self._stopped = False
        self.moved()

    async def refresh(self) -> None:
        """Have the listener follow the switches, and bring ConnectionRequestURL up to date.

        What goes wrong is told once; nothing is raised.
        """
        self._begun = True
        try:
            await self._listener.switched(self._path)
            url = None if self._stopped else await self._url()
            if not self._stopped and url is not None and url != self._server.text("ConnectionRequestURL"):
                value = ParameterAssignment(self._server.path("ConnectionRequestURL"), url)
                await self._changes.set_values([value], Origin.DEVICE)
            self._failing = False
        except CwmpFault as fault:
            if not self._failing:
                self._observer(Warned(f"ConnectionRequestURL could not be brought up to date: {fault.text}"))
            self._failing = True

    async def _url(self) -> str | None:
        """The URL to tell; None where it is not known now."""
        listening = self.enabled() and self._listener.listening
        host = self._server.acs_host if listening and not self._fixed_url else ""
        self._whereabouts.follow(host)
        if not listening:
            return ""
        if self._fixed_url:
            return self._fixed_url
        address = await self._local_address(host) if host else None
        if address is None:
            return None
        port = self._listener.port_for(address)
        shown = f"[{address}]" if ":" in address else address
        return f"http://{shown}:{port}{self._path}" if port else ""
