"""What changed since the ACS last heard: news for ``4 VALUE CHANGE`` (TR-069 3.7.1.5) or lightweight notifications.

For each watched parameter the text that the ACS knows (it set it, or was told it) is its baseline. A parameter is news
while its value differs from its baseline: what changed back before it was told is no news, and after a restart the
comparison finds again what was pending.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass

from cwmpagent.agent.journal import BASELINE
from cwmpagent.agent.parameters.changes import Change, Origin
from cwmpagent.datamodel.tree import Tree
from cwmpagent.errors import CwmpFault


@dataclass(frozen=True, slots=True)
class NotificationKind:
    """One way to tell: which values of the Notification attribute ask for it, and which at once (A.3.2.4).

    ``note`` is how the notes begin that hold its baselines. ``polled`` are those of which a change must be found before
    anybody looks for another reason.
    """

    note: str
    levels: frozenset[int]
    active: frozenset[int]
    polled: frozenset[int]


_NONE: frozenset[int] = frozenset()
BY_INFORM = NotificationKind(BASELINE, frozenset({1, 2, 4, 6}), frozenset({2}), frozenset({2}))


class Notifications:
    """Watches every parameter whose Notification attribute asks for it.

    ``raised(active)`` is called when there is news, ``withdrawn()`` when the last of it has gone untold. Nothing is
    watched while ``wanted()`` is false. ``supplied`` tells of a parameter whether the device gives its value, ``held``
    whether it is not to be told at once now.
    """

    def __init__(
        self,
        tree: Tree,
        notes: Mapping[str, str],
        *,
        raised: Callable[[bool], None],
        withdrawn: Callable[[], None],
        kind: NotificationKind = BY_INFORM,
        wanted: Callable[[], bool] = lambda: True,
        supplied: Callable[[str], bool] = lambda name: False,
        held: Callable[[str], bool] = lambda name: False,
    ) -> None:
        self._tree = tree
        self._raised = raised
        self._withdrawn = withdrawn
        self._kind = kind
        self._wanted = wanted
        self._supplied = supplied
        self._held = held
        self.version = 0
        self._note = note = kind.note
        self._baselines = {name.removeprefix(note): text for name, text in notes.items() if name.startswith(note)}
        self._news: set[str] = set()
        self._unread: frozenset[str] = frozenset()

    def start(self, unread: Collection[str] = ()) -> Mapping[str, str | None]:
        """Compare everything watched with its baseline; the notes to save for what has none yet.

        ``unread`` as for :meth:`look`. To be called again where ``wanted()`` gives something else.
        """
        self.version += 1
        self._unread = frozenset(unread)
        self._news = set()
        levels = self._levels()
        watched = {name for name in self._tree.attributed() if self._level(name) in levels} if levels else set()
        notes: dict[str, str | None] = {self._note + name: None for name in self._baselines.keys() - watched}
        notes |= {self._note + name: self._text(name) for name in watched - self._baselines.keys()}
        self._keep(notes)
        self._compare(watched)
        return notes

    @property
    def polled(self) -> list[str]:
        """The parameters to be read now and then, and :meth:`noticed`; others only where ``version`` is another."""
        return [name for name in self._baselines if self._level(name) in self._kind.polled]

    @property
    def watched(self) -> tuple[str, ...]:
        """The parameters that have a baseline."""
        return tuple(self._baselines)

    def look(self, unread: Collection[str] = ()) -> None:
        """Compare all values anew, as nobody tells of changes of live ones: a session is about to open.

        What is ``unread``, as it could not be, is no news until it can.
        """
        self._unread = frozenset(unread)
        self._compare(self.watched)

    def watched_in(self, path: str) -> tuple[str, ...]:
        """The parameters that have a baseline, and are ``path`` or below the object ``path``."""
        if not path.endswith("."):
            return (path,) if path in self._baselines else ()
        return tuple(name for name in self._baselines if name.startswith(path))

    def among(self, names: Collection[str]) -> set[str]:
        """Those of ``names`` that have a baseline."""
        return self._baselines.keys() & names

    def noticed(self, names: Collection[str], unread: Collection[str]) -> None:
        """These are known to have been read anew, apart from the ``unread``: compare them."""
        self._unread = self._unread.difference(names).union(unread)
        self._compare(names, again=False)

    @property
    def news(self) -> tuple[str, ...]:
        """The parameters that are to be told next, in order."""
        return tuple(sorted(self._news))

    def before(self, change: Change) -> Mapping[str, str | None]:
        """The baselines that belong into the transaction of ``change``: what the ACS writes, it knows."""
        plan = change.plan
        levels = self._levels()
        notes: dict[str, str | None] = {}
        for name, attributes in plan.batch.attributes.items():
            if not self._tree.exists(name):
                continue
            level = (attributes or self._tree.factory_attributes(name)).notification
            if level not in levels:
                notes[self._note + name] = None
            elif name not in self._baselines:
                notes[self._note + name] = self._text(name)
        for row in plan.removed:
            notes |= {self._note + name: None for name in self._baselines if name.startswith(row)}
        if change.origin is Origin.ACS:
            for name in plan.assigned & self._baselines.keys():
                notes[self._note + name] = plan.batch.values.get(name, self._text(name))
        return notes

    def after(self, change: Change) -> None:
        """Take note of a change that is made."""
        notes = self.before(change)
        self._keep(notes)
        if change.plan.batch.attributes or change.plan.removed:
            self.version += 1
        touched = {*change.plan.changed, *(note.removeprefix(self._note) for note in notes)}
        self._compare(touched)

    def told(self, reported: Iterable[tuple[str, str]]) -> Mapping[str, str | None]:
        """The ACS was told these names and texts; the notes to save with the delivery of that."""
        notes: dict[str, str | None] = {}
        doubtful = set(self._news)
        for name, text in reported:
            if name not in self._baselines:
                continue
            doubtful.add(name)
            known = self._text(name) if self._tree.definition(name).hidden else text
            if known != self._baselines[name]:
                notes[self._note + name] = known
        self._keep(notes)
        # What the device supplies may be another at each look: the next look finds it, and no session after session.
        self._news = still = {name for name in doubtful if self._differs(name) and not self._supplied(name)}
        if still:
            self._raised(any(map(self._active, still)))
        return notes

    def _keep(self, notes: Mapping[str, str | None]) -> None:
        for note, text in notes.items():
            name = note.removeprefix(self._note)
            if text is None:
                self._baselines.pop(name, None)
            else:
                self._baselines[name] = text

    def _compare(self, names: Iterable[str], *, again: bool = True) -> None:
        """Work out anew which of ``names`` are news, and say so; what was news before only with ``again``."""
        had = bool(self._news)
        fresh = {name for name in names if self._differs(name)}
        known, self._news = self._news, (self._news - set(names)) | fresh
        if not again:
            fresh -= known
        if fresh:
            self._raised(any(map(self._active, fresh)))
        elif had and not self._news:
            self._withdrawn()

    def _differs(self, name: str) -> bool:
        """Whether it is another than the ACS knows; not so where it is gone, or cannot be read now."""
        baseline = None if name in self._unread else self._baselines.get(name)
        try:
            return baseline is not None and self._tree.value(name).text != baseline
        except CwmpFault:
            return False

    def _active(self, name: str) -> bool:
        return self._level(name) in self._kind.active and not self._held(name)

    def _levels(self) -> frozenset[int]:
        return self._kind.levels if self._wanted() else _NONE

    def _level(self, name: str) -> int:
        return self._tree.attributes(name).notification

    def _text(self, name: str) -> str:
        try:
            return self._tree.value(name).text
        except CwmpFault:
            return ""
