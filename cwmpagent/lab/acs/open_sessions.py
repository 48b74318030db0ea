"""The open sessions: they match each POST to a session, answer it, and end a session after a timeout."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from cwmpagent.errors import EnvelopeError
from cwmpagent.lab.acs.authentication import Guard
from cwmpagent.lab.acs.devices import Devices, device_id
from cwmpagent.lab.acs.http_answer import HttpAnswer, refusal
from cwmpagent.lab.acs.misbehaviour import CHALLENGE, Misbehaviours, Moment
from cwmpagent.lab.acs.session import AcsSession, AcsState, record_inform
from cwmpagent.lab.acs.session_trace import BODY_KEPT, REPEATED, Ring, SessionTrace, TracedExchange
from cwmpagent.lab.acs.tasks import Tasks
from cwmpagent.protocol.auth import DigestVerdict
from cwmpagent.protocol.masking import quoted
from cwmpagent.protocol.rpc import Inform, Kicked, rpc_name
from cwmpagent.protocol.soap import Envelope, decode

POSTS = 10_000
"""The largest number of POSTs of a session."""
OVERHEAD = 500
"""The approximate size of a POST's record besides its body, in bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Incoming:
    """One complete POST, with its body inflated."""

    body: bytes
    cookies: tuple[str, ...] = ()
    charset: str | None = None
    content_type: str = ""
    soap_action: str | None = None
    peer: str = ""
    certificate: str = ""


@dataclass(slots=True, eq=False)
class OpenSession:
    """A session that is not over, with its HTTP state; times are monotonic, in seconds.

    ``posted``: the body whose answer may not have arrived. ``answer``: the session's answer to it. ``sent``: the answer
    that was sent. ``busy``: whether an answer is still being written.
    """

    protocol: AcsSession
    trace: SessionTrace
    cookie: str
    started: float
    timeout: float
    posts: int = 0
    busy: bool = False
    posted: bytes = b""
    answer: HttpAnswer | None = None
    sent: HttpAnswer | None = None
    exchange: TracedExchange | None = None
    began: float = 0.0
    timer: IDelayedCall | None = None


