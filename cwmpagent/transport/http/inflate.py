"""Body of a message: decompressed as it arrives, and bounded in size."""

from __future__ import annotations

import zlib
from collections.abc import Sequence

from cwmpagent.errors import TooLargeError, TransportError

OFFERED = b"gzip, deflate"
"""The value of Accept-Encoding."""

MOST_MEMBERS = 1024
"""Maximum number of gzip members of a body (RFC 1952 section 2.2). Empty ones cost time and yield nothing."""

_PIECE = 64 * 1024  # maximum bytes inflated before the bound is checked again
_GZIP = 16 + zlib.MAX_WBITS
_ZLIB = zlib.MAX_WBITS
_RAW = -zlib.MAX_WBITS


class Body:
    """Collects the body of a message. ``bound``: maximum size in bytes after decompression.

    Compressed, the body may have 1/256 and 1,024 bytes more: content that cannot be compressed grows a little.

    ``encodings``: the values of its Content-Encoding headers (RFC 9110 section 8.4). ``message``: what it is in errors,
    "response" or "request". Raises TransportError for an encoding that was not offered.
    """

    def __init__(self, bound: int, encodings: Sequence[bytes] = (), message: str = "response") -> None:
        names = [name.strip().lower() for value in encodings for name in value.split(b",")]
        coded = [name for name in names if name not in (b"", b"identity")]
        if len(coded) > 1 or not set(coded) <= {b"gzip", b"x-gzip", b"deflate"}:
            raise TransportError(f"the {message} has a Content-Encoding that was not offered (offered: gzip, deflate)")
        self._bound = bound
        self._message = message
        self._most_received = bound + bound // 256 + 1024
        self._received = 0
        self._members = 0
        self._content = bytearray()
        self._deflate = coded == [b"deflate"]
        self._gzip = bool(coded) and not self._deflate
        self._start = bytearray()  # of a deflate body, until its format is known
        self._inflating: zlib._Decompress | None = None

    def feed(self, data: bytes) -> None:
        """Add received bytes. Raises TooLargeError above the bound, TransportError when they cannot be decompressed."""
        self._received += len(data)
        if self._received > self._most_received and (self._gzip or self._deflate):
            raise TooLargeError(f"the compressed {self._message} is larger than {self._most_received} bytes")
        if self._gzip:
            self._inflate(data, _GZIP)
        elif self._deflate and self._inflating is None:
            self._start += data
            if len(self._start) >= 2:
                self._inflate(bytes(self._start), _ZLIB if _looks_like_zlib(self._start) else _RAW)
                self._start.clear()
        elif self._deflate:
            self._inflate(data, _RAW)
        else:
            self._keep(data)

    def finish(self) -> bytes:
        """The whole body. Raises TransportError where compressed data is incomplete."""
        if self._start or (self._inflating is not None and not self._inflating.eof):
            raise TransportError(f"the compressed {self._message} is incomplete")
        return bytes(self._content)

    def _inflate(self, data: bytes, kind: int) -> None:
        while data:
            if self._inflating is None or (self._inflating.eof and kind == _GZIP):  # gzip: another member may follow
                self._members += 1
                if self._members > MOST_MEMBERS:
                    raise TooLargeError(f"the compressed {self._message} has more than {MOST_MEMBERS} gzip members")
                self._inflating = zlib.decompressobj(kind)
            if self._inflating.eof:
                raise TransportError(f"the compressed {self._message} is followed by more bytes")
            try:
                self._keep(self._inflating.decompress(data, _PIECE))
            except zlib.error as error:
                raise TransportError(f"the {self._message} cannot be decompressed") from error
            data = self._inflating.unconsumed_tail or self._inflating.unused_data

    def _keep(self, data: bytes) -> None:
        if len(self._content) + len(data) > self._bound:
            raise TooLargeError(f"the {self._message} is larger than {self._bound} bytes")
        self._content += data


def _looks_like_zlib(start: bytearray) -> bool:
    """Whether a deflate body begins with a zlib header (RFC 1950 section 2.2). Some servers send raw deflate data."""
    return start[0] & 0x0F == 8 and (start[0] << 8 | start[1]) % 31 == 0
