"""Tests of ranges and conditions."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from cwmpagent.lab.files.byte_range import ByteRange, UnsatisfiableError, byte_range, has_it, still_the_same


class Ranges(SynchronousTestCase):
    def test_one_range(self) -> None:
        for header, first, last in (
            ("bytes=0-", 0, 9),
            ("bytes=3-4", 3, 4),
            ("Bytes = 9-9", 9, 9),
            ("bytes=5-99999999", 5, 9),
            ("bytes=-3", 7, 9),
            ("bytes=-30", 0, 9),
        ):
            self.assertEqual(byte_range(header, 10), ByteRange(first, last), header)

    def test_what_is_ignored(self) -> None:
        for header in ("", "bytes", "bytes=", "bytes=-", "bytes=a-b", "bytes=5-4", "bytes=1-2,4-5", "lines=1-2"):
            self.assertIsNone(byte_range(header, 10), header)
        self.assertIsNone(byte_range("bytes=" + "9" * 1000 + "-", 10))
        self.assertIsNone(byte_range("bytes=\u0663-", 10))

    def test_behind_the_end(self) -> None:
        for header, size in (("bytes=10-", 10), ("bytes=-0", 10), ("bytes=0-", 0), ("bytes=-5", 0)):
            self.assertRaises(UnsatisfiableError, byte_range, header, size)

    @given(st.text(), st.integers(0, 100))
    def test_anything(self, text: str, size: int) -> None:
        for header in (text, f"bytes={text}"):
            try:
                found = byte_range(header, size)
            except UnsatisfiableError:
                continue
            if found is not None:
                self.assertTrue(0 <= found.first <= found.last < size)

    def test_conditions(self) -> None:
        self.assertTrue(still_the_same("", '"a"', "date"))
        self.assertTrue(still_the_same('"a"', '"a"', "date"))
        self.assertTrue(still_the_same("date", '"a"', "date"))
        self.assertFalse(still_the_same('W/"a"', '"a"', "date"))
        self.assertTrue(has_it('"b", W/"a"', '"a"'))
        self.assertTrue(has_it("*", '"a"'))
        self.assertFalse(has_it('"b"', '"a"'))
