"""What an HTTP answer of the ACS is to a session: bytes in, one ``Input`` out."""

from __future__ import annotations

from dataclasses import dataclass

from cwmpagent.errors import EnvelopeError, SequenceError
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
from cwmpagent.protocol.soap import Envelope, EnvelopeLimits, decode

REPEAT_PLEASE = 8005
"""The fault with which an ACS asks for the same request again."""

Awaited = tuple[CpeRequest, str]
"""A request of ours that is not answered yet, and the ID of its envelope."""


@dataclass(frozen=True, slots=True)
class ReplyKind:
    """Which input it is, what it is in words, and its envelope where it has one."""

    input: Input
    words: str
    envelope: Envelope | None = None

    @property
    def holds(self) -> bool:
        """HoldRequests; false in an answer without an envelope."""
        return self.envelope is not None and self.envelope.hold_requests


def find(reply: Reply, posted: Post, awaited: Awaited | None, limits: EnvelopeLimits) -> ReplyKind:
    """What ``reply`` to ``posted`` is. Never raises: what is no good answer is :attr:`Input.FAILURE`."""
    asked = "an empty POST" if posted.message is None else _name(posted.message)
    empty = not reply.body or reply.body.isspace()
    if reply.status == 204 or (reply.status == 200 and empty):
        return ReplyKind(Input.NOTHING, f"the ACS answered {asked} with nothing")
    failed = f"HTTP {reply.status} in answer to {asked}"
    if empty:
        return ReplyKind(Input.FAILURE, failed)
    begins = f"which begins {_start(reply.body)}"
    try:
        if reply.status not in (200, 500):
            raise SequenceError(failed)
        envelope = decode(reply.body, charset=reply.charset, limits=limits)
        if reply.status == 500 and not isinstance(envelope.body, Fault):
            raise SequenceError(failed)
    except SequenceError as error:
        return ReplyKind(Input.FAILURE, f"{error}, {begins}")
    except EnvelopeError as error:
        return ReplyKind(Input.FAILURE, f"{error}: the answer to {asked} with HTTP {reply.status}, {begins}")
    try:
        return _find_in(envelope, f"in answer to {asked}", awaited)
    except SequenceError as error:
        return ReplyKind(Input.FAILURE, str(error), envelope)


def answers(request: Request, message: Message) -> bool:
    """Whether ``message`` is the kind of response that ``request`` has."""
    due = response_class(request)
    named = due is not GenericResponse or rpc_name(message) == f"{rpc_name(request)}Response"
    return isinstance(message, due) and named


def _find_in(envelope: Envelope, where: str, awaited: Awaited | None) -> ReplyKind:
    """What an envelope is. Raises SequenceError for what is wrong in every state."""
    body = envelope.body
    if isinstance(body, Request):
        bad = isinstance(body, BadRequest) or bool(envelope.not_understood)
        words = f"the ACS sent the request {_name(body)} {where}"
        return ReplyKind(Input.BAD_REQUEST if bad else Input.REQUEST, words, envelope)
    if envelope.not_understood:
        names = quoted(", ".join(envelope.not_understood))
        raise SequenceError(f"the ACS demands that the unknown header '{names}' is understood {where}")
    if body is None:
        words = f"the ACS sent an envelope with an empty body {where}"
        return ReplyKind(Input.HOLDING if envelope.hold_requests else Input.NOTHING, words, envelope)
    if isinstance(body, SoapFault):
        raise SequenceError(f"the ACS sent the SOAP fault {quoted(body.faultcode)} {where}{_said(body.faultstring)}")
    if isinstance(body, Fault):
        words = f"the ACS sent fault {body.code} {where}{_said(body.text)}"
    else:
        words = f"the ACS sent {_name(body)} {where}"
    if awaited is not None:
        request, sent_id = awaited
        if envelope.id != sent_id:
            theirs = "no ID" if envelope.id is None else f"the ID '{quoted(envelope.id)}'"
            raise SequenceError(f"{words}, with {theirs} instead of '{quoted(sent_id)}'")
        if not isinstance(body, Fault) and not answers(request, body):
            raise SequenceError(words)
    if not isinstance(body, Fault):
        return ReplyKind(Input.RESPONSE, words, envelope)
    return ReplyKind(Input.REPEAT if body.code == REPEAT_PLEASE else Input.FAULT, words, envelope)


def _name(message: Message) -> str:
    """Its name in a sentence; a peer may have chosen it."""
    name = rpc_name(message)
    return name if name.isidentifier() and name.isascii() and len(name) <= 64 else f"'{quoted(name)}'"


def _said(text: str) -> str:
    return f": {quoted(text)}" if text else ""


def _start(body: bytes) -> str:
    """How a body begins, for people: without secrets, on one line."""
    text = body[:2000].replace(b"\0", b"").decode(errors="replace")  # UTF-16 shall hide nothing from scrub
    return f"'{quoted(scrub(text))}'"
