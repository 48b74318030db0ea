"""Lexical rules, restrictions and times."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta, timezone

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from cwmpagent.values import (
    LONGEST_PATTERNED,
    NULL,
    UNKNOWN_TIME,
    LexicalError,
    Restriction,
    Value,
    ValueType,
    canonical,
    format_time,
    list_items,
    parse_time,
)

T = ValueType
INFINITE_TIME = "9999-12-31T23:59:59Z"  # TR-106
GOOD: tuple[tuple[ValueType, str, str], ...] = (
    (T.STRING, "  as it is \r\n", "  as it is \r\n"),
    (T.INT, " -2147483648\n", "-2147483648"),
    (T.INT, "+007", "7"),
    (T.INT, "-0", "0"),
    (T.INT, "0" * 10000 + "5", "5"),
    (T.UNSIGNED_INT, "4294967295", "4294967295"),
    (T.UNSIGNED_INT, "-0", "0"),
    (T.LONG, "-9223372036854775808", "-9223372036854775808"),
    (T.UNSIGNED_LONG, "18446744073709551615", "18446744073709551615"),
    (T.DECIMAL, " +012.500 ", "12.5"),
    (T.DECIMAL, "-.5", "-0.5"),
    (T.DECIMAL, "-0.0", "0"),
    (T.DECIMAL, "7.", "7"),
    (T.BOOLEAN, "1", "true"),
    (T.BOOLEAN, "0", "false"),
    (T.BOOLEAN, "\ttrue ", "true"),
    (T.BOOLEAN, "false", "false"),
    (T.DATE_TIME, " 2026-01-31T10:00:00+01:00 ", "2026-01-31T10:00:00+01:00"),
    (T.DATE_TIME, "2024-02-29T24:00:00Z", "2024-02-29T24:00:00Z"),
    (T.DATE_TIME, "1970-01-01T14:50:29.824123Z", "1970-01-01T14:50:29.824123Z"),
    (T.DATE_TIME, "0001-01-01T00:00:00+00:00", UNKNOWN_TIME),
    (T.DATE_TIME, "0001-01-01T00:00:00", UNKNOWN_TIME),
    (T.DATE_TIME, "0001-01-03T03:04:05Z", "0001-01-03T03:04:05Z"),
    (T.BASE64, " Zm9v\r\nYg== ", "Zm9vYg=="),
    (T.BASE64, "", ""),
    (T.HEX_BINARY, " 00fF ", "00FF"),
    (T.HEX_BINARY, "", ""),
)
BAD: tuple[tuple[ValueType, str], ...] = (
    *((kind, text) for kind in (T.INT, T.UNSIGNED_INT, T.LONG, T.UNSIGNED_LONG) for text in ("", "abc", "1.0", "1 2")),
    *((kind, "9" * 10000) for kind in (T.INT, T.UNSIGNED_INT, T.LONG, T.UNSIGNED_LONG)),
    (T.INT, "2147483648"),
    (T.INT, "٣"),
    (T.INT, "1_0"),
    (T.INT, "--1"),
    (T.UNSIGNED_INT, "-1"),
    (T.UNSIGNED_INT, "4294967296"),
    (T.UNSIGNED_INT, "0x10"),
    (T.LONG, "9223372036854775808"),
    (T.UNSIGNED_LONG, "18446744073709551616"),
    *((T.DECIMAL, text) for text in ("", ".", "-", "abc", "1,5", "1e3", "٣", "9" * 41)),
    (T.BOOLEAN, ""),
    (T.BOOLEAN, "TRUE"),
    (T.BOOLEAN, "yes"),
    (T.BOOLEAN, "01"),
    (T.DATE_TIME, ""),
    (T.DATE_TIME, "2026-01-31"),
    (T.DATE_TIME, "2026-02-30T00:00:00Z"),
    (T.DATE_TIME, "2026-13-01T00:00:00Z"),
    (T.DATE_TIME, "0000-01-01T00:00:00Z"),
    (T.DATE_TIME, "2026-01-31T24:00:01Z"),
    (T.DATE_TIME, "2026-01-31T10:60:00Z"),
    (T.DATE_TIME, "2026-01-31 10:00:00Z"),
    (T.DATE_TIME, "2026-01-31T10:00:00+15:00"),
    (T.DATE_TIME, "2026-01-31T10:00:00+1:00"),
    (T.DATE_TIME, "2026-01-31T10:00:00."),
    (T.DATE_TIME, "12026-01-31T10:00:00Z"),
    (T.BASE64, "Zm9vYg="),
    (T.BASE64, "Zm9v!g=="),
    (T.BASE64, "Zm-_"),
    (T.BASE64, "é"),
    (T.HEX_BINARY, "0"),
    (T.HEX_BINARY, "0g"),
    (T.HEX_BINARY, "00 ff"),
)


class CanonicalTests(SynchronousTestCase):
    def test_good_texts(self) -> None:
        for kind, text, expected in GOOD:
            self.assertEqual(canonical(kind, text), expected, f"{kind} {text[:40]!r}")
            self.assertEqual(Value(kind, text).canonical(), Value(kind, expected))

    def test_bad_texts(self) -> None:
        for kind, text in BAD:
            with self.assertRaises(LexicalError, msg=f"{kind} {text[:40]!r}"):
                canonical(kind, text)

    def test_the_sentence_says_what_would_be_right_and_not_what_was_sent(self) -> None:
        for kind in set(ValueType) - {T.STRING}:
            with self.assertRaises(LexicalError) as caught:
                canonical(kind, "hunter22x")
            self.assertNotIn("hunter", str(caught.exception))
            self.assertGreater(len(str(caught.exception)), 20)

    @settings(deadline=None, max_examples=200)
    @given(st.sampled_from(ValueType), st.text(max_size=40))
    def test_any_text_is_refused_or_has_one_spelling(self, kind: ValueType, text: str) -> None:
        try:
            once = canonical(kind, text)
        except LexicalError:
            return
        self.assertEqual(canonical(kind, once), once)

    @settings(deadline=None, max_examples=100)
    @given(st.binary())
    def test_equal_octets_are_equal_texts(self, data: bytes) -> None:
        spaced = base64.encodebytes(data).decode()
        self.assertEqual(canonical(T.BASE64, spaced), base64.b64encode(data).decode())
        self.assertEqual(canonical(T.HEX_BINARY, data.hex()), data.hex().upper())

    def test_names_of_types(self) -> None:
        self.assertEqual(ValueType("unsignedInt"), T.UNSIGNED_INT)
        self.assertEqual(T.BASE64.xsd, "base64Binary")
        self.assertEqual(T.HEX_BINARY.xsd, "hexBinary")


class RestrictionTests(SynchronousTestCase):
    def assertAllows(self, restriction: Restriction, kind: ValueType, *texts: str) -> None:
        for text in texts:
            self.assertIsNone(restriction.refusal(kind, text), text)

    def assertRefuses(self, restriction: Restriction, kind: ValueType, *texts: str, because: str) -> None:
        for text in texts:
            self.assertEqual(restriction.refusal(kind, text), because, text)

    def test_nothing_restricted(self) -> None:
        self.assertAllows(Restriction(), T.STRING, "", "anything, at all")
        self.assertIn("whole number", Restriction().refusal(T.INT, "x") or "")

    def test_ranges(self) -> None:
        ports = Restriction(ranges=((None, -5), (0, 0), (1024, None)))
        self.assertAllows(ports, T.INT, "-5", "-6", "0", "1024", " 2147483647 ")
        self.assertRefuses(
            ports, T.INT, "-4", "1", "1023", because="the number must be at most -5 or 0 or at least 1024"
        )
        self.assertEqual(
            Restriction(ranges=((1, 65535),)).refusal(T.UNSIGNED_INT, "0"), "the number must be from 1 to 65535"
        )
        self.assertEqual(
            Restriction(ranges=((5, 30),), unit="K").refusal(T.INT, "4"), "the number must be from 5 to 30 K"
        )

    def test_steps(self) -> None:
        levels = Restriction(ranges=((-10, 10),), step=5)
        self.assertAllows(levels, T.INT, "-10", "-5", "0", "10")
        self.assertRefuses(levels, T.INT, "-9", "15", because="the number must be from -10 to 10 in steps of 5")

    def test_decimals_in_ranges(self) -> None:
        share = Restriction(ranges=((0, 1),))
        self.assertAllows(share, T.DECIMAL, "0.25", "1.0")
        self.assertRefuses(share, T.DECIMAL, "1.01", "-0.1", because="the number must be from 0 to 1")

    def test_lists_of_another_type(self) -> None:
        ports = Restriction(list_of=True, item=T.UNSIGNED_INT, ranges=((1, 9),), list_sizes=((None, 7),))
        self.assertAllows(ports, T.STRING, "", "1,2", "1, 9, 3")
        self.assertRefuses(ports, T.STRING, "1,10", because="each item: the number must be from 1 to 9")
        self.assertRefuses(ports, T.STRING, "1,2,3,4,5", because="the characters of the whole list must be at most 7")
        self.assertIn("unsignedInt is a whole number", ports.refusal(T.STRING, "1,x") or "")

    def test_items_of_a_list(self) -> None:
        self.assertEqual(list_items(" "), [])
        self.assertEqual(list_items("a, b,,"), ["a", "b", "", ""])
        self.assertEqual(list_items("[1,2], [3] ,4"), ["1,2", "3", "4"])
        self.assertEqual(list_items("[1,2"), ["1", "2"])
        pairs = Restriction(list_of=True, patterns=("[0-9],[0-9]",), list_lengths=((2, 2),))
        self.assertAllows(pairs, T.STRING, "[1,2],[3,4]")
        self.assertRefuses(pairs, T.STRING, "1,2", because="each item: the value must match [0-9],[0-9]")

    def test_null_values_are_values(self) -> None:
        for kind in ValueType:
            self.assertEqual(canonical(kind, NULL[kind]), NULL[kind])

    def test_lengths(self) -> None:
        short = Restriction(lengths=((1, 2), (4, 4)))
        self.assertAllows(short, T.STRING, "é", "éé", "éééé")
        because = "the number of characters must be from 1 to 2 or 4"
        self.assertRefuses(short, T.STRING, "", "ééé", "ééééé", because=because)
        self.assertAllows(short, T.HEX_BINARY, "00", "0000")
        self.assertRefuses(short, T.HEX_BINARY, "000000", because=because.replace("characters", "octets"))
        self.assertAllows(short, T.BASE64, "AA==", "AAA=")
        self.assertRefuses(short, T.BASE64, "AAAA", "", because=because.replace("characters", "octets"))

    def test_enumeration_and_patterns(self) -> None:
        self.assertAllows(Restriction(enumeration=("Up", "Down")), T.STRING, "Up")
        self.assertRefuses(
            Restriction(enumeration=("Up", "Down")),
            T.STRING,
            "up",
            "",
            "Up,Down",
            because="the value must be one of Up, Down",
        )
        patterned = Restriction(patterns=("[0-9A-F]{6}", ""))
        self.assertAllows(patterned, T.STRING, "00D09E", "")
        self.assertRefuses(
            patterned, T.STRING, "00D09", "00D09E0", "00D09E\n", because="the value must match [0-9A-F]{6}, or be empty"
        )
        long = "0" * (LONGEST_PATTERNED + 1)
        self.assertRefuses(patterned, T.STRING, long, because="the number of characters must be at most 65536")

    def test_every_restriction_counts(self) -> None:
        both = Restriction(lengths=((None, 3),), patterns=("[a-z]*",))
        self.assertAllows(both, T.STRING, "abc")
        self.assertIn("characters", both.refusal(T.STRING, "abcd") or "")
        self.assertIn("match", both.refusal(T.STRING, "AB") or "")

    def test_lists(self) -> None:
        numbers = Restriction(list_of=True, ranges=((1, 9),), list_lengths=((0, 0), (2, 3)))
        self.assertAllows(numbers, T.UNSIGNED_INT, "", " ", "1,2", "1 , 2 ,9")
        self.assertRefuses(
            numbers, T.UNSIGNED_INT, "1", "1,2,3,4", because="the number of items must be 0 or from 2 to 3"
        )
        self.assertRefuses(numbers, T.UNSIGNED_INT, "1,10", because="each item: the number must be from 1 to 9")
        self.assertIn("each item", numbers.refusal(T.UNSIGNED_INT, "1,") or "")


class TimeTests(SynchronousTestCase):
    def test_points_of_time(self) -> None:
        for text, expected in (
            ("1970-01-01T00:00:00Z", 0.0),
            ("1970-01-01T01:00:00+01:00", 0.0),
            ("1969-12-31T23:00:00.5-01:00", 0.5),
            ("1970-01-01T00:00:00", 0.0),
            ("2024-02-29T24:00:00Z", 1709251200.0),
            (" 2026-01-31T10:00:00Z\n", 1769853600.0),
            ("9999-12-31T23:59:58-14:00", 253402351198.0),
        ):
            self.assertEqual(parse_time(text), expected, text)

    def test_no_points_of_time(self) -> None:
        for text in (UNKNOWN_TIME, INFINITE_TIME, "0001-01-03T03:04:05Z", "0999-12-31T00:00:00+14:00"):
            self.assertIsNone(parse_time(text), text)
        with self.assertRaises(LexicalError):
            parse_time("yesterday")

    def test_unknown_time(self) -> None:
        for text in (UNKNOWN_TIME, "0001-01-01T00:00:00", "0001-01-01T00:00:00+00:00", "0001-01-01T00:00:00.000Z"):
            self.assertEqual(canonical(ValueType.DATE_TIME, text), UNKNOWN_TIME, text)
        for text in ("0001-01-01T00:00:01Z", "0001-01-01T00:00:00+01:00", INFINITE_TIME, "1970-01-01T00:00:00Z"):
            self.assertEqual(canonical(ValueType.DATE_TIME, text), text)

    def test_formatting(self) -> None:
        self.assertEqual(format_time(0), "1970-01-01T00:00:00Z")
        self.assertEqual(format_time(-0.5), "1969-12-31T23:59:59Z")
        self.assertEqual(format_time(1769853600.9, 5400), "2026-01-31T11:30:00+01:30")
        self.assertEqual(format_time(1769853600, -3600), "2026-01-31T09:00:00-01:00")
        for epoch, offset in ((1e12, 0), (-1e12, 0), (float("inf"), 0), (0, 60000), (253402300799, 3600)):
            with self.assertRaises(ValueError, msg=f"{epoch} {offset}"):
                format_time(epoch, offset)

    @settings(deadline=None, max_examples=100)
    @given(
        st.datetimes(datetime(1000, 1, 3), datetime(9999, 12, 30)).map(lambda time: time.replace(microsecond=0)),
        st.integers(-14 * 60, 14 * 60),
    )
    def test_what_is_written_is_read_back(self, time: datetime, minutes: int) -> None:
        epoch = (time.replace(tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds()
        text = format_time(epoch, minutes * 60)
        self.assertEqual(canonical(T.DATE_TIME, text), text)
        self.assertEqual(parse_time(text), epoch)
        self.assertEqual(datetime.fromisoformat(text).utcoffset(), timezone(timedelta(minutes=minutes)).utcoffset(None))
