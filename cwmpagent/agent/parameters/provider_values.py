"""Values that the device itself supplies: read when somebody asks, grouped by provider, kept for a second at most.

What was read last stays known beside the tree, for those who cannot wait (a comparison, the Inform while a provider is
down); whoever answers an ACS refreshes first.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

from twisted.internet.defer import Deferred, FirstError, gatherResults
from twisted.python.reflect import safe_str

from cwmpagent.agent.parameters.provider_calls import GuardedProvider, GuardedProviders, Unavailable
from cwmpagent.datamodel.names import Name
from cwmpagent.datamodel.schema import ParameterDefinition
from cwmpagent.errors import CwmpFault
from cwmpagent.values import LexicalError

FRESH = 1.0
"""Seconds for which a reading may be given again."""
LISTED = 5
"""Parameters that a fault names at most."""
LOOKS = 3
"""How often something is read whose value changes during the reading; then it is told as the last look has it."""


class ProviderValues:
    """What the providers say. ``known``: the last text of each parameter, by full name; it is kept up to date.

    ``keys`` are those of rows, by row path. ``held`` gives what is not asked for, as it waits for a session's end.
    """

    def __init__(
        self,
        providers: GuardedProviders,
        definition: Callable[[str], ParameterDefinition],
        monotonic: Callable[[], float],
        known: dict[str, str],
        keys: Mapping[str, str],
    ) -> None:
        self.known = known
        self.held: Callable[[], Collection[str]] = tuple
        self._providers = providers
        self._definition = definition
        self._monotonic = monotonic
        self._keys = keys
        self._fresh: set[str] = set()
        self._fresh_until = 0.0
        self._looks: list[_Look] = []

    def forget(self, paths: Iterable[str]) -> None:
        """What is known of these parameters, and of all in these rows, is so no longer."""
        for path in paths:
            for look in self._looks:
                look.doubted.add(path)
            self._fresh.discard(path)
            self.known.pop(path, None)
            if path.endswith("."):
                for name in [name for name in self.known if name.startswith(path)]:
                    self._fresh.discard(name)
                    del self.known[name]

    def doubt(self, path: str) -> None:
        """What was read last in ``path``, a parameter or object, is not to be given to anybody any more."""
        for look in self._looks:
            look.doubted.add(path)
        self._fresh.discard(path)
        if path.endswith("."):
            self._fresh = {name for name in self._fresh if not name.startswith(path)}

    async def refresh(self, names: Iterable[str]) -> frozenset[str]:
        """Read what of ``names`` providers supply, and is older than :data:`FRESH`; those that could not be read."""
        if not self._providers.all:
            return frozenset()
        wanted = list(dict.fromkeys(names))
        failed: frozenset[str] = frozenset()
        for looks in range(1, LOOKS + 1):
            lost, doubted = await self._look(wanted, last=looks == LOOKS)
            failed |= lost
            wanted = [name for name in wanted if name not in failed and _is_in(name, doubted)]
            if not wanted:
                break
        return failed

    async def _look(self, names: Sequence[str], *, last: bool) -> tuple[frozenset[str], Collection[str]]:
        """Ask for those of ``names`` that are not fresh: what could not be read, and what has changed meanwhile."""
        now = self._monotonic()
        if now >= self._fresh_until:
            self._fresh.clear()
        held = self.held()
        wanted = [name for name in names if name not in self._fresh and not _is_in(name, held)]
        groups = self._providers.grouped(wanted, self._keys)
        if not groups:
            return frozenset(), ()
        failed, doubted = await self._ask_all(groups, last=last)
        if not self._fresh:
            self._fresh_until = now + FRESH
        self._fresh.update(
            name for group in groups.values() for name in group if not (name in failed or _is_in(name, doubted))
        )
        return failed, doubted

    async def poll(self, groups: Mapping[GuardedProvider, Sequence[Name]]) -> frozenset[str]:
        """Read these parameters, grouped as ``grouped`` does, however fresh; what could not be read."""
        held = self.held()
        if held:
            groups = {each: [name for name in names if not _is_in(name, held)] for each, names in groups.items()}
        failed, _ = await self._ask_all(groups, last=False)
        return failed

    async def _ask_all(
        self, groups: Mapping[GuardedProvider, Sequence[Name]], *, last: bool
    ) -> tuple[frozenset[str], Collection[str]]:
        """Ask every provider for its names at the same time; what could not be read, and what has changed meanwhile."""
        look = _Look()
        self._looks.append(look)
        try:
            asked = [Deferred.fromCoroutine(self._ask(*group, look, last)) for group in groups.items()]
            return frozenset().union(*await gatherResults(asked, consumeErrors=True)), look.doubted
        except FirstError as error:  # whoever gives the reading up expects CancelledError
            error.subFailure.raiseException()
        finally:
            self._looks.remove(look)

    async def _ask(self, provider: GuardedProvider, names: Sequence[Name], look: _Look, last: bool) -> frozenset[str]:
        """The names of which this provider did not tell anything usable."""
        try:
            texts = await provider.ask("read", names)
            if not isinstance(texts, Mapping):
                raise provider.complaint(f"read gave {type(texts).__name__}, not a mapping of names to texts")
        except Unavailable:
            return frozenset(names)
        except CwmpFault as fault:
            provider.complaint(f"read refused: {fault}")
            return frozenset(names)
        if not last:  # what it saw of those may be from before
            names = [name for name in names if not _is_in(name, look.doubted)]
        return frozenset(name for name in names if not self._take(provider, name, texts.get(name)))

    def _take(self, provider: GuardedProvider, name: Name, text: Any) -> bool:
        if text is None:
            self.known.pop(name, None)
            return True
        if self.known.get(name) == text:
            return True
        try:
            parameter = self._definition(name)
        except CwmpFault:  # its row has gone meanwhile
            return True
        try:
            if isinstance(text, str):
                self.known[name] = parameter.lexical(text)
                return True
            reason = f"{type(text).__name__}: {safe_str(text)}" if isinstance(text, Exception) else "it is no text"
        except LexicalError as error:
            reason = f"as {parameter.kind.value}: {error}"
        provider.complaint(f"{name} could not be read: {reason}")
        return False


class _Look:
    """One reading under way, and what has been changed since it began: parameters, objects and rows."""

    def __init__(self) -> None:
        self.doubted: set[str] = set()


def _is_in(name: str, places: Collection[str]) -> bool:
    return bool(places) and (name in places or any(path.endswith(".") and name.startswith(path) for path in places))


def unread(names: Iterable[str]) -> CwmpFault:
    """The fault for a request that covers what could not be read (TR-069 A.3.2.2 knows no answer by half)."""
    listed = sorted(names)
    more = f" and {len(listed) - LISTED} more" if len(listed) > LISTED else ""
    return CwmpFault(9002, f"could not be read: {', '.join(listed[:LISTED])}{more}")
