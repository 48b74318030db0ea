"""Device.DeviceInfo. of this machine: model, versions, memory and CPU load."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path

import psutil

from cwmpagent.device.linux.files import assignments, content
from cwmpagent.device.provider import Name, Provider


class Info(Provider):
    """Provider of model and versions from os-release, DMI or the device tree, memory in KiB and CPU load in percent.

    Free memory is the memory "currently available" (TR-181), including the caches that the kernel can free on demand.
    The parameters in ``given``, which have a configured value, are not read. ``etc`` and ``sys`` replace ``/etc`` and
    ``/sys``.
    """

    name = "linux DeviceInfo"

    def __init__(
        self, root: str, given: Collection[str] = (), etc: Path = Path("/etc"), sys: Path = Path("/sys")
    ) -> None:
        self._etc = etc
        self._dmi = sys / "class/dmi/id"
        self._tree = sys / "firmware/devicetree/base"
        info = root + "DeviceInfo."
        functions: Mapping[str, Callable[[], str]] = {
            "ModelName": self._model,
            "HardwareVersion": self._hardware,
            "SoftwareVersion": self._software,
            "AdditionalSoftwareVersion": lambda: os.uname().release.replace(",", " "),
            "MemoryStatus.Total": lambda: str(psutil.virtual_memory().total // 1024),
            "MemoryStatus.Free": lambda: str(psutil.virtual_memory().available // 1024),
            "ProcessStatus.CPUUsage": lambda: str(round(psutil.cpu_percent())),
        }
        self._functions = {info + name: read for name, read in functions.items() if info + name not in given}
        self.paths = tuple(self._functions)

    def read(self, names: Sequence[Name]) -> dict[str, str]:
        """Return the known texts; an unknown model or version keeps the value of the data model."""
        texts = ((name, self._functions[name]()) for name in names)
        return {name: text for name, text in texts if text}

    def _model(self) -> str:
        return (content(self._tree / "model") or content(self._dmi / "product_name"))[:64]

    def _hardware(self) -> str:
        return (content(self._dmi / "product_version") or os.uname().machine)[:64]

    def _software(self) -> str:
        release = assignments(content(self._etc / "os-release") or content(self._etc.parent / "usr/lib/os-release"))
        return (release.get("PRETTY_NAME") or release.get("NAME", "") or os.uname().release)[:64]
