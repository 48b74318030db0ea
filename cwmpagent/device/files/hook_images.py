"""The firmware images that the program ``[hooks] images`` lists and switches (docs/transfers.md)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from twisted.internet.defer import CancelledError

from cwmpagent.device.files.program import MOST_LINES, Program
from cwmpagent.errors import CwmpFault
from cwmpagent.protocol.transfers.firmware_image import FirmwareImage, ImageSet, ImageStatus
from cwmpagent.typed_members import TypedMembers

SECONDS = 8.0
"""Time for one run; a provider has 10 s."""
LONGEST_IMAGE = 4096
"""Maximum number of characters of the line about an image."""


class HookImages:
    """Runs ``arguments``. Without a request in its environment the program prints a JSON object a line for each image.

    ``environ``: its environment, to which ``CWMP_BOOT_IMAGE``, or ``CWMP_IMAGE`` and ``CWMP_AVAILABLE`` are added.
    """

    def __init__(
        self, reactor: Any, arguments: Sequence[str], environ: Mapping[str, str], seconds: float = SECONDS
    ) -> None:
        self._reactor = reactor
        self._arguments = tuple(arguments)
        self._environ = environ
        self._seconds = seconds

    async def images(self) -> ImageSet:
        """See :class:`cwmpagent.agent.ports.FirmwareImages`."""
        lines = await self._run({}, 9002)
        try:
            return image_set(lines)
        except (ValueError, RecursionError) as error:
            raise CwmpFault(9002, f"the output of hooks.images is wrong: {error}") from None

    async def boot_next(self, slot: str) -> None:
        """See :class:`cwmpagent.agent.ports.FirmwareImages`. Raises CwmpFault 9007 where the program refuses."""
        await self._run({"CWMP_BOOT_IMAGE": slot}, 9007)

    async def make_available(self, slot: str, available: bool) -> None:
        """See :class:`cwmpagent.agent.ports.FirmwareImages`. Raises CwmpFault 9007 where the program refuses."""
        await self._run({"CWMP_IMAGE": slot, "CWMP_AVAILABLE": "true" if available else "false"}, 9007)

    async def _run(self, request: Mapping[str, str], refusal: int) -> Sequence[str]:
        """The lines of output. Raises CwmpFault ``refusal`` where the exit status is not 0."""
        lines: list[str] = []

        def add(line: str) -> None:
            if len(lines) < MOST_LINES:
                lines.append(line)

        try:
            program = Program(
                self._reactor,
                self._arguments,
                {**self._environ, **request},
                seconds=self._seconds,
                line=add,
                longest=LONGEST_IMAGE,
            )
        except OSError as error:
            raise CwmpFault(9002, f"the program of hooks.images cannot be started: {error.strerror}") from None
        try:
            ending = await program.wait()
        except CancelledError:
            program.stop()
            raise
        if ending.timed_out:
            raise CwmpFault(9002, f"the program of hooks.images has not ended within {self._seconds:g} s")
        if ending.status:
            raise CwmpFault(
                refusal, (*lines, f"hooks.images ended with status {ending.status}")[max(0, len(lines) - 1)]
            )
        return lines


def image_set(lines: Sequence[str]) -> ImageSet:
    """The images of the program's output. Raises ValueError, RecursionError where it is wrong."""
    images: list[FirmwareImage] = []
    marked: dict[str, list[str]] = {"active": [], "boot": [], "target": []}
    for number, line in enumerate(lines, 1):
        value = json.loads(line)
        if not isinstance(value, dict):
            raise ValueError(f"line {number} is no JSON object")
        members = TypedMembers(value, f"line {number}", lambda name, reason: ValueError(f"{name} {reason}"))
        slot = members.text("slot")
        for mark, slots in marked.items():
            if members.flag(mark, False):
                slots.append(slot)
        images.append(
            FirmwareImage(
                slot=slot,
                name=members.text("name", ""),
                version=members.text("version", ""),
                status=ImageStatus(members.choice("status", ImageStatus.AVAILABLE, list(ImageStatus))),
                available=members.flag("available", True),
                failure=members.text("failure", ""),
            )
        )
        if members.unread():
            raise ValueError(f"{members.full_name(members.unread()[0])} is unknown")
    for mark, least in (("active", 1), ("boot", 1), ("target", 0)):
        if not least <= len(marked[mark]) <= 1:
            raise ValueError(f"exactly one image must have {mark}")
    target = marked["target"][0] if marked["target"] else ""
    return ImageSet(images=tuple(images), active=marked["active"][0], boot=marked["boot"][0], target=target)
