"""Hostile and damaged bytes: only EnvelopeError is raised, and memory use is bounded."""

from __future__ import annotations

import contextlib
import re
import tracemalloc

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from cwmpagent.errors import EnvelopeError
from cwmpagent.protocol.rpc import Fault, GetParameterValuesResponse, ParameterValueStruct, Reboot, SetParameterValues
from cwmpagent.protocol.soap import Envelope, EnvelopeLimits, decode, encode
from cwmpagent.values import Value, ValueType

SOAP = b"http://schemas.xmlsoap.org/soap/envelope/"
SAMPLE = encode(
    Envelope(
        id="17",
        hold_requests=True,
        body=SetParameterValues(
            (
                ParameterValueStruct("Device.Time.NTPServer1", Value(ValueType.STRING, "a&b <é> \N{GRINNING FACE}")),
                ParameterValueStruct("Device.Time.Enable", Value(ValueType.BOOLEAN, "1")),
            ),
            "key",
        ),
    )
)
RESPONSE = encode(
    Envelope(body=GetParameterValuesResponse((ParameterValueStruct("Device.A", Value(ValueType.INT, "1")),)))
)
PLAIN = encode(Envelope(body=Reboot("HERE")))

TAGS = re.findall(
    r"<[^>]*>|&\w+;|text",
    "<a></a><x:y/>text&amp;<![CDATA[x]]><cwmp:Reboot></cwmp:Reboot><CommandKey></CommandKey><Value/><ParameterList/>"
    "<cwmp:Inform></cwmp:Inform><Event></Event><cwmp:ChangeDUState></cwmp:ChangeDUState><Operations></Operations>"
    "<soap-env:Fault></soap-env:Fault><detail></detail>",
)


def with_inside(inside: bytes) -> bytes:
    """Build an envelope with ``inside`` before the argument of a Reboot."""
    return PLAIN.replace(b"<CommandKey>", inside + b"<CommandKey>")


def peak_of(data: bytes, limits: EnvelopeLimits = EnvelopeLimits()) -> int:  # noqa: B008 (frozen)
    """Measure the peak memory of decoding in octets, with or without success."""
    tracemalloc.start()
    try:
        with contextlib.suppress(EnvelopeError):
            decode(data, limits=limits)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


