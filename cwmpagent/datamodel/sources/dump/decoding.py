"""Decoding of the text of a dump: the encodings that ACSs, spreadsheets and editors write."""

from __future__ import annotations

import codecs

from cwmpagent.datamodel.builder import ModelBuilder
from cwmpagent.datamodel.deviations import NOT_UTF_8
from cwmpagent.errors import ModelError

LARGEST = 16 * 2**20
"""Maximum size of a dump in octets; a device with 5,000 parameters needs less than one million."""

_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
"""Byte order marks; that of UTF-32 precedes that of UTF-16, with which it begins."""
_ARCHIVES = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0", b"\x1f\x8b")
"""First octets of spreadsheets (XLSX, ODS, XLS) and compressed files."""


def text_of(data: bytes, name: str, builder: ModelBuilder) -> str:
    """Text of the dump ``name``: UTF-8, UTF-16 or UTF-32, with or without a byte order mark.

    A line that is not UTF-8 is read as Windows-1252, of which Latin-1 is a part, and reported. Raises ``ModelError``
    for a file that is too large, empty or no text.
    """
    if len(data) > LARGEST:
        raise ModelError(name, f"has {len(data)} octets; a dump may have at most {LARGEST}")
    if data.startswith(_ARCHIVES):
        raise ModelError(name, "is a spreadsheet or an archive, not text: save it as CSV")
    encoding = _unicode_encoding(data)
    if encoding is not None:
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            raise ModelError(name, f"is not {encoding.upper()} text, although it begins like it") from None
    else:
        text = _eight_bit_text(data, name, builder)
    text = text.removeprefix("\ufeff")
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise ModelError(f"{name}: line {line}", "is not text: it contains a NUL")
    if not text.strip():
        raise ModelError(name, "is empty")
    return text


def _unicode_encoding(data: bytes) -> str | None:
    """Encoding with several octets for each character, from the mark or from the first two characters."""
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return encoding
    zeros = [octet == 0 for octet in data[:4]]
    if zeros == [False, True, False, True]:
        return "utf-16-le"
    return "utf-16-be" if zeros == [True, False, True, False] else None


def _eight_bit_text(data: bytes, name: str, builder: ModelBuilder) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        first = data.count(b"\n", 0, error.start) + 1
    # Line by line: one value with the letters of another system does not spoil the rest of the file.
    lines = [_line(line) for line in data.split(b"\n")]
    count = sum(foreign for _, foreign in lines)
    builder.report(
        f"{name}: line {first}",
        f"is not UTF-8{f', nor are {count - 1} further lines' if count > 1 else ''}: read as Windows-1252",
        NOT_UTF_8,
    )
    return "\n".join(text for text, _ in lines)


def _line(line: bytes) -> tuple[str, bool]:
    try:
        return line.decode("utf-8"), False
    except UnicodeDecodeError:
        # Five octets are no characters of Windows-1252.
        return line.decode("cp1252", "replace").replace("\ufffd", "?"), True
