"""Hosts of http and https URLs: the zone of a link-local IPv6 address (RFC 4007 section 11, RFC 6874)."""

from __future__ import annotations

import re
from ipaddress import IPv6Address

_ZONE = re.compile(r"[A-Za-z0-9._~@:-]{1,64}")
_EXAMPLE = "http://[fe80::1%25eth0]:7547/"


def url_host(hostname: str) -> str:
    """The host in a URL as an address of a socket: ``fe80::1%25eth0`` is ``fe80::1%eth0``; others are unchanged.

    ``hostname``: as ``urllib.parse`` finds it, without brackets. Raises ValueError with a sentence without subject
    where the zone is missing, superfluous or invalid.
    """
    address, percent, zone = hostname.partition("%")
    if ":" not in address:
        return hostname
    zone = zone.removeprefix("25")  # the percent sign of a URL; one by hand may lack it
    if percent and not _ZONE.fullmatch(zone):
        raise ValueError(f"has an IPv6 zone that is no name of an interface; write it as in {_EXAMPLE}")
    try:
        link_local = IPv6Address(address).is_link_local
    except ValueError:
        return hostname
    if percent and not link_local:
        raise ValueError(
            f"has an IPv6 zone, which only a link-local address (fe80::/10) can have: remove %25{zone} from it"
        )
    if link_local and not percent:
        raise ValueError(f"has a link-local IPv6 address without its zone: add the interface, as in {_EXAMPLE}")
    return f"{address}%{zone}" if percent else hostname


def encoded_host(host: str) -> str:
    """``host`` as it stands in a URL: the reverse of :func:`url_host`."""
    return host.replace("%", "%25", 1) if ":" in host else host


def without_zone(host: str) -> str:
    """``host`` as another machine knows it. A zone has a meaning on this machine only (RFC 6874 section 4)."""
    return host.partition("%")[0] if ":" in host else host
