"""The rules of the kick page: hostile queries, and what counts as a web address."""

from __future__ import annotations

from urllib.parse import quote, urlencode, urlsplit

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from cwmpagent.protocol.kick import is_web_url, kick_path, kicked_from, web_origin
from cwmpagent.protocol.rpc import Kicked
from cwmpagent.protocol.soap import Envelope, decode, encode

NEXT = "https://portal.example:8443/a/b?c=d&e=%20#f"


class QueryTests(SynchronousTestCase):
    def refused(self, query: str) -> str:
        return str(self.assertRaises(ValueError, kicked_from, query))

    def test_the_arguments(self) -> None:
        query = urlencode({"command": "17", "arg": "é & <b>", "next": NEXT})
        self.assertEqual(
            kicked_from(query, "http://isp.example/"), Kicked("17", "http://isp.example/", "é & <b>", NEXT)
        )

    def test_each_may_be_missing_but_not_all(self) -> None:
        self.assertEqual(kicked_from("arg="), Kicked("", "", "", ""))
        self.assertEqual(kicked_from("command=1&utm=x"), Kicked("1", "", "", ""))
        for query in ("", "&&&", "Command=1", "x=1", "ommand=1"):
            self.assertIn("missing", self.refused(query))

    def test_bounds(self) -> None:
        url = "http://a.example/"
        for name, longest, start in (("command", 32, ""), ("arg", 256, ""), ("next", 1024, url)):
            text = start + "x" * (longest - len(start))
            self.assertEqual(getattr(kicked_from(f"{name}={quote(text)}"), name), text)
            self.assertIn(f"argument {name}", self.refused(f"{name}={quote(text)}x"))
        self.assertIn("At most 16", self.refused("&".join(f"a{number}=1" for number in range(17))))

    def test_hostile_queries(self) -> None:
        for query in (
            "command=1&command=2",
            "next=http://a.example/&n%65xt=http://b.example/",
            "command=%00",
            "arg=a%0D%0ALocation:%20http://evil.example",
            "arg=%ff%fe",
            "arg=\udcff",
            "arg=%ed%a0%80",
            "arg=%e2%80%ae",
            "command=%1b[31m",
            "next=%20http://a.example/",
        ):
            self.assertNotIn("evil", self.refused(query))

    def test_no_text_of_the_query_in_a_refusal(self) -> None:
        for name in ("command", "arg", "next"):
            self.assertNotIn("<script>", self.refused(f"{name}=<script>%00"))

    def test_a_referer_is_cut_or_left_out(self) -> None:
        long = "http://isp.example/" + "x" * 100
        self.assertEqual(kicked_from("command=1", long).referer, long[:64])
        for odd in ("about:blank", "http://user:secret@isp.example/", "http://a.example/\r\nX: y", "x" * 9000, "é"):
            self.assertEqual(kicked_from("command=1", odd).referer, "")

    @given(st.text(), st.text())
    def test_whatever_comes_it_is_refused_or_can_be_sent(self, query: str, referer: str) -> None:
        try:
            kicked = kicked_from(query, referer)
        except ValueError:
            return
        self.assertEqual(decode(encode(Envelope(body=kicked, id="1"))).body, kicked)

    @given(*[st.text()] * 3)
    def test_whatever_its_arguments_are(self, command: str, arg: str, following: str) -> None:
        query = urlencode({"command": command, "arg": arg, "next": following}, errors="surrogatepass")
        try:
            kicked = kicked_from(query)
        except ValueError:
            return
        self.assertEqual((kicked.command, kicked.arg, kicked.next), (command, arg, following))
        self.assertEqual(decode(encode(Envelope(body=kicked, id="1"))).body, kicked)


class UrlTests(SynchronousTestCase):
    def test_web_addresses(self) -> None:
        for url in (NEXT, "http://a", "HTTP://A.example?x", "http://[2001:db8::1]:80/x", "http://192.0.2.1/a[1]'~"):
            self.assertTrue(is_web_url(url), url)

    def test_what_is_none(self) -> None:
        for url in (
            "",
            "/local",
            "//evil.example/",
            "javascript:alert(1)",
            "data:text/html,x",
            "ftp://a.example/",
            "http:a.example",
            "http:///a",
            "http://",
            "http://user@a.example/",
            "http://user:secret@a.example/",
            "http://a.example:80@evil.example/",
            "http://a.example\\@evil.example/",
            "http://a.example/\\evil",
            "http://a.example:port/",
            "http://a.example/\r\nSet-Cookie: x=1",
            "http://a.example/\n",
            "http://a.example/ x",
            "http://a.example/<b>",
            'http://a.example/"',
            "http://é.example/",
            "http://a.example/é",
            "http://[fe80::1%25eth0]/",
            " http://a.example/",
            "http://a.example/" + "x" * 1024,
        ):
            self.assertFalse(is_web_url(url), url)

    @given(st.from_regex(r"https?://[ -~]{0,40}", fullmatch=True))
    def test_the_host_is_what_everyone_takes_for_it(self, url: str) -> None:
        if is_web_url(url):
            parts = urlsplit(url)
            self.assertTrue(parts.hostname)
            self.assertIsNone(parts.username)
            self.assertEqual(web_origin(url), url[: len(web_origin(url))])

    def test_the_log_has_no_secrets_of_a_url(self) -> None:
        self.assertEqual(web_origin("https://a.example:1/x?token=secret#s"), "https://a.example:1")

    def test_the_path_does_not_tell_that_of_connection_requests(self) -> None:
        path = kick_path("/5e1f0b")
        self.assertRegex(path, "^/[0-9a-f]{32}$")
        self.assertEqual(path, kick_path("/5e1f0b"))
        self.assertNotEqual(path, kick_path("/5e1f0c"))