class RefusalTests(SynchronousTestCase):
    def assertRefused(
        self, data: bytes, *words: str, limits: EnvelopeLimits | None = None, charset: str | None = None
    ) -> None:
        with self.assertRaises(EnvelopeError, msg=repr(data[:200])) as caught:
            decode(data, charset=charset, limits=limits or EnvelopeLimits())
        text = str(caught.exception)
        self.assertTrue(text.isprintable())
        self.assertLess(len(text), 200)
        for word in words:
            self.assertIn(word, text)

    def test_no_xml(self) -> None:
        for data in (
            b"",
            b" ",
            b"\x00",
            b"<",
            b"Unauthorized",
            b"{}",
            b"<html><p>x</html>",
            b"\xff\xfe",
            b"\xef\xbb\xbf",
        ):
            self.assertRefused(data)

    def test_no_envelope(self) -> None:
        self.assertRefused(b"<html/>", "not a SOAP 1.1 envelope")
        self.assertRefused(PLAIN.replace(SOAP, b"http://www.w3.org/2003/05/soap-envelope"), "not a SOAP 1.1 envelope")
        self.assertRefused(b'<Envelope xmlns="%s"/>' % SOAP, "no Body")
        self.assertRefused(b'<Envelope xmlns="%s"><Header/></Envelope>' % SOAP, "no Body")
        self.assertRefused(b'<Envelope xmlns="%s"><Body/><Body/></Envelope>' % SOAP, "more than one Body")
        self.assertRefused(b'<Envelope xmlns="%s"><Header/><Header/><Body/></Envelope>' % SOAP, "more than one Header")

    def test_no_message(self) -> None:
        for namespace in (
            b"urn:dslforum-org:cwmp-2-0",
            b"urn:dslforum-org:cwmp-1-",
            b"urn:dslforum-org:cwmp-1-0x",
            b"urn:x",
        ):
            self.assertRefused(
                PLAIN.replace(b"urn:dslforum-org:cwmp-1-2", namespace),
                "the Body has Reboot, which is not a CWMP message",
            )
        twice = PLAIN.replace(b"</cwmp:Reboot>", b"</cwmp:Reboot><cwmp:GetRPCMethods/>")
        self.assertRefused(twice, "more than one message")

    def test_fault_with_two_colons(self) -> None:
        fault = encode(Envelope(body=Fault(8005))).replace(b"soap-env:Fault>", b"soap-env:Body:Fault>")
        self.assertRefused(fault, "not well-formed")

    def test_document_types_and_entities(self) -> None:
        declaration = b'<?xml version="1.0"?>'
        body = PLAIN.partition(b"\n")[2]
        laughs = b"".join(b'<!ENTITY l%d "%s">' % (i, b"&l%d;" % (i - 1) * 10) for i in range(1, 10))
        for doctype in (
            b"<!DOCTYPE x>",
            b'<!DOCTYPE x SYSTEM "file:///etc/passwd">',
            b'<!DOCTYPE x [<!ENTITY e "boo">]>',
            b'<!DOCTYPE x [<!ENTITY e SYSTEM "http://127.0.0.1:1/">]>',
            b'<!DOCTYPE x [<!ENTITY % e SYSTEM "file:///etc/passwd"> %e;]>',
            b'<!DOCTYPE x [<!ENTITY l0 "lol">' + laughs + b"]>",
            b'<!DOCTYPE x [<!ATTLIST x a CDATA "y">]>',
        ):
            for entity in (b"HERE", b"&e;", b"&l9;"):
                self.assertRefused(declaration + doctype + body.replace(b"HERE", entity), "refused")
        self.assertRefused(PLAIN.replace(b"HERE", b"&nbsp;"), "not well-formed")
        self.assertRefused(PLAIN.replace(b"HERE", b"&#0;"), "not well-formed")

    def test_an_element_inside_a_text(self) -> None:
        self.assertRefused(RESPONSE.replace(b">1</Value>", b">1<x>2</x></Value>"), "inside the text of Value")
        self.assertRefused(PLAIN.replace(b"HERE", b"<a>" * 40), "deeper than 32")

    def test_cut_off_anywhere(self) -> None:
        for end in range(len(SAMPLE)):
            self.assertRefused(SAMPLE[:end])
        decode(SAMPLE)

    def test_nul_and_what_is_no_utf_8(self) -> None:
        for junk in (b"\x00", b"\x01", b"\xff", b"\xc3", b"\xed\xa0\x80", b"\xc0\xaf", b"\xf8\x88\x80\x80\x80"):
            self.assertRefused(PLAIN.replace(b"HERE", junk), "not well-formed")
            if junk != b"\x00":
                self.assertRefused(PLAIN + junk)
            self.assertRefused(PLAIN + junk + b"x")
            self.assertRefused(junk + PLAIN)

    def test_encodings_that_are_not_ours(self) -> None:
        for name in (b"ebcdic-cp-us", b"utf-7", b"rot13", b"idna", b"windows-1252", b"x" * 39, b"undefined", b"bz2"):
            self.assertRefused(PLAIN.replace(b"UTF-8", name), "encoding")
            text = PLAIN.replace(b"UTF-8", name).decode()
            self.assertRefused(text.encode("utf-16"))

    def test_too_deep(self) -> None:
        self.assertRefused(with_inside(b"<a>" * 40), "deeper than 32")
        self.assertRefused(with_inside(b"<a>" * 500_000), "deeper than 32")
        room = 32 - 3
        decode(with_inside(b"<a>" * room + b"</a>" * room))
        self.assertRefused(with_inside(b"<a>" * (room + 1) + b"</a>" * (room + 1)), "deeper")
        self.assertRefused(SAMPLE, "deeper than 4", limits=EnvelopeLimits(depth=4))

    def test_too_large(self) -> None:
        self.assertRefused(PLAIN, "octets", limits=EnvelopeLimits(size=len(PLAIN) - 1))
        decode(PLAIN, limits=EnvelopeLimits(size=len(PLAIN)))
        self.assertRefused(with_inside(b"<a/>" * 500), "tags", limits=EnvelopeLimits(tags=500))
        self.assertRefused(PLAIN.replace(b"HERE", b"x" * 300_000), "characters", limits=EnvelopeLimits(text=200_000))
        self.assertRefused(PLAIN.replace(b"HERE", b"x\n" * 150_000), "characters", limits=EnvelopeLimits(text=200_000))

    def test_long_headers(self) -> None:
        self.assertRefused(SAMPLE.replace(b">17<", b">" + b"7" * 2000 + b"<"), "header ID is longer")

    def test_vocabularies_without_end(self) -> None:
        names = b"".join(b"<a%d/>" % number for number in range(50_000))
        prefixes = b"".join(b'<a xmlns:p%d="u"/>' % number for number in range(50_000))
        uris = b"".join(b'<a xmlns="u%d"/>' % number for number in range(50_000))
        attributes = b"<a" + b"".join(b' a%d=""' % number for number in range(50_000)) + b"/>"
        for many in (names, prefixes, uris):
            self.assertRefused(with_inside(many), "different names")
        self.assertRefused(with_inside(attributes))
        self.assertRefused(with_inside(b'<a a="' + b"x" * 500_000 + b'"/>'), "a tag or comment is longer")
        self.assertRefused(with_inside(b"<!--" + b"x" * 500_000 + b"-->"), "a tag or comment is longer")

    def test_tags_and_comments_have_limits_of_their_own(self) -> None:
        decode(with_inside(b"<!--" + b"x" * 100_000 + b"-->"))
        decode(with_inside(b'<a a="' + b"x" * 8000 + b'"/>'))
        self.assertRefused(
            with_inside(b'<a a="' + b"x" * 40_000 + b'"/>'), "a tag or comment is longer than 8192 octets"
        )
        for codec in ("utf-16-le", "utf-16-be"):
            for inside in (b"<!--" + b"x" * 100_000 + b"-->", b'<a a="' + b"x" * 3000 + b'"/>'):
                decode(with_inside(inside).decode().replace("UTF-8", "UTF-16").encode(codec))
            with self.assertRaises(EnvelopeError):
                decode(with_inside(b"<" + b"x" * 30_000).decode().replace("UTF-8", "UTF-16").encode(codec))


