"""The installer that runs the programs ``[hooks] install`` and ``[hooks] installed`` (docs/transfers.md)."""

from __future__ import annotations

import re
import signal
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from twisted.internet.defer import CancelledError

from cwmpagent.device.files.program import MOST_LINES, Ending, Program
from cwmpagent.errors import TransferFailure
from cwmpagent.protocol.masking import without_userinfo
from cwmpagent.protocol.transfers.file import ReceivedFile

RESTART = 10
"""Exit status of ``[hooks] install``: applied, and in force after a restart of the device."""
PROGRESS = "progress:"
"""Begin of a line that is for the state of the transfer, not for the log."""
FILE_TYPES = re.compile(r"(?:[1-6]|X [0-9A-F]{6}) \S.*", re.ASCII)
"""The file types of a Download: those of the standard and of vendors (TR-069 A.3.2.8)."""


class HookInstaller:
    """Applies every file by the program ``install``, an argument list; empty: no file type is known.

    ``installed``: the program asked after the restart; empty: the file counts as in force. The programs may take
    ``seconds`` each. ``environ``: their environment, to which variables about the file are added. ``log`` takes a line
    of their output.
    """

    def __init__(
        self,
        reactor: Any,
        install: Sequence[str],
        installed: Sequence[str],
        *,
        seconds: float,
        environ: Mapping[str, str],
        log: Callable[[str], object],
    ) -> None:
        self._reactor = reactor
        self._install = tuple(install)
        self._installed = tuple(installed)
        self._seconds = seconds
        self._environ = environ
        self._log = log

    def knows(self, file_type: str) -> bool:
        """See :class:`cwmpagent.agent.ports.Installer`."""
        return bool(self._install) and FILE_TYPES.fullmatch(file_type) is not None

    async def install(self, file: ReceivedFile, progress: Callable[[str], None]) -> bool:
        """See :class:`cwmpagent.agent.ports.Installer`. A cancellation ends the program; its result counts."""
        return await self._run("install", self._install, file, progress) == RESTART

    async def installed(self, file: ReceivedFile) -> None:
        """See :class:`cwmpagent.agent.ports.Installer`."""
        if self._installed:
            await self._run("installed", self._installed, file, lambda line: None)

    async def _run(
        self, hook: str, arguments: Sequence[str], file: ReceivedFile, progress: Callable[[str], None]
    ) -> int:
        """Run a program. Returns its exit status; raises TransferFailure (9010) where that means a failure."""
        output = _Output(hook, self._log, progress)
        try:
            program = Program(
                self._reactor, arguments, {**self._environ, **_variables(file)}, seconds=self._seconds, line=output.add
            )
        except OSError as error:
            raise TransferFailure(
                9010, f"the program of hooks.{hook} cannot be started: {error.strerror}", permanent=True
            ) from None
        ending: Ending | None = None
        cancelled = False
        while ending is None:
            try:
                ending = await program.wait()
            except CancelledError:  # also a second time: it ends soon
                if not cancelled:
                    program.stop()
                cancelled = True
        if cancelled and hook == "installed":  # it is asked again
            raise CancelledError
        output.end(program.skipped)
        if not ending.timed_out and (ending.status == 0 or (ending.status == RESTART and hook == "install")):
            return ending.status
        raise TransferFailure(9010, self._reason(hook, ending, output.last), permanent=True)

    def _reason(self, hook: str, ending: Ending, last: str) -> str:
        if ending.timed_out:
            return f"the program of hooks.{hook} has not ended within {self._seconds:g} s"
        if ending.status < 0:
            return f"the program of hooks.{hook} was ended by {_signal_name(-ending.status)}"
        return last or f"the program of hooks.{hook} ended with status {ending.status}"


class _Output:
    """The output of one run: lines for the log, lines about the progress, and the ``last`` line of the former."""

    def __init__(self, hook: str, log: Callable[[str], object], progress: Callable[[str], None]) -> None:
        self._hook = hook
        self._log = log
        self._progress = progress
        self._count = 0
        self.last = ""

    def add(self, line: str) -> None:
        line = without_userinfo(line)
        if line.startswith(PROGRESS):
            self._progress(line.removeprefix(PROGRESS).strip())
            return
        self.last = line
        self._count += 1
        if self._count <= MOST_LINES:
            self._log(f"hooks.{self._hook}: {line}")

    def end(self, skipped: int) -> None:
        more = skipped + self._count - MOST_LINES
        if more > 0:
            self._log(f"hooks.{self._hook}: {more} more lines are not logged; the last: {self.last}")


def _variables(file: ReceivedFile) -> dict[str, str]:
    """The environment variables about ``file``; texts of the ACS never become arguments."""
    values = {
        "CWMP_FILE": file.path,
        "CWMP_FILE_TYPE": file.file_type,
        "CWMP_TARGET_NAME": file.target_name,
        "CWMP_COMMAND_KEY": file.command_key,
    }
    return {name: value.replace("\0", "").encode(errors="replace").decode() for name, value in values.items()}


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
