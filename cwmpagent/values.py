"""Typed values as text: lexical rules, ranges, lengths, enumerations, patterns and time (TR-106, XML Schema part 2).

A value is always represented as text plus its type. :func:`canonical` returns the canonical text: equal values have
equal canonical texts. No error text of this module contains the value, because it may be a password.
"""

from __future__ import annotations

import base64
import binascii
import calendar
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from enum import StrEnum
from types import MappingProxyType
from typing import Self

UNKNOWN_TIME = "0001-01-01T00:00:00Z"
"""dateTime of an unknown time (TR-106 Unknown Time)."""

Bounds = tuple[tuple[int | None, int | None], ...]
"""Alternative ranges, each a lowest and a highest number, both included; ``None`` leaves that end open."""

NOT_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""A character that XML 1.0 cannot carry (XML 1.0 section 2.2)."""
_WHITE_SPACE = " \t\r\n"


class ValueType(StrEnum):
    """Types of a parameter; ``xsd`` is the name of the type in XML Schema."""

    xsd: str

    def __new__(cls, value: str, xsd: str = "") -> Self:
        member = str.__new__(cls, value)
        member._value_ = value
        member.xsd = xsd or value
        return member

    STRING = "string"
    INT = "int"
    UNSIGNED_INT = "unsignedInt"
    LONG = "long"
    UNSIGNED_LONG = "unsignedLong"
    DECIMAL = "decimal"
    BOOLEAN = "boolean"
    DATE_TIME = "dateTime"
    BASE64 = "base64", "base64Binary"
    HEX_BINARY = "hexBinary"


def can_be_sent(text: str) -> bool:
    """Whether XML 1.0 can contain all characters of ``text``."""
    return NOT_IN_XML.search(text) is None


class LexicalError(ValueError):
    """A text is not a value of its type; ``str()`` is a sentence that states the permitted form."""


@dataclass(frozen=True, slots=True)
class Value:
    """Text with its type. A text from a peer is unchecked until :meth:`canonical` has been called."""

    kind: ValueType
    text: str

    def canonical(self) -> Value:
        """The same value with its canonical text.

        Raises:
            LexicalError: the text is not a value of this type.
        """
        return Value(self.kind, canonical(self.kind, self.text))


_INTEGERS = {
    ValueType.INT: (-(2**31), 2**31 - 1),
    ValueType.UNSIGNED_INT: (0, 2**32 - 1),
    ValueType.LONG: (-(2**63), 2**63 - 1),
    ValueType.UNSIGNED_LONG: (0, 2**64 - 1),
}
_NUMBERS = {*_INTEGERS, ValueType.DECIMAL}
_INTEGER = re.compile(r"([+-]?)0*([0-9]{1,20})")
_DECIMAL = re.compile(r"([+-]?)0*([0-9]{0,40})(?:\.([0-9]{0,40}))?")
_BOOLEANS = {"0": "false", "1": "true", "false": "false", "true": "true"}
_ITEM = re.compile(r"([ \t\r\n]*\[[^\[\]]*\][ \t\r\n]*|[^,]*),")
_HEX = re.compile(r"(?:[0-9A-Fa-f]{2})*")
_DATE_TIME = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2})(\.[0-9]{1,12})?(Z|[+-][0-9]{2}:[0-9]{2})?"
)


def canonical(kind: ValueType, text: str) -> str:
    """Canonical text of ``text`` as a value of ``kind``; surrounding white space is significant only in a string.

    Raises:
        LexicalError: ``text`` is not a value of ``kind``.
    """
    if kind is ValueType.STRING:
        return text
    text = text.strip(_WHITE_SPACE)
    if kind is ValueType.BOOLEAN:
        if text not in _BOOLEANS:
            raise LexicalError("a boolean is one of 0, 1, true, false")
        return _BOOLEANS[text]
    if kind is ValueType.DATE_TIME:
        return _canonical_time(text)
    if kind is ValueType.BASE64:
        return _canonical_base64(text)
    if kind is ValueType.DECIMAL:
        return _canonical_decimal(text)
    if kind is ValueType.HEX_BINARY:
        if not _HEX.fullmatch(text):
            raise LexicalError("hexBinary is an even number of hexadecimal digits")
        return text.upper()
    return _canonical_integer(kind, text)


def _canonical_integer(kind: ValueType, text: str) -> str:
    low, high = _INTEGERS[kind]
    match = _INTEGER.fullmatch(text)
    number = int(match[1] + match[2]) if match else None
    if number is None or not low <= number <= high:
        raise LexicalError(f"{_article(kind)} {kind.value} is a whole number from {low} to {high}")
    return str(number)


def _canonical_decimal(text: str) -> str:
    match = _DECIMAL.fullmatch(text)
    if match is None or not any(character.isdigit() for character in text):
        raise LexicalError(
            "a decimal is a number such as 12 or -0.5, with at most 40 digits on either side of the point"
        )
    sign, whole, fraction = match[1], match[2] or "0", (match[3] or "").rstrip("0")
    number = f"{whole}.{fraction}" if fraction else whole
    return f"-{number}" if sign == "-" and number != "0" else number


def _article(kind: ValueType) -> str:
    return "an" if kind.value[0] in "aeiou" else "a"


def _canonical_base64(text: str) -> str:
    try:
        return base64.b64encode(base64.b64decode("".join(text.split()), validate=True)).decode("ascii")
    except (binascii.Error, ValueError):
        raise LexicalError("base64 uses A-Z a-z 0-9 + / and is padded with = to a multiple of four") from None


NULL: Mapping[ValueType, str] = MappingProxyType(
    {kind: "0" if kind in _INTEGERS or kind is ValueType.DECIMAL else "" for kind in ValueType}
    | {ValueType.BOOLEAN: "false", ValueType.DATE_TIME: UNKNOWN_TIME}
)
"""Null value of each type; a hidden parameter reads as this value (TR-106)."""

LONGEST_PATTERNED = 2**16
"""Maximum length, in characters, of a text that is matched against a pattern; longer texts are refused."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Restriction:
    """Constraints of a parameter beyond its type; an empty field does not constrain.

    ``ranges``: ranges of a number; ``step``: the step from the lower end of a range. ``lengths``: number of characters
    of a string, or of octets of base64 and hexBinary. ``enumeration``: permitted values. ``patterns``: Python regular
    expressions, one of which must match the whole text. ``list_of``: the text is a list (:func:`list_items`), and the
    constraints apply to each item. ``item``: the type of the items if it is not the type of the parameter.
    ``list_lengths``: number of items. ``list_sizes``: number of characters of the whole list. ``unit``: the unit of a
    number, used in error texts.
    """

    ranges: Bounds = ()
    step: int = 1
    lengths: Bounds = ()
    enumeration: tuple[str, ...] = ()
    patterns: tuple[str, ...] = ()
    list_of: bool = False
    item: ValueType | None = None
    list_lengths: Bounds = ()
    list_sizes: Bounds = ()
    unit: str = ""

    def refusal(self, kind: ValueType, text: str) -> str | None:
        """Reason why ``text`` is not permitted, as a sentence that states what is; ``None`` if it is permitted."""
        if not self.list_of:
            return self._item_refusal(kind, text)
        items = list_items(text)
        if self.list_lengths and not _within(len(items), self.list_lengths):
            return f"the number of items must be {_bounds_text(self.list_lengths)}"
        if self.list_sizes and not _within(len(text), self.list_sizes):
            return f"the characters of the whole list must be {_bounds_text(self.list_sizes)}"
        for item in items:
            refusal = self._item_refusal(self.item or kind, item)
            if refusal is not None:
                return f"each item: {refusal}"
        return None

    def _item_refusal(self, kind: ValueType, text: str) -> str | None:
        try:
            text = canonical(kind, text)
        except LexicalError as error:
            return str(error)
        if self.ranges and kind in _NUMBERS and not _within(Decimal(text), self.ranges, self.step):
            steps = f" in steps of {self.step}" if self.step > 1 else ""
            unit = f" {self.unit}" if self.unit else ""
            return f"the number must be {_bounds_text(self.ranges)}{unit}{steps}"
        if self.lengths and not _within(_length(kind, text), self.lengths):
            unit = "octets" if kind in (ValueType.BASE64, ValueType.HEX_BINARY) else "characters"
            return f"the number of {unit} must be {_bounds_text(self.lengths)}"
        if self.enumeration and text not in self.enumeration:
            return f"the value must be one of {', '.join(self.enumeration)}"
        if self.patterns and len(text) > LONGEST_PATTERNED:
            return f"the number of characters must be at most {LONGEST_PATTERNED}"
        if self.patterns and not any(re.fullmatch(pattern, text) for pattern in self.patterns):
            shown = [pattern for pattern in self.patterns if pattern]
            return f"the value must match {' or '.join(shown)}{', or be empty' if '' in self.patterns else ''}"
        return None


