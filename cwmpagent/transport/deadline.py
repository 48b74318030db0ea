"""Time limits that hold although the reactor's own timers run on the wall clock."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import ConnectingCancelledError
from twisted.internet.interfaces import IDelayedCall, IReactorTime

from cwmpagent.errors import TooSlowError

T = TypeVar("T")

_EARLY = 0.001  # seconds: a timer may fire so much before its time


class Deadline:
    """Calls ``expired`` once its time is over, and can be moved as often as bytes arrive, at no cost.

    The reactor's clock may be stepped while it runs; what counts is ``monotonic``, seconds that are never set.
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
        """Whether it will expire."""
        return self._call is not None

    def start(self, seconds: float) -> None:
        """Let it expire in ``seconds`` from now, whatever was set before."""
        self._at = self._monotonic() + seconds
        if self._call is not None and self._wakes_at > self._at:
            self.stop()
        if self._call is None:
            self._arm(seconds)

    def stop(self) -> None:
        """It shall not expire; harmless where it is not running."""
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
    """The result of ``waiting``; TooSlowError with ``reason`` when it takes longer than ``seconds``."""
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
        raise CancelledError() from error  # a cancelled connection attempt has a word of its own for it
    finally:
        deadline.stop()
