"""The reports of subsystems: what each adds to `status`, `events`, `export`, the metrics and the pages."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Metric:
    """One value to be measured over time; ``counter``: it only grows, else it is a gauge.

    ``name`` is as Prometheus has it, with its unit: ``cwmpagent_binding_period_seconds``.
    """

    name: str
    help: str
    value: float
    counter: bool = False
    labels: tuple[tuple[str, str], ...] = ()


class Report:
    """What one subsystem shows of itself; each overrides what it has. No secret may be in any of it."""

    def status(self) -> Json:
        """Members of the answer to `status`."""
        return {}

    def summary(self) -> Iterable[tuple[str, str]]:
        """Lines for people in `status` and on pages: label and text."""
        return ()

    def events(self) -> Json:
        """Members of the answer to `events`: what is still to be sent or done."""
        return {}

    def export(self) -> Json:
        """Sections of `export` beyond those."""
        return {}

    def metrics(self) -> Iterable[Metric]:
        """Present values of its metrics."""
        return ()


def span(seconds: float) -> str:
    """A time in seconds, as people say it: ``3 h``."""
    for size, name in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {name}"
    return f"{seconds:.0f} s"


def stamped(wall: float) -> str:
    """Seconds since 1970 as a time in UTC; empty beyond the years of the calendar."""
    try:
        moment = datetime.fromtimestamp(wall, UTC)
    except (ValueError, OverflowError, OSError):
        return ""
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def planned_text(planned: Json | None) -> str:
    """A planned time for people."""
    if planned is None or "in" not in planned:
        return "none is planned"
    if planned["in"] == 0:
        return "now"
    return f"in {span(planned['in'])}" + (f" ({planned['at']})" if planned["at"] else "")
