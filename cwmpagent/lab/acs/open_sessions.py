"""The sessions that are open: which one a POST belongs to, what it gets there, and how long the CPE may keep silent."""

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
from cwmpagent.lab.acs.session import AcsSession, AcsState, greeted
from cwmpagent.lab.acs.session_trace import BODY_KEPT, Ring, SessionTrace, TracedExchange
from cwmpagent.lab.acs.tasks import Tasks
from cwmpagent.protocol.auth import DigestVerdict
from cwmpagent.protocol.masking import quoted
from cwmpagent.protocol.rpc import Inform, rpc_name
from cwmpagent.protocol.soap import Envelope, decode

POSTS = 10_000
"""So many POSTs a session may have."""
OVERHEAD = 500
"""Bytes that the record of a POST takes besides its body, roughly."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Incoming:
    """One POST as it arrived, whole and inflated."""

    body: bytes
    cookies: tuple[str, ...] = ()
    charset: str | None = None
    content_type: str = ""
    soap_action: str | None = None
    peer: str = ""
    certificate: str = ""


@dataclass(slots=True, eq=False)
class OpenSession:
    """A session that is not over, with what HTTP adds to it; times are monotonic, in seconds.

    ``said`` is the POST whose answer may not have arrived, ``answer`` what the session said to it, ``left`` what went
    out. ``busy``: that is still on its way.
    """

    session: AcsSession
    trace: SessionTrace
    cookie: str
    started: float
    timeout: float
    posts: int = 0
    busy: bool = False
    said: bytes = b""
    answer: HttpAnswer | None = None
    left: HttpAnswer | None = None
    exchange: TracedExchange | None = None
    began: float = 0.0
    timer: IDelayedCall | None = None


class OpenSessions:
    """All of them, by cookie. ``ended`` is called with the trace of each that ends."""

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
        self._by_cookie: dict[str, OpenSession] = {}
        self._by_device: dict[str, OpenSession] = {}

    def check(self, header: bytes | None, *, method: str, uri: str, body: bytes) -> DigestVerdict:
        """Whether these credentials are good."""
        return self._guard.check(header, method=method, uri=uri, body=body, now=self._monotonic())

    def challenge(self, verdict: DigestVerdict) -> HttpAnswer:
        """The answer to a POST without good credentials."""
        moment = Moment(name=CHALLENGE)
        plain = HttpAnswer(status=401, challenge="stale" if verdict is DigestVerdict.STALE else "fresh")
        answer = self._misbehaviours.instead(moment)[0] or plain
        return self._challenged(self._misbehaviours.spoil(moment, answer)[0])

    def post(self, incoming: Incoming) -> tuple[OpenSession | None, HttpAnswer]:
        """One POST and its answer; tell :meth:`delivered` what became of it where there is a session."""
        one = next((self._by_cookie[cookie] for cookie in incoming.cookies if cookie in self._by_cookie), None)
        if one is not None and one.busy:
            return None, self._refuse(one, "a POST before the answer to the last one: one at a time")
        try:
            envelope = decode(incoming.body, charset=incoming.charset) if incoming.body else None
        except EnvelopeError as error:
            if one is not None:
                self._begin(one, incoming, None)
            return None, self._refuse(one, f"not an envelope: {error}")
        message = envelope.body if envelope is not None else None
        if one is None:
            if not isinstance(message, Inform):
                what = "an empty POST" if message is None else quoted(rpc_name(message) or "a fault")
                return None, self._refuse(
                    None, f"{what} without the cookie of an open session: one starts with an Inform"
                )
            if len(self._by_cookie) >= self._limit:
                return None, replace(refusal(503, "too many sessions are open"), headers=(("Retry-After", "60"),))
            one = self._start(incoming, device_id(message.device_id))
        self._begin(one, incoming, envelope)
        if envelope is not None and isinstance(message, Inform) and one.session.state is AcsState.INFORM:
            greeted(one.trace, message)
            one.timeout = max(float(envelope.session_timeout or 0), self._timeout)
            self._supersede(one)
        if one.posts >= POSTS or not self._ring.grown(one.trace, len(incoming.body) + OVERHEAD):
            return None, self._refuse(one, "the session is longer than the lab allows")
        return one, self._answer(one, incoming, envelope)

    def delivered(self, one: OpenSession, whole: bool) -> None:
        """The answer to the last POST of ``one`` was handed to its connection, or (``whole`` false) was not."""
        one.busy = False
        if one.exchange is not None:
            one.exchange.seconds = self._monotonic() - one.began
        if one.cookie not in self._by_cookie:
            return
        if whole and one.left is not None:
            one.answer = None
        if whole and one.left is not None and one.session.state is AcsState.OVER and _ends(one.left):
            self._end(one, "complete", "")
        else:
            self._wait(one)

    def close(self, reason: str) -> None:
        """Break all of them."""
        for one in list(self._by_cookie.values()):
            self._end(one, "broken", reason)

    def _answer(self, one: OpenSession, incoming: Incoming, envelope: Envelope | None) -> HttpAnswer:
        repeated = one.answer is not None and one.said == incoming.body
        name = rpc_name(envelope.body) if envelope is not None and envelope.body is not None else ""
        number = one.posts if repeated else one.posts + 1
        moment = Moment(device_id=one.trace.device_id, name=name, number=number, envelope=envelope)
        answer, kinds = self._misbehaviours.instead(moment)
        heard = answer is None
        if answer is None and repeated:
            # The same again: the answer to it did not arrive.
            answer, kinds = one.answer, ("repeated",)
        if answer is None:
            one.posts += 1
            one.trace.violations += _http_violations(incoming)
            answer = one.session.receive(envelope, self._monotonic())
            if answer.violation:
                return self._refuse(one, answer.violation)
        if heard:
            one.said, one.answer = incoming.body, answer
        if (device := self._devices.get(one.trace.device_id)) is not None:
            device.in_session = True
        answer, spoilt = self._misbehaviours.spoil(moment, answer)
        answer = self._challenged(answer)
        if one.cookie not in incoming.cookies:
            cookie = ("Set-Cookie", f"session={one.cookie}; Path=/; HttpOnly")
            answer = replace(answer, headers=(*answer.headers, cookie))
        if heard:
            one.session.leaving(answer)
        one.left = answer if heard else None
        self._note(one, answer, kinds + spoilt)
        return answer

    def _begin(self, one: OpenSession, incoming: Incoming, envelope: Envelope | None) -> None:
        one.busy = True
        one.began = self._monotonic()
        _stop(one)
        number = len(one.trace.exchanges) + 1
        one.exchange = TracedExchange(number=number, at=self._wall(), received=envelope, body=incoming.body[:BODY_KEPT])
        one.trace.exchanges.append(one.exchange)

    def _note(self, one: OpenSession, answer: HttpAnswer, spoilt: tuple[str, ...]) -> None:
        if one.exchange is not None:
            one.exchange.status, one.exchange.sent, one.exchange.spoilt = answer.status, answer.envelope, spoilt

    def _start(self, incoming: Incoming, device: str) -> OpenSession:
        trace = SessionTrace(
            number=self._ring.seen + 1,
            device_id=device,
            started=self._wall(),
            peer=incoming.peer,
            certificate=incoming.certificate,
        )
        self._ring.add(trace)
        session = AcsSession(
            trace,
            take=self._tasks.next,
            informed=lambda inform: self._devices.informed(inform, self._wall()),
            answered=lambda device, request, answer: self._devices.answered(device, request, answer, self._wall()),
            version=self._version,
        )
        one = OpenSession(session, trace, self._token(), self._monotonic(), self._timeout)
        self._by_cookie[one.cookie] = one
        return one

    def _supersede(self, one: OpenSession) -> None:
        before = self._by_device.get(one.trace.device_id)
        if before is not None and before is not one:
            self._end(before, "broken", "the device opened another session")
        self._by_device[one.trace.device_id] = one

    def _wait(self, one: OpenSession) -> None:
        _stop(one)
        reason = f"nothing more came for {one.timeout:g} s"
        one.timer = self.reactor.callLater(one.timeout, self._end, one, "broken", reason)

    def _refuse(self, one: OpenSession | None, reason: str) -> HttpAnswer:
        answer = refusal(400, reason)
        if one is None:
            self._log.warn("A POST was refused: {reason}", reason=reason)
        else:
            one.trace.violations.append(reason)
            self._note(one, answer, ())
            self._end(one, "broken", reason)
        return answer

    def _challenged(self, answer: HttpAnswer) -> HttpAnswer:
        if not answer.challenge:
            return answer
        offered = self._guard.challenges(self._monotonic(), stale=answer.challenge == "stale")
        return replace(answer, headers=(*answer.headers, *(("WWW-Authenticate", each) for each in offered)))

    def _end(self, one: OpenSession, ended: Literal["complete", "broken"], reason: str) -> None:
        if self._by_cookie.pop(one.cookie, None) is None:
            return
        _stop(one)
        trace, now = one.trace, self._monotonic()
        if self._by_device.get(trace.device_id) is one:
            del self._by_device[trace.device_id]
            if (device := self._devices.get(trace.device_id)) is not None:
                device.in_session = False
        trace.ended, trace.reason, trace.duration = ended, reason, now - one.started
        one.session.broken(reason, now)
        self._ended(trace)


def _stop(one: OpenSession) -> None:
    if one.timer is not None and one.timer.active():
        one.timer.cancel()


def _ends(answer: HttpAnswer) -> bool:
    """Whether the CPE, too, takes this answer for the end of the session."""
    return answer.status in (200, 204) and not answer.payload() and not answer.padding


def _http_violations(incoming: Incoming) -> list[str]:
    """What is wrong in the headers (reference 1.5); the lab reads the message nevertheless."""
    if not incoming.body:
        headers = (("Content-Type", bool(incoming.content_type)), ("SOAPAction", incoming.soap_action is not None))
        return [f"{name} on an empty POST" for name, there in headers if there]
    found = []
    if not incoming.content_type:
        found.append("Content-Type is missing")
    elif incoming.content_type.partition(";")[0].strip().lower() != "text/xml":
        found.append(f"Content-Type is {quoted(incoming.content_type)}, not text/xml")
    if incoming.soap_action is None:
        found.append("SOAPAction is missing")
    elif incoming.soap_action.strip():
        found.append(f"SOAPAction is {quoted(incoming.soap_action)}, not empty")
    return found
