"""The console's page: one look at devices and sessions, without scripts. All that a device said is escaped and cut."""

from __future__ import annotations

import base64
import hashlib
from html import escape
from urllib.parse import quote

from cwmpagent.lab.acs import LabAcs
from cwmpagent.lab.acs.devices import LabDevice
from cwmpagent.lab.acs.session_trace import SessionTrace
from cwmpagent.lab.acs.tasks import Unanswered
from cwmpagent.lab.console.to_json import stamp
from cwmpagent.protocol.masking import quoted
from cwmpagent.protocol.rpc import EventStruct, Fault, SoapFault, rpc_name

REFRESH_SECONDS = 5
DEVICES = 200
SESSIONS = 50
BINDINGS = 20
CALLS = 12
CUT = 80

_STYLE = """
:root { color-scheme: light dark; --line: #8884; --soft: #888; --good: #2a8f4f; --bad: #c8442f; --card: #8881; }
* { box-sizing: border-box; }
body { font: 15px/1.45 system-ui, sans-serif; margin: 0 auto; max-width: 88rem; padding: 1.5rem; }
header { display: flex; flex-wrap: wrap; align-items: baseline; gap: 1rem; margin-bottom: 1rem; }
h1 { font-size: 1.35rem; margin: 0; }
h2 { font-size: 1.05rem; margin: 1.8rem 0 .5rem; }
header span, .soft { color: var(--soft); }
.scroll { overflow-x: auto; border: 1px solid var(--line); border-radius: .5rem; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: .5rem .75rem; border-bottom: 1px solid var(--line); }
tr:last-child td { border-bottom: 0; }
th { font-size: .8rem; font-weight: 600; color: var(--soft); background: var(--card); white-space: nowrap; }
td.now { white-space: nowrap; }
td.name, td.end { overflow-wrap: anywhere; min-width: 15rem; }
.num { text-align: right; font-variant-numeric: tabular-nums; }
code { font: .86em ui-monospace, monospace; }
.tag { display: inline-block; margin: 0 .2rem .2rem 0; padding: 0 .45rem; border-radius: .3rem;
 background: var(--card); white-space: nowrap; }
.good { color: var(--good); } .bad { color: var(--bad); } .wrong { color: var(--bad); }
.good::before, .bad::before { content: "\\25CF\\00A0"; }
a { color: inherit; }
p.none { padding: 1rem; margin: 0; color: var(--soft); }
"""
_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
CSP = f"default-src 'none'; style-src 'sha256-{_HASH}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
"""The Content-Security-Policy of everything the console sends: nothing runs, only this style applies."""


