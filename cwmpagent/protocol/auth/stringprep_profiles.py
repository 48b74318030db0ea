"""Strings brought into the form in which XMPP and SASL compare them: profiles of stringprep (RFC 3454).

The tables are those of Unicode 3.2, as XMPP servers use them. ValueError where a string cannot stand in its place.
"""

from __future__ import annotations

import re
import stringprep
import unicodedata
from collections.abc import Callable
from encodings.idna import ToUnicode, nameprep

LONGEST = 1023
"""Octets of one part of a Jabber ID (RFC 6122 section 2)."""
_DOTS = re.compile("[\u3002\uff0e\uff61]")
_NODE_NEVER = frozenset("\"&'/:<>@")
_NEVER: tuple[Callable[[str], bool], ...] = (
    stringprep.in_table_c12,
    stringprep.in_table_c21_c22,
    stringprep.in_table_c3,
    stringprep.in_table_c4,
    stringprep.in_table_c5,
    stringprep.in_table_c6,
    stringprep.in_table_c7,
    stringprep.in_table_c8,
    stringprep.in_table_c9,
)


def node(text: str) -> str:
    """The local part of a Jabber ID (nodeprep, RFC 6122 appendix A): without case."""
    folded = "".join(map(stringprep.map_table_b2, _without_nothing(text)))
    result = _checked(_normal(folded))
    if any(char == " " or char in _NODE_NEVER for char in result):
        raise ValueError("the local part of a Jabber ID has a character that it must not have")
    return _sized(result)


def domain(text: str) -> str:
    """The domain part (nameprep, RFC 3491): without case, in Unicode and without a dot at its end; or an address."""
    if text.startswith("[") and text.endswith("]"):
        return _sized(text.lower())
    plain = _DOTS.sub(".", text).removesuffix(".")
    labels = [_label(label) for label in plain.split(".")]
    if not all(labels) or any(char in "@/ " or not char.isprintable() for label in labels for char in label):
        raise ValueError("the domain part of a Jabber ID is none")
    return _sized(".".join(labels))


def resource(text: str) -> str:
    """The resource part (resourceprep, RFC 6122 appendix B): case counts."""
    return _sized(_checked(_normal(_without_nothing(text))))


def sasl(text: str) -> str:
    """A user name or password (SASLprep, RFC 4013)."""
    spaced = "".join(" " if stringprep.in_table_c12(char) else char for char in _without_nothing(text))
    return _checked(_normal(spaced))


def _label(text: str) -> str:
    label = nameprep(text)
    return ToUnicode(label) if label.startswith("xn--") else label


def _without_nothing(text: str) -> str:
    return "".join(char for char in text if not stringprep.in_table_b1(char))


def _normal(text: str) -> str:
    return unicodedata.ucd_3_2_0.normalize("NFKC", text)


def _checked(text: str) -> str:
    """``text``, if nothing in it is prohibited and its directions do not mix (RFC 3454 section 6)."""
    if any(test(char) for char in text for test in _NEVER):
        raise ValueError("has a character that must not stand there")
    if any(map(stringprep.in_table_d1, text)):
        ends = stringprep.in_table_d1(text[0]) and stringprep.in_table_d1(text[-1])
        if not ends or any(map(stringprep.in_table_d2, text)):
            raise ValueError("mixes writing directions")
    return text


def _sized(text: str) -> str:
    if not 0 < len(text.encode()) <= LONGEST:
        raise ValueError("a part of a Jabber ID is empty or too long")
    return text
