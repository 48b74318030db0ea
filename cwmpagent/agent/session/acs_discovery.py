"""Discovery of the ACS's URL (TR-069 3.1): a new URL given by the network becomes ManagementServer.URL."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from twisted.internet.defer import Deferred

from cwmpagent.agent.facts import Observer, Warned
from cwmpagent.agent.internal_errors import report_internal_error
from cwmpagent.agent.parameters.changes import Changes, Origin
from cwmpagent.agent.ports import DelayedCall, Store, Timers
from cwmpagent.datamodel.plan import ParameterAssignment
from cwmpagent.errors import CwmpFault, StoreWriteError
from cwmpagent.records import Batch, Saved

DISCOVERED = "discovered_url"
"""The note with the URL that was taken over last: a URL that the ACS sets after that stays."""
INTERVAL = 5.0
"""Seconds from one look to the next."""
Look = Callable[[], str | None]


def discovered_at_start(look: Look | None, path: str, saved: Saved, observer: Observer) -> tuple[Saved, str | None]:
    """The saved state, with a new URL in it as if it had been saved before: the first session goes to the right ACS."""
    try:
        url = look() if look is not None else None
    except ValueError as error:
        observer(Warned(str(error)))
        return saved, None
    if url is None or url == saved.notes.get(DISCOVERED):
        return saved, None
    return replace(saved, values={**saved.values, path: url}), url


class AcsDiscovery:
    """Calls ``look`` every :data:`INTERVAL` seconds, and sets the parameter ``path`` to a URL that is new.

    ``look`` raises ValueError, with a line for people, for what is no URL. ``taken``: the note, as it was saved.
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
        """Save the URL ``found`` at the start, if it is in force, and look from now on; never raises."""
        if found is not None:
            await self._take(found, {self._path: found})
        self._rest()

    async def look(self) -> None:
        """Take over the present URL, and look again in :data:`INTERVAL` seconds; never raises."""
        try:
            url = self._look() or self._unsaved
            if url is not None and url != self._taken:
                await self._set(url)
        except ValueError as error:
            self._observer(Warned(str(error)))
        finally:
            self._rest()

    def stop(self) -> None:
        """Stop looking."""
        self._stopped = True
        if self._timer is not None and self._timer.active():
            self._timer.cancel()

    def resume(self) -> None:
        """Look on after :meth:`stop`."""
        self._stopped = False
        self._rest()

    def _again(self) -> None:
        looked = Deferred.fromCoroutine(self.look())
        looked.addErrback(lambda failure: report_internal_error(self._observer, failure))

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
            self._timer = self._timers.callLater(INTERVAL, self._again)
