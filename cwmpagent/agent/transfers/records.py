"""The records of all transfers of one agent, in memory and in the store."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

from cwmpagent.agent.facts import Observer, Warned
from cwmpagent.agent.journal import Journal
from cwmpagent.agent.ports import Clock
from cwmpagent.protocol.agenda import Agenda, Now
from cwmpagent.protocol.agenda.events import (
    AUTONOMOUS_TRANSFER_COMPLETE,
    M_DOWNLOAD,
    M_SCHEDULE_DOWNLOAD,
    M_UPLOAD,
    Event,
)
from cwmpagent.protocol.masking import quoted
from cwmpagent.protocol.transfers.record import CANCELLABLE, TRANSFER, Kind, State, Transfer

Follower = Callable[[Transfer, Transfer | None], Mapping[str, str | None]]
"""Called with a transfer before and after a change, None: it is removed. Returns notes to save with the change."""


def event_of(transfer: Transfer) -> Event:
    """The event that announces the report of ``transfer``."""
    if transfer.autonomous:
        return Event(AUTONOMOUS_TRANSFER_COMPLETE)
    codes = {Kind.DOWNLOAD: M_DOWNLOAD, Kind.UPLOAD: M_UPLOAD, Kind.SCHEDULE_DOWNLOAD: M_SCHEDULE_DOWNLOAD}
    return Event(codes[transfer.kind], transfer.command_key)


class TransferRecords:
    """The transfers by number; each change is saved, that to ``done`` together with its event.

    ``notes``: all saved notes. ``wanted``: whether the ACS is told of a finished transfer; else its record goes, and so
    it does if the agent has another ACS since. ``booted``: whether the device has booted since. A damaged record is
    reported, left out, and removed with the next save.
    """

    def __init__(
        self,
        agenda: Agenda,
        journal: Journal,
        clock: Clock,
        observer: Observer,
        notes: Mapping[str, str],
        wanted: Callable[[Transfer], bool],
        *,
        booted: bool,
    ) -> None:
        self._agenda = agenda
        self._journal = journal
        self._clock = clock
        self._wanted = wanted
        self._transfers: dict[int, Transfer] = {}
        self._damaged: dict[str, str | None] = {}
        self._followers: list[Follower] = []
        now = self.now()
        for note in sorted(name for name in notes if name.startswith(TRANSFER)):
            try:
                transfer = Transfer.restored(note, notes[note])
            except ValueError:  # not its text: it may quote a secret
                observer(Warned(f"the saved transfer {quoted(note)} is damaged: it is left out"))
                self._damaged[note] = None
                continue
            self._transfers[transfer.number] = transfer.booted(now) if booted else transfer.restarted(now)
        self._highest = max(self._transfers, default=0)
        for transfer in self:
            known = transfer.acs != agenda.acs or event_of(transfer) in agenda.pending
            if transfer.state is State.DONE and not known:
                agenda.add(event_of(transfer), now)

    def __iter__(self) -> Iterator[Transfer]:
        return iter([self._transfers[number] for number in sorted(self._transfers)])

    def __len__(self) -> int:
        return len(self._transfers)

    def now(self) -> Now:
        """The present time."""
        return Now.read(self._clock)

    def get(self, number: int) -> Transfer | None:
        """The transfer with this number, None if there is none."""
        return self._transfers.get(number)

    def free_number(self) -> int:
        """The number for another transfer; none is given twice, so that a fact belongs to one transfer."""
        self._highest += 1
        return self._highest

    def follow(self, follower: Follower) -> None:
        """Call ``follower`` with each change from now on."""
        self._followers.append(follower)

    async def add(self, transfer: Transfer) -> None:
        """Save a new transfer, with the present ACS. Raises StoreWriteError; then there is none."""
        transfer = replace(transfer, acs=self._agenda.acs)
        self._transfers[transfer.number] = transfer
        self._damaged.pop(transfer.note, None)
        try:
            await self._journal.save({**self._damaged, transfer.note: transfer.record()})
        except BaseException:
            del self._transfers[transfer.number]
            raise

    async def change(self, transfer: Transfer) -> None:
        """Save another state of a transfer; a failed save is a warning. Raises KeyError if it was removed."""
        before = self._transfers[transfer.number]
        transfer = transfer.stamped(self.now())
        self._transfers[transfer.number] = transfer
        notes = {**self._damaged, **self._noted(before, transfer)}
        if transfer.state is State.DONE and before.state is not State.DONE:
            if transfer.acs != self._agenda.acs or not self._wanted(transfer):
                del self._transfers[transfer.number]
                await self._journal.save_or_warn({**notes, transfer.note: None})
                return
            self._agenda.add(event_of(transfer), self.now())
        await self._journal.save_or_warn({**notes, transfer.note: transfer.record()})

    async def change_or_raise(self, transfer: Transfer) -> None:
        """Save another state of a transfer. Raises StoreWriteError; then it has its former state."""
        before = self._transfers[transfer.number]
        self._transfers[transfer.number] = transfer = transfer.stamped(self.now())
        try:
            await self._journal.save({**self._damaged, transfer.note: transfer.record()})
        except BaseException:
            self._transfers[transfer.number] = before
            raise

    async def remove(self, transfers: list[Transfer]) -> None:
        """Remove transfers without a report, at once. Raises StoreWriteError; then all of them are there again."""
        for transfer in transfers:
            del self._transfers[transfer.number]
        try:
            await self._journal.save(dict.fromkeys(transfer.note for transfer in transfers))
        except BaseException:
            self._transfers.update((transfer.number, transfer) for transfer in transfers)
            raise
        for transfer in transfers:
            self._noted(transfer, None)

    async def forget_other_acs(self) -> list[Transfer]:
        """Remove what concerns a former ACS alone, and return it: its requests, and reports that it did not get.

        An installation that has begun is completed, and a transfer of the device itself continues. A failed save is a
        warning.
        """
        others = [each for each in self if each.acs != self._agenda.acs]
        removed = [
            each for each in others if each.state is State.DONE or (each.state in CANCELLABLE and not each.autonomous)
        ]
        notes: dict[str, str | None] = {}
        for transfer in removed:
            del self._transfers[transfer.number]
            notes |= {**self._noted(transfer, None), transfer.note: None}
        if removed:
            await self._journal.save_or_warn(notes)
        return removed

    def reported(self, transfer: Transfer) -> Mapping[str, str | None]:
        """Remove a transfer whose report the ACS has answered. Returns the notes to save."""
        self._transfers.pop(transfer.number, None)
        return {transfer.note: None}

    def _noted(self, before: Transfer, after: Transfer | None) -> Mapping[str, str | None]:
        return {name: text for follower in self._followers for name, text in follower(before, after).items()}
