"""Work that an RPC leaves for the time after its session: saved during the session, then carried out by kind."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from twisted.internet.defer import CancelledError, Deferred

from cwmpagent.agent.facts import Observer, Warned
from cwmpagent.agent.internal_errors import report_internal_error
from cwmpagent.agent.journal import PENDING, Journal
from cwmpagent.agent.session.dispatcher import AfterSessionWork
from cwmpagent.errors import MisuseError


class WorkKind(Protocol):
    """One kind of such work: writes and reads its record, and carries it out."""

    @property
    def name(self) -> str:
        """First member of its records; it must never change."""

    @property
    def work(self) -> type[AfterSessionWork]:
        """Class of its values."""

    def record(self, work: Any) -> Sequence[str]:
        """Return the other members of the record of ``work``."""

    def read(self, members: Sequence[Any]) -> AfterSessionWork:
        """Restore the result of :meth:`record`. Raises ValueError for other members."""

    def booted(self, work: Any) -> bool:
        """Return whether ``work`` is still to be done after a boot of the device; called once after each boot."""

    async def carry_out(self, works: Sequence[Any]) -> bool:
        """Carry out the work of one session. True: the device restarts, and no other work is carried out before."""


class AfterSession:
    """Saves work during a session, and carries it out after the session.

    ``kinds`` are carried out in this order. ``resume`` is called afterwards, unless the device restarts; no session may
    open before that.
    """

    def __init__(
        self, kinds: Sequence[WorkKind], journal: Journal, resume: Callable[[], None], observer: Observer
    ) -> None:
        self._kinds = tuple(kinds)
        self._journal = journal
        self._resume = resume
        self._observer = observer
        self._running: Deferred[None] | None = None

    def restored(self, text: str) -> tuple[AfterSessionWork, ...]:
        """Read the work in a saved record. Entries that no kind can read are left out, with one warning."""
        try:
            entries = json.loads(text or "[]")
        except (ValueError, RecursionError):
            entries = None
        if not isinstance(entries, list):
            self._observer(Warned("saved work for after a session is damaged: all of it is left out"))
            return ()
        found: list[AfterSessionWork] = []
        for record in entries:
            if isinstance(record, list) and record:
                found += self._read(record)
        if len(found) < len(entries):
            count = len(entries) - len(found)
            self._observer(Warned(f"saved work for after a session is damaged: {count} of {len(entries)} left out"))
        return tuple(found)

    def record(self, works: Sequence[AfterSessionWork]) -> str | None:
        """Return the text to save for ``works``, None for no work. Raises MisuseError for work of an unknown kind."""
        if not works:
            return None
        records: list[list[str]] = []
        for work in works:
            kind = self._kind(work)
            records.append([kind.name, *kind.record(work)])
        return json.dumps(records)

    def booted(self, works: Sequence[AfterSessionWork]) -> tuple[AfterSessionWork, ...]:
        """Return the part of ``works`` that is still to be done after a boot of the device."""
        return tuple(work for work in works if self._kind(work).booted(work))

    async def promise(self, works: Sequence[AfterSessionWork]) -> None:
        """Save all the work of the session so far. Raises StoreWriteError, and MisuseError as :meth:`record`."""
        await self._journal.save({PENDING: self.record(works)})

    def begin(self, works: Sequence[AfterSessionWork]) -> None:
        """Carry out ``works`` in the background."""
        running = Deferred.fromCoroutine(self._carry_out(works))
        self._running = running
        running.addErrback(lambda failure: report_internal_error(self._observer, failure))

    async def stop(self) -> None:
        """Cancel the work under way; it stays saved."""
        running, self._running = self._running, None
        if running is not None:
            running.cancel()
            await running

    async def _carry_out(self, works: Sequence[AfterSessionWork]) -> None:
        for kind in self._kinds:
            own = [work for work in works if isinstance(work, kind.work)]
            try:
                if own and await kind.carry_out(own):
                    return
            except CancelledError:
                raise
            except Exception:
                report_internal_error(self._observer)  # the other kinds are still carried out
        await self._journal.save_or_warn({PENDING: None})
        self._resume()

    def _kind(self, work: AfterSessionWork) -> WorkKind:
        for kind in self._kinds:
            if isinstance(work, kind.work):
                return kind
        raise MisuseError(f"{type(work).__name__}: no such kind of work after a session is registered")

    def _read(self, record: list[Any]) -> list[AfterSessionWork]:
        for kind in self._kinds:
            if kind.name == record[0]:
                try:
                    return [kind.read(record[1:])]
                except ValueError:
                    return []
        return []
