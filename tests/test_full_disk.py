"""A whole agent whose spool directory is a small file system: downloads that are too large fail, and nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from twisted.internet.protocol import Factory, Protocol
from twisted.trial.unittest import SkipTest

from cwmpagent.lab.files.faults import Slow
from cwmpagent.protocol.rpc import (
    AcsRequest,
    Download,
    DownloadResponse,
    GetParameterValues,
    ScheduleDownload,
    ScheduleDownloadResponse,
    TimeWindowStruct,
    TransferComplete,
)
from tests.agent.bench import DEVICE, reactor
from tests.lab.files.serving import start
from tests.namespaces import has_mounts, with_tmpfs
from tests.process import TWISTD, Child
from tests.skips import NO_MOUNTS
from tests.test_tap import TapCase

VENDOR = "X 00D09E Rules"
ONE_ATTEMPT = (TimeWindowStruct(0, 3600, "1 At Any Time", "", 0),)
LARGE = 20 << 20


class Unannounced(Protocol):
    """Sends a large file without its length."""

    def dataReceived(self, data: bytes) -> None:
        transport: Any = self.transport
        transport.write(b"HTTP/1.0 200 OK\r\n\r\n" + bytes(LARGE))
        transport.loseConnection()


class FullDiskTests(TapCase):
    auth = "none"

    async def test_too_large_for_the_disk(self) -> None:
        if not has_mounts():
            raise SkipTest(NO_MOUNTS)
        spool = self.state / "spool"
        for each in (self.state, spool):
            each.mkdir(0o700)
        self.write(acs='[hooks]\ninstall = ["/bin/true"]')
        command = [*with_tmpfs(spool, "8m"), *TWISTD, "cwmpagent", "--config", str(self.file)]
        child = Child.start(reactor, command)
        self.addCleanup(self._kill, child)
        await self.first()

        folder = self.state.parent / "files"
        folder.mkdir()
        (folder / "small").write_bytes(b"small " * 50_000)
        with (folder / "announced").open("wb") as file:
            file.truncate(LARGE)
        server, number = start(self, folder)
        server.faults.add(Slow(path="/small", rate=150_000))
        port = reactor.listenTCP(0, Factory.forProtocol(Unannounced), interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        base = f"http://127.0.0.1:{number}/"
        answers = await self.asked(
            Download("small", VENDOR, base + "small", "", "", 0, "", 0, "", ""),
            ScheduleDownload("announced", VENDOR, base + "announced", "", "", 0, "", ONE_ATTEMPT),
            ScheduleDownload(
                "unannounced", VENDOR, f"http://127.0.0.1:{port.getHost().port}/", "", "", 0, "", ONE_ATTEMPT
            ),
        )
        expected = [DownloadResponse, ScheduleDownloadResponse, ScheduleDownloadResponse]
        self.assertEqual([type(answer) for answer in answers], expected)
        await self.until(lambda: "announced" in self.reports() and "unannounced" in self.reports())
        (values,) = await self.asked(GetParameterValues(("Device.DeviceInfo.SerialNumber",)))
        self.assertEqual(values.parameter_list[0].value.text, "SN0001")
        await self.until(lambda: "small" in self.reports())

        reports = self.reports()
        self.assertEqual({key: each.fault_struct.fault_code for key, each in reports.items()},
                         {"small": 0, "announced": 9010, "unannounced": 9010})  # fmt: skip
        self.assertIn("are free", reports["announced"].fault_struct.fault_string)
        self.assertIn("No space left on device", reports["unannounced"].fault_struct.fault_string)
        inside = Path(f"/proc/{child.pid}/root{spool}")
        self.assertEqual(inside.stat().st_dev == spool.stat().st_dev, False, "not a file system of its own")
        self.assertEqual([each.name for each in inside.iterdir()], [])

    async def asked(self, *requests: AcsRequest) -> list[Any]:
        """The answers to ``requests`` in a session."""
        answers = [self.lab.queue(DEVICE, request) for request in requests]
        number = self.lab.sessions.seen
        self.assertEqual(await self.lab.connection_request(DEVICE), 200)
        await self.lab.wait_for_session(DEVICE, ended="complete", since=number)
        return [await answer for answer in answers]

    def reports(self) -> dict[str, TransferComplete]:
        """The reports that have come, by CommandKey."""
        return {
            one.command_key: one for trace in self.lab.sessions for one in trace.requests
            if isinstance(one, TransferComplete)
        }  # fmt: skip
