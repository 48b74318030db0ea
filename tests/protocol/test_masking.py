"""Masking of secrets, and escaping of the peer's text in log lines."""

from __future__ import annotations

import tracemalloc

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from cwmpagent.protocol.masking import masked, quoted, scrub
from cwmpagent.protocol.rpc import (
    BadRequest,
    ChangeDUState,
    DeviceIdStruct,
    Download,
    EventStruct,
    Fault,
    GenericRequest,
    GetParameterValuesResponse,
    Inform,
    InstallOpStruct,
    KickedResponse,
    Message,
    ParameterValueStruct,
    Reboot,
    ScheduleDownload,
    SetParameterValues,
    SoapFault,
    UpdateOpStruct,
    Upload,
)
from cwmpagent.protocol.soap import Envelope, encode
from cwmpagent.values import Value, ValueType
from tests.protocol.strategies import RPCS, instances

SECRET = "hunter2"


def parameter(name: str, text: str = SECRET) -> ParameterValueStruct:
    return ParameterValueStruct(name, Value(ValueType.STRING, text))


def hidden(name: str) -> bool:
    return name == "Device.Hidden"


HIDDEN_AND_SHOWN = (parameter("Device.Hidden"), parameter("Device.Shown", "plain"))
MASKED_AND_SHOWN = (parameter("Device.Hidden", "***"), parameter("Device.Shown", "plain"))


class MaskedTests(SynchronousTestCase):
    def assertMasked(self, message: Message, expected: Message) -> None:
        self.assertEqual(masked(message, hidden), expected)
        self.assertNotIn(SECRET, repr(masked(message, hidden)))

    def test_values_of_hidden_parameters(self) -> None:
        self.assertMasked(SetParameterValues(HIDDEN_AND_SHOWN, "k"), SetParameterValues(MASKED_AND_SHOWN, "k"))
        self.assertMasked(GetParameterValuesResponse(HIDDEN_AND_SHOWN), GetParameterValuesResponse(MASKED_AND_SHOWN))
        device, events = DeviceIdStruct("a", "00D09E", "b", "c"), (EventStruct("1 BOOT"),)
        inform = Inform(device, events, 1, "0001-01-01T00:00:00Z", 0, HIDDEN_AND_SHOWN)
        self.assertMasked(inform, Inform(device, events, 1, "0001-01-01T00:00:00Z", 0, MASKED_AND_SHOWN))

    def test_names_that_say_it(self) -> None:
        for name in ("Device.Nowhere.Password", "Device.X.KeyPassphrase", "Device.X_SharedSecret"):
            self.assertMasked(
                SetParameterValues((parameter(name),), ""), SetParameterValues((parameter(name, "***"),), "")
            )

    def test_an_empty_value_stays_empty(self) -> None:
        message = SetParameterValues((parameter("Device.Hidden", ""),), "")
        self.assertMasked(message, message)

    def test_arguments(self) -> None:
        url, shown = f"http://u:{SECRET}@h:1/p?q", "http://***@h:1/p?q"
        download = Download("k", "1 F", url, SECRET, SECRET, 0, "t", 0, url, url)
        self.assertMasked(download, Download("k", "1 F", shown, "***", "***", 0, "t", 0, shown, shown))
        self.assertMasked(Upload("k", "1 F", url, SECRET, SECRET, 0), Upload("k", "1 F", shown, "***", "***", 0))
        self.assertMasked(Upload("k", "1 F", "http://h/", "", "", 0), Upload("k", "1 F", "http://h/", "", "", 0))
        scheduled = ScheduleDownload("k", "1 F", url, SECRET, SECRET, 0, "t", ())
        self.assertMasked(scheduled, ScheduleDownload("k", "1 F", shown, "***", "***", 0, "t", ()))
        operations = InstallOpStruct(url=url, username=SECRET, password=SECRET), UpdateOpStruct(url=url)
        self.assertMasked(
            ChangeDUState(operations),
            ChangeDUState((InstallOpStruct(url=shown, username="***", password="***"), UpdateOpStruct(url=shown))),
        )
        self.assertMasked(KickedResponse(url), KickedResponse(shown))

    def test_a_url_with_a_password_as_a_value(self) -> None:
        message = SetParameterValues((parameter("Device.URL", f"https://a:{SECRET}@acs/"),), "")
        self.assertMasked(message, SetParameterValues((parameter("Device.URL", "https://***@acs/"),), ""))

    def test_vendors_arguments(self) -> None:
        self.assertMasked(
            GenericRequest(
                "X_A_Go", (("Password", SECRET), ("WanUsername", SECRET), ("Empty_Password", ""), ("A", "b"))
            ),
            GenericRequest("X_A_Go", (("Password", "***"), ("WanUsername", "***"), ("Empty_Password", ""), ("A", "b"))),
        )

    def test_what_has_no_secrets(self) -> None:
        for message in (Reboot("k"), Fault(9003), SoapFault("Client"), BadRequest("Reboot", 9003, "x")):
            self.assertIs(masked(message, hidden), message)

    @settings(deadline=None, max_examples=100)
    @given(st.sampled_from(RPCS).flatmap(instances))
    def test_any_message_can_still_be_written(self, message: Message) -> None:
        shown = masked(message, lambda name: True)
        self.assertIs(type(shown), type(message))
        encode(Envelope(body=shown))


