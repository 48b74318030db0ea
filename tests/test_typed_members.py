"""Typed values of outside data, and the error of each wrong member."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from cwmpagent.typed_members import TypedMembers, shown

_ANY = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(max_size=5), children, max_size=3),
    max_leaves=5,
)
_READS: tuple[Callable[[TypedMembers], object], ...] = (
    lambda members: members.text("a", most=3, empty=False, printable=True),
    lambda members: members.choice("a", "", ("x", "y")),
    lambda members: members.flag("a", False),
    lambda members: members.whole("a", least=0, most=3),
    lambda members: members.whole_or_none("a"),
    lambda members: members.number("a"),
    lambda members: members.number("a", above=0, most=1),
    lambda members: members.texts("a", least=1, empty=False, printable=True),
    lambda members: members.text_or_texts("a", ("x",)),
    lambda members: members.texts_by_name("a", least=1),
    lambda members: members.plain("a"),
    lambda members: members.members("a"),
    lambda members: members.members_or_none("a"),
    lambda members: [*members.rows("a")],
)


class WrongError(Exception):
    """The error of these tests."""


def read(**members: object) -> TypedMembers:
    """The members of an object with the name ``box``."""
    return TypedMembers(members, "box", lambda name, reason: WrongError(f"{name} {reason}"))


class ReadingTests(SynchronousTestCase):
    def test_values_of_each_type(self) -> None:
        members = read(
            text="x",
            flag=True,
            whole=3,
            number=1.5,
            texts=["a", "b"],
            names={"A": "1"},
            inner={"a": 1},
            rows=[{"a": 1}],
        )
        self.assertEqual(members.text("text"), "x")
        self.assertEqual(members.choice("text", None, ("x", "y")), "x")
        self.assertIs(members.flag("flag"), True)
        self.assertEqual(members.whole("whole", least=3, most=3), 3)
        self.assertEqual((members.number("number"), members.number("whole")), (1.5, 3.0))
        self.assertEqual(members.texts("texts"), ("a", "b"))
        self.assertEqual((members.text_or_texts("text"), members.text_or_texts("texts")), (("x",), ("a", "b")))
        self.assertEqual(members.texts_by_name("names"), {"A": "1"})
        self.assertEqual([members.plain(name) for name in ("text", "flag", "whole")], ["x", "true", "3"])
        self.assertEqual(members.members("inner").whole("a"), 1)
        self.assertEqual([row.whole("a") for row in members.rows("rows")], [1])

    def test_defaults(self) -> None:
        members = read(null=None)
        self.assertEqual((members.text("a", ""), members.flag("a", False), members.whole("a", 0)), ("", False, 0))
        self.assertEqual(members.text("a", "", empty=False), "")
        self.assertEqual((members.texts("a", ()), members.text_or_texts("a", ("x",))), ((), ("x",)))
        self.assertEqual([members.whole_or_none(name) for name in ("a", "null")], [None, None])
        self.assertEqual([members.members_or_none(name) for name in ("a", "null")], [None, None])
        self.assertEqual([members.choice_or_none(name, ("x",)) for name in ("a", "null")], [None, None])
        self.assertRaises(WrongError, members.text, "null", "")

    def test_names_that_were_read(self) -> None:
        members = read(a=1, b=2)
        members.whole("a")
        members.flag("c", False)
        self.assertEqual((members.unread(), sorted(members.read())), (["b"], ["a", "c"]))

    def test_errors_name_the_member(self) -> None:
        for members, look, text in (
            (read(), lambda box: box.text("a"), "box.a is missing"),
            (read(a=1), lambda box: box.text("a"), "box.a must be a string"),
            (read(a=""), lambda box: box.text("a", empty=False), "box.a must not be empty"),
            (read(a="xyz"), lambda box: box.text("a", most=2), "box.a has 3 characters, at most 2 are allowed"),
            (read(a="\n"), lambda box: box.text("a", printable=True), "box.a has a control character"),
            (read(a="z"), lambda box: box.choice("a", "x", ("x", "y")), "box.a must be one of x, y"),
            (read(a=["x"]), lambda box: box.choice("a", "x", ("x", "y")), "box.a must be one of x, y"),
            (read(a=1), lambda box: box.flag("a"), "box.a must be true or false"),
            (read(a=True), lambda box: box.whole("a"), "box.a must be a whole number"),
            (read(a=1.0), lambda box: box.whole("a"), "box.a must be a whole number"),
            (read(a=4), lambda box: box.whole("a", least=0, most=3), "box.a must be from 0 to 3"),
            (read(a=True), lambda box: box.number("a"), "box.a must be a number"),
            (read(a=float("nan")), lambda box: box.number("a"), "box.a must be a number"),
            (read(a=-float("inf")), lambda box: box.number("a"), "box.a must be a number"),
            (read(a=0), lambda box: box.number("a", most=9, unit="s"), "box.a must be more than 0 and at most 9 s"),
            (read(a="x"), lambda box: box.texts("a"), "box.a must be a list of strings"),
            (read(a=["x", 1]), lambda box: box.texts("a"), "box.a must be a list of strings"),
            (read(a=[]), lambda box: box.texts("a", least=1), "box.a must not be empty"),
            (read(a=[""]), lambda box: box.texts("a", empty=False), "box.a has an empty string in its list"),
            (read(a=["\n"]), lambda box: box.texts("a", printable=True), "box.a has a string with a control character"),
            (read(a=1), lambda box: box.text_or_texts("a"), "box.a must be a string or a list of strings"),
            (read(a={"b": 1}), lambda box: box.texts_by_name("a"), "box.a must be an object of strings"),
            (read(a=1.5), lambda box: box.plain("a"), "box.a must be a string, a whole number, true or false"),
            (read(a=[]), lambda box: box.members("a"), "box.a must be an object"),
            (read(a={}), lambda box: box.members("a").flag("b"), "box.a.b is missing"),
            (read(a=[1]), lambda box: box.rows("a"), "box.a must be a list of objects"),
            (read(a=[{}, {}]), lambda box: [*box.rows("a")][1].flag("b"), "box.a[1].b is missing"),
        ):
            with self.subTest(text=text):
                self.assertIn(text, str(self.assertRaises(WrongError, look, members)))

    def test_names_are_one_line(self) -> None:
        self.assertEqual(shown("udp_port-1"), "udp_port-1")
        self.assertEqual(shown("Device.Time."), '"Device.Time."')
        self.assertEqual(shown('a"\x1b\n'), '"a\\"\\x1b\\n"')
        self.assertEqual(shown(""), '""')

    @settings(deadline=None, max_examples=100)
    @given(_ANY)
    def test_no_value_raises_any_other_error(self, value: object) -> None:
        for look in _READS:
            try:
                look(read(a=value))
            except WrongError as error:
                self.assertTrue(str(error).isprintable())
