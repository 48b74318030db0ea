"""Ten thousand idle connections from another process: a request with credentials is still served."""

from __future__ import annotations

import sys
from typing import Any

from twisted.internet import reactor as global_reactor
from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.protocol import Factory
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from cwmpagent.protocol.auth import Authenticator
from tests.process import Child
from tests.transport.connection_request.test_listener import (
    LOOPBACK,
    USER,
    Agent,
    Answer,
    Collector,
    counter,
    listener,
    port_of,
)

reactor: Any = global_reactor
CROWD = 10_000
PATIENCE = 5.0
"""Seconds that a good request may take on a loaded machine; benchmarks/connection_request.py has the figure."""


class CrowdTests(TestCase):
    timeout = 120

    async def ask(self, port: int, source: str, header: str = "") -> Answer:
        collector = Collector(f"GET /one HTTP/1.1\r\nConnection: close\r\n{header}\r\n".encode())
        endpoint = TCP4ClientEndpoint(reactor, "127.0.0.1", port, bindAddress=(source, 0))
        await endpoint.connect(Factory.forProtocol(lambda: collector))
        return Answer(await collector.gone)

    async def served(self, port: int, source: str) -> float:
        """Seconds of good requests with their challenges, each on a new connection."""
        began = reactor.seconds()
        ours = Authenticator(USER, cnonce=counter("c"), basic_allowed=False)
        self.assertTrue(ours.challenged((await self.ask(port, source)).all("www-authenticate")))
        header = f"Authorization: {ours.authorization('GET', '/one')}\r\n"
        self.assertEqual((await self.ask(port, source, header)).status, 200)
        return float(reactor.seconds() - began)

    async def test_ten_thousand_idle_connections(self) -> None:
        agent = Agent()
        made = listener(reactor, [LOOPBACK])
        made.add("/one", agent)
        await made.bind()
        made.startService()
        self.addCleanup(made.stopService)
        port = port_of(made)
        child = Child.start(
            reactor, [sys.executable, "-m", "tests.transport.connection_request.crowd", str(port), str(CROWD)]
        )
        took = []
        try:
            while f"open {CROWD}" not in child.out:
                self.assertFalse(child.ended.called, child.err)
                took.append(await self.served(port, "127.0.0.2"))
                await deferLater(reactor, 0.05, lambda: None)
            took += [await self.served(port, source) for source in ("127.0.0.2", "127.0.0.1") * 5]
        finally:
            child.signal("KILL")
            await child.ended
        self.assertEqual(len(agent.came), len(took))
        self.assertLess(max(took), PATIENCE)
