"""Deviations of a model from its sources, in lines for the operator and in one summary."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

MOST_REPORTS = 1000
"""Maximum number of lines that are kept; further deviations are only counted."""

LEFT_OUT = "names that are left out"
WRONG_COUNTS = "numbers of rows that are wrong"
NOT_UNIQUE = "tables with values that are not unique"
BAD_VALUES = "values that the model does not allow"
BAD_ATTRIBUTES = "attributes that the model does not allow"
READ_AS_STRINGS = "parameters that are read as strings"
OF_STANDARD = "points of a standard model"
OF_PROFILES = "points of a profile"
NOT_UTF_8 = "files that are not UTF-8"
"""Kinds of deviations, as phrases in the plural, under which the summary counts them."""


class Deviations:
    """Deviations in the order in which they were found: ``lines`` with their positions, and ``counts`` by kind."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.counts: Counter[str] = Counter()

    def add(self, where: str, text: str, kind: str) -> None:
        """Add one deviation."""
        self.counts[kind] += 1
        if len(self.lines) < MOST_REPORTS:
            self.lines.append(f"{where}: {text}")


def summary_of(counts: Mapping[str, int]) -> str:
    """All deviations in one line, each kind with its number, the most frequent first; empty if there are none."""
    total = sum(counts.values())
    if not total:
        return ""
    kinds = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    listed = ", ".join(f"{kind}: {count}" for kind, count in kinds)
    return f"{total} deviation{'' if total == 1 else 's'} ({listed})"
