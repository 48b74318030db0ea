"""One HTTP answer of the lab ACS as a frozen value: what it says, and how it is to be delivered.

The session makes it, misbehaviours alter it, :mod:`cwmpagent.lab.acs.http_delivery` writes it to a connection.
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
    """What goes back for one POST.

    ``body`` stands for the encoded ``envelope`` where it is given; with neither the answer is empty. ``challenge``
    adds the lab's ``WWW-Authenticate`` headers. ``delay`` is in seconds, before the first byte. ``lost``: no byte is
    sent, the connection is closed or reset instead. ``keep``: only so many bytes of the body, then the connection is
    closed (``honest``: the declared length is the cut one and the connection stays). ``padding``: so many spaces after
    the body. ``drip``: (bytes, seconds between them). ``violation`` is what the CPE did wrong, where that is the cause.
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
    """The ordinary answer that carries ``envelope`` (HTTP 200, for faults too: reference 1.5)."""
    return HttpAnswer(status=200, envelope=envelope)


def refusal(status: int, reason: str, violation: str = "") -> HttpAnswer:
    """An HTTP error with one line of plain text for the developer who reads it."""
    return HttpAnswer(status=status, body=f"{reason}\n".encode(), violation=violation)


def blocks(answer: HttpAnswer) -> Iterator[bytes]:
    """The body as it goes out, padded and compressed, in pieces: a huge one is never in memory as a whole."""
    if not answer.gzip:
        yield from _padded(answer)
        return
    deflate = zlib.compressobj(9, zlib.DEFLATED, 31)
    for piece in _padded(answer):
        if packed := deflate.compress(piece):
            yield packed
    yield deflate.flush()


def cut(answer: HttpAnswer) -> HttpAnswer:
    """``answer`` with an honest truncation carried out on its payload."""
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
