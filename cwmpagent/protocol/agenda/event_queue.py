"""The queue of undelivered events (TR-069 3.7.1.5).

An event is reported by an Inform and delivered by the message that its row of ``EVENTS`` names. An event that occurs
while an Inform with the same event is in progress is another occurrence. It stays pending after that delivery.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from cwmpagent.errors import MisuseError
from cwmpagent.protocol.agenda.events import MOST_EVENTS, Event, OnFailure, OverBoot, in_order, place
from cwmpagent.protocol.agenda.saved_json import SavedJson


@dataclass(slots=True, eq=False)
class _Entry:
    """One occurrence of an event.

    ``opens``: it requires a session. ``waits``: no session was opened since then. ``listed``: the Inform in progress
    lists it. ``acknowledged``: an Inform that listed it was answered, but another message must deliver it.
    """

    event: Event
    opens: bool
    waits: bool
    listed: bool = False
    acknowledged: bool = False


class EventQueue:
    """The events that are not delivered yet."""

    def __init__(self) -> None:
        self._entries: list[_Entry] = []

    @property
    def events(self) -> tuple[Event, ...]:
        """All pending events, in the order of an Inform."""
        return in_order(entry.event for entry in self._entries)

    def codes_waiting(self) -> set[str]:
        """The EventCodes for which a session must be opened."""
        return {entry.event.code for entry in self._entries if entry.waits}

    def add(self, event: Event, opens: bool) -> None:
        """Add an event. A single event that is pending requires another session only if it was acknowledged."""
        same = self._find(event, listed=False)
        if same is None:
            self._entries.append(_Entry(event, opens, waits=opens))
        else:
            if opens and (same.acknowledged or not same.opens):
                same.opens = same.waits = True
            same.acknowledged = False
        if event.rule.companion is not None:
            self.add(Event(event.rule.companion), opens)

    def withdraw(self, code: str) -> None:
        """Remove all events with this EventCode."""
        self._keep(lambda entry: entry.event.code != code)

    def take_for_inform(self) -> tuple[Event, ...]:
        """Select the events of a new Inform; unacknowledged ones have priority where there are too many."""
        ranked = sorted(
            self._entries, key=lambda entry: (not entry.event.numbered, entry.acknowledged, place(entry.event))
        )
        for rank, entry in enumerate(ranked):
            entry.listed = rank < MOST_EVENTS
            entry.waits = False
        return in_order(entry.event for entry in self._entries if entry.listed)

    def informed(self) -> None:
        """Apply the answer to the Inform in progress."""
        self._keep(lambda entry: not (entry.listed and entry.event.rule.delivered_by == "Inform"))
        for entry in self._entries:
            entry.acknowledged = entry.acknowledged or entry.listed

    def delivered_by(self, request: str, command_key: str, code: str, more: bool, again: int) -> None:
        """Apply the answer to ``request``; see :meth:`cwmpagent.protocol.agenda.agenda.Agenda.delivered_by`."""

        def awaits(entry: _Entry) -> bool:
            return entry.event.rule.delivered_by == request

        reports = [entry for entry in self._entries if awaits(entry) and entry.event.rule.multiple]
        same = [entry for entry in reports if entry.event.command_key == command_key and code in ("", entry.event.code)]
        for entry in same[: max(0, len(same) - again) if code else int(not again)]:
            self._entries.remove(entry)
            reports.remove(entry)
        if not reports and not more:
            self._keep(lambda entry: not awaits(entry))

    def succeeded(self) -> None:
        """Apply a successful session; events that its Inform had no room for require another one."""
        self._entries = [
            entry for entry in self._entries if not (entry.listed and self._find(entry.event, listed=False))
        ]
        for entry in self._entries:
            entry.waits = entry.waits or (entry.opens and not entry.acknowledged)
            entry.listed = False

    def failed(self) -> None:
        """Apply a failed session: some events are dropped, the others are retried; repeated occurrences are merged."""
        self._keep(lambda entry: not (entry.listed and entry.event.rule.on_failure is OnFailure.DROP))
        repeated = [
            entry
            for entry in self._entries
            if not (entry.listed or entry.event.rule.multiple) and self._find(entry.event, listed=True)
        ]
        self._entries = [entry for entry in self._entries if entry not in repeated]
        for entry in self._entries:
            entry.listed = False
        for entry in repeated:
            self.add(entry.event, entry.opens)

    def booted(self) -> None:
        """Apply a boot of the device; the caller adds the new ``1 BOOT``."""
        self.failed()
        self._entries = [entry for entry in self._entries if entry.event.rule.over_boot is OverBoot.KEEP]
        for entry in self._entries:
            entry.acknowledged = False

    def record(self) -> list[dict[str, object]]:
        """Return the state for :meth:`restored` as JSON values."""
        return [
            {
                "code": entry.event.code,
                "key": entry.event.command_key,
                "opens": entry.opens,
                "asks": entry.waits,
                "told": entry.listed,
                "heard": entry.acknowledged,
            }
            for entry in self._entries
        ]

    @classmethod
    def restored(cls, rows: Iterable[SavedJson]) -> EventQueue:
        """Restore a :meth:`record`. Raises ValueError where it is damaged."""
        pending = cls()
        for row in rows:
            try:
                event = Event(row.text("code"), row.text("key"))
            except MisuseError as error:
                raise ValueError(str(error)) from error
            pending._entries.append(
                _Entry(event, row.flag("opens"), row.flag("asks"), row.flag("told"), row.flag("heard", False))
            )
        return pending

    def _find(self, event: Event, *, listed: bool) -> _Entry | None:
        """The entry of a single event; None for events that may occur several times."""
        if event.rule.multiple:
            return None
        return next((entry for entry in self._entries if entry.event == event and entry.listed is listed), None)

    def _keep(self, kept: Callable[[_Entry], bool]) -> None:
        """Remove all other entries; a companion stays as long as one of its events."""
        self._entries = [entry for entry in self._entries if kept(entry)]
        codes = {entry.event.code for entry in self._entries}
        for entry in tuple(self._entries):
            companion = entry.event.rule.companion
            if companion is not None and companion not in codes:
                codes.add(companion)
                self._entries.append(_Entry(Event(companion), entry.opens, waits=False))
