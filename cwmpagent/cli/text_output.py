"""Answers of the agent as text for the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from cwmpagent.agent.report import planned_text
from cwmpagent.cli.columns import pairs, shown, table

Item = Mapping[str, Any]
_EVENTS = frozenset({"pending", "changed", "scheduled", "retry_count", "retry_in", "session", "summary"})
"""Members of the answer to `events` that have a form of their own; the others are lists of rows."""


def status(result: Item) -> Iterator[str]:
    """The state of the agent at a glance."""
    yield from pairs([(label, text) for label, text in result["summary"]])
    if result["rebooting"]:
        yield "The device is rebooting."
    if result["overruled"]:
        yield ""
        yield "Values of the file that are not in force, as others were written later (undo: cwmpagent reset NAME):"
        rows = [(each["key"], each["name"], each["file"], each["present"]) for each in result["overruled"]]
        yield from table(("KEY", "NAME", "FILE", "IN FORCE"), rows)


def parameters(items: Sequence[Item]) -> Iterator[str]:
    """A table of names, types, access and values."""
    rows = [(each["name"], each["type"], "rw" if each["writable"] else "r", _value(each)) for each in items]
    yield from table(("NAME", "TYPE", "ACCESS", "VALUE"), rows)


def names(items: Sequence[Item]) -> Iterator[str]:
    """A table of names, and whether each is writable."""
    yield from table(("NAME", "WRITABLE"), [(each["name"], each["writable"]) for each in items])


def events(result: Item) -> Iterator[str]:
    """Lines of the pending events, changed parameters and scheduled Informs, and the time of the next session."""
    if result["pending"]:
        rows = [(each["event"], each["command_key"]) for each in result["pending"]]
        yield from table(("EVENT", "COMMANDKEY"), rows)
        yield ""
    if result["changed"]:
        yield "Changed since the last report to the ACS:"
        yield from (f"  {shown(name)}" for name in result["changed"])
        yield ""
    if result["scheduled"]:
        rows = [(each["command_key"], planned_text(each)) for each in result["scheduled"]]
        yield from table(("SCHEDULED", "WHEN"), rows)
        yield ""
    for name, rows in result.items():
        if name not in _EVENTS and rows:
            yield from table(tuple(map(str.upper, rows[0])), [tuple(row.values()) for row in rows])
            yield ""
    if not result["pending"]:
        yield "No event is pending."
    yield from pairs([(label, text) for label, text in result["summary"]])


def fact(item: Item) -> str:
    """The text of one fact, with the envelope below it where it has one."""
    if "lost" in item:
        return f"({item['lost']} entries were lost: this terminal is too slow)"
    text = f"{item['time']} {item['level']:<5} {shown(item['message'])}"
    if item["fact"] == "EnvelopeReceived":
        text += f" {item['status']}"
    if item["fact"].startswith("Envelope") and item["text"]:
        text += "\n" + "\n".join("    " + shown(part) for part in item["text"].splitlines())
    return text


def _value(item: Item) -> str:
    return f"{item['value']} (not read now)".lstrip() if item.get("unread") else str(item["value"])
