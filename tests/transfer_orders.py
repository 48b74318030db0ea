"""Transfers of all kinds with seeded properties, each with its own CommandKey and its own file on the lab's server."""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path

from cwmpagent.agent.files.configuration_text import configuration_text
from cwmpagent.lab.files import FileServer
from cwmpagent.lab.files.faults import Cut, Slow
from cwmpagent.protocol.rpc import Download, ScheduleDownload, TimeWindowStruct, Upload

FIRMWARE = "1 Firmware Upgrade Image"
VENDOR = "X 00D09E Rules"
CONFIGURATION = "3 Vendor Configuration File"
UPLOADED = ("1 Vendor Configuration File", "2 Vendor Log File")
PARAMETER = "Device.DeviceInfo.ProvisioningCode"
SIZE = 200_000
USER, PASSWORD = "cpe", "files-secret"
NOT_APPLIED = "it was not installed"
"""The fault of a file whose installation a kill has prevented."""
REFUSED = "this is not for this board"
"""The fault of a file that the program of ``[hooks] install`` refuses."""


@dataclass(frozen=True, slots=True)
class Order:
    """A transfer. ``refused``: the installer refuses its file."""

    request: Download | ScheduleDownload | Upload
    refused: bool = False

    @property
    def key(self) -> str:
        """Its CommandKey."""
        return self.request.command_key

    @property
    def name(self) -> str:
        """Its RPC and file type."""
        return f"{type(self.request).__name__} of {self.request.file_type}"

    @property
    def event(self) -> str:
        """The event of its report."""
        return f"M {type(self.request).__name__}"

    @property
    def is_configuration(self) -> bool:
        """Whether it changes the configuration."""
        return not isinstance(self.request, Upload) and self.request.file_type == CONFIGURATION

    @property
    def is_hook(self) -> bool:
        """Whether the program of ``[hooks] install`` applies it."""
        return not isinstance(self.request, Upload) and self.request.file_type != CONFIGURATION

    def allows(self, code: int, text: str) -> bool:
        """Whether its report may have this fault: every file is there, so only an installation may fail."""
        if code == 0:
            return not self.refused
        return self.is_hook and code == 9010 and text in ((REFUSED, NOT_APPLIED) if self.refused else (NOT_APPLIED,))


class Orders:
    """Makes orders: their files in ``folder``, their faults on ``server``, which is at ``url``."""

    def __init__(self, seeded: random.Random, folder: Path, server: FileServer, url: str) -> None:
        self._random = seeded
        self._folder = folder
        self._server = server
        self._url = url
        self._number = 0

    def make(self, *, cut: bool, configuration: bool) -> Order:
        """Another order. ``cut``: its connection may be cut. ``configuration``: whether it may change values."""
        self._number += 1
        key, url = f"t{self._number}", f"{self._url}t{self._number}"
        choice = self._random.random()
        delay = self._random.choice((0, 0, 0, 1))
        order: Order
        if choice < 0.2:
            order = Order(Upload(key, self._random.choice(UPLOADED), url, USER, PASSWORD, delay))
        else:
            types = [FIRMWARE, VENDOR, VENDOR, *([CONFIGURATION] if configuration else [])]
            kind = self._random.choice(types)
            refused = self._write(key, kind)
            if choice < 0.4:
                windows = (TimeWindowStruct(delay, 3600, "1 At Any Time", "", -1),)
                order = Order(ScheduleDownload(key, kind, url, USER, PASSWORD, 0, "", windows), refused)
            else:
                order = Order(Download(key, kind, url, USER, PASSWORD, 0, "", delay, "", ""), refused)
        if cut and self._random.random() < 0.15:
            self._server.faults.add(Cut(path=f"/{key}", keep=self._random.randrange(SIZE)))
        elif self._random.random() < 0.5:
            self._server.faults.add(Slow(path=f"/{key}", rate=self._random.randrange(300_000, 3_000_000)))
        return order

    def _write(self, key: str, kind: str) -> bool:
        """Write the file of a download; whether the installer refuses it."""
        refused = kind != CONFIGURATION and self._random.random() < 0.1
        if kind == CONFIGURATION:
            content = configuration_text({PARAMETER: key})
        elif refused:
            content = b"bad " * 10
        else:
            content = (b"restart " if kind == FIRMWARE else b"install ") * (SIZE // 8)
        (self._folder / key).write_bytes(content)
        return refused
