"""Providers as behaviour calls them: whatever one does, its caller gets a result, or learns in time of none."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.python.failure import Failure
from twisted.python.reflect import safe_str

from cwmpagent.agent.facts import Observer, Warned
from cwmpagent.agent.ports import Provider, Timers
from cwmpagent.datamodel.names import Name, named
from cwmpagent.datamodel.schema import is_instance_number
from cwmpagent.errors import CwmpAgentError, CwmpFault

PATIENCE = 5.0
"""Seconds that one call of a provider may take."""
QUIET = 60.0
"""Seconds between two lines in the log about the same provider."""


class Unavailable(CwmpAgentError):
    """A provider did not do what it was asked; the reason is for the log, not for an ACS."""


class GuardedProvider:
    """One provider. ``monotonic``: the seconds that its lines in the log are kept apart by."""

    def __init__(self, provider: Provider, timers: Timers, monotonic: Callable[[], float], observer: Observer) -> None:
        self.provider = provider
        self.name = provider.name or type(provider).__name__
        # A provider that is no subclass of Provider may not say what it can change: then its check alone decides.
        self._changeable = frozenset(map(_plain, getattr(provider, "changeable", provider.paths)))
        self._timers = timers
        self._monotonic = monotonic
        self._observer = observer
        self._late: set[Deferred[Any]] = set()
        self._complained_at: float | None = None

    def can_change(self, name: Name) -> bool:
        """Whether it can change a parameter, or create and delete rows of a table; ``name`` may be a row, too."""
        pairs = zip(_above(name), _above(name.template), strict=True)
        return any(not self._changeable.isdisjoint(pair) for pair in pairs)

    async def ask(self, method: str, *arguments: object) -> Any:
        """What the provider's ``method`` comes to. Raises Unavailable, and the CwmpFault that the provider raised.

        A call that hangs is cancelled, and until one that ignores that has ended, the provider is not asked again.
        """
        if self._late:
            raise self.complaint(f"{method} is not tried: an earlier call still hangs")
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
            timer = self._timers.callLater(PATIENCE, lambda: waiting.callback(None))
            try:
                await waiting
            finally:
                hangs = not results
                if timer.active():
                    timer.cancel()
                if hangs:
                    self._late.add(work)
                    work.cancel()
            if hangs:
                raise self.complaint(f"{method} has not ended after {PATIENCE:g} s")
        return self._result(method, results[0])

    def complaint(self, reason: str) -> Unavailable:
        """The error to raise; the log is told of it, but of one provider once a minute at most."""
        text = f"provider {self.name}: {reason}"
        now = self._monotonic()
        if self._complained_at is None or now - self._complained_at >= QUIET:
            self._complained_at = now
            self._observer(Warned(text))
        return Unavailable(text)

    def _result(self, method: str, result: Any) -> Any:
        if not isinstance(result, Failure):
            return result
        if isinstance(result.value, CwmpFault):
            raise result.value
        raise self.complaint(f"{method} raised {type(result.value).__name__}: {safe_str(result.value)}")


class GuardedProviders:
    """All providers of one agent, and which of them answers for what."""

    def __init__(
        self, providers: Sequence[Provider], timers: Timers, monotonic: Callable[[], float], observer: Observer
    ) -> None:
        self.all = tuple(GuardedProvider(each, timers, monotonic, observer) for each in providers)
        self._by_path = {_plain(path): each for each in self.all for path in each.provider.paths}
        self._by_row = any(is_instance_number(part) for path in self._by_path for part in path.split("."))
        self._known: dict[str, GuardedProvider | None] = {}
        self.tables: Mapping[str, GuardedProvider] = {
            _plain(table): each for each in self.all for table in each.provider.tables
        }

    def owner(self, name: Name) -> GuardedProvider | None:
        """The provider that answers for a parameter or row, if there is one; an Alias is the agent's own."""
        if name.template.endswith("{i}.Alias"):
            return None
        if self._by_row and name.keys:
            return self._nearest(name)
        template = name.template
        if template not in self._known:
            self._known[template] = self._nearest(name)
        return self._known[template]

    def grouped(self, paths: Sequence[str], keys: Mapping[str, str]) -> dict[GuardedProvider, list[Name]]:
        """Those of ``paths`` that a provider answers for, by provider."""
        groups: dict[GuardedProvider, list[Name]] = {}
        for path in paths:
            name = named(path, keys)
            owner = self.owner(name)
            if owner is not None:
                groups.setdefault(owner, []).append(name)
        return groups

    def _nearest(self, name: Name) -> GuardedProvider | None:
        for path, template in zip(_above(name), _above(name.template), strict=True):
            found = self._by_path.get(path) or self._by_path.get(template)
            if found is not None:
                return found
        return None


def _copied(result: Any) -> Any:
    """What no longer runs the provider's code when it is looked at."""
    if isinstance(result, Mapping):
        return dict(result)
    return list(result) if isinstance(result, Iterator) else result


def _plain(path: str) -> str:
    """A table and its rows are the same place."""
    return path.removesuffix("{i}.")


def _above(path: str) -> list[str]:
    """The path itself and every object above it, nearest first; a row is followed by its table."""
    parts = path.removesuffix(".").split(".")
    found = [".".join(parts[:count]) + "." for count in range(len(parts) - 1, 0, -1)]
    return [path, *found]
