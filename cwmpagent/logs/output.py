"""Log output: the level filter, and lines of text or JSON written to the log destination of twistd."""

from __future__ import annotations

import json
import re
import signal
import sys
from collections.abc import Callable, Mapping
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import Any, TextIO, cast

from twisted.internet.interfaces import IReactorFromThreads
from twisted.logger import (
    FilteringLogObserver,
    ILogFilterPredicate,
    ILogObserver,
    LogEvent,
    PredicateResult,
    formatEvent,
    textFileLogObserver,
)
from twisted.python.logfile import LogFile
from zope.interface import implementer

from cwmpagent.agent.facts import EnvelopeReceived, EnvelopeSent, Fact, RpcCrashed

CUT = 200
"""Largest length, in characters, of a string that a peer may have sent, and largest number of entries of a list."""
CHATTER = ("twisted.web.client.", "twisted.internet.endpoints.", "twisted.internet.protocol.", "twisted.scripts.")
"""Namespaces in which Twisted logs each connection, and the start of its process, at level info."""
_LEGACY = "log_legacy"
_PORTS = re.compile(
    r"\S+(?: \(\S+\))? starting on \S+\Z|(?:Starting|Stopping) (?:protocol|factory) <|\(\S+ Port \S+ Closed\)\Z"
)
"""Lines without a namespace that Twisted logs for each port that is opened or closed."""


LEVELS = ("debug", "info", "warn", "error", "critical")
"""The levels of twisted.logger, from least to most urgent."""


@implementer(ILogFilterPredicate)
class Threshold:
    """A filter that passes events of ``level`` (one of LEVELS) and above; ``level`` may be changed at any time."""

    def __init__(self, level: str = "info") -> None:
        self.level = level

    def passes(self, level: str) -> bool:
        """Whether an event of this level is logged."""
        return LEVELS.index(level) >= LEVELS.index(self.level)

    def __call__(self, event: LogEvent) -> Any:
        level = event.get("log_level")
        name = "info" if level is None else level.name
        if name == "info" and _is_chatter(event):
            name = "debug"
        return PredicateResult.maybe if self.passes(name) else PredicateResult.no


def _is_chatter(event: LogEvent) -> bool:
    """Whether Twisted logs this event about its own sockets and its start."""
    namespace = str(event.get("log_namespace"))
    if namespace == _LEGACY:
        return _PORTS.match(str(event.get("log_text"))) is not None
    return namespace.startswith(CHATTER)


@implementer(ILogObserver)
class JsonLines:
    """An observer that writes one JSON object a line: time, level, namespace, message, and the fields of the fact."""

    def __init__(self, out: TextIO) -> None:
        self._out = out

    def __call__(self, event: LogEvent) -> None:
        moment = datetime.fromtimestamp(event["log_time"], UTC)
        level = event.get("log_level")
        entry: dict[str, object] = {
            "time": moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": "info" if level is None else level.name,
            "namespace": str(event.get("log_namespace", "-")),
            "message": formatEvent(event),
        }
        failure = event.get("log_failure")
        if failure is not None:
            entry["trace"] = failure.getTraceback()
        fact = event.get("fact")
        if isinstance(fact, Fact):
            entry = {**entry, "fact": type(fact).__name__, **plain_fields(fact), **entry}
        self._out.write(json.dumps(entry, default=str) + "\n")
        self._out.flush()


def plain_fields(fact: Fact) -> dict[str, object]:
    """The fields of a fact, their strings cut; envelopes and tracebacks stay whole."""
    whole = isinstance(fact, EnvelopeSent | EnvelopeReceived | RpcCrashed)
    shown: dict[str, object] = {}
    for field in fields(fact):
        value = getattr(fact, field.name)
        if isinstance(value, tuple):
            value = _cut(value)
        elif isinstance(value, Mapping):
            value = {_cut(str(key)): _cut(value[key]) for key in list(value)[:CUT]}
        elif isinstance(value, str) and not (whole and field.name in ("text", "trace")):
            value = _cut(value)
        shown[field.name] = value
    return shown


def _cut(value: object) -> object:
    if isinstance(value, tuple):
        return [_cut(item) for item in value[:CUT]]
    return value[:CUT] + "..." if isinstance(value, str) and len(value) > CUT else value


def observer(out: TextIO, form: str, threshold: Threshold) -> ILogObserver:
    """An observer that writes the events that pass ``threshold`` to ``out``; ``form`` is ``text`` or ``json``."""
    lines = JsonLines(out) if form == "json" else textFileLogObserver(out)
    return FilteringLogObserver(lines, [threshold])


def observer_for_twistd(
    options: Mapping[str, object], form: str, threshold: Threshold
) -> Callable[[], ILogObserver] | None:
    """A factory of the log observer for twistd, which writes to the same destination as twistd's own observer.

    ``options``: those of twistd. None where they name a logger or syslog; that one stays in use.
    """
    if options.get("logger") or options.get("syslog"):
        return None
    return lambda: observer(_destination(options), form, threshold)


def _destination(options: Mapping[str, object]) -> TextIO:
    name = str(options.get("logfile") or "")
    if options.get("nodaemon"):
        name = name or "-"
    elif name == "-":
        raise SystemExit("a daemon cannot log to standard output: give --nodaemon or --logfile FILE")
    if name == "-":
        return sys.stdout
    path = Path(name or "twistd.log").absolute()
    file = LogFile(path.name, str(path.parent))  # type: ignore[no-untyped-call]  # Twisted has no types there
    if not signal.getsignal(signal.SIGUSR1):

        def rotate(number: int, frame: FrameType | None) -> None:
            from twisted.internet import reactor

            cast(IReactorFromThreads, reactor).callFromThread(file.rotate)

        signal.signal(signal.SIGUSR1, rotate)
    return cast(TextIO, file)
