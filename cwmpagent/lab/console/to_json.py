"""What the lab knows, as plain JSON values, and requests and misbehaviours from them.

Passwords go in but never come out: they are shown as ``***``.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from cwmpagent.lab.acs.devices import LabDevice
from cwmpagent.lab.acs.misbehaviour import KINDS, Misbehaviour
from cwmpagent.lab.acs.session_trace import SessionTrace, TracedExchange
from cwmpagent.lab.acs.tasks import Task, Unanswered
from cwmpagent.lab.console.from_json import PlainError, Types, build
from cwmpagent.lab.network.nat import Nat
from cwmpagent.lab.network.stun_server import StunServer
from cwmpagent.protocol.masking import masked, quoted, scrub
from cwmpagent.protocol.rpc import (
    REQUESTS,
    AcsRequest,
    GenericRequest,
    GenericResponse,
    GetParameterValuesResponse,
    InstallOpStruct,
    Message,
    ParameterValueStruct,
    UninstallOpStruct,
    UpdateOpStruct,
    rpc_name,
)
from cwmpagent.protocol.soap import Envelope, encode
from cwmpagent.values import Value

_SECRET_WORDS = ("password", "passphrase", "presharedkey", "wepkey", "secret")


def is_secret(name: str) -> bool:
    """Whether a parameter's value is not to be shown, as far as its name tells."""
    last = name.rpartition(".")[2].lower()
    return any(word in last for word in _SECRET_WORDS)


def request_from(data: object, types: Types) -> AcsRequest:
    """A request from ``{"rpc": "GetParameterValues", "parameter_names": [...]}``. Raises :class:`PlainError`."""
    if not isinstance(data, dict) or not isinstance(data.get("rpc"), str):
        raise PlainError('a task is an object such as {"rpc": "Reboot", "command_key": "k1"}')
    name = data["rpc"]
    arguments = {key: value for key, value in data.items() if key != "rpc"}
    cls = REQUESTS.get(name)
    if cls is not None and issubclass(cls, AcsRequest):
        request = build(cls, arguments, name, types)
        assert isinstance(request, AcsRequest)
        return request
    if cls is None and name.startswith("X_"):
        return _vendor_request(name, arguments)
    known = ", ".join(sorted(key for key, one in REQUESTS.items() if issubclass(one, AcsRequest)))
    raise PlainError(f"rpc {quoted(name)} is not one of {known}, or X_<VENDOR>_<Name>")


def _vendor_request(name: str, data: dict[str, Any]) -> GenericRequest:
    arguments = data.pop("arguments", {})
    if data:
        raise PlainError(f"{quoted(name)} has no {next(iter(data))!r}; it has: arguments")
    if not isinstance(arguments, dict) or not all(isinstance(value, str) for value in arguments.values()):
        raise PlainError(f"{quoted(name)}.arguments must be an object of texts")
    return GenericRequest(name, tuple(arguments.items()))


def misbehaviour_from(data: object) -> Misbehaviour:
    """A misbehaviour from ``{"kind": "delay", "seconds": 3, "at": "inform"}``. Raises :class:`PlainError`."""
    kind = data.get("kind") if isinstance(data, dict) else None
    if not isinstance(data, dict) or not isinstance(kind, str) or kind not in KINDS:
        raise PlainError(f"kind must be one of {', '.join(KINDS)}")
    wanted = build(KINDS[kind], {key: value for key, value in data.items() if key != "kind"}, kind, {})
    assert isinstance(wanted, Misbehaviour)
    return wanted


def plain(value: Any) -> Any:
    """A dataclass of ours as JSON knows it."""
    if isinstance(value, ParameterValueStruct):
        return {"name": value.name, "value": value.value.text, "type": value.value.kind.value}
    if isinstance(value, Value):
        return {"value": value.text, "type": value.kind.value}
    if isinstance(value, InstallOpStruct | UpdateOpStruct | UninstallOpStruct):
        return {"type": type(value).__name__.removesuffix("OpStruct").lower(), **_fields(value)}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return _fields(value)
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        return {key: plain(one) for key, one in value._asdict().items()}
    if isinstance(value, tuple | list):
        return [plain(one) for one in value]
    return value


def _fields(value: Any) -> dict[str, Any]:
    return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}


def message(body: Message | Unanswered | None) -> dict[str, Any] | None:
    """A message with its name as ``rpc``, secrets masked."""
    if body is None:
        return None
    if isinstance(body, Unanswered):
        return {"rpc": "", "unanswered": body.reason}
    hidden = masked(body, is_secret)
    if isinstance(hidden, GenericRequest | GenericResponse):
        return {"rpc": hidden.name, "arguments": [list(one) for one in hidden.arguments]}
    return {"rpc": rpc_name(hidden), **plain(hidden)}


