"""The SoftwareInstaller of a machine: one directory for each deployment unit, filled from a tar archive.

Under the directory of the installer: ``fetched/`` (0700) has the fetched files, ``units/DUID`` what is installed. An
archive is unpacked to ``units/DUID.new`` and renamed, so that a unit is there wholly or not at all.
"""

from __future__ import annotations

import os
import pwd
import shutil
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred, DeferredLock
from twisted.internet.threads import deferToThreadPool

from cwmpagent.device.software.archive import ArchiveLimits, manifest_of, unpack
from cwmpagent.device.software.bounded_archive import RESOURCES
from cwmpagent.device.software.manifest import MANIFEST, Manifest, read_manifest
from cwmpagent.device.software.processes import Programs
from cwmpagent.errors import SoftwareFailure
from cwmpagent.protocol.software.unit import Package, RunFault, RunStatus

ENVIRONMENT = "linux"
"""Name of the only execution environment."""
DENIED = 9001


class ArchiveInstaller:
    """Installs archives under ``directory``. ``user``: the name of the user of the programs, None: that of the agent.

    ``log`` takes lines of their output. Raises KeyError for an unknown user, ValueError where only root could run the
    programs as that user, and OSError where the directory cannot be made.
    """

    def __init__(
        self,
        reactor: Any,
        directory: Path,
        *,
        user: str | None = None,
        limits: ArchiveLimits | None = None,
        log: Callable[[str], object] = lambda line: None,
    ) -> None:
        self._reactor = reactor
        self._lock = DeferredLock()
        self._limits = limits or ArchiveLimits()
        self._programs = Programs(reactor, None if user is None else _account(user), log)
        self._spool, self._units = directory / "fetched", directory / "units"
        for opened in (directory, self._units):  # another user may come through, whatever the umask is
            if not opened.exists():
                opened.mkdir(parents=True)
                opened.chmod(0o711)
        self._spool.mkdir(mode=0o700, exist_ok=True)

    def environments(self) -> Sequence[str]:
        """Return the only environment."""
        return (ENVIRONMENT,)

    async def recover(self, fetched: Collection[str], installed: Collection[str]) -> None:
        """End programs that an earlier process has left, and remove all other files and units; never raises."""
        await self._programs.end_left(self._units)
        await self._in_thread(self._keep, frozenset(fetched), frozenset(installed))

    def spool_path(self, duid: str) -> str:
        """Path for the fetched file."""
        with suppress(OSError):  # the client says what is wrong
            self._spool.mkdir(mode=0o700, exist_ok=True)
        return str(self._spool / _checked(duid))

    def discard(self, duid: str) -> None:
        """Remove the fetched file, and its signature."""
        for path in (self._spool / _checked(duid), *self._spool.glob(f"{duid}.*")):
            path.unlink(missing_ok=True)

    async def inspect(self, duid: str) -> Package:
        """Check the archive, and return what its manifest says. Raises SoftwareFailure 9018, 9027."""
        path = self._spool / _checked(duid)
        data: bytes = await self._in_thread(manifest_of, path, self._limits)
        return read_manifest(data).package

    async def install(self, duid: str) -> None:
        """Unpack the archive beside the present directory of the unit, and put it in its place."""
        await self._in_thread(self._install, _checked(duid))

    async def uninstall(self, duid: str) -> None:
        """Remove the directory of the unit."""
        await self._in_thread(self._remove, _checked(duid))

    async def start(self, duid: str, unit: str) -> None:
        """Start an execution unit. Raises SoftwareFailure where the deployment unit does not have it."""
        directory = self._units / _checked(duid)
        program = self._manifest(directory).programs.get(unit)
        if program is None:
            raise SoftwareFailure(DENIED, "there is no such execution unit")
        self._programs.start(f"{duid}/{unit}", program, directory)

    async def stop(self, duid: str, unit: str) -> None:
        """Stop an execution unit."""
        await self._programs.stop(f"{duid}/{unit}", self._units / _checked(duid))

    def status(self, duid: str, unit: str) -> tuple[RunStatus, RunFault]:
        """The status of an execution unit."""
        return self._programs.status(f"{duid}/{unit}")

    async def close(self) -> None:
        """Stop every execution unit."""
        await self._programs.close()

    def _manifest(self, directory: Path) -> Manifest:
        try:
            return read_manifest((directory / MANIFEST).read_bytes())
        except OSError as error:
            raise SoftwareFailure(DENIED, f"the deployment unit is damaged: {error.strerror}") from None

    def _keep(self, fetched: Collection[str], installed: Collection[str]) -> None:
        for folder, kept in ((self._spool, fetched), (self._units, installed)):
            with suppress(OSError):
                for path in folder.iterdir():
                    if path.name.partition(".")[0] not in kept:
                        _remove(path)

    def _install(self, duid: str) -> None:
        present, new, old = (self._units / f"{duid}{end}" for end in ("", ".new", ".old"))
        try:
            if old.exists() and not present.exists():
                old.rename(present)  # an interrupted call had moved it away
            _remove_tree(new)
            try:
                unpack(self._spool / duid, new, self._limits)
            except SoftwareFailure:
                _remove_tree(new)
                raise
            _remove_tree(old)
            if present.exists():
                present.rename(old)
            new.rename(present)
            _remove_tree(old)
        except OSError as error:
            raise SoftwareFailure(RESOURCES, f"cannot install: {error.strerror}") from None

    def _remove(self, duid: str) -> None:
        try:
            for end in (".new", ".old", ""):
                _remove_tree(self._units / f"{duid}{end}")
        except OSError as error:
            raise SoftwareFailure(DENIED, f"cannot uninstall: {error.strerror}") from None

    async def _in_thread(self, function: Callable[..., Any], *arguments: object) -> Any:
        """The result of the function, called in a thread once all work before has ended.

        Work whose caller is cancelled goes on; more work waits for it.
        """
        result: Deferred[Any] = Deferred()
        pool = self._reactor.getThreadPool()
        work = self._lock.run(deferToThreadPool, self._reactor, pool, function, *arguments)
        work.addCallbacks(
            lambda value: None if result.called else result.callback(value),
            lambda failure: None if result.called else result.errback(failure),
        )
        return await result


def _account(user: str) -> tuple[int, int] | None:
    """The uid and gid of ``user``; None where it is that of this process. Raises KeyError, ValueError."""
    account = pwd.getpwnam(user)
    if account.pw_uid == os.geteuid():
        return None
    if os.geteuid() != 0:
        raise ValueError("only root can run programs as another user")
    return account.pw_uid, account.pw_gid


def _checked(duid: str) -> str:
    if not (duid.isascii() and duid.isalnum()):
        raise SoftwareFailure(DENIED, "a DUID has letters and digits only")
    return duid


def _remove_tree(path: Path) -> None:
    if path.exists():
        shutil.rmtree(path)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
