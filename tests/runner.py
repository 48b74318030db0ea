"""``make test``: ruff, mypy, then every test under trial, in one process a processor; the last line has
the counts.

A run fails where no test runs, a check fails, or a number of skips is not the one that ``tests/skips.py`` expects.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence

from tests.skips import ALLOWED, CHECKOUT, Allowed, mistakes
from tests.workers import Outcome, all_modules, run_modules

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


def verdict(
    outcome: Outcome, failed_checks: Sequence[str], allowed: Sequence[Allowed] = ALLOWED
) -> tuple[list[str], bool]:
    """The last lines of a run, and whether it passed."""
    wrong = [*failed_checks, *outcome.lost, *mistakes(outcome.skips, allowed)]
    if not (outcome.passed or outcome.failed or outcome.skips):
        wrong.append("no test was run")
    lines = [f"skipped {count}: {reason}" for reason, count in sorted(outcome.skips.items())]
    lines += [f"WRONG: {line}" for line in wrong]
    lines.append(f"{outcome.passed} passed, {outcome.failed} failed, {outcome.skips.total()} skipped")
    return lines, not outcome.failed and not wrong


def main(arguments: Sequence[str]) -> int:
    """Run checks and tests; exit status 0 where all passed."""
    failed_checks = lint()
    if "--lint" in arguments:
        return 1 if failed_checks else 0
    lines, good = verdict(run_modules(all_modules(), os.cpu_count() or 1), failed_checks)
    print("\n".join(lines), flush=True)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
