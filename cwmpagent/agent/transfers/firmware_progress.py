"""The Status of the firmware image that a download writes (TR-181 Device.DeviceInfo.FirmwareImage.{i}.Status)."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from cwmpagent.protocol.transfers.firmware_image import ImageStatus
from cwmpagent.protocol.transfers.record import State, Transfer

FIRMWARE_TYPES = frozenset({"1 Firmware Upgrade Image", "6 Stored Firmware Image"})
INVALID = frozenset({9018, 9019})
"""Faults of a file that was fetched, and has not the expected content or signature."""
NOTHING: Mapping[str, str | None] = MappingProxyType({})


class FirmwareProgress:
    """Follows the downloads of firmware since the start of the agent.

    ``status``: of the image that the last one writes; None: as the device says. ``failure``: the fault, or empty.
    """

    def __init__(self) -> None:
        self.status: ImageStatus | None = None
        self.failure = ""

    def changed(self, before: Transfer, after: Transfer | None) -> Mapping[str, str | None]:
        """A transfer has another state; ``after`` None: it was removed. Returns no notes."""
        if before.file_type in FIRMWARE_TYPES and before.is_download and before.state is not State.DONE:
            self.status = _status(before.state, after)
            failed = after is not None and after.state is State.DONE and self.status is not None
            self.failure = after.text if after is not None and failed else ""
        return NOTHING


def _status(before: State, after: Transfer | None) -> ImageStatus | None:
    if after is None:
        return None
    if after.state is not State.DONE:
        return _UNDER_WAY.get(after.state)
    if not after.code or (after.started is None and before is State.QUEUED):
        return None
    if before is State.RESTARTING:
        return ImageStatus.ACTIVATION_FAILED
    if before in (State.RECEIVED, State.INSTALLING):
        return ImageStatus.INSTALLATION_FAILED
    return ImageStatus.VALIDATION_FAILED if after.code in INVALID else ImageStatus.DOWNLOAD_FAILED


_UNDER_WAY: Mapping[State, ImageStatus] = MappingProxyType(
    {
        State.QUEUED: ImageStatus.DOWNLOADING,  # it waits for its next attempt
        State.TRANSFERRING: ImageStatus.DOWNLOADING,
        State.RECEIVED: ImageStatus.VALIDATING,
        State.INSTALLING: ImageStatus.VALIDATING,
    }
)
