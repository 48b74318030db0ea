"""Several addresses of one name: random order, another one after a failure, resolution for each session."""

from __future__ import annotations

import random
from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from cwmpagent.errors import TransportError
from cwmpagent.transport.addresses import resolved, shuffled
from tests.transport.http.scripted import Names, ScriptedCase, Server, Stepped, answer, close


class Choosing(ScriptedCase):
    def pair(self, *script: object) -> tuple[Server, Server]:
        """Start two servers on the same port of 127.0.0.1 and 127.0.0.2."""
        first = self.serve(*script)
        return first, self.serve(*script, interface="127.0.0.2", port=first.port)

    async def test_spread_over_all_and_kept_for_a_session(self) -> None:
        servers = self.pair()
        names = Names(acs=["127.0.0.1", "127.0.0.2"])
        client = self.client(resolver=names)
        for number in range(20):
            exchange = self.exchange(f"http://acs.test:{servers[0].port}/", client)
            for server in servers:
                server.script[:] = [answer(200, b"", "Connection: close")] * 3
            for _ in range(3):
                await exchange.post(b"x")
            self.assertEqual(len(names.asked), number + 1, "asked anew for each session, and once")
        for server in servers:
            self.assertGreater(len(server.requests), 9)
            self.assertEqual(len(server.requests) % 3, 0, "a session stays with its address")

    async def test_another_where_the_first_cannot_be_reached(self) -> None:
        alive = self.serve()
        names = Names(acs=["127.0.0.2", "127.0.0.1", "127.0.0.3"])
        client = self.client(resolver=names)
        for _ in range(8):
            exchange = self.exchange(f"http://acs.test:{alive.port}/", client)
            self.assertEqual((await exchange.post(b"x")).status, 200)
        self.assertEqual(len(alive.requests), 8)

    async def test_another_in_the_session_after_a_failed_one(self) -> None:
        bad, good = self.pair()
        bad.script[:] = [close] * 50
        client = self.client(resolver=Names(acs=["127.0.0.1", "127.0.0.2"]))
        failed = 0
        for _ in range(20):
            before = failed
            try:
                await self.exchange(f"http://acs.test:{bad.port}/", client).post(b"x")
            except TransportError:
                failed += 1
                self.assertEqual(before, failed - 1)
                await self.exchange(f"http://acs.test:{bad.port}/", client).post(b"the next session")
                self.assertEqual(good.requests[-1].body, b"the next session")
        self.assertGreater(failed, 3)

    async def test_none_can_be_reached(self) -> None:
        server = self.serve()
        port = server.port
        await server.listening.stopListening()
        client = self.client(resolver=Names(acs=["127.0.0.1", "127.0.0.2"]))
        failing = Deferred.fromCoroutine(self.exchange(f"http://acs.test:{port}/", client).post(b"x"))
        error = await self.assertFailure(failing, TransportError)
        self.assertRegex(str(error), rf"^acs\.test:{port} at 127\.0\.0\.[12]: cannot be reached: Connection refused$")

    async def test_an_unknown_name(self) -> None:
        failing = Deferred.fromCoroutine(self.exchange("http://acs.test/", self.client(resolver=Names())).post(b"x"))
        error = await self.assertFailure(failing, TransportError)
        self.assertEqual(str(error), "acs.test:80: no address is known for this name")

    async def test_a_resolver_that_raises(self) -> None:
        class Broken(Names):
            def resolveHostName(self, *args: object, **kwargs: object) -> None:
                raise UnicodeError("label too long")

        failing = Deferred.fromCoroutine(self.exchange("http://acs.test/", self.client(resolver=Broken())).post(b"x"))
        await self.assertFailure(failing, TransportError)

    async def test_the_systems_own_resolver(self) -> None:
        server = self.serve()
        self.assertEqual((await self.exchange(f"http://localhost:{server.port}/").post(b"x")).status, 200)

    async def test_ipv6(self) -> None:
        """Connects to an IPv4 socket, because not every machine has IPv6."""

        class Leading(Stepped):
            attempts: tuple[str, ...] = ()

            def connectTCP(self, host: str, *args: Any, **kwargs: Any) -> Any:
                self.attempts += (host,)
                return super().connectTCP("127.0.0.1", *args, **kwargs)

        server, leading = self.serve(), Leading()
        client = self.client(leading, resolver=Names(acs=["2001:db8::1"]))
        await self.exchange(f"http://[::1]:{server.port}/", client).post(b"x")
        self.assertEqual(server.requests[0]["Host"], f"[::1]:{server.port}")
        await self.exchange(f"http://acs.test:{server.port}/", client).post(b"y")
        self.assertEqual(leading.attempts, ("::1", "2001:db8::1"))


class Order(SynchronousTestCase):
    def test_every_address_comes_first_equally_often(self) -> None:
        lot, first = random.Random(3), {"a": 0, "b": 0, "c": 0}
        for _ in range(3000):
            order = shuffled(["a", "b", "c"], lot)
            self.assertEqual(sorted(order), ["a", "b", "c"])
            first[order[0]] += 1
        for count in first.values():
            self.assertTrue(850 < count < 1150, first)

    def test_the_failed_one_comes_last(self) -> None:
        for seed in range(20):
            self.assertEqual(shuffled(["a", "b", "c"], random.Random(seed), "b")[-1], "b")
        self.assertEqual(shuffled(["b"], random.Random(1), "b"), ["b"])


class NoHostTests(SynchronousTestCase):
    def test_text_that_is_no_host_has_no_address(self) -> None:
        """A provider or a dump can give any text; the zone of an IPv6 address would reach headers and logs."""
        names = Names()
        for host in ("a\r\nb.test", "a b.test", "fe80::1%x\r\nX-Evil: 1", "192.0.2.1\n", "\0", " ", ""):
            self.assertEqual(self.successResultOf(resolved(names, host)), [], host)
        self.assertEqual(names.asked, [])
        self.assertEqual(self.successResultOf(resolved(names, "fe80::1%eth0")), ["fe80::1%eth0"])
