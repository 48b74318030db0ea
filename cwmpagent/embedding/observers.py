"""Those who are told every fact: any number of them, none of which can do harm by raising."""

from __future__ import annotations

from collections.abc import Callable

from twisted.logger import Logger

from cwmpagent.agent.facts import Fact

QUIET = 60.0
"""Seconds between two tracebacks in the log of the same observer."""


class Observers:
    """The observer that tells others, in the order in which they came. ``monotonic`` is in seconds."""

    def __init__(self, monotonic: Callable[[], float], logger: Logger | None = None) -> None:
        self._monotonic = monotonic
        self._logger = logger or Logger(namespace="cwmpagent")
        self._told: list[Callable[[Fact], object]] = []
        self._complained_at: dict[int, float] = {}

    def add(self, observer: Callable[[Fact], object]) -> None:
        """Tell ``observer``, too."""
        self._told.append(observer)

    def __call__(self, fact: Fact) -> None:
        for number, observer in enumerate(self._told):
            try:
                observer(fact)
            except Exception:  # it is the embedding program's own code
                self._complain(number, observer, fact)

    def _complain(self, number: int, observer: Callable[[Fact], object], fact: Fact) -> None:
        now = self._monotonic()
        if now - self._complained_at.get(number, -QUIET) >= QUIET:
            self._complained_at[number] = now
            self._logger.failure(
                "the observer {observer} raised when it was told {fact}", observer=observer, fact=type(fact).__name__
            )
