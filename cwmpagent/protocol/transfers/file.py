"""One file that is fetched from, or sent to, a server; and what becomes of it."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class FileDownload:
    """A file to fetch from ``url`` into ``path``.

    Octets that ``path`` has already come from an earlier attempt; ``validator`` is the ETag or Last-Modified of the
    response that they came with, empty where it had none. ``size``: octets of the whole file, 0 where unknown.
    ``most``: maximum number of octets. ``seconds``: maximum time for the attempt.
    """

    url: str
    username: str = ""
    password: str = field(default="", repr=False)
    path: str
    validator: str = ""
    size: int = 0
    most: int
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class FileUpload:
    """The file ``path`` to send to ``url``. ``seconds``: maximum time for the attempt."""

    url: str
    username: str = ""
    password: str = field(default="", repr=False)
    path: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Progress:
    """The state of a transfer under way: ``octets`` of ``total`` (0: unknown), and the ``validator`` of a download."""

    octets: int
    total: int = 0
    validator: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceivedFile:
    """A file that has been fetched and verified, and is to be applied.

    ``path``: its place in the spool directory; it is removed once the file is applied. ``file_type``, ``target_name``
    and ``command_key``: as in the RPC; ``target_name`` may contain anything.
    """

    path: str
    file_type: str
    target_name: str = ""
    command_key: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogFile:
    """A log that can be uploaded.

    ``name``: unique, at most 64 characters. ``persistent``: whether it outlives a boot. ``most``: its maximum number of
    octets, 0 where unknown.
    """

    name: str
    persistent: bool
    most: int = 0
