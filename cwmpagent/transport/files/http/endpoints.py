"""The connections to file servers: by TCP, with TLS for https; few and large reads."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import HostnameEndpoint, wrapClientTLS
from twisted.internet.interfaces import IProtocol, IProtocolFactory, IStreamClientEndpoint
from twisted.web.client import URI
from twisted.web.iweb import IAgentEndpointFactory
from zope.interface import implementer

from cwmpagent.transport.files.http.tls_reads import MOST_READ, ManyRecords
from cwmpagent.transport.tls.certificate_check import CertificateCheck
from cwmpagent.transport.tls.trust import TlsTrust


@implementer(IStreamClientEndpoint)
class _LargeReads:
    """``endpoint``, whose connections read up to :data:`MOST_READ` octets at once; each is added to ``opened``."""

    def __init__(self, endpoint: Any, opened: list[Any]) -> None:
        self._endpoint = endpoint
        self._opened = opened

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[IProtocol]:
        """Connect."""

        def connected(protocol: Any) -> Any:
            protocol.transport.bufferSize = MOST_READ
            self._opened.append(protocol.transport)
            return protocol

        connecting: Deferred[IProtocol] = self._endpoint.connect(protocolFactory)
        return connecting.addCallback(connected)


@implementer(IAgentEndpointFactory)
class FileServerEndpoints:
    """The endpoints of one transfer. ``connect``: seconds for a connection. ``checks``: those of the certificates."""

    def __init__(self, reactor: Any, trust: TlsTrust, connect: float) -> None:
        self._reactor = reactor
        self._trust = trust
        self._connect = connect
        self.checks: list[CertificateCheck] = []
        self._opened: list[Any] = []

    def abort(self) -> None:
        """Close all connections at once, whatever is still to be sent."""
        opened, self._opened = self._opened, []
        for transport in opened:
            transport.abortConnection()

    def endpointForURI(self, uri: URI) -> Any:
        """The endpoint of the server of ``uri``, whose scheme is http or https."""
        host = uri.host.decode("ascii")
        endpoint: Any = _LargeReads(
            HostnameEndpoint(self._reactor, host, uri.port, timeout=self._connect), self._opened
        )
        if uri.scheme != b"https":
            return endpoint
        check = self._trust.check(host, f"{host}:{uri.port}", ManyRecords)
        self.checks.append(check)
        return wrapClientTLS(check, endpoint)
