"""Activity of the transfers since the start: facts of begin, repetition and end, and the progress for reports."""

from __future__ import annotations

from collections import Counter

from cwmpagent.agent.facts import Observer, TransferBegun, TransferEnded, TransferRepeated
from cwmpagent.agent.ports import Clock
from cwmpagent.errors import TransferFailure
from cwmpagent.protocol.masking import without_userinfo
from cwmpagent.protocol.transfers.file import Progress
from cwmpagent.protocol.transfers.record import Transfer
from cwmpagent.protocol.transfers.url import shown_url


class TransferActivity:
    """Follows the transfers of one agent.

    ``last``: seconds since 1970, and the fact, of the last transfer that ended. ``results``: ended transfers by
    ``success`` and ``failure``. ``octets``: moved by ended transfers.
    """

    def __init__(self, clock: Clock, observer: Observer) -> None:
        self._clock = clock
        self._observer = observer
        self._begun: dict[int, float] = {}
        self._progress: dict[int, Progress] = {}
        self._lines: dict[int, str] = {}
        self.last: tuple[float, TransferEnded] | None = None
        self.results: Counter[str] = Counter()
        self.octets = 0

    def progress(self, number: int) -> Progress:
        """The octets of the transfer with this number."""
        return self._progress.get(number, Progress(0))

    def line(self, number: int) -> str:
        """The last progress line of its installer; empty where there is none."""
        return self._lines.get(number, "")

    def began(self, transfer: Transfer) -> None:
        """An attempt of ``transfer`` begins."""
        self._begun.setdefault(transfer.number, self._clock.monotonic())
        kind, url = transfer.kind.value, shown_url(transfer.url)
        self._observer(TransferBegun(kind, transfer.file_type, url, transfer.command_key, transfer.attempts))

    def moved(self, transfer: Transfer, progress: Progress) -> None:
        """Octets of ``transfer`` have arrived or left."""
        self._progress[transfer.number] = progress

    def told(self, transfer: Transfer, line: str) -> None:
        """The installer of ``transfer`` reports ``line``."""
        self._lines[transfer.number] = line

    def repeated(self, transfer: Transfer, failure: TransferFailure) -> None:
        """An attempt of ``transfer`` has failed with ``failure``; it is queued again."""
        wait = max(0.0, transfer.begin.due - self._clock.monotonic())
        reason, key = without_userinfo(str(failure)), transfer.command_key
        self._observer(TransferRepeated(transfer.kind.value, transfer.file_type, key, failure.code, reason, wait))

    def ended(self, transfer: Transfer) -> None:
        """``transfer`` is done."""
        fact = TransferEnded(
            transfer.kind.value,
            transfer.file_type,
            transfer.command_key,
            transfer.code,
            without_userinfo(transfer.text),
            self._seconds(transfer),
            self.progress(transfer.number).octets,
            transfer.number,
        )
        self.last = self._clock.wall(), fact
        self.results["failure" if transfer.code else "success"] += 1
        self.octets += fact.octets
        self.forget(transfer)
        self._observer(fact)

    def forget(self, transfer: Transfer) -> None:
        """``transfer`` is no longer there."""
        for kept in (self._begun, self._progress, self._lines):
            kept.pop(transfer.number, None)

    def _seconds(self, transfer: Transfer) -> float | None:
        """Seconds since its first attempt: by the wall clock where a restart was in between; None where unknown."""
        begun = self._begun.get(transfer.number)
        if begun is not None:
            return self._clock.monotonic() - begun
        if transfer.started is None or transfer.completed is None:
            return None
        return max(0.0, transfer.completed - transfer.started)
