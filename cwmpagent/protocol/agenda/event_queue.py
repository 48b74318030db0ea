"""The events that the ACS has yet to be told, and what becomes of each (TR-069 3.7.1.5).

An event is told by an Inform and delivered by the message that its row of ``EVENTS``
names. One that arrives while the Inform that tells it is under way is another occurrence, and outlives that delivery.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from cwmpagent.errors import MisuseError
from cwmpagent.protocol.agenda.events import MOST_EVENTS, Event, OnFailure, OverBoot, in_order, place
from cwmpagent.protocol.agenda.saved_json import SavedJson


@dataclass(slots=True, eq=False)
class _Entry:
    """One occurrence.

    ``opens``: it is a reason for a session. ``asks``: no session was opened since it became one. ``told``: the Inform
    under way lists it. ``heard``: an Inform that listed it was answered, so that only another message can deliver it.
    """

    event: Event
    opens: bool
    asks: bool
    told: bool = False
    heard: bool = False


class EventQueue:
    """Every event not yet delivered."""

    def __init__(self) -> None:
        self._entries: list[_Entry] = []

    @property
    def events(self) -> tuple[Event, ...]:
        """All of them, in the order of an Inform."""
        return in_order(entry.event for entry in self._entries)

    def asking(self) -> set[str]:
        """The EventCodes for which a session should be opened."""
        return {entry.event.code for entry in self._entries if entry.asks}

    def add(self, event: Event, opens: bool) -> None:
        """Something happened; a single event that is pending already is not news, unless the ACS has heard of it."""
        same = self._find(event, told=False)
        if same is None:
            self._entries.append(_Entry(event, opens, asks=opens))
        else:
            if opens and (same.heard or not same.opens):
                same.opens = same.asks = True
            same.heard = False
        if event.rule.companion is not None:
            self.add(Event(event.rule.companion), opens)

    def withdraw(self, code: str) -> None:
        """Forget every event of this EventCode."""
        self._keep(lambda entry: entry.event.code != code)

    def tell(self) -> tuple[Event, ...]:
        """An Inform is made: its events. What the ACS has not heard of comes before what it has."""
        ranked = sorted(self._entries, key=lambda entry: (not entry.event.numbered, entry.heard, place(entry.event)))
        for rank, entry in enumerate(ranked):
            entry.told = rank < MOST_EVENTS
            entry.asks = False
        return in_order(entry.event for entry in self._entries if entry.told)

    def informed(self) -> None:
        """The Inform under way was answered."""
        self._keep(lambda entry: not (entry.told and entry.event.rule.delivered_by == "Inform"))
        for entry in self._entries:
            entry.heard = entry.heard or entry.told

    def delivered_by(self, request: str, command_key: str, code: str, more: bool) -> None:
        """``request`` was answered; see :meth:`cwmpagent.protocol.agenda.agenda.Agenda.delivered_by`."""

        def awaits(entry: _Entry) -> bool:
            return entry.event.rule.delivered_by == request

        reports = [entry for entry in self._entries if awaits(entry) and entry.event.rule.multiple]
        for entry in reports:
            if entry.event.command_key == command_key and code in ("", entry.event.code):
                self._entries.remove(entry)
                reports.remove(entry)
                break
        if not reports and not more:
            self._keep(lambda entry: not awaits(entry))

    def succeeded(self) -> None:
        """The session ended well: what its Inform had no room for asks for another one."""
        self._entries = [entry for entry in self._entries if not (entry.told and self._find(entry.event, told=False))]
        for entry in self._entries:
            entry.asks = entry.asks or (entry.opens and not entry.heard)
            entry.told = False

    def failed(self) -> None:
        """The session failed: some events are not retried; what happened again meanwhile is retried with the rest."""
        self._keep(lambda entry: not (entry.told and entry.event.rule.on_failure is OnFailure.DROP))
        again = [
            entry
            for entry in self._entries
            if not (entry.told or entry.event.rule.multiple) and self._find(entry.event, told=True)
        ]
        self._entries = [entry for entry in self._entries if entry not in again]
        for entry in self._entries:
            entry.told = False
        for entry in again:
            self.add(entry.event, entry.opens)

    def booted(self) -> None:
        """The device has booted; the new ``1 BOOT`` is still to be added."""
        self.failed()
        self._entries = [entry for entry in self._entries if entry.event.rule.over_boot is OverBoot.KEEP]
        for entry in self._entries:
            entry.heard = False

    def record(self) -> list[dict[str, object]]:
        """What :meth:`restored` needs, as JSON can carry it."""
        return [
            {
                "code": entry.event.code,
                "key": entry.event.command_key,
                "opens": entry.opens,
                "asks": entry.asks,
                "told": entry.told,
                "heard": entry.heard,
            }
            for entry in self._entries
        ]

    @classmethod
    def restored(cls, rows: Iterable[SavedJson]) -> EventQueue:
        """What :meth:`record` gave. Raises ValueError."""
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

    def _find(self, event: Event, *, told: bool) -> _Entry | None:
        """An entry for a single event."""
        if event.rule.multiple:
            return None
        return next((entry for entry in self._entries if entry.event == event and entry.told is told), None)

    def _keep(self, kept: Callable[[_Entry], bool]) -> None:
        """Drop the others; a companion stays as long as an event that it stands beside."""
        self._entries = [entry for entry in self._entries if kept(entry)]
        here = {entry.event.code for entry in self._entries}
        for entry in tuple(self._entries):
            companion = entry.event.rule.companion
            if companion is not None and companion not in here:
                here.add(companion)
                self._entries.append(_Entry(Event(companion), entry.opens, asks=False))
