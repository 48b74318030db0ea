"""Tests of docs/lab.md: its examples are valid, and it lists everything."""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from cwmpagent.lab.acs.misbehaviour import KINDS, Misbehaviour
from cwmpagent.lab.console.from_json import file_fault_from, misbehaviour_from, request_from
from cwmpagent.lab.console.to_json import message
from cwmpagent.lab.files import faults
from cwmpagent.lab.tap import Options
from cwmpagent.protocol.rpc import REQUESTS, AcsRequest, GenericRequest
from cwmpagent.protocol.soap import Envelope, decode, encode

TEXT = (Path(__file__).parents[2] / "docs" / "lab.md").read_text()


def examples(what: str) -> list[object]:
    return [json.loads(found) for found in re.findall(rf"```json {what}\n(.*?)```", TEXT, re.DOTALL)]


class Documentation(SynchronousTestCase):
    def test_tasks(self) -> None:
        found = examples("task")
        self.assertGreater(len(found), 10)
        for example in found:
            asked = request_from(example, {})
            self.assertEqual(decode(encode(Envelope(body=asked, id="1"))).body, asked)
            if not isinstance(asked, GenericRequest):  # the arguments of a GenericRequest are listed in their order
                self.assertEqual(request_from(message(asked), {}), asked)

    def test_every_request_is_there(self) -> None:
        for name, cls in REQUESTS.items():
            if issubclass(cls, AcsRequest):
                self.assertIn(name, TEXT)

    def test_misbehaviours(self) -> None:
        self.assertEqual(len([misbehaviour_from(example) for example in examples("misbehaviour")]), 4)

    def test_every_misbehaviour_and_its_fields_are_there(self) -> None:
        common = {field.name for field in dataclasses.fields(Misbehaviour)}
        section = TEXT.partition("### Misbehaviours")[2].partition("\n## ")[0]
        for name, kind in KINDS.items():
            rows = [line for line in section.splitlines() if line.startswith("|") and f"`{name}`" in line.split("|")[1]]
            self.assertEqual(len(rows), 1, name)
            for field in dataclasses.fields(kind):
                if field.name not in common:
                    self.assertIn(f"`{field.name}`", rows[0])

    def test_every_fault_of_the_file_server_and_its_fields_are_there(self) -> None:
        found = [each if isinstance(each, list) else [each] for each in examples("fault")]
        self.assertEqual([len([file_fault_from(one) for one in each]) for each in found], [2, 1, 1])
        section = TEXT.partition("### Faults on purpose")[2].partition("\n## ")[0]
        common = {field.name for field in dataclasses.fields(faults.FileFault)}
        for name, kind in faults.KINDS.items():
            rows = [line for line in section.splitlines() if line.startswith(f"| `{name}` |")]
            self.assertEqual(len(rows), 1, name)
            for field in dataclasses.fields(kind):
                if field.name not in common:
                    self.assertIn(f"`{field.name}`", rows[0])

    def test_every_option_is_there(self) -> None:
        for name in re.findall(r"--[a-z-]+", str(Options())):
            if name not in ("--help", "--version"):
                self.assertIn(f"`{name}", TEXT)
