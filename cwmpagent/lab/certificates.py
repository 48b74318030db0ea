"""A private CA with a server and a client certificate, kept as PEM files with mode 0600."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from twisted.internet.ssl import Certificate, CertificateOptions, PrivateCertificate, TLSVersion

from cwmpagent.errors import ConfigError

YEARS = timedelta(days=365 * 10)
LOOPBACK_NAMES = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, slots=True)
class Certificates:
    """The PEM files in ``directory``. Keys are not encrypted; every file has mode 0600."""

    directory: Path

    @property
    def ca(self) -> Path:
        """The CA's certificate, which a CPE must trust (``ca_file``)."""
        return self.directory / "ca.pem"

    @property
    def client_certificate(self) -> Path:
        """A client certificate of this CA, for a CPE."""
        return self.directory / "client.pem"

    @property
    def client_key(self) -> Path:
        """The key of :attr:`client_certificate`."""
        return self.directory / "client-key.pem"

    def server_options(self, *, require_client: bool = False) -> CertificateOptions:
        """The server's TLS context (TLS 1.2 and later); ``require_client``: require a client certificate of this CA."""
        pem = (self.directory / "server.pem").read_bytes() + (self.directory / "server-key.pem").read_bytes()
        server = PrivateCertificate.loadPEM(pem)  # type: ignore[no-untyped-call]  # Twisted has no types there
        return CertificateOptions(
            privateKey=server.privateKey.original,
            certificate=server.original,
            raiseMinimumTo=TLSVersion.TLSv1_2,
            trustRoot=Certificate.loadPEM(self.ca.read_bytes()) if require_client else None,
        )


def certificates(
    directory: Path, *, names: Sequence[str] = LOOPBACK_NAMES, now: datetime | None = None
) -> Certificates:
    """Load the certificates in ``directory``; create those that are missing, expire within a month or lack a name.

    ``names``: the host names and addresses of the server. Raises ConfigError if the directory cannot be used.
    """
    now = now or datetime.now(UTC)
    made = Certificates(directory)
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        ca, ca_key = _kept(directory, "ca", now) or _make_ca(directory, now)
        server = _kept(directory, "server", now)
        if server is None or not _serves(server[0], names) or not _issued(server[0], ca):
            _make_leaf(directory, "server", names, ca, ca_key, now)
        client = _kept(directory, "client", now)
        if client is None or not _issued(client[0], ca):
            _make_leaf(directory, "client", (), ca, ca_key, now)
    except OSError as error:
        raise ConfigError("--directory", f"{directory}: {error.strerror or error}") from error
    return made


def _make_ca(directory: Path, now: datetime) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = _name("cwmplab private CA")
    certificate = (
        _builder(name, name, key, now)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    _write(directory, "ca", certificate, key)
    return certificate, key


def _make_leaf(
    directory: Path,
    role: str,
    names: Sequence[str],
    ca: x509.Certificate,
    ca_key: ec.EllipticCurvePrivateKey,
    now: datetime,
) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    purpose = ExtendedKeyUsageOID.SERVER_AUTH if role == "server" else ExtendedKeyUsageOID.CLIENT_AUTH
    builder = (
        _builder(_name(f"cwmplab {role}"), ca.subject, key, now)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False)
    )
    if names:
        builder = builder.add_extension(
            x509.SubjectAlternativeName([_general_name(name) for name in names]), critical=False
        )
    _write(directory, role, builder.sign(ca_key, hashes.SHA256()), key)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, now: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + YEARS)
    )


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _kept(directory: Path, role: str, now: datetime) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey] | None:
    """Load a certificate and its key if both exist, match and are valid for another 30 days, else None."""
    try:
        certificate = x509.load_pem_x509_certificate((directory / f"{role}.pem").read_bytes())
        key = serialization.load_pem_private_key((directory / f"{role}-key.pem").read_bytes(), None)
    except (FileNotFoundError, ValueError, TypeError):
        return None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.public_key() != certificate.public_key():
        return None
    return (certificate, key) if certificate.not_valid_after_utc > now + timedelta(days=30) else None


def _issued(certificate: x509.Certificate, ca: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(ca)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _serves(certificate: x509.Certificate, names: Sequence[str]) -> bool:
    try:
        known = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return False
    return set(known) >= {_general_name(name) for name in names}


def _write(directory: Path, role: str, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> None:
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    _write_private(directory / f"{role}-key.pem", private)
    _write_private(directory / f"{role}.pem", certificate.public_bytes(pem))


def _write_private(path: Path, data: bytes) -> None:
    """Write a new file and rename it, so that a reader or a crash never leaves an incomplete file."""
    new = path.with_suffix(".new")
    new.unlink(missing_ok=True)
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
    new.rename(path)
