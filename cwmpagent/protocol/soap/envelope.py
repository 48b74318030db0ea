"""An envelope as a value, the namespaces it lives in, and the limits on one that is read."""

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
"""Also the namespace of CWMP 1.3 and 1.4: the standard has no other for them."""

CWMP_NAMESPACE = re.compile(r"urn:dslforum-org:cwmp-1-[0-9]{1,2}")
"""Every namespace that is read as CWMP; some ACSs use cwmp-1-3 and cwmp-1-4, which do not exist."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """One SOAP envelope (TR-069 3.5).

    ``session_timeout`` is in seconds. ``not_understood`` names the header elements that were marked mandatory and are
    not known here; it is only read, never sent.
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
    """How much of a peer's envelope is read before it is refused.

    ``size``: octets of the whole. ``depth``: elements inside each other. ``tags``: start and end tags, counted as
    ``<`` signs. ``names``: different element and attribute names. ``token``: octets of one tag or comment. ``text``:
    characters of one value. The last three are looked at every 64 KiB.
    """

    size: int = 16 * 2**20
    depth: int = 32
    tags: int = 1_000_000
    names: int = 4096
    token: int = 2**18
    text: int = 4 * 2**20
