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

CWMP_NAMESPACE = re.compile(r"urn:dslforum-org:cwmp-1-[0-9]{1,2}")
"""The namespaces that are accepted as CWMP; some ACSs use cwmp-1-3 and cwmp-1-4, which do not exist."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """One SOAP envelope (TR-069 3.5).

    ``session_timeout``: seconds. ``not_understood``: names of unknown header elements with mustUnderstand; it is set by
    decoding and never sent.
    """

    body: Message | None
    id: str | None = None
    hold_requests: bool = False
    session_timeout: int | None = None
    supported_versions: tuple[str, ...] = ()
    use_version: str | None = None
    namespace: str = CWMP_1_2
    not_understood: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvelopeLimits:
    """Limits of decoding; an envelope beyond one of them is refused.

    ``size``: octets of the message. ``depth``: nested elements. ``tags``: start and end tags, counted as ``<``
    characters. ``names``: different element and attribute names. ``token``: octets of one tag or comment. ``text``:
    characters of one value. The last three are checked every 64 KiB.
    """

    size: int = 16 * 2**20
    depth: int = 32
    tags: int = 1_000_000
    names: int = 4096
    token: int = 2**18
    text: int = 4 * 2**20
