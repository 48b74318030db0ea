"""A tar archive that is opened so that its headers take little memory, whatever they say.

A few octets of a compressed file can stand for headers of gigabytes: extended headers (pax, GNU) that name a large size
or follow each other without an end. tarfile reads them at once. It reads through :class:`_Bounded`, which counts.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, cast

from cwmpagent.device.software.manifest import CORRUPTED
from cwmpagent.errors import SoftwareFailure

RESOURCES = 9027
MOST_OF_HEADERS = 64 * 1024
"""Maximum number of octets of the headers of one member."""
MOST_OF_END = 1 << 20
"""Maximum number of octets behind the last member; tar fills a file up to a multiple of its record."""
_GZIP, _BZIP2, _XZ = b"\x1f\x8b", b"BZh", b"\xfd7zXZ\x00"


class BoundedArchive:
    """The archive at ``path``, plain or compressed with gzip, bzip2 or xz. Raises SoftwareFailure 9018."""

    def __init__(self, path: Path) -> None:
        try:
            self._file = path.open("rb")
        except OSError as error:
            raise SoftwareFailure(CORRUPTED, f"cannot open the archive: {error.strerror}") from None
        self._stream = _Bounded(_decompressed(self._file))
        try:
            with damage_reported():
                self._tar = tarfile.TarFile(fileobj=cast(IO[bytes], self._stream), mode="r", errorlevel=2)
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> BoundedArchive:
        return self

    def __exit__(self, *_: object) -> None:
        self._tar.close()
        self._file.close()

    def __iter__(self) -> Iterator[tarfile.TarInfo]:
        """Each member in order. Raises SoftwareFailure."""
        while True:
            self._stream.left = MOST_OF_HEADERS
            with damage_reported():
                member = self._tar.next()
            self._tar.members.clear()  # type: ignore[attr-defined]  # it would keep them all
            if member is None:
                self._check_end()
                return
            yield member

    def content(self, member: tarfile.TarInfo, piece: int = 1 << 15) -> Iterator[bytes]:
        """The content of the plain file ``member``, which is the present one, in pieces. Raises SoftwareFailure."""
        left = member.size
        with damage_reported():
            self._stream.seek(member.offset_data)
        while left > 0:
            self._stream.left = MOST_OF_HEADERS
            with damage_reported():
                data = self._stream.read(min(piece, left))
            if not data:
                raise SoftwareFailure(CORRUPTED, "the archive ends too early")
            left -= len(data)
            yield data

    def _check_end(self) -> None:
        """Raise SoftwareFailure unless the archive ends with zeros: tarfile takes a damaged header for the end.

        What a compressed file has behind them is read, because its checksum is the last of it.
        """
        self._stream.left = MOST_OF_END
        with damage_reported():
            self._stream.seek(self._tar.offset)
            data = self._stream.read(tarfile.BLOCKSIZE)
            if len(data) < tarfile.BLOCKSIZE:
                raise SoftwareFailure(CORRUPTED, "the archive ends too early")
            while data:
                if data.strip(b"\0"):
                    raise SoftwareFailure(CORRUPTED, "the archive is damaged")
                data = self._stream.read(tarfile.RECORDSIZE)


class _Bounded:
    """The file that tarfile reads. ``left``: octets that it may still read."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self.left = MOST_OF_HEADERS

    def read(self, size: int) -> bytes:
        if not 0 <= size <= self.left:
            raise SoftwareFailure(CORRUPTED, "the archive has a member with headers that are too long")
        self.left -= size
        data: bytes = self._stream.read(size)
        return data

    def seek(self, position: int) -> int:
        result: int = self._stream.seek(position)
        return result

    def tell(self) -> int:
        result: int = self._stream.tell()
        return result


def _decompressed(file: io.BufferedReader) -> Any:
    begin = file.peek(6)[:6]
    if begin.startswith(_GZIP):
        return gzip.GzipFile(fileobj=file, mode="rb")
    if begin.startswith(_BZIP2):
        return bz2.BZ2File(file)
    if begin.startswith(_XZ):
        return lzma.LZMAFile(file)
    return file


@contextmanager
def damage_reported() -> Iterator[None]:
    """Context in which damage of the archive is a SoftwareFailure; an OSError of the disk stays one."""
    try:
        yield
    except (tarfile.TarError, EOFError, ValueError, OverflowError, RecursionError, zlib.error, lzma.LZMAError):
        raise SoftwareFailure(CORRUPTED, "the archive is damaged") from None
    except MemoryError:
        raise SoftwareFailure(RESOURCES, "the archive needs too much memory") from None
    except OSError as error:
        if error.errno is not None:
            raise
        raise SoftwareFailure(CORRUPTED, "the archive is damaged") from None
