"""Answers of the agent as text for the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from cwmpagent.cli.columns import pairs, shown, table

Item = Mapping[str, Any]
NO_URL = "no URL: switched off, or there is no route to the ACS"


def status(result: Item) -> Iterator[str]:
    """Lines of the device, the agent process, the ACS, the sessions and the connection requests."""
    device, acs, request = result["device"], result["acs"], result["connection_request"]
    name = "-".join(filter(None, (device["oui"], device["product_class"], device["serial_number"])))
    enabled = "" if acs["enabled"] else " (EnableCWMP is false: no session opens)"
    missing = "" if request["credentials"] else " (refuses every request: its user name or password is not set)"
    yield from pairs(
        [
            ("Device", f"{name} ({device['manufacturer']})"),
            ("Model", f"{device['model']}, values: {device['provider']}"),
            ("Agent", f"{result['version']}, process {result['process']}, since {result['started']}"),
            ("ACS", acs["url"] + enabled),
            *_sessions(result["session"]),
            ("ConnectionRequest", request["url"] + missing if request["url"] else NO_URL),
            *_by_udp(request["udp"]),
        ]
    )
    if result["rebooting"]:
        yield "The device is rebooting."
    if result["overruled"]:
        yield ""
        yield "Values of the file that are not in force, as others were written later (undo: cwmpagent reset NAME):"
        rows = [(each["key"], each["name"], each["file"], each["present"]) for each in result["overruled"]]
        yield from table(("KEY", "NAME", "FILE", "IN FORCE"), rows)


def _by_udp(udp: Item | None) -> Iterator[tuple[str, str]]:
    if udp is None:
        return
    parts = [udp["address"] + (", behind a NAT" if udp["nat"] else "")]
    stun = udp["stun"]
    if stun is not None:
        keep_alive = f"kept alive every {_span(stun['period'])}"
        parts.append("the STUN server does not answer" if not stun["answered"] else keep_alive)
        if stun["searching"]:
            parts.append("still searching for the lifetime of the binding")
    yield "by UDP", "; ".join(parts)


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
        rows = [(each["command_key"], _when(each)) for each in result["scheduled"]]
        yield from table(("SCHEDULED", "WHEN"), rows)
        yield ""
    if not result["pending"]:
        yield "No event is pending."
    retry = f", next try in {_span(result['retry_in'])}" if result["retry_in"] is not None else ""
    yield from pairs([("RetryCount", f"{result['retry_count']}{retry}"), *_sessions(result["session"])])


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


def _sessions(session: Item) -> list[tuple[str, object]]:
    last = session["last"]
    ending = "none since the agent's start"
    if last is not None:
        outcome = "done" if last["success"] else "failed"
        ending = f"{outcome} {last['ended']} in {last['seconds']} s: {', '.join(last['events']) or 'no event'}"
        if last["faults"]:
            ending += f"; faults {', '.join(map(str, last['faults']))}"
        if last["reason"]:
            ending += f"; {last['reason']}"
    following = "under way now" if session["open"] else _when(session["next"])
    return [("Last session", ending), ("Next session", following)]


def _when(planned: Item | None) -> str:
    if planned is None or "in" not in planned:
        return "none is planned"
    if planned["in"] == 0:
        return "now"
    return f"in {_span(planned['in'])}" + (f" ({planned['at']})" if planned["at"] else "")


def _span(seconds: float) -> str:
    """A duration in a rounded unit, from ``seconds``: days, hours, minutes or seconds."""
    for size, name in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {name}"
    return f"{seconds:.0f} s"
