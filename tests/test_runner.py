"""The verdict over a run of the suite."""

from __future__ import annotations

import io
import sys
import unittest

from twisted.trial.reporter import TextReporter
from twisted.trial.runner import TestLoader
from twisted.trial.unittest import SynchronousTestCase

from tests.runner import lint, verdict
from tests.skips import ALLOWED, Allowed, mistakes


class Sample(unittest.TestCase):
    """Not collected: its methods do not begin with ``test``."""

    def passes(self) -> None:
        pass

    def fails(self) -> None:
        self.fail("on purpose")

    def skips(self) -> None:
        raise unittest.SkipTest("the moon is down")


def run(*names: str) -> TextReporter:
    result = TextReporter(io.StringIO())
    loader = TestLoader()
    loader.suiteFactory([Sample(name) for name in names]).run(result)
    return result


class VerdictTests(SynchronousTestCase):
    def test_counts_are_the_last_line(self) -> None:
        lines, good = verdict(run("passes", "passes"), [], ())
        self.assertEqual(lines, ["2 passed, 0 failed, 0 skipped"])
        self.assertTrue(good)

    def test_a_failed_test_fails_the_run(self) -> None:
        lines, good = verdict(run("passes", "fails"), [], ())
        self.assertEqual(lines[-1], "1 passed, 1 failed, 0 skipped")
        self.assertFalse(good)

    def test_no_test_at_all_fails_the_run(self) -> None:
        lines, good = verdict(run(), [], ())
        self.assertEqual(lines, ["WRONG: no test was run", "0 passed, 0 failed, 0 skipped"])
        self.assertFalse(good)

    def test_a_skip_that_is_allowed_here_is_fine_and_counted(self) -> None:
        lines, good = verdict(run("passes", "skips"), [], (Allowed("the moon is down", lambda: True, 1),))
        self.assertEqual(lines, ["skipped 1: the moon is down", "1 passed, 0 failed, 1 skipped"])
        self.assertTrue(good)

    def test_an_unexpected_skip_fails_the_run_and_is_named(self) -> None:
        lines, good = verdict(run("passes", "skips"), [], ())
        self.assertIn("skipped 1: the moon is down", lines)
        self.assertEqual(lines[-1], "1 passed, 0 failed, 1 skipped")
        self.assertFalse(good)

    def test_a_failed_check_fails_the_run_and_is_named(self) -> None:
        lines, good = verdict(run("passes"), ["mypy failed"], ())
        self.assertEqual(lines, ["WRONG: mypy failed", "1 passed, 0 failed, 0 skipped"])
        self.assertFalse(good)

    def test_a_check_that_ends_with_an_error_is_reported(self) -> None:
        self.patch(sys, "stdout", io.StringIO())
        wrong = ("pip", "-qqq", "show", "no-such-package")  # which fails without a word
        self.assertEqual(lint([("keyword",), wrong]), ["pip -qqq show no-such-package failed"])


class SkipTests(SynchronousTestCase):
    allowed = (Allowed("no moon", lambda: True, 2), Allowed("no sun", lambda: False, 3))

    def test_the_expected_number_is_fine(self) -> None:
        self.assertEqual(mistakes({"no moon": 2}, self.allowed), [])

    def test_any_other_number_is_not(self) -> None:
        self.assertEqual(len(mistakes({"no moon": 1}, self.allowed)), 1)
        self.assertEqual(len(mistakes({"no moon": 3}, self.allowed)), 1)
        self.assertEqual(len(mistakes({}, self.allowed)), 1)

    def test_what_is_there_may_not_be_skipped(self) -> None:
        self.assertEqual(len(mistakes({"no moon": 2, "no sun": 3}, self.allowed)), 1)

    def test_an_unknown_reason_is_named(self) -> None:
        (line,) = mistakes({"no moon": 2, "bored": 1}, self.allowed)
        self.assertIn("bored", line)

    def test_each_reason_stands_once_in_the_table(self) -> None:
        reasons = [item.reason for item in ALLOWED]
        self.assertEqual(len(reasons), len(set(reasons)))