def stamp(wall: float) -> str:
    """A time of day as dateTime in UTC, to the millisecond."""
    return datetime.fromtimestamp(wall, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def stun(server: StunServer) -> dict[str, Any]:
    """The STUN server, and the bindings that it saw, the latest first."""
    return {
        "address": str(server.address),
        "challenge": server.challenge,
        "response_address": server.response_address,
        "answered": server.answered,
        "refused": server.refused,
        "spoil": server.spoilt,
        "bindings": [
            {
                "mapped": str(one.mapped),
                "username": one.username,
                "seen": stamp(one.seen_at),
                "changed": None if one.changed_at is None else stamp(one.changed_at),
                "signed": one.signed,
            }
            for one in reversed(server.bindings)
        ],
    }


def nat(one: Nat) -> dict[str, Any]:
    """The NAT, and the mappings that it keeps."""
    return {
        "kind": one.kind.value,
        "lifetime": one.lifetime,
        "seed": one.seed,
        "stand_ins": {str(server): str(inside) for server, inside in one.stand_ins().items()},
        "packets": dict(one.counters),
        "mappings": [
            {"inside": str(each.inside), "outside": str(each.outside), "age": round(each.age, 3)}
            for each in one.mappings()
        ],
    }


def device(one: LabDevice, now: float, tasks: list[Task]) -> dict[str, Any]:
    """All of a device."""
    return {
        **device_line(one, now),
        "parameters": {each.name: plain(each.value) for each in _shown(one.parameters)},
        "names": dict(sorted(one.names.items())),
        "attributes": {
            name: {"notification": each.notification, "access_list": list(each.access_list)}
            for name, each in sorted(one.attributes.items())
        },
        "methods": list(one.methods),
        "faults": [{"at": stamp(each.at), "to": each.rpc, **plain(each.fault)} for each in one.faults],
        "tasks": [task(each) for each in tasks],
    }


def _shown(parameters: Mapping[str, Value]) -> tuple[ParameterValueStruct, ...]:
    told = tuple(ParameterValueStruct(name, value) for name, value in sorted(parameters.items()))
    hidden = masked(GetParameterValuesResponse(told), is_secret)
    assert isinstance(hidden, GetParameterValuesResponse)
    return hidden.parameter_list


def device_line(one: LabDevice, now: float) -> dict[str, Any]:
    """A device in short."""
    return {
        "id": one.id,
        **plain(one.identity),
        "online": one.online(now),
        "first_inform": stamp(one.first_inform),
        "last_inform": stamp(one.last_inform),
        "events": plain(one.events),
    }


def task(one: Task) -> dict[str, Any]:
    """A task and what came of it."""
    return {
        "number": one.number,
        "queued": stamp(one.queued),
        "state": one.state,
        "request": message(one.request),
        "answer": message(one.answer),
    }


def session_line(trace: SessionTrace) -> dict[str, Any]:
    """A session in short."""
    return {
        "number": trace.number,
        "device_id": trace.device_id,
        "started": stamp(trace.started),
        "peer": trace.peer,
        "certificate": trace.certificate,
        "events": plain(trace.events),
        "calls": [
            {
                "request": rpc_name(call.request),
                "ok": not isinstance(call.answer, Unanswered) and call.answer not in trace.faults,
                "seconds": round(call.seconds, 6),
            }
            for call in trace.calls
        ],
        "requests": [rpc_name(request) for request in trace.requests],
        "faults": [plain(fault) for fault in trace.faults],
        "violations": list(trace.violations),
        "ended": trace.ended,
        "reason": trace.reason,
        "duration": round(trace.duration, 6),
    }


def session(trace: SessionTrace) -> dict[str, Any]:
    """A session with every message."""
    calls = [
        {"request": message(call.request), "answer": message(call.answer), "seconds": round(call.seconds, 6)}
        for call in trace.calls
    ]
    return {**session_line(trace), "calls": calls, "exchanges": [_exchange(one) for one in trace.exchanges]}


def _exchange(one: TracedExchange) -> dict[str, Any]:
    return {
        "number": one.number,
        "at": stamp(one.at),
        "seconds": round(one.seconds, 6),
        "received": _received(one),
        "status": one.status,
        "sent": _xml(one.sent),
        "spoilt": list(one.spoilt),
    }


def _received(one: TracedExchange) -> str:
    """What the CPE sent, as it came where that tells no secret, else written anew without it."""
    if one.received is not None and one.received.body is not None:
        if masked(one.received.body, is_secret) != one.received.body:
            return _xml(one.received)
        return one.body.decode("utf-8", "replace")
    return scrub(one.body.decode("utf-8", "replace"))


def _xml(envelope: Envelope | None) -> str:
    if envelope is None or envelope.body is None:
        return ""
    try:
        return encode(dataclasses.replace(envelope, body=masked(envelope.body, is_secret))).decode()
    except ValueError:
        # What a CPE may have sent is not always what may be written.
        return f"<!-- {quoted(rpc_name(envelope.body))} -->"
