"""RequestDownload: the device asks the ACS for a Download (A.4.2.2), with the event ``9 REQUEST DOWNLOAD``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cwmpagent.agent.events import Events
from cwmpagent.agent.session.own_requests import Answered, OwnRequest
from cwmpagent.errors import MisuseError
from cwmpagent.protocol.agenda.events import REQUEST_DOWNLOAD, Event
from cwmpagent.protocol.rpc import ArgStruct, Fault, RequestDownload, Response

MOST_ARGUMENTS = 16
MOST_REQUESTS = 16


class DownloadRequests:
    """The source of these requests. Like their event, they do not outlive a boot or a restart."""

    def __init__(self, events: Events) -> None:
        self._events = events
        self._waiting: list[OwnRequest] = []

    def ask(self, file_type: str, arguments: Mapping[str, str]) -> None:
        """Ask for a Download. Raises MisuseError for arguments that no request can have, or too many requests."""
        if not 0 < len(file_type) <= 64 or len(arguments) > MOST_ARGUMENTS:
            raise MisuseError(f"a file type of 1 to 64 characters and at most {MOST_ARGUMENTS} arguments are expected")
        if any(len(name) > 64 or len(value) > 256 for name, value in arguments.items()):
            raise MisuseError("the name of an argument has at most 64 characters, its value at most 256")
        if len(self._waiting) >= MOST_REQUESTS:
            raise MisuseError(f"{MOST_REQUESTS} requests for a download are waiting already")
        listed = tuple(ArgStruct(name, value) for name, value in arguments.items())
        self._waiting.append(OwnRequest(RequestDownload(file_type, listed)))
        self._events.raise_event(Event(REQUEST_DOWNLOAD))

    def requests(self) -> Sequence[OwnRequest]:
        """The requests that the ACS has not answered."""
        return tuple(self._waiting)

    def answered(self, own: OwnRequest, answer: Response | Fault) -> Answered:
        """Remove the request; a fault, too, is an answer."""
        self._waiting.remove(own)
        return Answered()
