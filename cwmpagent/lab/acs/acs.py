"""The lab's ACS, for use in a program: listen with :meth:`LabAcs.site`, queue tasks, read the state of devices.

::

    lab = LabAcs(reactor, auth="digest", username="cpe", password="secret")
    port = reactor.listenTCP(0, lab.site(), interface="127.0.0.1")
    answer = await lab.queue("00D09E-Gateway-SN0001", GetParameterValues(("Device.",)))
    lab.devices["00D09E-Gateway-SN0001"].parameters["Device.DeviceInfo.SoftwareVersion"].text
    lab.misbehave(Drop(at="GetParameterValuesResponse"))
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.web.resource import IResource
from twisted.web.server import Site

from cwmpagent.errors import MisuseError
from cwmpagent.lab.acs.authentication import Auth, Guard
from cwmpagent.lab.acs.connection_request.errors import UnreachableError, credentials_of
from cwmpagent.lab.acs.connection_request.http import ask
from cwmpagent.lab.acs.connection_request.udp import SentByUdp, UdpRequester
from cwmpagent.lab.acs.connection_request.xmpp import XmppAcs
from cwmpagent.lab.acs.devices import Devices, LabDevice
from cwmpagent.lab.acs.misbehaviour import Misbehaviour, Misbehaviours
from cwmpagent.lab.acs.open_sessions import OpenSessions
from cwmpagent.lab.acs.resource import AcsResource
from cwmpagent.lab.acs.session_trace import Ring, SessionTrace
from cwmpagent.lab.acs.tasks import Answer, Task, Tasks
from cwmpagent.lab.network.bounded_site import BoundedSite
from cwmpagent.lab.network.nat import Nat
from cwmpagent.lab.network.stun_server import SeenBinding, StunServer
from cwmpagent.protocol.auth import Credentials
from cwmpagent.protocol.rpc import AcsRequest, GetParameterValues, Kicked, KickedResponse, rpc_name
from cwmpagent.protocol.soap import Envelope, encode

ADDRESS_WITHIN = 10.0
"""Seconds within which a device must answer the request that reads its UDPConnectionRequestAddress."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LabLimits:
    """Bounds of the lab's memory.

    ``body``: bytes of one request body. ``sessions``: sessions kept. ``open_sessions``: sessions open. ``devices``:
    devices kept. ``learnt``: bytes that the devices reported. ``traced``: bytes of the sessions kept.
    """

    body: int = 16 * 1024 * 1024
    sessions: int = 1000
    open_sessions: int = 10_000
    devices: int = 10_000
    learnt: int = 256 * 1024 * 1024
    traced: int = 128 * 1024 * 1024


