"""The queue of transfers and its reports, in simulated time: files in memory, an ACS that fails, boots and kills."""

from __future__ import annotations

from twisted.internet.defer import Deferred

from cwmpagent.errors import TransportError
from cwmpagent.protocol.agenda.events import CONNECTION_REQUEST, M_DOWNLOAD, TRANSFER_COMPLETE, Event
from cwmpagent.protocol.rpc import (
    AllQueuedTransferStruct,
    CancelTransfer,
    CancelTransferResponse,
    Fault,
    GetAllQueuedTransfers,
    GetAllQueuedTransfersResponse,
    GetQueuedTransfers,
    GetQueuedTransfersResponse,
    InformResponse,
    QueuedTransferStruct,
    ScheduleDownload,
    TimeWindowStruct,
    TransferComplete,
    Upload,
)
from cwmpagent.protocol.soap import Envelope
from tests.agent.ports import Posted, Said, reply
from tests.agent.transfers.test_transfers import CONFIGURATION, FIRMWARE, TransferCase, download

URL = "http://files.example/f"


def no_answer_to_reports(posted: Posted) -> Said:
    """An ACS that ends the connection in place of an answer to a TransferComplete."""
    return TransportError("connection lost") if isinstance(posted.message, TransferComplete) else None


def holds(posted: Posted) -> Said:
    """An ACS that has requests of its own before it takes any of the device."""
    return reply(Envelope(body=InformResponse(), hold_requests=True), posted) if posted.number == 1 else None


class QueueTests(TransferCase):
    def listed(self) -> tuple[list[QueuedTransferStruct], list[AllQueuedTransferStruct]]:
        """The answers to both lists."""
        queued, every = self.ask(GetQueuedTransfers(), GetAllQueuedTransfers())
        assert isinstance(queued, GetQueuedTransfersResponse) and isinstance(every, GetAllQueuedTransfersResponse)
        return list(queued.transfer_list), list(every.transfer_list)

    def test_dl_06_not_before_the_delay_and_not_in_the_session(self) -> None:
        self.ask(download(delay=30))
        self.simulated.run(29)
        self.assertEqual(self.files.downloads, [])
        self.simulated.run(2)
        self.assertEqual(len(self.files.downloads), 1)

    def test_dl_10_each_state_is_listed_until_the_report_is_delivered(self) -> None:
        self.patch(self.files, "knows", lambda file_type: True)
        self.files.restarts = False
        self.files.held = Deferred()
        self.ask(download("one", kind=CONFIGURATION), Upload("two", "1 Vendor Configuration File", URL, "", "", 1000))
        self.simulated.run(5)
        queued, every = self.listed()
        self.assertEqual(queued, [QueuedTransferStruct("one", 2), QueuedTransferStruct("two", 1)])
        one = AllQueuedTransferStruct("one", 2, True, CONFIGURATION, 10, "")
        two = AllQueuedTransferStruct("two", 1, False, "3 Vendor Configuration File", 0, "")
        self.assertEqual(every, [one, two], "an upload is listed with the number of TransferFileType")
        self.simulated.acs.instead = holds
        self.simulated.acs.asking.append(GetQueuedTransfers())
        self.files.held.callback(None)
        self.simulated.run(1)
        messages = [posted.message for posted in self.simulated.acs.sessions[-1]]
        done = QueuedTransferStruct("one", 3)
        self.assertIn(GetQueuedTransfersResponse((done, QueuedTransferStruct("two", 1))), messages)
        self.assertEqual(len(self.reports()), 1)
        self.assertEqual(self.listed()[0], [QueuedTransferStruct("two", 1)])

    def test_dl_11_cancelled_before_it_began(self) -> None:
        self.ask(download("k", delay=100), download("k", delay=200), download("other", delay=300))
        self.assertEqual(self.ask(CancelTransfer("k")), [CancelTransferResponse()])
        self.assertEqual([each.command_key for each in self.listed()[0]], ["other"])
        self.simulated.run(1000)
        self.assertEqual(len(self.files.downloads), 1)

    def test_dl_12_a_window_that_is_missed(self) -> None:
        window = TimeWindowStruct(100, 200, "4 Confirmation Needed", "May I?", 0)
        self.ask(ScheduleDownload("s", CONFIGURATION, URL, "", "", 0, "", (window,)))
        self.simulated.run(300)
        self.assertEqual(self.simulated.acs.event_codes()[-1], ("7 TRANSFER COMPLETE", "M ScheduleDownload"))
        (report,) = self.reports()
        self.assertEqual((report.command_key, report.fault_struct.fault_code), ("s", 9020))


