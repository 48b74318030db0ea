"""The wait after a failed session, and RetryCount (TR-069 3.2.1.1)."""

from __future__ import annotations

from dataclasses import dataclass

from cwmpagent.protocol.agenda.clock import Chance, Now
from cwmpagent.protocol.agenda.saved_json import SavedJson

LAST_STEP = 10
"""Number of failures in a row after which the wait does not grow any more."""


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """CWMPRetryMinimumWaitInterval in seconds and CWMPRetryIntervalMultiplier in thousandths.

    Values below the ranges of the standard are raised to 1 and 1000.
    """

    minimum: int = 5
    multiplier: int = 2000

    def bounds(self, failures: int) -> tuple[float, float]:
        """The shortest and longest wait in seconds after ``failures`` (at least 1) failed sessions in a row."""
        step = min(failures, LAST_STEP)
        minimum, factor = max(1, self.minimum), max(1000, self.multiplier) / 1000
        return minimum * factor ** (step - 1), minimum * factor**step


class Retries:
    """The failed sessions since the last successful one.

    ``policy`` is read when a wait begins. ``count`` is RetryCount. ``at`` is the monotonic time of the next attempt.
    ``owed``: a session failed after its Inform was answered, so that a retry is required even without an event.
    """

    def __init__(self) -> None:
        self.policy = RetryPolicy()
        self.count = 0
        self.at: float | None = None
        self.owed = False
        self._wait = 0.0  # the last wait in seconds

    def failed(self, now: Now, chance: Chance, *, again: bool, informed: bool) -> None:
        """Record a failed session. ``again``: events are left to retry. ``informed``: the Inform was answered."""
        self.count += 1
        self.owed = self.owed or informed
        self._wait = chance.uniform(*self.policy.bounds(self.count))
        self.at = now.monotonic + self._wait if again or self.owed else None

    def forget(self) -> None:
        """Reset after a successful session, a boot, or a change of the ACS."""
        self.count = 0
        self.at = None
        self.owed = False

    def record(self) -> dict[str, object]:
        """Return the state for :meth:`restored` as JSON values."""
        return {
            "minimum": self.policy.minimum,
            "multiplier": self.policy.multiplier,
            "count": self.count,
            "at": self.at,
            "wait": self._wait,
            "owed": self.owed,
        }

    @classmethod
    def restored(cls, record: SavedJson, now: Now) -> Retries:
        """Restore a :meth:`record` of the same boot. Raises ValueError where it is damaged."""
        retries = cls()
        retries.policy = RetryPolicy(record.whole("minimum"), record.whole("multiplier"))
        retries.count = record.whole("count")
        retries.owed = record.flag("owed")
        retries._wait = record.number("wait", retries.policy.bounds(max(1, retries.count))[1])
        at = record.number_or_none("at")
        retries.at = None if at is None else min(at, now.monotonic + retries._wait)
        return retries
