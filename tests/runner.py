"""``make test``: ruff, mypy, then every test under trial; the last line has the counts.

A run fails where no test runs, a check fails, or a number of skips is not the one that ``tests/skips.py`` expects.
"""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from collections.abc import Sequence

from twisted.trial.reporter import TextReporter
from twisted.trial.runner import TestLoader, TrialRunner

from tests.skips import ALLOWED, CHECKOUT, Allowed, mistakes

CHECKS = (
    ("ruff", "check", "--quiet", "--output-format=concise"),
    ("ruff", "format", "--check", "--quiet"),
    ("mypy", "--no-error-summary"),
)


def lint(checks: Sequence[tuple[str, ...]] = CHECKS) -> list[str]:
    """Run the static checks; one line for each failed check."""
    failed = []
    for check in checks:
        print(f"{' '.join(check)} ...", flush=True)
        if subprocess.run([sys.executable, "-m", *check], cwd=CHECKOUT, check=False).returncode:
            failed.append(f"{' '.join(check)} failed")
    return failed


def skips(result: TextReporter) -> Counter[str]:
    """Number of skips for each reason; a ``todo`` counts as a reason, which is never allowed."""
    counts = Counter(str(reason) for _, reason in result.skips)
    if result.expectedFailures:
        counts["todo"] = len(result.expectedFailures)
    return counts


def verdict(
    result: TextReporter, failed_checks: Sequence[str], allowed: Sequence[Allowed] = ALLOWED
) -> tuple[list[str], bool]:
    """The last lines of a run, and whether it passed."""
    failed = len(result.failures) + len(result.errors) + len(result.unexpectedSuccesses)
    counts = skips(result)
    wrong = [*failed_checks, *mistakes(counts, allowed)]
    if not result.testsRun:
        wrong.append("no test was run")
    lines = [f"skipped {count}: {reason}" for reason, count in sorted(counts.items())]
    lines += [f"WRONG: {line}" for line in wrong]
    lines.append(f"{result.successes} passed, {failed} failed, {counts.total()} skipped")
    return lines, not failed and not wrong


def main(arguments: Sequence[str]) -> int:
    """Run checks and tests; exit status 0 where all passed."""
    failed_checks = lint()
    if "--lint" in arguments:
        return 1 if failed_checks else 0
    suite = TestLoader().loadByName("tests", recurse=True)
    result = TrialRunner(TextReporter).run(suite)
    lines, good = verdict(result, failed_checks)
    sys.stderr.flush()
    print("\n".join(lines), flush=True)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
