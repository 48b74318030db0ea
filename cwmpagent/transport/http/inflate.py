"""The body of an answer as it arrives: inflated where it is compressed, and never larger than its bound."""

from __future__ import annotations

import zlib
from collections.abc import Sequence

from cwmpagent.errors import TooLargeError, TransportError

OFFERED = b"gzip, deflate"
"""The value of Accept-Encoding."""

_PIECE = 64 * 1024  # bytes inflated at once, so that the bound is looked at often
_GZIP = 16 + zlib.MAX_WBITS
_ZLIB = zlib.MAX_WBITS
_RAW = -zlib.MAX_WBITS


class Body:
    """Collects an answer's body; ``bound`` counts bytes after decompression.

    ``encodings``: the values of its Content-Encoding headers (RFC 9110 section 8.4). TransportError for one that was
    not offered.
    """

    def __init__(self, bound: int, encodings: Sequence[bytes] = ()) -> None:
        names = [name.strip().lower() for value in encodings for name in value.split(b",")]
        coded = [name for name in names if name not in (b"", b"identity")]
        if len(coded) > 1 or not set(coded) <= {b"gzip", b"x-gzip", b"deflate"}:
            raise TransportError("the answer is encoded in a way that was not offered (only gzip and deflate are)")
        self._bound = bound
        self._content = bytearray()
        self._deflate = coded == [b"deflate"]
        self._gzip = bool(coded) and not self._deflate
        self._start = bytearray()  # of a deflate body, until its kind is known
        self._inflating: zlib._Decompress | None = None

    def feed(self, data: bytes) -> None:
        """Take the next bytes; TooLargeError above the bound, TransportError when they cannot be inflated."""
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
        """The whole of it; TransportError where compressed data breaks off."""
        if self._start or (self._inflating is not None and not self._inflating.eof):
            raise TransportError("the compressed answer breaks off")
        return bytes(self._content)

    def _inflate(self, data: bytes, kind: int) -> None:
        while data:
            if self._inflating is None or (self._inflating.eof and kind == _GZIP):  # gzip: another member may follow
                self._inflating = zlib.decompressobj(kind)
            if self._inflating.eof:
                raise TransportError("bytes follow the end of the compressed answer")
            try:
                self._keep(self._inflating.decompress(data, _PIECE))
            except zlib.error as error:
                raise TransportError("the answer cannot be decompressed") from error
            data = self._inflating.unconsumed_tail or self._inflating.unused_data

    def _keep(self, data: bytes) -> None:
        if len(self._content) + len(data) > self._bound:
            raise TooLargeError(f"the answer is larger than {self._bound} bytes")
        self._content += data


def _looks_like_zlib(start: bytearray) -> bool:
    """Whether a deflate body has the zlib header it should have (RFC 1950 section 2.2); some servers send none."""
    return start[0] & 0x0F == 8 and (start[0] << 8 | start[1]) % 31 == 0
