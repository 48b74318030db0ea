"""Connection requests over HTTP: python benchmarks/connection_request.py

Time from an accepted request to the first byte of the Inform at the ACS; requests that one core refuses and accepts in
a second, beside twisted.web.guard; time of a valid request while another process holds 10,000 connections open.

The clients run in another process; the CPU time is that of the server. An accepted request is two HTTP requests on one
connection: one is challenged, one has the credentials. The guard checks Digest too, but does not detect replays.
"""

from __future__ import annotations

import logging
import secrets
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from twisted.cred.checkers import InMemoryUsernamePasswordDatabaseDontUse
from twisted.cred.portal import IRealm, Portal
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater, react
from twisted.internet.threads import deferToThread
from twisted.web.guard import DigestCredentialFactory, HTTPAuthSessionWrapper
from twisted.web.resource import IResource, Resource
from twisted.web.server import Site
from zope.interface import implementer

sys.path.insert(0, str(Path(__file__).parent.parent))

from cwmpagent.agent.facts import ConnectionRequested, Fact, SessionEnded
from cwmpagent.config import parse
from cwmpagent.embedding.service import Agent
from cwmpagent.lab.acs import LabAcs
from cwmpagent.protocol.auth import Authenticator, Credentials
from cwmpagent.protocol.connection_request.rate_limit import RateLimit
from cwmpagent.transport.connection_request.listener import ConnectionRequestListener

CHECKOUT = Path(__file__).parent.parent
USER = Credentials("acs", "secret")
REQUESTS = 3000
ROUNDS = 3
SESSIONS = 500
CROWD = 10_000
CONFIG = """
[device]
manufacturer = "Example"
oui = "00D09E"
serial_number = "SN0001"
provider = "simulated"
[acs]
url = "{url}"
[connection_request]
endpoint = "tcp:0:interface=127.0.0.1"
username = "acs"
password = "secret"
[state]
directory = "{state}"
"""


class AcceptingTarget:
    """A target that accepts every request."""

    def credentials(self) -> tuple[str, str]:
        return USER.username, USER.password

    def enabled(self) -> bool:
        return True

    def requested(self, source: str) -> bool:
        return True

    def moved(self) -> None:
        pass


class Empty(Resource):
    """The resource behind the guard: an empty 200."""

    isLeaf = True

    def render_GET(self, request: Any) -> bytes:
        request.setHeader(b"Connection", b"close")
        return b""


@implementer(IRealm)
class Realm:
    """A realm with one resource for every authenticated client."""

    def requestAvatar(self, name: bytes, mind: Any, *interfaces: Any) -> Any:
        return IResource, Empty(), lambda: None


def ask(connection: socket.socket, path: str, header: str = "") -> bytes:
    """Send a GET; the status line and headers of the response."""
    connection.sendall(f"GET {path} HTTP/1.1\r\nHost: box\r\n{header}\r\n".encode())
    data = b""
    while b"\r\n\r\n" not in data:
        more = connection.recv(4096)
        assert more, data
        data += more
    return data


def challenged(connection: socket.socket, path: str) -> str:
    """Send a request without credentials; the Authorization header for its challenge."""
    ours = Authenticator(USER, cnonce=lambda: secrets.token_hex(8), basic_allowed=False)
    lines = ask(connection, path).split(b"\r\n")
    assert lines[0].split()[1] == b"401", lines[0]
    ours.challenged([line[18:] for line in lines if line.lower().startswith(b"www-authenticate: ")])
    return f"Authorization: {ours.authorization('GET', path)}\r\n"


def send_request(port: int, path: str, accepted: bool, source: str = "127.0.0.1") -> None:
    """Send one request, without credentials or with valid ones."""
    with socket.create_connection(("127.0.0.1", port), source_address=(source, 0)) as connection:
        header = challenged(connection, path)
        if accepted:
            status = ask(connection, path, header).split()[1]
            assert status == b"200", status


async def rate(port: int, what: str) -> float:
    """Requests of another process that one second of CPU time of this process serves."""
    best = 0.0
    for _ in range(ROUNDS):
        before = time.process_time()
        child = await deferToThread(
            subprocess.run, [sys.executable, __file__, "client", str(port), what, str(REQUESTS)], check=False
        )
        assert child.returncode == 0
        best = max(best, REQUESTS / (time.process_time() - before))
    return best


