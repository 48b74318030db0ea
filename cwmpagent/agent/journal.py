"""The journal: saves the agenda and the notes of the agent before a message that depends on them is sent."""

from __future__ import annotations

from collections.abc import Mapping

from twisted.internet.defer import Deferred, DeferredLock

from cwmpagent.agent.facts import Observer, Warned
from cwmpagent.agent.internal_errors import report_internal_error
from cwmpagent.agent.ports import Store
from cwmpagent.errors import StoreWriteError
from cwmpagent.protocol.agenda import Agenda
from cwmpagent.records import Batch

AGENDA = "agenda"
BOOTSTRAPPED = "bootstrapped"
PENDING = "pending"  # work to carry out after a session
BOOT_ID = "boot_id"
REQUEST_PATH = "connection_request_path"
FILE_VALUES = "file_values"
BASELINE = "baseline:"
LIGHTWEIGHT = "lightweight:"


class Journal:
    """Saves the agenda and related notes in one transaction; transactions run one after another."""

    def __init__(self, store: Store, agenda: Agenda, observer: Observer) -> None:
        self._store = store
        self._agenda = agenda
        self._observer = observer
        self._failing = False
        self._lock = DeferredLock()

    async def settled(self) -> None:
        """Wait until no save is under way."""
        await self._lock.run(lambda: None)

    async def save(self, notes: Mapping[str, str | None] | None = None) -> None:
        """Save the present agenda, and ``notes``. Raises :class:`~cwmpagent.errors.StoreWriteError`."""
        await self._lock.run(lambda: self._store.save(Batch(notes={AGENDA: self._agenda.record(), **(notes or {})})))
        self._failing = False

    async def save_or_warn(self, notes: Mapping[str, str | None] | None = None) -> None:
        """As :meth:`save`, but a failure is a warning, once. After one, events may be sent twice, but none is lost."""
        try:
            await self.save(notes)
        except StoreWriteError as error:
            if not self._failing:
                self._observer(Warned(f"cannot save the state of the agent: {error}"))
            self._failing = True

    def save_soon(self, notes: Mapping[str, str | None] | None = None) -> Deferred[None]:
        """As :meth:`save_or_warn`, in the background. The result fires at its end, and never errbacks."""
        saved = Deferred.fromCoroutine(self.save_or_warn(notes))
        return saved.addErrback(lambda failure: report_internal_error(self._observer, failure))
