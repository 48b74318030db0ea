"""Cache of a large model, so that the next start of the agent is fast.

The file is text: a line with the key and the digest of the rest, then the model as written by
:mod:`cwmpagent.datamodel.model_json`. It is owned by the user of the agent and has mode 0600. A file that is missing,
owned by another user, made from other sources or damaged is ignored; if no file can be written, the model is read from
its sources at every start.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path

from cwmpagent.datamodel import model_json
from cwmpagent.datamodel.schema import Model
from cwmpagent.device.machine import package_version

FILE = "model.cache"
WORTH_KEEPING = 256 * 1024
"""Minimum size of the files of a model, in octets; a smaller model is read as fast without the cache."""
_LARGEST = 64 * 2**20


def key_of(files: Iterable[tuple[str, bytes]], profiles: Sequence[str], fidelity: str = "strict") -> str:
    """Digest of the sources of a model, as 64 hexadecimal digits.

    It covers the names and contents of the files, the profiles, the fidelity to a dump, the format of the cache, and
    the version of this package, because another version may read the same files differently.
    """
    digest = hashlib.sha256()
    parts = [str(model_json.FORMAT), package_version("cwmpagent"), fidelity, *profiles, ""]
    for name, data in files:
        parts += [name, hashlib.sha256(data).hexdigest()]
    for part in parts:
        digest.update(f"{len(part)}:{part},".encode())
    return digest.hexdigest()


class ModelCache:
    """Cache file in ``directory``. Nothing is written before :meth:`save`; no method raises an error."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / FILE
        self._unsaved: tuple[str, Model] | None = None

    def find(self, key: str) -> Model | None:
        """Model that was saved with ``key``, ``None`` if the file does not contain it."""
        try:
            data = self._own_file()
            head, _, body = data.partition(b"\n")
            if head != _head(key, body):
                return None
            return model_json.read(body.decode("utf-8"))
        except (OSError, ValueError):
            return None

    def keep(self, key: str, model: Model) -> None:
        """Keep a model for :meth:`save`."""
        self._unsaved = key, model

    def save(self) -> None:
        """Write the kept model, if any, to the file; call when the directory exists."""
        if self._unsaved is None:
            return
        key, model = self._unsaved
        self._unsaved = None
        body = model_json.written(model).encode("utf-8", "surrogatepass")
        fresh = self._path.with_suffix(f".{os.getpid()}")
        with suppress(OSError):
            try:
                with suppress(FileNotFoundError):
                    fresh.unlink()
                descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
                with os.fdopen(descriptor, "wb") as file:
                    file.write(_head(key, body) + b"\n" + body)
                fresh.replace(self._path)
            except OSError:
                fresh.unlink()

    def _own_file(self) -> bytes:
        descriptor = os.open(self._path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with os.fdopen(descriptor, "rb") as file:
            status = os.fstat(file.fileno())
            own = stat.S_ISREG(status.st_mode) and status.st_uid == os.geteuid() and not status.st_mode & 0o077
            if not own or status.st_size > _LARGEST:
                raise ValueError("is not a file of this cache")
            return file.read()


def _head(key: str, body: bytes) -> bytes:
    return f"cwmpagent model {key} {hashlib.sha256(body).hexdigest()}".encode()
