"""Values that the device itself supplies: read when somebody asks, grouped by provider, kept for a second at most.

What was read last stays known beside the tree, for those who cannot wait (a comparison, the Inform while a provider is
down); whoever answers an ACS refreshes first.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

from twisted.internet.defer import Deferred, gatherResults

from cwmpagent.agent.suppliers import Supplier, Suppliers, Unavailable
from cwmpagent.datamodel.names import Name
from cwmpagent.datamodel.schema import ParameterDefinition
from cwmpagent.errors import CwmpFault
from cwmpagent.values import LexicalError

FRESH = 1.0
"""Seconds for which a reading may be given again."""
LISTED = 5
"""Parameters that a fault names at most."""


class Readings:
    """What the providers say. ``known``: the last text of each parameter, by full name; it is kept up to date.

    ``keys`` are those of rows, by row path. ``held`` gives what is not asked for, as it waits for a session's end.
    """

    def __init__(
        self,
        suppliers: Suppliers,
        definition: Callable[[str], ParameterDefinition],
        monotonic: Callable[[], float],
        known: dict[str, str],
        keys: Mapping[str, str],
    ) -> None:
        self.known = known
        self.held: Callable[[], Collection[str]] = tuple
        self._suppliers = suppliers
        self._definition = definition
        self._monotonic = monotonic
        self._keys = keys
        self._fresh: set[str] = set()
        self._fresh_until = 0.0
        self._changes = 0

    def forget(self, paths: Iterable[str]) -> None:
        """What is known of these parameters, and of all in these rows, is so no longer."""
        self._changes += 1
        for path in paths:
            self._fresh.discard(path)
            self.known.pop(path, None)
            if path.endswith("."):
                for name in [name for name in self.known if name.startswith(path)]:
                    self._fresh.discard(name)
                    del self.known[name]

    def doubt(self, path: str) -> None:
        """What was read last in ``path``, a parameter or object, is not to be given to anybody any more."""
        self._changes += 1
        self._fresh.discard(path)
        if path.endswith("."):
            self._fresh = {name for name in self._fresh if not name.startswith(path)}

    async def refresh(self, names: Iterable[str]) -> frozenset[str]:
        """Read what of ``names`` providers supply, and is older than :data:`FRESH`; those that could not be read."""
        if not self._suppliers.all:
            return frozenset()
        now = self._monotonic()
        if now >= self._fresh_until:
            self._fresh.clear()
        held = self.held()
        wanted = [
            name for name in dict.fromkeys(names) if name not in self._fresh and not (held and _is_held(name, held))
        ]
        groups = self._suppliers.grouped(wanted, self._keys)
        if not groups:
            return frozenset()
        asked = [Deferred.fromCoroutine(self._ask(*group)) for group in groups.items()]
        changes = self._changes
        failed = frozenset().union(*await gatherResults(asked, consumeErrors=True))
        if changes != self._changes:
            return failed
        if not self._fresh:
            self._fresh_until = now + FRESH
        self._fresh.update(name for group in groups.values() for name in group if name not in failed)
        return failed

    async def poll(self, groups: Mapping[Supplier, Sequence[Name]]) -> frozenset[str]:
        """Read these parameters, grouped as :meth:`Suppliers.grouped` does, however fresh; what could not be read."""
        held = self.held()
        asked = [
            Deferred.fromCoroutine(self._ask(each, [n for n in names if not _is_held(n, held)] if held else names))
            for each, names in groups.items()
        ]
        return frozenset().union(*await gatherResults(asked, consumeErrors=True))

    async def _ask(self, supplier: Supplier, names: Sequence[Name]) -> frozenset[str]:
        """The names of which this provider did not tell anything usable."""
        changes = self._changes
        try:
            texts = await supplier.ask("read", names)
            if not isinstance(texts, Mapping):
                raise supplier.complaint(f"read gave {type(texts).__name__}, not a mapping of names to texts")
        except Unavailable:
            return frozenset(names)
        except CwmpFault as fault:
            supplier.complaint(f"read refused: {fault}")
            return frozenset(names)
        if changes != self._changes:  # what it saw may be from before
            return frozenset()
        return frozenset(name for name in names if not self._take(supplier, name, texts.get(name)))

    def _take(self, supplier: Supplier, name: Name, text: Any) -> bool:
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
            reason = f"{type(text).__name__}: {text}" if isinstance(text, Exception) else "it is no text"
        except LexicalError as error:
            reason = f"as {parameter.kind.value}: {error}"
        supplier.complaint(f"{name} could not be read: {reason}")
        return False


def _is_held(name: str, held: Collection[str]) -> bool:
    return name in held or any(path.endswith(".") and name.startswith(path) for path in held)


def unread(names: Iterable[str]) -> CwmpFault:
    """The fault for a request that covers what could not be read (TR-069 A.3.2.2 knows no answer by half)."""
    listed = sorted(names)
    more = f" and {len(listed) - LISTED} more" if len(listed) > LISTED else ""
    return CwmpFault(9002, f"could not be read: {', '.join(listed[:LISTED])}{more}")
