"""Transfers in whole sessions, over kills and restarts, with a file client and an installer in memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import CancelledError, Deferred, fail
from twisted.trial.unittest import SynchronousTestCase

from cwmpagent.agent.options import TransferOptions
from cwmpagent.agent.ports import FirmwareImages
from cwmpagent.agent.transfers.autonomous import POLICY, AutonomousOrder, TransferPolicy
from cwmpagent.errors import CwmpFault, TransferFailure
from cwmpagent.protocol.agenda.events import CONNECTION_REQUEST, Event
from cwmpagent.protocol.rpc import (
    AcsRequest,
    AutonomousTransferComplete,
    CancelTransfer,
    CancelTransferResponse,
    Download,
    DownloadResponse,
    Fault,
    GetAllQueuedTransfers,
    GetAllQueuedTransfersResponse,
    GetQueuedTransfers,
    GetQueuedTransfersResponse,
    GetRPCMethods,
    GetRPCMethodsResponse,
    ScheduleDownload,
    ScheduleDownloadResponse,
    SetParameterValuesResponse,
    TimeWindowStruct,
    TransferComplete,
    Upload,
    UploadResponse,
)
from cwmpagent.protocol.transfers.file import FileDownload, FileUpload, Progress, ReceivedFile
from cwmpagent.protocol.transfers.moment import Moment
from cwmpagent.protocol.transfers.record import TRANSFER, Kind, Transfer
from cwmpagent.runtime.factory_defaults import FactoryValue
from cwmpagent.values import UNKNOWN_TIME
from tests.agent.bench import assign
from tests.agent.ports import SERVER, Posted, SimulatedAgent, finished

FIRMWARE = "1 Firmware Upgrade Image"
CONFIGURATION = "3 Vendor Configuration File"


class FakeFiles:
    """A file server, a spool directory and a device that installs; all in memory.

    ``failures``: of the next attempts. ``held``: attempts wait for it. ``restarts``: whether an installation needs a
    restart; ``refusal``: its failure. ``crash``: called in an installation.
    """

    def __init__(self) -> None:
        self.downloads: list[FileDownload] = []
        self.uploads: list[FileUpload] = []
        self.failures: list[TransferFailure] = []
        self.held: Deferred[None] | None = None
        self.installing: Deferred[None] | None = None
        self.installs: list[ReceivedFile] = []
        self.confirmed: list[ReceivedFile] = []
        self.restarts = True
        self.refusal: TransferFailure | None = None
        self.removed: list[int] = []

    async def download(self, file: FileDownload, progress: Callable[[Progress], None]) -> None:
        self.downloads.append(file)
        progress(Progress(5, 10, '"v1"'))
        await self._outcome()

    async def upload(self, file: FileUpload, progress: Callable[[Progress], None]) -> None:
        self.uploads.append(file)
        await self._outcome()

    async def _outcome(self) -> None:
        if self.held is not None:
            await self.held
        if self.failures:
            raise self.failures.pop(0)

    def knows(self, file_type: str) -> bool:
        return file_type in (FIRMWARE, CONFIGURATION)

    async def install(self, file: ReceivedFile, progress: Callable[[str], None]) -> bool:
        self.installs.append(file)
        if self.installing is not None:
            await self.installing
        if self.refusal is not None:
            raise self.refusal
        return self.restarts

    async def installed(self, file: ReceivedFile) -> None:
        self.confirmed.append(file)
        if self.refusal is not None:
            raise self.refusal

    async def write(self, file_type: str, path: str) -> None:
        """Write nothing."""

    def path(self, number: int) -> str:
        return f"spool-{number}"

    def remove(self, number: int) -> None:
        self.removed.append(number)

    def keep_only(self, numbers: Any) -> None:
        """Keep all."""


def download(key: str = "k", url: str = "http://files.example/f", delay: int = 0, kind: str = FIRMWARE) -> Download:
    """A Download."""
    return Download(key, kind, url, "user", "hush", 10, "", delay, "", "")


def upload(key: str) -> Upload:
    """An Upload."""
    return Upload(key, CONFIGURATION, "http://files.example/u", "", "", 0)


def own(kind: Kind = Kind.DOWNLOAD, file_type: str = CONFIGURATION, **more: Any) -> AutonomousOrder:
    """A transfer that the ACS has not asked for."""
    return AutonomousOrder(kind=kind, file_type=file_type, url=more.pop("url", "http://files.example/f"), **more)


class PolicyObject:
    """A ManagementServer with only an enabled policy."""

    def __init__(self, texts: dict[str, str]) -> None:
        self.texts = texts

    def flag(self, name: str) -> bool:
        return True

    def text(self, name: str, default: str = "") -> str:
        return self.texts.get(name.removeprefix(POLICY), default)


class TransferCase(SynchronousTestCase):
    """A whole agent with files in memory. ``images``: its firmware images; None: it has one."""

    images: FirmwareImages | None = None

    def setUp(self) -> None:
        self.begin()

    def begin(self, **options: Any) -> None:
        """Start an agent with transfers."""
        self.files = files = FakeFiles()
        self.simulated = SimulatedAgent()
        self.simulated.transfers = TransferOptions(client=files, installer=files, source=files, spool=files, **options)
        self.simulated.images = self.images
        self.simulated.begin()

    def ask(self, *requests: AcsRequest | GetRPCMethods) -> list[Any]:
        """The answers of the agent to requests in one session."""
        self.simulated.acs.asking.extend(requests)
        self.simulated.happen(Event(CONNECTION_REQUEST))
        return self.simulated.acs.answers()

    def restart(self, *, booted: bool) -> None:
        """Kill the agent, and start it again; nothing that ran goes on."""
        self.simulated.kill()
        self.files.held = self.files.installing = None
        self.simulated.begin(booted=booted)
        self.simulated.run(1)

    def reports(self) -> list[TransferComplete]:
        """All reports that the agent has sent."""
        sent = [posted.message for session in self.simulated.acs.sessions for posted in session]
        return [message for message in sent if isinstance(message, TransferComplete)]

    def notes(self) -> list[str]:
        """The saved transfers."""
        return [name for name in self.simulated.store.load().notes if name.startswith(TRANSFER)]

    def state(self) -> str:
        """The saved state of the only transfer."""
        (name,) = self.notes()
        return str(self.simulated.store.load().notes[name])


class TransferTests(TransferCase):
    def test_firmware(self) -> None:
        self.assertEqual(self.ask(download()), [DownloadResponse(1, UNKNOWN_TIME, UNKNOWN_TIME)])
        self.simulated.run(5)
        self.assertEqual((len(self.files.downloads), len(self.files.installs)), (1, 1))
        self.assertEqual(self.simulated.restarts.begun, ["k"])
        self.assertEqual(self.reports(), [])
        self.restart(booted=True)
        self.assertEqual(self.simulated.acs.event_codes()[-1], ("1 BOOT", "7 TRANSFER COMPLETE", "M Download"))
        (report,) = self.reports()
        self.assertEqual((report.command_key, report.fault_struct.fault_code), ("k", 0))
        self.assertNotIn(UNKNOWN_TIME, (report.start_time, report.complete_time))
        self.assertEqual((self.notes(), len(self.files.installs)), ([], 1))
        self.simulated.run(100_000)
        self.assertEqual(len(self.reports()), 1)

    def test_begins_after_its_session(self) -> None:
        answers = self.ask(download(), GetQueuedTransfers())
        self.assertEqual([each.state for each in answers[1].transfer_list], [1])
        self.assertEqual(self.files.downloads, [])
        self.simulated.run(1)
        self.assertEqual(len(self.files.downloads), 1)

    def test_no_session_while_firmware_is_installed(self) -> None:
        self.files.installing = Deferred()
        self.ask(download())
        self.simulated.run(5)
        sessions = len(self.simulated.acs.sessions)
        self.simulated.happen(Event(CONNECTION_REQUEST))
        self.assertEqual(len(self.simulated.acs.sessions), sessions)
        self.files.restarts = False
        self.files.installing.callback(None)
        self.simulated.run(1)
        self.assertEqual(len(self.reports()), 1)

    def test_an_installation_that_fails(self) -> None:
        self.files.refusal = TransferFailure(9018, "not an image")
        self.ask(download())
        self.simulated.run(5)
        (report,) = self.reports()
        self.assertEqual((report.fault_struct.fault_code, report.fault_struct.fault_string), (9018, "not an image"))
        self.assertEqual((self.simulated.restarts.begun, self.notes()), ([], []))

    def test_a_failure_that_no_report_can_have(self) -> None:
        for code, text in ((1, "red\x1b[0m \ud800"), (-5, "x" * 999)):
            self.begin()
            self.files.refusal = TransferFailure(code, text)
            self.ask(download())
            self.simulated.run(5)
            (report,) = self.reports()
            self.assertEqual(report.fault_struct.fault_code, 9002)
            self.assertEqual(report.fault_struct.fault_string, text.replace("\x1b", " ").replace("\ud800", " ")[:256])
            self.assertEqual((self.notes(), self.simulated.odd()), ([], []))

    def test_killed_at_each_step(self) -> None:
        for held, booted in (("held", False), ("held", True), ("installing", False), ("installing", True)):
            with self.subTest(held=held, booted=booted):
                self.begin()
                self.files.restarts = False
                setattr(self.files, held, Deferred())
                self.ask(download())
                self.simulated.run(5)
                self.assertIn("transferring" if held == "held" else "installing", self.state())
                self.restart(booted=booted)
                self.simulated.run(5)
                self.assertEqual((len(self.reports()), len(self.files.installs), self.notes()), (1, 1, []))

    def test_killed_before_it_began(self) -> None:
        self.ask(download())
        self.assertIn('"queued"', self.state())
        self.files.restarts = False
        self.restart(booted=False)
        self.assertEqual((len(self.reports()), len(self.files.installs), self.notes()), (1, 1, []))

    def test_killed_between_the_installation_and_the_restart(self) -> None:
        self.ask(download())
        self.simulated.run(5)
        self.restart(booted=False)
        self.assertEqual((self.simulated.restarts.begun, self.reports()), (["k", "k"], []))
        self.restart(booted=True)
        self.assertEqual((len(self.reports()), len(self.files.installs)), (1, 1))

    def test_firmware_that_is_not_in_force_after_the_restart(self) -> None:
        self.ask(download())
        self.simulated.run(5)
        self.files.refusal = TransferFailure(9010, "fell back to the old image")
        self.restart(booted=True)
        self.assertEqual([each.fault_struct.fault_code for each in self.reports()], [9010])

    def test_five_attempts_that_keep_the_validator(self) -> None:
        self.files.failures = [TransferFailure(9017, "broken")] * 5
        self.ask(download())
        self.simulated.run(1000)
        self.assertEqual([each.validator for each in self.files.downloads], ["", *['"v1"'] * 4])
        self.assertEqual([each.fault_struct.fault_code for each in self.reports()], [9017])

    def test_a_permanent_failure(self) -> None:
        self.files.failures = [TransferFailure(9012, "wrong password", permanent=True)]
        self.ask(download())
        self.simulated.run(1000)
        self.assertEqual(len(self.files.downloads), 1)
        self.assertEqual([each.fault_struct.fault_code for each in self.reports()], [9012])

    def test_a_delay_goes_on_over_a_boot(self) -> None:
        self.ask(download(delay=1000))
        self.simulated.run(600)
        self.restart(booted=True)
        self.simulated.run(390)
        self.assertEqual(self.files.downloads, [])
        self.simulated.run(20)
        self.assertEqual(len(self.files.downloads), 1)

    def test_an_upload(self) -> None:
        asked = Upload("u", CONFIGURATION, "http://files.example/f", "", "", 0)
        self.assertEqual(self.ask(asked), [UploadResponse(1, UNKNOWN_TIME, UNKNOWN_TIME)])
        self.simulated.run(5)
        self.assertEqual((len(self.files.uploads), len(self.files.installs)), (1, 0))
        self.assertEqual(self.simulated.acs.event_codes()[-1], ("7 TRANSFER COMPLETE", "M Upload"))
        self.assertEqual([each.command_key for each in self.reports()], ["u"])

    def schedule(self, *windows: TimeWindowStruct) -> list[Any]:
        """The answers to a ScheduleDownload."""
        url = "http://files.example/f"
        return self.ask(ScheduleDownload("s", CONFIGURATION, url, "", "", 0, "", windows))

    def test_within_a_window(self) -> None:
        self.files.restarts = False
        window = TimeWindowStruct(100, 200, "2 Immediately", "", 0)
        self.assertEqual(self.schedule(window), [ScheduleDownloadResponse()])
        self.simulated.run(90)
        self.assertEqual(self.files.downloads, [])
        self.simulated.run(20)
        self.assertEqual([each.fault_struct.fault_code for each in self.reports()], [0])
        self.assertLessEqual(self.files.downloads[0].seconds, 100)

    def test_without_consent_the_window_ends(self) -> None:
        self.schedule(TimeWindowStruct(0, 200, "4 Confirmation Needed", "May I?", 0))
        self.simulated.run(300)
        self.assertEqual(self.files.downloads, [])
        self.assertEqual([each.fault_struct.fault_code for each in self.reports()], [9020])

    def test_with_consent(self) -> None:
        answers = iter([False, True])
        self.begin(may_begin=lambda mode, message: message == "May I?" and next(answers))
        self.files.restarts = False
        self.schedule(TimeWindowStruct(0, 200, "4 Confirmation Needed", "May I?", 0))
        self.simulated.run(100)
        self.assertEqual([each.fault_struct.fault_code for each in self.reports()], [0])

    def test_bounds(self) -> None:
        self.files.held = Deferred()
        answers = self.ask(*(download(f"k{number}") for number in range(17)), GetAllQueuedTransfers())
        self.assertEqual([type(each) for each in answers[:16]], [DownloadResponse] * 16)
        assert isinstance(answers[16], Fault)
        self.assertEqual(answers[16].code, 9004)
        assert isinstance(answers[17], GetAllQueuedTransfersResponse)
        self.assertEqual(len(answers[17].transfer_list), 16)
        self.simulated.run(100)
        self.assertEqual(len(self.files.downloads), 3)

    def test_refused_at_once(self) -> None:
        for asked, code in (
            (download(kind="9 Unknown"), 9003),
            (download(url=""), 9003),
            (download(url="http://u:secret@files.example/"), 9003),
            (download(url="gopher://files.example/"), 9013),
            (Upload("u", "9 Unknown", "http://files.example/", "", "", 0), 9003),
            (CancelTransfer(""), 9003),
        ):
            with self.subTest(asked=asked):
                (answer,) = self.ask(asked)
                assert isinstance(answer, Fault)
                self.assertEqual(answer.code, code)
        self.assertEqual(self.notes(), [])

    def test_cancelled_while_it_runs(self) -> None:
        self.files.held = Deferred()
        self.ask(download())
        self.simulated.run(5)
        answers = self.ask(CancelTransfer("k"), CancelTransfer("unknown"), GetQueuedTransfers())
        self.assertEqual(answers, [CancelTransferResponse()] * 2 + [GetQueuedTransfersResponse(())])
        self.simulated.run(1000)
        self.assertEqual((self.reports(), self.notes(), self.files.installs), ([], [], []))

    def test_not_cancelled_while_it_is_applied(self) -> None:
        self.files.installing = Deferred()
        self.ask(download(kind=CONFIGURATION))
        self.simulated.run(5)
        (answer,) = self.ask(CancelTransfer("k"))
        assert isinstance(answer, Fault)
        self.assertEqual(answer.code, 9021)

    def test_what_cannot_be_saved_is_refused(self) -> None:
        runtime = self.simulated.runtime
        self.simulated.store.refusing = "disk full"
        answer = finished(runtime.dispatcher.dispatch(download())).response
        assert isinstance(answer, Fault)
        self.assertEqual(answer.code, 9002)
        self.assertEqual(len(list(runtime.transfers.records if runtime.transfers else ())), 0)

    def test_a_damaged_record_is_left_out(self) -> None:
        self.ask(download("first", delay=100), download("second", delay=100))
        name = self.notes()[0]
        finished(self.simulated.runtime.journal.save({name: '{"password": "hush"}'}))
        self.restart(booted=False)
        (warned,) = self.simulated.odd()
        self.assertIn("transfer", str(warned))
        self.assertNotIn("hush", str(self.simulated.facts))
        self.files.restarts = False
        self.simulated.run(200)
        self.assertEqual([each.command_key for each in self.reports()], ["second"])

    def test_the_number_of_a_damaged_record_is_free(self) -> None:
        self.ask(download("damaged", delay=100))
        (name,) = self.notes()
        finished(self.simulated.runtime.journal.save({name: "{}"}))
        self.restart(booted=False)
        self.ask(download("first", delay=100), download("second", delay=100))
        self.assertEqual(len(self.notes()), 2)
        self.restart(booted=False)
        self.assertEqual(len(self.notes()), 2)

    def test_a_restart_that_fails(self) -> None:
        self.ask(download())
        self.simulated.run(5)
        finished(self.simulated.runtime.stop())
        self.simulated.runtime.resume()
        self.simulated.run(5)
        self.assertEqual([each.fault_struct.fault_code for each in self.reports()], [9010])
        self.assertEqual((len(self.files.installs), self.simulated.restarts.begun), (1, ["k"]))
        self.assertEqual(self.files.confirmed, [], "only a restart could put it into force")

    def test_another_acs_is_not_told_of_the_transfers_of_the_first_one(self) -> None:
        self.files.held = Deferred()
        self.ask(upload("done"))
        self.simulated.run(1)
        self.files.held, running = Deferred(), self.files.held
        self.ask(upload("runs"))
        self.simulated.run(1)

        def ends_meanwhile(posted: Posted) -> None:
            if isinstance(posted.message, SetParameterValuesResponse):
                running.callback(None)

        self.simulated.acs.instead = ends_meanwhile
        self.ask(download("late", delay=1000), assign(**{SERVER + "URL": "http://other.example/"}))
        self.assertEqual(len(self.files.uploads), 2)
        self.simulated.run(100_000)
        self.assertEqual(self.simulated.acs.event_codes()[-1], ("0 BOOTSTRAP",))
        self.assertEqual((self.reports(), self.notes(), self.files.downloads), ([], [], []))
        self.assertEqual(sorted(set(self.files.removed)), [1, 2, 3])

    def test_another_acs_is_not_told_of_firmware_that_the_first_one_asked_for(self) -> None:
        self.ask(download())
        self.simulated.run(5)
        self.simulated.values[SERVER + "URL"] = FactoryValue("http://other.example/", "url")
        self.restart(booted=True)
        self.assertEqual(self.simulated.acs.event_codes()[-1], ("0 BOOTSTRAP", "1 BOOT"))
        self.assertEqual((self.reports(), self.notes(), len(self.files.confirmed)), ([], [], 1))

    def test_what_a_stop_has_cancelled_goes_on_where_the_restart_fails(self) -> None:
        for attribute, installs in (("held", 1), ("installing", 1)):
            with self.subTest(attribute=attribute):
                self.begin()
                self.files.restarts = False
                setattr(self.files, attribute, Deferred())
                self.ask(download(kind=CONFIGURATION))
                self.simulated.run(5)
                finished(self.simulated.runtime.stop())
                setattr(self.files, attribute, None)
                self.assertEqual(self.reports(), [])
                self.simulated.runtime.resume()
                self.simulated.run(5)
                self.assertEqual([each.fault_struct.fault_code for each in self.reports()], [0])
                self.assertEqual((len(self.files.installs), self.notes()), (installs, []))

    def test_an_installer_that_cancels_itself(self) -> None:
        for attribute in ("held", "installing"):
            with self.subTest(attribute=attribute):
                self.begin()
                setattr(self.files, attribute, cancelled := Deferred())
                self.ask(download(kind=CONFIGURATION))
                self.simulated.run(5)
                cancelled.errback(CancelledError())
                self.simulated.run(5)
                self.assertEqual([each.fault_struct.fault_code for each in self.reports()], [9002])
                self.assertEqual(self.notes(), [])

    def test_a_question_that_cancels_itself(self) -> None:
        for booted in (True, False):
            with self.subTest(booted=booted):
                self.begin()
                self.files.installing = None if booted else Deferred()
                self.ask(download(kind=CONFIGURATION))
                self.simulated.run(5)
                self.patch(self.files, "installed", lambda file: fail(CancelledError()))
                self.restart(booted=booted)
                self.assertEqual([each.fault_struct.fault_code for each in self.reports()], [9002])
                self.assertEqual((self.notes(), len(self.simulated.restarts.begun)), ([], int(booted)))

    def test_of_its_own(self) -> None:
        transfers = self.simulated.runtime.transfers
        assert transfers is not None
        self.files.restarts = False
        self.patch(transfers.records, "_wanted", lambda transfer: transfer.code == 0)
        finished(transfers.autonomous.begin(own()))
        self.simulated.run(5)
        self.assertEqual(self.simulated.acs.event_codes()[-1], ("10 AUTONOMOUS TRANSFER COMPLETE",))
        sent = [posted.message for posted in self.simulated.acs.sessions[-1]]
        (report,) = [message for message in sent if isinstance(message, AutonomousTransferComplete)]
        self.assertEqual((report.transfer_url, report.fault_struct.fault_code), ("http://files.example/f", 0))
        self.files.failures = [TransferFailure(9012, "no", permanent=True)]
        finished(transfers.autonomous.begin(own()))
        self.simulated.run(5)
        self.assertEqual((len(self.simulated.acs.sessions), self.notes(), self.reports()), (2, [], []))

    def test_its_own_with_credentials(self) -> None:
        transfers = self.simulated.runtime.transfers
        assert transfers is not None
        sha256 = "a" * 64
        url = f"http://files.example/f#sha256={sha256}"
        finished(transfers.autonomous.begin(own(url=url, username="user", password="hush", size=7, target_name="n")))
        self.assertIn(f'"sha256":"{sha256}"', self.state())
        self.simulated.run(5)
        (file,) = self.files.downloads
        self.assertEqual((file.username, file.password, file.size), ("user", "hush", 7))
        self.assertNotIn("hush", str(self.simulated.facts))
        self.assertNotIn("hush", str(own(password="hush")))

    def test_its_own_refused_at_once(self) -> None:
        transfers = self.simulated.runtime.transfers
        assert transfers is not None
        for order, code in (
            (own(file_type="9 Unknown"), 9003),
            (own(Kind.UPLOAD, "9 Unknown"), 9003),
            (own(url=""), 9003),
            (own(url="http://u:hush@files.example/"), 9003),
            (own(url="tftp://files.example/"), 9013),
            (own(url="http://files.example/" + "f" * 1024), 9003),
            (own(username="u" * 257), 9003),
            (own(password="p" * 257), 9003),
            (own(target_name="n" * 257), 9003),
            (own(target_name="\0"), 9003),
            (own(size=-1), 9003),
            (own(size=2**32), 9003),
        ):
            with self.subTest(order=order):
                work = Deferred.fromCoroutine(transfers.autonomous.begin(order))
                self.assertEqual(self.failureResultOf(work, CwmpFault).value.code, code)
        self.simulated.store.refusing = "disk full"
        work = Deferred.fromCoroutine(transfers.autonomous.begin(own()))
        self.assertEqual(self.failureResultOf(work, CwmpFault).value.code, 9002)
        self.assertEqual((self.notes(), self.files.downloads), ([], []))

    def test_the_filters_of_the_policy(self) -> None:
        done = Transfer(
            number=1, kind=Kind.UPLOAD, file_type="f", url="", begin=Moment(0, 0), autonomous=True, code=9011
        )
        given = {"TransferTypeFilter": "Upload", "ResultTypeFilter": "Failure", "FileTypeFilter": "e,f"}
        for change, wanted in (
            ({}, True),
            ({"TransferTypeFilter": "Both", "ResultTypeFilter": "Both"}, True),
            ({"TransferTypeFilter": "Download"}, False),
            ({"ResultTypeFilter": "Success"}, False),
            ({"FileTypeFilter": ""}, False),
        ):
            server: Any = PolicyObject({**given, **change})
            self.assertIs(TransferPolicy(server).wants(done), wanted)

    def test_without_a_policy_the_acs_is_told_of_none(self) -> None:
        transfers = self.simulated.runtime.transfers
        assert transfers is not None
        finished(transfers.autonomous.begin(own(Kind.UPLOAD)))
        self.simulated.run(5)
        self.assertEqual((len(self.files.uploads), len(self.simulated.acs.sessions), self.notes()), (1, 1, []))

    def test_errors_that_nobody_expects(self) -> None:
        for attribute in ("failures", "refusal"):
            self.begin()
            error: Any = RuntimeError("impossible")
            setattr(self.files, attribute, [error] if attribute == "failures" else error)
            self.ask(download())
            self.simulated.run(5)
            self.assertEqual([each.fault_struct.fault_code for each in self.reports()], [9002])

    def test_an_error_that_nobody_expects_after_the_restart(self) -> None:
        self.ask(download())
        self.simulated.run(5)
        error: Any = RuntimeError("impossible")
        self.files.refusal = error
        self.restart(booted=True)
        self.assertEqual([each.fault_struct.fault_code for each in self.reports()], [9002])

    def test_the_list_of_rpcs(self) -> None:
        (answer,) = self.ask(GetRPCMethods())
        assert isinstance(answer, GetRPCMethodsResponse)
        names = "Download Upload ScheduleDownload CancelTransfer GetQueuedTransfers GetAllQueuedTransfers"
        self.assertLessEqual(set(names.split()), set(answer.method_list))
