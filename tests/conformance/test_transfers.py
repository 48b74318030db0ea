"""Transfers of files (TR-069 A.3.2.8, A.4.1.5): whole agents, the lab's ACS and its file server, on real sockets."""

from __future__ import annotations

import hashlib
import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from cwmpagent.agent.transfers.autonomous import AutonomousOrder
from cwmpagent.config import Config
from cwmpagent.errors import ConfigError
from cwmpagent.lab.acs.session_trace import SessionTrace
from cwmpagent.lab.files.faults import Cut, Slow, Status
from cwmpagent.protocol.rpc import (
    AutonomousTransferComplete,
    CancelTransfer,
    Download,
    DownloadResponse,
    Fault,
    GetAllQueuedTransfers,
    RequestDownload,
    ScheduleDownload,
    ScheduleDownloadResponse,
    SetParameterValuesResponse,
    TimeWindowStruct,
    TransferComplete,
    Upload,
    UploadResponse,
)
from cwmpagent.protocol.transfers.record import Kind
from cwmpagent.values import UNKNOWN_TIME, Value, ValueType
from tests.agent.bench import DEVICE, BenchCase, assign, reactor
from tests.lab.files.serving import start

FIRMWARE = "1 Firmware Upgrade Image"
CONFIGURATION = "3 Vendor Configuration File"
CONTENT = b"image " * 50_000
PROVISIONING = "Device.DeviceInfo.ProvisioningCode"
PROGRAM = """
import hashlib, os, pathlib, sys
data = pathlib.Path(os.environ["CWMP_FILE"]).read_bytes()
with open(sys.argv[1], "a") as file:
    file.write(hashlib.sha256(data).hexdigest() + " " + os.environ["CWMP_COMMAND_KEY"] + "\\n")
print("progress: half")
if b"bad" in data:
    sys.exit("the image is not for this board")
sys.exit(10)
"""


class TransferCase(BenchCase):
    def setUp(self) -> None:
        super().setUp()
        self.folder = self.state.parent / "files"
        self.folder.mkdir()
        (self.folder / "fw.bin").write_bytes(CONTENT)
        self.server, port = start(self, self.folder, auth="digest", username="cpe", password="files-secret")
        self.files = f"http://127.0.0.1:{port}/"
        self.installed = self.state.parent / "installed"
        self.program = self.state.parent / "install.py"
        self.program.write_text(PROGRAM)

    def configured(self, **transfers: Any) -> Config:
        config = self.config()
        hooks = replace(config.hooks, install=(sys.executable, str(self.program), str(self.installed)))
        return replace(config, hooks=hooks, transfers=replace(config.transfers, **transfers))

    async def started(self, **transfers: Any) -> None:
        self.begin(self.configured(**transfers))
        await self.session(event="0 BOOTSTRAP")

    def download(self, name: str = "fw.bin", *, key: str = "k", kind: str = FIRMWARE, **more: Any) -> Download:
        given: dict[str, Any] = {
            "username": "cpe",
            "password": "files-secret",
            "file_size": 0,
            "target_file_name": "",
            "delay_seconds": 0,
            "success_url": "",
            "failure_url": "",
        }
        url = more.pop("url", self.files + name)
        return Download(command_key=key, file_type=kind, url=url, **(given | more))

    def upload(self, name: str, kind: str, key: str = "u") -> Upload:
        return Upload(key, kind, self.files + name, "cpe", "files-secret", 0)

    async def completed(self, since: int) -> tuple[SessionTrace, TransferComplete]:
        """The next session with ``7 TRANSFER COMPLETE``, and its only report."""
        trace = await self.session(event="7 TRANSFER COMPLETE", since=since)
        (report,) = [each for each in trace.requests if isinstance(each, TransferComplete)]
        return trace, report

    async def transferred(self, request: Download | Upload) -> tuple[SessionTrace, TransferComplete]:
        """Order a transfer, and wait for its report."""
        since = self.lab.sessions.seen
        (answer,) = await self.ask(request)
        kind = DownloadResponse if isinstance(request, Download) else UploadResponse
        self.assertEqual(answer, kind(1, UNKNOWN_TIME, UNKNOWN_TIME))
        return await self.completed(since)

    def spooled(self) -> list[str]:
        spool = self.state / "spool"
        return [each.name for each in spool.iterdir()] if spool.exists() else []