class LabAcs:
    """A scriptable ACS. ``devices``, ``sessions``, ``observers`` (called with each session that ended) and ``next_url``
    (returns the NextURL for a Kicked) are public.

    ``reactor``: for timers (a Clock is enough) and the connections of :meth:`connection_request`. ``auth``: the
    authentication of CPEs: Digest with ``algorithms`` and ``qop`` in the order offered, Basic, or none. ``version``:
    the CWMP version in UseCWMPVersion; empty: no such header. ``session_timeout``: seconds of silence that break a
    session, unless the CPE's SessionTimeout is longer. ``connection_request``: credentials for devices where the ACS
    has set none. ``stun``: the server whose port sends UDP connection requests and which reports changed bindings.
    ``xmpp``: the account that sends XMPP connection requests. ``nat``: the NAT in front of the STUN server, shown by
    the console. ``token``: returns unpredictable text. ``wall``: the time of day in seconds. ``monotonic``: the time
    for durations in seconds, by default the reactor's.
    """

    _log = Logger()

    def __init__(
        self,
        reactor: IReactorTime,
        *,
        auth: Auth = "none",
        username: str = "cpe",
        password: str = "",
        algorithms: Sequence[str] = ("MD5",),
        qop: Sequence[str] = ("auth", "auth-int"),
        version: str = "1.4",
        session_timeout: float = 30.0,
        connection_request: Credentials | None = None,
        stun: StunServer | None = None,
        xmpp: XmppAcs | None = None,
        nat: Nat | None = None,
        limits: LabLimits | None = None,
        token: Callable[[], str] = lambda: secrets.token_hex(16),
        wall: Callable[[], float] = time.time,
        monotonic: Callable[[], float] | None = None,
    ) -> None:
        limits = limits or LabLimits()
        self.tasks = Tasks()
        self.devices = Devices(limits.devices, limits.learnt, self.tasks.forget)
        self.sessions = Ring(limits.sessions, limits.traced)
        self.misbehaviours = Misbehaviours()
        self.observers: list[Callable[[SessionTrace], None]] = []
        self.wall = wall
        self.next_url: Callable[[Kicked], str] = lambda kicked: ""
        self._reactor = reactor
        self._token = token
        self._connection_request = connection_request
        self.stun = stun
        self.xmpp = xmpp
        self.nat = nat
        self._udp = UdpRequester(stun, wall=wall, token=token) if stun is not None else None
        if stun is not None:
            stun.changed = self._binding_changed
        self._waiting: list[_Waiting] = []
        self._open = OpenSessions(
            reactor=reactor,
            guard=Guard(
                auth, Credentials(username, password), realm="cwmplab", nonce=token, algorithms=algorithms, qop=qop
            ),
            tasks=self.tasks,
            devices=self.devices,
            ring=self.sessions,
            misbehaviours=self.misbehaviours,
            token=token,
            wall=wall,
            monotonic=monotonic or reactor.seconds,
            ended=self._ended,
            version=version,
            timeout=session_timeout,
            limit=limits.open_sessions,
            max_body=limits.body,
            next_url=lambda kicked: self.next_url(kicked),
        )

    def queue(self, device: str, request: AcsRequest) -> Deferred[Answer]:
        """Queue a request for the next session of ``device`` (an id, which need not be known yet).

        The Deferred fires with the response, a fault, or ``Unanswered``. It fails only when cancelled, which withdraws
        a request that was not sent yet. Raises MisuseError for a request that cannot be encoded.
        """
        return self.task(device, request).done

    def task(self, device: str, request: AcsRequest) -> Task:
        """Queue a request as :meth:`queue` does; return the task."""
        try:
            encode(Envelope(body=request))
        except (ValueError, MisuseError) as error:
            raise MisuseError(f"{rpc_name(request)}: {error}") from error
        return self.tasks.queue(device, request, self.wall())

    def misbehave(self, *misbehaviours: Misbehaviour) -> None:
        """Queue misbehaviours, each for the message that it names; they apply in this order."""
        self.misbehaviours.add(misbehaviours)

    def send_browsers_to(self, url: str) -> None:
        """Answer every Kicked with ``url``, wrong ones too; empty: none. Raises MisuseError where no envelope can."""
        try:
            encode(Envelope(body=KickedResponse(url)))
        except (ValueError, MisuseError) as error:
            raise MisuseError(f"KickedResponse: {error}") from error
        self.next_url = lambda kicked: url

    def wait_for_session(
        self,
        device: str | None = None,
        *,
        event: str | None = None,
        ended: Literal["complete", "broken"] | None = None,
        since: int | None = None,
    ) -> Deferred[SessionTrace]:
        """Wait for the end of a session of ``device`` with the EventCode ``event``; the Deferred can be cancelled.

        ``ended``: the required end. ``since``: also accept an ended session whose number is above this one.
        """
        waiting = _Waiting(device, event, ended, Deferred(lambda _: self._waiting.remove(waiting)))
        known = () if since is None else (trace for trace in self.sessions if trace.number > since)
        match = next((trace for trace in known if waiting.fits(trace)), None)
        if match is None:
            self._waiting.append(waiting)
        else:
            waiting.done.callback(match)
        return waiting.done

    async def connection_request(self, device: str) -> int:
        """Send an HTTP connection request with Digest to ``device``; return the HTTP status.

        Raises KeyError for an unknown device and UnreachableError if there is no answer.
        """
        return await ask(self._reactor, self.devices[device], self._connection_request, self._token)

    async def connection_request_by_udp(self, device: str) -> SentByUdp:
        """Send a UDP connection request from the STUN server's port (TR-069 Annex G.2.2.3); there is no answer.

        Where the device has never reported its address, it is read first, in a session that an HTTP connection request
        opens. Raises KeyError for an unknown device and UnreachableError if the request cannot be sent.
        """
        target = self.devices[device]
        if self._udp is None:
            raise UnreachableError("a UDP connection request needs the lab's STUN server: start the lab with --stun")
        credentials = credentials_of(target, self._connection_request)
        if not self._udp.knows_address(target):
            await self._read_address(target)
        sent = self._udp.ask(target, credentials)
        lost = self.nat.refusal(sent.to, self.stun.address) if self.nat is not None and self.stun is not None else ""
        if lost:
            lost = f"the request went nowhere: {lost}"
            self._log.warn("connection request by UDP to {device}: {lost}", device=target.id, lost=lost)
        return replace(sent, lost=lost)

    async def _read_address(self, device: LabDevice) -> None:
        """Read the address of ``device`` in a session that an HTTP connection request opens.

        Raises UnreachableError where that is not possible; then the task waits for the next session.
        """
        reading = GetParameterValues((device.root + "ManagementServer.",))
        waiting = [task for task in self.tasks.of(device.id) if task.state == "queued" and task.request == reading]
        task = waiting[0] if waiting else self.task(device.id, reading)
        answered: Deferred[None] = Deferred()

        def fire(result: Answer | None) -> Answer | None:
            if not answered.called:
                answered.callback(None)
            return result

        task.done.addBoth(fire)
        timer = self._reactor.callLater(ADDRESS_WITHIN, fire, None)
        try:
            await self.connection_request(device.id)
            await answered
        except UnreachableError as error:
            raise UnreachableError(
                f"{device.id} has reported no UDPConnectionRequestAddress yet; a task that reads it waits for the "
                f"next session: try again after it ({error})"
            ) from error
        finally:
            if timer.active():
                timer.cancel()

    async def connection_request_by_xmpp(self, device: str) -> str:
        """Send an XMPP connection request (TR-069 Annex K); return ``accepted``, or the name of the stanza error.

        Raises KeyError for an unknown device and UnreachableError if there is no answer.
        """
        target = self.devices[device]
        if self.xmpp is None:
            raise UnreachableError("the lab has no XMPP account: start it with --xmpp-jid")
        return await self.xmpp.ask(target, credentials_of(target, self._connection_request))

    def resource(self) -> IResource:
        """A twisted.web resource that serves the ACS at its path and every path below."""
        return AcsResource(self._open)

    def site(self) -> Site:
        """The protocol factory for a listening port."""
        return BoundedSite(self.resource(), max_body=self._open.max_body, reactor=self._reactor)

    def close(self) -> None:
        """Break every open session, finish every task as unanswered, stop every timer."""
        self._open.close("the lab was closed")
        self.tasks.close("the lab was closed")

    def _binding_changed(self, binding: SeenBinding) -> None:
        """Store a changed binding with the one device whose STUNUsername it has."""
        owners = [
            device
            for device in self.devices.values()
            if device.find("ManagementServer.STUNUsername") == binding.username
        ]
        if binding.username and len(owners) == 1:
            owners[0].binding = binding

    def _ended(self, trace: SessionTrace) -> None:
        for line in trace.summary():
            self._log.info("{line}", line=line)
        for observer in list(self.observers):
            observer(trace)
        for entry in [entry for entry in self._waiting if entry.fits(trace)]:
            self._waiting.remove(entry)
            entry.done.callback(trace)


@dataclass(frozen=True, slots=True, eq=False)
class _Waiting:
    """One caller of :meth:`LabAcs.wait_for_session` and the session that it waits for."""

    device: str | None
    event: str | None
    ended: str | None
    done: Deferred[SessionTrace]

    def fits(self, trace: SessionTrace) -> bool:
        """Whether ``trace`` meets the conditions."""
        return (
            (self.device is None or trace.device_id == self.device)
            and (self.event is None or self.event in trace.event_codes)
            and (trace.ended == self.ended if self.ended else bool(trace.ended))
        )
