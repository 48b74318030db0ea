"""One HTTP answer of the lab's ACS as a frozen value: its content and its delivery.

The session creates it, misbehaviours alter it, :mod:`cwmpagent.lab.acs.http_delivery` writes it to a connection.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

from cwmpagent.protocol.soap import Envelope, encode

BLOCK = 65536
_HEADER_START = re.compile(rb"<([A-Za-z_][\w.-]*:)?Header(\s*/?)>")
_BODY_START = re.compile(rb"<([A-Za-z_][\w.-]*:)?Body[\s>]")


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpAnswer:
    """The answer to one POST.

    ``body`` replaces the encoded ``envelope``; with neither, the answer is empty. ``challenge``: adds the lab's
    ``WWW-Authenticate`` headers. ``delay``: seconds before the first byte. ``lost``: close or reset the connection and
    send nothing. ``keep``: send only this number of bytes of the body, then close the connection (``honest``: declare
    the shorter length and keep the connection). ``padding``: the number of spaces after the body. ``drip``: (bytes of a
    piece, seconds between pieces). ``violation``: the CPE's violation that caused the answer, if any.
    """

    status: int = 204
    envelope: Envelope | None = None
    body: bytes | None = None
    headers: tuple[tuple[str, str], ...] = ()
    challenge: Literal["", "fresh", "stale"] = ""
    foreign_header: str = ""
    delay: float = 0.0
    lost: Literal["", "close", "reset"] = ""
    keep: int | None = None
    honest: bool = False
    padding: int = 0
    gzip: bool = False
    chunked: bool = False
    connection: str = ""
    http10: bool = False
    drip: tuple[int, float] | None = None
    violation: str = ""

    def payload(self) -> bytes:
        """The body without padding and compression."""
        if self.body is not None:
            return self.body
        if self.envelope is None:
            return b""
        data = encode(self.envelope)
        return _with_header(data, self.foreign_header.encode()) if self.foreign_header else data


def with_envelope(envelope: Envelope) -> HttpAnswer:
    """The ordinary answer with ``envelope``: HTTP 200, also for a fault (TR-069 3.4.1)."""
    return HttpAnswer(status=200, envelope=envelope)


def refusal(status: int, reason: str, violation: str = "") -> HttpAnswer:
    """An HTTP error with ``reason`` as one line of plain text."""
    return HttpAnswer(status=status, body=f"{reason}\n".encode(), violation=violation)


def blocks(answer: HttpAnswer) -> Iterator[bytes]:
    """The body as sent, padded and compressed, in pieces; a huge body is never in memory as a whole."""
    if not answer.gzip:
        yield from _padded(answer)
        return
    deflate = zlib.compressobj(9, zlib.DEFLATED, 31)
    for piece in _padded(answer):
        if packed := deflate.compress(piece):
            yield packed
    yield deflate.flush()


def cut(answer: HttpAnswer) -> HttpAnswer:
    """``answer`` with an honest truncation applied to its payload."""
    if answer.keep is None or not answer.honest:
        return answer
    return replace(answer, body=answer.payload()[: answer.keep], keep=None)


def _padded(answer: HttpAnswer) -> Iterator[bytes]:
    yield answer.payload()
    left = answer.padding
    while left > 0:
        yield b" " * min(left, BLOCK)
        left -= BLOCK


def _with_header(data: bytes, header: bytes) -> bytes:
    if (start := _HEADER_START.search(data)) and b"/" not in start[2]:
        return data[: start.end()] + header + data[start.end() :]
    body = _BODY_START.search(data)
    if body is None:
        return data
    prefix = body[1] or b""
    wrapped = b"<" + prefix + b"Header>" + header + b"</" + prefix + b"Header>"
    return data[: body.start()] + wrapped + data[body.start() :]