def list_items(text: str) -> list[str]:
    """Items of a comma-separated list (TR-106 3.2.3); a comma inside square brackets does not separate items."""
    if not text.strip(_WHITE_SPACE):
        return []
    if "[" not in text:
        return [item.strip(_WHITE_SPACE) for item in text.split(",")]
    return [match[1].strip(_WHITE_SPACE).removeprefix("[").removesuffix("]") for match in _ITEM.finditer(text + ",")]


def _within(number: int | Decimal, bounds: Bounds, step: int = 1) -> bool:
    return any(
        (low is None or low <= number)
        and (high is None or number <= high)
        and (step == 1 or (number - (low or 0)) % step == 0)
        for low, high in bounds
    )


def _length(kind: ValueType, text: str) -> int:
    if kind is ValueType.HEX_BINARY:
        return len(text) // 2
    if kind is ValueType.BASE64:
        return len(text) // 4 * 3 - text.count("=")
    return len(text)


def _bounds_text(bounds: Bounds) -> str:
    return " or ".join(_range_text(low, high) for low, high in bounds)


def _range_text(low: int | None, high: int | None) -> str:
    if low is not None and low == high:
        return f"{low}"
    if low is not None and high is not None:
        return f"from {low} to {high}"
    if low is not None:
        return f"at least {low}"
    return f"at most {high}" if high is not None else "any"


