"""Installers of a program: functions that apply fetched files of some types."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

from twisted.internet.defer import maybeDeferred

from cwmpagent.embedding.arguments import check_function
from cwmpagent.errors import MisuseError
from cwmpagent.protocol.transfers.file import ReceivedFile

INSTALLER_METHODS = ("knows", "install", "installed")


class ProgramInstaller:
    """Applies files of ``types`` by a function of the program; the result of ``@agent.installer``."""

    def __init__(self, types: Collection[str], function: Callable[[ReceivedFile, Callable[[str], None]], Any]) -> None:
        self._types = frozenset(types)
        self._function = function
        self._check: Callable[[ReceivedFile], Any] | None = None

    def check(self, function: Callable[[ReceivedFile], Any]) -> ProgramInstaller:
        """Call ``function`` with the file after the restart; it raises TransferFailure where it is not in force.

        It may return an awaitable. Without it, the file counts as in force. Raises MisuseError for a second one.
        """
        if self._check is not None:
            raise MisuseError(f"the installer of {', '.join(sorted(self._types))} already has a check")
        check_function(function, "the check of an installer", "put @name.check above a function with one argument")
        self._check = function
        return self

    def knows(self, file_type: str) -> bool:
        """See :class:`cwmpagent.agent.ports.Installer`."""
        return file_type in self._types

    async def install(self, file: ReceivedFile, progress: Callable[[str], None]) -> Any:
        """See :class:`cwmpagent.agent.ports.Installer`. None means False; the caller checks the result."""
        return await maybeDeferred(self._function, file, progress)

    async def installed(self, file: ReceivedFile) -> None:
        """See :class:`cwmpagent.agent.ports.Installer`."""
        if self._check is not None:
            await maybeDeferred(self._check, file)


def check_types(types: Collection[str]) -> None:
    """Raise MisuseError unless ``types`` are file types of a Download."""
    if not types or not all(isinstance(name, str) and 0 < len(name) <= 64 for name in types):
        raise MisuseError('the decorator needs file types: @agent.installer("1 Firmware Upgrade Image")')


def check_installer(installer: object) -> None:
    """Raise MisuseError for an object that cannot be an installer."""
    missing = [name for name in INSTALLER_METHODS if not callable(getattr(installer, name, None))]
    if missing or isinstance(installer, type):
        absent = f"has no method {', '.join(missing)}" if missing else "is a class: give an instance of it"
        raise MisuseError(f"the installer {installer!r} {absent}")
