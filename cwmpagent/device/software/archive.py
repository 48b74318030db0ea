"""Tar archives from a server, unpacked so that nothing leaves their directory and no limit is exceeded.

An archive may have directories, plain files, and symbolic links to something inside it. Hard links, devices and pipes
are refused, and so are absolute names and names with ``..``. Owners, setuid, setgid and sticky bits are not taken over.
"""

from __future__ import annotations

import os
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from cwmpagent.device.software.manifest import CORRUPTED, MANIFEST
from cwmpagent.errors import SoftwareFailure

RESOURCES = 9027
LARGEST_MANIFEST = 64 * 1024
_PIECE = 1 << 16


@dataclass(frozen=True, slots=True)
class ArchiveLimits:
    """``octets``: of all files together, unpacked. ``members``: files, directories and links."""

    octets: int = 512 * 2**20
    members: int = 20_000


def manifest_of(path: Path, limits: ArchiveLimits) -> bytes:
    """Check every member of the archive at ``path``, and return its manifest. Raises SoftwareFailure."""
    found: bytes | None = None
    with _opened(path) as archive:
        for member in _members(archive, limits):
            if member.name.removeprefix("./") == MANIFEST and member.isreg():
                file = archive.extractfile(member)
                if member.size > LARGEST_MANIFEST or file is None:
                    raise SoftwareFailure(CORRUPTED, f"{MANIFEST} has more than {LARGEST_MANIFEST} octets")
                with _damage_reported():
                    found = file.read()
    if found is None:
        raise SoftwareFailure(CORRUPTED, f"the archive has no {MANIFEST}")
    return found


def unpack(path: Path, directory: Path, limits: ArchiveLimits) -> None:
    """Unpack the archive at ``path`` into the new ``directory``, which is on the disk then. Raises SoftwareFailure."""
    try:
        directory.mkdir(mode=0o755)
        links: list[tuple[Path, str]] = []
        with _opened(path) as archive:
            for member in _members(archive, limits):
                target = directory / member.name
                if member.isdir():
                    target.mkdir(mode=0o755, parents=True, exist_ok=True)
                elif member.issym():
                    links.append((target, member.linkname))
                else:
                    _write(archive, member, target)
        for target, linkname in links:  # last: no file is written through a link
            target.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
            target.symlink_to(linkname)
        os.sync()
    except OSError as error:
        raise SoftwareFailure(RESOURCES, f"cannot unpack the archive: {error.strerror}") from None


def _write(archive: tarfile.TarFile, member: tarfile.TarInfo, target: Path) -> None:
    target.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    mode = 0o755 if member.mode & 0o100 else 0o644
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode)
    with os.fdopen(descriptor, "wb") as output:
        source = archive.extractfile(member)
        left = member.size
        while source is not None and left > 0:
            with _damage_reported():
                data = source.read(min(_PIECE, left))
            if not data:
                raise SoftwareFailure(CORRUPTED, "the archive ends too early")
            output.write(data)
            left -= len(data)


class _damage_reported:
    """Context in which damage of the archive is a SoftwareFailure; an OSError of the disk stays one."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> None:
        damage = isinstance(error, tarfile.TarError | EOFError | ValueError | OverflowError)
        if damage or (isinstance(error, OSError) and error.errno is None):
            raise SoftwareFailure(CORRUPTED, "the archive is damaged") from None
        if error is not None and type(error).__module__ in ("zlib", "lzma", "_lzma"):
            raise SoftwareFailure(CORRUPTED, "the archive is damaged") from None


def _opened(path: Path) -> tarfile.TarFile:
    try:
        with _damage_reported():
            return tarfile.open(path, "r:*", errorlevel=2)
    except OSError as error:
        raise SoftwareFailure(CORRUPTED, f"cannot open the archive: {error.strerror}") from None


def _members(archive: tarfile.TarFile, limits: ArchiveLimits) -> Iterator[tarfile.TarInfo]:
    """Each member, checked. Raises SoftwareFailure for the first one that is not allowed."""
    octets = count = 0
    seen: set[str] = set()
    links: set[str] = set()
    while True:
        with _damage_reported():
            member = archive.next()
        if member is None:
            return
        count += 1
        octets += max(0, member.size)
        if count > limits.members or octets > limits.octets:
            raise SoftwareFailure(RESOURCES, "the archive has more members, or larger ones, than are allowed")
        name = PurePosixPath(member.name)
        if name.is_absolute() or ".." in name.parts or "\0" in member.name:
            raise SoftwareFailure(CORRUPTED, "the archive has a name that leads out of it")
        if not (member.isreg() or member.isdir() or member.issym()) or member.issparse():
            raise SoftwareFailure(CORRUPTED, "the archive has a member that is no file, directory or symbolic link")
        text = str(name)
        if not member.isdir() and text in seen:
            raise SoftwareFailure(CORRUPTED, "the archive has two members of one name")
        if member.issym():
            links.add(text)
            if text == "." or not _stays_inside(name.parent, member.linkname):
                raise SoftwareFailure(CORRUPTED, "the archive has a link that leads out of it")
        if any(str(above) in links for above in name.parents):
            raise SoftwareFailure(CORRUPTED, "the archive has a member behind a link")
        seen.add(text)
        yield member


def _stays_inside(folder: PurePosixPath, linkname: str) -> bool:
    """Whether a link in ``folder`` to ``linkname`` leads to something inside, whatever other links there are."""
    link = PurePosixPath(linkname)
    if link.is_absolute() or not linkname or "\0" in linkname:
        return False
    ups = 0
    for number, part in enumerate(link.parts):
        if part == "..":
            if number != ups:
                return False  # a way up behind a name could start from another link
            ups += 1
    return ups <= len([part for part in folder.parts if part != "."])