def page(acs: LabAcs) -> str:
    """The page as it is now."""
    now = acs.wall()
    devices = sorted(acs.devices.values(), key=lambda one: -one.last_inform)
    online = sum(one.online(now) for one in devices)
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="refresh" content="{REFRESH_SECONDS}">
<title>cwmplab: {online} of {len(devices)} online</title>
<style>{_STYLE}</style>
</head>
<body>
<header><h1>cwmplab</h1>
<span>{_count(len(devices), "device")}, {online} online; {_count(acs.sessions.seen, "session")} so far</span>
<span>as JSON: <a href="/devices">/devices</a> <a href="/sessions">/sessions</a></span></header>
<h2>Devices</h2>
<div class="scroll">{_devices(devices[:DEVICES], acs, now)}</div>
{_more(len(devices) - DEVICES, "device", "/devices")}
{_bindings(acs, now)}<h2>Last sessions</h2>
<div class="scroll">{_sessions(acs, now)}</div>
</body>
</html>
"""


def _devices(devices: list[LabDevice], acs: LabAcs, now: float) -> str:
    if not devices:
        return '<p class="none">No device has sent an Inform yet.</p>'
    rows = "".join(_device(one, acs, now) for one in devices)
    return (
        "<table><thead><tr><th>Device</th><th>State</th><th>Last Inform</th><th>Events</th><th>Software</th>"
        f'<th class="num">Parameters</th><th class="num">Waiting tasks</th></tr></thead><tbody>{rows}</tbody></table>'
    )


def _bindings(acs: LabAcs, now: float) -> str:
    """The last bindings that the STUN server saw; nothing where it saw none."""
    seen = list(reversed(acs.stun.bindings))[:BINDINGS] if acs.stun is not None else []
    if not seen:
        return ""
    rows = "".join(
        f'<tr><td><code>{_text(str(one.mapped))}</code></td><td class="name">{_text(one.username)}</td>'
        f'<td class="now">{_ago(one.seen_at, now)}</td>'
        f'<td class="now">{_ago(one.changed_at, now) if one.changed_at is not None else ""}</td></tr>'
        for one in seen
    )
    return (
        '<h2>Bindings seen by the STUN server</h2>\n<div class="scroll"><table><thead><tr><th>Mapped address</th>'
        f"<th>STUNUsername</th><th>Last seen</th><th>Last change</th></tr></thead><tbody>{rows}</tbody></table></div>\n"
    )


def _device(one: LabDevice, acs: LabAcs, now: float) -> str:
    online = one.online(now)
    state = "in session" if one.in_session else "online" if online else "unreachable" if one.unreachable else "offline"
    waiting = sum(task.state == "queued" for task in acs.tasks.of(one.id))
    who = f"{_text(one.identity.manufacturer)} {_text(one.identity.product_class)}"
    return (
        f'<tr><td class="name">{_link(one.id, one.identity.serial_number)}'
        f'<br><span class="soft">{who} <code>{_text(one.identity.oui)}</code></span></td>'
        f'<td class="now"><span class="{"good" if online else "bad"}">{state}</span></td>'
        f'<td class="now">{_ago(one.last_inform, now)}</td><td>{_events(one.events)}</td>'
        f"<td>{_text(one.find('DeviceInfo.SoftwareVersion') or '')}</td>"
        f'<td class="num">{len(one.parameters)}</td><td class="num">{waiting}</td></tr>'
    )


def _sessions(acs: LabAcs, now: float) -> str:
    latest = [trace for trace, _ in zip(reversed(acs.sessions), range(SESSIONS), strict=False)]
    if not latest:
        return '<p class="none">No session yet.</p>'
    rows = "".join(_session(one, now) for one in latest)
    return (
        '<table><thead><tr><th class="num">No.</th><th>When</th><th>Device</th><th>Events</th><th>What was asked</th>'
        f'<th>End</th><th class="num">Duration</th></tr></thead><tbody>{rows}</tbody></table>'
    )


def _session(one: SessionTrace, now: float) -> str:
    asked = [_tag(rpc_name(request), "") for request in one.requests[:CALLS]]
    asked += [_tag(rpc_name(call.request), _outcome(call.answer)) for call in one.calls[:CALLS]]
    more = len(one.requests) + len(one.calls) - len(asked)
    state = {"complete": "good", "broken": "bad"}.get(one.ended, "soft")
    notes = f'<br><span class="soft">{_text(one.reason, 200)}</span>' if one.reason else ""
    for each in [each for each in one.violations if each != one.reason][:3]:
        notes += f'<br><span class="wrong">violation:</span> <span class="soft">{_text(each, 200)}</span>'
    return (
        f'<tr><td class="num"><a href="/sessions/{one.number}">{one.number}</a></td>'
        f'<td class="now">{_ago(one.started, now)}</td><td class="name">{_link(one.device_id)}</td>'
        f"<td>{_events(one.events)}</td><td>{''.join(asked)}{f' and {more} more' if more > 0 else ''}</td>"
        f'<td class="end"><span class="{state}">{one.ended or "open"}</span>{notes}</td>'
        f'<td class="num">{f"{one.duration:.2f} s" if one.ended else ""}</td></tr>'
    )


def _outcome(answer: object) -> str:
    match answer:
        case Fault(code=code):
            return str(code)
        case SoapFault(faultcode=faultcode):
            return faultcode
        case Unanswered():
            return "no answer"
    return ""


def _tag(name: str, trouble: str) -> str:
    return f'<span class="tag">{_text(name)}{f" <b class=bad>{_text(trouble)}</b>" if trouble else ""}</span>'


def _events(events: tuple[EventStruct, ...]) -> str:
    shown = "".join(
        f'<span class="tag">{_text(one.event_code)}'
        f"{f' <code>{_text(one.command_key)}</code>' if one.command_key else ''}</span>"
        for one in events[:CALLS]
    )
    return shown or '<span class="soft">none</span>'


def _link(device_id: str, shown: str = "") -> str:
    return f'<a href="/devices/{quote(device_id, safe="")}">{_text(shown or device_id)}</a>'


def _text(text: str, limit: int = CUT) -> str:
    return escape(quoted(text, limit))


def _ago(then: float, now: float) -> str:
    seconds = max(0, int(now - then))
    units = ((86400, "d"), (3600, "h"), (60, "min"))
    size, unit = next((each for each in units if seconds >= each[0]), (1, "s"))
    return f'<time title="{stamp(then)}">{seconds // size} {unit} ago</time>'


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _more(number: int, what: str, path: str) -> str:
    if number <= 0:
        return ""
    return f'<p class="soft">{_count(number, f"more {what}")} at <a href="{path}">{path}</a></p>'
