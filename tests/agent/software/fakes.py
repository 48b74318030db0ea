"""Fakes of the ports of software modules: an installer in memory, and a client whose files are there at once."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any

from twisted.internet.defer import Deferred

from cwmpagent.errors import SoftwareFailure, TransferFailure
from cwmpagent.protocol.software.unit import ExecutionUnit, Package, RunFault, RunStatus
from cwmpagent.protocol.transfers.file import FileDownload, FileUpload, Progress

BROKEN_OFF = 9017


def package(version: str = "1.0", **members: Any) -> Package:
    return Package(**{"name": "a", "version": version, "units": (ExecutionUnit("main"),), **members})


class FakeInstaller:
    """``spool``: fetched packages by DUID; ``installed``; ``running``: (DUID, unit). ``calls``: what was asked.

    ``fails``: method -> exception. It outlives the agents of a test, as the disk of a device does.
    """

    def __init__(self) -> None:
        self.spool: dict[str, Package] = {}
        self.installed: dict[str, Package] = {}
        self.running: set[tuple[str, str]] = set()
        self.calls: list[tuple[str, ...]] = []
        self.fails: dict[str, Exception] = {}

    def environments(self) -> Sequence[str]:
        return ("linux", "second")

    async def recover(self, fetched: Collection[str], installed: Collection[str]) -> None:
        self.running.clear()
        for kept, present in ((fetched, self.spool), (installed, self.installed)):
            for duid in set(present) - set(kept):
                del present[duid]

    def spool_path(self, duid: str) -> str:
        return duid

    def discard(self, duid: str) -> None:
        self.spool.pop(duid, None)

    async def inspect(self, duid: str) -> Package:
        self._fail("inspect")
        if duid not in self.spool:
            raise SoftwareFailure(9018, "there is no file")
        return self.spool[duid]

    async def install(self, duid: str) -> None:
        self.calls.append(("install", duid))
        self._fail("install")
        self.installed[duid] = self.spool[duid]

    async def uninstall(self, duid: str) -> None:
        self.calls.append(("uninstall", duid))
        self._fail("uninstall")
        self.installed.pop(duid, None)

    async def start(self, duid: str, unit: str) -> None:
        self.calls.append(("start", duid, unit))
        self._fail("start")
        self.running.add((duid, unit))

    async def stop(self, duid: str, unit: str) -> None:
        self.calls.append(("stop", duid, unit))
        self.running.discard((duid, unit))

    def status(self, duid: str, unit: str) -> tuple[RunStatus, RunFault]:
        return (RunStatus.ACTIVE if (duid, unit) in self.running else RunStatus.IDLE), RunFault.NONE

    async def close(self) -> None:
        self.running.clear()

    def _fail(self, method: str) -> None:
        if method in self.fails:
            raise self.fails[method]


class FakeFiles:
    """``served``: URL -> package, fault code, or Deferred that ends the fetch. ``asked``: every fetch."""

    def __init__(self, installer: FakeInstaller) -> None:
        self._installer = installer
        self.served: dict[str, Any] = {}
        self.asked: list[FileDownload] = []

    async def download(self, file: FileDownload, progress: Callable[[Progress], None]) -> None:
        self.asked.append(file)
        answer = self.served.get(file.url, 9016)
        if isinstance(answer, Deferred):
            answer = await answer
        if isinstance(answer, int):
            raise TransferFailure(answer, "the server does not give it", permanent=answer != BROKEN_OFF)
        self._installer.spool[file.path] = answer

    async def upload(self, file: FileUpload, progress: Callable[[Progress], None]) -> None:
        raise AssertionError("nothing is sent")
