"""Verification of a server's certificate: chain, name and validity dates."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable
from ipaddress import IPv4Address, IPv6Address, ip_address

from cryptography import x509
from OpenSSL import SSL, crypto
from service_identity.hazmat import DNS_ID, DNSPattern
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator
from twisted.protocols.tls import TLSMemoryBIOProtocol
from zope.interface import implementer

from cwmpagent.protocol.url_host import without_zone
from cwmpagent.transport.addresses import is_address
from cwmpagent.transport.tls.subject_names import subject_names

# X509_V_ERR_* of OpenSSL's x509_vfy.h; pyOpenSSL does not define them.
_NOT_YET_VALID = 9
_EXPIRED = 10
_ERRORS = {
    2: "its issuer is unknown",
    7: "its signature is invalid",
    _NOT_YET_VALID: "it is not valid yet",
    _EXPIRED: "it has expired",
    18: "it is self-signed and not trusted",
    19: "it is signed by an authority that is not trusted",
    20: "it is signed by an authority that is not trusted",
    21: "it is signed by an authority that is not trusted",
    24: "it is signed by a certificate that is not an authority",
    26: "it is not for a TLS server",
    66: "its key is too weak",
    67: "the key of its authority is too weak",
    68: "its signature algorithm is too weak",
}


@implementer(IOpenSSLClientConnectionCreator)
class CertificateCheck:
    """Creates one TLS connection and verifies its server certificate.

    ``host``: the name or IP address that the certificate must be for. ``name``: ``host:port`` in messages. While
    ``time_trusted`` returns False, validity dates are ignored, and ``on_untrusted_time`` is called with a sentence
    where one would have failed. ``connection``: the class of the connection. ``refusal``: the reason for which the
    certificate was refused, empty without one.
    """

    def __init__(
        self,
        context: SSL.Context,
        host: str,
        name: str,
        time_trusted: Callable[[], bool],
        on_untrusted_time: Callable[[str], object],
        connection: type[SSL.Connection] = SSL.Connection,
    ) -> None:
        self.refusal = ""
        self._connection = connection
        self._context = context
        self._host = host.rstrip(".")
        self._name = name
        self._time_trusted = time_trusted
        self._on_untrusted_time = on_untrusted_time
        self._reported = False

    def clientConnectionForTLS(self, tlsProtocol: TLSMemoryBIOProtocol) -> SSL.Connection:
        """Create the connection, with SNI and verification."""
        connection = self._connection(self._context, None)
        if not is_address(self._host):  # RFC 6066 section 3: names only
            connection.set_tlsext_host_name(self._host.encode("ascii"))
        connection.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, self._verify)
        return connection

    def _verify(self, connection: SSL.Connection, shown: crypto.X509, error: int, depth: int, good: int) -> bool:
        """Verify callback. OpenSSL calls it for each certificate, root first, and for each error."""
        try:
            refusal = self._fault(error, depth) if not good else ""
            if not refusal and depth == 0:
                refusal = _wrong_name(shown.to_cryptography(), self._host)
        except Exception as unreadable:  # from any malformed certificate; it must not reach OpenSSL
            refusal = f"its certificate cannot be read ({type(unreadable).__name__})"
        self.refusal = self.refusal or refusal
        return not refusal

    def _fault(self, error: int, depth: int) -> str:
        subject = "its certificate is refused" if depth == 0 else "the certificate of its authority is refused"
        problem = _ERRORS.get(error, f"OpenSSL rejects it (error {error})")
        if error in (_NOT_YET_VALID, _EXPIRED) and not self._time_trusted():
            if not self._reported:
                self._on_untrusted_time(
                    f"{self._name}: the validity dates of its certificate are not checked: the clock is not set"
                )
                self._reported = True
            return ""
        return f"{subject}: {problem}"


def _wrong_name(certificate: x509.Certificate, host: str) -> str:
    """Why the certificate is not for ``host``; empty if it is. One name that matches is enough (RFC 9525 section 6)."""
    names = subject_names(certificate.tbs_certificate_bytes)
    if names is None:
        return "its certificate is refused: it has no subjectAltName (its common name does not count, RFC 9525)"
    fits = _address_fits(host, names.addresses) if is_address(host) else _name_fits(host, names.dns)
    return "" if fits else f"its certificate is refused: it is not for {host}"


def _address_fits(host: str, addresses: Container[IPv4Address | IPv6Address]) -> bool:
    return ip_address(without_zone(host)) in addresses


def _name_fits(host: str, patterns: Iterable[DNSPattern]) -> bool:
    try:
        identity = DNS_ID(host)
    except ValueError:  # a host that cannot be a name in a certificate
        return False
    return any(identity.verify(pattern) for pattern in patterns)
