"""Stream parser: valid XML is read in pieces of any size, everything else ends the stream."""

from __future__ import annotations

import tracemalloc
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase
from twisted.words.xish.domish import ParserError

from cwmpagent.transport.xmpp.elements import BoundedElements
from cwmpagent.transport.xmpp.limits import XmppLimits

LIMITS = XmppLimits()
HEADER = b"<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>"


def reader(limits: XmppLimits = LIMITS) -> tuple[BoundedElements, list[Any]]:
    """A parser and its elements."""
    elements = BoundedElements(limits)
    seen: list[Any] = []
    elements.DocumentStartEvent = lambda root: None
    elements.ElementEvent = seen.append
    elements.DocumentEndEvent = lambda: None
    return elements, seen


class NamespaceTests(SynchronousTestCase):
    """A namespace name with a blank, or with other characters that are in no URI, is read as any other."""

    def test_names_that_are_no_uris(self) -> None:
        for uri in ("a b", " ", "urn:a ..\\b.xsd", "a|{b}", "\u00e9"):
            elements, seen = reader()
            elements.parse(HEADER)
            elements.parse(f"<iq id='1'><x xmlns='{uri}' a='1'><y/></x><q:z xmlns:q='{uri}' q:b='2'/></iq>".encode())
            elements.parse(b"<message/>")
            self.assertEqual(
                [(each.uri, each.name) for each in seen], [("jabber:client", each) for each in ("iq", "message")]
            )
            x, z = seen[0].elements()
            self.assertEqual((x.uri, x.name, x.attributes), (uri, "x", {"a": "1"}))
            self.assertEqual((z.uri, z.name, z.attributes), (uri, "z", {(uri, "b"): "2"}))
            self.assertEqual([(each.uri, each.name) for each in x.elements()], [(uri, "y")])

    def test_attributes_without_a_namespace(self) -> None:
        elements, seen = reader()
        elements.parse(HEADER + b"<iq id='1' xml:lang='en'/>")
        lang = ("http://www.w3.org/XML/1998/namespace", "lang")
        self.assertEqual(seen[0].attributes, {"id": "1", lang: "en"})


