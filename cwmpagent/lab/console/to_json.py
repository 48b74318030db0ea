"""The state of the lab as plain JSON values; passwords are shown as ``***``."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any

from cwmpagent.lab.acs.devices import LabDevice
from cwmpagent.lab.acs.session_trace import BODY_KEPT, SessionTrace, TracedExchange
from cwmpagent.lab.acs.tasks import Task, Unanswered
from cwmpagent.lab.console.json_pieces import SLICE, Elements, Members, slices, sorted_slices
from cwmpagent.lab.files.faults import FileFaults
from cwmpagent.lab.network.nat import Nat
from cwmpagent.lab.network.stun_server import StunServer
from cwmpagent.protocol.masking import masked, quoted, scrub
from cwmpagent.protocol.rpc import (
    GenericRequest,
    GenericResponse,
    GetParameterValuesResponse,
    InstallOpStruct,
    Message,
    ParameterAttributeStruct,
    ParameterValueStruct,
    UninstallOpStruct,
    UpdateOpStruct,
    rpc_name,
)
from cwmpagent.protocol.soap import Envelope, encode
from cwmpagent.values import Value

_SECRET_WORDS = ("password", "passphrase", "presharedkey", "wepkey", "secret")


def file_faults(faults: FileFaults) -> list[dict[str, Any]]:
    """The faults of the file server that wait; ``left`` 0 is always."""
    return [{**_fields(fault), "kind": fault.KIND, "left": left} for fault, left in faults.waiting()]


def is_secret(name: str) -> bool:
    """Whether the name of a parameter suggests a secret value."""
    last = name.rpartition(".")[2].lower()
    return any(word in last for word in _SECRET_WORDS)


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
    """A message with its name as ``rpc``; secrets are masked. Long lists in it are masked when they are written."""
    if body is None:
        return None
    if isinstance(body, Unanswered):
        return {"rpc": "", "unanswered": body.reason}
    struct: Any = body
    lists = {} if isinstance(body, GenericRequest | GenericResponse) else _long_lists(struct)
    hidden = masked(dataclasses.replace(struct, **dict.fromkeys(lists, ())), is_secret)
    if isinstance(hidden, GenericRequest | GenericResponse):
        return {"rpc": hidden.name, "arguments": [list(argument) for argument in hidden.arguments]}
    return {"rpc": rpc_name(hidden), **plain(hidden), **lists}


def _long_lists(struct: Any) -> dict[str, Elements]:
    """The fields of a message with more than :data:`SLICE` values, by name."""
    values = {field.name: getattr(struct, field.name) for field in dataclasses.fields(struct)}
    long = {name: value for name, value in values.items() if isinstance(value, tuple) and len(value) > SLICE}
    empty = dataclasses.replace(struct, **dict.fromkeys(long, ()))

    def masked_slices(name: str) -> Iterator[list[Any]]:
        for part in slices(long[name]):
            hidden = masked(dataclasses.replace(empty, **{name: tuple(part)}), is_secret)
            yield plain(getattr(hidden, name))

    return {name: Elements(partial(masked_slices, name)) for name in long}


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
        "parameters": Members(lambda: map(_shown, sorted_slices(record.parameters))),
        "names": Members(lambda: map(dict, sorted_slices(record.names))),
        "attributes": Members(lambda: map(_attributes, sorted_slices(record.attributes))),
        "methods": list(record.methods),
        "faults": [{"at": stamp(item.at), "to": item.rpc, **plain(item.fault)} for item in record.faults],
        "tasks": [task(item) for item in tasks],
    }


def _shown(parameters: Sequence[tuple[str, Value]]) -> dict[str, Any]:
    values = tuple(ParameterValueStruct(name, value) for name, value in parameters)
    hidden = masked(GetParameterValuesResponse(values), is_secret)
    assert isinstance(hidden, GetParameterValuesResponse)
    return {item.name: plain(item.value) for item in hidden.parameter_list}


def _attributes(attributes: Sequence[tuple[str, ParameterAttributeStruct]]) -> dict[str, Any]:
    return {
        name: {"notification": item.notification, "access_list": list(item.access_list)} for name, item in attributes
    }


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
    """The POST of the CPE: as received if it holds no secret, else encoded again with the secret masked.

    Of a POST that is longer than what is kept of it: the beginning, with all values masked.
    """
    if len(exchange.body) >= BODY_KEPT:
        return scrub(exchange.body.decode("utf-8", "replace"))
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
