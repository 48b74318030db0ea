"""The XML document in the bytes of an HTTP body: the bytes around it, and the encodings that it may have."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType

_ENCODINGS: Mapping[str, str] = MappingProxyType(
    {
        "utf-8": "UTF-8",
        "utf8": "UTF-8",
        "us-ascii": "US-ASCII",
        "ascii": "US-ASCII",
        "iso-8859-1": "ISO-8859-1",
        "iso8859-1": "ISO-8859-1",
        "latin1": "ISO-8859-1",
        "utf-16": "UTF-16",
        "utf-16le": "UTF-16LE",
        "utf-16be": "UTF-16BE",
    }
)
_DECLARED = re.compile(
    rb"""(?:\xef\xbb\xbf)?<\?xml[^>]{0,80}?\sencoding\s{0,9}=\s{0,9}["']([A-Za-z0-9._-]{1,40})["']"""
)
_WIDE_START = re.compile(rb"(?:\xff\xfe|[ \t\r\n]\0)*(?=<\0)|(?:\xfe\xff|\0[ \t\r\n])*(?=\0<)")
_NARROW_START = re.compile(rb"(?:\xef\xbb\xbf|[ \t\r\n])*")
_MARK = re.compile(rb"\xff\xfe|\xfe\xff|\xef\xbb\xbf")


def trimmed(data: bytes) -> bytes:
    """The document in ``data``, in UTF-8 or UTF-16: with at most one byte order mark, and nothing around it.

    Some servers write white space and further marks before it, white space and NULs after it.
    """
    if data[:1] == b"<" and data[-1:] == b">":
        return data
    wide = _WIDE_START.match(data)
    start = wide or _NARROW_START.match(data)
    assert start is not None
    end = len(data.rstrip(b" \t\r\n\0"))
    if wide is not None:
        end += (end - start.end()) % 2
    mark = _MARK.search(start[0])
    return (mark[0] if mark else b"") + data[start.end() : end]


def encodings(data: bytes, charset: str | None) -> Iterator[str | None]:
    """The encodings to try, with the names of expat; None lets expat detect it."""
    http_encoding = _ENCODINGS.get((charset or "").strip(" \"'").lower())
    if http_encoding is not None:
        yield http_encoding
    declared = _DECLARED.match(data)
    if declared is None:
        yield None
        return
    declared_encoding = _ENCODINGS.get(declared[1].decode("ascii").lower())
    if declared_encoding is not None and declared_encoding.startswith("UTF-16"):
        declared_encoding = "UTF-8"  # a declaration that is readable as ASCII cannot be in UTF-16
    if declared_encoding is not None and declared_encoding != http_encoding:
        yield declared_encoding
