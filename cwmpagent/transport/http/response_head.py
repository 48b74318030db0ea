"""Head of an HTTP response, checked and normalised before Twisted's parser reads it.

That parser recognises ``Connection: close`` only in lower case, treats an HTTP/1.0 connection as persistent, accepts
heads of any size, and closes the connection without an error where a line is longer than 16 KB. Here each head is
buffered until it is complete, at most ``LONGEST_HEAD`` bytes. Where the connection ends after the response,
``Connection: close`` is added in the form that the parser recognises. What RFC 2616 allowed and the parser does not
know is removed: blanks before the colon of a field, and ``Transfer-Encoding: identity``.
"""

from __future__ import annotations

from cwmpagent.errors import TooLargeError, TransportError

LONGEST_HEAD = 64 * 1024
"""Maximum size of status line and header fields, in bytes."""
LONGEST_LINE = 16 * 1024
"""Maximum length of the status line and of a header field, in bytes."""
MOST_INTERIM = 10
"""Maximum number of interim (1xx) responses before the final one."""


class ResponseHead:
    """Buffers the head of one response."""

    def __init__(self) -> None:
        self._held = bytearray()
        self._searched = 0  # bytes in which the end of the head is not
        self._interim = 0

    def feed(self, data: bytes) -> bytes | None:
        """Add received bytes. Returns the head and the bytes after it, or None while the head is incomplete.

        Raises TransportError for anything that is not an HTTP head.
        """
        self._held += data
        start = bytes(self._held[:5])
        if not b"HTTP/".startswith(start):
            raise TransportError("sent a response that is not HTTP")
        while (end := _end(self._held, self._searched)) is not None:
            head, rest = bytes(self._held[:end]), self._held[end:]
            if len(head) > LONGEST_HEAD:
                break
            if not _interim(head):
                return _normalised(head) + bytes(rest)
            self._interim += 1
            if self._interim > MOST_INTERIM:
                raise TransportError(f"sent more than {MOST_INTERIM} interim (1xx) responses")
            self._held, self._searched = rest, 0
        self._searched = max(0, len(self._held) - 2)
        if len(self._held) > LONGEST_HEAD:
            raise TooLargeError(f"the head of the response is longer than {LONGEST_HEAD} bytes")
        return None


def _end(held: bytearray, start: int) -> int | None:
    ends = [at + len(blank) for blank in (b"\n\r\n", b"\n\n") if (at := held.find(blank, start)) >= 0]
    return min(ends, default=None)


def _interim(head: bytes) -> bool:
    return head.split(b" ", 2)[1:2] != [] and head.split(b" ", 2)[1][:1] == b"1"


def _normalised(head: bytes) -> bytes:
    status, _, rest = head.partition(b"\n")
    if len(status) > LONGEST_LINE:
        raise TooLargeError(f"the status line of the response is longer than {LONGEST_LINE} bytes")
    fields = _fields(rest)
    tokens = _tokens(fields, b"connection")
    http_1_0 = not status.startswith(b"HTTP/1.1")
    closes = b"close" in tokens or (http_1_0 and b"keep-alive" not in tokens)
    codings = [coding for coding in _tokens(fields, b"transfer-encoding") if coding != b"identity"]
    if codings not in ([], [b"chunked"]):
        raise TransportError("the response has a Transfer-Encoding other than chunked, which was not offered")
    kept = [name + b": " + value for name, value in fields if name.lower() != b"transfer-encoding"]
    added = [b"Connection: close"] * closes + [b"Transfer-Encoding: chunked"] * len(codings)
    return b"\r\n".join([status.rstrip(b"\r"), *added, *kept, b"", b""])


def _fields(text: bytes) -> list[tuple[bytes, bytes]]:
    """Names and values of the header fields, unfolded (RFC 9112 section 5.2), without blanks around them."""
    lines: list[bytes] = []
    for line in text.split(b"\n"):
        if line[:1] in (b" ", b"\t") and lines and line.strip():
            lines[-1] = lines[-1].rstrip() + b" " + line.strip()
        elif line.strip():
            lines.append(line)
    fields = []
    for line in lines:
        if len(line) > LONGEST_LINE:
            raise TooLargeError(f"a header line of the response is longer than {LONGEST_LINE} bytes")
        name, colon, value = line.partition(b":")
        if not colon:
            raise TransportError("a header line of the response has no colon")
        fields.append((name.strip(), value.strip()))
    return fields


def _tokens(fields: list[tuple[bytes, bytes]], wanted: bytes) -> list[bytes]:
    """The elements of the comma-separated values of the field ``wanted``, in lower case."""
    values = [value for name, value in fields if name.lower() == wanted]
    return [token.strip().lower() for value in values for token in value.split(b",") if token.strip()]
