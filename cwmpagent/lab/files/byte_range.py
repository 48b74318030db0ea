"""The Range and If-Range headers of a request for one file (RFC 9110, 13.1.5 and 14.2)."""

from __future__ import annotations

import re
from dataclasses import dataclass

_ONE = re.compile(r"\s*bytes\s*=\s*(\d{0,18})\s*-\s*(\d{0,18})\s*", re.IGNORECASE | re.ASCII)


class UnsatisfiableError(ValueError):
    """A range that begins behind the end of the file: the answer is 416."""


@dataclass(frozen=True, slots=True)
class ByteRange:
    """The octets from ``first`` to ``last``, both included."""

    first: int
    last: int

    @property
    def length(self) -> int:
        """Number of octets."""
        return self.last - self.first + 1


def byte_range(header: str, size: int) -> ByteRange | None:
    """The range that ``header`` asks of a file of ``size`` octets; None if the whole file is to be sent.

    A header that is malformed, or names several ranges, is ignored, as RFC 9110 allows. Raises
    :class:`UnsatisfiableError`.
    """
    match = _ONE.fullmatch(header)
    if match is None or not (match[1] or match[2]):
        return None
    if not match[1]:
        length = min(int(match[2]), size)
        if length == 0:
            raise UnsatisfiableError
        return ByteRange(size - length, size - 1)
    first = int(match[1])
    last = min(int(match[2]), size - 1) if match[2] else size - 1
    if match[2] and int(match[2]) < first:
        return None
    if first >= size:
        raise UnsatisfiableError
    return ByteRange(first, last)


def still_the_same(if_range: str, etag: str, modified: str) -> bool:
    """Whether a range may be sent: no If-Range, the strong ``etag``, or exactly the Last-Modified ``modified``."""
    wanted = if_range.strip()
    return not wanted or wanted in (etag, modified)


def has_it(if_none_match: str, etag: str) -> bool:
    """Whether the client's If-None-Match has ``etag``; the comparison is weak (RFC 9110, 13.1.2)."""
    tags = [tag.strip().removeprefix("W/") for tag in if_none_match.split(",")]
    return "*" in tags or etag in tags
