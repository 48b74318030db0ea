"""The state of the lab as plain JSON values; requests and misbehaviours from such values.

Passwords are accepted as input; in the output they are ``***``.
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
    """Whether the name of a parameter suggests a secret value."""
    last = name.rpartition(".")[2].lower()
    return any(word in last for word in _SECRET_WORDS)


def request_from(data: object, types: Types) -> AcsRequest:
    """Build a request from ``{"rpc": "GetParameterValues", "parameter_names": [...]}``. Raises :class:`PlainError`."""
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
    known = ", ".join(sorted(key for key, request_class in REQUESTS.items() if issubclass(request_class, AcsRequest)))
    raise PlainError(f"rpc {quoted(name)} is not one of {known}, or X_<VENDOR>_<Name>")


def _vendor_request(name: str, data: dict[str, Any]) -> GenericRequest:
    arguments = data.pop("arguments", {})
    if data:
        raise PlainError(f"{quoted(name)} has no {next(iter(data))!r}; it has: arguments")
    if not isinstance(arguments, dict) or not all(isinstance(value, str) for value in arguments.values()):
        raise PlainError(f"{quoted(name)}.arguments must be an object of texts")
    return GenericRequest(name, tuple(arguments.items()))


def misbehaviour_from(data: object) -> Misbehaviour:
    """Build a misbehaviour from ``{"kind": "delay", "seconds": 3, "at": "inform"}``. Raises :class:`PlainError`."""
    kind = data.get("kind") if isinstance(data, dict) else None
    if not isinstance(data, dict) or not isinstance(kind, str) or kind not in KINDS:
        raise PlainError(f"kind must be one of {', '.join(KINDS)}")
    misbehaviour = build(KINDS[kind], {key: value for key, value in data.items() if key != "kind"}, kind, {})
    assert isinstance(misbehaviour, Misbehaviour)
    return misbehaviour


def plain(value: Any) -> Any:
    """``value``, a message or another dataclass of this project, as plain JSON values."""
    if isinstance(value, ParameterValueStruct):
        return {"name": value.name, "value": value.value.text, "type": value.value.kind.value}
    if isinstance(value, Value):
        return {"value": value.text, "type": value.kind.value}
    if isinstance(value, InstallOpStruct | UpdateOpStruct | UninstallOpStruct):
        return {"type": type(value).__name__.removesuffix("OpStruct").lower(), **_fields(value)}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return _fields(value)
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        return {key: plain(item) for key, item in value._asdict().items()}
    if isinstance(value, tuple | list):
        return [plain(item) for item in value]
    return value


def _fields(value: Any) -> dict[str, Any]:
    return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}


def message(body: Message | Unanswered | None) -> dict[str, Any] | None:
    """A message with its name as ``rpc``; secrets are masked."""
    if body is None:
        return None
    if isinstance(body, Unanswered):
        return {"rpc": "", "unanswered": body.reason}
    hidden = masked(body, is_secret)
    if isinstance(hidden, GenericRequest | GenericResponse):
        return {"rpc": hidden.name, "arguments": [list(argument) for argument in hidden.arguments]}
    return {"rpc": rpc_name(hidden), **plain(hidden)}


def stamp(wall: float) -> str:
    """``wall`` (seconds since the epoch) as a dateTime in UTC, to the millisecond."""
    return datetime.fromtimestamp(wall, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def stun(server: StunServer) -> dict[str, Any]:
    """The state of the STUN server and its bindings, the latest first."""
    return {
        "address": str(server.address),
        "challenge": server.challenge,
        "response_address": server.response_address,
        "answered": server.answered,
        "refused": server.refused,
        "spoil": server.spoilt,
        "bindings": [
            {
                "mapped": str(binding.mapped),
                "username": binding.username,
                "seen": stamp(binding.seen_at),
                "changed": None if binding.changed_at is None else stamp(binding.changed_at),
                "signed": binding.signed,
            }
            for binding in reversed(server.bindings)
        ],
    }


def nat(network: Nat) -> dict[str, Any]:
    """The state of the NAT and its mappings."""
    return {
        "kind": network.kind.value,
        "lifetime": network.lifetime,
        "seed": network.seed,
        "stand_ins": {str(server): str(inside) for server, inside in network.stand_ins().items()},
        "packets": dict(network.counters),
        "mappings": [
            {"inside": str(mapping.inside), "outside": str(mapping.outside), "age": round(mapping.age, 3)}
            for mapping in network.mappings()
        ],
    }


def device(record: LabDevice, now: float, tasks: list[Task]) -> dict[str, Any]:
    """A device with its parameters, faults and tasks."""
    return {
        **device_line(record, now),
        "parameters": {item.name: plain(item.value) for item in _shown(record.parameters)},
        "names": dict(sorted(record.names.items())),
        "attributes": {
            name: {"notification": item.notification, "access_list": list(item.access_list)}
            for name, item in sorted(record.attributes.items())
        },
        "methods": list(record.methods),
        "faults": [{"at": stamp(item.at), "to": item.rpc, **plain(item.fault)} for item in record.faults],
        "tasks": [task(item) for item in tasks],
    }


def _shown(parameters: Mapping[str, Value]) -> tuple[ParameterValueStruct, ...]:
    values = tuple(ParameterValueStruct(name, value) for name, value in sorted(parameters.items()))
    hidden = masked(GetParameterValuesResponse(values), is_secret)
    assert isinstance(hidden, GetParameterValuesResponse)
    return hidden.parameter_list


def device_line(record: LabDevice, now: float) -> dict[str, Any]:
    """The summary of a device."""
    return {
        "id": record.id,
        **plain(record.identity),
        "online": record.online(now),
        "first_inform": stamp(record.first_inform),
        "last_inform": stamp(record.last_inform),
        "events": plain(record.events),
    }


def task(record: Task) -> dict[str, Any]:
    """A task with its answer."""
    return {
        "number": record.number,
        "queued": stamp(record.queued),
        "state": record.state,
        "request": message(record.request),
        "answer": message(record.answer),
    }


def session_line(trace: SessionTrace) -> dict[str, Any]:
    """The summary of a session."""
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
        "misbehaviours": list(trace.misbehaviours),
        "broken_by_lab": trace.broken_by_lab,
        "duration": round(trace.duration, 6),
    }


def session(trace: SessionTrace) -> dict[str, Any]:
    """A session with all of its messages."""
    calls = [
        {"request": message(call.request), "answer": message(call.answer), "seconds": round(call.seconds, 6)}
        for call in trace.calls
    ]
    return {**session_line(trace), "calls": calls, "exchanges": [_exchange(exchange) for exchange in trace.exchanges]}


def _exchange(exchange: TracedExchange) -> dict[str, Any]:
    return {
        "number": exchange.number,
        "at": stamp(exchange.at),
        "seconds": round(exchange.seconds, 6),
        "received": _received(exchange),
        "status": exchange.status,
        "sent": _xml(exchange.sent),
        "spoilt": list(exchange.spoilt),
    }


def _received(exchange: TracedExchange) -> str:
    """The POST of the CPE: as received if it holds no secret, else encoded again with the secret masked."""
    if exchange.received is not None and exchange.received.body is not None:
        if masked(exchange.received.body, is_secret) != exchange.received.body:
            return _xml(exchange.received)
        return exchange.body.decode("utf-8", "replace")
    return scrub(exchange.body.decode("utf-8", "replace"))


def _xml(envelope: Envelope | None) -> str:
    if envelope is None or envelope.body is None:
        return ""
    try:
        return encode(dataclasses.replace(envelope, body=masked(envelope.body, is_secret))).decode()
    except ValueError:
        # A decoded envelope may hold characters that cannot be encoded.
        return f"<!-- {quoted(rpc_name(envelope.body))} -->"
