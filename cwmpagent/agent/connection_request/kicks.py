"""The kick page (TR-069 A.4.2.1, Annex D): browsers that wait until the ACS has answered Kicked.

Any host that can reach the listener may ask, without credentials. What that can cause is bounded: how many requests
are not answered yet, how often a browser is accepted, and for how long it waits. It goes only where the ACS sends it.
A request whose browser has gone, or was told that it is too late, is still sent: like its event, until the ACS answers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from twisted.internet.defer import Deferred, succeed

from cwmpagent.agent.connection_request.http import ConnectionRequests
from cwmpagent.agent.events import Events
from cwmpagent.agent.facts import KickEnded, Observer
from cwmpagent.agent.ports import Clock, DelayedCall, Timers
from cwmpagent.agent.session.own_requests import Answered, OwnRequest
from cwmpagent.protocol.agenda import Agenda, Now
from cwmpagent.protocol.agenda.events import KICKED, Event
from cwmpagent.protocol.connection_request.rate_limit import RateLimit
from cwmpagent.protocol.connection_request.refusal import Refusal
from cwmpagent.protocol.kick import PageAnswer, is_web_url, kicked_from, web_origin
from cwmpagent.protocol.rpc import Fault, KickedResponse, Response

MOST_WAITING = 8
MOST_OF_A_SOURCE = 2
"""Maximum number of requests that the ACS has not answered, of browsers at all addresses and at one."""
MOST_ACCEPTED, WINDOW = 10, 60.0
"""Maximum number of browsers that are accepted in any ``WINDOW`` seconds."""
PATIENCE = 30.0
"""Seconds for which a browser waits for the answer of the ACS."""

_TOLD = PageAnswer(200, "The management server has been told. It named no page to go on to.")
_BAD_URL = PageAnswer(502, "The management server named a page that is no http or https address.")
_FAULT = PageAnswer(502, "The management server refused the request.")
_TOO_MANY = PageAnswer(503, "Too many requests. Try again in a minute.")
_UNREACHABLE = PageAnswer(503, "The management server cannot be reached at present. Try again later.")
_STOPPING = PageAnswer(503, "The device is being stopped or restarted. Try again later.")
_LATE = f"the ACS has not answered within {PATIENCE:g} s"
_TOO_LATE = PageAnswer(504, "The management server has not answered. Try again later.")


@dataclass(slots=True, eq=False)
class _Kick:
    """A request of a browser; ``own``: the Kicked for it. ``timer``: None once the browser no longer waits."""

    source: str
    own: OwnRequest
    answered: Deferred[PageAnswer]
    timer: DelayedCall | None = None


class Kicks:
    """The page of one agent, at ``path``, and the source of its Kicked requests.

    Neither the browsers nor ``5 KICKED`` outlive a restart.
    """

    def __init__(
        self,
        path: str,
        connection_requests: ConnectionRequests,
        agenda: Agenda,
        events: Events,
        clock: Clock,
        timers: Timers,
        observer: Observer,
    ) -> None:
        self.path = path
        self._connection_requests = connection_requests
        self._agenda = agenda
        self._events = events
        self._clock = clock
        self._timers = timers
        self._observer = observer
        self._limit = RateLimit(MOST_ACCEPTED, WINDOW)
        self._unanswered: list[_Kick] = []
        self._stopped = False

    def enabled(self) -> bool:
        """Whether there is a page now: as long as ConnectionRequests by HTTP are accepted."""
        return self._connection_requests.enabled()

    def refused(self, source: str, reason: Refusal, detail: str = "") -> None:
        """Record a request for the page that is refused, beside refused ConnectionRequests."""
        self._connection_requests.refused(source, reason, detail)

    def asked(self, source: str, query: str, referer: str) -> Deferred[PageAnswer]:
        """Begin a kick for a browser at the address ``source``. The result never errbacks, except when cancelled.

        Cancel it when the browser has gone. In a retry wait a browser is sent away: no stranger can shorten it.
        """
        if self._stopped:
            return succeed(_STOPPING)
        try:
            own = OwnRequest(kicked_from(query, referer), code=KICKED)
        except ValueError as error:
            self.refused(source, Refusal.WRONG_KICK)
            return succeed(PageAnswer(400, str(error)))
        if self._agenda.retry_in(Now.read(self._clock)) is not None:
            return succeed(_UNREACHABLE)
        same = sum(kick.source == source for kick in self._unanswered)
        full = len(self._unanswered) >= MOST_WAITING or same >= MOST_OF_A_SOURCE
        if full or not self._limit.accept(self._clock.monotonic()):
            self.refused(source, Refusal.TOO_MANY_REQUESTS)
            return succeed(_TOO_MANY)
        kick = _Kick(source, own, Deferred(self._gone))
        kick.timer = self._timers.callLater(PATIENCE, lambda: self._answer(kick, _TOO_LATE, _LATE))
        self._unanswered.append(kick)
        self._events.raise_event(Event(KICKED))
        return kick.answered

    def requests(self) -> Sequence[OwnRequest]:
        """The requests that the ACS has not answered; none for an ACS that is another one since: it has no event."""
        if Event(KICKED) not in self._agenda.pending:
            self._dismiss(_UNREACHABLE, "the ACS is another one now")
        return tuple(kick.own for kick in self._unanswered)

    def answered(self, own: OwnRequest, answer: Response | Fault) -> Answered:
        """Send the browser to the NextURL; a fault, too, is an answer."""
        for kick in self._unanswered:
            if kick.own is own:
                self._unanswered.remove(kick)
                self._answer(kick, *_outcome(answer))
                break
        return Answered()

    def stop(self) -> None:
        """Send every browser away, and accept no more."""
        self._stopped = True
        if self._unanswered:
            self._dismiss(_STOPPING, "the agent stops")
            self._events.withdraw(KICKED)

    def resume(self) -> None:
        """Accept browsers again after :meth:`stop`."""
        self._stopped = False

    def _dismiss(self, page: PageAnswer, outcome: str) -> None:
        """Forget all requests, and send ``page`` to the browsers that still wait."""
        unanswered, self._unanswered = self._unanswered, []
        for kick in unanswered:
            self._answer(kick, page, outcome)

    def _gone(self, answered: Deferred[PageAnswer]) -> None:
        for kick in self._unanswered:
            if kick.answered is answered:
                self._end(kick, "the browser has gone")
                break

    def _answer(self, kick: _Kick, page: PageAnswer, outcome: str) -> None:
        """Send ``page`` to the browser, if it still waits."""
        if kick.timer is not None:
            self._end(kick, outcome)
            kick.answered.callback(page)

    def _end(self, kick: _Kick, outcome: str) -> None:
        timer, kick.timer = kick.timer, None
        if timer is not None and timer.active():
            timer.cancel()
        self._observer(KickEnded(kick.source, outcome))


def _outcome(answer: Response | Fault) -> tuple[PageAnswer, str]:
    """The page for the browser, and the outcome for the log."""
    if isinstance(answer, Fault):
        return _FAULT, f"the ACS answered fault {answer.code}"
    url = answer.next_url if isinstance(answer, KickedResponse) else ""
    if not url:
        return _TOLD, "the ACS named no page"
    if not is_web_url(url):
        return _BAD_URL, "the ACS named a page that is no http or https URL"
    return PageAnswer(302, location=url), f"sent on to {web_origin(url)}"
