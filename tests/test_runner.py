"""The verdict over a run of the suite."""

from __future__ import annotations

import io
import os
import sys
import unittest
from pathlib import Path

from twisted.trial.reporter import TextReporter
from twisted.trial.runner import TestLoader
from twisted.trial.unittest import SynchronousTestCase

from tests.runner import lint, verdict
from tests.skips import ALLOWED, CHECKOUT, Allowed, mistakes
from tests.workers import Outcome, all_modules, outcome_of, run_modules


class Sample(unittest.TestCase):
    """Not collected: its methods do not begin with ``test``."""

    def passes(self) -> None:
        pass

    def fails(self) -> None:
        self.fail("on purpose")

    def skips(self) -> None:
        raise unittest.SkipTest("the moon is down")


def run(*names: str) -> Outcome:
    result = TextReporter(io.StringIO())
    loader = TestLoader()
    loader.suiteFactory([Sample(name) for name in names]).run(result)
    return outcome_of(result)


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


class WorkerTests(SynchronousTestCase):
    """Modules in worker processes of their own."""

    def setUp(self) -> None:
        self.output = io.StringIO()
        self.patch(sys, "stdout", self.output)
        self.directory = Path(self.mktemp())
        self.directory.mkdir()
        before = os.environ.get("PYTHONPATH", "")
        os.environ["PYTHONPATH"] = f"{self.directory.absolute()}:{before}"
        self.addCleanup(os.environ.__setitem__, "PYTHONPATH", before)

    def module(self, name: str, *lines: str) -> str:
        text = ["import os, unittest", "class T(unittest.TestCase):", *(f"    {line}" for line in lines)]
        (self.directory / f"{name}.py").write_text("\n".join(text))
        return name

    def test_counts_of_all_modules_are_added(self) -> None:
        first = self.module("first", "def test_a(self): pass", "def test_b(self): self.skipTest('no moon')")
        second = self.module("second", "def test_a(self): self.fail('on purpose')", "def test_b(self): pass")
        outcome = run_modules([first, second, first], 2)
        self.assertEqual((outcome.passed, outcome.failed, outcome.skips, outcome.lost), (3, 1, {"no moon": 2}, []))
        self.assertIn("on purpose", self.output.getvalue())

    def test_a_module_that_cannot_be_loaded_fails(self) -> None:
        outcome = run_modules(["absent_module", self.module("broken_module", "this is no Python")], 1)
        self.assertEqual((outcome.passed, outcome.failed), (0, 2))

    def test_a_module_whose_worker_ends_is_lost_and_fails_the_run(self) -> None:
        modules = [self.module("ends", "def test_a(self): os._exit(0)"), self.module("after", "def test_a(self): pass")]
        outcome = run_modules(modules, 1)
        self.assertEqual(outcome.lost, ["ends: its worker ended with status 0", "after: no worker was left"])
        self.assertFalse(verdict(outcome, [], ())[1])

    def test_output_of_a_test_is_no_answer(self) -> None:
        loud = self.module("loud", "def test_a(self): print('[\"text\", 9, 9, {}]'); os.write(1, b'x\\n')")
        self.assertEqual(run_modules([loud], 1).passed, 1)

    def test_every_module_can_be_imported_by_its_name(self) -> None:
        modules = all_modules()
        self.assertIn("tests.test_runner", modules)
        packages = {Path(CHECKOUT, *name.split(".")[:-1], "__init__.py") for name in modules}
        self.assertEqual([str(path) for path in packages if not path.is_file()], [])
