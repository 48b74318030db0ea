"""Misbehaviours of an ACS as frozen values; each is queued in advance and applies to a chosen message of a session.

``at`` selects the message: ``"every"``, ``"inform"``, ``"empty"`` (an empty POST), the name of the CPE's message
(``"GetParameterValuesResponse"``), the number of the POST in its session (1 is the Inform; a POST that was refused or
redirected does not count), or ``"challenge"`` for the lab's own 401 before a session is open. ``times``: the number of
times (0: always). ``device``: only for this device id. Several apply to one message in the order in which they were
given.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Annotated, ClassVar

from cwmpagent.errors import MisuseError
from cwmpagent.lab.acs.field_bounds import From, Matching, OneOf, XmlText, refused_fields
from cwmpagent.lab.acs.http_answer import BLOCK, HttpAnswer, with_envelope
from cwmpagent.protocol.rpc import Fault
from cwmpagent.protocol.soap import Envelope
from cwmpagent.typed_members import is_whole

EVERY = "every"
INFORM = "inform"
EMPTY = "empty"
CHALLENGE = "challenge"
_TEXT = Matching(r"[^\ud800-\udfff]*", "a text that can be encoded in UTF-8")
_XML = XmlText()
_HEADER = Matching(r"[\x20-\x7e]{0,2000}", "printable ASCII of at most 2000 characters, as a header has it")
_SECONDS = From(0, 86_400)
TIMES = From(0, 1_000_000)
_POST = From(1, 1_000_000)
_BYTES = From(0, 10_000_000_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """One POST that has arrived: its device, its message and its number in the session (0: no session yet)."""

    device_id: str = ""
    name: str = ""
    number: int = 0
    envelope: Envelope | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Misbehaviour:
    """One misbehaviour. :meth:`instead` answers in place of the session, :meth:`spoil` alters the session's answer.

    Raises MisuseError for a field outside of the bounds in its annotation.
    """

    KIND: ClassVar[str] = ""

    at: str | int = EVERY
    times: Annotated[int, TIMES] = 1
    device: Annotated[str, _TEXT] = ""

    def __post_init__(self) -> None:
        at = _POST.refusal(self.at) if is_whole(self.at) else _TEXT.refusal(self.at)
        name, refusal = ("at", at) if at else next(refused_fields(self), ("", ""))
        if refusal:
            raise MisuseError(f"{self.KIND}.{name} {refusal}")

    def applies(self, moment: Moment) -> bool:
        """Whether ``moment`` is the selected message."""
        if self.device and self.device != moment.device_id:
            return False
        if isinstance(self.at, int):
            return self.at == moment.number
        if moment.name == CHALLENGE or self.at == CHALLENGE:
            return moment.name == self.at
        return self.at == EVERY or self.at.lower() == (moment.name or EMPTY).lower()

    def instead(self, moment: Moment) -> HttpAnswer | None:
        """The answer in place of the session's, which then does not receive the POST; None: leave it to the session."""
        return None

    def spoil(self, answer: HttpAnswer) -> HttpAnswer:
        """The altered answer of the session; the same object if there is nothing to alter."""
        return answer


@dataclass(frozen=True, slots=True)
class Delay(Misbehaviour):
    """Send the answer ``seconds`` late; a day, the most, is silence."""

    KIND: ClassVar[str] = "delay"
    seconds: Annotated[float, _SECONDS]

    def spoil(self, answer: HttpAnswer) -> HttpAnswer:
        return replace(answer, delay=answer.delay + self.seconds)


@dataclass(frozen=True, slots=True)
class Drop(Misbehaviour):
    """Close (``reset``: reset) the connection without an answer; ``processed``: after the POST was processed."""

    KIND: ClassVar[str] = "drop"
    processed: bool = False
    reset: bool = False

    def instead(self, moment: Moment) -> HttpAnswer | None:
        return None if self.processed else HttpAnswer(lost="reset" if self.reset else "close")

    def spoil(self, answer: HttpAnswer) -> HttpAnswer:
        return replace(answer, lost="reset" if self.reset else "close") if self.processed else answer


@dataclass(frozen=True, slots=True)
class Truncate(Misbehaviour):
    """Send only ``keep`` bytes of the body, then close the connection; ``honest``: declare them as the whole body."""

    KIND: ClassVar[str] = "truncate"
    keep: Annotated[int, _BYTES] = 100
    honest: bool = False

    def spoil(self, answer: HttpAnswer) -> HttpAnswer:
        return replace(answer, keep=self.keep, honest=self.honest) if _has_body(answer) else answer


