"""Lightweight notifications as bytes: valid against the published schema, signed, of limited size."""

from __future__ import annotations

import hashlib
import hmac
from itertools import count

from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree
from twisted.trial.unittest import SkipTest, SynchronousTestCase

from cwmpagent.protocol.lightweight_notification import (
    LARGEST,
    LATEST,
    MOST_BYTES,
    NAMESPACE,
    Messages,
    Sender,
    messages,
)
from cwmpagent.protocol.rpc import DeviceIdStruct, ParameterValueStruct
from cwmpagent.values import Value, ValueType
from tests.protocol.rpc.test_schemas import Schema
from tests.skips import NO_BBF, bbf_directory

XSI = "{http://www.w3.org/2001/XMLSchema-instance}"
SENDER = Sender(
    device=DeviceIdStruct(manufacturer="Example", oui="00D09E", product_class="Gate <&> way", serial_number="SN1"),
    username="cpe & co",
    password="pass wörd",
)
VALUES = {
    ValueType.STRING: "<&>\r\n ünïcode",
    ValueType.INT: "-5",
    ValueType.UNSIGNED_INT: "4294967295",
    ValueType.LONG: "-9223372036854775808",
    ValueType.UNSIGNED_LONG: "18446744073709551615",
    ValueType.BOOLEAN: "true",
    ValueType.DATE_TIME: "0001-01-01T00:00:00Z",
    ValueType.BASE64: "AAEC",
    ValueType.HEX_BINARY: "00ff",
    ValueType.DECIMAL: "-1.5",
}


def made(*parameters: ParameterValueStruct, timestamp: float | None = 1e9, host: str = "acs.example") -> Messages:
    numbers = count()
    return messages(
        SENDER, parameters, timestamp=timestamp, cnonce=lambda: f"{next(numbers):032x}", host=host, port=7547
    )


def string(name: str, text: str) -> ParameterValueStruct:
    return ParameterValueStruct(name, Value(ValueType.STRING, text))


def parts(datagram: bytes) -> tuple[str, dict[str, str], bytes]:
    """Request line, headers by lower-case name, and body."""
    head, _, body = datagram.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    return first, {name.lower(): text for name, _, text in (line.partition(": ") for line in lines)}, body


def told(datagram: bytes) -> list[tuple[str, str | None, str]]:
    """Name, type and text of each parameter."""
    root = etree.fromstring(parts(datagram)[2])
    return [
        (each[0].text, each[1].get(XSI + "type"), each[1].text or "") for each in root.findall(f"{{{NAMESPACE}}}Param")
    ]


class MessageTests(SynchronousTestCase):
    def test_lwn_01_schema_valid_with_every_type(self) -> None:
        if bbf_directory() is None:
            raise SkipTest(NO_BBF)
        schema = Schema("cwmp-UDPLightweightNotification-1-0.xsd")
        everything = [ParameterValueStruct(f"Device.{kind}", Value(kind, text)) for kind, text in VALUES.items()]
        self.assertEqual(set(VALUES), set(ValueType))
        for stamp in (None, 0.0, 1_700_000_000.7, 5e9, -1e9):
            datagrams = made(*everything, timestamp=stamp).datagrams
            self.assertEqual([schema.complaints(parts(each)[2]) for each in datagrams], [""] * len(datagrams))
            self.assertEqual(len([name for each in datagrams for name in told(each)]), len(VALUES))
        self.assertIn("Nome", schema.complaints(parts(datagrams[0])[2].replace(b"Name>", b"Nome>")))

    def test_lwn_01_what_is_in_it(self) -> None:
        (datagram,) = made(string("Device.A", "<&>\r"), string("Device.B", "")).datagrams
        first, headers, body = parts(datagram)
        self.assertEqual(first, "POST / HTTP/1.1")
        self.assertEqual(list(headers), ["host", "content-type", "content-length", "signature"])
        self.assertEqual(headers["host"], "acs.example:7547")
        self.assertEqual(headers["content-type"], "text/xml; charset=utf-8")
        self.assertEqual(headers["content-length"], str(len(body)))
        root = etree.fromstring(body)
        names = [etree.QName(each).localname for each in root]
        self.assertEqual(names, ["TS", "UN", "CN", "OUI", "ProductClass", "SerialNumber", "Param", "Param"])
        self.assertEqual([each.text for each in root[:2]], ["1000000000", "cpe & co"])
        self.assertEqual([each.text for each in root[3:6]], ["00D09E", "Gate <&> way", "SN1"])
        self.assertEqual(told(datagram), [("Device.A", "xs:string", "<&>\r"), ("Device.B", "xs:string", "")])

    def test_lwn_01_the_signature_is_that_of_the_body_under_the_password(self) -> None:
        (datagram,) = made(string("Device.A", "ü")).datagrams
        _, headers, body = parts(datagram)
        expected = hmac.new("pass wörd".encode(), body, hashlib.sha1).hexdigest().upper()
        self.assertEqual(headers["signature"], expected)
        self.assertNotIn("wörd".encode(), datagram)
        self.assertNotIn("wörd", repr(SENDER))

    def test_times_that_the_schema_s_type_cannot_hold(self) -> None:
        for stamp, expected in ((None, 0), (-5.0, 0), (float(2**40), LATEST), (17.9, 17)):
            (datagram,) = made(string("Device.A", ""), timestamp=stamp).datagrams
            self.assertIn(f"<TS>{expected}</TS>".encode(), datagram)

    def test_the_address_of_an_ipv6_host_stands_in_brackets(self) -> None:
        (datagram,) = made(string("Device.A", ""), host="2001:db8::1").datagrams
        self.assertEqual(parts(datagram)[1]["host"], "[2001:db8::1]:7547")

    def test_nothing_to_tell(self) -> None:
        self.assertEqual(made(), Messages(()))

    def test_a_value_too_large_for_one_piece_goes_alone_and_one_for_no_datagram_does_not(self) -> None:
        small, large, huge = string("Device.A", "a"), string("Device.B", "b" * 3000), string("Device.C", "ü" * 40_000)
        found = made(small, large, huge, small)
        self.assertEqual(
            [[name for name, _, _ in told(each)] for each in found.datagrams],
            [["Device.A"], ["Device.B"], ["Device.A"]],
        )
        self.assertEqual(found.left_out, ("Device.C",))

    @settings(deadline=None, max_examples=60)
    @given(st.lists(st.integers(0, 3000), max_size=40))
    def test_all_is_told_once_in_order_and_in_pieces_that_are_full(self, sizes: list[int]) -> None:
        parameters = [string(f"Device.P{number}", "x" * size) for number, size in enumerate(sizes)]
        found = made(*parameters)
        self.assertEqual(found.left_out, ())
        self.assertEqual(
            [(name, text) for each in found.datagrams for name, _, text in told(each)],
            [(each.name, each.value.text) for each in parameters],
        )
        nonces = [etree.fromstring(parts(each)[2])[2].text for each in found.datagrams]
        self.assertEqual(len(set(nonces)), len(nonces))
        for each in found.datagrams:
            self.assertTrue(len(each) <= MOST_BYTES or len(told(each)) == 1)
            self.assertLessEqual(len(each), LARGEST)
        for each, after in zip(found.datagrams, found.datagrams[1:], strict=False):
            name, _, text = told(after)[0]
            self.assertGreater(
                len(each) + len(f'<Param><Name>{name}</Name><Value xsi:type="xs:string">{text}</Value></Param>') + 8,
                MOST_BYTES,
            )