class BoundTests(SynchronousTestCase):
    def refused(self, *pieces: bytes, limits: XmppLimits = LIMITS) -> str:
        """The reason with which these pieces end a stream."""
        elements, _ = reader(limits)
        elements.parse(HEADER)
        with self.assertRaises(ParserError) as caught:
            for piece in pieces:
                elements.parse(piece)
        return str(caught.exception)

    def test_a_stanza_of_64_kib_and_none_above(self) -> None:
        frame = len(b"<iq></iq>")
        elements, seen = reader()
        elements.parse(HEADER)
        for _ in range(50):
            elements.parse(b"<iq>" + b"x" * (65536 - frame) + b"</iq> ")
        self.assertEqual(len(seen), 50)
        self.assertIn("too large", self.refused(b"<iq>" + b"x" * 65537 + b"</iq>"))

    def test_it_is_refused_before_it_ends(self) -> None:
        for start in (b"<iq>", b"<iq a='", b"<", b"<iq>&lt;", b"<iq><![CDATA["):
            elements, _ = reader()
            elements.parse(HEADER)
            elements.parse(start)
            fed = 0
            with self.assertRaises(ParserError):
                for _ in range(1000):
                    fed += 1000
                    elements.parse(b"x" * 1000)
            self.assertLess(fed, 70_000, start)

    def test_no_header_is_longer_either(self) -> None:
        elements, _ = reader()
        elements.parse(b"<stream:stream a='")
        with self.assertRaises(ParserError):
            for _ in range(70):
                elements.parse(b"x" * 1000)

    def test_what_no_stream_may_have(self) -> None:
        for piece, words in (
            (b"<!-- x -->", "a comment"),
            (b"<?php x?>", "a processing instruction"),
            (b"<iq>&unknown;</iq>", "not XML"),
            (b"<iq>\xff</iq>", "not XML"),
            (b"<iq></message>", "not XML"),
            (b"text", "text outside"),
        ):
            self.assertIn(words, self.refused(piece))

    def test_a_document_type(self) -> None:
        for declared in (
            b"<!DOCTYPE stream>",
            b"<!DOCTYPE x SYSTEM 'file:///etc/passwd'>",
            b"<!DOCTYPE x [<!ENTITY a 'aaaa'><!ENTITY b '&a;&a;&a;'>]>",
        ):
            elements, seen = reader()
            with self.assertRaises(ParserError) as caught:
                elements.parse(b"<?xml version='1.0'?>" + declared + HEADER + b"<iq/>")
            self.assertIn("a document type declaration", str(caught.exception))
            self.assertEqual(seen, [])
        self.refused(b"<!DOCTYPE x>")

    def test_depth_and_number(self) -> None:
        self.assertIn("too deep", self.refused(b"<a>" * 40))
        self.assertIn("too many elements", self.refused(b"<iq>" + b"<a/>" * 1001))

    def test_the_names_that_a_parser_keeps(self) -> None:
        many = [f"<iq><n{number}/></iq>".encode() for number in range(5000)]
        self.assertIn("different names", self.refused(*many))
        long = [f"<iq><n{number}{'x' * 60_000}/></iq>".encode() for number in range(10)]
        self.assertIn("a tag that is too large", self.refused(*long))
        spaces = [f"<iq><n xmlns='u{number}{'x' * 60_000}'/></iq>".encode() for number in range(10)]
        self.assertIn("a tag that is too large", self.refused(*spaces))

    def test_what_namespaces_expand_to(self) -> None:
        declared = b"<iq xmlns:p='" + b"u" * 512 + b"'>"
        self.assertIn("URI that is too long", self.refused(b"<iq xmlns:p='" + b"u" * 513 + b"'/>"))
        self.assertIn("URI that is too long", self.refused(b"<iq xmlns='" + b"u" * 8000 + b"'/>"))
        self.assertIn("too long", self.refused(declared + b"<p:a/>" * 900))
        self.assertIn("too long", self.refused(declared + b"<p:a p:b='' p:c=''/>" * 300))
        self.assertIn("too long", self.refused(declared.replace(b":p", b"") + b"<a/>" * 900))
        self.assertIn("tag that is too large", self.refused(b"<iq xmlns:p='" + b"u" * 60_000 + b"'"))
        attributes = b"".join(b" p:n%d=''" % number for number in range(5000))
        self.assertIn("tag that is too large", self.refused(declared[:-1] + attributes + b"/>"))
        elements, seen = reader()
        elements.parse(HEADER)
        for _ in range(50):
            elements.parse(declared + b"<p:a p:b=''/>" * 200 + b"</iq>")
        self.assertEqual(len(seen), 50)

    def test_memory_for_what_namespaces_expand_to(self) -> None:
        for uri, uses in (
            (b"u" * 500, b"".join(b" p:n%d=''" % number for number in range(700))),
            (b"u" * 7000, b" p:a=''"),
            (b"u" * 30_000, b"".join(b" p:n%d=''" % number for number in range(3000))),
        ):
            tracemalloc.start()
            try:
                self.refused(b"<iq xmlns:p='" + uri + b"'><a" + uses + b"/>" + b"<p:a/>" * 900)
                self.assertLess(tracemalloc.get_traced_memory()[1], 4 * 2**20)
            finally:
                tracemalloc.stop()

    def test_the_same_names_for_years(self) -> None:
        elements, seen = reader()
        elements.parse(HEADER)
        for number in range(20_000):
            elements.parse(b"<iq type='result' id='n%d'/>" % number)
        self.assertEqual(len(seen), 20_000)

    def test_after_it_is_retired(self) -> None:
        for piece in (b"<iq/>", b"</stream:stream>", b"x"):
            elements, _ = reader()
            elements.parse(HEADER)
            elements.retire()
            elements.parse(b" \n")
            self.assertRaises(ParserError, elements.parse, piece)

    @given(st.lists(st.binary(min_size=1, max_size=40), max_size=20))
    def test_any_bytes(self, pieces: list[bytes]) -> None:
        elements, _ = reader()
        try:
            for piece in (HEADER, *pieces):
                elements.parse(piece)
        except ParserError as error:
            self.assertNotIn("\n", str(error))

    @given(st.lists(st.integers(1, 200), max_size=10))
    def test_pieces_of_any_size(self, cuts: list[int]) -> None:
        whole = HEADER + b"<iq type='get' id='1'><q xmlns='n'>&lt;\xc3\xa4</q></iq>\n<message/><presence></presence>"
        elements, seen = reader()
        for cut in cuts:
            elements.parse(whole[:cut])
            whole = whole[cut:]
        elements.parse(whole)
        self.assertEqual([each.name for each in seen], ["iq", "message", "presence"])
        self.assertEqual(str(seen[0].firstChildElement()), "<\u00e4")
