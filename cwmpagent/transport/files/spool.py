"""The directory of files on their way: only this user has access, and all names in it are made here."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable
from pathlib import Path

from cwmpagent.errors import TransferFailure

_NAME = re.compile(r"[0-9a-z]{1,64}")


class Spool:
    """The spool ``directory``. Its methods raise TransferFailure 9002 where it cannot be used."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def path(self, name: str) -> str:
        """The path of the file ``name`` (digits and small letters, chosen by the agent); makes a missing directory."""
        if not _NAME.fullmatch(name):
            raise TransferFailure(9002, "a name of a spool file is not permitted", permanent=True)
        self._prepare()
        return str(self._directory / name)

    def remove_others(self, kept: Iterable[str]) -> int:
        """Remove every file whose path is not in ``kept``. Returns the number of removed files."""
        self._prepare()
        wanted, removed = set(kept), 0
        try:
            for entry in list(self._directory.iterdir()):
                if str(entry) not in wanted and (entry.is_symlink() or not entry.is_dir()):
                    entry.unlink(missing_ok=True)
                    removed += 1
        except OSError as error:
            raise self._unusable(error) from error
        return removed

    def _prepare(self) -> None:
        try:
            self._directory.mkdir(0o700, parents=True, exist_ok=True)
            status = self._directory.lstat()
            if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid():
                raise TransferFailure(9002, f"{self._directory} is not a directory of this user")
            if stat.S_IMODE(status.st_mode) != 0o700:
                self._directory.chmod(0o700)
        except OSError as error:
            raise self._unusable(error) from error

    def _unusable(self, error: OSError) -> TransferFailure:
        return TransferFailure(9002, f"the spool directory {self._directory} cannot be used: {error.strerror}")
