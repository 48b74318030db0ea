"""Redirects: followed with the same method and body, for the rest of the session."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from cwmpagent.errors import TransportError
from cwmpagent.transport.http.destination import parse_destination, redirected
from tests.transport.http.scripted import OK, Names, ScriptedCase, answer, connections


class Following(ScriptedCase):
    async def test_each_kind(self) -> None:
        for status in (301, 302, 307, 308):
            server = self.serve(answer(status, b"moved", "Location: /new?x=1"), OK, OK)
            exchange = self.exchange(server)
            await exchange.post(b"<inform/>")
            await exchange.post(b"")
            lines = [request.line.split()[:2] for request in server.requests]
            self.assertEqual(lines, [["POST", "/acs"], ["POST", "/new?x=1"], ["POST", "/new?x=1"]])
            self.assertEqual([request.body for request in server.requests], [b"<inform/>", b"<inform/>", b""])
            self.assertEqual(server.requests[1]["SOAPAction"], "")
            self.assertEqual(connections(server), [1, 1, 1])

    async def test_to_another_server(self) -> None:
        new = self.serve(OK, OK)
        old = self.serve(answer(302, b"", f"Location: http://other.test:{new.port}/there", "Set-Cookie: old=1"))
        client = self.client(resolver=Names(other=["127.0.0.1"]))
        exchange = self.exchange(old, client)
        await exchange.post(b"1")
        await exchange.post(b"2")
        self.assertEqual(len(old.requests), 1)
        self.assertTrue(old.connections[0].lost, "the first connection is closed before the second opens")
        self.assertEqual([request.line for request in new.requests], ["POST /there HTTP/1.1"] * 2)
        self.assertEqual(new.requests[0]["Host"], f"other.test:{new.port}")
        self.assertIsNone(new.requests[0]["Cookie"])

    async def test_another_server_gets_no_answer_to_the_firsts_challenge(self) -> None:
        new = self.serve(OK)
        old = self.serve(
            answer(401, b"", 'WWW-Authenticate: Basic realm="r"'),
            answer(307, b"", f"Location: http://127.0.0.1:{new.port}/"),
        )
        await self.exchange(old).post(b"1")
        self.assertIsNone(new.requests[0]["Authorization"])

    async def test_five_in_a_row_and_no_more(self) -> None:
        hops = [answer(302, b"", f"Location: /{number}") for number in range(6)]
        server = self.serve(*hops[:5], OK, *hops[:5], OK)
        exchange = self.exchange(server)
        self.assertEqual((await exchange.post(b"1")).status, 200)
        self.assertEqual((await exchange.post(b"2")).status, 200)
        server = self.serve(*hops, OK)
        error = await self.assertFailure(Deferred.fromCoroutine(self.exchange(server).post(b"1")), TransportError)
        self.assertEqual(len(server.requests), 6)
        self.assertEqual(str(error), f"127.0.0.1:{server.port}: redirected more than 5 times in a row")

    async def test_leading_nowhere(self) -> None:
        for fields in (
            (),
            ("Location: ",),
            ("Location: ftp://h/",),
            ("Location: https://",),
            ("Location: http://[::1/",),
            ("Location: http://u:p@h/",),
            ("Location: http://h:x/",),
        ):
            server = self.serve(answer(302, b"", *fields))
            error = await self.assertFailure(Deferred.fromCoroutine(self.exchange(server).post(b"1")), TransportError)
            self.assertTrue(str(error).startswith(f"127.0.0.1:{server.port}: redirects "), str(error))


class Destinations(SynchronousTestCase):
    def test_relative(self) -> None:
        here = parse_destination("http://acs.test:7547/a/b?c=d")
        for location, there in (
            (b"/x", "http://acs.test:7547/x"),
            (b"x?y", "http://acs.test:7547/a/x?y"),
            (b"../x", "http://acs.test:7547/x"),
            (b"?y", "http://acs.test:7547/a/b?y"),
            (b"//other.test/x", "http://other.test/x"),
            (b"https://acs.test/", "https://acs.test/"),
            ("/ü b#c".encode(), "http://acs.test:7547/%C3%BC%20b"),
        ):
            self.assertEqual(redirected(here, location).url, there)

    def test_never_from_https_to_http(self) -> None:
        here = parse_destination("https://acs.test/")
        self.assertEqual(redirected(here, b"/x").url, "https://acs.test/x")
        error = self.assertRaises(TransportError, redirected, here, b"http://acs.test/")
        self.assertEqual(str(error), "acs.test:443: redirects from https to http, which is not followed")

    def test_parts(self) -> None:
        there = parse_destination("https://[::1]:7547")
        self.assertEqual((there.host, there.port, there.target, there.secure), ("::1", 7547, "/", True))
        self.assertEqual((there.name, there.host_header), ("[::1]:7547", "[::1]:7547"))
        self.assertEqual(parse_destination("http://acs.test/").host_header, "acs.test")
        self.assertEqual(parse_destination("http://[::1]/").host_header, "[::1]")
        self.assertEqual(parse_destination("HTTP://Bücher.test/").host, "xn--bcher-kva.test")
