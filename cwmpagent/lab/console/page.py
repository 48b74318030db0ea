"""The console's HTML page: devices, STUN bindings and sessions, without scripts.

The template engine escapes every text. Texts of a device are also cut, and their unprintable characters escaped.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from importlib import resources
from urllib.parse import quote

from twisted.internet.defer import Deferred
from twisted.web.iweb import IRequest
from twisted.web.template import Element, Flattenable, Tag, XMLString, flattenString, renderer, tags

from cwmpagent.lab.acs import LabAcs
from cwmpagent.lab.acs.devices import LabDevice
from cwmpagent.lab.acs.session_trace import SessionTrace
from cwmpagent.lab.acs.tasks import Unanswered
from cwmpagent.lab.console.to_json import stamp
from cwmpagent.lab.files import FileServer
from cwmpagent.lab.files.records import FileTransfer
from cwmpagent.protocol.masking import quoted
from cwmpagent.protocol.rpc import EventStruct, Fault, SoapFault, rpc_name

REFRESH_SECONDS = 5
DEVICES = 200
SESSIONS = 50
BINDINGS = 20
TRANSFERS = 20
CALLS = 12
CUT = 80
REASON_CUT = 200

_FILES = resources.files("cwmpagent.lab.console")
_TEMPLATE = XMLString((_FILES / "page.html").read_text(encoding="utf-8"))
_STYLE = (_FILES / "page.css").read_text(encoding="utf-8")
_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
CSP = f"default-src 'none'; style-src 'sha256-{_HASH}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
"""The Content-Security-Policy of every answer of the console: only this style sheet applies, no script runs."""


def page(acs: LabAcs, files: FileServer | None = None) -> Deferred[bytes]:
    """Render the page from the present state of ``acs`` and ``files``."""
    html = flattenString(None, _Page(acs, files))
    return html.addCallback(lambda text: b"<!DOCTYPE html>\n" + text + b"\n")


class _Page(Element):
    """The page of ``page.html``; each renderer has the name that the template gives in ``t:render``."""

    loader = _TEMPLATE

    def __init__(self, acs: LabAcs, files: FileServer | None) -> None:
        super().__init__()
        self._acs = acs
        self._now = acs.wall()
        self._devices = sorted(acs.devices.values(), key=lambda device: -device.last_inform)
        self._bindings = list(reversed(acs.stun.bindings))[:BINDINGS] if acs.stun is not None else []
        self._transfers = list(reversed(files.transfers))[:TRANSFERS] if files is not None else []
        self._sessions = [trace for trace, _ in zip(reversed(acs.sessions), range(SESSIONS), strict=False)]

    @renderer
    def page(self, request: IRequest | None, tag: Tag) -> Tag:
        return tag.fillSlots(
            refresh=str(REFRESH_SECONDS),
            style=_STYLE,
            known=str(len(self._devices)),
            online=str(sum(device.online(self._now) for device in self._devices)),
            devices=_count(len(self._devices), "device"),
            sessions=_count(self._acs.sessions.seen, "session"),
        )

    @renderer
    def no_device(self, request: IRequest | None, tag: Tag) -> Flattenable:
        return "" if self._devices else tag

    @renderer
    def any_device(self, request: IRequest | None, tag: Tag) -> Flattenable:
        return tag if self._devices else ""

    @renderer
    def device_rows(self, request: IRequest | None, tag: Tag) -> Iterator[Tag]:
        for device in self._devices[:DEVICES]:
            yield tag.clone().fillSlots(**self._device(device))

    @renderer
    def more_devices(self, request: IRequest | None, tag: Tag) -> Flattenable:
        more = len(self._devices) - DEVICES
        return tag.fillSlots(more=_count(more, "more device")) if more > 0 else ""

    @renderer
    def any_binding(self, request: IRequest | None, tag: Tag) -> Flattenable:
        return tag if self._bindings else ""

    @renderer
    def binding_rows(self, request: IRequest | None, tag: Tag) -> Iterator[Tag]:
        for binding in self._bindings:
            yield tag.clone().fillSlots(
                mapped=_text(str(binding.mapped)),
                username=_text(binding.username),
                seen=self._ago(binding.seen_at),
                changed=self._ago(binding.changed_at) if binding.changed_at is not None else "",
            )

    @renderer
    def any_transfer(self, request: IRequest | None, tag: Tag) -> Flattenable:
        return tag if self._transfers else ""

    @renderer
    def transfer_rows(self, request: IRequest | None, tag: Tag) -> Iterator[Tag]:
        for transfer in self._transfers:
            yield tag.clone().fillSlots(**self._transfer(transfer))

    @renderer
    def no_session(self, request: IRequest | None, tag: Tag) -> Flattenable:
        return "" if self._sessions else tag

    @renderer
    def any_session(self, request: IRequest | None, tag: Tag) -> Flattenable:
        return tag if self._sessions else ""

    @renderer
    def session_rows(self, request: IRequest | None, tag: Tag) -> Iterator[Tag]:
        for trace in self._sessions:
            yield tag.clone().fillSlots(**self._session(trace))

    def _device(self, device: LabDevice) -> dict[str, Flattenable]:
        online = device.online(self._now)
        offline = "unreachable" if device.unreachable else "offline"
        waiting = sum(task.state == "queued" for task in self._acs.tasks.of(device.id))
        return {
            "link": _link(device.id, device.identity.serial_number),
            "manufacturer": _text(device.identity.manufacturer),
            "product_class": _text(device.identity.product_class),
            "oui": _text(device.identity.oui),
            "mark": "good" if online else "bad",
            "state": "in session" if device.in_session else "online" if online else offline,
            "last_inform": self._ago(device.last_inform),
            "events": _events(device.events),
            "software": _text(device.find("DeviceInfo.SoftwareVersion") or ""),
            "parameters": str(len(device.parameters)),
            "waiting": str(waiting),
        }

    def _session(self, trace: SessionTrace) -> dict[str, Flattenable]:
        return {
            "number": str(trace.number),
            "started": self._ago(trace.started),
            "link": _link(trace.device_id),
            "events": _events(trace.events),
            "calls": _calls(trace),
            "mark": "soft" if trace.broken_by_lab else {"complete": "good", "broken": "bad"}.get(trace.ended, "soft"),
            "state": "broken by the lab" if trace.broken_by_lab else trace.ended or "open",
            "notes": _notes(trace),
            "duration": f"{trace.duration:.2f} s" if trace.ended else "",
        }

    def _transfer(self, transfer: FileTransfer) -> dict[str, Flattenable]:
        failed = not transfer.whole or transfer.status >= 400
        return {
            "number": str(transfer.number),
            "started": self._ago(transfer.started),
            "request": _text(f"{transfer.method} {transfer.path}"),
            "mark": "soft" if transfer.faults else "bad" if failed else "good",
            "status": f"{transfer.status}{'' if transfer.whole else ', not whole'}",
            "octets": str(transfer.octets),
            "notes": _text(", ".join(filter(None, (transfer.range, *transfer.faults)))),
        }

    def _ago(self, then: float) -> Tag:
        seconds = max(0, int(self._now - then))
        units = ((86400, "d"), (3600, "h"), (60, "min"))
        size, unit = next((known for known in units if seconds >= known[0]), (1, "s"))
        return tags.time(f"{seconds // size} {unit} ago", title=stamp(then))


def _calls(trace: SessionTrace) -> list[Flattenable]:
    """The first requests of the device and of the ACS, with the fault of each that failed."""
    shown: list[Flattenable] = [_tag(rpc_name(request)) for request in trace.requests[:CALLS]]
    for call in trace.calls[:CALLS]:
        trouble = _trouble(call.answer)
        shown.append(_tag(rpc_name(call.request), tags.b(_text(trouble), class_="bad") if trouble else ""))
    more = len(trace.requests) + len(trace.calls) - len(shown)
    if more > 0:
        shown.append(f" and {more} more")
    return shown


def _trouble(answer: object) -> str:
    """The fault code of ``answer``; empty if it is none."""
    match answer:
        case Fault(code=code):
            return str(code)
        case SoapFault(faultcode=faultcode):
            return faultcode
        case Unanswered():
            return "no answer"
    return ""


def _notes(trace: SessionTrace) -> list[Flattenable]:
    """The reason of a broken session and its first violations, a line each."""
    notes: list[Flattenable] = []
    if trace.reason:
        notes += [tags.br(), tags.span(_text(trace.reason, REASON_CUT), class_="soft")]
    if trace.misbehaviours:
        words = f"the lab misbehaved: {', '.join(trace.misbehaviours)}"
        notes += [tags.br(), tags.span(_text(words, REASON_CUT), class_="soft")]
    for violation in [text for text in trace.violations if text != trace.reason][:3]:
        label = tags.span("violation:", class_="wrong")
        notes += [tags.br(), label, " ", tags.span(_text(violation, REASON_CUT), class_="soft")]
    return notes


def _events(events: tuple[EventStruct, ...]) -> Flattenable:
    if not events:
        return tags.span("none", class_="soft")
    return [
        _tag(event.event_code, tags.code(_text(event.command_key)) if event.command_key else "")
        for event in events[:CALLS]
    ]


def _tag(name: str, detail: Flattenable = "") -> Tag:
    return tags.span(_text(name), *((" ", detail) if detail else ()), class_="tag")


def _link(device_id: str, shown: str = "") -> Tag:
    return tags.a(_text(shown or device_id), href=f"/devices/{quote(device_id, safe='')}")


def _text(text: str, limit: int = CUT) -> str:
    return quoted(text, limit)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
