"""A POST of a session beside treq.post, on loopback, with and without TLS: python benchmarks/session_http.py

Client and server run in one process, so both columns include the server. Only the ratio is meaningful.
"""

from __future__ import annotations

import random
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import treq
from OpenSSL import SSL
from twisted.internet import reactor, ssl
from twisted.internet.defer import Deferred
from twisted.web.client import Agent, BrowserLikePolicyForHTTPS, HTTPConnectionPool
from twisted.web.resource import Resource
from twisted.web.server import Site

sys.path.insert(0, str(Path(__file__).parent.parent))

from cwmpagent.transport.http.acs_client import AcsClient
from cwmpagent.transport.tls.trust import TlsTrust
from tests.transport.certificates import Authority
from tests.transport.http.scripted import Contexts

BODY = b"<envelope>" + b"x" * 3000 + b"</envelope>"
SESSIONS = 100
POSTS = 10


class Answering(Resource):
    isLeaf = True

    def render_POST(self, request: Any) -> bytes:
        request.content.read()
        return BODY


async def measured(work: Callable[[], Awaitable[None]]) -> float:
    """Time of one POST in microseconds, the best of three rounds."""
    rounds = []
    for _ in range(3):
        start = time.perf_counter()
        for _ in range(SESSIONS):
            await work()
        rounds.append((time.perf_counter() - start) / SESSIONS / POSTS * 1e6)
    return min(rounds)


async def compared(name: str, url: str, trust: TlsTrust, authority: Authority) -> None:
    client = AcsClient(reactor, trust, random=random.Random(1), cnonce=lambda: "c", warn=print)
    policy = BrowserLikePolicyForHTTPS(trustRoot=ssl.Certificate.loadPEM(authority.own.pem))

    async def ours() -> None:
        exchange = client.open(url, "u", "p")
        for _ in range(POSTS):
            await exchange.post(BODY)
        await exchange.close()

    async def bare() -> None:
        pool = HTTPConnectionPool(reactor)
        agent = Agent(reactor, policy, pool=pool)
        for _ in range(POSTS):
            answer = await treq.post(url, data=BODY, agent=agent)
            await answer.content()
        await pool.closeCachedConnections()

    mine, theirs = await measured(ours), await measured(bare)
    print(f"{name:5}  session {mine:7.0f} us a POST   treq.post {theirs:7.0f} us   ratio {mine / theirs:.2f}")


async def main(directory: Path) -> None:
    authority = Authority()
    shown = authority.sign("127.0.0.1")
    context = SSL.Context(SSL.TLS_SERVER_METHOD)
    context.use_certificate(shown.certificate)
    context.use_privatekey(shown.private)
    (directory / "ca.pem").write_bytes(authority.own.pem)
    trust = TlsTrust(directory / "ca.pem")
    site = Site(Answering())
    site.noisy = False
    site.displayTracebacks = False
    site.log = lambda request: None
    plain = reactor.listenTCP(0, site, interface="127.0.0.1")
    secure = reactor.listenSSL(0, site, Contexts(context), interface="127.0.0.1")
    print(f"{SESSIONS} sessions of {POSTS} POSTs, {len(BODY)} bytes each way")
    await compared("plain", f"http://127.0.0.1:{plain.getHost().port}/", trust, authority)
    await compared("TLS", f"https://127.0.0.1:{secure.getHost().port}/", trust, authority)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as made:
        running = Deferred.fromCoroutine(main(Path(made)))
        running.addErrback(lambda failure: failure.printTraceback())
        running.addBoth(lambda _: reactor.stop())
        reactor.run()
