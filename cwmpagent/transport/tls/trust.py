"""TLS settings: trusted authorities and the client certificate (TLS 1.2 and later)."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from OpenSSL import SSL, crypto

from cwmpagent.errors import ConfigError
from cwmpagent.transport.descriptors import check_descriptors
from cwmpagent.transport.tls.certificate_check import CertificateCheck

_OTHERS = stat.S_IRWXG | stat.S_IRWXO


class TlsTrust:
    """One TLS context, shared by all devices with the same settings because building one takes milliseconds.

    ``ca_file``: PEM certificates to trust instead of the system's. ``client_certificate``, ``client_key``: PEM; the
    certificate may be followed by intermediate certificates. An empty path means none. ``time_trusted`` returns
    whether the wall clock is known to be correct: while it is not, validity dates are ignored, and
    ``on_untrusted_time`` is called with a sentence whenever one was.

    Raises ConfigError naming ``ca_file`` of ``table``, ``acs.client_certificate`` or ``acs.client_key``.
    """

    def __init__(
        self,
        ca_file: str | Path = "",
        client_certificate: str | Path = "",
        client_key: str | Path = "",
        time_trusted: Callable[[], bool] = lambda: True,
        on_untrusted_time: Callable[[str], object] = lambda sentence: None,
        table: str = "acs",
    ) -> None:
        self._table = table
        self._ca_file = str(ca_file or "")
        self._client_certificate = str(client_certificate or "")
        self._client_key = str(client_key or "")
        self._time_trusted = time_trusted
        self._on_untrusted_time = on_untrusted_time
        self._context = self._read()

    def read_again(self) -> Callable[[], None]:
        """Read all files again and return a function that applies them to new connections. Raises ConfigError."""
        context = self._read()

        def apply() -> None:
            self._context = context

        return apply

    def check(self, host: str, name: str, connection: type[SSL.Connection] = SSL.Connection) -> CertificateCheck:
        """The check of one ``connection`` to ``host``; ``name``: ``host:port`` in messages."""
        return CertificateCheck(self._context, host, name, self._time_trusted, self._on_untrusted_time, connection)

    def _read(self) -> SSL.Context:
        context = SSL.Context(SSL.TLS_CLIENT_METHOD)
        context.set_min_proto_version(SSL.TLS1_2_VERSION)
        context.set_options(SSL.OP_NO_COMPRESSION | SSL.OP_NO_RENEGOTIATION)
        context.set_mode(SSL.MODE_RELEASE_BUFFERS)  # halves the memory of an idle connection
        context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
        if self._ca_file:
            _trust(context, f"{self._table}.ca_file", self._ca_file)
        else:
            try:
                check_descriptors(1)  # OpenSSL ignores a file that it cannot open, and trusts nobody
            except OSError as error:
                reason = f"is not set, and the system's certificates cannot be read: {error.strerror}"
                raise ConfigError(f"{self._table}.ca_file", reason) from None
            context.set_default_verify_paths()
        if self._client_certificate:
            _present(context, self._client_certificate, self._client_key)
        elif self._client_key:
            raise ConfigError(
                "acs.client_certificate", "is missing: acs.client_key needs the file with its certificate"
            )
        return context


def _trust(context: SSL.Context, key: str, ca_file: str) -> None:
    store = context.get_cert_store()
    assert store is not None
    for certificate in _certificates(key, ca_file):
        store.add_cert(crypto.X509.from_cryptography(certificate))


def _present(context: SSL.Context, certificate_file: str, key_file: str) -> None:
    if not key_file:
        raise ConfigError("acs.client_key", "is missing: acs.client_certificate needs the file with its private key")
    own, *intermediates = _certificates("acs.client_certificate", certificate_file)
    pem = _content("acs.client_key", key_file, private=True)
    try:
        context.use_privatekey(load_pem_private_key(pem, password=None))  # type: ignore[arg-type]  # an unsuitable key: TypeError
    except TypeError:
        refusal = f"{key_file} is protected by a password, or of a type that TLS cannot use"
        raise ConfigError("acs.client_key", refusal) from None
    except (ValueError, UnsupportedAlgorithm, SSL.Error, crypto.Error):
        raise ConfigError("acs.client_key", f"{key_file} contains no private key in PEM format") from None
    try:
        context.use_certificate(own)
        for certificate in intermediates:
            context.add_extra_chain_cert(certificate)
        context.check_privatekey()
    except (ValueError, SSL.Error, crypto.Error):
        refusal = f"{key_file} does not belong to the certificate {certificate_file}"
        raise ConfigError("acs.client_key", refusal) from None


def _certificates(key: str, path: str) -> list[x509.Certificate]:
    try:
        certificates = x509.load_pem_x509_certificates(_content(key, path))
    except ValueError:
        certificates = []
    if not certificates:
        raise ConfigError(key, f"{path} contains no certificate in PEM format, or a damaged one")
    return certificates


def _content(key: str, path: str, *, private: bool = False) -> bytes:
    try:
        with Path(path).open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            if private and mode & _OTHERS:
                raise ConfigError(
                    key,
                    f"{path} is accessible to other users (mode {stat.S_IMODE(mode):04o}); make it private: chmod 600",
                )
            return file.read()
    except OSError as error:
        raise ConfigError(key, f"{path} cannot be read: {error.strerror}") from None
