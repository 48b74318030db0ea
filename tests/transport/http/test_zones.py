"""ACS URLs with the zone of a link-local IPv6 address (RFC 6874)."""

from __future__ import annotations

import socket
from typing import Any

import psutil
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from cwmpagent.errors import TransportError
from cwmpagent.transport.addresses import socket_address
from cwmpagent.transport.http.destination import parse_destination, redirected
from cwmpagent.transport.local_address import source_address
from tests.transport.http.scripted import OK, ScriptedCase, Stepped, answer

URL = "http://[fe80::1%25eth0]:{}/acs"


def own_link_local() -> list[str]:
    """The link-local addresses of this machine with their zones; a machine may have none."""
    return [
        entry.address
        for entries in psutil.net_if_addrs().values()
        for entry in entries
        if entry.family == socket.AF_INET6 and entry.address.startswith("fe80:") and "%" in entry.address
    ]


class Recording(Stepped):
    """A reactor that connects to 127.0.0.1 in place of any other address. ``hosts``: those addresses."""

    def __init__(self) -> None:
        super().__init__()
        self.hosts: list[str] = []

    def connectTCP(self, host: str, *args: Any, **kwargs: Any) -> Any:
        self.hosts.append(host)
        return super().connectTCP("127.0.0.1", *args, **kwargs)


class Sessions(ScriptedCase):
    async def test_connected_to_the_zone_which_is_not_sent(self) -> None:
        server = self.serve(OK)
        recording = Recording()
        exchange = self.exchange(URL.format(server.port), self.client(recording))
        self.assertEqual((await exchange.post(b"x")).status, 200)
        self.assertEqual(recording.hosts, ["fe80::1%eth0"])
        self.assertEqual(server.requests[0]["Host"], f"[fe80::1]:{server.port}")
        self.assertNotIn(b"eth0", server.connections[0].received)

    async def test_a_redirect_within_the_link(self) -> None:
        """The server knows no zone of this machine: its link-local addresses are in the zone of the ACS URL."""
        other = self.serve(OK)
        server = self.serve(answer(307, b"", f"Location: http://[fe80::2]:{other.port}/x"))
        recording = Recording()
        await self.exchange(URL.format(server.port), self.client(recording)).post(b"x")
        self.assertEqual(recording.hosts, ["fe80::1%eth0", "fe80::2%eth0"])
        self.assertEqual(other.requests[0]["Host"], f"[fe80::2]:{other.port}")

    async def test_an_interface_that_does_not_exist(self) -> None:
        posting = Deferred.fromCoroutine(self.exchange("http://[fe80::1%25nope-7]:7547/").post(b"x"))
        error = await self.assertFailure(posting, TransportError)
        self.assertEqual(str(error), "[fe80::1%nope-7]:7547: this machine has no network interface 'nope-7'")

    async def test_a_missing_zone(self) -> None:
        posting = Deferred.fromCoroutine(self.exchange("http://[fe80::1]:7547/").post(b"x"))
        error = await self.assertFailure(posting, TransportError)
        self.assertEqual(
            str(error),
            "the ACS URL has a link-local IPv6 address without its zone: add the interface, as in "
            "http://[fe80::1%25eth0]:7547/",
        )

    async def test_over_the_real_link(self) -> None:
        for address in own_link_local():
            server = self.serve(OK, interface=address)
            await self.exchange(f"http://[{address.replace('%', '%25')}]:{server.port}/").post(b"x")
            self.assertEqual(server.requests[0]["Host"], f"[{address.partition('%')[0]}]:{server.port}")


class Destinations(SynchronousTestCase):
    def test_parts(self) -> None:
        for url in ("https://[FE80::1%25Eth0]:7547/a?b", "https://[fe80::1%Eth0]:7547/a?b"):
            there = parse_destination(url)
            self.assertEqual((there.host, there.name), ("fe80::1%Eth0", "[fe80::1%Eth0]:7547"))
            self.assertEqual(there.host_header, "[fe80::1]:7547")
            self.assertEqual(there.url, "https://[fe80::1%25Eth0]:7547/a?b")
            self.assertEqual(parse_destination(there.url), there)

    def test_redirects(self) -> None:
        here = parse_destination("http://[fe80::1%25eth0]/a/b")
        for location, there in (
            (b"/x", "http://[fe80::1%25eth0]/x"),
            (b"c?d", "http://[fe80::1%25eth0]/a/c?d"),
            (b"http://[fe80::1]/x", "http://[fe80::1%25eth0]/x"),
            (b"https://[fe80::2]:7547/x]y", "https://[fe80::2%25eth0]:7547/x]y"),
            (b"http://[fe80::2%25eth1]/", "http://[fe80::2%25eth1]/"),
            (b"http://[2001:db8::1]/", "http://[2001:db8::1]/"),
            (b"http://acs.test/", "http://acs.test/"),
        ):
            self.assertEqual(redirected(here, location).url, there)
        elsewhere = parse_destination("http://[2001:db8::1]/")
        self.assertRaises(TransportError, redirected, elsewhere, b"http://[fe80::2]/")

    def test_refused(self) -> None:
        for url in ("http://[fe80::1%25]/", "http://[fe80::1%25a%2Fb]/", "http://[2001:db8::1%25eth0]/"):
            error = self.assertRaises(TransportError, parse_destination, url)
            self.assertTrue(str(error).startswith("the ACS URL "), str(error))


class Sockets(SynchronousTestCase):
    def test_the_zone_is_the_number_of_the_interface(self) -> None:
        self.assertEqual(socket_address("fe80::1%7", 9), ("fe80::1", 9, 0, 7))
        self.assertEqual(socket_address("192.0.2.1", 9), ("192.0.2.1", 9))
        self.assertRaises(OSError, socket_address, "fe80::1%nope-7", 9)

    def test_the_source_address_has_no_zone(self) -> None:
        """It is for the ConnectionRequestURL, and a zone means nothing to the ACS."""
        for address in own_link_local():
            self.assertEqual(source_address(address), address.partition("%")[0])
        self.assertIsNone(source_address("fe80::1%nope-7"))
