"""The example with two images: the new image is confirmed, or the old one runs again."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from cwmpagent.device.files.hook_installer import HookInstaller
from cwmpagent.errors import TransferFailure
from cwmpagent.protocol.transfers.file import ReceivedFile
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
