"""DeviceInfo.FirmwareImage., ActiveFirmwareImage and BootFirmwareImage (TR-181), read from the device."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from cwmpagent.agent.files.own_table import OwnTable, chosen
from cwmpagent.agent.ports import FirmwareImages
from cwmpagent.agent.transfers.firmware_progress import FirmwareProgress
from cwmpagent.datamodel.names import Name
from cwmpagent.protocol.transfers.firmware_image import LONGEST, NAMED, FirmwareImage, ImageSet, ImageStatus


class OneImage(FirmwareImages):
    """The image of a device that has only one; ``version`` returns its SoftwareVersion."""

    SLOT = "1"

    def __init__(self, version: Callable[[], str]) -> None:
        self._version = version

    async def images(self) -> ImageSet:
        """See :class:`~cwmpagent.agent.ports.FirmwareImages`."""
        version = self._version()[:LONGEST]
        image = FirmwareImage(slot=self.SLOT, name=version, version=version)
        return ImageSet(images=(image,), active=self.SLOT, boot=self.SLOT)

    async def boot_next(self, slot: str) -> None:
        """Do nothing: there is no other image."""

    async def make_available(self, slot: str, available: bool) -> None:
        """Do nothing: the running image is always available."""


class FirmwareTable(OwnTable):
    """The provider of these parameters; an ACS can set BootFirmwareImage, and Available of a row.

    ``info``: path of DeviceInfo. ``images``: returns the images. ``progress``: of the download that writes one.
    ``keys``: row path -> slot.
    """

    name = "firmware images"

    def __init__(
        self,
        info: str,
        images: Callable[[], FirmwareImages],
        progress: FirmwareProgress,
        keys: Callable[[], Mapping[str, str]],
    ) -> None:
        super().__init__(info + "FirmwareImage.")
        self._active, self._boot = info + "ActiveFirmwareImage", info + "BootFirmwareImage"
        self.paths = (self.table, self._active, self._boot)
        self.changeable = (self.table + "{i}.Available", self._boot)
        self._images = images
        self._progress = progress
        self._keys = keys

    async def instances(self, table: Name) -> list[str]:
        """The slots."""
        return [image.slot for image in (await self._present()).images]

    async def read(self, names: Sequence[Name]) -> dict[str, str]:
        """Read the images once."""
        present = await self._present()
        rows = {image.slot: self._texts(image, present) for image in present.images}
        references = {self._active: self._row(present.active), self._boot: self._row(present.boot)}
        return {**chosen(names, rows), **{name: references[name] for name in names if name in references}}

    async def check(self, changes: Mapping[Name, str | None]) -> dict[str, str]:
        """Refuse to boot an image that is not available, and to make one unavailable that runs or is to be booted."""
        present = await self._present()
        available = {image.slot: image.available for image in present.images}
        available |= {name.keys[0]: text == "true" for name, text in changes.items() if name != self._boot}
        boot = next((self._slot(text) for name, text in changes.items() if name == self._boot), present.boot)
        refused: dict[str, str] = {}
        for name in changes:
            if name != self._boot and not available[name.keys[0]] and name.keys[0] in (present.active, boot):
                refused[name] = "must be true: the image runs, or is the one to boot next"
            elif name == self._boot and not available.get(boot or "", False):
                refused[name] = "must name a firmware image whose Available is true"
        return refused

    async def apply(self, changes: Mapping[Name, str | None]) -> None:
        """Set Available of the images first."""
        for name, text in changes.items():
            if name != self._boot:
                await self._images().make_available(name.keys[0], text == "true")
        for name, text in changes.items():
            slot = self._slot(text) if name == self._boot else None
            if slot is not None:
                await self._images().boot_next(slot)

    async def undo(self, former: Mapping[Name, str | None]) -> None:
        """Set the former values again."""
        await self.apply(former)

    async def _present(self) -> ImageSet:
        present = await self._images().images()
        if not isinstance(present, ImageSet):  # code of a program
            raise TypeError(f"images returned {type(present).__name__}, not an ImageSet")
        return present

    def _texts(self, image: FirmwareImage, present: ImageSet) -> dict[str, str]:
        status, failure = image.status, image.failure
        if image.slot == present.active:
            status, failure = ImageStatus.ACTIVE, ""
        elif self._progress.status is not None and image.slot == present.target:
            status, failure = self._progress.status, self._progress.failure
        return {
            "Name": image.name if status in NAMED else "",
            "Version": image.version if status in NAMED else "",
            "Available": "true" if image.available else "false",
            "Status": status.value,
            "BootFailureLog": failure,
        }

    def _row(self, slot: str) -> str:
        """The path of the row of ``slot``, without its last dot; empty where there is none."""
        return next((path[:-1] for path, key in self._keys().items() if key == slot and self._is_row(path)), "")

    def _slot(self, reference: str | None) -> str | None:
        """The slot of the row that ``reference`` names; None where it is empty or no such row."""
        path = (reference or "").removesuffix(".") + "."
        return self._keys().get(path) if self._is_row(path) else None

    def _is_row(self, path: str) -> bool:
        return path.startswith(self.table) and path.removeprefix(self.table).count(".") == 1
