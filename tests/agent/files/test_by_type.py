"""The choice of an installer and a source by file type, and what their errors lead to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.trial.unittest import SynchronousTestCase

from cwmpagent.agent.facts import Fact, Warned
from cwmpagent.agent.files.by_type import InstallersByType, SourcesByType
from cwmpagent.datamodel.schema import Model
from cwmpagent.device.models import find_model
from cwmpagent.embedding.extensions import Extensions
from cwmpagent.errors import MisuseError, TransferFailure
from cwmpagent.protocol.transfers.file import ReceivedFile

FIRMWARE = "1 Firmware Upgrade Image"


class Source:
    def __init__(self) -> None:
        self.written: list[tuple[str, str]] = []

    def knows(self, file_type: str) -> bool:
        if file_type == "crash":
            raise ValueError
        return file_type in ("2 Vendor Log File", "broken")

    async def write(self, file_type: str, path: str) -> None:
        if file_type == "broken":
            raise ValueError
        self.written.append((file_type, path))


class ByTypeTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.facts: list[Fact] = []
        self.progress: list[str] = []
        self.running = False
        model: Model = find_model("device2")
        self.extensions = Extensions(model, running=lambda: self.running, announce=lambda path: succeed(None))
        self.installers = InstallersByType(lambda: self.extensions.installers, self.facts.append)

    def install(self, file_type: str = FIRMWARE) -> Deferred[bool]:
        file = ReceivedFile(path="x", file_type=file_type)
        return Deferred.fromCoroutine(self.installers.install(file, self.progress.append))

    def test_functions_of_a_program(self) -> None:
        @self.extensions.installer(FIRMWARE, "6 Stored Firmware Image")
        def install(file: ReceivedFile, progress: Callable[[str], None]) -> bool:
            progress(f"writing {file.path}")
            return True

        @install.check
        async def check(file: ReceivedFile) -> None:
            raise TransferFailure(9010, "old version")

        self.assertTrue(self.installers.knows("6 Stored Firmware Image"))
        self.assertFalse(self.installers.knows("2 Web Content"))
        self.assertIs(self.successResultOf(self.install()), True)
        self.assertEqual(self.progress, ["writing x"])
        checked = self.installers.installed(ReceivedFile(path="x", file_type=FIRMWARE))
        failure = self.failureResultOf(Deferred.fromCoroutine(checked), TransferFailure)
        self.assertEqual(str(failure.value), "old version")

    def test_last_added_is_used(self) -> None:
        self.extensions.installer(FIRMWARE)(lambda file, progress: True)
        self.extensions.installer(FIRMWARE)(lambda file, progress: succeed(None))
        self.assertIs(self.successResultOf(self.install()), False)

    def test_unknown_type(self) -> None:
        self.assertEqual(self.failureResultOf(self.install(), TransferFailure).value.code, 9010)

    def test_errors_of_a_program(self) -> None:
        def crash(file: ReceivedFile, progress: Callable[[str], None]) -> Any:
            raise ValueError("secret")

        refusal = TransferFailure(9018, "not an image")

        def refuse(file: ReceivedFile, progress: Callable[[str], None]) -> Any:
            raise refusal

        for function, code in ((crash, 9002), (refuse, 9018), (lambda file, progress: "yes", 9002)):
            self.extensions.installer(FIRMWARE)(function)
            failure = self.failureResultOf(self.install(), TransferFailure)
            self.assertEqual(failure.value.code, code)
            self.assertNotIn("secret", str(failure.value))
        (warned,) = self.facts
        assert isinstance(warned, Warned)

    def test_a_cancellation_is_no_failure(self) -> None:
        waiting: Deferred[bool] = Deferred()
        self.extensions.installer(FIRMWARE)(lambda file, progress: waiting)
        installing = self.install()
        installing.cancel()
        self.failureResultOf(installing, CancelledError)
        self.assertEqual(self.facts, [])

    def test_misuse(self) -> None:
        for types in ((), ("",), (1,), ("x" * 65,)):
            self.assertRaises(MisuseError, self.extensions.installer, *types)
        self.assertRaises(MisuseError, self.extensions.installer(FIRMWARE), "no function")
        for wrong in (object(), Source()):
            self.assertRaises(MisuseError, self.extensions.add_installer, wrong)
        added = self.extensions.installer(FIRMWARE)(lambda file, progress: None)
        added.check(lambda file: None)
        self.assertRaises(MisuseError, added.check, lambda file: None)
        self.assertRaises(MisuseError, self.extensions.add_installer, type(added))
        self.running = True
        self.assertRaises(MisuseError, self.extensions.installer, FIRMWARE)
        self.assertRaises(MisuseError, self.extensions.add_installer, added)

    def test_sources(self) -> None:
        source = Source()
        sources = SourcesByType(lambda: [source], self.facts.append)
        self.successResultOf(Deferred.fromCoroutine(sources.write("2 Vendor Log File", "to")))
        self.assertEqual(source.written, [("2 Vendor Log File", "to")])
        for file_type, code in (("9 x", 9011), ("broken", 9002), ("crash", 9011)):
            failure = self.failureResultOf(Deferred.fromCoroutine(sources.write(file_type, "to")), TransferFailure)
            self.assertEqual(failure.value.code, code)
        self.assertFalse(sources.knows("crash"))
