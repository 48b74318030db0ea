"""The firmware images of a device (TR-181 Device.DeviceInfo.FirmwareImage.{i}.)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

MOST_IMAGES = 16
LONGEST = 64
"""Maximum number of characters of a slot, a name and a version."""


class ImageStatus(StrEnum):
    """The Status of an image."""

    NO_IMAGE = "NoImage"
    ACTIVE = "Active"
    DOWNLOADING = "Downloading"
    VALIDATING = "Validating"
    AVAILABLE = "Available"
    DOWNLOAD_FAILED = "DownloadFailed"
    VALIDATION_FAILED = "ValidationFailed"
    INSTALLATION_FAILED = "InstallationFailed"
    ACTIVATION_FAILED = "ActivationFailed"


NAMED = frozenset(
    {ImageStatus.ACTIVE, ImageStatus.AVAILABLE, ImageStatus.INSTALLATION_FAILED, ImageStatus.ACTIVATION_FAILED}
)
"""An image with any other Status has an empty Name and Version."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FirmwareImage:
    """The content of one slot.

    ``slot``: the name of the slot, which never changes. ``available``: whether the device may boot it. ``failure``: why
    it did not boot, else empty. The status of the running image is always Active.
    """

    slot: str
    name: str = ""
    version: str = ""
    status: ImageStatus = ImageStatus.AVAILABLE
    available: bool = True
    failure: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageSet:
    """All images, one for each slot. Raises ValueError where they do not belong together.

    ``active``: slot of the running image. ``boot``: slot of the image that the next boot tries. ``target``: slot that
    the next firmware goes to; empty where that is the only one.
    """

    images: tuple[FirmwareImage, ...]
    active: str
    boot: str
    target: str = ""

    def __post_init__(self) -> None:
        slots = [image.slot for image in self.images]
        if not 0 < len(slots) <= MOST_IMAGES or len(set(slots)) < len(slots):
            raise ValueError(f"1 to {MOST_IMAGES} images in slots of different names are expected")
        for image in self.images:
            if not image.slot or max(map(len, (image.slot, image.name, image.version))) > LONGEST:
                raise ValueError(f"a slot of 1 to {LONGEST} characters, and a name and version as short, are expected")
        if self.active not in slots or self.boot not in slots or self.target not in ("", *slots):
            raise ValueError("the active, the next or the target image is in no slot")

    def get(self, slot: str) -> FirmwareImage | None:
        """The image in ``slot``; None where there is no such slot."""
        return next((image for image in self.images if image.slot == slot), None)