class OpenSessions:
    """All open sessions, by cookie. ``ended`` is called with the trace of each session that ends."""

    _log = Logger()

    def __init__(
        self,
        *,
        reactor: IReactorTime,
        guard: Guard,
        tasks: Tasks,
        devices: Devices,
        ring: Ring,
        misbehaviours: Misbehaviours,
        token: Callable[[], str],
        wall: Callable[[], float],
        monotonic: Callable[[], float],
        ended: Callable[[SessionTrace], None],
        version: str,
        timeout: float,
        limit: int,
        max_body: int,
        next_url: Callable[[Kicked], str],
    ) -> None:
        self.reactor = reactor
        self.max_body = max_body
        self._guard = guard
        self._tasks = tasks
        self._devices = devices
        self._ring = ring
        self._misbehaviours = misbehaviours
        self._token = token
        self._wall = wall
        self._monotonic = monotonic
        self._ended = ended
        self._version = version
        self._timeout = timeout
        self._limit = limit
        self._next_url = next_url
        self._by_cookie: dict[str, OpenSession] = {}
        self._by_device: dict[str, OpenSession] = {}

    def check(self, header: bytes | None, *, method: str, uri: str, body: bytes) -> DigestVerdict:
        """Check the Authorization header of a request."""
        return self._guard.check(header, method=method, uri=uri, body=body, now=self._monotonic())

    def challenge(self, verdict: DigestVerdict) -> HttpAnswer:
        """The answer to a POST without valid credentials."""
        moment = Moment(name=CHALLENGE)
        plain = HttpAnswer(status=401, challenge="stale" if verdict is DigestVerdict.STALE else "fresh")
        answer = self._misbehaviours.instead(moment)[0] or plain
        return self._challenged(self._misbehaviours.spoil(moment, answer)[0])

    def post(self, incoming: Incoming) -> tuple[OpenSession | None, HttpAnswer]:
        """Handle one POST; return its session and answer. With a session, the caller calls :meth:`delivered` later."""
        session = next((self._by_cookie[cookie] for cookie in incoming.cookies if cookie in self._by_cookie), None)
        if session is not None and session.busy:
            return None, self._refuse(session, "a POST before the answer to the previous one")
        try:
            envelope = decode(incoming.body, charset=incoming.charset) if incoming.body else None
        except EnvelopeError as error:
            if session is not None:
                self._begin(session, incoming, None)
            return None, self._refuse(session, f"not an envelope: {error}")
        message = envelope.body if envelope is not None else None
        if session is None:
            if not isinstance(message, Inform):
                name = "an empty POST" if message is None else quoted(rpc_name(message) or "a fault")
                return None, self._refuse(
                    None, f"{name} without the cookie of an open session: a session starts with an Inform"
                )
            if len(self._by_cookie) >= self._limit:
                return None, replace(refusal(503, "too many sessions are open"), headers=(("Retry-After", "60"),))
            session = self._start(incoming, device_id(message.device_id))
        self._begin(session, incoming, envelope)
        if envelope is not None and isinstance(message, Inform) and session.protocol.state is AcsState.INFORM:
            record_inform(session.trace, message)
            session.timeout = max(float(envelope.session_timeout or 0), self._timeout)
            self._supersede(session)
        if session.posts >= POSTS or not self._ring.grown(session.trace, len(incoming.body) + OVERHEAD):
            return None, self._refuse(session, "the session exceeds the lab's limits of POSTs or bytes")
        return session, self._answer(session, incoming, envelope)

    def delivered(self, session: OpenSession, whole: bool) -> None:
        """Record that the answer to the last POST was passed to its connection, completely or (``whole`` false) not."""
        session.busy = False
        if session.exchange is not None:
            session.exchange.seconds = self._monotonic() - session.began
        if session.cookie not in self._by_cookie:
            return
        if whole and session.sent is not None:
            session.answer = None
        if whole and session.sent is not None and session.protocol.state is AcsState.OVER and _ends(session.sent):
            self._end(session, "complete", "")
        else:
            self._wait(session)

    def close(self, reason: str) -> None:
        """Break all sessions."""
        for session in list(self._by_cookie.values()):
            self._end(session, "broken", reason)

    def _answer(self, session: OpenSession, incoming: Incoming, envelope: Envelope | None) -> HttpAnswer:
        repeated = session.answer is not None and session.posted == incoming.body
        name = rpc_name(envelope.body) if envelope is not None and envelope.body is not None else ""
        number = session.posts if repeated else session.posts + 1
        moment = Moment(device_id=session.trace.device_id, name=name, number=number, envelope=envelope)
        answer, kinds = self._misbehaviours.instead(moment)
        processed = answer is None
        if answer is None and repeated:
            # The CPE repeats the POST because the answer did not arrive.
            answer, kinds = session.answer, (REPEATED,)
        if answer is None:
            session.posts += 1
            session.trace.violations += _http_violations(incoming)
            answer = session.protocol.receive(envelope, self._monotonic())
            if answer.violation:
                return self._refuse(session, answer.violation)
        if processed:
            session.posted, session.answer = incoming.body, answer
        if (device := self._devices.get(session.trace.device_id)) is not None:
            device.in_session = True
        answer, spoilt = self._misbehaviours.spoil(moment, answer)
        answer = self._challenged(answer)
        if session.cookie not in incoming.cookies:
            cookie = ("Set-Cookie", f"session={session.cookie}; Path=/; HttpOnly")
            answer = replace(answer, headers=(*answer.headers, cookie))
        if processed:
            session.protocol.leaving(answer)
        session.sent = answer if processed else None
        self._note(session, answer, kinds + spoilt)
        return answer

    def _begin(self, session: OpenSession, incoming: Incoming, envelope: Envelope | None) -> None:
        session.busy = True
        session.began = self._monotonic()
        _stop(session)
        number = len(session.trace.exchanges) + 1
        session.exchange = TracedExchange(
            number=number, at=self._wall(), received=envelope, body=incoming.body[:BODY_KEPT]
        )
        session.trace.exchanges.append(session.exchange)

    def _note(self, session: OpenSession, answer: HttpAnswer, spoilt: tuple[str, ...]) -> None:
        if (exchange := session.exchange) is not None:
            exchange.status, exchange.sent, exchange.spoilt = answer.status, answer.envelope, spoilt

    def _start(self, incoming: Incoming, device: str) -> OpenSession:
        trace = SessionTrace(
            number=self._ring.seen + 1,
            device_id=device,
            started=self._wall(),
            peer=incoming.peer,
            certificate=incoming.certificate,
        )
        self._ring.add(trace)
        protocol = AcsSession(
            trace,
            take=self._tasks.next,
            informed=lambda inform: self._devices.informed(inform, self._wall()),
            answered=lambda device, request, answer: self._devices.answered(device, request, answer, self._wall()),
            version=self._version,
            next_url=self._next_url,
        )
        session = OpenSession(protocol, trace, self._token(), self._monotonic(), self._timeout)
        self._by_cookie[session.cookie] = session
        return session

    def _supersede(self, session: OpenSession) -> None:
        previous = self._by_device.get(session.trace.device_id)
        if previous is not None and previous is not session:
            self._end(previous, "broken", "the device opened another session")
        self._by_device[session.trace.device_id] = session

    def _wait(self, session: OpenSession) -> None:
        _stop(session)
        reason = f"no POST within {session.timeout:g} s"
        session.timer = self.reactor.callLater(session.timeout, self._end, session, "broken", reason)

    def _refuse(self, session: OpenSession | None, reason: str) -> HttpAnswer:
        answer = refusal(400, reason)
        if session is None:
            self._log.warn("A POST was refused: {reason}", reason=reason)
        else:
            session.trace.violations.append(reason)
            self._note(session, answer, ())
            self._end(session, "broken", reason)
        return answer

    def _challenged(self, answer: HttpAnswer) -> HttpAnswer:
        if not answer.challenge:
            return answer
        offered = self._guard.challenges(self._monotonic(), stale=answer.challenge == "stale")
        return replace(answer, headers=(*answer.headers, *(("WWW-Authenticate", challenge) for challenge in offered)))

    def _end(self, session: OpenSession, ended: Literal["complete", "broken"], reason: str) -> None:
        if self._by_cookie.pop(session.cookie, None) is None:
            return
        _stop(session)
        trace, now = session.trace, self._monotonic()
        if self._by_device.get(trace.device_id) is session:
            del self._by_device[trace.device_id]
            if (device := self._devices.get(trace.device_id)) is not None:
                device.in_session = False
        trace.ended, trace.reason, trace.duration = ended, reason, now - session.started
        session.protocol.broken(reason, now)
        self._ended(trace)


def _stop(session: OpenSession) -> None:
    if session.timer is not None and session.timer.active():
        session.timer.cancel()


def _ends(answer: HttpAnswer) -> bool:
    """Whether this answer ends the session for the CPE, too."""
    return answer.status in (200, 204) and not answer.payload() and not answer.padding


def _http_violations(incoming: Incoming) -> list[str]:
    """The violations in the HTTP headers (TR-069 3.4.1); the lab processes the message nevertheless."""
    if not incoming.body:
        headers = (("Content-Type", bool(incoming.content_type)), ("SOAPAction", incoming.soap_action is not None))
        return [f"{name} on an empty POST" for name, present in headers if present]
    violations = []
    if not incoming.content_type:
        violations.append("Content-Type is missing")
    elif incoming.content_type.partition(";")[0].strip().lower() != "text/xml":
        violations.append(f"Content-Type is {quoted(incoming.content_type)}, not text/xml")
    if incoming.soap_action is None:
        violations.append("SOAPAction is missing")
    elif incoming.soap_action.strip():
        violations.append(f"SOAPAction is {quoted(incoming.soap_action)}, not empty")
    return violations