class ScrubTests(SynchronousTestCase):
    def test_texts_that_may_be_secret(self) -> None:
        for before, after in (
            ("<Password>hunter2</Password>", "<Password>***</Password>"),
            ("<Password>hunt", "<Password>***"),
            ('<a:Value xsi:type="xsd:string">hunter2</a:Value><b>', '<a:Value xsi:type="xsd:string">***</a:Value><b>'),
            ("<Value>a<![CDATA[hunter2<b>]]>c</Value>x", "<Value>***</Value>x"),
            ("<Value><![CDATA[hunt<e", "<Value>***"),
            ("<ConnectionRequestUsername >h\n2</", "<ConnectionRequestUsername >***</"),
            ("<Password></Password>", "<Password></Password>"),
            ("<PASSWORD>x", "<PASSWORD>***"),
            ("<Values>x</Values><Name>y</Name>", "<Values>x</Values><Name>y</Name>"),
            ("http://u:hunter2@h/ ftp://hunter2@h", "http://***@h/ ftp://***@h"),
            ("a@b", "a@b"),
        ):
            self.assertEqual(scrub(before), after)

    @settings(deadline=None, max_examples=100)
    @given(st.integers(0, 2000))
    def test_cut_off_anywhere(self, end: int) -> None:
        download = Download("k", "1 F", "http://h/", SECRET, SECRET, 0, "t", 0, "", "")
        values = SetParameterValues((parameter("Device.A"), parameter("Device.B", f"<{SECRET}>")), "k")
        for message in (download, values):
            self.assertNotIn("hunt", scrub(encode(Envelope(body=message)).decode()[:end]))

    def test_nothing_takes_long_or_much(self) -> None:
        size = 200_000
        for part in (
            "<Value",
            "<Value>",
            "<![CDATA[",
            "<Value><![CDATA[",
            "://",
            "://a",
            "<a:",
            "<" + "a" * 99,
            "x",
            "<Value>x",
        ):
            tracemalloc.start()
            scrub("<Value>" + part * (size // len(part)))
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
            self.assertLess(peak, 40 * size, part)


class QuotedTests(SynchronousTestCase):
    def test_one_printable_line(self) -> None:
        for data, expected in (
            ("plain é \N{GRINNING FACE}", "plain é \N{GRINNING FACE}"),
            (b"plain \xc3\xa9", "plain é"),
            ("a\r\nb\tc\x00\x1b[0m", r"a\r\nb\tc\x00\x1b[0m"),
            (b"\xff\xfe<", r"\xff\xfe<"),
            ("back\\slash", "back\\\\slash"),
            ("\u2028\u202e\ud800", r"\u2028\u202e\ud800"),
            ("", ""),
        ):
            self.assertEqual(quoted(data), expected)

    def test_cut(self) -> None:
        self.assertEqual(quoted("x" * 200), "x" * 200)
        self.assertEqual(quoted("x" * 201), "x" * 200 + "...")
        self.assertEqual(quoted(b"\n" * 10**6, 5), r"\n\n...")
        self.assertEqual(quoted("é".encode() * 201), "é" * 200 + "...")

    @settings(deadline=None, max_examples=200)
    @given(st.binary(max_size=500) | st.text(max_size=300), st.integers(0, 250))
    def test_anything(self, data: bytes | str, limit: int) -> None:
        line = quoted(data, limit)
        self.assertTrue(line.isprintable())
        self.assertLessEqual(len(line), limit + 3)
