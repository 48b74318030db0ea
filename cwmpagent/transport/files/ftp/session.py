"""One session with a file server by FTP: connection, TLS, login, and data connections (RFC 959, 2228, 2428, 4217)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.endpoints import HostnameEndpoint
from twisted.internet.error import ConnectError, DNSLookupError
from twisted.internet.error import TimeoutError as TwistedTimeout
from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Factory, Protocol

from cwmpagent.errors import TooSlowError, TransferFailure
from cwmpagent.protocol.transfers import failures, ftp
from cwmpagent.protocol.url_host import url_host
from cwmpagent.transport.addresses import is_address
from cwmpagent.transport.deadline import within
from cwmpagent.transport.error_text import cause
from cwmpagent.transport.files.ftp.control import FtpControl
from cwmpagent.transport.files.ftp.data import FtpData
from cwmpagent.transport.files.ftp.tls import FtpTls
from cwmpagent.transport.tls.trust import TlsTrust

_ANONYMOUS = ("anonymous", "cwmpagent@")
_QUIT = 2.0
"""Seconds for the answer to QUIT."""


@dataclass(frozen=True, slots=True)
class FtpNetwork:
    """The parts that all sessions share.

    ``connect``, ``answer``: seconds for each connection, and for each reply. ``implicit_port``: the port where
    ``ftps`` begins with TLS; on others it asks for TLS first. It is the default port, too.
    """

    reactor: Any
    trust: TlsTrust
    monotonic: Callable[[], float]
    connect: float
    answer: float
    implicit_port: int = 990


@dataclass(frozen=True, slots=True)
class FtpAddress:
    """The server and file of a URL. ``secure``: ``ftps``."""

    host: str
    port: int
    secure: bool
    path: bytes
    username: bytes
    password: bytes


def address_of(url: str, username: str, password: str, implicit_port: int) -> FtpAddress:
    """Check everything that is sent. Raises ValueError with a sentence. Without ``username``: anonymous."""
    parts = urlsplit(url)
    secure = parts.scheme == "ftps"
    host = url_host(parts.hostname or "")
    if not host.isascii():
        raise ValueError("the name of the file server is not in ASCII")
    if not username:
        username, password = _ANONYMOUS
    return FtpAddress(
        host,
        parts.port or (implicit_port if secure else 21),
        secure,
        ftp.path_of(url),
        ftp.argument(username, "user name"),
        ftp.argument(password, "password"),
    )


class _Given(Factory):
    """Uses one protocol, which is there already."""

    noisy = False

    def __init__(self, protocol: Protocol) -> None:
        self._protocol = protocol

    def buildProtocol(self, addr: IAddress | None) -> Protocol:
        """Return it."""
        return self._protocol


class FtpSession:
    """One control connection, and one data connection at a time. Every failure is a TransferFailure."""

    def __init__(self, network: FtpNetwork, address: FtpAddress) -> None:
        self._network = network
        self._address = address
        self._control = FtpControl(network.reactor, network.monotonic, network.answer)
        self._connected = False
        self._tls: FtpTls | None = None
        self._data: FtpData | None = None

    async def open(self) -> None:
        """Connect, begin TLS where the URL says so, log in, and prepare for files."""
        address, control = self._address, self._control
        await self._connect(control, address.host, address.port, "connection")
        self._connected = True
        implicit = address.secure and address.port == self._network.implicit_port
        if implicit:
            await self._start_tls()
        greeting = await control.reply()
        if greeting.code != 220:
            raise ftp.refused(greeting)
        if address.secure and not implicit:
            await self._protected("AUTH", b"TLS")
            await self._start_tls()
        reply = await control.command("USER", address.username)
        if reply.code == 331:
            reply = await control.command("PASS", address.password)
        if not _done(reply):
            raise ftp.refused_login(reply)
        if address.secure:
            await self._protected("PBSZ", b"0")
            await self._protected("PROT", b"P")
        reply = await control.command("TYPE", b"I")
        if not _done(reply):
            raise ftp.refused(reply)

    async def command(self, name: str, argument: bytes = b"") -> ftp.Reply:
        """Send a command about files and return the reply, whatever it is."""
        return await self._control.command(name, argument)

    async def open_data(self, total: int = 0) -> FtpData:
        """A data connection to the same machine (RFC 2577 3); ``total``: see :class:`FtpData`."""
        port = await self._passive_port()
        tls = self._new_tls(self._tls) if self._address.secure else None
        data = FtpData(tls, total)
        await self._connect(data, self._peer().host, port, "data connection")
        self._data = data
        return data

    async def begin(self, name: str, argument: bytes) -> None:
        """Send a command that transfers a file. Returns when the server begins."""
        reply = await self._control.command(name, argument)
        if reply.code not in (125, 150):
            raise ftp.refused(reply)

    async def concluded(self, *, upload: bool = False) -> None:
        """Wait, without a limit, until the server says that the whole file was transferred."""
        try:
            reply = await self._control.reply(patient=True)
        except TransferFailure as error:
            raise ftp.broken(f"the file server did not confirm the transfer: {error}", upload=upload) from error
        if not _done(reply):
            raise ftp.ended(reply, upload=upload)

    async def close(self, *, polite: bool) -> None:
        """Close all connections; ``polite``: say goodbye before. Raises nothing."""
        data, self._data = self._data, None
        try:
            if polite and self._connected:
                network, goodbye = self._network, Deferred.fromCoroutine(self._control.command("QUIT"))
                await within(_QUIT, goodbye, network.reactor, network.monotonic, "")
        except (TransferFailure, TooSlowError):
            pass
        finally:
            if data is not None:
                await data.abort()
            if self._connected:
                await self._control.abort()

    async def _start_tls(self) -> None:
        self._tls = self._new_tls()
        await self._control.start_tls(self._tls)

    def _new_tls(self, before: FtpTls | None = None) -> FtpTls:
        host = self._address.host
        return FtpTls(self._network.trust.check(host, f"{host}:{self._address.port}"), before)

    async def _protected(self, name: str, argument: bytes) -> None:
        """A command without whose success nothing else may be sent."""
        reply = await self._control.command(name, argument)
        if _done(reply):
            return
        failure = ftp.refused(reply)
        raise TransferFailure(
            9015,
            f"the file server does not protect its connections with TLS: it refuses {name} (FTP {reply.code})",
            permanent=failure.permanent,
        )

    async def _passive_port(self) -> int:
        reply = await self._control.command("EPSV")
        port = ftp.extended_port(reply)
        if not port and is_address(self._peer().host) and ":" not in self._peer().host:
            reply = await self._control.command("PASV")
            port = ftp.passive_port(reply)
        if port:
            return port
        if reply.code >= 400:
            raise ftp.refused(reply)
        raise failures.unreachable("the file server sends no valid response: no port for the data connection")

    def _peer(self) -> Any:
        transport: Any = self._control.transport
        return transport.getPeer()

    async def _connect(self, protocol: Protocol, host: str, port: int, what: str) -> None:
        network = self._network
        endpoint = HostnameEndpoint(network.reactor, host, port, timeout=network.connect)
        late = f"no {what} to the file server within {network.connect:g} s"
        connecting: Deferred[Any] = endpoint.connect(_Given(protocol))
        try:
            await within(network.connect, connecting, network.reactor, network.monotonic, late)
        except CancelledError:
            raise
        except (TooSlowError, TwistedTimeout) as error:
            raise failures.unreachable(late) from error
        except DNSLookupError as error:
            raise failures.unreachable("the name of the file server cannot be resolved") from error
        except ConnectError as error:
            raise failures.unreachable(f"no {what} to the file server: it {cause(error)}") from error
        except Exception as error:  # Twisted raises many kinds
            raise failures.unreachable(f"no {what} to the file server: {type(error).__name__}") from error


def _done(reply: ftp.Reply) -> bool:
    return 200 <= reply.code < 300
