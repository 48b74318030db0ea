"""Server addresses of an account: DNS on loopback, and the order of attempts."""

from __future__ import annotations

import random
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

from twisted.internet import reactor as global_reactor
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.protocol import DatagramProtocol
from twisted.internet.task import Clock
from twisted.names import dns
from twisted.trial.unittest import SynchronousTestCase, TestCase

from cwmpagent.errors import XmppError
from cwmpagent.protocol.connection_request.xmpp_account import Account, Server
from cwmpagent.transport.xmpp.servers import ServerAddress, ServerAddresses, ascii_host
from cwmpagent.transport.xmpp.srv import MOST_SERVERS, Lookup, system_name_servers

reactor: Any = global_reactor
NAME = "_xmpp-client._tcp.example.org"

Answering = Callable[[Any], bytes | None]


def srv(host: str, port: int = 5222, priority: int = 0, weight: int = 0) -> dns.RRHeader:
    return dns.RRHeader(NAME, dns.SRV, payload=dns.Record_SRV(priority, weight, port, host))


def answer(*records: dns.RRHeader, code: int = dns.OK) -> Answering:
    def make(question: Any) -> bytes:
        message = dns.Message(question.id, answer=1, rCode=code, maxSize=65535)
        message.queries, message.answers = question.queries, list(records)
        return bytes(message.toStr())

    return make


class NameServer(DatagramProtocol):
    """DNS server with one fixed response. ``asked``: the names and types of the queries."""

    def __init__(self, answering: Answering) -> None:
        self.answering = answering
        self.asked: list[tuple[str, int]] = []

    def datagramReceived(self, data: bytes, address: Any) -> None:
        self.sender = address
        question = dns.Message()
        question.fromStr(data)
        self.asked += [(str(each.name), each.type) for each in question.queries]
        told = self.answering(question)
        if told is not None:
            self.transport.write(told, address)