@dataclass(frozen=True, slots=True)
class WrongId(Misbehaviour):
    """Send another ``cwmp:ID``; None: send none."""

    KIND: ClassVar[str] = "wrong-id"
    id: Annotated[str | None, _XML] = "not-your-id"

    def spoil(self, answer: HttpAnswer) -> HttpAnswer:
        if answer.envelope is None:
            return answer
        return replace(answer, envelope=replace(answer.envelope, id=self.id))


@dataclass(frozen=True, slots=True)
class FaultAnswer(Misbehaviour):
    """Answer with a CWMP fault; the session does not receive the POST, so after 8005 the CPE may send it again."""

    KIND: ClassVar[str] = "fault"
    code: Annotated[int, From(0, 2**32 - 1)] = 8005
    text: Annotated[str, _XML] = ""

    def instead(self, moment: Moment) -> HttpAnswer | None:
        fault = Fault(code=self.code, text=self.text, parameters=())
        request = moment.envelope
        return with_envelope(Envelope(body=fault) if request is None else answering(request, fault))


@dataclass(frozen=True, slots=True)
class Hold(Misbehaviour):
    """Set HoldRequests in the next ``times`` envelopes."""

    KIND: ClassVar[str] = "hold"

    def spoil(self, answer: HttpAnswer) -> HttpAnswer:
        if answer.envelope is None:
            return answer
        return replace(answer, envelope=replace(answer.envelope, hold_requests=True))


@dataclass(frozen=True, slots=True)
class ForeignHeader(Misbehaviour):
    """Add an unknown SOAP header element; ``mandatory``: with ``mustUnderstand="1"``."""

    KIND: ClassVar[str] = "foreign-header"
    name: Annotated[str, Matching(r"[A-Za-z_][A-Za-z0-9_.-]*", "a name of XML in ASCII")] = "Unheard"
    mandatory: bool = True

    def spoil(self, answer: HttpAnswer) -> HttpAnswer:
        if answer.envelope is None:
            return answer
        soap = "http://schemas.xmlsoap.org/soap/envelope/"
        flag = "1" if self.mandatory else "0"
        name = f"x:{self.name}"
        header = f'<{name} xmlns:x="urn:example" xmlns:e="{soap}" e:mustUnderstand="{flag}">1</{name}>'
        return replace(answer, foreign_header=answer.foreign_header + header)


@dataclass(frozen=True, slots=True)
class Redirect(Misbehaviour):
    """Redirect with ``status`` (301, 302, 303, 307, 308) to ``to``; empty: to the same URL, a loop with ``times=0``."""

    KIND: ClassVar[str] = "redirect"
    to: Annotated[str, _HEADER] = ""
    status: Annotated[int, OneOf((301, 302, 303, 307, 308))] = 302

    def instead(self, moment: Moment) -> HttpAnswer | None:
        return HttpAnswer(status=self.status, headers=(("Location", self.to),))


@dataclass(frozen=True, slots=True)
class Unauthorized(Misbehaviour):
    """Answer 401 with a new challenge in the middle of a session; ``stale``: with ``stale=true`` (RFC 7616)."""

    KIND: ClassVar[str] = "unauthorized"
    stale: bool = False

    def instead(self, moment: Moment) -> HttpAnswer | None:
        return HttpAnswer(status=401, challenge="stale" if self.stale else "fresh")


@dataclass(frozen=True, slots=True)
class Close(Misbehaviour):
    """Send ``Connection: close``, in any spelling; the connection is closed after the answer."""

    KIND: ClassVar[str] = "close"
    spelling: Annotated[str, _HEADER] = "close"

    def spoil(self, answer: HttpAnswer) -> HttpAnswer:
        return replace(answer, connection=self.spelling)


@dataclass(frozen=True, slots=True)
class Http10(Misbehaviour):
    """Answer as HTTP/1.0 without keep-alive; the connection is closed after the answer."""

    KIND: ClassVar[str] = "http10"

    def spoil(self, answer: HttpAnswer) -> HttpAnswer:
        return replace(answer, http10=True)


@dataclass(frozen=True, slots=True)
class Garbage(Misbehaviour):
    """Send any ``text`` as the body, with status 200."""

    KIND: ClassVar[str] = "garbage"
    text: Annotated[str, _TEXT] = "<soap:Envelope><unclosed & not xml"

    def spoil(self, answer: HttpAnswer) -> HttpAnswer:
        return replace(answer, status=200, body=self.text.encode())


@dataclass(frozen=True, slots=True)
class Status(Misbehaviour):
    """Answer with an HTTP status such as 503 in place of the session's answer."""

    KIND: ClassVar[str] = "status"
    status: Annotated[int, From(200, 599)] = 503
    body: Annotated[str, _TEXT] = ""

    def instead(self, moment: Moment) -> HttpAnswer | None:
        return HttpAnswer(status=self.status, body=self.body.encode())


