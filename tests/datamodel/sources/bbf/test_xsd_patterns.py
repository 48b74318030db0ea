"""Translation of XML Schema patterns: matching and non-matching texts, and untranslatable patterns."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from xml.etree import ElementTree

from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree
from twisted.trial.unittest import SkipTest, SynchronousTestCase

from cwmpagent.datamodel.sources.bbf.xsd_patterns import PatternError, example, translated
from tests.skips import NO_BBF, bbf_directory

MATCHES: tuple[tuple[str, tuple[str, ...], tuple[str, ...]], ...] = (
    # pattern, texts it matches, texts it does not
    ("", ("",), (" ", "a")),
    ("a|bc", ("a", "bc"), ("ac", "abc", "b", "")),
    ("a|", ("a", ""), ("b",)),
    ("abc", ("abc",), ("xabc", "abcx", "abc\n")),
    ("a^b$c", ("a^b$c",), ("abc", "a")),
    ("^", ("^",), ("",)),
    ("a.c", ("abc", "a.c", "a\u2028c", "a\U0001f600c"), ("a\nc", "a\rc", "ac")),
    (r"a\.c", ("a.c",), ("abc",)),
    (r"\n\r\t\\\|\?\*\+\(\)\{\}\-\[\]\^", ("\n\r\t\\|?*+(){}-[]^",), ("",)),
    ("a?b*c+", ("c", "abbc", "bcc"), ("a", "ab", "aac")),
    ("a{2}", ("aa",), ("a", "aaa")),
    ("a{2,}", ("aa", "a" * 50), ("a",)),
    ("a{1,3}", ("a", "aaa"), ("", "aaaa")),
    ("a{0}", ("",), ("a",)),
    ("(ab){2}", ("abab",), ("ab",)),
    ("(a|b(c|d))+", ("abc", "bd", "aaa"), ("b", "c")),
    ("[abc]", ("a", "c"), ("d", "ab", "")),
    ("[^abc]", ("d", "\n", "^"), ("a",)),
    ("[a^]", ("a", "^"), ("b",)),
    ("[a-c]", ("b",), ("d", "-")),
    ("[-a]", ("-", "a"), ("b",)),
    ("[a-]", ("-", "a"), ("b",)),
    (r"[a\-c]", ("-", "a", "c"), ("b",)),
    (r"[\[\]\\]", ("[", "]", "\\"), ("a",)),
    ("[&|~]", ("&", "|", "~"), ("a",)),
    ("[&&]", ("&",), ("a",)),
    ("[!--]", ("!", "+", "-"), (".",)),
    ("[a-z-[aeiou]]", ("b", "z"), ("a", "u", "B", "-")),
    ("[a-z-[aeiou]]+x", ("bcx",), ("bax",)),
    ("[^a-c-[x]]", ("d",), ("a", "x")),
    ("[a-z-[b-y-[m]]]", ("a", "m", "z"), ("b", "n")),
    (r"\d", ("0", "٣"), ("a", "½")),
    (r"\D", ("a", "½"), ("0", "٣")),
    (r"[\d.]+", ("1.5",), ("1,5",)),
    (r"[^\d]", ("a",), ("1",)),
    (r"\s", (" ", "\t", "\n", "\r"), ("\u00a0", "\v", "a")),
    (r"\S", ("a", "\u00a0", "\v"), (" ", "\n")),
    (r"[\S]", ("a",), (" ",)),
    (r"[\S\n]", ("a", "\n"), (" ", "\t")),
    (r"[^\S]", (" ", "\n"), ("a",)),
    (r"[^\S\n]", (" ",), ("a", "\n")),
    (r"\w", ("a", "é", "9", "$", "+", "中", "\u0301"), ("_", "-", " ", ".", "\u00a0", "\x07")),
    (r"\W", ("_", "-", " "), ("a", "$")),
    (r"[\w_]+", ("a_b",), ("a-b",)),
    (r"[^\W]", ("a",), ("_",)),
    (r"\i\c*", ("a", "_b", ":c", "x-1.2", "é·"), ("1a", "-", "a b", "")),
    (r"\I", ("1", "-", " "), ("a", ":", "_")),
    (r"\C", (" ", "$"), ("a", "1", "-", ".")),
    (r"[\i-[:]][\c-[:]]*", ("a1",), ("a:1", ":a")),
    (r"\p{L}", ("a", "Z", "é", "中"), ("1", "_")),
    (r"\p{Lu}", ("A", "É"), ("a", "1")),
    (r"\P{Lu}", ("a", "1"), ("A",)),
    (r"[\p{Lu}\p{Nd}]", ("A", "5"), ("a",)),
    (r"[^\p{Lu}]", ("a",), ("A",)),
    (r"[\p{Lu}-[A-F]]", ("G", "É"), ("A", "g")),
    (r"\p{IsBasicLatin}*", ("abc~\x00",), ("é",)),
    (r"\P{IsBasicLatin}", ("é",), ("a",)),
    (r"[\p{IsGreek}\p{IsCyrillic}]", ("Ω", "ж"), ("a",)),
)
WRONG: tuple[tuple[str, str], ...] = (
    ("a)", "a ) without an opening ( (character 1)"),
    ("(a", "a ( that is not closed"),
    ("*a", "a * that must be written as \\*"),
    ("a**", "two consecutive quantifiers"),
    ("a{1}?", "two consecutive quantifiers"),
    ("a{", "a { that does not begin a quantifier"),
    ("a{,3}", "a { that does not begin a quantifier"),
    ("a{3,2}", "whose upper bound is below its lower bound"),
    ("a{70000}", "exceeds the maximum of 65535"),
    ("a}", "a } that must be written as \\}"),
    ("a]", "a ] that must be written as \\]"),
    ("[", "an unexpected end"),
    ("[]", "an empty class"),
    ("[a[b]", "a [ in a class that must be written as \\["),
    ("[a-b-c]", "a - in a class that must be written as \\-"),
    ("[z-a]", "a range whose end is not a character after its start"),
    (r"[a-\d]", "a range whose end is not a character after its start"),
    ("[a-[b]c]", "a subtracted class that is not at the end"),
    ("a\\", "an unexpected end"),
    (r"\b", r"the unknown escape \b"),
    (r"(\1)", r"the unknown escape \1"),
    (r"\p{Xx}", r"the unknown escape \p{Xx}"),
    (r"\p{IsKlingon}", r"the unknown escape \p{IsKlingon}"),
    (r"\pL", r"the unknown escape \p"),
    ("(" * 5000 + ")" * 5000, "exceeds the limits of Python"),
)


class TranslationTests(SynchronousTestCase):
    def test_what_matches(self) -> None:
        for pattern, good, bad in MATCHES:
            python = translated(pattern)
            for text in good:
                self.assertTrue(re.fullmatch(python, text), f"{pattern} {text!r} by {python[:80]}")
            for text in bad:
                self.assertFalse(re.fullmatch(python, text), f"{pattern} {text!r} by {python[:80]}")

    def test_another_implementation_agrees(self) -> None:
        """libxml2 agrees on the same patterns, except for two that it does not support."""
        for pattern, good, bad in MATCHES:
            if pattern in (r"\p{L}", "[a-z-[b-y-[m]]]"):
                continue
            judge = schema(pattern)
            for text in good:
                if is_xml(text):
                    self.assertTrue(judge(text), f"{pattern} {text!r}")
            for text in bad:
                if is_xml(text):
                    self.assertFalse(judge(text), f"{pattern} {text!r}")

    def test_what_cannot_be_translated_is_said_so(self) -> None:
        for pattern, reason in WRONG:
            error = self.assertRaises(PatternError, translated, pattern)
            self.assertIn(reason, str(error), pattern[:40])
            self.assertRaises(PatternError, example, pattern)

    def test_a_pattern_that_both_languages_share_stays_as_it_is(self) -> None:
        for pattern in ("[0-9A-F]{6}", r"\d+(\.\d+)*", "([0-9A-Fa-f][0-9A-Fa-f]:){5}([0-9A-Fa-f][0-9A-Fa-f])", "a|b?"):
            self.assertEqual(translated(pattern), pattern)

    def test_categories_are_those_of_unicode(self) -> None:
        found = re.compile(translated(r"\p{S}"))
        for code in (*range(0x3000), *range(0x1F000, 0x20000)):
            self.assertEqual(bool(found.fullmatch(chr(code))), unicodedata.category(chr(code))[0] == "S", hex(code))

    @settings(deadline=None, max_examples=300)
    @given(st.text(st.sampled_from(r"ab0-[]^(){},|?*+.\dswpicLu "), max_size=14))
    def test_any_text_is_translated_or_refused(self, pattern: str) -> None:
        try:
            python = translated(pattern)
        except PatternError:
            return
        shown = example(pattern)
        if shown is not None:
            self.assertTrue(re.fullmatch(python, shown))

    @settings(deadline=None, max_examples=150)
    @given(
        st.text(st.sampled_from("ab0^$.-|?*+[](){} "), max_size=8),
        st.text(st.sampled_from("ab0^$.-|?*+[](){} \n"), max_size=8),
    )
    def test_an_escaped_text_matches_itself_only(self, text: str, other: str) -> None:
        python = translated(re.sub(r"([.\\?*+()|\[\]{}\-^])", r"\\\1", text))
        self.assertTrue(re.fullmatch(python, text))
        self.assertEqual(bool(re.fullmatch(python, other)), text == other)


class ExampleTests(SynchronousTestCase):
    def test_short_texts(self) -> None:
        for pattern, expected in (
            ("[0-9A-F]{6}", "000000"),
            ("|abc", ""),
            ("abc|de", "de"),
            (r"2\.\d+", "2.0"),
            ("[A-Z][A-Z][ OI]", "AA "),
            ("(a{1000}){1000}", None),
            ("[a-[a]]", None),
        ):
            self.assertEqual(example(pattern), expected, pattern)


class PublishedTests(SynchronousTestCase):
    """All patterns of the published models."""

    def test_all_but_one_are_translated_and_have_an_example(self) -> None:
        directory = bbf_directory()
        if directory is None:
            raise SkipTest(NO_BBF)
        found: set[str] = set()
        for name in ("tr-181-2-17-0-cwmp-full.xml", "tr-098-1-8-0-full.xml", "tr-106-types.xml"):
            found |= {each.attrib["value"] for each in ElementTree.parse(directory / name).iter("pattern")}
        refused = []
        for pattern in sorted(found):
            try:
                python = translated(pattern)
            except PatternError:
                refused.append(pattern)
                continue
            shown = example(pattern)
            self.assertIsNotNone(shown, pattern)
            self.assertTrue(re.fullmatch(python, shown or ""), pattern)
            self.assertTrue(schema(pattern)(shown or ""), pattern)
        # A lazy quantifier, which XML Schema does not have.
        self.assertEqual(refused, ["([0-9]{1,15}?[BKMGT])"])
        self.assertGreater(len(found), 30)


def schema(pattern: str) -> Callable[[str], bool]:
    """Function that returns whether ``pattern`` matches a text according to libxml2."""
    escaped = pattern.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")
    document = (
        '<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema"><xs:element name="a"><xs:simpleType>'
        f'<xs:restriction base="xs:string"><xs:pattern value="{escaped}"/></xs:restriction>'
        "</xs:simpleType></xs:element></xs:schema>"
    )
    compiled = etree.XMLSchema(etree.fromstring(document))

    def judge(text: str) -> bool:
        element = etree.Element("a")
        element.text = text
        return bool(compiled.validate(element))

    return judge


def is_xml(text: str) -> bool:
    return not re.search(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", text)
