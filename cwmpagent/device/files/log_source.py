"""Logs for an Upload: the log of the agent, and the end of log files of the machine (TR-069 A.4.1.5)."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Awaitable, Callable, Iterable, Sequence
from pathlib import Path

import psutil

from cwmpagent.device.files.whole_file import write_whole
from cwmpagent.errors import TransferFailure
from cwmpagent.protocol.transfers.file import LogFile

MOST = 1 << 24
"""Maximum number of octets of an uploaded log: its end."""
OWN = "2 Vendor Log File"
OWN_NAME = "cwmpagent"
"""Name of the agent's own log."""
LONGEST_NAME = 64
IN_MEMORY = frozenset({"tmpfs", "ramfs"})
"""File systems that a boot empties."""
_NUMBERED = re.compile(r"4 Vendor Log File ([1-9][0-9]{0,8})")


class LogSource:
    """Writes logs: number 1 is the agent's own, the others are ``files`` in their order.

    ``logs``: what they are; a file has its path as its name.
    ``lines`` returns the lines of the agent's own log, without secrets. ``elsewhere`` runs a function that blocks, in a
    thread.
    """

    def __init__(
        self,
        lines: Callable[[], Iterable[str]],
        files: Sequence[Path],
        elsewhere: Callable[[Callable[[], None]], Awaitable[None]],
    ) -> None:
        self._lines = lines
        self._files = tuple(files)
        self._elsewhere = elsewhere
        self.logs = _logs(self._files)

    def knows(self, file_type: str) -> bool:
        """See :class:`cwmpagent.agent.ports.FileSource`."""
        return 1 <= self._number(file_type) <= len(self._files) + 1

    async def write(self, file_type: str, path: str) -> None:
        """See :class:`cwmpagent.agent.ports.FileSource`. Raises TransferFailure 9011."""
        number = self._number(file_type)
        if not 1 <= number <= len(self._files) + 1:
            raise TransferFailure(9011, "there is no such log", permanent=True)
        if number > 1:
            file = self._files[number - 2]
            await self._elsewhere(lambda: write_whole(path, _end_of(file)))
            return
        data = "".join(f"{line}\n" for line in self._lines()).encode(errors="replace")
        await self._elsewhere(lambda: write_whole(path, data))

    def _number(self, file_type: str) -> int:
        """Number of the log; 0 where there is none."""
        if file_type == OWN:
            return 1
        numbered = _NUMBERED.fullmatch(file_type)
        return int(numbered[1]) if numbered else 0


def _end_of(file: Path) -> bytes:
    """The last :data:`MOST` octets of ``file``. A pipe or a device is refused: reading one might never end."""
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise TransferFailure(9011, f"the log {file.name} is not a regular file", permanent=True)
            with os.fdopen(descriptor, "rb", closefd=False) as opened:
                opened.seek(max(0, status.st_size - MOST))
                return opened.read(MOST)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise TransferFailure(9011, f"the log {file.name} cannot be read: {error.strerror}", permanent=True) from None


def _logs(files: Sequence[Path]) -> tuple[LogFile, ...]:
    """The agent's own log, which is in memory, and ``files``; a long path is cut at its begin."""
    logs = {OWN_NAME: LogFile(name=OWN_NAME, persistent=False)}
    mounts = {Path(each.mountpoint): each.fstype for each in psutil.disk_partitions(all=True)} if files else {}
    for file in files:
        path = "".join(letter if letter.isprintable() else "?" for letter in str(file))
        name, number = path[-LONGEST_NAME:], 1
        while name in logs:
            number += 1
            name = f"{path[-(LONGEST_NAME - 4) :]}~{number}"
        mount = next((mounts[above] for above in file.parents if above in mounts), "")
        logs[name] = LogFile(name=name, persistent=mount not in IN_MEMORY)
    return tuple(logs.values())
