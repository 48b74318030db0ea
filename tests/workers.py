"""Test modules shared among worker processes.

A worker reads names of modules from its standard input, one a line, runs each under trial, and answers each with one
line of JSON. All else that it prints goes to standard error.
"""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from twisted.trial.reporter import TextReporter
from twisted.trial.runner import TestLoader, TrialRunner

from tests.skips import CHECKOUT


@dataclass
class Outcome:
    """Counts of a run. ``skips``: number of skips for each reason; ``lost``: modules whose worker ended."""

    passed: int = 0
    failed: int = 0
    skips: Counter[str] = field(default_factory=Counter)
    lost: list[str] = field(default_factory=list)

    def add(self, other: Outcome) -> None:
        """Add the counts of ``other``."""
        self.passed += other.passed
        self.failed += other.failed
        self.skips += other.skips
        self.lost += other.lost


def outcome_of(result: TextReporter) -> Outcome:
    """Counts of ``result``; a ``todo`` counts as a reason to skip, which is never allowed."""
    skips = Counter(str(reason) for _, reason in result.skips)
    if result.expectedFailures:
        skips["todo"] = len(result.expectedFailures)
    failed = len(result.failures) + len(result.errors) + len(result.unexpectedSuccesses)
    return Outcome(result.successes, failed, skips)


def all_modules() -> list[str]:
    """Names of all test modules, the largest files first, so that no long one is left to the end."""
    paths = sorted((CHECKOUT / "tests").rglob("test_*.py"), key=lambda path: path.stat().st_size, reverse=True)
    return [".".join(path.relative_to(CHECKOUT).with_suffix("").parts) for path in paths]


def run_modules(modules: Sequence[str], workers: int) -> Outcome:
    """Run ``modules`` in ``workers`` processes; print a line for each, and the whole output of those that failed."""
    total = Outcome()
    waiting = iter(modules)  # shared by the threads: each takes the next one
    with ThreadPoolExecutor(workers) as pool:
        for outcomes in pool.map(lambda _: list(_worker(waiting)), range(workers)):
            for outcome in outcomes:
                total.add(outcome)
    total.lost += [f"{module}: no worker was left" for module in waiting]
    return total


def _worker(waiting: Iterator[str]) -> Iterator[Outcome]:
    """Outcomes of the modules that one worker has run, until none waits or the worker has ended."""
    command = [sys.executable, "-m", "tests.workers"]
    with subprocess.Popen(
        command, cwd=CHECKOUT, text=True, bufsize=1, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdin is not None and process.stdout is not None
        for module in waiting:
            began = time.monotonic()
            process.stdin.write(f"{module}\n")
            answer = process.stdout.readline()
            if not answer:
                yield Outcome(lost=[f"{module}: its worker ended with status {process.wait()}"])
                return
            text, passed, failed, skips = json.loads(answer)
            yield Outcome(passed, failed, Counter(skips))
            line = f"{module}: {passed} passed, {failed} failed, {sum(skips.values())} skipped, "
            print(f"{text if failed else ''}{line}{time.monotonic() - began:.1f} s", flush=True)


def main() -> None:
    """Serve one process that runs the suite."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    for line in sys.stdin:
        text = io.StringIO()
        suite = TestLoader().loadByNames([line.strip()])
        outcome = outcome_of(TrialRunner(TextReporter, stream=text).run(suite))
        answers.write(json.dumps([text.getvalue(), outcome.passed, outcome.failed, outcome.skips]) + "\n")


if __name__ == "__main__":
    main()
