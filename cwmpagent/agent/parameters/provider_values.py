"""Values that the device supplies: read on request, grouped by provider, and reused for at most one second.

The last value of each parameter stays known beside the tree, for uses that cannot wait: comparisons, and the Inform
while a provider fails. Values are refreshed before an ACS receives them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

from twisted.internet.defer import Deferred, FirstError, gatherResults
from twisted.python.reflect import safe_str

from cwmpagent.agent.long_work import LongWork
from cwmpagent.agent.parameters.provider_calls import GuardedProvider, GuardedProviders, Unavailable
from cwmpagent.datamodel.names import Name
from cwmpagent.datamodel.schema import ParameterDefinition
from cwmpagent.errors import CwmpFault
from cwmpagent.gradual import Gradual
from cwmpagent.values import LexicalError

FRESH = 1.0
"""Seconds for which a value that was read may be reused."""
LISTED = 5
"""Largest number of parameters that a fault names."""
ATTEMPTS = 3
"""Largest number of reads of a parameter that changes while it is read; the result of the last one is used."""


class ProviderValues:
    """The values of providers. ``known``: last text of each parameter by full name; it is updated.

    ``keys``: row path -> key. ``held``: returns parameters and rows whose change waits for the end of the session; they
    are not read.
    """

    def __init__(
        self,
        providers: GuardedProviders,
        definition: Callable[[str], ParameterDefinition],
        monotonic: Callable[[], float],
        known: dict[str, str],
        keys: Mapping[str, str],
        long_work: LongWork,
    ) -> None:
        self.known = known
        self.held: Callable[[], Collection[str]] = tuple
        self._providers = providers
        self._definition = definition
        self._monotonic = monotonic
        self._keys = keys
        self._long_work = long_work
        self._fresh: set[str] = set()
        self._fresh_until = 0.0
        self._readings: list[_Reading] = []

    def forget(self, paths: Iterable[str]) -> None:
        """Discard the known values of these parameters, and of all parameters in these rows."""
        for path in paths:
            for reading in self._readings:
                reading.changed.add(path)
            self._fresh.discard(path)
            self.known.pop(path, None)
            if path.endswith("."):
                for name in [name for name in self.known if name.startswith(path)]:
                    self._fresh.discard(name)
                    del self.known[name]

    def invalidate(self, path: str) -> None:
        """Stop reusing the values of ``path``, a parameter or object: it is read again before the next use."""
        for reading in self._readings:
            reading.changed.add(path)
        self._fresh.discard(path)
        if path.endswith("."):
            self._fresh = {name for name in self._fresh if not name.startswith(path)}

    async def refresh(self, names: Iterable[str]) -> frozenset[str]:
        """Read those of ``names`` that have a provider and are not fresh. Returns the names that could not be read."""
        if not self._providers.all:
            return frozenset()
        remaining = list(dict.fromkeys(names))
        failed: frozenset[str] = frozenset()
        for attempt in range(1, ATTEMPTS + 1):
            unreadable, changed = await self._read_stale(remaining, last=attempt == ATTEMPTS)
            failed |= unreadable
            remaining = [name for name in remaining if name not in failed and _is_in(name, changed)]
            if not remaining:
                break
        return failed

    async def _read_stale(self, names: Sequence[str], *, last: bool) -> tuple[frozenset[str], Collection[str]]:
        """Read those of ``names`` that are not fresh. Returns the unreadable ones, and paths that changed meanwhile."""
        now = self._monotonic()
        if now >= self._fresh_until:
            self._fresh.clear()
        held = self.held()
        stale = [name for name in names if name not in self._fresh and not _is_in(name, held)]
        groups = await self._long_work.run(self._providers.grouped_gradually(stale, self._keys))
        if not groups:
            return frozenset(), ()
        failed, changed = await self._read_all(groups, last=last)
        if not self._fresh:
            self._fresh_until = now + FRESH
        self._fresh.update(
            name for group in groups.values() for name in group if not (name in failed or _is_in(name, changed))
        )
        return failed, changed

    async def poll(self, groups: Mapping[GuardedProvider, Sequence[Name]]) -> frozenset[str]:
        """Read these parameters, grouped by provider, even if fresh. Returns the names that could not be read."""
        held = self.held()
        if held:
            groups = {
                provider: [name for name in names if not _is_in(name, held)] for provider, names in groups.items()
            }
        failed, _ = await self._read_all(groups, last=False)
        return failed

    async def _read_all(
        self, groups: Mapping[GuardedProvider, Sequence[Name]], *, last: bool
    ) -> tuple[frozenset[str], Collection[str]]:
        """Read from all providers at the same time. Returns unreadable names, and paths that changed meanwhile."""
        reading = _Reading()
        self._readings.append(reading)
        try:
            calls = [Deferred.fromCoroutine(self._read(*group, reading, last)) for group in groups.items()]
            return frozenset().union(*await gatherResults(calls, consumeErrors=True)), reading.changed
        except FirstError as error:  # a caller that cancels the reading expects CancelledError
            error.subFailure.raiseException()
        finally:
            self._readings.remove(reading)

    async def _read(
        self, provider: GuardedProvider, names: Sequence[Name], reading: _Reading, last: bool
    ) -> frozenset[str]:
        """Read ``names`` from one provider. Returns the names without a valid result."""
        try:
            texts = await provider.call("read", names)
            if not isinstance(texts, Mapping):
                raise provider.failure(f"read returned {type(texts).__name__}, not a mapping of names to strings")
        except Unavailable:
            return frozenset(names)
        except CwmpFault as fault:
            provider.failure(f"read refused: {fault}")
            return frozenset(names)
        return await self._long_work.run(self._stored(provider, names, texts, reading, last))

    def _stored(
        self, provider: GuardedProvider, names: Sequence[Name], texts: Mapping[Any, Any], reading: _Reading, last: bool
    ) -> Gradual[frozenset[str]]:
        """Store the results ``texts``. Returns the names without a valid result."""
        unreadable: set[str] = set()
        for name in names:
            yield
            # The value of a changed path may be from before the change.
            if (last or not _is_in(name, reading.changed)) and not self._store(provider, name, texts.get(name)):
                unreadable.add(name)
        return frozenset(unreadable)

    def _store(self, provider: GuardedProvider, name: Name, text: Any) -> bool:
        """Store one result; False if it is an error or an invalid text."""
        if text is None:
            self.known.pop(name, None)
            return True
        if self.known.get(name) == text:
            return True
        try:
            parameter = self._definition(name)
        except CwmpFault:  # its row was deleted meanwhile
            return True
        try:
            if isinstance(text, str):
                self.known[name] = parameter.lexical(text)
                return True
            reason = f"{type(text).__name__}: {safe_str(text)}" if isinstance(text, Exception) else "it is not a string"
        except LexicalError as error:
            reason = f"as {parameter.kind.value}: {error}"
        provider.failure(f"{name} could not be read: {reason}")
        return False


class _Reading:
    """A reading under way. ``changed``: parameters, objects and rows that were changed since it began."""

    def __init__(self) -> None:
        self.changed: set[str] = set()


def _is_in(name: str, paths: Collection[str]) -> bool:
    return bool(paths) and (name in paths or any(path.endswith(".") and name.startswith(path) for path in paths))


def unreadable_fault(names: Iterable[str]) -> CwmpFault:
    """Fault for a request with unreadable parameters; TR-069 A.3.2.2 permits no partial answer."""
    ordered = sorted(names)
    more = f" and {len(ordered) - LISTED} more" if len(ordered) > LISTED else ""
    return CwmpFault(9002, f"could not be read: {', '.join(ordered[:LISTED])}{more}")
