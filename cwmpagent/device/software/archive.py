"""Tar archives from a server, unpacked so that nothing leaves their directory and no limit is exceeded.

An archive may have directories, plain files, and symbolic links to something inside it. Hard links, devices, pipes and
sparse files are refused, and so are absolute names, names with ``..``, and names twice. Owners, setuid, setgid and
sticky bits are not taken over.
"""

from __future__ import annotations

import os
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from cwmpagent.device.software.bounded_archive import RESOURCES, BoundedArchive, damage_reported
from cwmpagent.device.software.manifest import CORRUPTED, MANIFEST
from cwmpagent.errors import SoftwareFailure

LARGEST_MANIFEST = 64 * 1024
LONGEST_PART, LONGEST_NAME = 255, 1024
"""Maximum numbers of octets of one part of a name, and of a whole name or target of a link."""


@dataclass(frozen=True, slots=True)
class ArchiveLimits:
    """``octets``: of all files together, unpacked. ``members``: files, directories and links."""

    octets: int = 512 * 2**20
    members: int = 20_000


def manifest_of(path: Path, limits: ArchiveLimits) -> bytes:
    """Check every member of the archive at ``path``, and return its manifest. Raises SoftwareFailure."""
    found: bytes | None = None
    with BoundedArchive(path) as archive:
        for member in _members(archive, path, limits):
            if str(PurePosixPath(member.name)) == MANIFEST and member.isreg():
                if member.size > LARGEST_MANIFEST:
                    raise SoftwareFailure(CORRUPTED, f"{MANIFEST} has more than {LARGEST_MANIFEST} octets")
                found = b"".join(archive.content(member))
    if found is None:
        raise SoftwareFailure(CORRUPTED, f"the archive has no {MANIFEST}")
    return found


def unpack(path: Path, directory: Path, limits: ArchiveLimits) -> None:
    """Unpack the archive at ``path`` into the new ``directory``, which is on the disk then. Raises SoftwareFailure."""
    try:
        _make(directory)
        links: list[tuple[Path, str]] = []
        with BoundedArchive(path) as archive:
            for member in _members(archive, directory, limits):
                target = directory / member.name
                if member.isdir():
                    _make(target)
                elif member.issym():
                    links.append((target, member.linkname))
                else:
                    _write(archive, member, target)
        for target, linkname in links:  # last: no file is written through a link
            _make(target.parent)
            target.symlink_to(linkname)
        os.sync()
    except OSError as error:
        raise SoftwareFailure(RESOURCES, f"cannot unpack the archive: {error.strerror}") from None


def _make(directory: Path) -> None:
    """Make the directory and those above it, open to all users: a program may run as another one."""
    if directory.is_dir():
        return
    _make(directory.parent)
    directory.mkdir()
    directory.chmod(0o755)


def _write(archive: BoundedArchive, member: tarfile.TarInfo, target: Path) -> None:
    _make(target.parent)
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "wb") as output:
        for data in archive.content(member):
            output.write(data)
        os.fchmod(output.fileno(), 0o755 if member.mode & 0o100 else 0o644)


def _members(archive: BoundedArchive, directory: Path, limits: ArchiveLimits) -> Iterator[tarfile.TarInfo]:
    """Each member, checked. Raises SoftwareFailure for the first one that is not allowed in ``directory``."""
    names = _Names()
    octets = 0
    for count, member in enumerate(archive, 1):
        if not (member.isreg() or member.isdir() or member.issym()) or member.issparse() or member.size < 0:
            raise SoftwareFailure(CORRUPTED, "the archive has a member that is no file, directory or symbolic link")
        octets += member.size
        if count > limits.members or octets > limits.octets:
            raise SoftwareFailure(RESOURCES, "the archive has more members, or larger ones, than are allowed")
        name = _checked(member.name)
        if member.issym() and not _stays_inside(name.parent, member.linkname):
            raise SoftwareFailure(CORRUPTED, "the archive has a link that leads out of it")
        names.add(name, is_directory=member.isdir())
        with damage_reported():
            tarfile.data_filter(member, str(directory))  # the second opinion of the standard library
        yield member


class _Names:
    """The names of an archive, and of the directories above them; by each, whether it is a directory."""

    def __init__(self) -> None:
        self._known = {".": True}

    def add(self, name: PurePosixPath, *, is_directory: bool) -> None:
        """Add a name. Raises SoftwareFailure where it is there already, or behind something that is no directory."""
        for above in name.parents:
            if not self._known.setdefault(str(above), True):
                raise SoftwareFailure(CORRUPTED, "the archive has a member behind a link or a file")
        known = self._known.setdefault(str(name), is_directory) if is_directory else self._known.get(str(name))
        if known is not None and not (known and is_directory):
            raise SoftwareFailure(CORRUPTED, "the archive has two members of one name")
        self._known[str(name)] = is_directory


def _checked(text: str) -> PurePosixPath:
    """The name of a member. Raises SoftwareFailure where it leads out, or where no file can have it."""
    name = PurePosixPath(text)
    if name.is_absolute() or ".." in name.parts or "\0" in text:
        raise SoftwareFailure(CORRUPTED, "the archive has a name that leads out of it")
    if _length(text) > LONGEST_NAME or any(_length(part) > LONGEST_PART for part in name.parts):
        raise SoftwareFailure(CORRUPTED, "the archive has a name that is too long")
    return name


def _length(text: str) -> int:
    return len(text.encode(errors="surrogateescape"))


def _stays_inside(folder: PurePosixPath, linkname: str) -> bool:
    """Whether a link in ``folder`` to ``linkname`` leads to something inside, whatever other links there are."""
    link = PurePosixPath(linkname)
    if link.is_absolute() or not linkname or "\0" in linkname or _length(linkname) > LONGEST_NAME:
        return False
    ups = 0
    for number, part in enumerate(link.parts):
        if part == "..":
            if number != ups:
                return False  # a way up behind a name could start from another link
            ups += 1
    return ups <= len([part for part in folder.parts if part != "."])
