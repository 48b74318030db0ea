"""Polling: finds changes of watched parameters that providers supply and do not announce.

Only watched parameters are read, with one call for each provider. Parameters with passive notification by Inform
are not polled: they are read before each Inform.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from twisted.internet.defer import Deferred

from cwmpagent.agent.facts import Observer
from cwmpagent.agent.internal_errors import report_internal_error
from cwmpagent.agent.notification.value_change import Notifications
from cwmpagent.agent.parameters.provider_calls import GuardedProvider, GuardedProviders
from cwmpagent.agent.parameters.provider_values import ProviderValues
from cwmpagent.agent.parameters.refresh import Refresher
from cwmpagent.agent.ports import DelayedCall, Timers
from cwmpagent.datamodel.names import Name
from cwmpagent.datamodel.tree import Tree


class Polling:
    """Polls the parameters of ``watches`` every ``interval`` seconds (0: never). ``keys``: row path -> key.

    No timer runs while no parameter of a provider is watched.
    """

    def __init__(
        self,
        *,
        tree: Tree,
        watches: Sequence[Notifications],
        providers: GuardedProviders,
        values: ProviderValues,
        keys: Mapping[str, str],
        refresher: Refresher,
        timers: Timers,
        interval: float,
        observer: Observer,
    ) -> None:
        self._tree = tree
        self._watches = watches
        self._providers = providers
        self._values = values
        self._keys = keys
        self._refresher = refresher
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
        """Start polling."""
        self._running = bool(self._providers.all) and self._interval > 0
        self.schedule()

    def stop(self) -> None:
        """Stop polling; a poll under way is cancelled."""
        self._running = False
        self._disarm()
        if self._work is not None:
            self._work.cancel()

    def schedule(self) -> None:
        """Set the timer for the next poll, if one is needed. Must be called after each change."""
        if not self._running or self._work is not None:
            return
        self._update_names()
        if not self._groups and not self._tables:
            self._disarm()
        elif self._timer is None or not self._timer.active():
            self._timer = self._timers.callLater(self._interval, self._begin)

    def _disarm(self) -> None:
        if self._timer is not None and self._timer.active():
            self._timer.cancel()

    def _update_names(self) -> None:
        """Determine the names to read, if the watched parameters have changed."""
        version = sum(watch.version for watch in self._watches)
        if version == self._version:
            return
        self._version = version
        names = list(dict.fromkeys(name for watch in self._watches for name in watch.polled))
        self._groups = self._providers.grouped(names, self._keys)
        counters = [
            (name, self._tree.definition(name))
            for name in (names if self._providers.tables else ())
            if self._tree.exists(name)
        ]
        self._tables = [
            f"{name.removesuffix(parameter.name)}{parameter.counts}."
            for name, parameter in counters
            if parameter.counts
        ]
        self._seen = {name: self._seen[name] for name in names if name in self._seen}

    def _begin(self) -> None:
        # Set before the work begins, which may end at once.
        work: Deferred[None] = Deferred()
        self._work = work
        work.addCallback(lambda _: Deferred.fromCoroutine(self._poll()))
        work.addErrback(lambda failure: report_internal_error(self._observer, failure))
        work.addBoth(self._ended)
        work.callback(None)

    def _ended(self, _: object) -> None:
        self._work = None
        self.schedule()

    async def _poll(self) -> None:
        if self._tables:
            await self._refresher.rows(self._tables)
            self._update_names()
        failed = await self._values.poll(self._groups)
        changed = self._changed(self._values.known.get)
        readable_again, self._failed = self._failed - failed, failed
        names = {*changed, *failed, *readable_again}
        for watch in self._watches:
            watched = watch.among(names)
            if watched:
                watch.compare(watched, failed.intersection(watched))

    def _changed(self, present: Callable[[str], str | None]) -> list[str]:
        """Parameters whose values differ from those of the last poll."""
        seen, changed = self._seen, []
        for names in self._groups.values():
            for name in names:
                text = present(name)
                if name not in seen or seen[name] != text:
                    seen[name] = text
                    changed.append(str(name))
        return changed
