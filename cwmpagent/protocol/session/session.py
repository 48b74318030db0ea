"""The CPE side of one CWMP session (TR-069 3.7.1, 3.7.2): HTTP answers in, actions out.

Every step is a row of :data:`~cwmpagent.protocol.session.transitions.TRANSITIONS`. This module classifies an answer of
the ACS as an :class:`~cwmpagent.protocol.session.transitions.Input` and carries out the action of the row.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from cwmpagent.errors import MisuseError, SequenceError
from cwmpagent.gradual import Gradual, at_once
from cwmpagent.protocol.rpc import (
    BadRequest,
    CpeRequest,
    Fault,
    Inform,
    Message,
    Request,
    Response,
    SoapFault,
    rpc_name,
)
from cwmpagent.protocol.session.actions import Action, Call, Delivered, Deviation, Finished, Post, Reply
from cwmpagent.protocol.session.replies import Awaited, DeviationKind, ReplyKind, answers, classify
from cwmpagent.protocol.session.transitions import AWAITING_ACS, TRANSITIONS, Do, Input, State
from cwmpagent.protocol.session.version import Negotiation
from cwmpagent.protocol.soap import Envelope, EnvelopeLimits, encode, encode_gradually

__all__ = ["Session"]

MOST_REPEATS = 10
"""Maximum number of repetitions of one request that the ACS answers with fault 8005."""
MOST_HOLDS = 100
"""Maximum number of consecutive answers with HoldRequests and without a request."""


class Session:
    """A session that begins with ``inform``.

    ``envelope_ids``: IDs of the CPE requests, one each. ``version``: the highest supported CWMP version.
    ``session_timeout``: SessionTimeout of the Inform in seconds; None sends none. ``lenient``: a ParameterKey or
    CommandKey that an ACS request leaves out is taken as empty; otherwise the request is answered with fault 9003.
    """

    def __init__(
        self,
        inform: Inform,
        *,
        envelope_ids: Iterator[str],
        version: str = "1.4",
        session_timeout: int | None = 60,
        limits: EnvelopeLimits | None = None,
        lenient: bool = True,
    ) -> None:
        self._ids = envelope_ids
        self._negotiation = Negotiation(version)
        self._session_timeout = session_timeout
        self._limits = limits or EnvelopeLimits()
        self._lenient = lenient
        self._deviations: set[DeviationKind] = set()
        self._inform = inform
        self._queue: deque[CpeRequest] = deque()
        self._state = State.NEW
        self._held = False
        self._informed = False
        self._awaited: Awaited | None = None
        self._call_envelope: Envelope | None = None
        self._posted = Post(b"", None)
        self._repeats = 0
        self._holds = 0
        self._finished: Finished | None = None

    @property
    def state(self) -> State:
        """The state of the session."""
        return self._state

    @property
    def informed(self) -> bool:
        """Whether the Inform was answered, so that its events are delivered even if the session fails later."""
        return self._informed

    @property
    def version(self) -> str:
        """The CWMP version: that of the CPE until the InformResponse decides it."""
        return self._negotiation.version

    def offer(self, request: CpeRequest) -> bool:
        """Queue a CPE request. False: this session sends no more requests, it must wait for the next one."""
        if isinstance(request, Inform):
            raise MisuseError("a session sends exactly one Inform")
        if self._state in (State.CLOSING, State.CALLED_CLOSING, State.FINISHED):
            return False
        self._queue.append(request)
        return True

    def begin(self) -> Post:
        """Return the first POST. Raises MisuseError for an Inform that cannot be encoded, and at a second call."""
        self._expect(State.NEW)
        post = self._request(self._inform)
        self._state = TRANSITIONS[State.NEW, Input.BEGIN][1]
        return post

    def receive(self, reply: Reply) -> tuple[Action, ...]:
        """Process the answer of the ACS to the last :class:`Post`; return the actions to carry out in order."""
        return at_once(self.receive_gradually(reply))

    def receive_gradually(self, reply: Reply) -> Gradual[tuple[Action, ...]]:
        """The same as :meth:`receive`, in small pieces."""
        self._expect(*AWAITING_ACS)
        classified = classify(reply, self._posted, self._awaited, self._limits, lenient=self._lenient)
        kind = self._bounded((yield from classified))
        self._held = kind.holds
        return (*self._new_deviation(kind), *self._step(kind))

    def answer(self, message: Response | Fault) -> Post:
        """Return the POST with the result of the last :class:`Call`. Fault 9002 replaces one that XML cannot carry."""
        return at_once(self.answer_gradually(message))

    def answer_gradually(self, message: Response | Fault) -> Gradual[Post]:
        """The same as :meth:`answer`, in small pieces."""
        self._expect(State.CALLED, State.CALLED_CLOSING)
        assert self._call_envelope is not None and isinstance(self._call_envelope.body, Request)
        if not isinstance(message, Fault) and not answers(self._call_envelope.body, message):
            raise MisuseError(f"{rpc_name(message)} is not a response to {rpc_name(self._call_envelope.body)}")
        post = yield from self._answer(self._call_envelope, message)
        self._state = TRANSITIONS[self._state, Input.ANSWER][1]
        return post

    def broken(self, reason: str) -> Finished:
        """End the session as failed: no HTTP answer, or the agent stops. An ended session keeps its result."""
        if self._finished is None:
            self._state = State.FINISHED
            self._finished = Finished(False, reason, self._informed)
        return self._finished

    def _bounded(self, kind: ReplyKind) -> ReplyKind:
        """Turn too many repetitions or holds in a row into a failure."""
        self._repeats = self._repeats + 1 if kind.input is Input.REPEAT else 0
        self._holds = self._holds + 1 if kind.input is Input.HOLDING else 0
        if self._repeats <= MOST_REPEATS and self._holds <= MOST_HOLDS:
            return kind
        return ReplyKind(Input.FAILURE, f"{kind.words}, more than {max(self._repeats, self._holds) - 1} times in a row")

    def _new_deviation(self, kind: ReplyKind) -> Iterator[Deviation]:
        """The deviation of an answer that is not refused, if it is the first of its kind in the session."""
        refused = TRANSITIONS[self._state, kind.input][0] is Do.FAIL
        if kind.deviation is not None and not refused and kind.deviation[0] not in self._deviations:
            self._deviations.add(kind.deviation[0])
            yield Deviation(kind.deviation[1])

    def _step(self, kind: ReplyKind) -> Iterator[Action]:
        """Follow the table until an input of the ACS or the driver is required."""
        do, self._state = TRANSITIONS[self._state, kind.input]
        match do:
            case Do.REPEAT:
                yield self._posted
            case Do.DELIVER:
                yield self._deliver(kind)
            case Do.REQUEST:
                request = self._queue.popleft()
                try:
                    yield self._request(request)
                except MisuseError as error:
                    yield self.broken(f"{rpc_name(request)} cannot be sent: {error}")
            case Do.EMPTY:
                yield self._post(Post(b"", None))
            case Do.CALL:
                yield self._call(kind)
            case Do.REFUSE:
                yield self._refuse(kind)
            case Do.SUCCEED:
                self._finished = Finished(True, "", self._informed)
                yield self._finished
            case Do.FAIL:
                yield self.broken(kind.words)
        if self._state is State.TURN:
            turn = Input.HELD if self._held else Input.QUEUED if self._queue else Input.IDLE
            yield from self._step(ReplyKind(turn, turn))

    def _deliver(self, kind: ReplyKind) -> Action:
        assert self._awaited is not None and kind.envelope is not None
        (request, _), self._awaited = self._awaited, None
        if request is self._inform:
            try:
                self._negotiation.informed(kind.envelope)
            except SequenceError as error:
                return self.broken(str(error))
            self._informed = True
        assert isinstance(kind.envelope.body, Response | Fault)
        return Delivered(request, kind.envelope.body)

    def _call(self, kind: ReplyKind) -> Call:
        self._call_envelope = kind.envelope
        assert kind.envelope is not None and isinstance(kind.envelope.body, Request)
        return Call(kind.envelope.body, kind.envelope.id)

    def _refuse(self, kind: ReplyKind) -> Post:
        assert kind.envelope is not None
        if kind.envelope.not_understood:
            names = ", ".join(kind.envelope.not_understood)[:200]
            return at_once(self._answer(kind.envelope, SoapFault("MustUnderstand", f"header not understood: {names}")))
        assert isinstance(kind.envelope.body, BadRequest)
        return at_once(self._answer(kind.envelope, Fault(kind.envelope.body.code, kind.envelope.body.text)))

    def _request(self, request: CpeRequest) -> Post:
        """Return the POST with a CPE request."""
        envelope_id = next(self._ids)
        first = request is self._inform
        body = encode(
            Envelope(
                body=request,
                id=envelope_id,
                session_timeout=self._session_timeout if first and self._negotiation.has_session_timeout else None,
                supported_versions=self._negotiation.offered if first else (),
                namespace=self._negotiation.namespace,
            )
        )
        self._awaited = request, envelope_id
        return self._post(Post(body, request))

    def _answer(self, call: Envelope, message: Message) -> Gradual[Post]:
        """Return the POST with the answer to an ACS request."""
        namespace = self._negotiation.namespace_of_answer(call)
        try:
            body = yield from encode_gradually(Envelope(body=message, id=call.id, namespace=namespace))
        except MisuseError as error:
            message = Fault(9002, f"the answer cannot be written: {error}")
            body = encode(Envelope(body=message, id=call.id, namespace=namespace))
        assert call.body is not None
        return self._post(Post(body, message, rpc_name(call.body)))

    def _post(self, post: Post) -> Post:
        self._posted = post
        return post

    def _expect(self, *states: State) -> None:
        if self._state not in states:
            raise MisuseError(f"this call is not allowed in the session state {self._state.value!r}")
