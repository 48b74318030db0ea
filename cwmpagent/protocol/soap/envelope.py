"""Envelopes as values, their namespaces, and the limits of decoding."""

from __future__ import annotations

import re
from dataclasses import dataclass

from cwmpagent.protocol.rpc import Message

SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
SOAP_ENCODING = "http://schemas.xmlsoap.org/soap/encoding/"
XSD = "http://www.w3.org/2001/XMLSchema"
XSI = "http://www.w3.org/2001/XMLSchema-instance"
CWMP_1_0 = "urn:dslforum-org:cwmp-1-0"
CWMP_1_1 = "urn:dslforum-org:cwmp-1-1"
CWMP_1_2 = "urn:dslforum-org:cwmp-1-2"
"""Also the namespace of CWMP 1.3 and 1.4, for which the standard defines no other."""

SEPARATOR = "\x01"
"""Separates namespace and local name in the names that the parser reports; no XML document can contain it."""

CWMP_NAMESPACE = re.compile(r"urn:dslforum-org:cwmp-1-[0-9]{1,2}")
"""The namespaces that are accepted as CWMP; some ACSs use cwmp-1-3 and cwmp-1-4, which do not exist."""


def qualified(uri: str, local: str) -> str:
    """The full name of an element or attribute, as the parser reports it."""
    return f"{uri}{SEPARATOR}{local}"


def local_name(name: str) -> str:
    """The local part of a full name."""
    return name.rpartition(SEPARATOR)[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """One SOAP envelope (TR-069 3.5).

    ``session_timeout``: seconds. ``not_understood``: names of unknown header elements with mustUnderstand. ``absent``:
    names of mandatory keys that are not there and were read as empty. Decoding sets these two; they are never sent.
    """

    body: Message | None
    id: str | None = None
    hold_requests: bool = False
    session_timeout: int | None = None
    supported_versions: tuple[str, ...] = ()
    use_version: str | None = None
    namespace: str = CWMP_1_2
    not_understood: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvelopeLimits:
    """Limits of decoding; an envelope beyond one of them is refused.

    ``size``: octets of the message. ``depth``: nested elements. ``tags``: start and end tags, counted as ``<``
    characters. ``names``: different element and attribute names. ``tag``: octets of one tag. ``token``: octets of one
    comment. ``text``: characters of one value. These four are checked every 8 KiB. ``uri``: characters of the URI of a
    namespace. ``expanded``: characters of the names with their namespaces, because the parser writes the URI out at
    each use of its prefix: the longest URI times the number of ``<`` and ``=`` characters.
    """

    size: int = 16 * 2**20
    depth: int = 32
    tags: int = 1_000_000
    names: int = 4096
    tag: int = 2**13
    token: int = 2**18
    text: int = 4 * 2**20
    uri: int = 512
    expanded: int = 2**27
