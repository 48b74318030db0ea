"""Record of refused ConnectionRequests: facts bounded in rate, and counts for `status`.

Any host can send requests, so a fact for each one would fill the log. The first request of each source and reason is
one fact at once. Those that follow within :data:`WINDOW` are counted, and are one fact at its end.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from cwmpagent.agent.facts import ConnectionRequestRefused, Observer
from cwmpagent.agent.ports import Clock, DelayedCall, Timers
from cwmpagent.protocol.connection_request.refusal import Refusal

WINDOW = 60.0
"""Seconds in which requests of one source and reason are summed up."""
MOST_SOURCES = 10
"""Maximum number of sources and reasons in a window that have facts of their own."""
LONGEST_TEXT = 100
"""Maximum number of characters of a text of the client."""


@dataclass(frozen=True, slots=True)
class LastRefused:
    """The last refused request; ``wall``: seconds since 1970."""

    wall: float
    source: str
    by: str
    reason: Refusal


class RefusedRequests:
    """Counts refused requests of one agent. ``last``: the last one."""

    def __init__(self, clock: Clock, timers: Timers, observer: Observer) -> None:
        self._clock = clock
        self._timers = timers
        self._observer = observer
        self._window: dict[tuple[str, str, Refusal], int] = {}  # requests after the first, by source and reason
        self._others = 0
        self._timer: DelayedCall | None = None
        self.counts: Counter[Refusal] = Counter()
        self.last: LastRefused | None = None

    def add(self, source: str, by: str, reason: Refusal, detail: str = "") -> None:
        """Record a request. ``by``: its transport; ``detail``: a text of the client that helps, such as its path."""
        source, key = source[:LONGEST_TEXT], (source[:LONGEST_TEXT], by, reason)
        self.counts[reason] += 1
        self.last = LastRefused(self._clock.wall(), source, by, reason)
        if key in self._window:
            self._window[key] += 1
        elif len(self._window) < MOST_SOURCES:
            self._window[key] = 0
            self._observer(ConnectionRequestRefused(source, by, reason, detail[:LONGEST_TEXT]))
        else:
            self._others += 1
        if self._timer is None or not self._timer.active():
            self._timer = self._timers.callLater(WINDOW, self.report)

    def report(self) -> None:
        """End the window: report the requests that have no fact yet."""
        window, others = self._window, self._others
        self._window, self._others = {}, 0
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        for (source, by, reason), count in window.items():
            if count:
                self._observer(ConnectionRequestRefused(source, by, reason, count=count, summary=True))
        if others:
            self._observer(ConnectionRequestRefused("", "", "", count=others, summary=True))
