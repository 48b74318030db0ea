"""Requests that are accepted, and the messages for those that are refused."""

from __future__ import annotations

import json

from hypothesis import example, given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from cwmpagent.control.request import COMMANDS, ControlRequest, parse
from cwmpagent.errors import ControlError

_JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(), children, max_size=3),
    max_leaves=8,
)
_ORDER = {"direction": "download", "file_type": "f", "url": "http://files.example/f"}


class ParseTests(SynchronousTestCase):
    def refusal(self, line: bytes | object) -> str:
        text = line if isinstance(line, bytes) else json.dumps(line).encode()
        reason = str(self.assertRaises(ControlError, parse, text))
        self.assertNotIn("\n", reason)
        self.assertLess(len(reason), 400)
        return reason

    def test_good_ones(self) -> None:
        self.assertEqual(parse(b'{"command": "status"}'), ControlRequest("status", {}))
        found = parse(b'{"command": "names", "path": ""}\r')
        self.assertEqual((found.command, dict(found.arguments)), ("names", {"path": "", "all": False}))
        found = parse('{"command": "set", "values": {"A.B": "\u00e4"}}'.encode())
        self.assertEqual(found.arguments["values"], {"A.B": "\u00e4"})
        self.assertNotIn("\u00e4", repr(found))
        found = parse(json.dumps({"command": "transfer", **_ORDER, "password": "hush"}).encode())
        left_out = {"username": "", "size": 0, "target_name": "", "wait": False}
        self.assertEqual(found.arguments, {**_ORDER, "password": "hush", **left_out})
        self.assertNotIn("hush", repr(found))

    def test_no_object(self) -> None:
        for line in (
            b"",
            b"status",
            b"[]",
            b"\xff",
            b'"status"',
            b"1" * 5000,
            b"[" * 100_000,
            b"{}",
            b'{"command": 1}',
        ):
            with self.subTest(line=line[:20]):
                self.assertIn("request is", self.refusal(line))

    def test_wrong_arguments(self) -> None:
        for line, hint in (
            ({"command": "sing"}, "unknown command 'sing'"),
            ({"command": "status", "verbose": True}, "has no argument 'verbose'"),
            ({"command": "get"}, "get needs paths"),
            ({"command": "get", "paths": []}, "get needs paths"),
            ({"command": "get", "paths": "Device."}, "get needs paths"),
            ({"command": "get", "paths": [1]}, "get needs paths"),
            ({"command": "get", "paths": ["\ud800"]}, "get needs paths"),
            ({"command": "set", "values": {"A": 1}}, "set needs values"),
            ({"command": "set", "values": {}}, "set needs values"),
            ({"command": "set", "values": {"\udfff": "x"}}, "set needs values"),
            ({"command": "add", "table": None}, "add needs table"),
            ({"command": "inform", "wait": "yes"}, "inform needs wait"),
            ({"command": "request-download", "file_type": "f"}, "request-download needs arguments"),
            ({"command": "request-download", "file_type": "f", "arguments": {"n": 1}}, "needs arguments"),
            ({"command": "transfer", "direction": "sideways"}, "transfer needs direction"),
            ({"command": "transfer", "direction": "upload", "file_type": "f"}, "transfer needs url"),
            ({"command": "transfer", **_ORDER, "size": -1}, "transfer needs size"),
            ({"command": "transfer", **_ORDER, "size": 2**32}, "transfer needs size"),
            ({"command": "transfer", **_ORDER, "password": None}, "transfer needs password"),
            (b'{"command": "set", "values": {"A": "1", "A": "2"}}', "same name twice"),
        ):
            with self.subTest(line=line):
                self.assertIn(hint, self.refusal(line))

    @given(st.binary(max_size=200))
    @settings(max_examples=150, deadline=None)
    def test_bytes(self, line: bytes) -> None:
        try:
            parse(line)
        except ControlError as error:
            self.assertNotIn("\n", str(error))

    @given(st.sampled_from(list(COMMANDS)), st.dictionaries(st.sampled_from(["paths", "values", "path", "all"]), _JSON))
    @example("get", {"paths": ["a" * 1000]})
    @settings(max_examples=150, deadline=None)
    def test_objects(self, command: str, arguments: dict[str, object]) -> None:
        try:
            found = parse(json.dumps({"command": command, **arguments}).encode())
        except ControlError as error:
            self.assertNotIn("\n", str(error))
        else:
            self.assertEqual(set(found.arguments), set(COMMANDS[command]))
