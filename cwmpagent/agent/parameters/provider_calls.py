"""Guarded calls of providers: each ends with a result or an exception within a time limit."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.python.failure import Failure
from twisted.python.reflect import safe_str

from cwmpagent.agent.facts import Observer, Warned
from cwmpagent.agent.ports import Provider, Timers
from cwmpagent.datamodel.names import Name, named, objects_above
from cwmpagent.datamodel.schema import is_instance_number
from cwmpagent.errors import CwmpAgentError, CwmpFault
from cwmpagent.gradual import Gradual, at_once

CALL_TIMEOUT = 5.0
"""Seconds that one call of a provider may take."""
LOG_INTERVAL = 60.0
"""Least seconds between two log lines about the same provider."""


class Unavailable(CwmpAgentError):
    """A call of a provider failed; the reason is for the log, not for an ACS."""


class GuardedProvider:
    """One provider. ``monotonic``: clock in seconds for the limit of log lines."""

    def __init__(self, provider: Provider, timers: Timers, monotonic: Callable[[], float], observer: Observer) -> None:
        self.provider = provider
        self.name = provider.name or type(provider).__name__
        # A provider that is no subclass of Provider may not say what it can change: then its check alone decides.
        self._changeable = frozenset(map(_plain, getattr(provider, "changeable", provider.paths)))
        self._timers = timers
        self._monotonic = monotonic
        self._observer = observer
        self._late: set[Deferred[Any]] = set()
        self._logged_at: float | None = None

    def can_change(self, name: Name) -> bool:
        """Whether it can change a parameter, or create and delete rows of a table; ``name`` may be a row, too."""
        pairs = zip(_above(name), _above(name.template), strict=True)
        return any(not self._changeable.isdisjoint(pair) for pair in pairs)

    async def call(self, method: str, *arguments: object) -> Any:
        """Call ``method`` of the provider, and return its result. Raises Unavailable, and a CwmpFault of the provider.

        A call that exceeds :data:`CALL_TIMEOUT` is cancelled. If it ignores that, the provider is not called again
        until this call has ended.
        """
        if self._late:
            raise self.failure(f"{method} is not called: an earlier call has not ended")
        results: list[Any] = []
        waiting: Deferred[None] = Deferred()

        def ended(result: Any) -> None:
            results.append(result)
            self._late.discard(work)
            if not waiting.called:
                waiting.callback(None)

        work: Deferred[Any] = maybeDeferred(getattr(self.provider, method), *arguments)
        work.addCallback(_copied)
        work.addBoth(ended)
        if not results:
            timer = self._timers.callLater(CALL_TIMEOUT, lambda: waiting.callback(None))
            try:
                await waiting
            finally:
                timed_out = not results
                if timer.active():
                    timer.cancel()
                if timed_out:
                    self._late.add(work)
                    work.cancel()
            if timed_out:
                raise self.failure(f"{method} has not ended after {CALL_TIMEOUT:g} s")
        return self._result(method, results[0])

    def failure(self, reason: str) -> Unavailable:
        """Log ``reason``, at most one line in :data:`LOG_INTERVAL` seconds, and return the exception to raise."""
        text = f"provider {self.name}: {reason}"
        now = self._monotonic()
        if self._logged_at is None or now - self._logged_at >= LOG_INTERVAL:
            self._logged_at = now
            self._observer(Warned(text))
        return Unavailable(text)

    def _result(self, method: str, result: Any) -> Any:
        if not isinstance(result, Failure):
            return result
        if isinstance(result.value, CwmpFault):
            raise result.value
        raise self.failure(f"{method} raised {type(result.value).__name__}: {safe_str(result.value)}")


class GuardedProviders:
    """All providers of one agent, found by the parameters and rows for which they are responsible."""

    def __init__(
        self, providers: Sequence[Provider], timers: Timers, monotonic: Callable[[], float], observer: Observer
    ) -> None:
        self.all = tuple(GuardedProvider(provider, timers, monotonic, observer) for provider in providers)
        self._by_path = {_plain(path): guarded for guarded in self.all for path in guarded.provider.paths}
        self._by_row = any(is_instance_number(part) for path in self._by_path for part in path.split("."))
        self._known: dict[str, GuardedProvider | None] = {}
        self.tables: Mapping[str, GuardedProvider] = {
            _plain(table): guarded for guarded in self.all for table in guarded.provider.tables
        }

    def owner(self, name: Name) -> GuardedProvider | None:
        """Provider of a parameter or row; None where there is none, and for an Alias, which the agent itself stores."""
        if name.template.endswith("{i}.Alias"):
            return None
        if self._by_row and name.keys:
            return self._nearest(name)
        template = name.template
        if template not in self._known:
            self._known[template] = self._nearest(name)
        return self._known[template]

    def grouped(self, paths: Sequence[str], keys: Mapping[str, str]) -> dict[GuardedProvider, list[Name]]:
        """Names of those of ``paths`` that have a provider, by provider."""
        return at_once(self.grouped_gradually(paths, keys))

    def grouped_gradually(
        self, paths: Sequence[str], keys: Mapping[str, str]
    ) -> Gradual[dict[GuardedProvider, list[Name]]]:
        """The same as :meth:`grouped`, in small pieces."""
        groups: dict[GuardedProvider, list[Name]] = {}
        for path in paths if self.all else ():
            yield
            name = named(path, keys)
            owner = self.owner(name)
            if owner is not None:
                groups.setdefault(owner, []).append(name)
        return groups

    def _nearest(self, name: Name) -> GuardedProvider | None:
        for path, template in zip(_above(name), _above(name.template), strict=True):
            guarded = self._by_path.get(path) or self._by_path.get(template)
            if guarded is not None:
                return guarded
        return None


def _copied(result: Any) -> Any:
    """Copy of a mapping or iterator, so that later access to it runs no code of the provider."""
    if isinstance(result, Mapping):
        return dict(result)
    return list(result) if isinstance(result, Iterator) else result


def _plain(path: str) -> str:
    """Path of a table for the template of its rows; other paths unchanged."""
    return path.removesuffix("{i}.")


def _above(path: str) -> list[str]:
    """``path`` and every object above it, nearest first; a row is followed by its table."""
    return [path, *reversed([*objects_above(path)])]
