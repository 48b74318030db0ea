"""Probes with RESPONSE-ADDRESS (TR-069 Annex G.2.1.2): support by the server, and the lifetime of the binding.

A *trial* is a probe of a fresh binding: only a server that honours RESPONSE-ADDRESS answers it on the primary socket.
The primary socket is silent for longer than the safe period only after a trial has succeeded.
"""

from __future__ import annotations

from cwmpagent.protocol.stun.lifetime import LONGEST, LifetimeSearch
from cwmpagent.protocol.stun.transaction import PROBE_PATIENCE, ROUNDING

ANEW_AFTER = 86400.0
"""Seconds after which the lifetime of the binding is searched again."""
_TRIALS = 3  # probes in a row that are refused, or trials without an answer, before the search is given up
_WINDOW_SHARE = 0.25  # of the longest silence, for the answer to a probe
_UNKNOWN_ATTRIBUTE = 420


class LifetimeProbes:
    """Decides which idle time is tested next, and what the outcome shows. All times are in seconds.

    ``shortest`` and ``longest`` are the limits of the keep-alive period; ``longest`` None: there is no limit.
    """

    def __init__(self, shortest: float, longest: float | None) -> None:
        limit = LONGEST + PROBE_PATIENCE if longest is None else max(shortest, longest)
        window = min(PROBE_PATIENCE, limit * _WINDOW_SHARE)
        self.longest_silence = limit
        """Seconds after the last datagram of the primary socket in which the next one is sent, whatever is tested."""
        self.lateness = window / 2
        """Seconds by which a probe may be late. A later one would leave no time for its answer."""
        self._limits = (shortest, limit - window)
        self._search = LifetimeSearch(*self._limits)
        self._honoured: bool | None = None
        self._failed = 0  # in a row
        self._trial_from = float("-inf")
        self._tested: float | None = None  # idle time of the probe in progress or without an answer; 0: a trial
        self._ended: float | None = None  # time at which the search ended

    @property
    def period(self) -> float:
        """Keep-alive period that is known to be safe, or is the shortest that is allowed."""
        return self._search.period

    @property
    def searching(self) -> bool:
        """Whether the search for the lifetime is still running."""
        return self._honoured is not False and self._search.candidate is not None

    @property
    def on_trial(self) -> bool:
        """Whether the probe in progress is a trial."""
        return self._tested == 0

    def idle_to_test(self, now: float, fresh_since: float) -> float | None:
        """Idle time after which the next probe is to be sent; 0: a trial, now. None: no probe is to be sent.

        ``fresh_since``: time of the last datagram from the primary socket.
        """
        if self._ended is not None and now >= self._ended + ANEW_AFTER:
            self._search.anew()
            self._honoured, self._failed, self._ended = self._honoured or None, 0, None
        if not self.searching:
            if self._ended is None:
                self._ended = fresh_since
            return None
        if self._honoured:
            return self._search.candidate
        return 0.0 if now >= self._trial_from - ROUNDING else None

    def begin(self, idle: float) -> None:
        """Record that a probe was sent after ``idle`` seconds; 0: a trial."""
        self._tested = idle

    def forget(self) -> None:
        """Drop the probe: it shows nothing."""
        self._tested = None

    def answered(self) -> None:
        """Record an answer to the probe on the primary socket."""
        idle, self._tested = self._tested, None
        self._honoured, self._failed = True, 0
        if idle:
            self._search.survived(idle)

    def refused(self, error: int | None, now: float) -> None:
        """Record an answer on the secondary socket; ``error``: its code, None: RESPONSE-ADDRESS was ignored."""
        self._tested = None
        self._fail(now, final=error in (None, _UNKNOWN_ATTRIBUTE))

    def server_answers(self, now: float) -> bool:
        """Record that the server answered a request after a probe without an answer. False: there is no such probe."""
        idle, self._tested = self._tested, None
        if idle is None:
            return False
        if idle:
            self._search.died(idle)
        else:
            self._fail(now)
        return True

    def lost(self) -> None:
        """Record that the binding was lost within the period."""
        if self._honoured is not False and not self.searching:
            self._search.died(self._search.period)
            self._ended = None

    def _fail(self, now: float, *, final: bool = False) -> None:
        self._failed += 1
        self._trial_from = now + self._search.period
        if final or self._failed >= _TRIALS:  # no support of RESPONSE-ADDRESS: only the shortest period is safe
            self._honoured = False
            self._search = LifetimeSearch(*self._limits)