class DownloadTests(TransferCase):
    async def test_firmware(self) -> None:
        await self.started()
        trace, report = await self.transferred(self.download(file_size=len(CONTENT)))
        self.assertEqual(trace.event_codes, ("1 BOOT", "7 TRANSFER COMPLETE", "M Download"))
        self.assertEqual((report.command_key, report.fault_struct.fault_code), ("k", 0))
        self.assertLessEqual(report.start_time, report.complete_time)
        self.assertNotEqual(report.start_time, UNKNOWN_TIME)
        self.assertEqual(self.installed.read_text(), f"{hashlib.sha256(CONTENT).hexdigest()} k\n")
        (answer,) = await self.ask(GetAllQueuedTransfers())
        self.assertEqual((answer.transfer_list, self.spooled()), ((), []))

    async def test_an_image_that_the_program_refuses(self) -> None:
        await self.started()
        (self.folder / "fw.bin").write_bytes(b"bad")
        trace, report = await self.transferred(self.download())
        self.assertEqual(trace.event_codes, ("7 TRANSFER COMPLETE", "M Download"), "no boot")
        self.assertEqual(report.fault_struct.fault_code, 9010)
        self.assertIn("the image is not for this board", report.fault_struct.fault_string)
        self.assertEqual(self.spooled(), [])

    async def test_a_checksum(self) -> None:
        await self.started()
        right = hashlib.sha256(CONTENT).hexdigest()
        _, report = await self.transferred(self.download(url=f"{self.files}fw.bin#sha256={right}"))
        self.assertEqual(report.fault_struct.fault_code, 0)
        _, report = await self.transferred(self.download(url=f"{self.files}fw.bin#sha256={'0' * 64}", key="wrong"))
        self.assertEqual(report.fault_struct.fault_code, 9018)
        self.assertEqual(self.installed.read_text().count("\n"), 1, "the other one is not installed")

    async def test_a_signature(self) -> None:
        key = Ed25519PrivateKey.generate()
        path = self.state.parent / "key.pem"
        path.write_bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
        await self.started(verify_key=path)
        _, report = await self.transferred(self.download())
        self.assertEqual(report.fault_struct.fault_code, 9019, "no signature is there")
        (self.folder / "fw.bin.sig").write_bytes(key.sign(b"something else"))
        _, report = await self.transferred(self.download())
        self.assertEqual(report.fault_struct.fault_code, 9019)
        self.assertFalse(self.installed.exists())
        (self.folder / "fw.bin.sig").write_bytes(key.sign(CONTENT))
        _, report = await self.transferred(self.download())
        self.assertEqual(report.fault_struct.fault_code, 0)
        self.assertEqual(self.spooled(), [])

    async def test_a_key_that_is_none(self) -> None:
        path = self.state.parent / "key.pem"
        path.write_text("no key")
        error = self.assertRaises(ConfigError, self.prepared, self.configured(verify_key=path))
        self.assertEqual(error.key, "transfers.verify_key")

    async def test_failures_of_the_server(self) -> None:
        await self.started()
        for request, code in (
            (self.download("nothing"), 9016),
            (self.download(password="wrong"), 9012),
            (self.download(file_size=5), 9018),
        ):
            _, report = await self.transferred(request)
            self.assertEqual(report.fault_struct.fault_code, code)
            self.assertNotIn("files-secret", report.fault_struct.fault_string)
        self.server.faults.add(Status(status=404))
        (self.folder / "empty").write_bytes(b"")
        _, report = await self.transferred(self.download("empty"))
        self.assertEqual(report.fault_struct.fault_code, 9016)
        self.assertFalse(self.installed.exists())

    async def test_refused_at_once(self) -> None:
        await self.started()
        answers = await self.ask(
            self.download(kind="9 Unheard Of"),
            self.download(url="tftp://127.0.0.1/fw.bin"),
            self.download(url="http://user:files-secret@127.0.0.1/fw.bin"),
            self.download(url=""),
        )
        codes = [answer.code if isinstance(answer, Fault) else answer for answer in answers]
        self.assertEqual(codes, [9003, 9013, 9003, 9003])

    async def test_goes_on_after_a_restart_of_the_agent(self) -> None:
        await self.started()
        self.server.faults.add(Cut(keep=100_000), Slow(rate=10_000, after=1))
        since = self.lab.sessions.seen
        await self.ask(self.download())
        await self.until(lambda: self.server.transfers.seen >= 1 and bool(self.spooled()))
        spool = self.state / "spool" / self.spooled()[0]
        await self.until(lambda: spool.stat().st_size >= 100_000)
        await self.end()
        self.server.faults.clear()
        self.begin(self.configured())
        _, report = await self.completed(since)
        self.assertEqual(report.fault_struct.fault_code, 0)
        self.assertEqual(self.installed.read_text(), f"{hashlib.sha256(CONTENT).hexdigest()} k\n")
        self.assertEqual(list(self.server.transfers)[-1].status, 206, "the begin is not fetched again")

    async def test_scheduled(self) -> None:
        await self.started()
        since = self.lab.sessions.seen
        window = TimeWindowStruct(0, 3600, "1 At Any Time", "", 0)
        (answer,) = await self.ask(
            ScheduleDownload("s", FIRMWARE, self.files + "fw.bin", "cpe", "files-secret", 0, "", (window,))
        )
        self.assertEqual(answer, ScheduleDownloadResponse())
        trace, report = await self.completed(since)
        self.assertEqual(trace.event_codes, ("1 BOOT", "7 TRANSFER COMPLETE", "M ScheduleDownload"))
        self.assertEqual((report.command_key, report.fault_struct.fault_code), ("s", 0))
        self.assertEqual(self.installed.read_text(), f"{hashlib.sha256(CONTENT).hexdigest()} s\n")

    async def test_cancelled(self) -> None:
        await self.started()
        self.server.faults.add(Slow(rate=1000))
        await self.ask(self.download(key="cancel"))
        await self.until(self.spooled)
        (answer,) = await self.ask(CancelTransfer("cancel"))
        self.assertNotIsInstance(answer, Fault)
        (answer,) = await self.ask(GetAllQueuedTransfers())
        self.assertEqual((answer.transfer_list, self.spooled()), ((), []))


