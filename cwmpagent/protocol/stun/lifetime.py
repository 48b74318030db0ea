"""How long a NAT keeps a binding that is not used: a search between two limits, by trying (RFC 3489 section 10.2)."""

from __future__ import annotations

LONGEST = 1800.0
"""Seconds above which nothing is tried where the ACS sets no limit (STUNMaximumKeepAlivePeriod -1)."""
_SHARE = 0.9
"""The part of the longest time survived that is taken, so that a late packet still finds the binding."""
_NEAR = 0.1
"""The search ends when what is not known is no more than this part of what is."""
_NEAREST = 0.25  # seconds


class LifetimeSearch:
    """Which silence to try next, and which period is safe by now; all in seconds.

    ``shortest`` is never gone below, whatever the NAT does; ``longest`` is never gone beyond.
    """

    def __init__(self, shortest: float, longest: float) -> None:
        self._shortest = shortest
        self._longest = max(shortest, longest)
        self._survived = shortest
        self._died: float | None = None

    @property
    def candidate(self) -> float | None:
        """The silence to try next; None when enough is known."""
        if self._died is None:
            return min(self._longest, self._survived * 2) if self._survived < self._longest else None
        unknown = self._died - self._survived
        if unknown <= max(_NEAREST, _NEAR * self._survived):
            return None
        return self._survived + unknown / 2

    @property
    def period(self) -> float:
        """How often to keep the binding alive, by what is known now."""
        if self._died is None:
            return self._survived
        return max(self._shortest, self._survived * _SHARE)

    def survived(self, silence: float) -> None:
        """The binding was still there after so much silence."""
        self._survived = max(self._survived, min(silence, self._longest))
        if self._died is not None and self._died <= self._survived:
            self._died = None

    def died(self, silence: float) -> None:
        """The binding was gone after so much silence, whatever was found before."""
        self._died = min(silence, self._longest)
        if self._survived >= self._died:
            self._survived = self._shortest

    def anew(self) -> None:
        """Look beyond what was found: the NAT may be another by now, or a death may have been none."""
        self._died = None
