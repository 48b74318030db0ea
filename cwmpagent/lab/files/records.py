"""Requests to the file server: one record each, the last thousand of them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from twisted.internet.defer import Deferred

KEPT = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class FileTransfer:
    """One request. ``path`` is without the query, which may hold a secret.

    ``started``: Unix time. ``octets``: of the body, sent or received. ``whole``: whether the answer was sent to its
    end. ``range``: the Content-Range of a part. ``sha256`` and ``stored``: of an upload that was kept, its digest and
    its name in the folder. ``faults``: the kinds of the faults on purpose.
    """

    number: int
    started: float
    method: str
    path: str
    status: int
    octets: int
    whole: bool
    peer: str = ""
    range: str = ""
    sha256: str = ""
    stored: str = ""
    faults: tuple[str, ...] = ()


class FileTransfers:
    """The records, the oldest first. ``seen``: the number of all so far."""

    def __init__(self) -> None:
        self._kept: deque[FileTransfer] = deque(maxlen=KEPT)
        self._waiting: list[tuple[Callable[[FileTransfer], bool], Deferred[FileTransfer]]] = []
        self.seen = 0

    def __iter__(self) -> Iterator[FileTransfer]:
        return iter(list(self._kept))

    def __reversed__(self) -> Iterator[FileTransfer]:
        return iter(list(self._kept)[::-1])

    def next_number(self) -> int:
        """The number of a request that begins."""
        self.seen += 1
        return self.seen

    def add(self, transfer: FileTransfer) -> None:
        """Keep the record of a request that has ended."""
        self._kept.append(transfer)
        waiting, self._waiting = self._waiting, []
        for wanted, waiter in waiting:
            if waiter.called:
                continue
            if wanted(transfer):
                waiter.callback(transfer)
            else:
                self._waiting.append((wanted, waiter))

    def wait_for(self, method: str, path: str = "", *, since: int = 0) -> Deferred[FileTransfer]:
        """Wait for a request that succeeded as a whole; one after number ``since`` that is kept already counts.

        ``method``: ``GET``, ``PUT`` or ``POST``. ``path``: of the URL; empty is any.
        """

        def wanted(transfer: FileTransfer) -> bool:
            fits = transfer.method == method and path in ("", transfer.path) and transfer.number > since
            return fits and transfer.whole and 200 <= transfer.status < 300

        waiter: Deferred[FileTransfer] = Deferred()
        found = next((transfer for transfer in self if wanted(transfer)), None)
        if found is not None:
            waiter.callback(found)
        else:
            self._waiting.append((wanted, waiter))
        return waiter
