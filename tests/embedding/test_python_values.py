"""Conversion of values between Python types and the texts of CWMP."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from cwmpagent.embedding.python_values import python_value, text_of
from cwmpagent.values import ValueType as T
from cwmpagent.values import canonical

_VALUES: dict[T, st.SearchStrategy[Any]] = {
    T.STRING: st.text(),
    T.INT: st.integers(-(2**31), 2**31 - 1),
    T.UNSIGNED_INT: st.integers(0, 2**32 - 1),
    T.LONG: st.integers(-(2**63), 2**63 - 1),
    T.UNSIGNED_LONG: st.integers(0, 2**64 - 1),
    T.DECIMAL: st.decimals(-(10**9), 10**9, places=3),
    T.BOOLEAN: st.booleans(),
    T.BASE64: st.binary(),
    T.HEX_BINARY: st.binary(),
}


class NativeTests(SynchronousTestCase):
    @settings(deadline=None, max_examples=100)
    @given(st.sampled_from(list(_VALUES)).flatmap(lambda kind: st.tuples(st.just(kind), _VALUES[kind])))
    def test_there_and_back(self, pair: tuple[T, Any]) -> None:
        kind, value = pair
        back = python_value(kind, canonical(kind, text_of(kind, value)))
        self.assertEqual(back, value)
        self.assertIs(type(back), type(value))

    def test_every_type_has_a_rule(self) -> None:
        self.assertEqual(_VALUES.keys() | {T.DATE_TIME}, set(T))

    def test_a_text_is_taken_as_it_is(self) -> None:
        for kind in T:
            self.assertEqual(text_of(kind, "anything"), "anything")

    def test_decimals(self) -> None:
        self.assertEqual(text_of(T.DECIMAL, 21.5), "21.5")
        self.assertEqual(text_of(T.DECIMAL, Decimal("1E+3")), "1000")
        self.assertEqual(text_of(T.DECIMAL, 7), "7")

    def test_times(self) -> None:
        moment = datetime(2026, 1, 31, 10, tzinfo=UTC)
        self.assertEqual(canonical(T.DATE_TIME, text_of(T.DATE_TIME, moment)), "2026-01-31T10:00:00+00:00")
        self.assertEqual(python_value(T.DATE_TIME, "2026-01-31T10:00:00Z"), "2026-01-31T10:00:00Z")

    def test_what_cannot_be_of_that_type_is_told_with_what_can(self) -> None:
        for kind, value, words in (
            (T.INT, 21.5, "a float cannot be a value of type int: use an int, as round() returns"),
            (T.INT, True, "a bool cannot be a value of type int"),
            (T.INT, None, "None cannot be a value of type int"),
            (T.BOOLEAN, 1, "use True or False"),
            (T.STRING, 5, "use a str"),
            (T.STRING, b"x", "a bytes cannot"),
            (T.BASE64, 5, "use bytes"),
            (T.DATE_TIME, datetime(2026, 1, 31), "without a time zone"),
            (T.DATE_TIME, 0, "use a datetime"),
        ):
            with self.subTest(kind=kind, value=value):
                self.assertIn(words, str(self.assertRaises(TypeError, text_of, kind, value)))
