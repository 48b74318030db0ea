"""Reports of the subsystems: their parts of `status`, `events` and `export`, of the metrics and of the pages."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric; ``counter``: the value only grows, otherwise it is a gauge.

    ``name`` is a Prometheus name with its unit: ``cwmpagent_binding_period_seconds``.
    """

    name: str
    help: str
    value: float
    counter: bool = False
    labels: tuple[tuple[str, str], ...] = ()


class Report:
    """Report of one subsystem, which overrides the methods that it needs. No report may contain a secret."""

    def status(self) -> Json:
        """Return members of the answer to `status`."""
        return {}

    def summary(self) -> Iterable[tuple[str, str]]:
        """Return lines for `status` and pages: label and text."""
        return ()

    def events(self) -> Json:
        """Return members of the answer to `events`: everything still to be sent or done."""
        return {}

    def events_summary(self) -> Iterable[tuple[str, str]]:
        """Return lines for `events`: label and text."""
        return ()

    def export(self) -> Json:
        """Return more sections of `export`."""
        return {}

    def metrics(self) -> Iterable[Metric]:
        """Return the present values of its metrics."""
        return ()


def span(seconds: float) -> str:
    """A duration in seconds as text with one unit: ``3 h``."""
    for size, name in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {name}"
    return f"{seconds:.0f} s"


def stamped(wall: float) -> str:
    """Seconds since 1970 as a time in UTC (ISO 8601); empty where it is out of range."""
    try:
        moment = datetime.fromtimestamp(wall, UTC)
    except (ValueError, OverflowError, OSError):
        return ""
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def planned_text(planned: Json | None) -> str:
    """Text for a planned time; ``planned``: seconds from now in ``in``, and UTC time in ``at``."""
    if planned is None or "in" not in planned:
        return "none is planned"
    if planned["in"] == 0:
        return "now"
    return f"in {span(planned['in'])}" + (f" ({planned['at']})" if planned["at"] else "")
