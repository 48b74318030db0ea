"""Connection requests a second beside twisted.web.guard doing the same: python benchmarks/connection_request.py

Clients and server share the process, so both columns hold the clients' share, too. Read the ratio, not the figures.
The guard checks Digest as well, but knows no replays; its nonces are asked for anew with every request.
"""

from __future__ import annotations

import secrets
import sys
import time
from pathlib import Path
from typing import Any

from twisted.cred.checkers import InMemoryUsernamePasswordDatabaseDontUse
from twisted.cred.portal import IRealm, Portal
from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.task import react
from twisted.python.failure import Failure
from twisted.web.guard import DigestCredentialFactory, HTTPAuthSessionWrapper
from twisted.web.resource import IResource, Resource
from twisted.web.server import Site
from zope.interface import implementer

sys.path.insert(0, str(Path(__file__).parent.parent))

from cwmpagent.protocol.digest import Authenticator, Credentials
from cwmpagent.transport.listener import ConnectionRequestListener

USER = Credentials("acs", "secret")
REQUESTS = 1000
AT_ONCE = 8
ROUNDS = 3


class Open:
    """A target that takes everything."""

    def credentials(self) -> tuple[str, str]:
        return USER.username, USER.password

    def enabled(self) -> bool:
        return True

    def requested(self, source: str) -> bool:
        return True

    def moved(self) -> None:
        pass


class Empty(Resource):
    """The guarded resource: 200 and nothing."""

    isLeaf = True

    def render_GET(self, request: Any) -> bytes:
        request.setHeader(b"Connection", b"close")
        return b""


@implementer(IRealm)
class Realm:
    """Everybody with the password gets the same resource."""

    def requestAvatar(self, name: bytes, mind: Any, *interfaces: Any) -> Any:
        return IResource, Empty(), lambda: None


class Once(Protocol):
    """One request without credentials, and one that answers the challenge, on one connection; fires with the status."""

    def __init__(self, credentials: Credentials) -> None:
        self.ours = Authenticator(credentials, cnonce=lambda: secrets.token_hex(8), basic_allowed=False)
        self.received = b""
        self.answered = False
        self.done: Deferred[bytes] = Deferred()

    def connectionMade(self) -> None:
        self.ask("")

    def ask(self, more: str) -> None:
        self.transport.write(f"GET /cr HTTP/1.1\r\nHost: box\r\n{more}\r\n".encode())

    def dataReceived(self, data: bytes) -> None:
        self.received += data
        head, end, _ = self.received.partition(b"\r\n\r\n")
        if not end:
            return
        self.received = b""
        if self.answered:
            self.finish(head)
            return
        self.answered = True
        lines = head.split(b"\r\n")
        self.ours.challenged([line[18:] for line in lines if line.lower().startswith(b"www-authenticate: ")])
        self.ask(f"Authorization: {self.ours.authorization('GET', '/cr')}\r\n")

    def finish(self, head: bytes) -> None:
        self.transport.abortConnection()
        if not self.done.called:
            self.done.callback(head[9:12])

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if not self.done.called:
            self.done.errback(reason)


async def clients(port: int, credentials: Credentials, count: int, expected: bytes) -> None:
    endpoint = TCP4ClientEndpoint(reactor, "127.0.0.1", port)
    for _ in range(count):
        once = Once(credentials)
        await endpoint.connect(Factory.forProtocol(lambda once=once: once))
        assert await once.done == expected


async def rate(port: int, credentials: Credentials, expected: bytes) -> float:
    began = time.perf_counter()
    each = REQUESTS // AT_ONCE
    await gatherResults([Deferred.fromCoroutine(clients(port, credentials, each, expected)) for _ in range(AT_ONCE)])
    return REQUESTS / (time.perf_counter() - began)


async def main() -> None:
    listener = ConnectionRequestListener(
        reactor,
        ["tcp:0:interface=127.0.0.1"],
        realm="device",
        nonce=lambda: secrets.token_hex(16),
        clock=time.monotonic,
    )
    listener.add("/cr", Open())
    await listener.bind()
    checker = InMemoryUsernamePasswordDatabaseDontUse(**{USER.username: USER.password.encode()})
    guard = HTTPAuthSessionWrapper(Portal(Realm(), [checker]), [DigestCredentialFactory(b"md5", b"device")])
    site = Site(guard)
    site.log = lambda request: None
    theirs = reactor.listenTCP(0, site, interface="127.0.0.1")
    print(f"{'':10}{'this listener':>15}{'twisted.web.guard':>20}{'ratio':>8}   (requests a second, best of {ROUNDS})")
    for name, credentials, expected in (
        ("accepted", USER, b"200"),
        ("refused", Credentials("acs", "wrong"), b"401"),
    ):
        ours_best = theirs_best = 0.0
        for _ in range(ROUNDS):
            ours_best = max(ours_best, await rate(listener.port_for("127.0.0.1"), credentials, expected))
            theirs_best = max(theirs_best, await rate(theirs.getHost().port, credentials, expected))
        print(f"{name:10}{ours_best:15.0f}{theirs_best:20.0f}{ours_best / theirs_best:8.2f}")
    await theirs.stopListening()
    await listener.stopService()


if __name__ == "__main__":
    react(lambda _: Deferred.fromCoroutine(main()))
