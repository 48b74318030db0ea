"""The head of an HTTP answer, looked at before Twisted's parser sees it.

That parser knows ``Connection: close`` only in lower case, takes an HTTP/1.0 connection for one that persists and reads
heads of any size. Here each head is held until it is whole, at most ``LONGEST_HEAD`` bytes of it, and says ``close`` in
the words the parser knows where it means it.
"""

from __future__ import annotations

from cwmpagent.errors import TooLargeError, TransportError

LONGEST_HEAD = 64 * 1024
"""Bytes of status line and header fields."""
MOST_INTERIM = 10
"""So many 1xx answers may come before the real one."""


class ResponseHead:
    """Collects the head of one answer."""

    def __init__(self) -> None:
        self._held = bytearray()
        self._interim = 0

    def feed(self, data: bytes) -> bytes | None:
        """The head and what followed it, once it is whole; None before. TransportError when it will never be one."""
        self._held += data
        start = bytes(self._held[:5])
        if not b"HTTP/".startswith(start):
            raise TransportError("answered with something that is not HTTP")
        while (end := _end(self._held)) is not None:
            head, rest = bytes(self._held[:end]), self._held[end:]
            if len(head) > LONGEST_HEAD:
                break
            if not _interim(head):
                return _in_plain_words(head) + bytes(rest)
            self._interim += 1
            if self._interim > MOST_INTERIM:
                raise TransportError("sends interim answers (1xx) without end")
            self._held = rest
        if len(self._held) > LONGEST_HEAD:
            raise TooLargeError(f"the head of the answer is longer than {LONGEST_HEAD} bytes")
        return None


def _end(held: bytearray) -> int | None:
    ends = [at + len(blank) for blank in (b"\n\r\n", b"\n\n") if (at := held.find(blank)) >= 0]
    return min(ends, default=None)


def _interim(head: bytes) -> bool:
    return head.split(b" ", 2)[1:2] != [] and head.split(b" ", 2)[1][:1] == b"1"


def _in_plain_words(head: bytes) -> bytes:
    status, _, fields = head.partition(b"\n")
    tokens = {
        token.strip().lower()
        for line in fields.splitlines()
        if line.partition(b":")[0].strip().lower() == b"connection"
        for token in line.partition(b":")[2].split(b",")
    }
    old = not status.startswith(b"HTTP/1.1")
    closes = b"close" in tokens or (old and b"keep-alive" not in tokens)
    return status + b"\n" + (b"Connection: close\r\n" if closes else b"") + fields
