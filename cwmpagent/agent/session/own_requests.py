"""Requests of the agent in a session: TransferComplete, Kicked ... (TR-069 3.7.1.4).

A subsystem with such requests is a :class:`RequestSource`. They are offered to each session as it opens, and sent in
order after the Inform; one whose event is not in the Inform waits for the next session. A source keeps a request until
it is delivered; a failed session has delivered only the requests that the ACS answered.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from cwmpagent.agent.facts import Observer, Warned
from cwmpagent.agent.internal_errors import report_internal_error
from cwmpagent.errors import MisuseError
from cwmpagent.protocol.agenda import Agenda
from cwmpagent.protocol.agenda.events import Event
from cwmpagent.protocol.rpc import CpeRequest, Fault, Response, rpc_name
from cwmpagent.protocol.session import Session
from cwmpagent.protocol.soap import Envelope, encode


@dataclass(frozen=True, slots=True)
class OwnRequest:
    """One request, and the event that its answer delivers.

    ``command_key`` and ``code`` identify that event in the agenda; an empty ``code`` means any event with that
    CommandKey. Both are empty for a request without an event.
    """

    request: CpeRequest
    command_key: str = ""
    code: str = ""

    def is_announced_by(self, event: Event) -> bool:
        """Whether its answer delivers ``event``."""
        if not self.code and not self.command_key:
            return False
        return event.command_key == self.command_key and self.code in ("", event.code)


@dataclass(frozen=True, slots=True)
class Answered:
    """Decision of a source about an answer.

    ``delivered`` false: the source keeps the request for the next session. ``notes`` are saved in one transaction
    with the agenda, before the next POST.
    """

    delivered: bool = True
    notes: Mapping[str, str | None] = field(default_factory=dict)


class RequestSource(Protocol):
    """A subsystem that sends requests to the ACS."""

    def requests(self) -> Sequence[OwnRequest]:
        """Return all requests that are not delivered, in the order in which they are to be sent."""

    def answered(self, own: OwnRequest, answer: Response | Fault) -> Answered:
        """Process the answer of the ACS to ``own``. After a delivery, :meth:`requests` must not return it again."""


class OwnRequests:
    """The sources, and the requests that are offered to the session under way."""

    def __init__(self, agenda: Agenda, observer: Observer) -> None:
        self._agenda = agenda
        self._observer = observer
        self._sources: list[RequestSource] = []
        self._session: Session | None = None
        self._announced: Collection[Event] = ()
        self._offered: list[tuple[RequestSource, OwnRequest]] = []
        self._counts: Counter[OwnRequest] = Counter()

    def add(self, source: RequestSource) -> None:
        """Offer the requests of ``source`` from now on."""
        self._sources.append(source)

    def begin(self, session: Session, announced: Collection[Event]) -> None:
        """Offer all requests to ``session``, which is about to begin; ``announced``: the events of its Inform."""
        self._session = session
        self._announced = announced
        self._offered = []
        self._counts = Counter()
        self.offer()

    def end(self) -> None:
        """End the session; undelivered requests are offered to the next one."""
        self._session = None

    def offer(self) -> None:
        """Offer new requests to the session under way. A source calls this when it has another request.

        A session that sends no more requests accepts none; they are offered to the next one.
        """
        if self._session is None:
            return
        for source in self._sources:
            seen: Counter[OwnRequest] = Counter()
            for own in self._of(source):
                seen[own] += 1
                if seen[own] <= self._counts[own] or self._is_late(own):
                    continue
                if not self._is_writable(own):
                    self._counts[own] += 1  # one warning a session
                elif self._session.offer(own.request):
                    self._counts[own] += 1
                    self._offered.append((source, own))

    def answered(self, request: CpeRequest, answer: Response | Fault) -> Mapping[str, str | None]:
        """Process the answer of the ACS to ``request``. Returns the notes to save before the next POST."""
        place = next((at for at, (_, own) in enumerate(self._offered) if own.request is request), None)
        if place is None:
            return {}
        source, own = self._offered.pop(place)
        try:
            result = source.answered(own, answer)
        except Exception:
            report_internal_error(self._observer)
            return {}
        if result.delivered:
            name = rpc_name(request)
            left = [each for other in self._sources for each in self._of(other) if rpc_name(each.request) == name]
            again = sum((each.command_key, each.code) == (own.command_key, own.code) for each in left)
            self._agenda.delivered_by(name, own.command_key, code=own.code, more=bool(left), again=again)
        self.offer()
        return result.notes

    def _is_late(self, own: OwnRequest) -> bool:
        """Whether the event of ``own`` has happened since the Inform, so that another session has to announce it."""
        events = [event for event in self._agenda.pending if own.is_announced_by(event)]
        return bool(events) and not any(event in self._announced for event in events)

    def _of(self, source: RequestSource) -> Sequence[OwnRequest]:
        try:
            return source.requests()
        except Exception:
            report_internal_error(self._observer)
            return ()

    def _is_writable(self, own: OwnRequest) -> bool:
        """Whether ``own`` can be encoded; otherwise a warning is emitted, so that it does not end each session."""
        try:
            encode(Envelope(body=own.request))
        except MisuseError as error:
            self._observer(Warned(f"{rpc_name(own.request)} cannot be sent: {error}"))
            return False
        return True
