"""Normalization of strings for comparison in XMPP and SASL: profiles of stringprep (RFC 3454).

The tables are those of Unicode 3.2, as in XMPP servers. A string that is not allowed raises ValueError.
"""

from __future__ import annotations

import re
import stringprep
import unicodedata
from collections.abc import Callable
from encodings.idna import ToUnicode, nameprep
from ipaddress import ip_address

LONGEST = 1023
"""Maximum number of octets of one part of a Jabber ID (RFC 6122 section 2)."""
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
    """Normalize the local part of a Jabber ID (nodeprep, RFC 6122 appendix A); it is case-insensitive."""
    folded = "".join(map(stringprep.map_table_b2, _without_ignored(text)))
    result = _checked(_normalized(folded))
    if any(char == " " or char in _NODE_NEVER for char in result):
        raise ValueError("the local part of the Jabber ID has a character that is not allowed")
    return _sized(result)


def domain(text: str) -> str:
    """Normalize the domain part (nameprep, RFC 3491): lower case, Unicode, no final dot; or an IP literal."""
    if text.startswith("[") and text.endswith("]"):
        if "%" in text:
            raise ValueError("an IP address in a Jabber ID has no zone")
        ip_address(text[1:-1])
        return text.lower()
    plain = _DOTS.sub(".", text).removesuffix(".")
    labels = [_label(label) for label in plain.split(".")]
    if not all(labels) or any(char in "@/ " or not char.isprintable() for label in labels for char in label):
        raise ValueError("the domain part of the Jabber ID is not a valid domain")
    return _sized(".".join(labels))


def resource(text: str) -> str:
    """Normalize the resource part (resourceprep, RFC 6122 appendix B); it is case-sensitive."""
    return _sized(_checked(_normalized(_without_ignored(text))))


def sasl(text: str) -> str:
    """Normalize a user name or password (SASLprep, RFC 4013)."""
    spaced = "".join(" " if stringprep.in_table_c12(char) else char for char in _without_ignored(text))
    return _checked(_normalized(spaced))


def _label(text: str) -> str:
    label = nameprep(text)
    return ToUnicode(label) if label.startswith("xn--") else label


def _without_ignored(text: str) -> str:
    return "".join(char for char in text if not stringprep.in_table_b1(char))


def _normalized(text: str) -> str:
    return unicodedata.ucd_3_2_0.normalize("NFKC", text)


def _checked(text: str) -> str:
    """Return ``text`` if it has no prohibited characters and no mixed directions (RFC 3454 sections 5 and 6)."""
    if any(test(char) for char in text for test in _NEVER):
        raise ValueError("the text has a character that is not allowed")
    if any(map(stringprep.in_table_d1, text)):
        ends = stringprep.in_table_d1(text[0]) and stringprep.in_table_d1(text[-1])
        if not ends or any(map(stringprep.in_table_d2, text)):
            raise ValueError("the text mixes writing directions")
    return text


def _sized(text: str) -> str:
    if not 0 < len(text.encode()) <= LONGEST:
        raise ValueError("a part of a Jabber ID is empty or too long")
    return text
