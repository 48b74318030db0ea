"""The example with two images: the new image is confirmed, or the old one runs again."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from cwmpagent.agent.facts import Rebooting
from cwmpagent.device.files.hook_installer import HookInstaller
from cwmpagent.errors import TransferFailure
from cwmpagent.protocol.rpc import Fault, GetParameterValues, Reboot
from cwmpagent.protocol.transfers.file import ReceivedFile
from cwmpagent.values import Value, ValueType
from tests.agent.bench import assign
from tests.conformance.test_transfers import TransferCase
from tests.skips import CHECKOUT

PROGRAM = str(CHECKOUT / "examples" / "ab_firmware.py")


class ABTests(TestCase):
    timeout = 60

    def setUp(self) -> None:
        self.flash = Path(self.mktemp()).absolute()
        self.flash.mkdir()
        (self.flash / "a").write_bytes(b"FIRMWARE 1")
        self.image = self.flash / "download"
        self.image.write_bytes(b"FIRMWARE 2")
        self.file = ReceivedFile(path=str(self.image), file_type="1 Firmware Upgrade Image")
        hooks = [(sys.executable, PROGRAM, str(self.flash), command) for command in ("install", "installed")]
        self.logged: list[str] = []
        self.progress: list[str] = []
        self.installer = HookInstaller(
            reactor, *hooks, seconds=30, environ={"PATH": os.environ["PATH"]}, log=self.logged.append
        )

    def boot(self) -> bytes:
        """Start the device. Returns the image that runs."""
        command = [sys.executable, PROGRAM, str(self.flash), "boot"]
        slot = subprocess.run(command, capture_output=True, check=True, text=True).stdout.strip()
        return (self.flash / slot).read_bytes()

    def install(self) -> Deferred[bool]:
        return Deferred.fromCoroutine(self.installer.install(self.file, self.progress.append))

    def installed(self) -> Deferred[None]:
        return Deferred.fromCoroutine(self.installer.installed(self.file))

    async def test_new_image_is_confirmed(self) -> None:
        self.assertEqual(self.boot(), b"FIRMWARE 1")
        self.assertIs(await self.install(), True)
        self.assertEqual(self.progress, ["writing image b"])
        self.assertEqual(self.boot(), b"FIRMWARE 2")
        await self.installed()
        self.assertEqual(self.boot(), b"FIRMWARE 2")

    async def test_image_that_does_not_come_up(self) -> None:
        await self.install()
        self.assertEqual(self.boot(), b"FIRMWARE 2")  # it hangs, and the watchdog starts the device again
        self.assertEqual(self.boot(), b"FIRMWARE 1")
        error = await self.assertFailure(self.installed(), TransferFailure)
        self.assertEqual(str(error), "the new image did not come up: image a runs again")
        self.assertEqual(self.boot(), b"FIRMWARE 1")
        self.assertIs(await self.install(), True)
        self.assertEqual(self.boot(), b"FIRMWARE 2")

    async def test_file_that_is_no_image(self) -> None:
        self.image.write_bytes(b"")
        error = await self.assertFailure(self.install(), TransferFailure)
        self.assertEqual(str(error), "this is no image for this device")
        self.assertEqual(self.boot(), b"FIRMWARE 1")


INFO = "Device.DeviceInfo."


class WholeAgentTests(TransferCase):
    """A whole agent with the program, and its boot loader at each reboot. ``hangs``: the new image does not come up."""

    def setUp(self) -> None:
        super().setUp()
        self.flash = self.state.parent / "flash"
        self.flash.mkdir()
        (self.flash / "a").write_bytes(b"FIRMWARE 1.0\nimage")
        (self.folder / "fw.bin").write_bytes(b"FIRMWARE 2.0\nimage")
        self.hangs = False
        self.booted: list[str] = []

    async def started(self, **transfers: Any) -> None:
        config = self.configured(**transfers)
        commands = {name: self.command(name) for name in ("install", "installed", "images")}
        agent = self.prepared(replace(config, hooks=replace(config.hooks, **commands)))
        agent.observe(self.observe)
        agent.startService()
        await self.session(event="0 BOOTSTRAP")

    def command(self, name: str) -> tuple[str, ...]:
        return (sys.executable, PROGRAM, str(self.flash), name)

    def observe(self, fact: object) -> None:
        if isinstance(fact, Rebooting):
            for _ in range(2 if self.hangs else 1):  # the watchdog starts a device that hangs again
                ran = subprocess.run(self.command("boot"), capture_output=True, check=True, text=True)
            self.booted.append(ran.stdout.strip())

    async def values(self) -> dict[str, str]:
        (answer,) = await self.ask(GetParameterValues((INFO,)))
        texts = {each.name.removeprefix(INFO): each.value.text for each in answer.parameter_list}
        return {name: text.removeprefix(INFO) for name, text in texts.items() if "Firmware" in name}

    async def test_back_to_the_old_image(self) -> None:
        await self.started()
        values = await self.values()
        self.assertEqual((values["FirmwareImage.1.Status"], values["FirmwareImage.1.Version"]), ("Active", "1.0"))
        self.assertEqual((values["FirmwareImage.2.Status"], values["FirmwareImage.2.Version"]), ("NoImage", ""))
        (answer,) = await self.ask(assign(**{INFO + "BootFirmwareImage": INFO + "FirmwareImage.2"}))
        self.assertEqual(answer.parameters[0].code, 9007, "it is empty")
        _, report = await self.transferred(self.download())
        self.assertEqual((report.fault_struct.fault_code, self.booted), (0, ["b"]))
        values = await self.values()
        self.assertEqual((values["FirmwareImage.1.Status"], values["FirmwareImage.1.Version"]), ("Available", "1.0"))
        self.assertEqual((values["FirmwareImage.2.Status"], values["FirmwareImage.2.Version"]), ("Active", "2.0"))
        self.assertEqual(values["ActiveFirmwareImage"], "FirmwareImage.2")
        self.assertEqual(values["BootFirmwareImage"], "FirmwareImage.2")
        since = self.lab.sessions.seen
        answers = await self.ask(assign(**{INFO + "BootFirmwareImage": INFO + "FirmwareImage.1"}), Reboot("back"))
        self.assertFalse(any(isinstance(answer, Fault) for answer in answers), answers)
        await self.session(event="1 BOOT", since=since)
        values = await self.values()
        self.assertEqual(self.booted, ["b", "a"])
        self.assertEqual(values["ActiveFirmwareImage"], "FirmwareImage.1")
        self.assertEqual((values["FirmwareImage.1.Status"], values["FirmwareImage.2.Status"]), ("Active", "Available"))
        self.assert_nothing_odd()

    async def test_an_image_that_does_not_come_up(self) -> None:
        await self.started()
        self.hangs = True
        _, report = await self.transferred(self.download())
        self.assertEqual((report.fault_struct.fault_code, self.booted), (9010, ["a"]))
        values = await self.values()
        self.assertEqual(values["FirmwareImage.2.Status"], "ActivationFailed")
        self.assertIn("did not come up", values["FirmwareImage.2.BootFailureLog"])
        self.assertEqual(values["ActiveFirmwareImage"], "FirmwareImage.1")
        self.assertEqual(values["BootFirmwareImage"], "FirmwareImage.2", "it is not changed (TR-181)")
        (answer,) = await self.ask(assign(**{INFO + "BootFirmwareImage": INFO + "FirmwareImage.1"}))
        self.assertNotIsInstance(answer, Fault)
        (answer,) = await self.ask(assign(**{INFO + "BootFirmwareImage": INFO + "FirmwareImage.2"}))
        self.assertIn("image b did not come up", str(answer))

    async def test_an_image_that_is_not_available(self) -> None:
        await self.started()
        await self.transferred(self.download())
        (answer,) = await self.ask(flag(INFO + "FirmwareImage.1.Available", "false"))
        self.assertNotIsInstance(answer, Fault)
        self.assertEqual((await self.values())["FirmwareImage.1.Available"], "false")
        (answer,) = await self.ask(assign(**{INFO + "BootFirmwareImage": INFO + "FirmwareImage.1"}))
        self.assertEqual(answer.parameters[0].code, 9007)


def flag(name: str, text: str) -> Any:
    return assign(**{name: Value(ValueType.BOOLEAN, text)})
