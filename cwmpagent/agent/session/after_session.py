"""Work that an RPC leaves for the time after its session: promised in the store, then carried out, kind by kind."""

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
    """One kind of such work: its record, how the record is read back, and what the work does."""

    @property
    def name(self) -> str:
        """The first member of its records; it must never change."""

    @property
    def work(self) -> type[AfterSessionWork]:
        """The class of its values."""

    def record(self, work: Any) -> Sequence[str]:
        """The other members of the record of ``work``."""

    def read(self, members: Sequence[Any]) -> AfterSessionWork:
        """The work that :meth:`record` recorded. Raises ValueError for members that are not of this kind."""

    def booted(self, work: Any) -> bool:
        """Whether ``work`` is still to be done though the device has booted since it was promised."""

    async def carry_out(self, works: Sequence[Any]) -> bool:
        """Do the work of one session; True: the device starts anew, and nothing else is to be done before that."""


class AfterSession:
    """The work that is promised, and carried out once the session is over.

    ``kinds`` are carried out in their order. ``resume`` is called afterwards, unless the device starts anew; no session
    is to open before that.
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
        """The work in a saved record. Entries that no kind can read are left out, and reported once."""
        try:
            records = json.loads(text)
        except (ValueError, RecursionError):
            return ()
        found: list[AfterSessionWork] = []
        entries = records if isinstance(records, list) else []
        for record in entries:
            if isinstance(record, list) and record:
                found += self._read(record)
        if len(found) < len(entries):
            count = len(entries) - len(found)
            self._observer(Warned(f"saved work for after a session is damaged: {count} of {len(entries)} left out"))
        return tuple(found)

    def record(self, works: Sequence[AfterSessionWork]) -> str | None:
        """The text to save for ``works``; None where there is none. Raises MisuseError for work of an unknown kind."""
        if not works:
            return None
        records: list[list[str]] = []
        for work in works:
            kind = self._kind(work)
            records.append([kind.name, *kind.record(work)])
        return json.dumps(records)

    def booted(self, works: Sequence[AfterSessionWork]) -> tuple[AfterSessionWork, ...]:
        """The device has booted: those of ``works`` that are still to be done."""
        return tuple(work for work in works if self._kind(work).booted(work))

    async def promise(self, works: Sequence[AfterSessionWork]) -> None:
        """Save all that the session has left so far. Raises StoreWriteError, and MisuseError as :meth:`record`."""
        await self._journal.save({PENDING: self.record(works)})

    def begin(self, works: Sequence[AfterSessionWork]) -> None:
        """Carry ``works`` out, in the background."""
        running = Deferred.fromCoroutine(self._carry_out(works))
        self._running = running
        running.addErrback(lambda failure: report_internal_error(self._observer, failure))

    async def stop(self) -> None:
        """Cancel what is being carried out; it stays promised."""
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
                report_internal_error(self._observer)  # the others are still done
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
