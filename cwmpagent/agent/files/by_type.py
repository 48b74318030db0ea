"""The choice of the installer or source by file type (TR-069 A.3.2.8, A.4.1.5), and a guard around foreign code."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from twisted.internet.defer import CancelledError

from cwmpagent.agent.facts import Observer
from cwmpagent.agent.internal_errors import report_internal_error
from cwmpagent.agent.ports import FileSource, FirmwareImages, Installer
from cwmpagent.errors import TransferFailure
from cwmpagent.protocol.transfers.file import ReceivedFile

FIRMWARE = "1 Firmware Upgrade Image"


class InstallersByType(Installer):
    """Passes each file to the first of ``installers()`` that knows its type.

    Installers are not trusted: an exception that none should raise is reported to ``observer``, and the transfer fails
    with 9002.
    """

    def __init__(self, installers: Callable[[], Sequence[Installer]], observer: Observer) -> None:
        self._installers = installers
        self._observer = observer

    def knows(self, file_type: str) -> bool:
        """See :class:`~cwmpagent.agent.ports.Installer`."""
        return any(_knows(installer, file_type, self._observer) for installer in self._installers())

    async def install(self, file: ReceivedFile, progress: Callable[[str], None]) -> bool:
        """See :class:`~cwmpagent.agent.ports.Installer`. Raises TransferFailure 9010 for a type nobody knows."""
        result = await _guarded(self._for(file.file_type).install(file, progress), self._observer)
        if result not in (None, True, False):
            raise TransferFailure(9002, "the installer returned neither True nor False", permanent=True)
        return bool(result)

    async def installed(self, file: ReceivedFile) -> None:
        """See :class:`~cwmpagent.agent.ports.Installer`. Raises TransferFailure 9010 for a type nobody knows."""
        await _guarded(self._for(file.file_type).installed(file), self._observer)

    def _for(self, file_type: str) -> Installer:
        for installer in self._installers():
            if _knows(installer, file_type, self._observer):
                return installer
        raise TransferFailure(9010, "no installer for files of this type", permanent=True)


class SourcesByType(FileSource):
    """Lets each file be written by the first of ``sources()`` that knows its type; otherwise as the installers."""

    def __init__(self, sources: Callable[[], Sequence[FileSource]], observer: Observer) -> None:
        self._sources = sources
        self._observer = observer

    def knows(self, file_type: str) -> bool:
        """See :class:`~cwmpagent.agent.ports.FileSource`."""
        return any(_knows(source, file_type, self._observer) for source in self._sources())

    async def write(self, file_type: str, path: str) -> None:
        """See :class:`~cwmpagent.agent.ports.FileSource`. Raises TransferFailure 9011 for a type nobody knows."""
        for source in self._sources():
            if _knows(source, file_type, self._observer):
                await _guarded(source.write(file_type, path), self._observer)
                return
        raise TransferFailure(9011, "there is no file of this type", permanent=True)


def images_of(installers: Sequence[Installer], otherwise: FirmwareImages | None) -> FirmwareImages | None:
    """The images of the first installer that knows firmware, None if it has only one; ``otherwise`` without any."""
    for installer in installers:
        if installer.knows(FIRMWARE):
            return installer if isinstance(installer, FirmwareImages) else None
    return otherwise


def _knows(one: Installer | FileSource, file_type: str, observer: Observer) -> bool:
    try:
        return bool(one.knows(file_type))
    except Exception:  # code of a program may raise anything
        report_internal_error(observer)
        return False


async def _guarded(work: Awaitable[Any], observer: Observer) -> Any:
    try:
        return await work
    except (TransferFailure, CancelledError):  # cancelled: the agent stops, or the transfer is withdrawn
        raise
    except Exception as error:  # code of a program may raise anything
        report_internal_error(observer)
        raise TransferFailure(9002, "internal error of the installer or source of the file", permanent=True) from error
