"""Tests of the demonstration's transfers, against a device that is played by the test."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from twisted.trial.unittest import TestCase

from cwmpagent.lab.demo_script import ExpectationError
from cwmpagent.lab.demo_transfers import IMAGE, TransferSteps
from cwmpagent.protocol.rpc import (
    AcsRequest,
    Download,
    DownloadResponse,
    EventStruct,
    Fault,
    FaultStruct,
    TransferComplete,
    Upload,
    UploadResponse,
)
from tests.lab.files.serving import ask, start

UNKNOWN = "0001-01-01T00:00:00Z"


class Device:
    """A device that does what it is told; the attributes are what it does wrong."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.sessions = SimpleNamespace(seen=0)
        self.version = "1.0"
        self.devices: dict[str, Any] = {"d": SimpleNamespace(find=lambda name: self.version)}
        self.status = 1
        self.fault = FaultStruct()
        self.log = b"a line"
        self.installs = True
        self.boots = True
        self.reports = 1
        self.last: Any = None

    async def ask(self, request: AcsRequest) -> Any:
        assert isinstance(request, Download | Upload)
        if self.status > 1:
            return Fault(self.status, "refused")
        path = "/" + request.url.rpartition("/")[2]
        events = [EventStruct("7 TRANSFER COMPLETE", "")]
        kind: Any = DownloadResponse
        if isinstance(request, Download):
            seen = await ask(self.port, "GET", path)
            self.version = seen.body.decode().strip() if self.installs else self.version
            events += [EventStruct("M Download", request.command_key)]
            events += [EventStruct("1 BOOT", "")] if self.boots else []
        else:
            kind = UploadResponse
            await ask(self.port, "PUT", path, self.log)
            events.append(EventStruct("M Upload", request.command_key))
        complete = TransferComplete(request.command_key, self.fault, UNKNOWN, UNKNOWN)
        self.last = SimpleNamespace(events=events, requests=[complete] * self.reports)
        return kind(self.status, UNKNOWN, UNKNOWN)

    async def wait_for_session(self, *_: Any, **__: Any) -> Any:
        return self.last


class Transfers(TestCase):
    def setUp(self) -> None:
        folder = Path(self.mktemp())
        folder.mkdir()
        (folder / IMAGE).write_text("2.0\n")
        self.files, port = start(self, folder)
        self.device = Device(port)
        lab: Any = self.device
        self.steps = TransferSteps(lab, self.files, "d", f"http://127.0.0.1:{port}/", "u", "secret")

    async def test_both(self) -> None:
        await self.steps.upgrade(self.device.ask)
        await self.steps.upload(self.device.ask)
        self.assertEqual(self.device.version, "2.0")
        self.assertNotIn("secret", repr(self.steps))

    async def refused(self, words: str, *, upload: bool = False, **wrong: Any) -> None:
        for name, value in wrong.items():
            setattr(self.device, name, value)
        step = self.steps.upload if upload else self.steps.upgrade
        with self.assertRaises(ExpectationError) as caught:
            await step(self.device.ask)
        self.assertIn(words, str(caught.exception))

    async def test_a_fault_in_place_of_the_response(self) -> None:
        await self.refused("Download should be answered with Status 1, not with fault 9001", status=9001)

    async def test_done_at_once(self) -> None:
        await self.refused("Upload should be answered with Status 1", upload=True, status=0)

    async def test_a_failed_transfer(self) -> None:
        await self.refused("failed: 9010 no", fault=FaultStruct(9010, "no"))

    async def test_an_old_version(self) -> None:
        await self.refused("should be 2.0 after the upgrade, not 1.0", installs=False)

    async def test_no_restart(self) -> None:
        await self.refused("should come with 1 BOOT", boots=False)

    async def test_two_reports(self) -> None:
        await self.refused("one TransferComplete", reports=2)

    async def test_an_empty_log(self) -> None:
        await self.refused("should not be empty", upload=True, log=b"")
