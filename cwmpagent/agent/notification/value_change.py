"""Changed values to report, for ``4 VALUE CHANGE`` (TR-069 3.7.1.5) or lightweight notifications.

The baseline of a watched parameter is the text that the ACS knows, because it set it or it was reported. A change is
pending while the value differs from the baseline. A value that changes back before the report is not pending, and after
a restart the comparison finds pending changes again.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass

from cwmpagent.agent.journal import BASELINE
from cwmpagent.agent.parameters.changes import Change, Origin
from cwmpagent.datamodel.names import is_inside
from cwmpagent.datamodel.tree import Tree
from cwmpagent.errors import CwmpFault
from cwmpagent.gradual import Gradual, at_once


@dataclass(frozen=True, slots=True)
class NotificationKind:
    """One kind of notification, by Inform or by datagram (A.3.2.4).

    ``note``: prefix of the notes with its baselines. ``levels``: values of the Notification attribute that request this
    kind; ``active``: those that request an immediate report; ``polled``: those for which changes are found by polling.
    """

    note: str
    levels: frozenset[int]
    active: frozenset[int]
    polled: frozenset[int]


_NONE: frozenset[int] = frozenset()
_PIECE = 100
"""Number of parameters that are compared in one piece of work."""
BY_INFORM = NotificationKind(BASELINE, frozenset({1, 2, 4, 6}), frozenset({2}), frozenset({2}))


class Notifications:
    """Watches the parameters whose Notification attribute requests this kind of notification.

    ``raised(active)`` is called for new pending changes, ``withdrawn()`` when the last pending change is reverted.
    Nothing is watched while ``enabled()`` is false. ``supplied(name)``: whether the device supplies the value;
    ``held(name)``: whether an active change is not to be reported at once at present. ``version`` changes with the set
    of watched parameters.
    """

    def __init__(
        self,
        tree: Tree,
        notes: Mapping[str, str],
        *,
        raised: Callable[[bool], None],
        withdrawn: Callable[[], None],
        kind: NotificationKind = BY_INFORM,
        enabled: Callable[[], bool] = lambda: True,
        supplied: Callable[[str], bool] = lambda name: False,
        held: Callable[[str], bool] = lambda name: False,
    ) -> None:
        self._tree = tree
        self._raised = raised
        self._withdrawn = withdrawn
        self._kind = kind
        self._enabled = enabled
        self._supplied = supplied
        self._held = held
        self.version = 0
        self._note = note = kind.note
        self._baselines = {name.removeprefix(note): text for name, text in notes.items() if name.startswith(note)}
        self._pending: set[str] = set()
        self._unread: frozenset[str] = frozenset()

    def start(self, unread: Collection[str] = ()) -> Mapping[str, str | None]:
        """Compare all watched parameters with their baselines. Returns the notes to save with new baselines.

        ``unread`` as for :meth:`compare_all`. Must be called again when the result of ``enabled()`` changes.
        """
        self.version += 1
        self._unread = frozenset(unread)
        self._pending = set()
        levels = self._levels()
        watched = {name for name in self._tree.attributed() if self._level(name) in levels} if levels else set()
        notes: dict[str, str | None] = {self._note + name: None for name in self._baselines.keys() - watched}
        notes |= {self._note + name: self._tree.text(name) for name in watched - self._baselines.keys()}
        self._keep(notes)
        self._compare(watched)
        return notes

    @property
    def polled(self) -> list[str]:
        """Parameters to poll and to :meth:`compare`. The result changes only with ``version``."""
        return [name for name in self._baselines if self._level(name) in self._kind.polled]

    @property
    def watched(self) -> tuple[str, ...]:
        """Parameters that have a baseline."""
        return tuple(self._baselines)

    def compare_all(self, unread: Collection[str] = ()) -> None:
        """Compare all watched parameters, before a session: changes of values from providers are not announced.

        ``unread``: parameters that could not be read; they are not pending until they can be read.
        """
        at_once(self.compare_all_gradually(unread))

    def compare_all_gradually(self, unread: Collection[str] = ()) -> Gradual[None]:
        """The same as :meth:`compare_all`, in small pieces; the parameters of each piece are compared completely."""
        self._unread = frozenset(unread)
        watched = self.watched
        for start in range(0, len(watched), _PIECE):
            self._compare(watched[start : start + _PIECE])
            yield

    def watched_in(self, path: str) -> tuple[str, ...]:
        """Parameters that have a baseline, and are ``path`` or below the object ``path``."""
        if not path.endswith("."):
            return (path,) if path in self._baselines else ()
        return tuple(name for name in self._baselines if name.startswith(path))

    def among(self, names: Collection[str]) -> set[str]:
        """Names among ``names`` that have a baseline."""
        return self._baselines.keys() & names

    def compare(self, names: Collection[str], unread: Collection[str]) -> None:
        """Compare ``names``, which have been read again except for those in ``unread``."""
        self._unread = self._unread.difference(names).union(unread)
        self._compare(names, again=False)

    @property
    def pending(self) -> tuple[str, ...]:
        """Parameters with changes to report, sorted."""
        return tuple(sorted(self._pending))

    def before(self, change: Change) -> Gradual[Mapping[str, str | None]]:
        """Notes with baselines to save in the transaction of ``change``; values written by the ACS become baselines."""
        plan = change.plan
        removed = frozenset(plan.removed)
        levels = self._levels()
        notes: dict[str, str | None] = {}
        for name, attributes in plan.batch.attributes.items():
            yield
            if (removed and is_inside(name, removed)) or not self._tree.exists(name):
                continue
            level = (attributes or self._tree.factory_attributes(name)).notification
            if (level in levels) is (name in self._baselines):
                continue
            notes[self._note + name] = self._tree.text(name) if level in levels else None
        for name in self.watched if removed else ():
            yield
            if is_inside(name, removed):
                notes[self._note + name] = None
        if change.origin is Origin.ACS:
            for name in plan.assigned & self._baselines.keys():
                yield
                notes[self._note + name] = plan.batch.values.get(name, self._tree.text(name))
        return notes

    def after(self, change: Change) -> None:
        """Apply ``change``, which has been made, to baselines and pending changes."""
        notes = {note: text for note, text in change.notes.items() if note.startswith(self._note)}
        self._keep(notes)
        if change.plan.batch.attributes or change.plan.removed:
            self.version += 1
        # A parameter that is newly watched has its present value as the baseline.
        new = {self._note + name for name in change.plan.batch.attributes}
        touched = (note for note, text in notes.items() if text is None or note not in new)
        self._compare({*change.plan.changed, *(note.removeprefix(self._note) for note in touched)})

    def reported(self, values: Iterable[tuple[str, str]]) -> Mapping[str, str | None]:
        """Process the report of these names and texts to the ACS. Returns the notes to save with its delivery."""
        notes: dict[str, str | None] = {}
        candidates = set(self._pending)
        for name, text in values:
            if name not in self._baselines:
                continue
            candidates.add(name)
            known = self._tree.text(name) if self._tree.definition(name).hidden else text
            if known != self._baselines[name]:
                notes[self._note + name] = known
        self._keep(notes)
        # A value from a provider may differ at each read: the next comparison finds it, so that no endless series of
        # sessions follows.
        self._pending = pending = {name for name in candidates if self._differs(name) and not self._supplied(name)}
        if pending:
            self._raised(any(map(self._active, pending)))
        return notes

    def _keep(self, notes: Mapping[str, str | None]) -> None:
        for note, text in notes.items():
            name = note.removeprefix(self._note)
            if text is None:
                self._baselines.pop(name, None)
            else:
                self._baselines[name] = text

    def _compare(self, names: Iterable[str], *, again: bool = True) -> None:
        """Update which of ``names`` are pending, and call ``raised``; for already pending ones only with ``again``."""
        different = {name for name in names if self._differs(name)}
        before, self._pending = self._pending, (self._pending - set(names)) | different
        if not again:
            different -= before
        if different:
            self._raised(any(map(self._active, different)))
        elif before and not self._pending:
            self._withdrawn()

    def _differs(self, name: str) -> bool:
        """Whether the value differs from the baseline; False where the parameter does not exist or cannot be read."""
        baseline = None if name in self._unread else self._baselines.get(name)
        try:
            return baseline is not None and self._tree.value(name).text != baseline
        except CwmpFault:
            return False

    def _active(self, name: str) -> bool:
        return self._level(name) in self._kind.active and not self._held(name)

    def _levels(self) -> frozenset[int]:
        return self._kind.levels if self._enabled() else _NONE

    def _level(self, name: str) -> int:
        return self._tree.attributes(name).notification
