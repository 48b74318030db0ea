"""Head of an HTTP response, checked and normalised before Twisted's parser reads it.

That parser recognises ``Connection: close`` only in lower case, treats an HTTP/1.0 connection as persistent and accepts
heads of any size. Here each head is buffered until it is complete, at most ``LONGEST_HEAD`` bytes. Where the connection
ends after the response, ``Connection: close`` is added in the form that the parser recognises.
"""

from __future__ import annotations

from cwmpagent.errors import TooLargeError, TransportError

LONGEST_HEAD = 64 * 1024
"""Maximum size of status line and header fields, in bytes."""
MOST_INTERIM = 10
"""Maximum number of interim (1xx) responses before the final one."""


class ResponseHead:
    """Buffers the head of one response."""

    def __init__(self) -> None:
        self._held = bytearray()
        self._interim = 0

    def feed(self, data: bytes) -> bytes | None:
        """Add received bytes. Returns the head and the bytes after it, or None while the head is incomplete.

        Raises TransportError for anything that is not an HTTP head.
        """
        self._held += data
        start = bytes(self._held[:5])
        if not b"HTTP/".startswith(start):
            raise TransportError("sent a response that is not HTTP")
        while (end := _end(self._held)) is not None:
            head, rest = bytes(self._held[:end]), self._held[end:]
            if len(head) > LONGEST_HEAD:
                break
            if not _interim(head):
                return _normalised(head) + bytes(rest)
            self._interim += 1
            if self._interim > MOST_INTERIM:
                raise TransportError(f"sent more than {MOST_INTERIM} interim (1xx) responses")
            self._held = rest
        if len(self._held) > LONGEST_HEAD:
            raise TooLargeError(f"the head of the response is longer than {LONGEST_HEAD} bytes")
        return None


def _end(held: bytearray) -> int | None:
    ends = [at + len(blank) for blank in (b"\n\r\n", b"\n\n") if (at := held.find(blank)) >= 0]
    return min(ends, default=None)


def _interim(head: bytes) -> bool:
    return head.split(b" ", 2)[1:2] != [] and head.split(b" ", 2)[1][:1] == b"1"


def _normalised(head: bytes) -> bytes:
    status, _, fields = head.partition(b"\n")
    tokens = {
        token.strip().lower()
        for line in fields.splitlines()
        if line.partition(b":")[0].strip().lower() == b"connection"
        for token in line.partition(b":")[2].split(b",")
    }
    http_1_0 = not status.startswith(b"HTTP/1.1")
    closes = b"close" in tokens or (http_1_0 and b"keep-alive" not in tokens)
    return status + b"\n" + (b"Connection: close\r\n" if closes else b"") + fields
