"""SRV records (RFC 2782) of a domain's XMPP servers, queried from the system's name servers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import CannotListenError
from twisted.names import dns

from cwmpagent.protocol.connection_request.xmpp_account import Server

MOST_SERVERS = 32
MOST_NAMESERVERS = 3
RESOLV_CONF = Path("/etc/resolv.conf")

NameServers = Callable[[], Sequence[tuple[str, int]]]


def system_name_servers(path: Path = RESOLV_CONF) -> list[tuple[str, int]]:
    """Addresses and ports of the name servers. The file is read for each call, because they change with the network."""
    servers: list[tuple[str, int]] = []
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    for words in (line.split() for line in lines):
        if len(words) > 1 and words[0] == "nameserver":
            try:
                servers.append((str(ip_address(words[1].partition("%")[0])), dns.PORT))
            except ValueError:
                continue
    return servers[:MOST_NAMESERVERS] or [("127.0.0.1", dns.PORT)]


class Lookup:
    """Queries one name server after another. If all of them fail, there are no records.

    ``seconds``: time limit of one name server.
    """

    def __init__(self, reactor: Any, seconds: float, name_servers: NameServers = system_name_servers) -> None:
        self._reactor = reactor
        self._seconds = seconds
        self._name_servers = name_servers

    async def __call__(self, name: str) -> list[Server]:
        """The SRV records of ``name``. A record with an empty host means that the service is not available."""
        for address in self._name_servers():
            try:
                message = await self._query(address, name)
            except (dns.DNSQueryTimeoutError, CannotListenError, OSError):
                continue
            if message.rCode in (dns.OK, dns.ENAME):
                return _records(message)
        return []

    async def _query(self, address: tuple[str, int], name: str) -> Any:
        protocol: Any = _SrvQuery(address[0], self._reactor)
        self._reactor.listenUDP(0, protocol, interface="::" if ":" in address[0] else "")
        try:
            answer: Deferred[Any] = protocol.query(address, [dns.Query(name, dns.SRV)], self._seconds)
            return await answer
        except CancelledError:
            for _, timer in protocol.liveMessages.values():
                timer.cancel()
            raise
        finally:
            await protocol.transport.stopListening()


class _SrvQuery(dns.DNSDatagramProtocol):
    """DNS protocol that accepts responses only from the queried name server, and ignores malformed ones."""

    def __init__(self, host: str, reactor: Any) -> None:
        super().__init__(_Unsolicited(), reactor=reactor)  # type: ignore[no-untyped-call]  # untyped in Twisted
        self._host = ip_address(host)

    def datagramReceived(self, datagram: bytes, addr: Any) -> None:
        if ip_address(addr[0].partition("%")[0]) != self._host:
            return
        try:
            dns.Message().fromStr(datagram)
        except Exception:  # Twisted would log a traceback for each
            return
        super().datagramReceived(datagram, addr)


class _Unsolicited:
    """Receiver of unsolicited messages."""

    def messageReceived(self, *_: object) -> None:
        """Ignore the message."""


def _records(message: Any) -> list[Server]:
    servers = []
    for record in message.answers[:MOST_SERVERS]:
        if record.type == dns.SRV:
            srv = record.payload
            host = srv.target.name.decode("ascii", "replace").rstrip(".")
            servers.append(Server(host, srv.port, srv.priority, srv.weight))
    return servers
