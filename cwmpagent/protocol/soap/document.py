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
_BLANK = b" \t\r\n"
_MARK_UTF_8 = b"\xef\xbb\xbf"
_MARK_LITTLE = b"\xff\xfe"
_MARK_BIG = b"\xfe\xff"
_BEFORE = _BLANK + b"\0" + _MARK_UTF_8 + _MARK_LITTLE


def trimmed(data: bytes) -> bytes:
    """The document in ``data``, in UTF-8 or UTF-16: with at most one byte order mark, and nothing around it.

    Some servers write white space and further marks before it, white space and NULs after it.
    """
    if data[:1] == b"<" and data[-1:] == b">":
        return data
    start = len(data) - len(data.lstrip(_BEFORE))
    if start % 2 == 0 and data[start : start + 2] == b"<\0":
        width, mark = 2, _MARK_LITTLE
    elif start % 2 == 1 and data[start - 1 : start + 1] == b"\0<":
        width, mark, start = 2, _MARK_BIG, start - 1
    else:
        width, mark = 1, _MARK_UTF_8
    before = data[:start]
    if not _is_blank(before.replace(mark, b""), mark):
        return data  # the parser refuses it
    end = len(data.rstrip(_BLANK + b"\0"))
    end += (end - start) % width
    return (mark if mark in before else b"") + data[start:end]


def _is_blank(text: bytes, mark: bytes) -> bool:
    """Whether ``text`` in the encoding of ``mark`` is nothing but white space."""
    if mark == _MARK_UTF_8:
        return not text.strip(_BLANK)
    low = 0 if mark == _MARK_LITTLE else 1
    return len(text) % 2 == 0 and not text[low::2].strip(_BLANK) and not text[1 - low :: 2].strip(b"\0")


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
