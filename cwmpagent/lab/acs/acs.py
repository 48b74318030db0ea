"""The lab's ACS: give its :meth:`LabAcs.site` a port, queue tasks, look at what the devices said.

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
from dataclasses import dataclass
from typing import Literal

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.web.resource import IResource
from twisted.web.server import Site

from cwmpagent.errors import MisuseError
from cwmpagent.lab.acs.authentication import Auth, Guard
from cwmpagent.lab.acs.connection_request_http import UnreachableError, ask, no_credentials
from cwmpagent.lab.acs.connection_request_udp import SentByUdp, UdpRequester
from cwmpagent.lab.acs.connection_request_xmpp import XmppAcs
from cwmpagent.lab.acs.devices import Devices
from cwmpagent.lab.acs.misbehaviour import Misbehaviour, Misbehaviours
from cwmpagent.lab.acs.open_sessions import OpenSessions
from cwmpagent.lab.acs.resource import AcsResource
from cwmpagent.lab.acs.session_trace import Ring, SessionTrace
from cwmpagent.lab.acs.tasks import Answer, Task, Tasks
from cwmpagent.lab.network.bounded_site import BoundedSite
from cwmpagent.lab.network.nat import Nat
from cwmpagent.lab.network.stun_server import SeenBinding, StunServer
from cwmpagent.protocol.auth import Credentials
from cwmpagent.protocol.rpc import AcsRequest, rpc_name
from cwmpagent.protocol.soap import Envelope, encode


@dataclass(frozen=True, slots=True, kw_only=True)
class LabLimits:
    """What bounds the lab's memory: bytes of a body, sessions kept and open, devices, bytes learnt and traced."""

    body: int = 16 * 1024 * 1024
    sessions: int = 1000
    open_sessions: int = 10_000
    devices: int = 10_000
    learnt: int = 256 * 1024 * 1024
    traced: int = 128 * 1024 * 1024


class LabAcs:
    """A scriptable ACS. ``devices``, ``sessions`` and ``observers`` (called with each session that ended) are public.

    ``reactor`` gives the timers (a Clock will do) and, for :meth:`connection_request`, connections. ``auth`` is for
    the CPE's POSTs: Digest with ``algorithms`` and ``qop`` in the order offered, Basic, or none. ``version``: what
    UseCWMPVersion asks for; empty: no such header. ``session_timeout``: seconds of silence that break a session, unless
    the CPE asks for more. ``connection_request``: credentials to try where the ACS has set none itself. ``stun``: the
    server from whose port requests by UDP leave, and which tells of changed bindings. ``xmpp``: the account from
    which requests by XMPP leave. ``nat``: what stands before the STUN server, for the console to show. ``token`` makes
    unpredictable text, ``wall`` is the time of day, ``monotonic`` the time for durations (the reactor's).
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
        )

    def queue(self, device: str, request: AcsRequest) -> Deferred[Answer]:
        """Ask ``device`` (an id, known yet or not) in its next session, after what is queued already.

        Fires with the response, a fault, or ``Unanswered``; it never fails, except when it is
        cancelled, which withdraws what was not sent yet. Raises MisuseError for a request that no message can carry.
        """
        return self.task(device, request).done

    def task(self, device: str, request: AcsRequest) -> Task:
        """As :meth:`queue`, and gives the task itself."""
        try:
            encode(Envelope(body=request))
        except (ValueError, MisuseError) as error:
            raise MisuseError(f"{rpc_name(request)}: {error}") from error
        return self.tasks.queue(device, request, self.wall())

    def misbehave(self, *wanted: Misbehaviour) -> None:
        """Do these wrong, each at the message that it names; they apply in this order."""
        self.misbehaviours.add(wanted)

    def wait_for_session(
        self,
        device: str | None = None,
        *,
        event: str | None = None,
        ended: Literal["complete", "broken"] | None = None,
        since: int | None = None,
    ) -> Deferred[SessionTrace]:
        """The next session that ends, of this device, with this event code, ended this way; may be cancelled.

        ``since``: also one that has ended already, if its number is above this one.
        """
        waiting = _Waiting(device, event, ended, Deferred(lambda _: self._waiting.remove(waiting)))
        known = () if since is None else (trace for trace in self.sessions if trace.number > since)
        met = next((trace for trace in known if waiting.fits(trace)), None)
        if met is None:
            self._waiting.append(waiting)
        else:
            waiting.done.callback(met)
        return waiting.done

    async def connection_request(self, device: str) -> int:
        """Ask ``device`` to call, by HTTP with Digest, and give the HTTP status.

        Raises KeyError for an unknown device, and ``UnreachableError`` if there is no answer.
        """
        return await ask(self._reactor, self.devices[device], self._connection_request, self._token)

    async def connection_request_by_udp(self, device: str) -> SentByUdp:
        """Ask ``device`` to call, by UDP from the STUN server's own port (Annex G.2.2.3); nothing is ever answered.

        Raises KeyError for an unknown device, and UnreachableError where nothing can be sent.
        """
        known = self.devices[device]
        if self._udp is None:
            raise UnreachableError("the lab has no STUN server, from whose port a request by UDP must leave: --stun")
        credentials = known.connection_request_credentials(self._connection_request)
        if credentials is None:
            raise UnreachableError(no_credentials(known))
        return self._udp.ask(known, credentials)

    async def connection_request_by_xmpp(self, device: str) -> str:
        """Ask ``device`` to call, by XMPP (Annex K): ``accepted``, or the error's name.

        Raises KeyError for an unknown device, and UnreachableError where there is no answer.
        """
        known = self.devices[device]
        if self.xmpp is None:
            raise UnreachableError("the lab has no XMPP account: --xmpp-jid")
        credentials = known.connection_request_credentials(self._connection_request)
        if credentials is None:
            raise UnreachableError(no_credentials(known))
        return await self.xmpp.ask(known, credentials)

    def resource(self) -> IResource:
        """The ACS as a twisted.web resource, for every path at and below where it is put."""
        return AcsResource(self._open)

    def site(self) -> Site:
        """The ACS as a factory for a port."""
        return BoundedSite(self.resource(), max_body=self._open.max_body, reactor=self._reactor)

    def close(self) -> None:
        """Break every open session, finish every task unanswered, stop every timer."""
        self._open.close("the lab was closed")
        self.tasks.close("the lab was closed")

    def _binding_changed(self, binding: SeenBinding) -> None:
        """A device has told the STUN server of another binding: whose it is its STUNUsername says, if it has one."""
        named = [one for one in self.devices.values() if one.find("ManagementServer.STUNUsername") == binding.username]
        if binding.username and len(named) == 1:
            named[0].binding = binding

    def _ended(self, trace: SessionTrace) -> None:
        for line in trace.summary():
            self._log.info("{line}", line=line)
        for observer in list(self.observers):
            observer(trace)
        for waiting in [one for one in self._waiting if one.fits(trace)]:
            self._waiting.remove(waiting)
            waiting.done.callback(trace)


@dataclass(frozen=True, slots=True, eq=False)
class _Waiting:
    """Somebody who waits for a session to end."""

    device: str | None
    event: str | None
    ended: str | None
    done: Deferred[SessionTrace]

    def fits(self, trace: SessionTrace) -> bool:
        """Whether it is the session waited for."""
        return (
            (self.device is None or trace.device_id == self.device)
            and (self.event is None or self.event in trace.event_codes)
            and (trace.ended == self.ended if self.ended else bool(trace.ended))
        )