@dataclass(frozen=True, slots=True)
class _Moment:
    """Parts of a dateTime; ``offset`` is in seconds east of UTC, ``None`` if the text has no zone."""

    date: tuple[int, int, int]
    clock: tuple[int, int, int]
    fraction: float
    offset: int | None


def _parse(text: str) -> _Moment:
    match = _DATE_TIME.fullmatch(text.strip(_WHITE_SPACE))
    if match is None:
        raise LexicalError("a dateTime is written like 2026-01-31T10:00:00Z or 2026-01-31T10:00:00+01:00")
    year, month, day, hour, minute, second = (int(part) for part in match.groups()[:6])
    fraction = float(match[7] or 0)
    if not (year >= 1 and 1 <= month <= 12 and 1 <= day <= calendar.monthrange(year, month)[1]):
        raise LexicalError("the date does not exist")
    midnight = (hour, minute, second, fraction) == (24, 0, 0, 0)
    if not (midnight or (hour < 24 and minute < 60 and second < 60)):
        raise LexicalError("the time of day does not exist")
    return _Moment((year, month, day), (hour, minute, second), fraction, _offset(match[8]))


def _offset(zone: str | None) -> int | None:
    if zone is None:
        return None
    if zone == "Z":
        return 0
    hours, minutes = int(zone[1:3]), int(zone[4:6])
    if minutes > 59 or hours * 60 + minutes > 14 * 60:
        raise LexicalError("the offset from UTC is at most 14:00")
    return (hours * 3600 + minutes * 60) * (-1 if zone[0] == "-" else 1)


def _canonical_time(text: str) -> str:
    return UNKNOWN_TIME if _is_unknown(_parse(text)) else text


def _is_unknown(moment: _Moment) -> bool:
    return moment.date == (1, 1, 1) and moment.clock == (0, 0, 0) and not moment.fraction and not moment.offset


def parse_time(text: str) -> float | None:
    """Seconds since 1970 (UTC) of a dateTime; a dateTime without a zone is read as UTC.

    ``None`` if it is not an absolute time: Unknown Time, a time relative to the boot (a year below 1000), or
    Infinite Time.

    Raises:
        LexicalError: ``text`` is not a dateTime.
    """
    moment = _parse(text)
    if moment.date[0] < 1000 or (moment.date == (9999, 12, 31) and moment.clock == (23, 59, 59)):
        return None
    return calendar.timegm((*moment.date, *moment.clock)) + moment.fraction - (moment.offset or 0)


def format_time(epoch: float, utc_offset_seconds: int = 0) -> str:
    """``epoch`` (seconds since 1970) as a dateTime in whole seconds, with ``Z`` if the offset is 0.

    Raises:
        ValueError: the time is outside the years 1 to 9999, or the offset is beyond 14 hours.
    """
    if abs(utc_offset_seconds) > 14 * 3600:
        raise ValueError("the offset from UTC is at most 14 hours")
    zone = timezone(timedelta(minutes=round(utc_offset_seconds / 60)))
    try:
        moment = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=math.floor(epoch))).astimezone(zone)
    except OverflowError:
        raise ValueError("the time is outside the years 1 to 9999") from None
    text = moment.isoformat(timespec="seconds")
    return text.removesuffix("+00:00") + "Z" if text.endswith("+00:00") else text
