"""Documents as real servers write them, which another tool would refuse."""

from __future__ import annotations

import codecs

from twisted.trial.unittest import SynchronousTestCase

from cwmpagent.errors import EnvelopeError
from cwmpagent.protocol.rpc import GenericRequest, ParameterValueStruct, Reboot, SetParameterValues
from cwmpagent.protocol.soap import Envelope, decode, encode
from cwmpagent.values import Value, ValueType

MESSAGE = SetParameterValues((ParameterValueStruct("Device.A", Value(ValueType.INT, "7")),), "key")
SENT = Envelope(body=MESSAGE, id="17")
PLAIN = encode(SENT)
CODECS = ("utf-8", "utf-16-le", "utf-16-be")
MARKS = {"utf-8": codecs.BOM_UTF8, "utf-16-le": codecs.BOM_UTF16_LE, "utf-16-be": codecs.BOM_UTF16_BE}


def declared(*declarations: str) -> bytes:
    """The envelope with more namespace declarations at its root."""
    return PLAIN.replace(b"<soap-env:Envelope", b"<soap-env:Envelope " + " ".join(declarations).encode())


class NamespaceTests(SynchronousTestCase):
    """XML Namespaces does not refuse a namespace name that is not a URI (section 2.1 leaves it to the application)."""

    def test_characters_that_are_in_no_uri(self) -> None:
        for uri in (
            "a b",
            " a",
            "a ",
            " ",
            "urn:dslforum-org:cwmp-1-0 ..\\schemas\\cwmp.xsd",
            "a\tb",
            "a&#10;b",
            "a&#9;b",
            "a|b{c}^`",
            "\u00e9 \N{GRINNING FACE}",
            "a&quot;b&lt;c&gt;",
            "urn:x-y:z z " + "http://example.com/one.xsd " * 15,
        ):
            self.assertEqual(decode(declared(f'xmlns:schemaLocation="{uri}"')), SENT, uri)
            self.assertEqual(decode(declared(f'xmlns="{uri}"')).id, "17", uri)
            self.assertEqual(decode(declared(f'xmlns:q="{uri}" q:version="1"')), SENT, uri)

    def test_an_element_in_such_a_namespace(self) -> None:
        inside = '<q:Reboot xmlns:q="urn:a b"><CommandKey>k</CommandKey></q:Reboot>'
        plain = encode(Envelope(body=Reboot("k"))).decode()
        body = plain[plain.index("<cwmp:Reboot>") : plain.index("</soap-env:Body>")]
        with self.assertRaises(EnvelopeError) as caught:
            decode(plain.replace(body, inside).encode())
        self.assertIn("the Body has Reboot", str(caught.exception))
        vendor = '<X_ACME_Go xmlns="urn:a b"><A>1</A></X_ACME_Go>'
        self.assertEqual(decode(plain.replace(body, vendor).encode()).body, GenericRequest("X_ACME_Go", (("A", "1"),)))
        unknown = '<soap-env:Header><Odd xmlns="a b" soap-env:mustUnderstand="1"/></soap-env:Header><soap-env:Body>'
        data = plain.replace("<soap-env:Body>", unknown).encode()
        self.assertEqual(decode(data).not_understood, ("Odd",))

    def test_the_separator_is_in_no_document(self) -> None:
        for character in ("\x01", "&#1;"):
            with self.assertRaises(EnvelopeError):
                decode(declared(f'xmlns:q="a{character}b"'))


class SurroundingTests(SynchronousTestCase):
    """Bytes before and after the document."""

    def document(self, codec: str) -> bytes:
        return PLAIN.decode().replace("UTF-8", codec[:6]).rstrip().encode(codec)

    def test_before_it(self) -> None:
        for codec in CODECS:
            mark, document = MARKS[codec], self.document(codec)
            breaks = "\r\n\t ".encode(codec)
            for before in (mark, breaks, mark + breaks, breaks + mark, mark + mark, mark + breaks + mark + breaks):
                for charset in (None, codec, codec[:6], "iso-8859-1" if mark in before else "utf-8"):
                    if charset == "utf-16" and mark not in before:
                        continue  # without a mark, this name means big-endian
                    self.assertEqual(decode(before + document, charset=charset), SENT, (codec, before, charset))

    def test_after_it(self) -> None:
        for codec in CODECS:
            document = self.document(codec)
            for after in ("\n", "\0", "\0\0\0", "\r\n\0", "\0\r\n", " \0 \0\n", "\0" * 5000):
                for mark in (b"", MARKS[codec]):
                    self.assertEqual(decode(mark + document + after.encode(codec)), SENT, (codec, after))
            self.assertEqual(decode(document + b"\0"), SENT, codec)
            self.assertEqual(decode(document + "\n".encode(codec) + b"\0"), SENT, codec)

    def test_anything_else_is_refused(self) -> None:
        for codec in CODECS:
            document = self.document(codec)
            for before, after in (
                ("\0", ""),
                ("x", ""),
                ("", "x"),
                ("", "\0x"),
                ("", "\0<"),
                (" \0", ""),
                ("", "\x01"),
            ):
                with self.assertRaises(EnvelopeError, msg=repr((codec, before, after))):
                    decode(before.encode(codec) + document + after.encode(codec))

    def test_nothing_but_that(self) -> None:
        for data in (codecs.BOM_UTF8, codecs.BOM_UTF8 + b"\r\n", codecs.BOM_UTF16_LE, b"\0" * 9, b" \0", b"\xef"):
            with self.assertRaises(EnvelopeError):
                decode(data)
