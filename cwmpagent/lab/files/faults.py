"""Faults of the file server as frozen values; each is queued in advance and spoils chosen requests.

``path``: only for this path (``"/fw.bin"``; empty: every path). ``method``: only for this method (empty: every one).
``after``: the number of matching requests that are left alone first. ``times``: how often it applies (0: always). A
request that got the server's own 401 does not count. Several apply to one request, in the order given.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Annotated, ClassVar

from cwmpagent.errors import MisuseError
from cwmpagent.lab.acs.field_bounds import From, Matching, OneOf, refused_fields
from cwmpagent.lab.files.answer import FileAnswer, sentence

MOST = 1000
"""Faults that may wait, and paths that may be changed."""

_TIMES = From(0, 1_000_000)
_OCTETS = From(0, 10_000_000_000)
_PATH = Matching(r"(/[^\x00-\x1f\x7f\ud800-\udfff]{0,2000})?", 'a path that begins with "/", or empty')
_METHOD = Matching("(GET|HEAD|PUT|POST)?", "GET, HEAD, PUT or POST, or empty")
_HEADER = Matching(r"[\x21-\x7e]{0,2000}", "printable ASCII without spaces, of at most 2000 characters")


@dataclass(frozen=True, slots=True, kw_only=True)
class FileFault:
    """One fault. :meth:`instead` answers in place of the server, :meth:`spoil` alters the server's answer.

    Raises MisuseError for a field outside of the bounds in its annotation.
    """

    KIND: ClassVar[str] = ""
    CHANGES: ClassVar[bool] = False

    path: Annotated[str, _PATH] = ""
    method: Annotated[str, _METHOD] = ""
    after: Annotated[int, _TIMES] = 0
    times: Annotated[int, _TIMES] = 1

    def __post_init__(self) -> None:
        for name, refusal in refused_fields(self):
            raise MisuseError(f"{self.KIND}.{name} {refusal}")

    def applies(self, method: str, path: str) -> bool:
        """Whether the request is one that the fault is for."""
        return self.path in ("", path) and self.method in ("", method)

    def instead(self, uri: str) -> FileAnswer | None:
        """The answer in place of the server's; None: leave it to the server. ``uri``: the request target."""
        return None

    def spoil(self, answer: FileAnswer) -> FileAnswer:
        """The altered answer of the server."""
        return answer


@dataclass(frozen=True, slots=True)
class Cut(FileFault):
    """Close (``reset``: reset) the connection after ``keep`` octets of the body; of an upload, nothing is kept."""

    KIND: ClassVar[str] = "cut"
    keep: Annotated[int, _OCTETS]
    reset: bool = False

    def spoil(self, answer: FileAnswer) -> FileAnswer:
        return replace(answer, keep=self.keep, reset=self.reset)


@dataclass(frozen=True, slots=True)
class Slow(FileFault):
    """Send the body with ``rate`` octets a second."""

    KIND: ClassVar[str] = "slow"
    rate: Annotated[int, From(1, 10_000_000_000)]

    def spoil(self, answer: FileAnswer) -> FileAnswer:
        return replace(answer, rate=self.rate)


@dataclass(frozen=True, slots=True)
class WrongLength(FileFault):
    """Say ``by`` octets more than are sent in Content-Length (negative: fewer), then close the connection."""

    KIND: ClassVar[str] = "length"
    by: Annotated[int, From(-10_000_000_000, 10_000_000_000)]

    def spoil(self, answer: FileAnswer) -> FileAnswer:
        return replace(answer, declared=max(self.by, -answer.plain_length))


@dataclass(frozen=True, slots=True)
class Status(FileFault):
    """Answer with an HTTP error; 401 has a challenge, as a right one has."""

    KIND: ClassVar[str] = "status"
    status: Annotated[int, From(400, 599)]

    def instead(self, uri: str) -> FileAnswer | None:
        return replace(sentence(self.status, "a fault on purpose"), challenge=self.status == 401)


@dataclass(frozen=True, slots=True)
class Redirect(FileFault):
    """Redirect to the URL ``to``; an empty one is the same URL, which with ``times`` 0 is a loop."""

    KIND: ClassVar[str] = "redirect"
    to: Annotated[str, _HEADER] = ""
    status: Annotated[int, OneOf((301, 302, 303, 307, 308))] = 302

    def instead(self, uri: str) -> FileAnswer | None:
        return sentence(self.status, "a redirect on purpose", (("Location", self.to or uri),))


@dataclass(frozen=True, slots=True)
class Change(FileFault):
    """From this request on the file has other octets, another ETag and a later Last-Modified; the size stays."""

    KIND: ClassVar[str] = "change"
    CHANGES: ClassVar[bool] = True


@dataclass(frozen=True, slots=True)
class Gzip(FileFault):
    """Compress the whole file with gzip, though nobody asked for it; a Range is ignored."""

    KIND: ClassVar[str] = "gzip"

    def spoil(self, answer: FileAnswer) -> FileAnswer:
        if answer.file is None:
            return answer
        headers = tuple(header for header in answer.headers if header[0] != "Content-Range")
        return replace(answer, status=200, headers=headers, first=0, length=answer.file.size, gzip=True)


KINDS: dict[str, type[FileFault]] = {
    kind.KIND: kind for kind in (Cut, Slow, WrongLength, Status, Redirect, Change, Gzip)
}
"""Every fault by the name that the console uses."""


@dataclass(slots=True)
class _Waiting:
    fault: FileFault
    skip: int
    left: int | None


@dataclass(slots=True)
class FileFaults:
    """The faults that wait, and the versions of files that a ``change`` has made."""

    _waiting: list[_Waiting] = field(default_factory=list)
    _versions: dict[str, int] = field(default_factory=dict)

    def add(self, *faults: FileFault) -> None:
        """Queue ``faults``. Raises MisuseError if more than :data:`MOST` would wait; then none is added."""
        if len(self._waiting) + len(faults) > MOST:
            raise MisuseError(f"at most {MOST} faults may wait")
        self._waiting += [_Waiting(fault, fault.after, fault.times or None) for fault in faults]

    def take(self, method: str, path: str) -> tuple[FileFault, ...]:
        """The faults of one request, which counts for each of them."""
        taken = []
        for waiting in self._waiting:
            if not waiting.fault.applies(method, path):
                continue
            if waiting.skip:
                waiting.skip -= 1
                continue
            taken.append(waiting.fault)
            if waiting.left is not None:
                waiting.left -= 1
        self._waiting = [waiting for waiting in self._waiting if waiting.left != 0]
        if any(fault.CHANGES for fault in taken) and (path in self._versions or len(self._versions) < MOST):
            self._versions[path] = self.version(path) + 1
        return tuple(taken)

    def version(self, path: str) -> int:
        """The number of changes of the file at ``path``."""
        return self._versions.get(path, 0)

    def waiting(self) -> Iterable[tuple[FileFault, int]]:
        """Each fault with the number of times that are left (0: always)."""
        return [(waiting.fault, waiting.left or 0) for waiting in self._waiting]

    def clear(self) -> None:
        """Remove all faults; changed files are again as they are on disk."""
        self._waiting.clear()
        self._versions.clear()
