"""Body of a response with ``Transfer-Encoding: chunked`` (RFC 9112 section 7.1), as old servers write it, too.

Twisted's decoder refuses blanks after a chunk size, which RFC 2616 section 2.1 allowed, delivers each chunk alone and
has no bound on framing. This one takes its place in Twisted's parser.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from twisted.web.http import _DataLoss  # the parser recognises an incomplete body by it

from cwmpagent.errors import TooLargeError, TransportError

LONGEST_LINE = 4096
"""Maximum length of a line with a chunk size, and of a trailer field, in bytes."""
MOST_FRAMING = 1024 * 1024
"""Bytes by which the framing (chunk sizes, extensions, trailer fields) may exceed the content."""

_SIZE = re.compile(rb"[ \t]*([0-9A-Fa-f]+)[ \t]*(?:;[^\n]*)?\r?\n")
_LINE_BREAK = re.compile(rb"\r?\n")


class ChunkedBody:
    """Decoder of one body.

    ``fail`` is called once with an error; everything after it is ignored. ``deliver`` is called with content, at most
    once for each call of :meth:`dataReceived`. ``finished`` is called with the bytes after the body.
    """

    def __init__(
        self,
        fail: Callable[[TransportError], object],
        deliver: Callable[[bytes], object],
        finished: Callable[[bytes], object],
    ) -> None:
        self._fail = fail
        self._deliver = deliver
        self._finished = finished
        self._held = b""  # an incomplete line, or the incomplete line break after a chunk
        self._left = 0  # bytes of the present chunk that have not arrived
        self._in_chunk = False
        self._in_trailer = False
        self._ended = False
        self._failed = False
        self._content = 0
        self._framing = 0

    def dataReceived(self, data: bytes) -> None:
        """Decode received bytes."""
        if self._ended or self._failed:
            return
        contents: list[bytes] = []
        failure: TransportError | None = None
        end = 0
        try:
            end = self._decode(self._held + data, contents)
        except TransportError as error:
            failure, self._failed = error, True
        if contents:
            self._deliver(b"".join(contents))
        if failure is not None:
            self._fail(failure)
        elif self._ended:
            self._finished(data[len(data) - end :] if end else b"")

    def noMoreData(self) -> None:
        """Raise Twisted's error for a body that is incomplete at the end of the connection."""
        if not self._ended:
            raise _DataLoss("the body has no last chunk")

    def _decode(self, data: bytes, contents: list[bytes]) -> int:
        """Add what ``data`` has of content to ``contents``. Returns the number of bytes after the body."""
        at = 0
        self._held = b""
        while at < len(data):
            if self._left:
                content = data[at : at + self._left]
                contents.append(content)
                at += len(content)
                self._left -= len(content)
                self._content += len(content)
                continue
            start = at
            if self._in_chunk:
                at = self._chunk_end(data, at)
            elif self._in_trailer:
                at = self._trailer(data, at)
            else:
                at = self._size(data, at)
            if at == start:
                self._held = data[at:]
                if len(self._held) > LONGEST_LINE:
                    raise TooLargeError(f"the response has a chunk line longer than {LONGEST_LINE} bytes")
                break
            self._framing += at - start
            if self._framing > self._content + MOST_FRAMING:
                raise TooLargeError(f"the response has more than {MOST_FRAMING} bytes of framing beyond its content")
            if self._ended:
                return len(data) - at
        return 0

    def _size(self, data: bytes, at: int) -> int:
        line = _SIZE.match(data, at)
        if line is None:
            if data.find(b"\n", at) >= 0:
                raise _incorrect("the size of a chunk is not a hexadecimal number")
            return at
        if line.end() - at > LONGEST_LINE:
            return at
        self._left = int(line[1], 16)
        self._in_chunk = self._left > 0
        self._in_trailer = not self._in_chunk
        return line.end()

    def _chunk_end(self, data: bytes, at: int) -> int:
        line_break = _LINE_BREAK.match(data, at)
        if line_break is None:
            if data[at:] != b"\r":
                raise _incorrect("a chunk is longer than its size")
            return at
        self._in_chunk = False
        return line_break.end()

    def _trailer(self, data: bytes, at: int) -> int:
        end = data.find(b"\n", at) + 1
        if not end or end - at > LONGEST_LINE:
            return at
        self._ended = not data[at:end].rstrip(b"\r\n")
        return end


def _incorrect(problem: str) -> TransportError:
    return TransportError(f"the response is chunked, but not correctly: {problem}")
