"""Cookies of a session (RFC 6265)."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from cwmpagent.transport.http.cookies import LONGEST_COOKIE, MOST_COOKIES, Cookies
from cwmpagent.transport.http.destination import parse_destination
from tests.transport.http.scripted import OK, ScriptedCase, answer

HERE = parse_destination("http://acs.example.net:7547/cwmp/session")


class Learning(SynchronousTestCase):
    def setUp(self) -> None:
        self.cookies = Cookies()

    def sent(self, url: str = "http://acs.example.net:7547/cwmp/session") -> bytes | None:
        return self.cookies.header(parse_destination(url))

    def test_several_at_once(self) -> None:
        self.cookies.learn(HERE, [b"a=1", b'b="two words"; Path=/', b"c=x=y; HttpOnly; Version=1", b"d="])
        self.assertEqual(self.sent(), b'a=1; c=x=y; d=; b="two words"')

    def test_replaced(self) -> None:
        self.cookies.learn(HERE, [b"a=1", b"a=2"])
        self.cookies.learn(HERE, [b"a=3; path=/"])
        self.assertEqual(self.sent(), b"a=2; a=3")

    def test_paths(self) -> None:
        self.cookies.learn(HERE, [b"in=1; Path=/cwmp", b"all=2; path=/", b"out=3; PATH=/other", b"default=4; path=x"])
        self.assertEqual(self.sent(), b"in=1; default=4; all=2")
        self.assertEqual(self.sent("http://acs.example.net/other/deep?x"), b"out=3; all=2")
        self.assertEqual(self.sent("http://acs.example.net/cwmpx"), b"all=2")

    def test_hosts(self) -> None:
        self.cookies.learn(
            HERE, [b"own=1", b"wide=2; Domain=.Example.net", b"foreign=3; Domain=example.com", b"all=4; Domain=net"]
        )
        self.assertEqual(self.sent(), b"own=1; wide=2")
        self.assertEqual(self.sent("http://other.example.net/cwmp/"), b"wide=2")
        self.assertIsNone(self.sent("http://badexample.net/cwmp/"))
        self.assertIsNone(self.sent("http://example.com/cwmp/"))

    def test_an_address_has_no_domain(self) -> None:
        here = parse_destination("http://192.0.2.1/")
        self.cookies.learn(here, [b"a=1; Domain=2.1", b"b=2; Domain=192.0.2.1"])
        self.assertEqual(self.cookies.header(here), b"b=2")

    def test_secure(self) -> None:
        self.cookies.learn(parse_destination("https://acs.example.net/"), [b"s=1; Secure", b"t=2"])
        self.assertEqual(self.sent("https://acs.example.net/"), b"s=1; t=2")
        self.assertEqual(self.sent("http://acs.example.net/"), b"t=2")

    def test_deleted(self) -> None:
        today = b"Sun, 06 Nov 2094 08:49:37 GMT"
        for gone in (
            b"a=; Max-Age=0",
            b"a=; max-age=-1; Expires=Fri, 31 Dec 9999 23:59:59 GMT",
            b"a=; Expires=Thu, 01 Jan 1970 00:00:00 GMT",
            b"a=; Expires=Thu, 01-Jan-70 00:00:00 GMT",
            b"a=; Expires=Sat, 06 Nov 2094 08:49:36 GMT",
        ):
            self.cookies.learn(HERE, [b"a=1"])
            self.cookies.learn(HERE, [gone], today)
            self.assertIsNone(self.sent(), gone)

    def test_kept_whatever_the_time(self) -> None:
        for cookie in (
            b"a=1; Expires=Sun, 06 Nov 2011 08:49:38 GMT",
            b"a=1; Max-Age=1",
            b"a=1; Max-Age=60; Expires=Thu, 01 Jan 1970 00:00:00 GMT",
            b"a=1; Expires=soon",
            b"a=1; Max-Age=never",
        ):
            cookies = Cookies()
            cookies.learn(HERE, [cookie], None if b"2011" in cookie else b"garbage")
            self.assertEqual(cookies.header(HERE), b"a=1", cookie)

    def test_malformed_ones_are_left_out(self) -> None:
        self.cookies.learn(
            HERE, [b"", b";", b"=x", b"novalue", b"a=\x00", b"b=1\r\nX: y", b"c=" + b"x" * LONGEST_COOKIE]
        )
        self.assertIsNone(self.sent())

    def test_bounded(self) -> None:
        for number in range(3 * MOST_COOKIES):
            self.cookies.learn(HERE, [b"c%d=x" % number])
        sent = self.sent() or b""
        self.assertEqual(len(sent.split(b"; ")), MOST_COOKIES)
        self.assertTrue(sent.endswith(b"c149=x"))

    @settings(deadline=None, max_examples=200)
    @given(st.lists(st.binary(max_size=60), max_size=5), st.binary(max_size=30))
    def test_anything_may_come(self, lines: list[bytes], date: bytes) -> None:
        cookies = Cookies()
        cookies.learn(HERE, [*lines, *(b"a=1;Expires=" + line for line in lines)], date)
        for byte in b"\r\n\x00":
            self.assertNotIn(byte, cookies.header(HERE) or b"")


class Returned(ScriptedCase):
    async def test_on_every_later_request_of_the_session_and_never_in_the_next(self) -> None:
        server = self.serve(
            answer(
                401,
                b"",
                'WWW-Authenticate: Basic realm="r"',
                "Set-Cookie: early=1",
                "Connection: close",
            ),
            answer(200, b"", "Set-Cookie: session=abc; Path=/", "Set-Cookie: node=7; Path=/acs", "Connection: close"),
            answer(307, b"", "Location: /acs/b", "Set-Cookie: node=8; Path=/acs"),
            OK,
        )
        client = self.client()
        exchange = self.exchange(server, client)
        await exchange.post(b"1")
        await exchange.post(b"2")
        await self.exchange(server, client).post(b"another session")
        self.assertEqual(
            [request["Cookie"] for request in server.requests],
            [None, "early=1", "node=7; early=1; session=abc", "node=8; early=1; session=abc", None],
        )
