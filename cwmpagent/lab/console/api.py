"""The JSON interface of the console. ``docs/lab.md`` lists every path with an example."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from cwmpagent.errors import MisuseError
from cwmpagent.lab.acs import LabAcs
from cwmpagent.lab.acs.connection_request.errors import UnreachableError
from cwmpagent.lab.acs.devices import LabDevice
from cwmpagent.lab.acs.misbehaviour import TIMES
from cwmpagent.lab.console import to_json
from cwmpagent.lab.console.from_json import PlainError, file_fault_from, misbehaviour_from, request_from
from cwmpagent.lab.console.json_pieces import Elements, pieces, slices
from cwmpagent.lab.files import FileServer
from cwmpagent.lab.network.nat import Nat
from cwmpagent.lab.network.stun_server import StunServer
from cwmpagent.typed_members import is_whole
from cwmpagent.values import Value, ValueType

LISTED = 1000
LINES = 50
"""Lines about devices or sessions that are made at once."""
AT_ONCE = 1 << 18
"""Bytes of an answer that are made at once."""
LAB_FAILED = "the lab failed; its log has the traceback"
WAYS = ("http", "udp", "xmpp")
"""Transports of a connection request."""


@dataclass(frozen=True, slots=True)
class ApiReply:
    """One answer of the console. ``rest``: the pieces of the body after ``body``, where it is large."""

    status: int
    body: bytes
    content_type: str = "application/json"
    headers: tuple[tuple[str, str], ...] = ()
    rest: Iterator[bytes] | None = None


def as_json(value: object, status: int = 200) -> ApiReply:
    """``value`` as JSON; what is more than :data:`AT_ONCE` bytes, or takes long, is made while it is sent."""
    made = (piece.encode() for piece in chain(pieces(value), ("\n",)))
    body = bytearray()
    for piece in made:
        body += piece
        if not piece or len(body) > AT_ONCE:
            return ApiReply(status, bytes(body), rest=made)
    return ApiReply(status, bytes(body))


def failed(status: int, sentence: str, headers: tuple[tuple[str, str], ...] = ()) -> ApiReply:
    """An error reply with the body ``{"error": ...}``."""
    return ApiReply(status, json.dumps({"error": sentence}).encode() + b"\n", headers=headers)


class _Refused(Exception):
    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


class _Types(Mapping[str, ValueType]):
    """The types of ``parameters``, looked up one by one: there may be hundreds of thousands."""

    def __init__(self, parameters: Mapping[str, Value]) -> None:
        self._parameters = parameters

    def __getitem__(self, name: str) -> ValueType:
        return self._parameters[name].kind

    def __iter__(self) -> Iterator[str]:
        return iter(self._parameters)

    def __len__(self) -> int:
        return len(self._parameters)


class Api:
    """The request handler of the console's JSON interface."""

    _log = Logger()

    def __init__(self, acs: LabAcs, files: FileServer | None = None) -> None:
        self._acs = acs
        self._file_server = files

    def answer(self, method: str, path: Sequence[str], raw: Sequence[str], body: bytes) -> Deferred[ApiReply]:
        """Handle one request; the Deferred never fails.

        ``path``: the segments of the URL, percent-decoded. ``raw``: the same, not decoded. A device id matches either.
        """
        return Deferred.fromCoroutine(self._answer("GET" if method == "HEAD" else method, path, raw, body))

    async def _answer(self, method: str, path: Sequence[str], raw: Sequence[str], body: bytes) -> ApiReply:
        try:
            return await self._route(method, path, raw, body)
        except _Refused as error:
            return failed(error.status, str(error))
        except (PlainError, MisuseError) as error:
            return failed(400, str(error))
        except Exception:
            self._log.failure("The console failed")
            return failed(500, LAB_FAILED)

    async def _route(self, method: str, path: Sequence[str], raw: Sequence[str], body: bytes) -> ApiReply:
        match method, *path:
            case "GET", "devices":
                return as_json(Elements(self._device_lines))
            case "GET", "devices", name:
                device = self._device(name, raw)
                return as_json(to_json.device(device, self._acs.wall(), self._acs.tasks.of(device.id)))
            case "POST", "devices", name, "tasks":
                return self._queue(self._device(name, raw), body)
            case "GET", "devices", name, "tasks", number:
                return self._task(self._device(name, raw), number)
            case "POST", "devices", name, "connection-request":
                return await self._connection_request(self._device(name, raw), _by(body))
            case "GET", "sessions":
                return as_json(Elements(self._session_lines))
            case "GET", "sessions", number:
                trace = self._acs.sessions.numbered(_number(number))
                if trace is None:
                    raise _Refused(404, f"no session {number} is kept")
                return as_json(to_json.session(trace))
            case "GET", "stun":
                return as_json(to_json.stun(self._stun()))
            case "POST", "stun":
                return self._spoil_stun(_json(body))
            case "GET", "nat":
                return as_json(to_json.nat(self._nat()))
            case "POST", "nat", "rebind":
                self._nat().rebind()
                return as_json(to_json.nat(self._nat()), 202)
            case _, "files", *rest:
                return self._files(method, rest, body)
            case "POST", "next-url":
                return self._send_browsers(_json(body))
            case "GET", "misbehaviours":
                return as_json(self._misbehaviours())
            case "POST", "misbehaviours":
                self._acs.misbehave(*(misbehaviour_from(data) for data in _listed(_json(body))))
                return as_json(self._misbehaviours(), 202)
            case "DELETE", "misbehaviours":
                self._acs.misbehaviours.clear()
                return as_json([])
        raise _Refused(404, f"no such path for {method}; docs/lab.md lists the paths")

    def _device_lines(self) -> Iterator[list[dict[str, object]]]:
        now = self._acs.wall()
        for part in slices(list(self._acs.devices.values()), LINES):
            yield [to_json.device_line(device, now) for device in part]

    def _session_lines(self) -> Iterator[list[dict[str, object]]]:
        latest = [trace for trace, _ in zip(reversed(self._acs.sessions), range(LISTED), strict=False)]
        for part in slices(latest, LINES):
            yield [to_json.session_line(trace) for trace in part]

    def _misbehaviours(self) -> list[dict[str, object]]:
        return [
            {**to_json.plain(misbehaviour), "kind": misbehaviour.KIND, "left": left}
            for misbehaviour, left in self._acs.misbehaviours.waiting()
        ]

    def _device(self, name: str, raw: Sequence[str]) -> LabDevice:
        device = self._acs.devices.get(name) or self._acs.devices.get(raw[1] if len(raw) > 1 else "")
        if device is None:
            raise _Refused(404, "no such device; GET /devices lists those that have sent an Inform")
        return device

    def _stun(self) -> StunServer:
        if self._acs.stun is None:
            raise _Refused(404, "the lab has no STUN server: start it with --stun")
        return self._acs.stun

    def _nat(self) -> Nat:
        if self._acs.nat is None:
            raise _Refused(404, "the lab has no NAT: start it with --nat")
        return self._acs.nat

    def _files(self, method: str, path: Sequence[str], body: bytes) -> ApiReply:
        server = self._file_server
        if server is None:
            raise _Refused(404, "the lab has no file server: start it with --files")
        match method, *path:
            case "GET", "transfers":
                return as_json([to_json.plain(transfer) for transfer in reversed(server.transfers)])
            case "GET", "faults":
                return as_json(to_json.file_faults(server.faults))
            case "POST", "faults":
                server.faults.add(*(file_fault_from(data) for data in _listed(_json(body))))
                return as_json(to_json.file_faults(server.faults), 202)
            case "DELETE", "faults":
                server.faults.clear()
                return as_json([])
        raise _Refused(404, f"no such path for {method}; docs/lab.md lists the paths")

    def _spoil_stun(self, data: object) -> ApiReply:
        given = data if isinstance(data, dict) else {}
        way, times = given.get("spoil", ""), given.get("times", 0)
        if set(given) - {"spoil", "times"} or not isinstance(way, str) or not is_whole(times):
            raise _Refused(400, 'the body must be {"spoil": a way or "" for none, "times": a count or 0 for always}')
        if refusal := TIMES.refusal(times):
            raise _Refused(400, f"times {refusal}")
        self._stun().spoil(way, times)
        return as_json(to_json.stun(self._stun()), 202)

    def _send_browsers(self, data: object) -> ApiReply:
        url = data.get("next_url") if isinstance(data, dict) and len(data) == 1 else None
        if not isinstance(url, str):
            raise _Refused(400, 'the body must be {"next_url": a URL, or "" for none}')
        self._acs.send_browsers_to(url)
        return as_json(data, 202)

    def _queue(self, device: LabDevice, body: bytes) -> ApiReply:
        types = _Types(device.parameters)
        requests = [request_from(data, types) for data in _listed(_json(body))]
        if not requests:
            raise _Refused(400, "the list of tasks is empty")
        tasks = [self._acs.task(device.id, request) for request in requests]
        return as_json([to_json.task(task) for task in tasks], 202)

    def _task(self, device: LabDevice, number: str) -> ApiReply:
        value = _number(number)
        task = next((task for task in self._acs.tasks.of(device.id) if task.number == value), None)
        if task is None:
            raise _Refused(404, f"no task {number} of this device is kept")
        return as_json(to_json.task(task))

    async def _connection_request(self, device: LabDevice, by: str) -> ApiReply:
        try:
            if by == "udp":
                sent = await self._acs.connection_request_by_udp(device.id)
                lost = {"lost": sent.lost} if sent.lost else {}
                return as_json({"sent_to": str(sent.to), "copies": sent.copies, **lost}, 202)
            if by == "xmpp":
                return as_json({"answer": await self._acs.connection_request_by_xmpp(device.id)})
            status = await self._acs.connection_request(device.id)
        except UnreachableError as error:
            raise _Refused(502, str(error)) from error
        return as_json({"status": status, "accepted": status in (200, 204)})


def _json(body: bytes) -> object:
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        reason = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise _Refused(400, f"the body is not JSON: {reason}") from error


def _by(body: bytes) -> str:
    """The transport that the body of a connection request names, ``http`` by default."""
    data = _json(body) if body.strip() else {}
    by = data.get("by", "http") if isinstance(data, dict) else None
    if by not in WAYS:
        raise _Refused(400, f"by must be one of {', '.join(WAYS)}")
    return str(by)


def _listed(data: object) -> list[object]:
    return data if isinstance(data, list) else [data]


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 16 else -1
