"""TLS of the connections of one FTP session (RFC 4217)."""

from __future__ import annotations

from OpenSSL import SSL
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator
from twisted.protocols.tls import TLSMemoryBIOProtocol
from zope.interface import implementer

from cwmpagent.errors import TransferFailure
from cwmpagent.protocol.transfers import failures
from cwmpagent.transport.tls.certificate_check import CertificateCheck


@implementer(IOpenSSLClientConnectionCreator)
class FtpTls:
    """Creates the TLS connection of one connection to a server, whose certificate ``check`` verifies.

    ``before``: that of the control connection. A data connection continues its TLS session: many servers require that
    as a proof that both come from the same client.
    """

    def __init__(self, check: CertificateCheck, before: FtpTls | None = None) -> None:
        self._check = check
        self._before = before
        self._connection: SSL.Connection | None = None

    @property
    def refused(self) -> TransferFailure | None:
        """The failure where the certificate was refused."""
        if not self._check.refusal:
            return None
        failure = failures.unreachable(f"the file server is not trusted: {self._check.refusal}")
        failure.permanent = True
        return failure

    def clientConnectionForTLS(self, tlsProtocol: TLSMemoryBIOProtocol) -> SSL.Connection:
        """Create the connection."""
        connection = self._check.clientConnectionForTLS(tlsProtocol)
        session = self._before.session() if self._before is not None else None
        if session is not None:
            connection.set_session(session)
        self._connection = connection
        return connection

    def session(self) -> SSL.Session | None:
        """The TLS session, for another connection to the same server; None where there is none."""
        return self._connection.get_session() if self._connection is not None else None
