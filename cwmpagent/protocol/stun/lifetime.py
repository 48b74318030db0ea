"""Discovery of the lifetime of an unused NAT binding: a search between two limits (RFC 3489 section 10.2)."""

from __future__ import annotations

from cwmpagent.protocol.stun.transaction import ROUNDING

LONGEST = 1800.0
"""Upper limit of the search in seconds, where the ACS sets none (STUNMaximumKeepAlivePeriod -1)."""
_SHARE = 0.9
"""Fraction of the longest survived time that is used as the period, as a margin for late packets."""
_NEAR = 0.1
"""The search ends when the unknown interval is at most this fraction of the longest survived time."""
_NEAREST = 0.25  # seconds


class LifetimeSearch:
    """Search for the longest time without traffic that a binding survives. All times are in seconds.

    No candidate and no period is below ``shortest`` or above ``longest``.
    """

    def __init__(self, shortest: float, longest: float) -> None:
        self._shortest = shortest
        self._longest = max(shortest, longest)
        self._survived = shortest
        self._died: float | None = None

    @property
    def candidate(self) -> float | None:
        """The idle time to try next; None when the search is finished."""
        if self._died is None:
            at_limit = self._survived >= self._longest - ROUNDING
            return None if at_limit else min(self._longest, self._survived * 2)
        unknown = self._died - self._survived
        if unknown <= max(_NEAREST, _NEAR * self._survived):
            return None
        return self._survived + unknown / 2

    @property
    def period(self) -> float:
        """The keep-alive period that is known to be safe."""
        if self._died is None:
            return self._survived
        return max(self._shortest, self._survived * _SHARE)

    def survived(self, idle: float) -> None:
        """Record that the binding survived ``idle`` seconds without traffic."""
        self._survived = max(self._survived, min(idle, self._longest))
        if self._died is not None and self._died <= self._survived:
            self._died = None

    def died(self, idle: float) -> None:
        """Record that the binding was lost after ``idle`` seconds without traffic; overrides earlier results."""
        self._died = min(idle, self._longest)
        if self._survived >= self._died:
            self._survived = self._shortest

    def anew(self) -> None:
        """Resume the search: the NAT may have been replaced, or a recorded loss may have had another cause."""
        self._died = None