class ReportTests(TransferCase):
    def setUp(self) -> None:
        super().setUp()
        self.files.restarts = False

    def messages(self, session: int = -1) -> list[str]:
        """Names of what the agent posted in a session; an empty one for an empty POST."""
        posts = self.simulated.acs.sessions[session]
        return [type(posted.message).__name__ if posted.message is not None else "" for posted in posts]

    def test_dl_09_told_again_after_a_boot(self) -> None:
        self.simulated.acs.instead = no_answer_to_reports
        self.ask(download())
        self.simulated.run(2)
        self.assertEqual(len(self.reports()), 1)
        self.simulated.kill()
        self.simulated.acs.instead = lambda posted: None
        self.simulated.begin(booted=True)
        self.assertEqual(self.simulated.acs.event_codes()[-1], ("1 BOOT", TRANSFER_COMPLETE, M_DOWNLOAD))
        first, second = self.reports()
        self.assertEqual(first, second, "the times are those of the transfer")
        self.simulated.run(100_000)
        self.assertEqual((len(self.reports()), len(self.files.installs), self.notes()), (2, 1, []))

    def test_ses_02_before_the_empty_post(self) -> None:
        self.ask(download())
        self.simulated.run(2)
        self.assertEqual(self.messages(), ["Inform", "TransferComplete", ""])

    def test_ses_03_held_until_hold_requests_ends(self) -> None:
        self.simulated.acs.instead = holds
        self.ask(download())
        self.simulated.acs.asking.append(GetQueuedTransfers())
        self.simulated.run(2)
        self.assertEqual(self.messages(), ["Inform", "", "GetQueuedTransfersResponse", "TransferComplete", ""])

    def test_ses_04_a_report_that_comes_too_late_has_the_next_session(self) -> None:
        self.files.held = held = Deferred()
        self.ask(download())
        self.simulated.run(2)

        def ends(posted: Posted) -> Said:
            if posted.number == 2 and not held.called:  # the empty POST: no request may follow
                held.callback(None)
            return None

        self.simulated.acs.instead = ends
        self.simulated.acs.asking.append(GetQueuedTransfers())
        self.simulated.happen(Event(CONNECTION_REQUEST))
        self.simulated.run(2)
        self.assertEqual(self.messages(-2), ["Inform", "", "GetQueuedTransfersResponse"])
        self.assertEqual(self.messages(-1), ["Inform", "TransferComplete", ""])
        self.assertEqual(self.simulated.acs.event_codes()[-1], (TRANSFER_COMPLETE, M_DOWNLOAD))

    def test_ses_08_fault_8002_is_an_answer(self) -> None:
        self.simulated.acs.instead = lambda posted: (
            reply(Fault(8002), posted) if isinstance(posted.message, TransferComplete) else None
        )
        self.ask(download())
        self.simulated.run(100_000)
        self.assertEqual(self.messages(), ["Inform", "TransferComplete", ""])
        self.assertEqual((len(self.reports()), self.notes()), (1, []))
        self.assertTrue(self.simulated.ended()[-1].success)

    def test_dl_01_times_are_unknown_where_the_clock_is_not_trusted(self) -> None:
        self.simulated.clock.step(-50 * 365 * 86400)
        self.ask(download(kind=FIRMWARE))
        self.simulated.run(2)
        (report,) = self.reports()
        self.assertEqual((report.start_time, report.complete_time), ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z"))
