"""One answer of the file server as a frozen value: its content, and the defects of its delivery."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field

from cwmpagent.lab.files.folder import ServedFile

Headers = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FileAnswer:
    """The answer to one request: ``length`` octets of ``file`` from ``first`` on, or the text ``body``.

    ``declared``: added to the length in Content-Length; the connection closes after the answer if it is not 0.
    ``keep``: close (``reset``: reset) the connection after this number of octets of the body. ``rate``: octets a
    second. ``gzip``: compress the body and say so. ``challenge``: add the server's WWW-Authenticate headers.
    ``silent``: close the connection without an answer.
    """

    status: int = 200
    headers: Headers = ()
    body: bytes = b""
    file: ServedFile | None = field(default=None, repr=False)
    first: int = 0
    length: int = 0
    declared: int = 0
    keep: int | None = None
    reset: bool = False
    rate: int = 0
    gzip: bool = False
    challenge: bool = False
    silent: bool = False

    @property
    def plain_length(self) -> int:
        """Octets of the body before compression."""
        return self.length if self.file is not None else len(self.body)

    def pieces(self) -> Iterator[bytes]:
        """The body as it is sent, a piece at a time."""
        plain = self.file.pieces(self.first, self.length) if self.file is not None else iter((self.body,))
        return _compressed(plain) if self.gzip else plain


def sentence(status: int, text: str, headers: Headers = ()) -> FileAnswer:
    """An answer with one line of plain text."""
    return FileAnswer(
        status=status, body=f"{text}\n".encode(), headers=(("Content-Type", "text/plain; charset=utf-8"), *headers)
    )


def _compressed(pieces: Iterator[bytes]) -> Iterator[bytes]:
    deflate = zlib.compressobj(1, zlib.DEFLATED, 31)
    for piece in pieces:
        if packed := deflate.compress(piece):
            yield packed
    yield deflate.flush()
