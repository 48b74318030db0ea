"""A file server by FTP on loopback that can misbehave at each command."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from OpenSSL import SSL, crypto
from twisted.internet import reactor
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.ssl import CertificateOptions
from twisted.protocols.basic import LineReceiver
from twisted.trial.unittest import TestCase

from tests.transport.certificates import Signed

untyped: Any = reactor
TIME = "20240229121314"


class FtpServer(Factory):
    """``files``: by path. ``does``: what it does at a command instead of the usual; ``lines``: what it received.

    ``certificate``: for TLS after AUTH, or from the begin with ``implicit``.
    """

    noisy = False

    def __init__(self, certificate: Signed | None = None, *, implicit: bool = False) -> None:
        self.files: dict[str, bytes] = {}
        self.does: dict[str, Callable[[Connection, str], None]] = {}
        self.lines: list[str] = []
        self.open: list[Any] = []
        self.greeting = "220-Welcome\r\n226 is no end of it\r\n220 Ready\r\n"
        self.times = {"fw.bin": TIME}
        self.implicit = implicit
        self.data_tls = True
        self.data_certificate = certificate
        self.certificate = certificate
        self.interface = "127.0.0.1"

    def start(self, case: TestCase) -> int:
        """Listen until the end of ``case``. Returns the port."""
        port = untyped.listenTCP(0, self, interface=self.interface)
        case.addCleanup(self._stop, port)
        return int(port.getHost().port)

    async def _stop(self, port: Any) -> None:
        await port.stopListening()
        for each in list(self.open):
            if hasattr(each, "stopListening"):
                await each.stopListening()
            else:
                each.abortConnection()

    def buildProtocol(self, addr: Any) -> Connection:
        return Connection(self)

    def said(self) -> list[str]:
        """The names of the commands that were received."""
        return [line.partition(" ")[0] for line in self.lines]


class Data(Protocol):
    """The data connection."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.received = b""
        self.clean: bool | None = None

    def connectionMade(self) -> None:
        transport: Any = self.transport
        server = self.connection.server
        server.open.append(transport)
        if server.certificate is not None and server.data_tls:
            assert server.data_certificate is not None
            transport.startTLS(options(server.data_certificate))
        self.connection.data = self
        self.connection.act()

    def dataReceived(self, data: bytes) -> None:
        self.received += data

    def connectionLost(self, reason: Any = None) -> None:
        self.clean = "ConnectionDone" in type(reason.value).__name__
        self.connection.act()


class Connection(LineReceiver):
    """One control connection."""

    def __init__(self, server: FtpServer) -> None:
        self.server = server
        self.rest = 0
        self.data: Data | None = None
        self.action: Callable[[], bool] | None = None
        self.wire: Any = None

    def connectionMade(self) -> None:
        self.wire = self.transport
        self.server.open.append(self.wire)
        if self.server.implicit:
            assert self.server.certificate is not None
            self.wire.startTLS(options(self.server.certificate))
        self.say(self.server.greeting.removesuffix("\r\n"))

    def say(self, text: str) -> None:
        """Send a reply."""
        self.wire.write(text.encode("latin-1") + b"\r\n")

    def lineReceived(self, line: bytes) -> None:
        name, _, argument = line.decode("latin-1").partition(" ")
        self.server.lines.append(line.decode("latin-1"))
        does = self.server.does.get(name) or getattr(self, f"do_{name}", None)
        if does is None:
            self.say("502 Unknown")
        elif name in self.server.does:
            does(self, argument)
        else:
            does(argument)

    def act(self) -> None:
        """Go on with what waits for the data connection."""
        if self.action is not None and self.action():
            self.action = None

    def do_USER(self, name: str) -> None:
        self.say("331 Password")

    def do_PASS(self, password: str) -> None:
        self.say("230 Welcome")

    def do_AUTH(self, kind: str) -> None:
        if self.server.certificate is None:
            self.say("502 No TLS")
            return
        self.say("234 TLS")
        self.wire.startTLS(options(self.server.certificate))

    def do_PBSZ(self, argument: str) -> None:
        self.say("200 Fine")

    def do_PROT(self, argument: str) -> None:
        self.say("200 Fine")

    def do_TYPE(self, argument: str) -> None:
        self.say("200 Fine")

    def do_QUIT(self, argument: str) -> None:
        self.say("221 Bye")
        self.wire.loseConnection()

    def do_SIZE(self, path: str) -> None:
        self.say(f"213 {len(self.server.files[path])}" if path in self.server.files else "550 Nothing")

    def do_MDTM(self, path: str) -> None:
        self.say(f"213 {self.server.times[path]}" if path in self.server.times else "550 Nothing")

    def do_REST(self, octets: str) -> None:
        self.rest = int(octets)
        self.say("350 Go on")

    def listen(self) -> int:
        """Listen for the data connection. Returns the port."""
        factory = Factory.forProtocol(lambda: Data(self))
        factory.noisy = False
        port = untyped.listenTCP(0, factory, interface=self.server.interface)
        self.server.open.append(port)
        return int(port.getHost().port)

    def do_EPSV(self, argument: str) -> None:
        self.say(f"229 Extended (|||{self.listen()}|)")

    def do_PASV(self, argument: str) -> None:
        port = self.listen()
        self.say(f"227 Passive (203,0,113,7,{port >> 8},{port & 255})")

    def do_RETR(self, path: str) -> None:
        if path not in self.server.files:
            self.say("550 Nothing")
            return
        self.say("150 Here it is")
        self.send(self.server.files[path][self.rest :])

    def send(self, content: bytes, reply: str | None = "226 Done", *, close: bool = True) -> None:
        """Send ``content`` by the data connection, close it, and say ``reply``."""

        def action() -> bool:
            if self.data is None:
                return False
            wire: Any = self.data.transport
            wire.write(content)
            if close:
                wire.loseConnection()
            if reply is not None:
                self.say(reply)
            return True

        self.action = action
        self.act()

    def do_STOR(self, path: str) -> None:
        self.say("150 Send it")

        def action() -> bool:
            if self.data is None or self.data.clean is None:
                return False
            if self.data.clean:
                self.server.files[path] = self.data.received
            self.say("226 Done" if self.data.clean else "426 Broken")
            return True

        self.action = action
        self.act()


def options(certificate: Signed) -> CertificateOptions:
    """TLS of a server with ``certificate``."""
    made: Any = CertificateOptions(
        privateKey=crypto.PKey.from_cryptography_key(certificate.private),
        certificate=crypto.X509.from_cryptography(certificate.certificate),
    )
    made.getContext().set_session_cache_mode(SSL.SESS_CACHE_SERVER)
    made.getContext().set_session_id(b"ftp")
    result: CertificateOptions = made
    return result
