"""What a bad ACS does, as frozen values: each is asked for in advance and happens at a chosen message of a session.

``at`` chooses the message: ``"every"``, ``"inform"``, ``"empty"`` (an empty POST), the name of what the CPE sent
(``"GetParameterValuesResponse"``), the number of the POST in its session (1 is the Inform; a POST that was refused or
redirected does not count), or ``"challenge"`` for the lab's own 401 before a session is open. ``times`` is how often
(0: always), ``device`` limits it to one device id. Several apply to one message in the order in which they were given.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import ClassVar

from cwmpagent.errors import MisuseError
from cwmpagent.lab.acs.http_answer import HttpAnswer, with_envelope
from cwmpagent.protocol.rpc import Fault
from cwmpagent.protocol.soap import Envelope

EVERY = "every"
INFORM = "inform"
EMPTY = "empty"
CHALLENGE = "challenge"


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """One POST that has arrived: from whom, what it carries, and its number in its session (0: no session yet)."""

    device_id: str = ""
    name: str = ""
    number: int = 0
    envelope: Envelope | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Misbehaviour:
    """One thing to do wrong. :meth:`instead` answers before the session sees the POST, :meth:`spoil` after it did."""

    KIND: ClassVar[str] = ""

    at: str | int = EVERY
    times: int = 1
    device: str = ""

    def applies(self, moment: Moment) -> bool:
        """Whether this is the message it waits for."""
        if self.device and self.device != moment.device_id:
            return False
        if isinstance(self.at, int):
            return self.at == moment.number
        if moment.name == CHALLENGE or self.at == CHALLENGE:
            return moment.name == self.at
        return self.at == EVERY or self.at.lower() == (moment.name or EMPTY).lower()

    def instead(self, moment: Moment) -> HttpAnswer | None:
        """The answer that goes back without the session having seen the POST; None: not this kind."""
        return None

    def spoil(self, answer: HttpAnswer) -> HttpAnswer:
        """The session's answer, altered; the same object where there is nothing to alter."""
        return answer


@dataclass(frozen=True, slots=True)
class Delay(Misbehaviour):
    """The answer comes ``seconds`` late; a very large number is silence."""

    KIND: ClassVar[str] = "delay"
    seconds: float

    def spoil(self, answer: HttpAnswer) -> HttpAnswer:
        return replace(answer, delay=answer.delay + self.seconds)


@dataclass(frozen=True, slots=True)
class Drop(Misbehaviour):
    """The connection ends without a byte of the answer: before the POST was processed, or (``processed``) after."""

    KIND: ClassVar[str] = "drop"
    processed: bool = False
    reset: bool = False

    def instead(self, moment: Moment) -> HttpAnswer | None:
        return None if self.processed else HttpAnswer(lost="reset" if self.reset else "close")

    def spoil(self, answer: HttpAnswer) -> HttpAnswer:
        return replace(answer, lost="reset" if self.reset else "close") if self.processed else answer


@dataclass(frozen=True, slots=True)
class Truncate(Misbehaviour):
    """Only ``keep`` bytes of the body come, then the connection closes; ``honest``: they are declared as the whole."""

    KIND: ClassVar[str] = "truncate"
    keep: int = 100
    honest: bool = False

    def spoil(self, answer: HttpAnswer) -> HttpAnswer:
        return replace(answer, keep=self.keep, honest=self.honest) if _has_body(answer) else answer


@dataclass(frozen=True, slots=True)
class WrongId(Misbehaviour):
    """The envelope's ID is another one; None: there is none."""

    KIND: ClassVar[str] = "wrong-id"
    id: str | None = "not-your-id"

    def spoil(self, answer: HttpAnswer) -> HttpAnswer:
        if answer.envelope is None:
            return answer
        return replace(answer, envelope=replace(answer.envelope, id=self.id))


@dataclass(frozen=True, slots=True)
class FaultAnswer(Misbehaviour):
    """A CWMP fault for what the CPE sent, which the session does not see: 8005 asks it to send that again."""

    KIND: ClassVar[str] = "fault"
    code: int = 8005
    text: str = ""

    def instead(self, moment: Moment) -> HttpAnswer | None:
        fault = Fault(code=self.code, text=self.text, parameters=())
        asked = moment.envelope
        return with_envelope(Envelope(body=fault) if asked is None else answering(asked, fault))


@dataclass(frozen=True, slots=True)
class Hold(Misbehaviour):
    """HoldRequests in the next ``times`` envelopes."""

    KIND: ClassVar[str] = "hold"

    def spoil(self, answer: HttpAnswer) -> HttpAnswer:
        if answer.envelope is None:
            return answer
        return replace(answer, envelope=replace(answer.envelope, hold_requests=True))


@dataclass(frozen=True, slots=True)
class ForeignHeader(Misbehaviour):
    """A header element of no known meaning; ``mandatory`` asks the CPE to refuse what it does not understand."""

    KIND: ClassVar[str] = "foreign-header"
    name: str = "Unheard"
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
    """``status`` (301, 302, 303, 307, 308) to ``to``; an empty one is the same URL, so ``times=0`` is a loop."""

    KIND: ClassVar[str] = "redirect"
    to: str = ""
    status: int = 302

    def instead(self, moment: Moment) -> HttpAnswer | None:
        return HttpAnswer(status=self.status, headers=(("Location", self.to),))