class NamespaceTests(SynchronousTestCase):
    """The parser writes the URI of a namespace out at each use of its prefix."""

    def assertRefused(self, inside: bytes, words: str, limits: EnvelopeLimits = EnvelopeLimits()) -> None:  # noqa: B008
        data = with_inside(inside)
        with self.assertRaises(EnvelopeError) as caught:
            decode(data, limits=limits)
        self.assertIn(words, str(caught.exception))
        self.assertLess(peak_of(data, limits), len(data) + 4 * 2**20)

    def test_the_length_of_a_uri(self) -> None:
        for declaration in (b'xmlns:p="%s"', b'xmlns="%s"', b"xmlns:%s='%s'" % (b"q" * 300, b"%s")):
            decode(with_inside(b"<a %s/>" % (declaration % (b"u" * 512))))
            self.assertRefused(b"<a %s/>" % (declaration % (b"u" * 513)), "a namespace is longer than 512 characters")
        self.assertRefused("<a xmlns='{}'/>".format("\N{GRINNING FACE}" * 513).encode(), "longer than 512 characters")

    def test_one_uri_and_many_elements(self) -> None:
        elements = b"<p:a/>" * 450_000
        self.assertRefused(b'<b xmlns:p="%s">%s</b>' % (b"u" * 7000, elements), "longer than 512 characters")
        self.assertRefused(b'<b xmlns:p="%s">%s</b>' % (b"u" * 200_000, elements), "a tag or comment is longer")
        self.assertRefused(b'<b xmlns:p="%s">%s</b>' % (b"u" * 500, elements), "longer than 134217728 characters")
        self.assertRefused(b'<b xmlns="%s">%s</b>' % (b"u" * 500, b"<a/>" * 450_000), "longer than 134217728")
        decode(with_inside(b'<b xmlns:p="%s">%s</b>' % (b"u" * 100, elements)))

    def test_one_uri_and_many_names(self) -> None:
        names = b"".join(b"<p:n%d/>" % number for number in range(4000))
        attributes = b"".join(b' p:n%d=""' % number for number in range(4000))
        for size in (6000, 60_000, 200_000):
            self.assertRefused(b'<b xmlns:p="%s">%s</b>' % (b"u" * size, names), "longer than")
            self.assertRefused(b'<b xmlns:p="%s"%s/>' % (b"u" * size, attributes), "a tag or comment is longer")
            self.assertRefused(b'<b xmlns:p="%s"><c%s/></b>' % (b"u" * size, attributes), "longer than")

    def test_what_names_expand_to(self) -> None:
        inside = b'<b xmlns:p="%s">%s</b>' % (b"u" * 100, b'<p:a p:b=""/>' * 100)
        data = with_inside(inside)
        names = data.count(b"<") + data.count(b"=")
        decode(data, limits=EnvelopeLimits(expanded=names * 100))
        self.assertRefused(inside, "the names with their namespaces", EnvelopeLimits(expanded=names * 100 - 1))


