"""The saved state of the software modules; every change is saved before the work that depends on it."""

from __future__ import annotations

from collections.abc import Mapping

from cwmpagent.agent.facts import Observer, Warned
from cwmpagent.agent.journal import Journal
from cwmpagent.errors import CwmpFault
from cwmpagent.protocol.software.state import SoftwareState

SOFTWARE = "software"
"""Name of the saved note."""
MOST_REQUESTS = 16
"""Maximum number of requests that are not reported."""


class SoftwareRecords:
    """Holds the state. ``saved``: the note of the last start; a damaged one is reported and left out."""

    def __init__(self, journal: Journal, observer: Observer, saved: str | None) -> None:
        self._journal = journal
        self.state = SoftwareState()
        if saved is not None:
            try:
                self.state = SoftwareState.restored(saved)
            except ValueError as error:
                observer(Warned(f"cannot read the saved software modules, there are none: {error}"))

    @property
    def note(self) -> Mapping[str, str | None]:
        """The note to save."""
        return {SOFTWARE: None if self.state == SoftwareState() else self.state.record()}

    def check_room(self) -> None:
        """Raise CwmpFault 9004 where there is no room for another request."""
        if len(self.state.requests) >= MOST_REQUESTS:
            raise CwmpFault(9004, f"{MOST_REQUESTS} requests are not reported yet")

    async def promise(self, state: SoftwareState) -> None:
        """Save ``state``, which becomes the present one. Raises StoreWriteError; then the former one stays."""
        former, self.state = self.state, state
        try:
            await self._journal.save(self.note)
        except BaseException:
            if self.state is state:
                self.state = former
            raise

    async def save(self, state: SoftwareState) -> None:
        """Make ``state`` the present one, and save it. A failure is a warning: its work may be done again."""
        self.state = state
        await self._journal.save_or_warn(self.note)