@dataclass(frozen=True, slots=True)
class Unauthorized(Misbehaviour):
    """401 with a new challenge in the middle of a session; ``stale`` says that only the nonce was too old."""

    KIND: ClassVar[str] = "unauthorized"
    stale: bool = False

    def instead(self, moment: Moment) -> HttpAnswer | None:
        return HttpAnswer(status=401, challenge="stale" if self.stale else "fresh")


@dataclass(frozen=True, slots=True)
class Close(Misbehaviour):
    """``Connection: close``, in any spelling, and the connection is closed after the answer."""

    KIND: ClassVar[str] = "close"
    spelling: str = "close"

    def spoil(self, answer: HttpAnswer) -> HttpAnswer:
        return replace(answer, connection=self.spelling)


@dataclass(frozen=True, slots=True)
class Http10(Misbehaviour):
    """The answer is HTTP/1.0 without keep-alive, and the connection is closed after it."""

    KIND: ClassVar[str] = "http10"

    def spoil(self, answer: HttpAnswer) -> HttpAnswer:
        return replace(answer, http10=True)


@dataclass(frozen=True, slots=True)
class Garbage(Misbehaviour):
    """The body is ``text``, whatever that is, with status 200."""

    KIND: ClassVar[str] = "garbage"
    text: str = "<soap:Envelope><unclosed & not xml"

    def spoil(self, answer: HttpAnswer) -> HttpAnswer:
        return replace(answer, status=200, body=self.text.encode())


@dataclass(frozen=True, slots=True)
class Status(Misbehaviour):
    """An HTTP status in place of an answer, such as 503."""

    KIND: ClassVar[str] = "status"
    status: int = 503
    body: str = ""

    def instead(self, moment: Moment) -> HttpAnswer | None:
        return HttpAnswer(status=self.status, body=self.body.encode())


@dataclass(frozen=True, slots=True)
class Huge(Misbehaviour):
    """``size`` spaces follow the envelope; with ``gzip`` they are small on the wire."""

    KIND: ClassVar[str] = "huge"
    size: int = 300_000_000
    gzip: bool = False

    def spoil(self, answer: HttpAnswer) -> HttpAnswer:
        if answer.status == 204:
            answer = replace(answer, status=200)
        return replace(answer, padding=self.size, gzip=answer.gzip or self.gzip)


@dataclass(frozen=True, slots=True)
class Chunked(Misbehaviour):
    """``Transfer-Encoding: chunked``; no misbehaviour, but some CPEs think so."""

    KIND: ClassVar[str] = "chunked"

    def spoil(self, answer: HttpAnswer) -> HttpAnswer:
        return replace(answer, chunked=True) if _has_body(answer) else answer


@dataclass(frozen=True, slots=True)
class Gzip(Misbehaviour):
    """``Content-Encoding: gzip``, asked for or not."""

    KIND: ClassVar[str] = "gzip"

    def spoil(self, answer: HttpAnswer) -> HttpAnswer:
        return replace(answer, gzip=True) if _has_body(answer) else answer


@dataclass(frozen=True, slots=True)
class Drip(Misbehaviour):
    """The body comes ``size`` bytes at a time with ``seconds`` between them."""

    KIND: ClassVar[str] = "drip"
    size: int = 1
    seconds: float = 1.0

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
    """Those still to happen, in order, each with how often."""

    LIMIT = 1000

    def __init__(self) -> None:
        self._left: list[tuple[Misbehaviour, int]] = []

    def add(self, wanted: Iterable[Misbehaviour]) -> None:
        """Add some at the end. Raises MisuseError above :attr:`LIMIT`."""
        for one in wanted:
            if len(self._left) >= self.LIMIT:
                raise MisuseError(f"{self.LIMIT} misbehaviours are waiting already")
            self._left.append((one, one.times))

    def waiting(self) -> tuple[tuple[Misbehaviour, int], ...]:
        """Each with how often it is still to happen (0: always)."""
        return tuple(self._left)

    def clear(self) -> None:
        """Behave from now on."""
        self._left.clear()

    def instead(self, moment: Moment) -> tuple[HttpAnswer | None, tuple[str, ...]]:
        """The answer that goes back without the session having seen the POST, and the kinds that made it."""
        for index, (one, _) in enumerate(self._left):
            if one.applies(moment) and (answer := one.instead(moment)) is not None:
                self._used(index)
                return answer, (one.KIND,)
        return None, ()

    def spoil(self, moment: Moment, answer: HttpAnswer) -> tuple[HttpAnswer, tuple[str, ...]]:
        """The answer as altered by every one that applies, and the kinds that altered it."""
        kinds: list[str] = []
        used: list[int] = []
        for index, (one, _) in enumerate(self._left):
            if one.applies(moment) and (altered := one.spoil(answer)) is not answer:
                answer = altered
                kinds.append(one.KIND)
                used.append(index)
        for index in reversed(used):
            self._used(index)
        return answer, tuple(kinds)

    def _used(self, index: int) -> None:
        one, left = self._left[index]
        if left == 1:
            del self._left[index]
        elif left > 1:
            self._left[index] = (one, left - 1)


def answering(asked: Envelope, body: object) -> Envelope:
    """An envelope with ``body`` that answers ``asked``: same ID, same namespace."""
    return Envelope(body=body, id=asked.id, namespace=asked.namespace)  # type: ignore[arg-type]


def _has_body(answer: HttpAnswer) -> bool:
    return answer.envelope is not None or bool(answer.body)