class MemoryTests(SynchronousTestCase):
    """Memory use for a few MiB of any input."""

    def test_memory_is_bounded(self) -> None:
        count = 400_000
        for name, data in {
            "attributes": with_inside(b"<a" + b"".join(b' a%d=""' % number for number in range(count)) + b"/>"),
            "names": with_inside(b"".join(b"<a%d/>" % number for number in range(count))),
            "prefixes": with_inside(b"".join(b'<a xmlns:p%d="u"/>' % number for number in range(count))),
            "elements": with_inside(b"<a/>" * count),
            "depth": with_inside(b"<a>" * count),
            "text": PLAIN.replace(b"HERE", b"x" * 8 * count),
            "white space": with_inside(b"\n" * 8 * count),
            "character references": PLAIN.replace(b"HERE", b"&#120;" * count),
            "CDATA": PLAIN.replace(b"HERE", b"<![CDATA[x]]>" * (count // 4)),
            "white space before it": b" \n" * 2 * count + PLAIN,
            "marks before it": b"\xef\xbb\xbf" * count + PLAIN,
            "marks of UTF-16 before it": b"\xff\xfe\n\0" * count + b"<\0",
            "NULs after it": PLAIN + b"\0" * 8 * count,
            "comment": with_inside(b"<!--" + b"x" * 8 * count + b"-->"),
            "unclosed tag": PLAIN + b"<a" + b" " * 8 * count,
            "headers": SAMPLE.replace(b"</cwmp:ID>", b"</cwmp:ID>" + b'<a soap-env:mustUnderstand="1"/>' * 50_000),
        }.items():
            self.assertLess(peak_of(data), 16 * 2**20, name)

    def test_an_argument_that_is_too_long_is_not_kept(self) -> None:
        body = decode(PLAIN.replace(b"HERE", b"x" * 2**20)).body
        self.assertLess(len(repr(body)), 200)


class AnythingTests(SynchronousTestCase):
    @settings(deadline=None, max_examples=300)
    @given(st.binary(max_size=300), st.sampled_from([None, "utf-8", "utf-16", "us-ascii", "nonsense", "\x00"]))
    def test_any_bytes(self, data: bytes, charset: str | None) -> None:
        with self.assertRaises(EnvelopeError):
            decode(data, charset=charset)

    @settings(deadline=None, max_examples=300)
    @given(st.integers(0, len(SAMPLE) - 1), st.integers(0, 40), st.binary(max_size=12))
    def test_any_damage(self, start: int, length: int, junk: bytes) -> None:
        try:
            result = decode(SAMPLE[:start] + junk + SAMPLE[start + length :])
        except EnvelopeError:
            return
        self.assertIsInstance(result, Envelope)

    @settings(deadline=None, max_examples=200)
    @given(
        st.lists(
            st.sampled_from(TAGS),
            max_size=12,
        )
    )
    def test_any_order_of_tags(self, tags: list[str]) -> None:
        body = PLAIN[PLAIN.index(b"<cwmp:Reboot>") : PLAIN.index(b"</soap-env:Body>")]
        try:
            result = decode(PLAIN.replace(body, "".join(tags).encode()))
        except EnvelopeError:
            return
        self.assertIsInstance(result, Envelope)


class CharsetTests(SynchronousTestCase):
    """Order of encodings: the charset of the HTTP header, the XML declaration, then detection."""

    def document(self, declared: str | None) -> str:
        text = PLAIN.decode().partition("\n")[2].replace("HERE", "é")
        return (f'<?xml version="1.0" encoding="{declared}"?>' if declared else "") + text

    def assertRead(self, data: bytes, charset: str | None, expected: str = "é") -> None:
        self.assertEqual(decode(data, charset=charset).body, Reboot(expected))

    def test_declared(self) -> None:
        for declared, codec in (
            ("UTF-8", "utf-8"),
            ("utf8", "utf-8"),
            ("iso-8859-1", "latin-1"),
            ("ISO-8859-1", "latin-1"),
            ("UTF-16", "utf-16"),
            ("utf-16", "utf-16-le"),
            ("utf-16", "utf-16-be"),
            (None, "utf-8"),
            (None, "utf-8-sig"),
            (None, "utf-16"),
        ):
            self.assertRead(self.document(declared).encode(codec), None)
        ascii_only = self.document("us-ascii").replace("é", "e").encode()
        self.assertRead(ascii_only, None, "e")
        with self.assertRaises(EnvelopeError):
            decode(self.document("us-ascii").encode())

    def test_told_by_http(self) -> None:
        for charset, codec in (
            ("utf-8", "utf-8"),
            ('"UTF-8"', "utf-8"),
            ("ISO-8859-1", "latin-1"),
            ("utf-16", "utf-16"),
            ("utf-16le", "utf-16-le"),
        ):
            for declared in (None, "utf-8", "iso-8859-1"):
                self.assertRead(self.document(declared).encode(codec), charset)

    def test_told_wrongly_by_http(self) -> None:
        for charset in ("us-ascii", "utf-16", "nonsense", "", "utf-8; x"):
            self.assertRead(self.document("UTF-8").encode(), charset)
        self.assertRead(self.document("iso-8859-1").encode("latin-1"), "utf-8")
        self.assertRead(self.document(None).encode("utf-8-sig"), "iso-8859-1")

    def test_utf_16_said_of_what_is_not(self) -> None:
        self.assertRead(self.document("utf-16").encode(), None)
