"""``docs/conformance.md`` names existing tests, and has every check that a test is named after."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from twisted.python.reflect import namedAny
from twisted.trial.unittest import SynchronousTestCase

from cwmpagent.protocol.agenda.events import EVENTS
from cwmpagent.protocol.rpc import CpeRequest, GenericRequest, GetRPCMethods, GetRPCMethodsResponse
from tests.agent.bench import BenchCase
from tests.skips import CHECKOUT

README = CHECKOUT / "README.md"
PAGE = CHECKOUT / "docs" / "conformance.md"
ROW = re.compile(r"^\| ([A-Z]+-\d\d) \| .+ \| (.+) \|$", re.MULTILINE)
TEST = re.compile(r"`(tests\.[\w.]+)`")
NAMED_AFTER = re.compile(r"test_([a-z]+)_(\d\d)_")


def named() -> Iterator[str]:
    """The checks in the names of the tests of this directory."""
    for path in (CHECKOUT / "tests" / "conformance").glob("test_*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and (found := NAMED_AFTER.match(node.name)):
                yield f"{found[1].upper()}-{found[2]}"


class TableTests(SynchronousTestCase):
    def test_every_test_named_exists(self) -> None:
        names = TEST.findall(PAGE.read_text(encoding="utf-8"))
        self.assertGreater(len(names), 100)
        for name in names:
            self.assertTrue(callable(namedAny(name)), name)

    def test_every_check_that_is_tested_is_named(self) -> None:
        rows = dict(ROW.findall(PAGE.read_text(encoding="utf-8")))
        self.assertGreater(len(rows), 100)
        for check in set(named()):
            part = f".test_{check.lower().replace('-', '_')}_"
            self.assertIn(part, rows.get(check, ""), check)

    def test_a_test_stands_in_the_row_of_its_check(self) -> None:
        for check, tests in ROW.findall(PAGE.read_text(encoding="utf-8")):
            for name in TEST.findall(tests):
                found = NAMED_AFTER.match(name.rpartition(".")[2])
                self.assertTrue(found is None or f"{found[1].upper()}-{found[2]}" == check, name)


def rows(title: str) -> set[str]:
    """The first column of the table below this title in ``docs/conformance.md``."""
    (table,) = re.findall(
        rf"^\| {title} \| test \|\n\|---\|---\|\n((?:\|.*\n)+)", PAGE.read_text(encoding="utf-8"), re.M
    )
    return {line.split(" | ")[0].removeprefix("| ") for line in table.splitlines()}


def supported(title: str) -> set[str]:
    """The entries of a row of the README's lists, without explanations."""
    (row,) = re.findall(rf"^\| {title} \| (.+) \|$", README.read_text(encoding="utf-8"), re.M)
    return {name for name in re.sub(r" \([^)]*\)", "", row).split(", ") if not name.startswith("and ")}


class ListTests(BenchCase):
    """The README and the page list the same RPCs and events."""

    async def test_rpcs(self) -> None:
        await self.bootstrapped()
        (answer,) = await self.ask(GetRPCMethods())
        assert isinstance(answer, GetRPCMethodsResponse)
        done = set(answer.method_list)
        optional = supported("carried out with [^|]*")
        self.assertEqual(supported("carried out"), done)
        self.assertEqual(rows("RPC"), done | optional | {"a vendor's own", "all others: fault 9000"})

    async def test_events(self) -> None:
        self.assertEqual(supported("raised"), rows("event"))
        (missing,) = re.findall(r"^Events that are not raised yet: ([^.]+)\.", PAGE.read_text(encoding="utf-8"), re.M)
        not_yet = set(re.findall("`([^`]+)`", missing))
        self.assertEqual(supported("not yet"), not_yet)
        self.assertEqual((rows("event") | not_yet, rows("event") & not_yet), (set(EVENTS), set()))

    async def test_requests_of_the_device(self) -> None:
        names = {each.__name__ for each in CpeRequest.__subclasses__()}
        self.assertEqual(rows("request"), names - {GenericRequest.__name__})
