"""Test certificates: a private authority and the certificates that it signs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

DAY = timedelta(days=1)


class Signed:
    """A certificate and its key, both as PEM."""

    def __init__(self, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> None:
        self.certificate = certificate
        self.private = key
        self.pem = certificate.public_bytes(serialization.Encoding.PEM)
        self.key = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )


class Authority:
    """An authority that signs certificates; ``own``: its root certificate."""

    def __init__(self, name: str = "Lab CA", expires: timedelta = 30 * DAY) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        self._name = _named(name)
        certificate = (
            _builder(self._name, self._name, key, -DAY, expires)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(key, hashes.SHA256())
        )
        self.own = Signed(certificate, key)

    def sign(self, *names: str, begins: timedelta = -DAY, expires: timedelta = 10 * DAY) -> Signed:
        """Create a certificate for these DNS names and addresses."""
        alternatives: list[x509.GeneralName] = []
        for name in names:
            try:
                alternatives.append(x509.IPAddress(ip_address(name)))
            except ValueError:
                alternatives.append(x509.DNSName(name))
        return self._signed("leaf", x509.SubjectAlternativeName(alternatives), begins, expires)

    def sign_raw(self, *names: tuple[int, bytes], common_name: str = "leaf") -> Signed:
        """Create a certificate whose subjectAltName has these tags and values (DER), right or wrong."""
        content = b"".join(element(tag, value) for tag, value in names)
        oid = x509.SubjectAlternativeName.oid
        return self._signed(common_name, x509.UnrecognizedExtension(oid, element(0x30, content)))

    def sign_without_names(self, common_name: str) -> Signed:
        """Create a certificate that has a common name and no subjectAltName."""
        return self._signed(common_name, None)

    def _signed(
        self,
        common_name: str,
        names: x509.ExtensionType | None,
        begins: timedelta = -DAY,
        expires: timedelta = 10 * DAY,
    ) -> Signed:
        key = ec.generate_private_key(ec.SECP256R1())
        usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH])
        builder = _builder(_named(common_name), self._name, key, begins, expires)
        if names is not None:
            builder = builder.add_extension(names, critical=False)
        certificate = builder.add_extension(usage, critical=False).sign(self.own.private, hashes.SHA256())
        return Signed(certificate, key)


def element(tag: int, content: bytes) -> bytes:
    """One element of DER."""
    length = len(content)
    size = bytes([length]) if length < 0x80 else b"\x82" + length.to_bytes(2)
    return bytes([tag]) + size + content


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, begins: timedelta, expires: timedelta
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + begins)
        .not_valid_after(now + expires)
    )
