"""The record of a session, message by message, and the ring buffer of the last sessions."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, overload

from cwmpagent.lab.acs.tasks import Answer, Unanswered
from cwmpagent.protocol.masking import quoted
from cwmpagent.protocol.rpc import EventStruct, Fault, Inform, Request, SoapFault, rpc_name
from cwmpagent.protocol.soap import Envelope

BODY_KEPT = 65536
REPEATED = "repeated"
"""Mark of an exchange whose answer was sent a second time, because the CPE repeated its POST: no misbehaviour."""
LISTED = 10
"""The largest number of misbehaviours in a line."""


class TracedCall(NamedTuple):
    """A request of the ACS, its answer, and the seconds between them."""

    request: Request
    answer: Answer
    seconds: float


@dataclass(slots=True, kw_only=True)
class TracedExchange:
    """One POST of the CPE and its answer.

    ``at``: wall time. ``seconds``: the time until the answer was sent. ``body``: the first :data:`BODY_KEPT` bytes of
    the POST as received. ``sent``: the envelope of the answer, if it had one. ``spoilt``: the kinds of misbehaviour
    that altered it.
    """

    number: int
    at: float
    received: Envelope | None
    body: bytes
    seconds: float = 0.0
    sent: Envelope | None = None
    status: int = 0
    spoilt: tuple[str, ...] = ()


@dataclass(slots=True, kw_only=True, eq=False)
class SessionTrace:
    """The ACS's record of one session.

    ``started``: wall time. ``duration``: in seconds. ``calls``: the requests of the ACS with their answers.
    ``requests``: the requests of the CPE besides Inform. ``violations``: the CPE's violations of the standard, one line
    each. ``ended``: empty while the session is open. ``reason``: of a broken session. ``certificate``: the subject of
    the client certificate, if there was one. ``weight``: the approximate size in bytes.
    """

    number: int
    device_id: str
    started: float
    peer: str = ""
    certificate: str = ""
    events: tuple[EventStruct, ...] = ()
    informs: list[Inform] = field(default_factory=list)
    calls: list[TracedCall] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    faults: list[Fault | SoapFault] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    exchanges: list[TracedExchange] = field(default_factory=list)
    ended: Literal["", "complete", "broken"] = ""
    reason: str = ""
    duration: float = 0.0
    weight: int = 0

    @property
    def event_codes(self) -> tuple[str, ...]:
        """The EventCodes of the Inform."""
        return tuple(event.event_code for event in self.events)

    @property
    def misbehaviours(self) -> tuple[str, ...]:
        """The misbehaviours of the lab in this session, with the number of the POST: ``drop at POST 3``."""
        return tuple(
            f"{kind} at POST {exchange.number}"
            for exchange in self.exchanges
            for kind in exchange.spoilt
            if kind != REPEATED
        )

    @property
    def broken_by_lab(self) -> bool:
        """Whether the session is broken after a misbehaviour of the lab, which is then the likely cause."""
        return self.ended == "broken" and bool(self.misbehaviours)

    def summary(self) -> list[str]:
        """A few lines of text about the session; strings of the device are escaped and cut."""
        events = ", ".join(_event(event) for event in self.events) or "no event"
        retries = (
            f", RetryCount {self.informs[-1].retry_count}" if self.informs and self.informs[-1].retry_count else ""
        )
        end = {"complete": "complete", "broken": f"broken: {self.reason}"}.get(self.ended, "open")
        if self.broken_by_lab:
            end = f"broken after the lab's own misbehaviour: {self.reason}"
        lines = [
            f"session {self.number} of {quoted(self.device_id)}: {events}{retries}; {end} in {self.duration:.2f} s"
        ]
        lines += [f"  device requested {quoted(rpc_name(request))}" for request in self.requests]
        lines += [f"  {_called(call)}" for call in self.calls]
        if self.misbehaviours:
            more = ", ..." if len(self.misbehaviours) > LISTED else ""
            lines.append(f"  the lab misbehaved: {', '.join(self.misbehaviours[:LISTED])}{more}")
        lines += [f"  violation: {violation}" for violation in self.violations]
        return lines


class Ring(Sequence[SessionTrace]):
    """The last ``limit`` sessions; fewer if their messages exceed ``weight`` bytes together."""

    def __init__(self, limit: int = 1000, weight: int = 128 * 1024 * 1024) -> None:
        self._traces: deque[SessionTrace] = deque()
        self._limit = limit
        self._bound = weight
        self._weight = 0
        self.seen = 0
        """The number of all sessions so far, also of those no longer kept."""

    def add(self, trace: SessionTrace) -> None:
        """Add a new session."""
        self.seen += 1
        self._traces.append(trace)
        self._shrink()

    def grown(self, trace: SessionTrace, size: int) -> bool:
        """Count ``size`` more bytes of ``trace``; False if this session alone exceeds the bound of the ring."""
        trace.weight += size
        if self._traces and trace.number >= self._traces[0].number:
            self._weight += size
            self._shrink()
        return trace.weight <= self._bound

    def numbered(self, number: int) -> SessionTrace | None:
        """The session with this number, or None if it is not kept."""
        if not self._traces:
            return None
        index = number - self._traces[0].number
        return self._traces[index] if 0 <= index < len(self._traces) else None

    def __len__(self) -> int:
        return len(self._traces)

    def __iter__(self) -> Iterator[SessionTrace]:
        return iter(self._traces)

    def __reversed__(self) -> Iterator[SessionTrace]:
        return reversed(self._traces)

    @overload
    def __getitem__(self, index: int) -> SessionTrace: ...
    @overload
    def __getitem__(self, index: slice) -> list[SessionTrace]: ...
    def __getitem__(self, index: int | slice) -> SessionTrace | list[SessionTrace]:
        return list(self._traces)[index] if isinstance(index, slice) else self._traces[index]

    def _shrink(self) -> None:
        while len(self._traces) > self._limit or (self._weight > self._bound and len(self._traces) > 1):
            self._weight -= self._traces.popleft().weight


def _event(event: EventStruct) -> str:
    code = quoted(event.event_code)
    return f"{code} ({quoted(event.command_key)})" if event.command_key else code


def _called(call: TracedCall) -> str:
    name = quoted(rpc_name(call.request))
    match call.answer:
        case Fault(code=code, text=text, parameters=parameters):
            details = "".join(f"; {quoted(fault.name)}: {fault.code} {quoted(fault.text)}" for fault in parameters[:5])
            details += f"; and {len(parameters) - 5} more" if len(parameters) > 5 else ""
            outcome = f"fault {code} {quoted(text)}{details}"
        case SoapFault(faultcode=faultcode, faultstring=faultstring):
            outcome = f"SOAP fault {quoted(faultcode)} {quoted(faultstring)}"
        case Unanswered(reason=reason):
            outcome = f"no answer: {reason}"
        case _:
            outcome = "ok"
    return f"{name}: {outcome} ({call.seconds:.3f} s)"
