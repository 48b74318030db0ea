"""The directory of files on their way: only this user has access, and all names in it are made here."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from cwmpagent.errors import TransferFailure

SIGNATURE = ".sig"
"""End of the name of a file with the signature of another one."""


class Spool:
    """The spool ``directory``, with one file for each transfer. It is made, with mode 0700, when it is first used."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def path(self, number: int) -> str:
        """The path of the file of a transfer; it may not exist. Raises TransferFailure 9002: no usable directory."""
        try:
            self._directory.mkdir(0o700, parents=True, exist_ok=True)
            status = self._directory.lstat()
            if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid():
                raise TransferFailure(9002, f"{self._directory} is not a directory of this user")
            if stat.S_IMODE(status.st_mode) != 0o700:
                self._directory.chmod(0o700)
        except OSError as error:
            raise TransferFailure(
                9002, f"the spool directory {self._directory} cannot be used: {error.strerror}"
            ) from error
        return str(self._directory / str(number))

    def remove(self, number: int) -> None:
        """Remove that file, and that of its signature. Raises nothing; what is left goes at the next start."""
        for name in (str(number), f"{number}{SIGNATURE}"):
            with suppress(OSError):
                (self._directory / name).unlink(missing_ok=True)

    def keep_only(self, numbers: Sequence[int]) -> None:
        """Remove all other files. Raises nothing."""
        kept = {str(number) for number in numbers}
        with suppress(OSError):
            for entry in list(self._directory.iterdir()):
                if entry.name not in kept and (entry.is_symlink() or not entry.is_dir()):
                    with suppress(OSError):
                        entry.unlink(missing_ok=True)