async def rates() -> None:
    """Print the rates of refused and accepted requests, beside twisted.web.guard."""
    listener = made()
    await listener.bind()
    checker = InMemoryUsernamePasswordDatabaseDontUse(**{USER.username: USER.password.encode()})
    guard = HTTPAuthSessionWrapper(Portal(Realm(), [checker]), [DigestCredentialFactory(b"md5", b"device")])
    site = Site(guard)
    site.log = lambda request: None
    theirs = reactor.listenTCP(0, site, interface="127.0.0.1")
    print(f"requests a second on one core, best of {ROUNDS} times {REQUESTS}")
    print(f"{'':26}{'this listener':>15}{'twisted.web.guard':>20}{'ratio':>8}")
    for what in ("refused", "accepted"):
        ours_best = await rate(listener.port_for("127.0.0.1"), what)
        theirs_best = await rate(theirs.getHost().port, what)
        name = {"refused": "refused (no credentials)", "accepted": "accepted (401, then 200)"}[what]
        print(f"{name:26}{ours_best:15.0f}{theirs_best:20.0f}{ours_best / theirs_best:8.2f}")
    await theirs.stopListening()
    await listener.stopService()


async def crowded() -> None:
    """Print the time of a valid request while thousands of connections are opened, and while they are open."""
    listener = made()
    await listener.bind()
    port = listener.port_for("127.0.0.1")
    crowd = [sys.executable, "-m", "tests.transport.connection_request.crowd", str(port), str(CROWD)]
    child = subprocess.Popen(crowd, cwd=CHECKOUT, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert child.stdin is not None and child.stdout is not None
    opened = deferToThread(child.stdout.readline)
    took: list[float] = []
    print(f"valid requests while another process opens {CROWD} idle connections, and then holds them")
    for name in ("opened", "held"):
        took.clear()
        while len(took) < 100 if name == "held" else not opened.called:
            began = time.perf_counter()
            await deferToThread(send_request, port, "/cr", True, "127.0.0.2")
            took.append(time.perf_counter() - began)
            await deferLater(reactor, 0.01, lambda: None)
        show(name, took)
    child.stdin.close()
    child.wait()
    await listener.stopService()


async def informs() -> None:
    """Print the time from an accepted request to the first byte of the Inform at the ACS."""
    with tempfile.TemporaryDirectory() as place:
        lab = LabAcs(reactor)
        site = lab.site()
        build, arrived = site.buildProtocol, [0.0]

        def noting(address: Any) -> Any:
            protocol = build(address)
            receive = protocol.dataReceived

            def received(data: bytes) -> None:
                arrived[0] = arrived[0] or time.perf_counter()
                receive(data)

            protocol.dataReceived = received
            return protocol

        site.buildProtocol = noting
        port = reactor.listenTCP(0, site, interface="127.0.0.1")
        accepted = [0.0]
        ended: list[Deferred[None]] = [Deferred()]

        def observer(fact: Fact) -> None:
            if isinstance(fact, ConnectionRequested):
                accepted[0] = time.perf_counter()
            elif isinstance(fact, SessionEnded):
                assert fact.success, fact.reason
                reactor.callLater(0, ended[-1].callback, None)

        url = f"http://127.0.0.1:{port.getHost().port}/"
        agent = Agent(parse(CONFIG.format(url=url, state=Path(place) / "state"), Path(place)), observer=observer)
        agent.startService()
        await ended[-1]
        agent.runtime.connection_requests.http._limit = RateLimit(
            requests=10**9
        )  # the default limit of 50 in 5 s is too low here
        request_url = agent.runtime.server.text("ConnectionRequestURL")
        number, path = int(request_url.split(":")[2].split("/")[0]), "/" + request_url.rpartition("/")[2]
        took = []
        for _ in range(SESSIONS):
            arrived[0] = 0.0
            ended.append(Deferred())
            await deferToThread(send_request, number, path, True)
            await ended[-1]
            took.append(arrived[0] - accepted[0])
        show("agent and ACS, no TLS", took)
        await agent.stopService()
        lab.close()
        await port.stopListening()


def made() -> ConnectionRequestListener:
    """A listener with one target, which accepts every request."""
    listener = ConnectionRequestListener(
        reactor,
        ["tcp:0:interface=127.0.0.1"],
        realm="device",
        nonce=lambda: secrets.token_hex(16),
        clock=time.monotonic,
    )
    listener.add("/cr", AcceptingTarget())
    return listener


def show(name: str, took: list[float]) -> None:
    """Print one line of figures."""
    took.sort()
    median, late, last = took[len(took) // 2], took[int(len(took) * 0.99)], took[-1]
    print(f"{name:26}median {median * 1e3:8.2f} ms   99th {late * 1e3:8.2f} ms   longest {last * 1e3:8.2f} ms")


async def main() -> None:
    print(f"from an accepted request to the first byte of the Inform at the ACS, {SESSIONS} times")
    await informs()
    await rates()
    await crowded()


if __name__ == "__main__":
    if sys.argv[1:2] == ["client"]:
        for _ in range(int(sys.argv[4])):
            send_request(int(sys.argv[2]), "/cr", sys.argv[3] == "accepted")
    else:
        logging.disable()
        react(lambda _: Deferred.fromCoroutine(main()))