class ConfigurationTests(TransferCase):
    async def test_up_and_down(self) -> None:
        await self.started()
        await self.ask(assign("p", **{PROVISIONING: "before"}))
        trace, report = await self.transferred(self.upload("device.cfg", "1 Vendor Configuration File"))
        self.assertEqual(trace.event_codes, ("7 TRANSFER COMPLETE", "M Upload"))
        self.assertEqual(report.fault_struct.fault_code, 0)
        text = (self.folder / "uploads" / "device.cfg").read_text()
        for secret in ("acs-secret", "request-secret", "files-secret"):
            self.assertNotIn(secret, text)
        content = json.loads(text)
        self.assertEqual(content["parameters"][PROVISIONING], "before")
        content["parameters"][PROVISIONING] = "after"
        (self.folder / "new.cfg").write_text(json.dumps(content))
        _, report = await self.transferred(self.download("new.cfg", kind=CONFIGURATION))
        self.assertEqual(report.fault_struct.fault_code, 0)
        assert self.agent is not None
        self.assertEqual(self.agent.runtime.tree.text(PROVISIONING), "after")
        content["parameters"] |= {PROVISIONING: "never", "Device.Nope": "1"}
        (self.folder / "wrong.cfg").write_text(json.dumps(content))
        _, report = await self.transferred(self.download("wrong.cfg", kind=CONFIGURATION))
        self.assertEqual(report.fault_struct.fault_code, 9018)
        self.assertIn("Device.Nope", report.fault_struct.fault_string)
        self.assertEqual(self.agent.runtime.tree.text(PROVISIONING), "after", "wholly or not at all")

    async def test_the_log(self) -> None:
        log = self.state.parent / "system.log"
        log.write_text("a line of the system\n")
        await self.started(log_files=(log,))
        _, report = await self.transferred(self.upload("own.log", "2 Vendor Log File"))
        self.assertEqual(report.fault_struct.fault_code, 0)
        self.assertIn("0 BOOTSTRAP, 1 BOOT", (self.folder / "uploads" / "own.log").read_text())
        await self.transferred(self.upload("system.log", "4 Vendor Log File 2"))
        self.assertEqual((self.folder / "uploads" / "system.log").read_text(), "a line of the system\n")
        (answer,) = await self.ask(self.upload("x", "4 Vendor Log File 3"))
        self.assertEqual(answer.code, 9003)


class ProgramTests(TransferCase):
    async def test_an_installer_of_a_program(self) -> None:
        agent = self.prepared(self.configured())
        seen: list[bytes] = []

        @agent.installer(FIRMWARE)
        async def install(file: Any, progress: Any) -> bool:
            seen.append(Path(file.path).read_bytes())
            await agent.set("Device.DeviceInfo.SoftwareVersion", "2.0")
            return True

        agent.startService()
        await self.session(event="0 BOOTSTRAP")
        trace, report = await self.transferred(self.download())
        codes = ("1 BOOT", "4 VALUE CHANGE", "7 TRANSFER COMPLETE", "M Download")
        self.assertEqual((trace.event_codes, report.fault_struct.fault_code), (codes, 0))
        self.assertEqual((seen, self.installed.exists()), ([CONTENT], False))
        self.assertEqual(self.lab.devices[DEVICE].find("DeviceInfo.SoftwareVersion"), "2.0")
        self.assertTrue(reactor.running)


