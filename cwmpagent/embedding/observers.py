"""The observers of all facts. An exception in one of them does not affect the agent or other observers."""

from __future__ import annotations

from collections.abc import Callable

from twisted.logger import Logger

from cwmpagent.agent.facts import Fact
from cwmpagent.embedding.arguments import check_function

QUIET = 60.0
"""Minimum seconds between two tracebacks of the same observer in the log."""


class Observers:
    """An observer that calls others in the order in which they were added. ``monotonic``: seconds, never set back."""

    def __init__(self, monotonic: Callable[[], float], logger: Logger | None = None) -> None:
        self._monotonic = monotonic
        self._logger = logger or Logger(namespace="cwmpagent")
        self._observers: list[Callable[[Fact], object]] = []
        self._logged_at: dict[int, float] = {}

    def add(self, observer: Callable[[Fact], object]) -> None:
        """Call ``observer`` with every fact from now on. Raises MisuseError for one that cannot be called."""
        check_function(observer, "an observer", "agent.observe(function), which is called with each fact", plain=True)
        self._observers.append(observer)

    def __call__(self, fact: Fact) -> None:
        for number, observer in enumerate(self._observers):
            try:
                observer(fact)
            except Exception:  # code of the embedding program may raise anything
                self._log(number, observer, fact)

    def _log(self, number: int, observer: Callable[[Fact], object], fact: Fact) -> None:
        now = self._monotonic()
        if now - self._logged_at.get(number, -QUIET) >= QUIET:
            self._logged_at[number] = now
            self._logger.failure(
                "the observer {observer} raised an exception for {fact}", observer=observer, fact=type(fact).__name__
            )
