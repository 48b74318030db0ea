"""Time limits on a monotonic clock. The reactor's own timers may run on the wall clock."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import ConnectingCancelledError
from twisted.internet.interfaces import IDelayedCall, IReactorTime

from cwmpagent.errors import TooSlowError

T = TypeVar("T")

_EARLY = 0.001  # seconds by which a timer may fire before its time


class Deadline:
    """Calls ``expired`` when its time is over. Moving it is cheap enough for every received byte.

    Time is measured by ``monotonic``, in seconds: the reactor's clock may be stepped while the deadline runs.
    """

    def __init__(self, reactor: IReactorTime, monotonic: Callable[[], float], expired: Callable[[], object]) -> None:
        self._reactor = reactor
        self._monotonic = monotonic
        self._expired = expired
        self._at = 0.0
        self._wakes_at = 0.0
        self._call: IDelayedCall | None = None

    @property
    def running(self) -> bool:
        """Whether it is started and has not expired."""
        return self._call is not None

    def start(self, seconds: float) -> None:
        """Set it to expire in ``seconds`` from now. Replaces an earlier time."""
        self._at = self._monotonic() + seconds
        if self._call is not None and self._wakes_at > self._at:
            self.stop()
        if self._call is None:
            self._arm(seconds)

    def stop(self) -> None:
        """Cancel it. Does nothing where it is not running."""
        if self._call is not None:
            self._call.cancel()
            self._call = None

    def _arm(self, seconds: float) -> None:
        self._wakes_at = self._monotonic() + seconds
        self._call = self._reactor.callLater(seconds, self._wake)

    def _wake(self) -> None:
        self._call = None
        left = self._at - self._monotonic()
        if left > _EARLY:
            self._arm(left)
        else:
            self._expired()


async def within(
    seconds: float, waiting: Deferred[T], reactor: IReactorTime, monotonic: Callable[[], float], reason: str
) -> T:
    """Return the result of ``waiting``; cancel it and raise TooSlowError(``reason``) after ``seconds``."""
    late = False

    def expired() -> None:
        nonlocal late
        late = True
        waiting.cancel()

    deadline = Deadline(reactor, monotonic, expired)
    deadline.start(seconds)
    try:
        return await waiting
    except (CancelledError, ConnectingCancelledError) as error:
        if late:
            raise TooSlowError(reason) from None
        raise CancelledError() from error  # a cancelled connection attempt fails with an error class of its own
    finally:
        deadline.stop()
