"""One Binding Request with its retransmissions and its time-out (RFC 3489 section 9.3)."""

from __future__ import annotations

from dataclasses import dataclass, field

REPEATED_AT = (0.0, 0.1, 0.3, 0.7, 1.5, 3.1, 4.7, 6.3, 7.9)
"""Seconds after the first transmission at which an unanswered request is sent."""
PATIENCE = 9.5
"""Seconds after which an unanswered request has failed."""
PROBE_PATIENCE = 3.1
"""The same for a probe. It is shorter, because the binding may be lost while the probe waits for its answer."""
ROUNDING = 1e-6
"""Seconds by which a timer may be early, because sums of floats are not exact."""


@dataclass(slots=True)
class StunTransaction:
    """A request in progress.

    ``began``: the start in monotonic seconds. ``signed``: it has MESSAGE-INTEGRITY. ``has_change``: it has
    BINDING-CHANGE. ``patience``: seconds until the time-out. ``repeated``: it is sent again while it is unanswered.
    """

    id: bytes
    data: bytes = field(repr=False)
    began: float
    signed: bool = False
    has_change: bool = False
    patience: float = PATIENCE
    repeated: bool = True
    _sent: int = 0

    def to_send(self, now: float) -> bool:
        """Whether a transmission is due now; several missed ones count as one. Marks it as sent."""
        due = sum(now >= self.began + after - ROUNDING for after in self._schedule)
        missed, self._sent = due > self._sent, max(due, self._sent)
        return missed

    def over(self, now: float) -> bool:
        """Whether the request has timed out."""
        return now >= self.began + self.patience - ROUNDING

    @property
    def wakes_at(self) -> float:
        """Monotonic time of the next transmission or of the time-out."""
        waits = self._schedule[self._sent :]
        return self.began + min((*waits[:1], self.patience))

    @property
    def _schedule(self) -> tuple[float, ...]:
        return REPEATED_AT if self.repeated else REPEATED_AT[:1]
