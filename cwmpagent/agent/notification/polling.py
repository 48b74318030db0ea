"""Looks now and then at what the device supplies and the ACS wants to be told: nobody else tells of such changes.

Only what is watched is read, one call for each provider. A passive parameter that an Inform tells is not polled, as it
is read before each Inform anyway.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from twisted.internet.defer import CancelledError, Deferred
from twisted.python.failure import Failure

from cwmpagent.agent.facts import Observer, Warned
from cwmpagent.agent.notification.value_change import Notifications
from cwmpagent.agent.parameters.provider_calls import GuardedProvider, GuardedProviders
from cwmpagent.agent.parameters.provider_values import ProviderValues
from cwmpagent.agent.parameters.refresh import Refresher
from cwmpagent.agent.ports import DelayedCall, Timers
from cwmpagent.datamodel.names import Name
from cwmpagent.datamodel.tree import Tree

INTERVAL = 5.0
"""Seconds from the end of one poll to the next."""


class Polling:
    """Polls for ``watches``. ``keys`` are those of rows, by row path; ``interval`` is in seconds, 0: never.

    Nothing is polled, and no timer runs, while nothing that a provider supplies is watched.
    """

    def __init__(
        self,
        *,
        tree: Tree,
        watches: Sequence[Notifications],
        suppliers: GuardedProviders,
        readings: ProviderValues,
        keys: Mapping[str, str],
        live: Refresher,
        timers: Timers,
        interval: float,
        observer: Observer,
    ) -> None:
        self._tree = tree
        self._watches = watches
        self._suppliers = suppliers
        self._readings = readings
        self._keys = keys
        self._live = live
        self._timers = timers
        self._interval = interval
        self._observer = observer
        self._running = False
        self._timer: DelayedCall | None = None
        self._work: Deferred[None] | None = None
        self._version = -1
        self._groups: dict[GuardedProvider, list[Name]] = {}
        self._tables: list[str] = []
        self._seen: dict[str, str | None] = {}
        self._failed: frozenset[str] = frozenset()

    def start(self) -> None:
        """Poll from now on."""
        self._running = bool(self._suppliers.all) and self._interval > 0
        self.look()

    def stop(self) -> None:
        """Poll no more; a poll under way is broken off."""
        self._running = False
        self._disarm()
        if self._work is not None:
            self._work.cancel()

    def look(self) -> None:
        """Something was changed, maybe what is watched: wait for the next poll if there is to be one."""
        if not self._running or self._work is not None:
            return
        self._take_stock()
        if not self._groups and not self._tables:
            self._disarm()
        elif self._timer is None or not self._timer.active():
            self._timer = self._timers.callLater(self._interval, self._begin)

    def _disarm(self) -> None:
        if self._timer is not None and self._timer.active():
            self._timer.cancel()

    def _take_stock(self) -> None:
        """What is to be read, worked out anew only where it is another."""
        version = sum(each.version for each in self._watches)
        if version == self._version:
            return
        self._version = version
        names = list(dict.fromkeys(name for each in self._watches for name in each.polled))
        self._groups = self._suppliers.grouped(names, self._keys)
        counters = [(name, self._tree.definition(name)) for name in names if self._tree.exists(name)]
        tables = [f"{name.removesuffix(each.name)}{each.counts}." for name, each in counters if each.counts]
        self._tables = tables if self._suppliers.tables else []
        self._seen = {name: self._seen[name] for name in names if name in self._seen}

    def _begin(self) -> None:
        # It is there before the work begins, which may end at once.
        work: Deferred[None] = Deferred()
        self._work = work
        work.addCallback(lambda _: Deferred.fromCoroutine(self._poll()))
        work.addErrback(self._crashed)
        work.addBoth(self._ended)
        work.callback(None)

    def _ended(self, _: object) -> None:
        self._work = None
        self.look()

    def _crashed(self, failure: Failure) -> None:
        if not failure.check(CancelledError):  # type: ignore[no-untyped-call]  # Twisted has no types there
            self._observer(Warned(f"an error of the agent itself: {failure.getTraceback()}"))

    async def _poll(self) -> None:
        if self._tables:
            await self._live.rows(self._tables)
            self._take_stock()
        failed = await self._readings.poll(self._groups)
        changed = self._changed(self._readings.known.get)
        again, self._failed = self._failed - failed, failed
        concerned = {*changed, *failed, *again}
        for each in self._watches:
            names = each.among(concerned)
            if names:
                each.noticed(names, failed.intersection(names))

    def _changed(self, present: Callable[[str], str | None]) -> list[str]:
        """The parameters that are not as the last poll saw them."""
        seen, changed = self._seen, []
        for names in self._groups.values():
            for name in names:
                text = present(name)
                if name not in seen or seen[name] != text:
                    seen[name] = text
                    changed.append(str(name))
        return changed
