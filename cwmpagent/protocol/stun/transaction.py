"""One Binding Request, its repetitions, and the end of patience with it (RFC 3489 section 9.3)."""

from __future__ import annotations

from dataclasses import dataclass, field

REPEATED_AT = (0.0, 0.1, 0.3, 0.7, 1.5, 3.1, 4.7, 6.3, 7.9)
"""Seconds after the first at which a request that has no answer yet is sent again."""
PATIENCE = 9.5
"""Seconds after which there will be none."""
_ROUNDING = 1e-6


@dataclass(slots=True)
class StunTransaction:
    """A request under way: its bytes, and when it ``began``, in monotonic seconds; ``signed``: with the password;
    ``tells``: it has BINDING-CHANGE.
    """

    id: bytes
    data: bytes = field(repr=False)
    began: float
    signed: bool = False
    tells: bool = False
    _sent: int = 0

    def to_send(self, now: float) -> bool:
        """Whether it is to be sent now, for the first time or again; several times that were missed are one."""
        due = sum(now >= self.began + after - _ROUNDING for after in REPEATED_AT)
        missed, self._sent = due > self._sent, max(due, self._sent)
        return missed

    def over(self, now: float) -> bool:
        """Whether nothing is to be waited for any more."""
        return now >= self.began + PATIENCE - _ROUNDING

    @property
    def wakes_at(self) -> float:
        """When it is to be looked at again."""
        return self.began + (REPEATED_AT[self._sent] if self._sent < len(REPEATED_AT) else PATIENCE)
