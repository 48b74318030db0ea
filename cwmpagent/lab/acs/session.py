"""One CWMP session of the ACS (TR-069 3.7.2), without sockets and timers; the time is an argument.

::

    state     POST of the CPE     answer                                             next state
    INFORM    Inform              InformResponse                                     CPE_TURN
    CPE_TURN  a request           its response, or a fault 8xxx                      CPE_TURN
    CPE_TURN  empty               the next task's request                            ACS_TURN
                                  empty, if no task is left: the session is over     OVER
                                  empty, while requests are held: ends the hold      CPE_TURN
    ACS_TURN  response or fault   as for an empty POST                               as for an empty POST

Any other POST is a violation: the answer is HTTP 400 with one line of text, and the session is broken.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import Enum

from cwmpagent.faults import fault_text
from cwmpagent.lab.acs.devices import LabDevice, device_id
from cwmpagent.lab.acs.http_answer import HttpAnswer, refusal, with_envelope
from cwmpagent.lab.acs.misbehaviour import answering
from cwmpagent.lab.acs.session_trace import SessionTrace, TracedCall
from cwmpagent.lab.acs.tasks import Answer, Task, Unanswered
from cwmpagent.protocol.masking import quoted
from cwmpagent.protocol.rpc import (
    AutonomousDUStateChangeComplete,
    AutonomousDUStateChangeCompleteResponse,
    AutonomousTransferComplete,
    AutonomousTransferCompleteResponse,
    BadRequest,
    CpeRequest,
    DUStateChangeComplete,
    DUStateChangeCompleteResponse,
    Fault,
    GenericResponse,
    GetRPCMethods,
    GetRPCMethodsResponse,
    Inform,
    InformResponse,
    Kicked,
    KickedResponse,
    Message,
    Request,
    RequestDownload,
    RequestDownloadResponse,
    Response,
    SoapFault,
    TransferComplete,
    TransferCompleteResponse,
    response_class,
    rpc_name,
)
from cwmpagent.protocol.soap import Envelope

METHODS = (
    "Inform",
    "GetRPCMethods",
    "TransferComplete",
    "AutonomousTransferComplete",
    "RequestDownload",
    "Kicked",
    "DUStateChangeComplete",
    "AutonomousDUStateChangeComplete",
)
_ANSWERS: dict[type[Request], Response] = {
    GetRPCMethods: GetRPCMethodsResponse(METHODS),
    TransferComplete: TransferCompleteResponse(),
    AutonomousTransferComplete: AutonomousTransferCompleteResponse(),
    RequestDownload: RequestDownloadResponse(),
    DUStateChangeComplete: DUStateChangeCompleteResponse(),
    AutonomousDUStateChangeComplete: AutonomousDUStateChangeCompleteResponse(),
}


class AcsState(Enum):
    """The message that the session waits for."""

    INFORM = "waiting for the Inform"
    CPE_TURN = "waiting for a request or an empty POST"
    ACS_TURN = "waiting for the answer to a request"
    OVER = "over"


class AcsSession:
    """One session. ``take``: returns the device's next task.

    ``informed``: called with the Inform, returns its device. ``answered``: called with the device, a request and its
    answer. ``version``: the CWMP version for UseCWMPVersion if the CPE sends SupportedCWMPVersions; empty: never.
    ``next_url``: returns the NextURL that answers a Kicked.
    """

    def __init__(
        self,
        trace: SessionTrace,
        *,
        take: Callable[[str], Task | None],
        informed: Callable[[Inform], LabDevice],
        answered: Callable[[LabDevice, Request, Message], None],
        version: str = "1.4",
        next_url: Callable[[Kicked], str] = lambda kicked: "",
    ) -> None:
        self.trace = trace
        self.state = AcsState.INFORM
        self.device: LabDevice | None = None
        self._take = take
        self._informed = informed
        self._answered = answered
        self._version = version
        self._next_url = next_url
        self._namespace = ""
        self._held = False
        self._closed = False  # the CPE has sent an empty POST: it has no more requests
        self._task: Task | None = None
        self._asked = 0.0
        self._ids = 0

    def receive(self, envelope: Envelope | None, now: float) -> HttpAnswer:
        """Process one POST (None: an empty one); ``now`` is monotonic, in seconds."""
        body = envelope.body if envelope is not None else None
        if self.state is AcsState.OVER:
            return self._refuse("the session is over: a new one starts with an Inform and without this cookie")
        if envelope is None or body is None:
            return self._empty(now)
        if isinstance(body, Inform):
            return self._inform(envelope, body)
        if isinstance(body, CpeRequest | BadRequest):
            return self._request(envelope, body)
        if isinstance(body, Response | Fault | SoapFault):
            return self._answer(envelope, body, now)
        return self._refuse(f"{quoted(rpc_name(body))} is a request of an ACS")

    def leaving(self, answer: HttpAnswer) -> None:
        """Record the answer that is really sent; it may differ from that of :meth:`receive`."""
        self._held = answer.envelope is not None and answer.body is None and answer.envelope.hold_requests

    def broken(self, reason: str, now: float) -> None:
        """End the session; an outstanding request becomes unanswered."""
        self.state = AcsState.OVER
        if self._task is not None:
            self._done(Unanswered(self._task.request, reason), now)

    def _refuse(self, reason: str) -> HttpAnswer:
        return refusal(400, reason, violation=reason)

    def _empty(self, now: float) -> HttpAnswer:
        if self.state is AcsState.INFORM:
            return self._refuse("an empty POST before the Inform: a session starts with an Inform")
        if self.state is AcsState.ACS_TURN:
            name = quoted(rpc_name(self._task.request)) if self._task else "a request"
            return self._refuse(f"an empty POST in place of the answer to {name}")
        return self._next(now, closing=not self._held)

    def _inform(self, envelope: Envelope, inform: Inform) -> HttpAnswer:
        if self.state is not AcsState.INFORM:
            return self._refuse("a second Inform in one session")
        if not inform.device_id.oui or not inform.device_id.serial_number:
            return with_envelope(answering(envelope, Fault(8003, "OUI and SerialNumber must not be empty")))
        self.device = self._informed(inform)
        self._namespace = envelope.namespace
        self.state = AcsState.CPE_TURN
        return with_envelope(
            Envelope(
                body=InformResponse(),
                id=envelope.id,
                namespace=envelope.namespace,
                use_version=_chosen(self._version, envelope.supported_versions),
            )
        )

    def _request(self, envelope: Envelope, request: CpeRequest | BadRequest) -> HttpAnswer:
        name = quoted(rpc_name(request))
        if self.state is AcsState.INFORM:
            return self._refuse(f"{name} before the Inform: a session starts with an Inform")
        if self.state is AcsState.ACS_TURN:
            return self._refuse(f"{name} in place of the answer to a request of the ACS")
        if self._held:
            return self._refuse(f"{name} while HoldRequests is true")
        if envelope.not_understood:
            headers = ", ".join(quoted(header) for header in envelope.not_understood)
            return with_envelope(answering(envelope, SoapFault("MustUnderstand", f"header not understood: {headers}")))
        self.trace.requests.append(request)
        if isinstance(request, BadRequest):
            return with_envelope(answering(envelope, Fault(8003, request.text)))
        response = _ANSWERS.get(type(request))
        if isinstance(request, Kicked):
            response = KickedResponse(self._next_url(request))
        if response is None:
            return with_envelope(answering(envelope, Fault(8000, fault_text(8000))))
        return with_envelope(answering(envelope, response))

    def _answer(self, envelope: Envelope, answer: Response | Fault | SoapFault, now: float) -> HttpAnswer:
        if self.state is not AcsState.ACS_TURN or self._task is None:
            return self._refuse(f"{_named(answer)} without a request of the ACS")
        request = self._task.request
        if envelope.id != str(self._ids):
            return self._refuse(
                f"{_named(answer)} with ID {quoted(envelope.id or '')}: that of the request is {self._ids}"
            )
        if isinstance(answer, Response) and not _answers(request, answer):
            return self._refuse(f"{_named(answer)} in answer to {quoted(rpc_name(request))}")
        if isinstance(answer, Fault | SoapFault):
            self.trace.faults.append(answer)
        if self.device is not None:
            self._answered(self.device, request, answer)
        self._done(answer, now)
        return self._next(now, closing=self._closed)

    def _next(self, now: float, *, closing: bool) -> HttpAnswer:
        self._closed = closing
        self._task = self._take(self.trace.device_id)
        if self._task is None:
            # Without a task, an empty answer ends the session, or the hold of requests.
            self.state = AcsState.OVER if closing else AcsState.CPE_TURN
            return HttpAnswer(status=204)
        self.state = AcsState.ACS_TURN
        self._asked = now
        self._ids += 1
        return with_envelope(Envelope(body=self._task.request, id=str(self._ids), namespace=self._namespace))

    def _done(self, answer: Answer, now: float) -> None:
        task, self._task = self._task, None
        if task is not None:
            self.trace.calls.append(TracedCall(task.request, answer, now - self._asked))
            task.finish(answer)


def record_inform(trace: SessionTrace, inform: Inform) -> None:
    """Add a received Inform to the trace, also one that is then refused."""
    trace.device_id = device_id(inform.device_id)
    trace.events = inform.event
    trace.informs.append(inform)


def _chosen(limit: str, offered: Sequence[str]) -> str | None:
    """The highest version in ``offered`` that is not above ``limit``."""
    numbers = {_number(version): version for version in offered}
    numbers.pop((), None)
    best = max((number for number in numbers if number <= _number(limit)), default=None)
    return None if best is None else numbers[best]


def _number(version: str) -> tuple[int, ...]:
    parts = version.strip().split(".")
    return tuple(int(part) for part in parts) if all(part.isdecimal() and len(part) < 5 for part in parts) else ()


def _answers(request: Request, answer: Response) -> bool:
    if isinstance(answer, GenericResponse):
        return answer.name == rpc_name(request) + "Response"
    return isinstance(answer, response_class(request))


def _named(answer: Response | Fault | SoapFault) -> str:
    return "a fault" if isinstance(answer, Fault | SoapFault) else quoted(rpc_name(answer))