@dataclass(frozen=True, slots=True)
class Huge(Misbehaviour):
    """Append ``size`` spaces to the envelope; ``gzip``: compress them."""

    KIND: ClassVar[str] = "huge"
    size: Annotated[int, _BYTES] = 300_000_000
    gzip: bool = False

    def spoil(self, answer: HttpAnswer) -> HttpAnswer:
        if answer.status == 204:
            answer = replace(answer, status=200)
        return replace(answer, padding=self.size, gzip=answer.gzip or self.gzip)


@dataclass(frozen=True, slots=True)
class Chunked(Misbehaviour):
    """Send ``Transfer-Encoding: chunked``, which the standard allows but some CPEs do not support."""

    KIND: ClassVar[str] = "chunked"

    def spoil(self, answer: HttpAnswer) -> HttpAnswer:
        return replace(answer, chunked=True) if _has_body(answer) else answer


@dataclass(frozen=True, slots=True)
class Gzip(Misbehaviour):
    """Send ``Content-Encoding: gzip``, whether or not the CPE accepts it."""

    KIND: ClassVar[str] = "gzip"

    def spoil(self, answer: HttpAnswer) -> HttpAnswer:
        return replace(answer, gzip=True) if _has_body(answer) else answer


@dataclass(frozen=True, slots=True)
class Drip(Misbehaviour):
    """Send the body in pieces of ``size`` bytes, ``seconds`` apart."""

    KIND: ClassVar[str] = "drip"
    size: Annotated[int, From(1, BLOCK)] = 1
    seconds: Annotated[float, _SECONDS] = 1.0

    def spoil(self, answer: HttpAnswer) -> HttpAnswer:
        return replace(answer, drip=(self.size, self.seconds)) if _has_body(answer) else answer


KINDS: dict[str, type[Misbehaviour]] = {
    kind.KIND: kind
    for kind in (
        Delay, Drop, Truncate, WrongId, FaultAnswer, Hold, ForeignHeader, Redirect, Unauthorized, Close, Http10,
        Garbage, Status, Huge, Chunked, Gzip, Drip,
    )
}  # fmt: skip


class Misbehaviours:
    """The queue of misbehaviours, each with its remaining number of times."""

    LIMIT = 1000

    def __init__(self) -> None:
        self._left: list[tuple[Misbehaviour, int]] = []

    def add(self, misbehaviours: Iterable[Misbehaviour]) -> None:
        """Append misbehaviours. Raises MisuseError above :attr:`LIMIT`."""
        for misbehaviour in misbehaviours:
            if len(self._left) >= self.LIMIT:
                raise MisuseError(f"{self.LIMIT} misbehaviours are waiting already")
            self._left.append((misbehaviour, misbehaviour.times))

    def waiting(self) -> tuple[tuple[Misbehaviour, int], ...]:
        """Each misbehaviour with its remaining number of times (0: always)."""
        return tuple(self._left)

    def clear(self) -> None:
        """Remove all of them."""
        self._left.clear()

    def instead(self, moment: Moment) -> tuple[HttpAnswer | None, tuple[str, ...]]:
        """The first answer in place of the session's and the kind of its misbehaviour; (None, ()) if there is none."""
        for index, (misbehaviour, _) in enumerate(self._left):
            if misbehaviour.applies(moment) and (answer := misbehaviour.instead(moment)) is not None:
                self._used(index)
                return answer, (misbehaviour.KIND,)
        return None, ()

    def spoil(self, moment: Moment, answer: HttpAnswer) -> tuple[HttpAnswer, tuple[str, ...]]:
        """The answer as altered by every misbehaviour that applies, with their kinds."""
        kinds: list[str] = []
        used: list[int] = []
        for index, (misbehaviour, _) in enumerate(self._left):
            if misbehaviour.applies(moment) and (altered := misbehaviour.spoil(answer)) is not answer:
                answer = altered
                kinds.append(misbehaviour.KIND)
                used.append(index)
        for index in reversed(used):
            self._used(index)
        return answer, tuple(kinds)

    def _used(self, index: int) -> None:
        misbehaviour, left = self._left[index]
        if left == 1:
            del self._left[index]
        elif left > 1:
            self._left[index] = (misbehaviour, left - 1)


def answering(request: Envelope, body: object) -> Envelope:
    """An envelope with ``body`` that answers ``request``: the same ID and namespace."""
    return Envelope(body=body, id=request.id, namespace=request.namespace)  # type: ignore[arg-type]


def _has_body(answer: HttpAnswer) -> bool:
    return answer.envelope is not None or bool(answer.body)
