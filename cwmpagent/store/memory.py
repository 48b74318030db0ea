"""A store that forgets: for fleets of simulated devices and for tests. Everything else is as with the durable one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred, fail, succeed

from cwmpagent.errors import MisuseError, StoreWriteError
from cwmpagent.records import Batch, Saved
from cwmpagent.store import tables


class MemoryStore:
    """Keeps what is saved for as long as it lives; a save has happened when it returns.

    ``saved`` is what it begins with. ``refusing``, while it is a text, makes every save fail with ``StoreWriteError``.
    """

    __slots__ = ("_closed", "_entries", "moved_aside", "refusing")

    def __init__(self, saved: Saved | None = None) -> None:
        begin = saved or Saved()
        self._entries: dict[str, dict[str, Any]] = {t.field: dict(getattr(begin, t.field)) for t in tables.TABLES}
        self._closed = False
        self.moved_aside: Path | None = None
        self.refusing: str | None = None

    def load(self) -> Saved:
        """As :meth:`cwmpagent.store.Store.load`."""
        if self._closed:
            raise MisuseError("the store is closed")
        return Saved(**{field: dict(entries) for field, entries in self._entries.items()})

    def save(self, batch: Batch) -> Deferred[None]:
        """As :meth:`cwmpagent.store.Store.save`, at once."""
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
        """As :meth:`cwmpagent.store.Store.close`."""
        self._closed = True
        return succeed(None)
