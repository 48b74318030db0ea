"""One CWMP session, from the device's side (TR-069 3.7.1, 3.7.2): HTTP answers in, actions out.

Every step is a row of :data:`~cwmpagent.protocol.session.transitions.TRANSITIONS`; the code here finds out which
:class:`~cwmpagent.protocol.session.transitions.Input` an answer of the ACS is, and does what the row says.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator

from cwmpagent.errors import MisuseError, SequenceError
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
from cwmpagent.protocol.session.actions import Action, Call, Delivered, Finished, Post, Reply
from cwmpagent.protocol.session.replies import Awaited, ReplyKind, answers, find
from cwmpagent.protocol.session.transitions import AWAITING_ACS, TRANSITIONS, Do, Input, State
from cwmpagent.protocol.session.version import Negotiation
from cwmpagent.protocol.soap import Envelope, EnvelopeLimits, encode

__all__ = ["Action", "Call", "Delivered", "Finished", "Post", "Reply", "Session", "State"]

MOST_REPEATS = 10
"""How often one request is posted again because the ACS answers it with fault 8005."""
MOST_HOLDS = 100
"""How many times in a row the ACS may answer with HoldRequests and nothing else."""


class Session:
    """A session that begins with ``inform``.

    Each request of ours takes the next of ``envelope_ids``. ``version`` is the highest that is spoken;
    ``session_timeout`` the seconds that the ACS is asked to wait for us. ``requests`` are :meth:`offer`-ed first.
    """

    def __init__(
        self,
        inform: Inform,
        *,
        envelope_ids: Iterator[str],
        version: str = "1.4",
        session_timeout: int | None = 60,
        requests: Iterable[CpeRequest] = (),
        limits: EnvelopeLimits | None = None,
    ) -> None:
        self._ids = envelope_ids
        self._negotiation = Negotiation(version)
        self._session_timeout = session_timeout
        self._limits = limits or EnvelopeLimits()
        self._inform = inform
        self._queue: deque[CpeRequest] = deque()
        self._state = State.NEW
        self._held = False
        self._informed = False
        self._out: Awaited | None = None
        self._called: Envelope | None = None
        self._posted = Post(b"", None)
        self._repeats = 0
        self._holds = 0
        self._finished: Finished | None = None
        for request in requests:
            self.offer(request)

    @property
    def state(self) -> State:
        """Where the session stands."""
        return self._state

    @property
    def informed(self) -> bool:
        """Whether the Inform was answered, so that its events are delivered even if the session fails later."""
        return self._informed

    @property
    def version(self) -> str:
        """The CWMP version spoken: ours, until the answer to the Inform settles it."""
        return self._negotiation.version

    def offer(self, request: CpeRequest) -> bool:
        """Queue a request for our next turn. False: there is none left, it must wait for the next session."""
        if isinstance(request, Inform):
            raise MisuseError("a session has one Inform")
        if self._state in (State.CLOSING, State.CALLED_CLOSING, State.FINISHED):
            return False
        self._queue.append(request)
        return True

    def begin(self) -> Post:
        """The first POST. Raises MisuseError for an Inform that cannot be written, and when called twice."""
        self._expect(State.NEW)
        post = self._request(self._inform)
        self._state = TRANSITIONS[State.NEW, Input.BEGIN][1]
        return post

    def receive(self, reply: Reply) -> tuple[Action, ...]:
        """What the ACS's answer to the last :class:`Post` leads to, to be carried out in order."""
        self._expect(*AWAITING_ACS)
        found = self._bounded(find(reply, self._posted, self._out, self._limits))
        self._held = found.holds
        return tuple(self._step(found))

    def answer(self, message: Response | Fault) -> Post:
        """The outcome of the last :class:`Call`. One that XML cannot carry is sent as fault 9002 in its place."""
        self._expect(State.CALLED, State.CALLED_CLOSING)
        assert self._called is not None and isinstance(self._called.body, Request)
        if not isinstance(message, Fault) and not answers(self._called.body, message):
            raise MisuseError(f"{rpc_name(message)} is no answer to {rpc_name(self._called.body)}")
        post = self._answer(self._called, message)
        self._state = TRANSITIONS[self._state, Input.ANSWER][1]
        return post

    def broken(self, reason: str) -> Finished:
        """The session cannot go on: no HTTP answer, or the agent stops. Of a session that is over, how it ended."""
        if self._finished is None:
            self._state = State.FINISHED
            self._finished = Finished(False, reason, self._informed)
        return self._finished

    def _bounded(self, found: ReplyKind) -> ReplyKind:
        """What may not go on for ever becomes a failure."""
        self._repeats = self._repeats + 1 if found.input is Input.REPEAT else 0
        self._holds = self._holds + 1 if found.input is Input.HOLDING else 0
        if self._repeats <= MOST_REPEATS and self._holds <= MOST_HOLDS:
            return found
        return ReplyKind(
            Input.FAILURE, f"{found.words}, more than {max(self._repeats, self._holds) - 1} times in a row"
        )

    def _step(self, found: ReplyKind) -> Iterator[Action]:
        """Follow the table until the ACS or the driver is to move."""
        do, self._state = TRANSITIONS[self._state, found.input]
        match do:
            case Do.REPEAT:
                yield self._posted
            case Do.DELIVER:
                yield self._deliver(found)
            case Do.REQUEST:
                request = self._queue.popleft()
                try:
                    yield self._request(request)
                except MisuseError as error:
                    yield self.broken(f"{rpc_name(request)} cannot be sent: {error}")
            case Do.EMPTY:
                yield self._post(Post(b"", None))
            case Do.CALL:
                yield self._call(found)
            case Do.REFUSE:
                yield self._refuse(found)
            case Do.SUCCEED:
                self._finished = Finished(True, "", self._informed)
                yield self._finished
            case Do.FAIL:
                yield self.broken(found.words)
        if self._state is State.TURN:
            turn = Input.HELD if self._held else Input.QUEUED if self._queue else Input.IDLE
            yield from self._step(ReplyKind(turn, turn))

    def _deliver(self, found: ReplyKind) -> Action:
        assert self._out is not None and found.envelope is not None
        (request, _), self._out = self._out, None
        if request is self._inform:
            try:
                self._negotiation.informed(found.envelope)
            except SequenceError as error:
                return self.broken(str(error))
            self._informed = True
        assert isinstance(found.envelope.body, Response | Fault)
        return Delivered(request, found.envelope.body)

    def _call(self, found: ReplyKind) -> Call:
        self._called = found.envelope
        assert found.envelope is not None and isinstance(found.envelope.body, Request)
        return Call(found.envelope.body, found.envelope.id)

    def _refuse(self, found: ReplyKind) -> Post:
        assert found.envelope is not None
        if found.envelope.not_understood:
            names = ", ".join(found.envelope.not_understood)[:200]
            return self._answer(found.envelope, SoapFault("MustUnderstand", f"header not understood: {names}"))
        assert isinstance(found.envelope.body, BadRequest)
        return self._answer(found.envelope, Fault(found.envelope.body.code, found.envelope.body.text))

    def _request(self, request: CpeRequest) -> Post:
        """Post a request of ours."""
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
        self._out = request, envelope_id
        return self._post(Post(body, request))

    def _answer(self, asked: Envelope, message: Message) -> Post:
        """Post the answer to a request of the ACS."""
        namespace = self._negotiation.namespace_of_answer(asked)
        try:
            body = encode(Envelope(body=message, id=asked.id, namespace=namespace))
        except MisuseError as error:
            message = Fault(9002, f"the answer cannot be written: {error}")
            body = encode(Envelope(body=message, id=asked.id, namespace=namespace))
        assert asked.body is not None
        return self._post(Post(body, message, rpc_name(asked.body)))

    def _post(self, post: Post) -> Post:
        self._posted = post
        return post

    def _expect(self, *states: State) -> None:
        if self._state not in states:
            raise MisuseError(f"not now: {self._state}")
