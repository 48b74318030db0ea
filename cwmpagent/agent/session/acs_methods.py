"""GetRPCMethods of the device: it asks the ACS which RPCs that has (TR-069 A.3.1.1)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from twisted.internet.defer import Deferred

from cwmpagent.agent.events import Events
from cwmpagent.agent.facts import AcsMethods, Observer
from cwmpagent.agent.session.own_requests import Answered, OwnRequest
from cwmpagent.errors import CwmpFault
from cwmpagent.protocol.agenda.events import Event
from cwmpagent.protocol.rpc import Fault, GetRPCMethods, GetRPCMethodsResponse, Response


class AcsMethodRequests:
    """The source of this request. It is sent once for all who ask before its answer, and outlives no restart."""

    def __init__(self, events: Events, observer: Observer) -> None:
        self._events = events
        self._observer = observer
        self._waiting: list[Deferred[tuple[str, ...]]] = []
        self._request = OwnRequest(GetRPCMethods())

    def ask(self, event: Event) -> Deferred[tuple[str, ...]]:
        """Open a session with ``event``, and ask. Fires with the names of the RPCs, in the order of the ACS.

        Errbacks with CwmpFault: the fault of the ACS, or 9002 after :meth:`stop`. May be cancelled.
        """
        waiting: Deferred[tuple[str, ...]] = Deferred(lambda cancelled: self._waiting.remove(cancelled))
        self._waiting.append(waiting)
        self._events.raise_event(event)
        return waiting

    def stop(self) -> None:
        """End the wait of all who have asked: the agent stops."""
        self._end(lambda each: each.errback(CwmpFault(9002, "the agent has stopped before the ACS answered")))

    def requests(self) -> Sequence[OwnRequest]:
        """The request, if somebody waits for its answer."""
        return [self._request] if self._waiting else []

    def answered(self, own: OwnRequest, answer: Response | Fault) -> Answered:
        """Pass the answer on."""
        if isinstance(answer, GetRPCMethodsResponse):
            methods = answer.method_list
            self._observer(AcsMethods(methods))
            self._end(lambda each: each.callback(methods))
        elif isinstance(answer, Fault):
            code, text = answer.code, answer.text
            self._observer(AcsMethods((), code, text))
            self._end(lambda each: each.errback(CwmpFault(code, text)))
        return Answered()

    def _end(self, end: Callable[[Deferred[tuple[str, ...]]], None]) -> None:
        waiting, self._waiting = self._waiting, []
        for each in waiting:
            end(each)