class LookupTests(TestCase):
    timeout = 30

    def serve(self, answering: Answering) -> tuple[NameServer, tuple[str, int]]:
        server = NameServer(answering)
        port = reactor.listenUDP(0, server, interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        return server, ("127.0.0.1", port.getHost().port)

    def lookup(self, *addresses: tuple[str, int], seconds: float = 10) -> Lookup:
        return Lookup(reactor, seconds, lambda: addresses)

    async def test_records(self) -> None:
        server, address = self.serve(answer(srv("a.example.org", 5223, 10, 20), srv("b.example.org.", 5222, 5)))
        found = await self.lookup(address)(NAME)
        self.assertEqual(found, [Server("a.example.org", 5223, 10, 20), Server("b.example.org", 5222, 5)])
        self.assertEqual(server.asked, [(NAME, dns.SRV)])

    async def test_no_such_name_is_an_answer(self) -> None:
        _, address = self.serve(answer(code=dns.ENAME))
        other, second = self.serve(answer(srv("a.example.org")))
        self.assertEqual(await self.lookup(address, second)(NAME), [])
        self.assertEqual(other.asked, [])

    async def test_no_such_service(self) -> None:
        _, address = self.serve(answer(srv("")))
        self.assertEqual(await self.lookup(address)(NAME), [Server("")])

    async def test_the_next_one_where_one_fails(self) -> None:
        _, broken = self.serve(answer(code=dns.ESERVER))
        _, silent = self.serve(lambda question: None)
        _, good = self.serve(answer(srv("a.example.org")))
        self.assertEqual(await self.lookup(broken, silent, good, seconds=0.1)(NAME), [Server("a.example.org")])
        self.assertEqual(await self.lookup(broken, silent, seconds=0.1)(NAME), [])

    async def test_other_records_do_not_count(self) -> None:
        alias = dns.RRHeader(NAME, dns.CNAME, payload=dns.Record_CNAME("x.example.org"))
        _, address = self.serve(answer(alias, srv("a.example.org")))
        self.assertEqual(await self.lookup(address)(NAME), [Server("a.example.org")])

    async def test_not_more_than_there_is_a_place_for(self) -> None:
        _, address = self.serve(answer(*[srv(f"n{number}.example.org") for number in range(MOST_SERVERS + 20)]))
        self.assertEqual(len(await self.lookup(address)(NAME)), MOST_SERVERS)

    async def test_what_is_no_dns_is_passed_over(self) -> None:
        seed = random.Random(11)
        good = answer(srv("a.example.org"))

        def noise(question: Any) -> bytes:
            whole = bytearray(good(question))
            for _ in range(3):
                whole[seed.randrange(2, len(whole))] = seed.randrange(256)
            return bytes(whole[: seed.randrange(2, len(whole))])

        server, address = self.serve(noise)
        _, second = self.serve(good)
        for _ in range(60):
            found = await self.lookup(address, second, seconds=0.02)(NAME)
            self.assertIsInstance(found, list)
        self.assertGreater(len(server.asked), 59)
        self.assertEqual(self.flushLoggedErrors(), [])

    async def test_somebody_elses_answer(self) -> None:
        def from_elsewhere(question: Any) -> None:
            other = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            with other:
                other.bind(("127.0.0.3", 0))
                other.sendto(answer(srv("evil.example.org"))(question), ("127.0.0.1", server.sender[1]))

        server, address = self.serve(from_elsewhere)
        self.assertEqual(await self.lookup(address, seconds=0.2)(NAME), [])

    async def test_cancelled(self) -> None:
        server, address = self.serve(lambda question: None)
        waiting = Deferred.fromCoroutine(self.lookup(address)(NAME))
        while not server.asked:
            await self.pause()
        waiting.cancel()
        await self.assertFailure(waiting, CancelledError)

    async def test_a_name_that_dns_cannot_write_leaves_nothing_open(self) -> None:
        _, address = self.serve(answer())
        with self.assertRaises(ValueError):
            await self.lookup(address)("x" * 300 + ".example.org")

    def pause(self) -> Deferred[None]:
        waiting: Deferred[None] = Deferred()
        reactor.callLater(0.01, waiting.callback, None)
        return waiting


class NameServersTests(SynchronousTestCase):
    def servers(self, text: str) -> list[str]:
        path = Path(self.mktemp())
        path.write_text(text)
        return [host for host, port in system_name_servers(path) if port == 53]

    def test_read(self) -> None:
        text = "# x\nsearch example.org\nnameserver 192.0.2.1\n nameserver fe80::1%eth0 x\nnameserver\nnameserver x\n"
        self.assertEqual(self.servers(text), ["192.0.2.1", "fe80::1"])

    def test_three_at_most(self) -> None:
        self.assertEqual(len(self.servers("".join(f"nameserver 192.0.2.{each}\n" for each in range(9)))), 3)

    def test_none(self) -> None:
        self.assertEqual(self.servers(""), ["127.0.0.1"])
        self.assertEqual(system_name_servers(Path(self.mktemp())), [("127.0.0.1", 53)])


class _Resolving:
    """A clock with a name resolver for the names of ``known``."""

    def __init__(self, known: dict[str, list[str]]) -> None:
        self.known = known
        self.asked: list[str] = []
        self.clock = Clock()
        self.nameResolver = self

    def __getattr__(self, name: str) -> Any:
        return getattr(self.clock, name)

    def resolveHostName(self, receiver: Any, host: str, **_: object) -> None:
        from twisted.internet.address import IPv4Address

        self.asked.append(host)
        for each in self.known.get(host, []):
            receiver.addressResolved(IPv4Address("TCP", each, 0))
        receiver.resolutionComplete()


class PlacesTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.reactor = _Resolving({"example.org": ["192.0.2.1"], "a.example.org": ["192.0.2.2", "192.0.2.3"]})
        self.records: list[Server] | Exception = []

    async def lookup(self, name: str) -> list[Server]:
        self.looked_up = name
        if isinstance(self.records, Exception):
            raise self.records
        return self.records

    def resolve(self, **account: Any) -> Any:
        places = ServerAddresses(self.reactor, random.Random(1), self.reactor.seconds, self.lookup, 5.0)
        given = {"username": "u", "password": "p", "domain": "example.org"} | account
        return Deferred.fromCoroutine(places.resolve(Account(**given)))

    def found(self, **account: Any) -> list[ServerAddress]:
        return self.successResultOf(self.resolve(**account))  # type: ignore[no-any-return]

    def refused(self, **account: Any) -> XmppError:
        return self.failureResultOf(self.resolve(**account), XmppError).value  # type: ignore[no-any-return]

    def test_by_records(self) -> None:
        self.records = [Server("example.org", 5222, 20), Server("a.example.org", 5223, 10)]
        found = self.found()
        self.assertEqual(self.looked_up, NAME)
        self.assertEqual({each.address for each in found[:2]}, {"192.0.2.2", "192.0.2.3"})
        self.assertEqual(found[2], ServerAddress("192.0.2.1", 5222, "example.org:5222 at 192.0.2.1"))

    def test_without_records_the_domain_itself(self) -> None:
        for records in ([], OSError("no network"), [Server("a.example.org", 0)]):
            self.records = records
            self.assertEqual([each.address for each in self.found()], ["192.0.2.1"])

    def test_dns_alone_asks_for_no_records(self) -> None:
        self.records = [Server("a.example.org")]
        self.assertEqual([each.address for each in self.found(algorithm="DNS")], ["192.0.2.1"])

    def test_a_domain_without_the_service(self) -> None:
        self.records = [Server("")]
        error = self.refused()
        self.assertEqual(error.status, "ServerNotPresent")
        self.assertIn("no XMPP server", str(error))

    def test_an_address_as_domain(self) -> None:
        self.assertEqual([each.address for each in self.found(domain="192.0.2.9")], ["192.0.2.9"])
        self.assertEqual(self.found(domain="[2001:db8::1]")[0].name, "[2001:db8::1]:5222")
        self.assertEqual(self.reactor.asked, [])

    def test_the_table(self) -> None:
        servers = (Server("nobody.example.org"), Server("192.0.2.7", 5299))
        self.assertEqual(
            self.found(algorithm="ServerTable", servers=servers), [ServerAddress("192.0.2.7", 5299, "192.0.2.7:5299")]
        )
        self.assertEqual(self.refused(algorithm="ServerTable").status, "Error_Misconfigured")
        self.assertEqual(self.refused(algorithm="ServerTable", servers=servers[:1]).status, "ServerNotPresent")

    def test_a_lookup_that_hangs_is_given_up(self) -> None:
        async def lookup(name: str) -> list[Server]:
            return await Deferred()

        self.lookup = lookup  # type: ignore[method-assign]
        waiting = self.resolve()
        self.assertNoResult(waiting)
        self.reactor.advance(5.1)
        self.assertEqual([each.address for each in self.successResultOf(waiting)], ["192.0.2.1"])

    def test_domains(self) -> None:
        self.assertEqual(ascii_host("B\u00fccher.Example"), "xn--bcher-kva.example")
        for domain in ("", "a b", "x" * 300 + ".org", "a..b", "-"):
            try:
                self.assertTrue(ascii_host(domain).isascii())
            except XmppError as error:
                self.assertEqual(error.status, "Error_Misconfigured")
