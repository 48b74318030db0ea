"""Transfers that are removed while their work begins or ends, with a store that takes its time."""

from __future__ import annotations

from twisted.internet.defer import Deferred

from cwmpagent.errors import CwmpFault
from cwmpagent.protocol.rpc import CancelTransfer, CancelTransferResponse
from cwmpagent.records import Batch
from cwmpagent.store.memory import MemoryStore
from tests.agent.transfers.test_transfers import CONFIGURATION, FIRMWARE, TransferCase, download


class SlowStore(MemoryStore):
    """A store that keeps each batch in ``held``, where that is a list, until :meth:`go_on`."""

    __slots__ = ("held",)

    def __init__(self) -> None:
        super().__init__()
        self.held: list[tuple[Batch, Deferred[None]]] | None = None

    def save(self, batch: Batch) -> Deferred[None]:
        if self.held is None:
            return super().save(batch)
        saved: Deferred[None] = Deferred()
        self.held.append((batch, saved))
        return saved

    def go_on(self) -> None:
        """Save what was held, and hold no more."""
        held, self.held = self.held or [], None
        for batch, saved in held:
            super().save(batch).chainDeferred(saved)


class RemovalTests(TransferCase):
    def begin(self, kind: str = CONFIGURATION) -> None:  # type: ignore[override]
        """Start an agent, in which a download is under way."""
        super().begin()
        self.files.restarts = False
        self.simulated.kill()
        self.simulated.store = self.slow = SlowStore()
        self.simulated.begin()
        self.files.held = Deferred()
        self.ask(download(kind=kind))
        self.simulated.run(5)

    def arrived(self) -> None:
        """The whole file is there."""
        assert self.files.held is not None
        self.files.held.callback(None)

    def cancel(self) -> Deferred[CancelTransferResponse]:
        """Begin to cancel the transfer; that is not saved yet."""
        transfers = self.simulated.runtime.transfers
        assert transfers is not None
        self.slow.held = []
        return Deferred.fromCoroutine(transfers.rpcs.cancel(CancelTransfer("k")))

    def nothing_is_left(self) -> None:
        """No transfer is left, now and after a restart, and none was applied or reported."""
        self.simulated.run(1)
        self.assertEqual(self.notes(), [])
        self.restart(booted=False)
        self.simulated.run(1000)
        self.assertEqual((self.notes(), self.files.installs, self.reports()), ([], [], []))
        self.assertEqual(self.simulated.odd(), [])

    def test_a_file_that_arrives_while_it_is_cancelled(self) -> None:
        cancelled = self.cancel()
        self.arrived()
        self.slow.go_on()
        self.assertEqual(self.successResultOf(cancelled), CancelTransferResponse())
        self.nothing_is_left()

    def test_an_installation_that_is_about_to_begin(self) -> None:
        for kind in (CONFIGURATION, FIRMWARE):
            with self.subTest(kind=kind):
                self.begin(kind)
                self.arrived()
                cancelled = self.cancel()
                self.simulated.run(0)
                self.slow.go_on()
                self.assertEqual(self.successResultOf(cancelled), CancelTransferResponse())
                self.nothing_is_left()

    def test_what_cannot_be_cancelled_goes_on(self) -> None:
        cancelled = self.cancel()
        self.arrived()
        self.slow.refusing = "the disk is full"
        self.slow.go_on()
        self.assertEqual(self.failureResultOf(cancelled, CwmpFault).value.code, 9002)
        self.slow.refusing = None
        self.simulated.run(100)
        self.assertEqual([each.fault_struct.fault_code for each in self.reports()], [0])
        self.assertEqual((len(self.files.installs), self.notes()), (1, []))

    def test_a_stop_before_an_installation_begins(self) -> None:
        self.arrived()
        self.successResultOf(Deferred.fromCoroutine(self.simulated.runtime.stop()))
        self.files.held = None
        self.simulated.runtime.resume()
        self.simulated.run(5)
        self.assertEqual([each.fault_struct.fault_code for each in self.reports()], [0])
        self.assertEqual((len(self.files.installs), self.notes()), (1, []))
