"""Large answers of the console: made piece by piece, while the console answers others."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet import reactor as global_reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol
from twisted.internet.protocol import Protocol
from twisted.internet.task import deferLater
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase, TestCase

from cwmpagent.lab.acs import LabAcs
from cwmpagent.lab.acs.devices import LabDevice
from cwmpagent.lab.console import to_json
from cwmpagent.lab.console.api import AT_ONCE, as_json
from cwmpagent.lab.console.json_pieces import SLICE, Elements, Members, pieces, slices, sorted_slices
from cwmpagent.lab.console.resource import Console
from cwmpagent.protocol.rpc import (
    DeviceIdStruct,
    EventStruct,
    GetParameterNames,
    GetParameterNamesResponse,
    GetParameterValues,
    GetParameterValuesResponse,
    Inform,
    ParameterInfoStruct,
    ParameterValueStruct,
)
from cwmpagent.values import Value, ValueType

reactor: Any = global_reactor
MANY = 20_000
PASSWORD = "Device.Users.User.1.Password"


def large_device(lab: LabAcs) -> LabDevice:
    """A device that has reported many parameters, in no order, and has answered a task with all of them."""
    identity = DeviceIdStruct("Acme", "00D09E", "", "1")
    inform = Inform(identity, (EventStruct("0 BOOTSTRAP", ""),), 1, "2026-01-01T00:00:00Z", 0, ())
    device = lab.devices.informed(inform, lab.wall())
    names = [f"Device.X_A.{number * 7919 % MANY}.Name" for number in range(MANY)] + [PASSWORD]
    values = tuple(ParameterValueStruct(name, Value(ValueType.STRING, "s3cret")) for name in names)
    request, answer = GetParameterValues(("Device.",)), GetParameterValuesResponse(values)
    lab.devices.answered(device, request, answer, lab.wall())
    infos = GetParameterNamesResponse(tuple(ParameterInfoStruct(name, True) for name in names))
    lab.devices.answered(device, GetParameterNames("", False), infos, lab.wall())
    lab.task(device.id, request).finish(answer)
    return device


def lazily(value: Any, data: Any) -> Any:
    """``value`` with some of its objects and lists replaced by those that are made in slices."""
    size = data.draw(st.integers(1, 3))
    if isinstance(value, dict):
        inner = {name: lazily(item, data) for name, item in value.items()}
        plain = all(not isinstance(item, Members | Elements | dict | list) for item in inner.values())
        if plain and data.draw(st.booleans()):
            return Members(lambda: map(dict, slices(value.items(), size)))
        return inner
    if isinstance(value, list):
        items = [lazily(item, data) for item in value]
        plain = all(not isinstance(item, Members | Elements | dict | list) for item in items)
        if plain and data.draw(st.booleans()):
            return Elements(lambda: slices(value, size))
        return items
    return value


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=4),
    max_leaves=20,
)


class PiecesTests(SynchronousTestCase):
    @given(JSON, st.data())
    def test_the_pieces_are_the_value(self, value: Any, data: Any) -> None:
        self.assertEqual(json.loads("".join(pieces(lazily(value, data)))), value)

    def test_slices_are_in_order_and_bounded(self) -> None:
        entries = {f"{number * 7 % 5000}": number for number in range(5000)}
        found = list(sorted_slices(entries))
        self.assertEqual([pair for part in found for pair in part], sorted(entries.items()))
        self.assertLessEqual(max(map(len, found)), SLICE)

    def test_what_changes_meanwhile_is_no_error(self) -> None:
        entries = {f"{number}": number for number in range(5000)}
        found = sorted_slices(entries)
        next(found)
        for number in range(0, 5000, 2):
            del entries[f"{number}"]
        entries |= {"1": -1, "new": 1}
        seen = [pair for part in found for pair in part]
        self.assertEqual(seen, sorted(pair for pair in entries.items() if pair[0] != "new"))

    def test_a_large_device_is_made_in_small_steps(self) -> None:
        lab = LabAcs(reactor)
        device = large_device(lab)
        reply = as_json(to_json.device(device, lab.wall(), lab.tasks.of(device.id)))
        self.assertLess(len(reply.body), AT_ONCE)
        assert reply.rest is not None
        parts = list(reply.rest)
        self.assertLess(max(map(len, parts)), 500 * SLICE)
        self.assertIn(b"", parts, "sorting pauses, too")
        whole = json.loads(reply.body + b"".join(parts))
        self.assertEqual(list(whole["parameters"]), sorted(device.parameters))
        self.assertEqual(list(whole["names"]), sorted(device.names))
        (task,) = whole["tasks"]
        self.assertEqual(len(task["answer"]["parameter_list"]), MANY + 1)
        self.assertEqual(whole["parameters"][PASSWORD]["value"], "***")
        self.assertEqual(task["answer"]["parameter_list"][-1], {"name": PASSWORD, "value": "***", "type": "string"})


class Get(Protocol):
    """One GET; ``done`` fires with the whole answer when the connection is closed."""

    def __init__(self, path: str, method: str = "GET") -> None:
        self._request = f"{method} {path} HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n".encode()
        self.received = b""
        self.done: Deferred[bytes] = Deferred()

    def connectionMade(self) -> None:
        assert self.transport is not None
        self.transport.write(self._request)

    def dataReceived(self, data: bytes) -> None:
        self.received += data

    def connectionLost(self, reason: Failure | None = None) -> None:
        self.done.callback(self.received)


class SendingTests(TestCase):
    timeout = 60

    def setUp(self) -> None:
        self.lab = LabAcs(reactor)
        self.device = large_device(self.lab)
        port = reactor.listenTCP(0, Console(self.lab, reactor).site(), interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        self.port = port.getHost().port

    async def begin(self, path: str, method: str = "GET") -> Get:
        get = Get(path, method)
        await connectProtocol(TCP4ClientEndpoint(reactor, "127.0.0.1", self.port), get)
        return get

    async def test_the_page_and_others_are_answered_meanwhile(self) -> None:
        large = await self.begin(f"/devices/{self.device.id}")
        others = [await self.begin(path) for path in ("/", "/devices", "/sessions")]
        for other in others:
            self.assertIn(b" 200 OK", (await other.done)[:20])
            self.assertFalse(large.done.called, "the large answer is still being made")
        head, _, body = (await large.done).partition(b"\r\n\r\n")
        self.assertIn(b"Content-Security-Policy", head)
        self.assertEqual(len(json.loads(body)["parameters"]), MANY + 1)

    async def test_a_client_that_goes_ends_the_work(self) -> None:
        made: list[int] = []

        def shown(values: Any) -> Any:
            made.append(len(values))
            return original(values)

        original = to_json._shown
        self.patch(to_json, "_shown", shown)
        large = await self.begin(f"/devices/{self.device.id}")
        while not large.received:
            await deferLater(reactor, 0)
        assert large.transport is not None
        large.transport.abortConnection()  # type: ignore[attr-defined]  # a TCP connection
        await large.done
        await deferLater(reactor, 0.05)
        before = len(made)
        await deferLater(reactor, 0.1)
        self.assertEqual(len(made), before)
        self.assertLess(sum(made), MANY)

    async def test_an_error_in_the_middle_breaks_the_connection_and_is_logged(self) -> None:
        def shown(values: Any) -> Any:
            if values:
                raise RuntimeError("boom")
            return {}

        self.patch(to_json, "_shown", shown)
        answer = await (await self.begin(f"/devices/{self.device.id}")).done
        self.assertRaises(ValueError, json.loads, answer.partition(b"\r\n\r\n")[2])
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)

    async def test_head_makes_nothing(self) -> None:
        answer = await (await self.begin(f"/devices/{self.device.id}", "HEAD")).done
        self.assertIn(b" 200 OK", answer[:20])
        self.assertEqual(answer.partition(b"\r\n\r\n")[2], b"")
