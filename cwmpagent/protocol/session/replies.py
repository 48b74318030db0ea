"""Classification of the HTTP answers of the ACS: bytes in, one ``Input`` out."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

from cwmpagent.errors import EnvelopeError, SequenceError
from cwmpagent.gradual import Gradual
from cwmpagent.protocol.masking import quoted, scrub
from cwmpagent.protocol.rpc import (
    BadRequest,
    CpeRequest,
    Fault,
    GenericResponse,
    Message,
    Request,
    SoapFault,
    response_class,
    rpc_name,
)
from cwmpagent.protocol.session.actions import Post, Reply
from cwmpagent.protocol.session.transitions import Input
from cwmpagent.protocol.soap import Envelope, EnvelopeLimits, decode_gradually

REPEAT_PLEASE = 8005
"""The fault with which an ACS requests a repetition (Retry request)."""

_BLANK = b" \t\r\n\v\f\0\xef\xbb\xbf\xfe\xff"
"""White space, NUL, and the bytes of byte order marks: a body of nothing else is empty."""

Awaited = tuple[CpeRequest, str]
"""The CPE request that is not answered yet, and the ID of its envelope."""


class DeviationKind(Enum):
    """The deviations of an ACS that are accepted."""

    NO_ID = auto()
    NO_KEY = auto()


@dataclass(frozen=True, slots=True)
class ReplyKind:
    """The input, its description for error texts, and the envelope where there is one.

    ``deviation``: the deviation from the standard that was accepted, and its text.
    """

    input: Input
    words: str
    envelope: Envelope | None = None
    deviation: tuple[DeviationKind, str] | None = None

    @property
    def holds(self) -> bool:
        """HoldRequests; False in an answer without an envelope."""
        return self.envelope is not None and self.envelope.hold_requests


def classify(
    reply: Reply, posted: Post, awaited: Awaited | None, limits: EnvelopeLimits, *, lenient: bool
) -> Gradual[ReplyKind]:
    """Classify ``reply`` to ``posted``. Never raises: an invalid answer is :attr:`Input.FAILURE`.

    ``lenient``: an absent ParameterKey or CommandKey of a request is read as empty.
    """
    request_name = "an empty POST" if posted.message is None else _name(posted.message)
    empty = not reply.body.strip(_BLANK)
    if reply.status == 204 or (reply.status == 200 and empty):
        return ReplyKind(Input.NOTHING, f"the ACS answered {request_name} with an empty HTTP response")
    failed = f"HTTP {reply.status} in answer to {request_name}"
    if empty:
        return ReplyKind(Input.FAILURE, failed)
    begins = f"which begins {_start(reply.body)}"
    try:
        if reply.status not in (200, 500):
            raise SequenceError(failed)
        envelope = yield from decode_gradually(reply.body, charset=reply.charset, limits=limits, lenient=lenient)
        if reply.status == 500 and not isinstance(envelope.body, Fault):
            raise SequenceError(failed)
    except SequenceError as error:
        return ReplyKind(Input.FAILURE, f"{error}, {begins}")
    except EnvelopeError as error:
        return ReplyKind(Input.FAILURE, f"{error}: the answer to {request_name} with HTTP {reply.status}, {begins}")
    try:
        return _classify_envelope(envelope, f"in answer to {request_name}", awaited)
    except SequenceError as error:
        return ReplyKind(Input.FAILURE, str(error), envelope)


def answers(request: Request, message: Message) -> bool:
    """Whether ``message`` has the type of response that belongs to ``request``."""
    expected = response_class(request)
    name_matches = expected is not GenericResponse or rpc_name(message) == f"{rpc_name(request)}Response"
    return isinstance(message, expected) and name_matches


def _classify_envelope(envelope: Envelope, where: str, awaited: Awaited | None) -> ReplyKind:
    """Classify an envelope. Raises SequenceError for one that is invalid in every state."""
    body = envelope.body
    if isinstance(body, Request):
        bad = isinstance(body, BadRequest) or bool(envelope.not_understood)
        words = f"the ACS sent the request {_name(body)} {where}"
        if bad:
            return ReplyKind(Input.BAD_REQUEST, words, envelope)
        return ReplyKind(Input.REQUEST, words, envelope, _absent_key(envelope, body))
    if envelope.not_understood:
        names = quoted(", ".join(envelope.not_understood))
        raise SequenceError(f"the ACS sent the unsupported header '{names}' with mustUnderstand {where}")
    if body is None:
        words = f"the ACS sent an envelope with an empty body {where}"
        return ReplyKind(Input.HOLDING if envelope.hold_requests else Input.NOTHING, words, envelope)
    if isinstance(body, SoapFault):
        raise SequenceError(
            f"the ACS sent the SOAP fault {quoted(body.faultcode)} {where}{_appended(body.faultstring)}"
        )
    if isinstance(body, Fault):
        words = f"the ACS sent fault {body.code} {where}{_appended(body.text)}"
    else:
        words = f"the ACS sent {_name(body)} {where}"
    deviation = None
    if awaited is not None:
        request, sent_id = awaited
        if envelope.id is None:
            text = f"{words} without cwmp:ID; it is taken as the answer, because no other request is outstanding"
            deviation = DeviationKind.NO_ID, text
        elif envelope.id != sent_id:
            raise SequenceError(f"{words}, with the ID '{quoted(envelope.id)}' instead of '{quoted(sent_id)}'")
        if not isinstance(body, Fault) and not answers(request, body):
            raise SequenceError(words)
    if not isinstance(body, Fault):
        return ReplyKind(Input.RESPONSE, words, envelope, deviation)
    return ReplyKind(Input.REPEAT if body.code == REPEAT_PLEASE else Input.FAULT, words, envelope, deviation)


def _absent_key(envelope: Envelope, request: Request) -> tuple[DeviationKind, str] | None:
    if not envelope.absent:
        return None
    text = f"the ACS sent {_name(request)} without the mandatory {envelope.absent[0]}, which is taken as empty"
    return DeviationKind.NO_KEY, text


def _name(message: Message) -> str:
    """The name of a message for a text; quoted where a peer may have chosen it."""
    name = rpc_name(message)
    return name if name.isidentifier() and name.isascii() and len(name) <= 64 else f"'{quoted(name)}'"


def _appended(text: str) -> str:
    return f": {quoted(text)}" if text else ""


def _start(body: bytes) -> str:
    """The start of a body for a text: without secrets, on one line."""
    # The NULs of UTF-16 would hide secrets from scrub.
    text = body[:2000].replace(b"\0", b"").decode(errors="replace")
    return f"'{quoted(scrub(text))}'"
