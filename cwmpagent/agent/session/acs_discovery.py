"""The ACS's URL as the network gives it (TR-069 3.1): another one there is a change of URL, so a ``0 BOOTSTRAP``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from twisted.internet.defer import Deferred

from cwmpagent.agent.facts import Observer, Warned
from cwmpagent.agent.parameters.changes import Changes, Origin
from cwmpagent.agent.ports import DelayedCall, Store, Timers
from cwmpagent.datamodel.plan import ParameterAssignment
from cwmpagent.errors import CwmpFault, StoreWriteError
from cwmpagent.records import Batch, Saved

DISCOVERED = "discovered_url"
"""The note that holds the URL that was taken over last: what the ACS sets after that stays."""
EVERY = 5.0
"""Seconds between two looks."""
Look = Callable[[], str | None]


def found_at_start(look: Look | None, path: str, saved: Saved, observer: Observer) -> tuple[Saved, str | None]:
    """What is saved, with a new URL in it as if it had been saved before: the first events go to the right ACS."""
    try:
        url = look() if look is not None else None
    except ValueError as error:
        observer(Warned(str(error)))
        return saved, None
    if url is None or url == saved.notes.get(DISCOVERED):
        return saved, None
    return replace(saved, values={**saved.values, path: url}), url


class AcsDiscovery:
    """Looks again and again whether ``look`` gives a URL, and sets the parameter ``path`` to one that is new.

    ``look`` raises ValueError with a line for people where what is there is none. ``taken``: the note, as it was saved.
    """

    def __init__(
        self,
        look: Look,
        path: str,
        changes: Changes,
        store: Store,
        timers: Timers,
        observer: Observer,
        taken: str | None,
    ) -> None:
        self._look = look
        self._path = path
        self._changes = changes
        self._store = store
        self._timers = timers
        self._observer = observer
        self._taken = taken
        self._unsaved: str | None = None
        self._timer: DelayedCall | None = None
        self._stopped = False

    async def start(self, found: str | None) -> None:
        """Save what was ``found`` at the start and is in force, and look from now on; never raises."""
        if found is not None:
            await self._take(found, {self._path: found})
        self._rest()

    async def look(self) -> None:
        """Take over what is there now, and look again in :data:`EVERY` seconds; never raises."""
        try:
            url = self._look() or self._unsaved
            if url is not None and url != self._taken:
                await self._set(url)
        except ValueError as error:
            self._observer(Warned(str(error)))
        finally:
            self._rest()

    def stop(self) -> None:
        """Look no more."""
        self._stopped = True
        if self._timer is not None and self._timer.active():
            self._timer.cancel()

    def resume(self) -> None:
        """Look on after :meth:`stop`."""
        self._stopped = False
        self._rest()

    def _again(self) -> None:
        Deferred.fromCoroutine(self.look()).addErrback(
            lambda failure: self._observer(Warned(f"an error of the agent itself: {failure.getTraceback()}"))
        )

    async def _set(self, url: str) -> None:
        try:
            await self._changes.set_values([ParameterAssignment(self._path, url)], Origin.DEVICE)
        except CwmpFault as fault:
            why = fault.parameters[0].text if fault.parameters else fault.text
            if self._unsaved is None:
                self._observer(Warned(f"the ACS's URL that the network gives is not taken over: {why}"))
            self._unsaved = url if fault.code == 9002 else None
        else:
            await self._take(url, {})

    async def _take(self, url: str, values: Mapping[str, str]) -> None:
        self._taken, self._unsaved = url, None
        try:
            await self._store.save(Batch(values=values, notes={DISCOVERED: url}))
        except StoreWriteError as error:
            self._observer(Warned(f"the ACS's URL that the network gives will be taken over again: {error}"))

    def _rest(self) -> None:
        if not self._stopped:
            self._timer = self._timers.callLater(EVERY, self._again)
