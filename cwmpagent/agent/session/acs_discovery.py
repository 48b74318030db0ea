"""Discovery of the ACS URL (TR-069 3.1): a new URL from the network becomes ManagementServer.URL."""

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
"""Note with the discovered URL that was adopted last; it is not adopted again over a URL that the ACS sets later."""
INTERVAL = 5.0
"""Seconds between two checks."""
Discover = Callable[[], str | None]


def discovered_at_start(
    discover: Discover | None, path: str, saved: Saved, observer: Observer
) -> tuple[Saved, str | None]:
    """Return the saved state with a new URL included, for the first session, and that URL; None where none is new."""
    try:
        url = discover() if discover is not None else None
    except ValueError as error:
        observer(Warned(str(error)))
        return saved, None
    if url is None or url == saved.notes.get(DISCOVERED):
        return saved, None
    return replace(saved, values={**saved.values, path: url}), url


class AcsDiscovery:
    """Calls ``discover`` every :data:`INTERVAL` seconds, and sets the parameter ``path`` to a new URL.

    ``discover`` raises ValueError with a text for the log if the network provides no valid URL. ``adopted``: the saved
    note :data:`DISCOVERED`.
    """

    def __init__(
        self,
        discover: Discover,
        path: str,
        changes: Changes,
        store: Store,
        timers: Timers,
        observer: Observer,
        adopted: str | None,
    ) -> None:
        self._discover = discover
        self._path = path
        self._changes = changes
        self._store = store
        self._timers = timers
        self._observer = observer
        self._adopted = adopted
        self._unsaved: str | None = None
        self._timer: DelayedCall | None = None
        self._stopped = False

    async def start(self, url: str | None) -> None:
        """Save ``url``, discovered at the start and in force (None: none), and begin to check; never raises."""
        if url is not None:
            await self._save(url, {self._path: url})
        self._schedule()

    async def check(self) -> None:
        """Adopt a new URL, and schedule the next check in :data:`INTERVAL` seconds; never raises."""
        try:
            url = self._discover() or self._unsaved
            if url is not None and url != self._adopted:
                await self._adopt(url)
        except ValueError as error:
            self._observer(Warned(str(error)))
        finally:
            self._schedule()

    def stop(self) -> None:
        """Stop checking."""
        self._stopped = True
        if self._timer is not None and self._timer.active():
            self._timer.cancel()

    def resume(self) -> None:
        """Check again after :meth:`stop`."""
        self._stopped = False
        self._schedule()

    def _begin(self) -> None:
        checked = Deferred.fromCoroutine(self.check())
        checked.addErrback(lambda failure: report_internal_error(self._observer, failure))

    async def _adopt(self, url: str) -> None:
        try:
            await self._changes.set_values([ParameterAssignment(self._path, url)], Origin.DEVICE)
        except CwmpFault as fault:
            reason = fault.parameters[0].text if fault.parameters else fault.text
            if self._unsaved is None:
                self._observer(Warned(f"cannot adopt the discovered ACS URL: {reason}"))
            self._unsaved = url if fault.code == 9002 else None
        else:
            await self._save(url, {})

    async def _save(self, url: str, values: Mapping[str, str]) -> None:
        self._adopted, self._unsaved = url, None
        try:
            await self._store.save(Batch(values=values, notes={DISCOVERED: url}))
        except StoreWriteError as error:
            self._observer(Warned(f"the discovered ACS URL will be adopted again after a restart: {error}"))

    def _schedule(self) -> None:
        if not self._stopped:
            self._timer = self._timers.callLater(INTERVAL, self._begin)
