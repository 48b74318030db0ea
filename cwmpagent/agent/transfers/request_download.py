"""RequestDownload: the device asks the ACS for a Download (A.4.2.2), with the event ``9 REQUEST DOWNLOAD``."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from twisted.internet.defer import Deferred

from cwmpagent.agent.events import Events
from cwmpagent.agent.facts import Observer, Warned
from cwmpagent.agent.journal import Journal
from cwmpagent.agent.ports import Clock
from cwmpagent.agent.session.own_requests import Answered, OwnRequest
from cwmpagent.errors import MisuseError
from cwmpagent.protocol.agenda import Agenda, Now
from cwmpagent.protocol.agenda.events import REQUEST_DOWNLOAD, Event
from cwmpagent.protocol.agenda.saved_json import SavedJson
from cwmpagent.protocol.rpc import ArgStruct, Fault, RequestDownload, Response
from cwmpagent.values import can_be_sent

DOWNLOAD_REQUESTS = "download_requests"
"""Name of the saved note."""
MOST_ARGUMENTS = 16
MOST_REQUESTS = 16
LONGEST_FILE_TYPE, LONGEST_NAME, LONGEST_VALUE = 64, 64, 256


class DownloadRequests:
    """The source of these requests. Like their event, they outlive a restart of the process, but no boot and no
    other ACS.

    ``saved``: the note of the last start; ``booted``: the device has booted since.
    """

    def __init__(
        self,
        agenda: Agenda,
        events: Events,
        journal: Journal,
        clock: Clock,
        observer: Observer,
        saved: str | None,
        *,
        booted: bool,
    ) -> None:
        self._agenda = agenda
        self._events = events
        self._journal = journal
        self._waiting: list[RequestDownload] = []
        if saved is not None and not booted:
            try:
                self._waiting = _restored(saved)
            except ValueError as error:
                observer(Warned(f"cannot read the saved requests for a download, they are not sent: {error}"))
        event = Event(REQUEST_DOWNLOAD)
        if self._waiting and event not in agenda.pending:
            agenda.add(event, Now.read(clock))
        elif not self._waiting:
            agenda.withdraw(REQUEST_DOWNLOAD)

    @property
    def note(self) -> Mapping[str, str | None]:
        """The note that a start saves."""
        return {DOWNLOAD_REQUESTS: _record(self._waiting) if self._waiting else None}

    def ask(self, file_type: str, arguments: Mapping[str, str]) -> Deferred[None]:
        """Ask for a Download. Fires when the request is saved; never errbacks.

        Raises MisuseError for a file type or arguments that no request can have, and for too many requests.
        """
        request = RequestDownload(file_type, tuple(ArgStruct(name, value) for name, value in arguments.items()))
        wrong = _wrong(request)
        if wrong:
            raise MisuseError(wrong)
        if len(self._waiting) >= MOST_REQUESTS:
            raise MisuseError(f"{MOST_REQUESTS} requests for a download are waiting already")
        self._waiting.append(request)
        saved = self._journal.save_soon(self.note)
        self._events.raise_event(Event(REQUEST_DOWNLOAD))
        return saved

    def requests(self) -> Sequence[OwnRequest]:
        """The requests that the ACS has not answered; none for an ACS that is another one since: it has no event."""
        if self._waiting and Event(REQUEST_DOWNLOAD) not in self._agenda.pending:
            self._waiting = []
            self._journal.save_soon(self.note)
        return [OwnRequest(request, code=REQUEST_DOWNLOAD) for request in self._waiting]

    def answered(self, own: OwnRequest, answer: Response | Fault) -> Answered:
        """Remove the request; a fault, too, is an answer."""
        self._waiting = [each for each in self._waiting if each is not own.request]
        return Answered(notes=self.note)


def _wrong(request: RequestDownload) -> str:
    """Reason why ``request`` cannot be sent; empty if it can."""
    pairs = [(each.name, each.value) for each in request.file_type_arg]
    if not 0 < len(request.file_type) <= LONGEST_FILE_TYPE or len(pairs) > MOST_ARGUMENTS:
        return f"a file type of 1 to {LONGEST_FILE_TYPE} characters and at most {MOST_ARGUMENTS} arguments are expected"
    if any(not 0 < len(name) <= LONGEST_NAME or len(value) > LONGEST_VALUE for name, value in pairs):
        return f"an argument has a name of 1 to {LONGEST_NAME} characters and a value of at most {LONGEST_VALUE}"
    if not can_be_sent("".join([request.file_type, *(text for pair in pairs for text in pair)])):
        return "the file type and the arguments cannot have control characters"
    return ""


def _record(requests: Sequence[RequestDownload]) -> str:
    rows = [
        {"file_type": each.file_type, "arguments": {arg.name: arg.value for arg in each.file_type_arg}}
        for each in requests
    ]
    return json.dumps({"requests": rows}, separators=(",", ":"))


def _restored(text: str) -> list[RequestDownload]:
    """The requests of a :func:`_record`. Raises ValueError where it is damaged."""
    requests = [
        RequestDownload(
            row.text("file_type"), tuple(ArgStruct(*pair) for pair in row.texts_by_name("arguments").items())
        )
        for row in SavedJson.parse(text).rows("requests")
    ]
    wrong = next((wrong for wrong in map(_wrong, requests) if wrong), "")
    if wrong or len(requests) > MOST_REQUESTS:
        raise ValueError(wrong or f"more than {MOST_REQUESTS} requests")
    return requests
