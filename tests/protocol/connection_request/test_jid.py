"""Jabber IDs: equality, invalid ones, and allowed senders."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from cwmpagent.protocol.connection_request.jid import Jid, allowed, parse


class ParseTests(SynchronousTestCase):
    def test_parts(self) -> None:
        self.assertEqual(parse("acs@x.example/lab"), Jid("acs", "x.example", "lab"))
        self.assertEqual(parse("x.example"), Jid("", "x.example", ""))
        self.assertEqual(parse("acs@x.example/a@b/c"), Jid("acs", "x.example", "a@b/c"))
        self.assertEqual(str(parse("ACS@X.example/Lab")), "acs@x.example/Lab")
        self.assertEqual(str(parse("x.example/r")), "x.example/r")
        self.assertEqual(parse("acs@[2001:DB8::1]"), Jid("acs", "[2001:db8::1]", ""))

    def test_the_same_one(self) -> None:
        for one, other in (
            ("ACS@X.Example/r", "acs@x.example/r"),
            ("acs@x.example.", "acs@x.example"),
            ("STRASSE@x.example", "stra\u00dfe@x.example"),
            ("acs@b\u00fccher.example", "acs@xn--bcher-kva.example"),
            ("acs@x\u3002example", "acs@x.example"),
            ("a@x.example/\u2168", "a@x.example/IX"),
        ):
            with self.subTest(one=one):
                self.assertEqual(parse(one), parse(other))
        self.assertNotEqual(parse("acs@x.example/R"), parse("acs@x.example/r"))

    def test_none(self) -> None:
        for text in (
            "",
            "@x.example",
            "acs@",
            "acs@x.example/",
            "a b@x.example",
            "a&b@x.example",
            "a@b@x.example",
            "acs@x..example",
            "acs@x example",
            "acs@\x00",
            "acs@[a\r\nb]",
            "acs@[x.example]",
            "acs@[fe80::1%x\r\ny]",
            "[]",
            "a\u0007@x.example",
            "a@x.example/\u0000",
            "n" * 1024 + "@x.example",
            "a@x.example/" + "r" * 1024,
        ):
            with self.subTest(text=text[:30]):
                self.assertRaises(ValueError, parse, text)

    @settings(max_examples=300, deadline=None)
    @given(st.text(max_size=60))
    def test_any_text_is_one_or_none(self, text: str) -> None:
        try:
            jid = parse(text)
        except ValueError:
            return
        self.assertEqual(parse(str(jid)), jid)


class AllowedTests(SynchronousTestCase):
    ENTRIES = ("ACS1@tr069.example.com", " acs2@tr069.example.com/resource1", "not a jid@", "")

    def test_nobody_named_is_everybody(self) -> None:
        for entries in ((), ("",), (" ",)):
            self.assertTrue(allowed("who@ever.example/x", entries))
            self.assertTrue(allowed("", entries))

    def test_bare_and_full(self) -> None:
        for sender in ("acs1@tr069.example.com/a", "ACS1@TR069.example.com/b", "acs1@tr069.example.com"):
            self.assertTrue(allowed(sender, self.ENTRIES), sender)
        self.assertTrue(allowed("acs2@tr069.example.com/resource1", self.ENTRIES))
        for sender in (
            "acs2@tr069.example.com/resource2",
            "acs2@tr069.example.com/Resource1",
            "acs2@tr069.example.com",
            "acs@tr069.example.com/resource1",
            "acs1@example.com/a",
            "tr069.example.com",
            "not a jid@",
            "",
        ):
            self.assertFalse(allowed(sender, self.ENTRIES), sender)
