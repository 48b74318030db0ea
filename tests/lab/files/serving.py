"""The lab's file server on a free loopback port, for tests, and a client that sees every octet of an answer."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import clientFromString, connectProtocol
from twisted.internet.protocol import Protocol
from twisted.trial.unittest import TestCase

from cwmpagent.lab.files import FileServer, FileSettings


def start(case: TestCase, folder: Path, **settings: Any) -> tuple[FileServer, int]:
    """Serve ``folder`` until ``case`` is over; return the server and its port."""
    untyped: Any = reactor
    server = FileServer(untyped, FileSettings(folder=folder, **settings))
    site: Any = server.site()
    port = untyped.listenTCP(0, site, interface="127.0.0.1")
    case.addCleanup(port.stopListening)
    case.addCleanup(server.close)
    return server, int(port.getHost().port)


@dataclass(frozen=True)
class Seen:
    """An answer as it came: the status, the headers in lower case, and the octets after them."""

    status: int
    headers: dict[str, str]
    body: bytes


class _Reader(Protocol):
    def __init__(self) -> None:
        self.octets = b""
        self.done: Deferred[bytes] = Deferred()

    def dataReceived(self, data: bytes) -> None:
        self.octets += data

    def connectionLost(self, reason: Any = None) -> None:
        self.done.callback(self.octets)


async def send(port: int, octets: bytes) -> Seen:
    """Send ``octets`` over a connection of their own, and read to its end."""
    endpoint: Any = clientFromString(reactor, f"tcp:127.0.0.1:{port}")  # type: ignore[no-untyped-call]  # no types there
    reader = _Reader()
    await connectProtocol(endpoint, reader)
    transport: Any = reader.transport
    transport.write(octets)
    head, _, body = (await reader.done).partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines[1:])
    status = int(lines[0].split()[1]) if lines[0] else 0
    return Seen(status, {name.lower(): value for name, value in headers.items()}, body)


async def ask(port: int, method: str, path: str, body: bytes | None = None, **headers: str) -> Seen:
    """Send one request with ``Connection: close``."""
    given = {"Host": "127.0.0.1", "Connection": "close"}
    given |= {name.replace("_", "-"): value for name, value in headers.items()}
    if body is not None:
        given.setdefault("Content-Length", str(len(body)))
    head = "".join(f"{name}: {value}\r\n" for name, value in given.items())
    return await send(port, f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode("latin-1") + (body or b""))
