"""The folder of received files: bounded in size and number; a file appears under its name only when it is whole."""

from __future__ import annotations

import hashlib
import os
import tempfile
from contextlib import suppress
from pathlib import Path

TEMPORARY = ".incoming-"
AT_ONCE = 16
"""Uploads that are written at the same time."""


class UploadError(Exception):
    """An upload that is not kept. ``status``: the HTTP status that says why; ``str()``: a sentence."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


class Incoming:
    """One body while it arrives, in a temporary file of mode 0600. :meth:`keep` or :meth:`discard` ends it."""

    def __init__(self, uploads: Uploads) -> None:
        self._uploads = uploads
        self._digest = hashlib.sha256()
        self._path: Path | None = None
        self.size = 0
        self.problem: UploadError | None = None
        try:
            descriptor, name = tempfile.mkstemp(prefix=TEMPORARY, dir=uploads.folder)
        except OSError as error:
            self.problem = UploadError(507, f"the folder of uploads cannot be written: {error.strerror}")
            return
        self._path = Path(name)
        self._file = os.fdopen(descriptor, "wb")

    @property
    def sha256(self) -> str:
        """The SHA-256 of the octets so far, in hexadecimal."""
        return self._digest.hexdigest()

    def write(self, data: bytes) -> None:
        """Add ``data``. After a problem the rest is only counted."""
        self.size += len(data)
        if self.problem is not None:
            return
        if self.size > self._uploads.largest:
            self._fail(UploadError(413, f"the upload is larger than {self._uploads.largest} octets"))
            return
        try:
            self._file.write(data)
        except OSError as error:
            self._fail(UploadError(507, f"the upload cannot be written: {error.strerror}"))
            return
        self._digest.update(data)

    def keep(self, name: str) -> bool:
        """Give the whole file its ``name``; return whether it is a new one. Raises :class:`UploadError`."""
        if self.problem is not None or self._path is None:
            raise self.problem or UploadError(500, "the upload has ended")
        target = self._uploads.folder / name
        try:
            self._file.close()
            new = not os.path.lexists(target)
            if new and self._uploads.count() >= self._uploads.most:
                raise UploadError(507, f"the folder of uploads has {self._uploads.most} files, its most")
            self._path.rename(target)
        except OSError as error:
            raise UploadError(409, f"the upload cannot get its name: {error.strerror}") from error
        finally:
            self.discard()
        return new

    def discard(self) -> None:
        """Remove the temporary file, if it is still there."""
        if self._path is not None:
            with suppress(OSError):
                self._file.close()
            with suppress(OSError):
                self._path.unlink(missing_ok=True)
            self._path = None
        self._uploads.ended(self)

    def _fail(self, problem: UploadError) -> None:
        self.problem = problem
        self.discard()


class Uploads:
    """The uploads in ``folder``. ``largest``: octets of one file; ``most``: number of files."""

    def __init__(self, folder: Path, *, largest: int, most: int) -> None:
        self.folder = folder
        self.largest = largest
        self.most = most
        self._open: set[Incoming] = set()

    def prepare(self) -> None:
        """Make the folder (0700), and remove what an earlier process left half-written. Raises OSError."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for path in self.folder.glob(f"{TEMPORARY}*"):
            path.unlink(missing_ok=True)

    def begin(self) -> Incoming | None:
        """A place for one body; None if :data:`AT_ONCE` others are being written."""
        if len(self._open) >= AT_ONCE:
            return None
        incoming = Incoming(self)
        self._open.add(incoming)
        return incoming

    def count(self) -> int:
        """Number of files in the folder, temporary ones aside."""
        with os.scandir(self.folder) as entries:
            return sum(not entry.name.startswith(TEMPORARY) for entry in entries)

    def ended(self, incoming: Incoming) -> None:
        """Forget ``incoming``."""
        self._open.discard(incoming)

    def close(self) -> None:
        """Discard everything that is half-written."""
        for incoming in list(self._open):
            incoming.discard()