POLICY = "Device.ManagementServer.AutonomousTransferCompletePolicy."


class OwnTransferTests(TransferCase):
    def setUp(self) -> None:
        super().setUp()
        (self.folder / "open").mkdir()
        self.open_server, port = start(self, self.folder)
        self.open_files = f"http://127.0.0.1:{port}/"

    async def begun(self, name: str) -> None:
        """Begin a download that the ACS has not asked for."""
        assert self.agent is not None and self.agent.runtime.transfers is not None
        order = AutonomousOrder(kind=Kind.DOWNLOAD, file_type=CONFIGURATION, url=self.open_files + name)
        await self.agent.runtime.transfers.autonomous.begin(order)

    async def test_event_10(self) -> None:
        await self.started()
        (self.folder / "new.cfg").write_text("no configuration")
        await self.begun("new.cfg")
        assert self.agent is not None and self.agent.runtime.transfers is not None
        records = self.agent.runtime.transfers.records
        await self.until(lambda: not len(records))
        enabled = Value(ValueType.BOOLEAN, "true")
        (answer,) = await self.ask(
            assign("p", **{f"{POLICY}Enable": enabled, f"{POLICY}FileTypeFilter": CONFIGURATION})
        )
        self.assertEqual(answer, SetParameterValuesResponse(0))
        events = [code for trace in self.lab.sessions for code in trace.event_codes]
        self.assertNotIn("10 AUTONOMOUS TRANSFER COMPLETE", events, "the policy was not enabled")
        since = self.lab.sessions.seen
        await self.begun("new.cfg")
        trace = await self.session(event="10 AUTONOMOUS TRANSFER COMPLETE", since=since)
        (report,) = [each for each in trace.requests if isinstance(each, AutonomousTransferComplete)]
        self.assertEqual((report.transfer_url, report.is_download), (self.open_files + "new.cfg", True))
        self.assertEqual((report.file_type, report.fault_struct.fault_code), (CONFIGURATION, 9018))
        self.assertEqual((len(records), self.spooled()), (0, []))

    async def test_event_of_an_upload(self) -> None:
        await self.started()
        enabled = Value(ValueType.BOOLEAN, "true")
        await self.ask(assign("p", **{f"{POLICY}Enable": enabled, f"{POLICY}FileTypeFilter": "4 Vendor Log File"}))
        since = self.lab.sessions.seen
        assert self.agent is not None and self.agent.runtime.transfers is not None
        url = self.files + "own.log"
        order = AutonomousOrder(
            kind=Kind.UPLOAD, file_type="2 Vendor Log File", url=url, username="cpe", password="files-secret"
        )
        await self.agent.runtime.transfers.autonomous.begin(order)
        trace = await self.session(event="10 AUTONOMOUS TRANSFER COMPLETE", since=since)
        (report,) = [each for each in trace.requests if isinstance(each, AutonomousTransferComplete)]
        self.assertEqual((report.transfer_url, report.is_download), (url, False))
        self.assertEqual((report.file_type, report.fault_struct.fault_code), ("4 Vendor Log File", 0))
        self.assertIn("0 BOOTSTRAP", (self.folder / "uploads" / "own.log").read_text())

    async def test_a_filter_takes_only_what_the_model_has(self) -> None:
        await self.started()
        for name, wrong, right in (
            ("TransferTypeFilter", "All", "Upload"),
            ("ResultTypeFilter", "Some", "Failure"),
            ("FileTypeFilter", f"{FIRMWARE},4 Tone File", f"{FIRMWARE},4 Vendor Log File,X 00D09E Any"),
            ("FileTypeFilter", "X 00d09e Any", ""),
        ):
            refused, accepted = await self.ask(
                assign("p", **{POLICY + name: wrong}), assign("p", **{POLICY + name: right})
            )
            self.assertEqual([each.code for each in refused.parameters], [9007], name)
            self.assertEqual(accepted, SetParameterValuesResponse(0), name)

    async def test_event_9(self) -> None:
        await self.started()
        since = self.lab.sessions.seen
        assert self.agent is not None and self.agent.runtime.transfers is not None
        await self.agent.runtime.transfers.download_requests.ask(FIRMWARE, {"Version": "2"})
        trace = await self.session(event="9 REQUEST DOWNLOAD", since=since)
        (request,) = [each for each in trace.requests if isinstance(each, RequestDownload)]
        self.assertEqual((request.file_type, [(each.name, each.value) for each in request.file_type_arg]), ARGUMENTS)


ARGUMENTS = (FIRMWARE, [("Version", "2")])
