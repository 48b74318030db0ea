"""Whom TLS trusts, and with which certificate we show ourselves (TLS 1.2 and later)."""

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
from cwmpagent.transport.tls.certificate_check import CertificateCheck

_OTHERS = stat.S_IRWXG | stat.S_IRWXO


class TlsTrust:
    """One TLS context for every device with the same settings; building one takes milliseconds.

    ``ca_file``: PEM certificates to trust instead of the system's. ``client_certificate``, ``client_key``: PEM; the
    certificate may be followed by the ones between it and the root. An empty path means none. ``time_trusted`` tells
    whether the wall clock is known to be right: as long as it is not, validity dates are ignored, and
    ``on_untrusted_time`` gets a sentence whenever one was.

    Raises ConfigError naming ``ca_file``, ``client_certificate`` or ``client_key`` of ``table``.
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

    def reload(self) -> None:
        """Read all files again, for connections made from now on; on ConfigError everything stays as it was."""
        self.read_again()()

    def read_again(self) -> Callable[[], None]:
        """As :meth:`reload`, which is done only when what this returns is called."""
        context = self._read()

        def take_over() -> None:
            self._context = context

        return take_over

    def check(self, host: str, name: str) -> CertificateCheck:
        """What makes and judges one connection to ``host``, which is called ``name`` towards people."""
        return CertificateCheck(self._context, host, name, self._time_trusted, self._on_untrusted_time)

    def _read(self) -> SSL.Context:
        context = SSL.Context(SSL.TLS_CLIENT_METHOD)
        context.set_min_proto_version(SSL.TLS1_2_VERSION)
        context.set_options(SSL.OP_NO_COMPRESSION | SSL.OP_NO_RENEGOTIATION)
        context.set_mode(SSL.MODE_RELEASE_BUFFERS)  # an idle connection then costs half
        context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
        if self._ca_file:
            _trust(context, f"{self._table}.ca_file", self._ca_file)
        else:
            context.set_default_verify_paths()
        if self._client_certificate:
            _present(context, self._client_certificate, self._client_key)
        elif self._client_key:
            raise ConfigError("acs.client_certificate", "is missing, although acs.client_key names a key for it")
        return context


def _trust(context: SSL.Context, key: str, ca_file: str) -> None:
    store = context.get_cert_store()
    assert store is not None
    for certificate in _certificates(key, ca_file):
        store.add_cert(crypto.X509.from_cryptography(certificate))


def _present(context: SSL.Context, certificate_file: str, key_file: str) -> None:
    if not key_file:
        raise ConfigError("acs.client_key", "is missing: acs.client_certificate needs the file with its private key")
    own, *between = _certificates("acs.client_certificate", certificate_file)
    pem = _content("acs.client_key", key_file, private=True)
    try:
        context.use_privatekey(load_pem_private_key(pem, password=None))  # type: ignore[arg-type]  # unfit: TypeError
    except TypeError:
        refusal = f"{key_file} is protected by a password, or of a kind that TLS cannot use"
        raise ConfigError("acs.client_key", refusal) from None
    except (ValueError, UnsupportedAlgorithm, SSL.Error, crypto.Error):
        raise ConfigError("acs.client_key", f"{key_file} holds no private key in PEM format") from None
    try:
        context.use_certificate(own)
        for certificate in between:
            context.add_extra_chain_cert(certificate)
        context.check_privatekey()
    except (ValueError, SSL.Error, crypto.Error):
        refusal = f"{key_file} does not belong to the certificate {certificate_file}"
        raise ConfigError("acs.client_key", refusal) from None


def _certificates(key: str, path: str) -> list[x509.Certificate]:
    try:
        found = x509.load_pem_x509_certificates(_content(key, path))
    except ValueError:
        found = []
    if not found:
        raise ConfigError(key, f"{path} holds no certificate in PEM format, or a damaged one")
    return found


def _content(key: str, path: str, *, private: bool = False) -> bytes:
    try:
        with Path(path).open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            if private and mode & _OTHERS:
                raise ConfigError(
                    key, f"{path} can be used by others (mode {stat.S_IMODE(mode):04o}); make it private: chmod 600"
                )
            return file.read()
    except OSError as error:
        raise ConfigError(key, f"{path} cannot be read: {error.strerror}") from None
