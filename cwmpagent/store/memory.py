"""Store in memory, for fleets of simulated devices and for tests; otherwise it behaves as the durable store."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred, fail, succeed

from cwmpagent.errors import MisuseError, StoreWriteError
from cwmpagent.records import Batch, Saved
from cwmpagent.store import tables


class MemoryStore:
    """Store without persistence; :meth:`save` is complete when it returns.

    ``saved``: the initial state. ``refusing``: if a text, every save fails with ``StoreWriteError`` and this text.
    ``moved_aside``: always ``None``, ``damaged``: always empty, as in a durable store without damage.
    """

    __slots__ = ("_closed", "_entries", "damaged", "moved_aside", "refusing")

    def __init__(self, saved: Saved | None = None) -> None:
        saved = saved or Saved()
        self._entries: dict[str, dict[str, Any]] = {
            table.field: dict(getattr(saved, table.field)) for table in tables.TABLES
        }
        self._closed = False
        self.moved_aside: Path | None = None
        self.damaged: tuple[str, ...] = ()
        self.refusing: str | None = None

    def load(self) -> Saved:
        """Read the whole state, as :meth:`cwmpagent.store.Store.load`."""
        if self._closed:
            raise MisuseError("the store is closed")
        return Saved(**{field: dict(entries) for field, entries in self._entries.items()})

    def save(self, batch: Batch) -> Deferred[None]:
        """Save ``batch`` immediately, as :meth:`cwmpagent.store.Store.save`."""
        if self._closed:
            return fail(MisuseError("the store is closed"))
        try:
            tables.statements(batch)
        except MisuseError as error:
            return fail(error)
        if self.refusing is not None:
            return fail(StoreWriteError(f"the change could not be saved: {self.refusing}"))
        for field, entries in self._entries.items():
            if batch.erase:
                entries.clear()
            for key, value in getattr(batch, field).items():
                if value is None:
                    entries.pop(key, None)
                else:
                    entries[key] = value
        return succeed(None)

    def close(self) -> Deferred[None]:
        """Close the store, as :meth:`cwmpagent.store.Store.close`."""
        self._closed = True
        return succeed(None)
