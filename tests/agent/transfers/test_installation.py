"""Installation: once, also where the state cannot be saved; the times of a report without a clock."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import CancelledError, Deferred

from cwmpagent.agent.facts import Warned
from cwmpagent.agent.transfers.queue import STOP_GRACE
from cwmpagent.errors import TransferFailure
from cwmpagent.protocol.agenda.events import CONNECTION_REQUEST, Event
from cwmpagent.protocol.transfers.file import ReceivedFile
from cwmpagent.values import UNKNOWN_TIME
from tests.agent.ports import finished
from tests.agent.transfers.test_transfers import CONFIGURATION, FIRMWARE, TransferCase, download, own


class RestartTests(TransferCase):
    def test_who_has_asked_for_the_restart(self) -> None:
        self.ask(download())
        self.simulated.run(5)
        self.assertEqual((self.simulated.restarts.begun, self.simulated.restarts.local), (["k"], 0))
        self.restart(booted=True)
        assert self.simulated.runtime.transfers is not None
        finished(self.simulated.runtime.transfers.autonomous.begin(own(file_type=FIRMWARE)))
        self.simulated.run(5)
        self.assertEqual((self.simulated.restarts.begun[-1], self.simulated.restarts.local), ("", 1))


class UnsavedTests(TransferCase):
    def received(self) -> None:
        """A file is there, and from now on nothing can be saved."""
        self.files.restarts = False
        self.files.held = Deferred()
        self.ask(download(kind=CONFIGURATION))
        self.simulated.run(5)
        self.simulated.store.refusing = "the disk is full"
        self.files.held.callback(None)
        self.simulated.run(5)

    def test_not_applied_before_that_is_saved(self) -> None:
        self.received()
        self.simulated.run(300)
        self.assertEqual((self.files.installs, self.reports()), ([], []))
        lines = [fact.text for fact in self.simulated.facts if isinstance(fact, Warned) and "applied" in fact.text]
        self.assertTrue(2 <= len(lines) <= 7, lines)
        self.assertIn("the disk is full", lines[0])
        sessions = len(self.simulated.acs.sessions)
        self.simulated.happen(Event(CONNECTION_REQUEST))
        self.assertEqual(len(self.simulated.acs.sessions), sessions + 1, "sessions go on")
        self.simulated.store.refusing = None
        self.simulated.run(1000)
        self.assertEqual([each.fault_struct.fault_code for each in self.reports()], [0])
        self.assertEqual((len(self.files.installs), self.notes()), (1, []))

    def test_once_over_a_crash(self) -> None:
        self.received()
        self.simulated.store.refusing = None
        self.restart(booted=False)
        self.simulated.run(100)
        self.assertEqual((len(self.files.installs), len(self.reports()), self.notes()), (1, 1, []))

    def test_the_end_of_an_installation_is_not_saved(self) -> None:
        self.files.restarts = False
        self.files.installing = Deferred()
        self.ask(download(kind=CONFIGURATION))
        self.simulated.run(5)
        self.simulated.store.refusing = "the disk is full"
        self.files.installing.callback(None)
        self.simulated.run(1)
        self.simulated.store.refusing = None
        self.restart(booted=False)
        self.simulated.run(100)
        self.assertEqual((len(self.files.installs), len(self.files.confirmed), self.notes()), (1, 1, []))


class StopTests(TransferCase):
    def test_the_result_of_what_the_stop_ends_is_reported(self) -> None:
        async def slow(file: ReceivedFile, progress: Callable[[str], None]) -> bool:
            try:
                await Deferred()
            except CancelledError:
                ended: Deferred[None] = Deferred()
                self.simulated.timers.callLater(3, ended.callback, None)
                await ended
            raise TransferFailure(9010, "half of it is written")

        self.patch(self.files, "install", slow)
        self.ask(download())
        self.simulated.run(5)
        stopped = Deferred.fromCoroutine(self.simulated.runtime.stop())
        self.assertNoResult(stopped)
        self.simulated.run(4)
        self.assertIsNone(self.successResultOf(stopped))
        self.restart(booted=False)
        self.assertEqual([str(each.fault_struct.fault_string) for each in self.reports()], ["half of it is written"])
        self.assertEqual(self.files.confirmed, [])

    def test_no_session_opens_where_the_stop_ends_an_installation(self) -> None:
        self.files.installing = Deferred()
        self.ask(download())
        self.simulated.run(5)
        sessions = len(self.simulated.acs.sessions)
        self.simulated.happen(Event(CONNECTION_REQUEST))
        self.assertIsNone(self.successResultOf(Deferred.fromCoroutine(self.simulated.runtime.stop())))
        self.assertEqual(len(self.simulated.acs.sessions), sessions)

    def test_an_installer_that_does_not_stop(self) -> None:
        async def stubborn(file: ReceivedFile, progress: Callable[[str], None]) -> bool:
            try:
                await Deferred()
            except CancelledError:
                await Deferred()
            return False

        self.patch(self.files, "install", stubborn)
        self.ask(download())
        self.simulated.run(5)
        stopped = Deferred.fromCoroutine(self.simulated.runtime.stop())
        self.assertNoResult(stopped)
        self.simulated.run(STOP_GRACE)
        self.assertIsNone(self.successResultOf(stopped))
        self.restart(booted=False)
        self.assertEqual((len(self.files.confirmed), len(self.reports())), (1, 1))


class TimeTests(TransferCase):
    def times(self) -> tuple[str, str]:
        (report,) = self.reports()
        return report.start_time, report.complete_time

    def test_a_clock_that_is_not_set(self) -> None:
        self.files.restarts = False
        self.simulated.clock.step(-self.simulated.clock.wall())
        self.ask(download(kind=CONFIGURATION))
        self.simulated.run(5)
        self.assertEqual(self.times(), (UNKNOWN_TIME, UNKNOWN_TIME))

    def test_a_clock_that_is_set_meanwhile(self) -> None:
        self.files.restarts = False
        self.files.held = Deferred()
        wall = self.simulated.clock.wall()
        self.simulated.clock.step(-wall)
        self.ask(download(kind=CONFIGURATION))
        self.simulated.run(5)
        self.simulated.clock.step(wall)
        self.files.held.callback(None)
        self.simulated.run(5)
        start, complete = self.times()
        self.assertEqual(start, UNKNOWN_TIME)
        self.assertTrue(complete.startswith("2026-01-01T"), complete)

    def test_a_failure_without_a_clock(self) -> None:
        self.simulated.clock.step(-self.simulated.clock.wall())
        self.files.failures = [TransferFailure(9012, "no", permanent=True)]
        self.ask(download())
        self.simulated.run(5)
        self.assertEqual(self.times(), (UNKNOWN_TIME, UNKNOWN_TIME))
