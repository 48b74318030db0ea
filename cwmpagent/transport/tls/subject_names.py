"""Names in the subjectAltName extension of a certificate, read one by one.

Libraries read the extension as a whole, so that one name of a wrong form makes all of them unreadable. RFC 9525 section
6 compares each name by itself, and a name of another form or type never matches.
"""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import NamedTuple

from service_identity import CertificateError
from service_identity.hazmat import DNSPattern

_SEQUENCE = 0x30
_OID = 0x06
_OCTETS = 0x04
_EXTENSIONS = 0xA3  # [3] of TBSCertificate (RFC 5280 section 4.1)
_SUBJECT_ALT_NAME = bytes.fromhex("551d11")  # 2.5.29.17
_DNS_NAME = 0x82  # [2] and [7] of GeneralName (RFC 5280 section 4.2.1.6)
_IP_ADDRESS = 0x87


class SubjectNames(NamedTuple):
    """The DNS names and IP addresses of a certificate that can match something. Others are left out."""

    dns: tuple[DNSPattern, ...]
    addresses: tuple[IPv4Address | IPv6Address, ...]


def subject_names(tbs_certificate: bytes) -> SubjectNames | None:
    """The names in a TBSCertificate (DER); None without the extension. Raises ValueError when it is not DER."""
    extension = _subject_alt_name(tbs_certificate)
    if extension is None:
        return None
    dns: list[DNSPattern] = []
    addresses: list[IPv4Address | IPv6Address] = []
    for tag, value in _readable(extension):
        try:
            if tag == _DNS_NAME:
                dns.append(DNSPattern.from_bytes(value))
            elif tag == _IP_ADDRESS:
                addresses.append(ip_address(value))
        except (CertificateError, ValueError):
            continue
    return SubjectNames(tuple(dns), tuple(addresses))


def _subject_alt_name(tbs_certificate: bytes) -> bytes | None:
    [(_, certificate)] = _elements(tbs_certificate)
    for tag, value in _elements(certificate):
        if tag != _EXTENSIONS:
            continue
        [(_, extensions)] = _elements(value)
        for _, extension in _elements(extensions):
            parts = list(_elements(extension))
            if parts[:1] == [(_OID, _SUBJECT_ALT_NAME)] and parts[-1][0] == _OCTETS:
                return parts[-1][1]
    return None


def _readable(extension: bytes) -> Iterator[tuple[int, bytes]]:
    """The names in the value of the extension, up to the first one whose length is wrong."""
    try:
        for tag, names in _elements(extension):
            if tag == _SEQUENCE:
                yield from _elements(names)
    except ValueError:
        return


def _elements(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Tag and content of each element in ``data`` (X.690 section 8.1). Raises ValueError when it is not DER."""
    at = 0
    while at < len(data):
        if data[at] & 0x1F == 0x1F or at + 1 >= len(data):
            raise ValueError("a tag of many bytes, or no length")
        tag, size, at = data[at], data[at + 1], at + 2
        if size & 0x80:
            digits = size & 0x7F
            if not 1 <= digits <= 4:
                raise ValueError("a length that DER does not have")
            size, at = int.from_bytes(data[at : at + digits]), at + digits
        if at + size > len(data):
            raise ValueError("an element is longer than its surroundings")
        yield tag, data[at : at + size]
        at += size
