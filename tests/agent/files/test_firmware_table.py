"""The firmware images as parameters: of a device with one image, and of one with two."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from twisted.internet.defer import Deferred

from cwmpagent.agent.transfers.firmware_progress import FirmwareProgress
from cwmpagent.errors import CwmpFault, TransferFailure
from cwmpagent.protocol.agenda import Now
from cwmpagent.protocol.rpc import (
    CancelTransfer,
    Fault,
    GetParameterNames,
    GetParameterValues,
    GetParameterValuesResponse,
    ParameterValueStruct,
    SetParameterValues,
)
from cwmpagent.protocol.transfers.firmware_image import FirmwareImage, ImageSet, ImageStatus
from cwmpagent.protocol.transfers.moment import Moment
from cwmpagent.protocol.transfers.record import Kind, State, Transfer
from cwmpagent.values import Value, ValueType
from tests.agent.bench import assign
from tests.agent.ports import SERVER
from tests.agent.transfers.test_transfers import CONFIGURATION, TransferCase, download

INFO = "Device.DeviceInfo."
TABLE = INFO + "FirmwareImage."
BOOT = INFO + "BootFirmwareImage"


class TwoImages:
    """A device with the images a and b; a runs. ``refusal``: of the next changes. ``result``: instead of the images."""

    def __init__(self) -> None:
        a = FirmwareImage(slot="a", name="one.bin", version="1.0")
        b = FirmwareImage(slot="b", name="old.bin", version="0.9", failure="no root file system")
        self.present = ImageSet(images=(a, b), active="a", boot="a", target="b")
        self.refusal: CwmpFault | None = None
        self.result: Any = None
        self.calls: list[str] = []

    async def images(self) -> ImageSet:
        if self.result is not None:
            return self.result  # type: ignore[no-any-return]  # a program may return anything
        return self.present

    async def boot_next(self, slot: str) -> None:
        self.calls.append(f"boot {slot}")
        if self.refusal is not None:
            raise self.refusal
        self.present = replace(self.present, boot=slot)

    async def make_available(self, slot: str, available: bool) -> None:
        self.calls.append(f"{slot} {available}")
        images = tuple(
            replace(image, available=available) if image.slot == slot else image for image in self.present.images
        )
        self.present = replace(self.present, images=images)


class FirmwareCase(TransferCase):
    def setUp(self) -> None:
        self.device = self.images = TwoImages()
        super().setUp()

    def values(self, path: str = INFO) -> dict[str, str]:
        """The values below ``path`` that concern images, by their names in DeviceInfo."""
        (answer,) = self.ask(GetParameterValues((path,)))
        assert isinstance(answer, GetParameterValuesResponse), answer
        texts = {each.name.removeprefix(INFO): each.value.text for each in answer.parameter_list}
        return {name: text for name, text in texts.items() if "Firmware" in name}

    def row(self, number: int) -> dict[str, str]:
        prefix = f"FirmwareImage.{number}."
        return {name.removeprefix(prefix): text for name, text in self.values(f"{TABLE}{number}.").items()}

    def status(self) -> str:
        return self.row(2)["Status"]

    def put(self, **values: Any) -> Any:
        listed = tuple(
            ParameterValueStruct(
                INFO + name.replace("__", "."),
                Value(ValueType.BOOLEAN if text in ("true", "false") else ValueType.STRING, text),
            )
            for name, text in values.items()
        )
        (answer,) = self.ask(SetParameterValues(listed, ""))
        return answer

    def refused(self, **values: Any) -> dict[str, tuple[int, str]]:
        """The faults of single parameters."""
        answer = self.put(**values)
        assert isinstance(answer, Fault), answer
        return {each.name.removeprefix(INFO): (each.code, each.text) for each in answer.parameters}


class OneImageTests(TransferCase):
    def test_the_running_image(self) -> None:
        self.simulated.kill()
        self.simulated.readings[INFO + "SoftwareVersion"] = lambda: "7.1"
        self.simulated.begin()
        (answer,) = self.ask(GetParameterValues((TABLE, INFO + "ActiveFirmwareImage", BOOT)))
        texts = {each.name.removeprefix(INFO): each.value.text for each in answer.parameter_list}
        self.assertEqual(
            texts,
            {
                "FirmwareImage.1.Alias": "cpe-1",
                "FirmwareImage.1.Name": "7.1",
                "FirmwareImage.1.Version": "7.1",
                "FirmwareImage.1.Available": "true",
                "FirmwareImage.1.Status": "Active",
                "FirmwareImage.1.BootFailureLog": "",
                "ActiveFirmwareImage": "Device.DeviceInfo.FirmwareImage.1",
                "BootFirmwareImage": "Device.DeviceInfo.FirmwareImage.1",
            },
        )

    def test_the_running_image_stays_active_during_a_download(self) -> None:
        self.files.held = Deferred()
        self.ask(download())
        self.simulated.run(5)
        (answer,) = self.ask(GetParameterValues((TABLE + "1.Status",)))
        self.assertEqual(answer.parameter_list[0].value.text, "Active")

    def test_a_device_without_transfers(self) -> None:
        self.simulated.kill()
        self.simulated.transfers = None
        self.simulated.begin(booted=False)
        self.assertIsNone(self.simulated.runtime.transfers)


class TableTests(FirmwareCase):
    def test_two_images(self) -> None:
        values = self.values()
        self.assertEqual(values["FirmwareImageNumberOfEntries"], "2")
        self.assertEqual(values["ActiveFirmwareImage"], "Device.DeviceInfo.FirmwareImage.1")
        self.assertEqual(values["BootFirmwareImage"], "Device.DeviceInfo.FirmwareImage.1")
        one = ("cpe-1", "one.bin", "1.0", "true", "Active", "")
        two = ("cpe-2", "old.bin", "0.9", "true", "Available", "no root file system")
        names = ("Alias", "Name", "Version", "Available", "Status", "BootFailureLog")
        self.assertEqual((self.row(1), self.row(2)), (dict(zip(names, one)), dict(zip(names, two))))  # noqa: B905

    def test_what_an_acs_may_write(self) -> None:
        (answer,) = self.ask(GetParameterNames(INFO, False))
        writable = {each.name.removeprefix(INFO) for each in answer.parameter_list if each.writable}
        images = {name for name in writable if "Firmware" in name}
        rows = {f"FirmwareImage.{number}.{name}" for number in (1, 2) for name in ("Alias", "Available")}
        self.assertEqual(images, {"BootFirmwareImage", *rows})

    def test_the_image_to_boot(self) -> None:
        self.assertNotIsInstance(self.put(BootFirmwareImage=TABLE + "2"), Fault)
        self.assertEqual(self.device.calls, ["boot b"])
        self.assertEqual(self.values()["BootFirmwareImage"], "Device.DeviceInfo.FirmwareImage.2")
        self.assertEqual(self.values()["ActiveFirmwareImage"], "Device.DeviceInfo.FirmwareImage.1")

    def test_the_image_to_boot_by_its_alias(self) -> None:
        self.put(FirmwareImage__2__Alias="fallback")
        self.assertNotIsInstance(self.put(BootFirmwareImage=TABLE + "[fallback]."), Fault)
        self.assertEqual(self.device.calls, ["boot b"])

    def test_no_image_that_is_not_available(self) -> None:
        self.assertNotIsInstance(self.put(FirmwareImage__2__Available="false"), Fault)
        for wrong in (TABLE + "2", "", TABLE + "3", INFO, "b"):
            with self.subTest(wrong=wrong):
                ((name, (code, _)),) = self.refused(BootFirmwareImage=wrong).items()
                self.assertEqual((name, code), ("BootFirmwareImage", 9007))
        self.assertEqual(self.device.calls, ["b False"])
        both = self.put(FirmwareImage__2__Available="true", BootFirmwareImage=TABLE + "2")
        self.assertNotIsInstance(both, Fault)
        self.assertEqual(self.device.calls[1:], ["b True", "boot b"])

    def test_the_running_image_and_the_next_stay_available(self) -> None:
        self.assertEqual(self.refused(FirmwareImage__1__Available="false")["FirmwareImage.1.Available"][0], 9007)
        self.put(BootFirmwareImage=TABLE + "2")
        for number in (1, 2):
            refused = self.refused(**{f"FirmwareImage__{number}__Available": "false"})
            self.assertEqual([code for code, _ in refused.values()], [9007])
        both = self.refused(FirmwareImage__2__Available="false", BootFirmwareImage=TABLE + "2")
        self.assertEqual(set(both), {"FirmwareImage.2.Available", "BootFirmwareImage"})

    def test_a_device_that_refuses(self) -> None:
        self.device.refusal = CwmpFault(9007, "image b did not come up")
        answer = self.put(BootFirmwareImage=TABLE + "2")
        self.assertIn("image b did not come up", str(answer))
        self.assertEqual(self.values()["BootFirmwareImage"], "Device.DeviceInfo.FirmwareImage.1")

    def test_a_program_that_returns_no_images(self) -> None:
        self.device.result = "two"
        self.simulated.run(2)
        (answer,) = self.ask(GetParameterValues((TABLE + "1.Status",)))
        assert isinstance(answer, Fault)
        self.assertEqual(answer.code, 9002)
        self.assertTrue(any("images returned str, not an ImageSet" in str(fact) for fact in self.simulated.facts))


class DownloadTests(FirmwareCase):
    def test_the_whole_way(self) -> None:
        self.files.held = Deferred()
        self.ask(download())
        self.simulated.run(5)
        row = self.row(2)
        self.assertEqual((row["Status"], row["Name"], row["Version"]), ("Downloading", "", ""))
        self.files.installing = Deferred()
        self.files.held.callback(None)
        self.simulated.run(5)
        assert self.simulated.runtime.transfers is not None
        self.assertEqual(self.read_now(), "Validating")
        self.files.installing.callback(None)
        self.simulated.run(5)
        self.assertEqual(self.read_now(), "Available")

    def read_now(self) -> str:
        """The Status, read at the device: no session opens while firmware is installed."""
        runtime = self.simulated.runtime
        read = Deferred.fromCoroutine(runtime.refresher.freshen([TABLE + "2.Status"]))
        self.simulated.run(2)
        self.successResultOf(read)
        return runtime.tree.value(TABLE + "2.Status").text

    def test_failures(self) -> None:
        for code, status in ((9016, "DownloadFailed"), (9018, "ValidationFailed"), (9019, "ValidationFailed")):
            with self.subTest(code=code):
                self.files.failures = [TransferFailure(code, f"failure {code}", permanent=True)]
                self.ask(download())
                self.simulated.run(5)
                row = self.row(2)
                self.assertEqual((row["Status"], row["BootFailureLog"]), (status, f"failure {code}"))
        self.files.refusal = TransferFailure(9010, "no room on the flash")
        self.ask(download())
        self.simulated.run(5)
        row = self.row(2)
        self.assertEqual((row["Status"], row["BootFailureLog"]), ("InstallationFailed", "no room on the flash"))
        self.assertEqual(self.row(1)["Status"], "Active")

    def test_an_image_that_does_not_come_up(self) -> None:
        self.ask(download())
        self.simulated.run(5)
        self.files.refusal = TransferFailure(9010, "image a runs again")
        self.restart(booted=True)
        row = self.row(2)
        self.assertEqual((row["Status"], row["BootFailureLog"]), ("ActivationFailed", "image a runs again"))

    def test_a_cancelled_download(self) -> None:
        self.files.held = Deferred()
        self.ask(download(key="c"))
        self.simulated.run(5)
        self.assertEqual(self.status(), "Downloading")
        self.ask(CancelTransfer("c"))
        self.assertEqual(self.status(), "Available")

    def test_a_download_of_a_former_acs(self) -> None:
        self.files.held = Deferred()
        self.ask(download())
        self.simulated.run(5)
        self.assertEqual(self.status(), "Downloading")
        self.ask(assign(**{SERVER + "URL": "http://other.example/"}))
        self.simulated.run(100)
        self.assertEqual((self.notes(), self.status()), ([], "Available"))

    def test_other_files(self) -> None:
        self.files.restarts = False
        self.files.failures = [TransferFailure(9018, "no configuration", permanent=True)]
        self.ask(download(kind=CONFIGURATION))
        self.simulated.run(5)
        self.assertEqual(self.status(), "Available")


class ProgressTests(TransferCase):
    def test_a_download_that_never_began(self) -> None:
        progress = FirmwareProgress()
        now = Now(0.0, None)
        transfer = Transfer(
            number=1,
            kind=Kind.SCHEDULE_DOWNLOAD,
            file_type="6 Stored Firmware Image",
            url="http://files.example/",
            begin=Moment.after(0, now),
        )
        progress.changed(transfer, transfer.done(now, 9020, "outside of its windows"))
        self.assertIsNone(progress.status)
        progress.changed(transfer, replace(transfer, state=State.TRANSFERRING))
        self.assertIs(progress.status, ImageStatus.DOWNLOADING)


class ImageSetTests(TransferCase):
    def test_what_does_not_belong_together(self) -> None:
        a = FirmwareImage(slot="a")
        for images, active, boot, target in (
            ((), "a", "a", ""),
            ((a, a), "a", "a", ""),
            ((a,), "b", "a", ""),
            ((a,), "a", "b", ""),
            ((a,), "a", "a", "b"),
            ((FirmwareImage(slot=""),), "", "", ""),
            ((replace(a, version="1" * 65),), "a", "a", ""),
            (tuple(FirmwareImage(slot=str(number)) for number in range(17)), "1", "1", ""),
        ):
            with self.subTest(images=images), self.assertRaises(ValueError):
                ImageSet(images=images, active=active, boot=boot, target=target)
