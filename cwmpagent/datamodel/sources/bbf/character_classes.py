"""Unicode categories and blocks as the content of a bracket expression of a Python regular expression."""

from __future__ import annotations

import sys
import unicodedata
from collections.abc import Mapping
from functools import cache
from types import MappingProxyType

_DETAILS: Mapping[str, str] = MappingProxyType(
    {"L": "ultmo", "M": "nce", "N": "dlo", "P": "cdseifo", "Z": "slp", "S": "mcko", "C": "cfon"}
)
_CATEGORIES = frozenset({kind + detail for kind, details in _DETAILS.items() for detail in ("", *details)})
_BLOCKS: Mapping[str, tuple[int, int]] = MappingProxyType(
    {
        "BasicLatin": (0x0000, 0x007F),
        "Latin-1Supplement": (0x0080, 0x00FF),
        "LatinExtended-A": (0x0100, 0x017F),
        "LatinExtended-B": (0x0180, 0x024F),
        "IPAExtensions": (0x0250, 0x02AF),
        "SpacingModifierLetters": (0x02B0, 0x02FF),
        "CombiningDiacriticalMarks": (0x0300, 0x036F),
        "Greek": (0x0370, 0x03FF),
        "Cyrillic": (0x0400, 0x04FF),
        "Armenian": (0x0530, 0x058F),
        "Hebrew": (0x0590, 0x05FF),
        "Arabic": (0x0600, 0x06FF),
        "Devanagari": (0x0900, 0x097F),
        "Thai": (0x0E00, 0x0E7F),
        "Georgian": (0x10A0, 0x10FF),
        "HangulJamo": (0x1100, 0x11FF),
        "LatinExtendedAdditional": (0x1E00, 0x1EFF),
        "GreekExtended": (0x1F00, 0x1FFF),
        "GeneralPunctuation": (0x2000, 0x206F),
        "CurrencySymbols": (0x20A0, 0x20CF),
        "Arrows": (0x2190, 0x21FF),
        "MathematicalOperators": (0x2200, 0x22FF),
        "BoxDrawing": (0x2500, 0x257F),
        "Hiragana": (0x3040, 0x309F),
        "Katakana": (0x30A0, 0x30FF),
        "CJKUnifiedIdeographs": (0x4E00, 0x9FFF),
        "HangulSyllables": (0xAC00, 0xD7A3),
        "PrivateUse": (0xE000, 0xF8FF),
    }
)


def named(name: str) -> str:
    """Characters of ``\\p{name}``, a category or ``Is`` and the name of a block; empty for an unknown name."""
    if name in _CATEGORIES:
        return category(name)
    if name.startswith("Is") and name[2:] in _BLOCKS:
        low, high = _BLOCKS[name[2:]]
        return f"{fragment(chr(low))}-{fragment(chr(high))}"
    return ""


def fragment(character: str) -> str:
    """``character`` as written in a bracket expression."""
    if character in "\\]^-[&~|" or not character.isprintable():
        return f"\\U{ord(character):08x}" if not character.isprintable() else "\\" + character
    return character


@cache
def category(prefix: str) -> str:
    """Characters whose general category begins with ``prefix``, in the Unicode version of this Python."""
    ranges: list[str] = []
    start = -1
    for code in range(sys.maxunicode + 2):
        inside = code <= sys.maxunicode and unicodedata.category(chr(code)).startswith(prefix)
        if inside and start < 0:
            start = code
        elif not inside and start >= 0:
            ranges.append(f"\\U{start:08x}-\\U{code - 1:08x}")
            start = -1
    return "".join(ranges)
