"""Each acceptor, connector and opener of files at the last descriptor: refuses, says so, works again, no traceback."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

from twisted.internet import reactor as global_reactor
from twisted.trial.unittest import TestCase

from tests.process import Child

reactor: Any = global_reactor
ODD = re.compile(r"Traceback|Unhandled|Main loop error|Could not reserve")


class LastDescriptorTests(TestCase):
    """Each scenario of :mod:`tests.scenarios_descriptors`, in a process of its own, at 0 to 10 free descriptors."""

    timeout = 120

    async def refusals(self, scenario: str) -> dict[str, str]:
        """The refusal at each number of free descriptors."""
        directory = Path(self.mktemp()).absolute()
        directory.mkdir(0o700)
        arguments = [sys.executable, "-m", "tests.scenarios_descriptors", scenario, str(directory)]
        child = Child.start(reactor, arguments)
        self.addCleanup(child.signal, "KILL")
        status = await child.ended
        self.assertEqual(status, 0, child.err)
        self.assertIsNone(ODD.search(child.err), child.err)
        refusals: dict[str, str] = json.loads(child.out.splitlines()[-1])
        return refusals

    async def refused(self, scenario: str, most: int, reason: str = "Too many open files") -> None:
        """Check that only with at most ``most`` free descriptors it was refused, with ``reason`` at 0."""
        refusals = await self.refusals(scenario)
        self.assertLessEqual(max(map(int, refusals)), most, refusals)
        self.assertIn(reason, refusals["0"])

    async def test_control_socket(self) -> None:
        await self.refused("control_socket", 6)

    async def test_a_state_is_opened_and_never_taken_for_damaged(self) -> None:
        await self.refused("store_opened", 3)

    async def test_a_state_is_created(self) -> None:
        await self.refused("store_created", 3)

    async def test_an_open_state_needs_none(self) -> None:
        self.assertEqual(await self.refusals("store_written"), {})

    async def test_endpoints_of_the_listener(self) -> None:
        await self.refused("http_endpoint", 2)

    async def test_udp_port(self) -> None:
        await self.refused("udp_port", 0)

    async def test_udp_sender(self) -> None:
        await self.refused("udp_sender", 0)

    async def test_names(self) -> None:
        await self.refused("name_resolved", 3, "no address")

    async def test_sessions(self) -> None:
        await self.refused("session", 3, "no address is known")

    async def test_large_bodies_at_the_lab(self) -> None:
        await self.refused("large_body", 1)

    async def test_certificates_of_the_system_stay_in_force(self) -> None:
        await self.refused("certificates", 0)

    async def test_source_address(self) -> None:
        await self.refused("source", 0, "no address")

    async def test_programs(self) -> None:
        await self.refused("program", 8)

    async def test_models(self) -> None:
        await self.refused("model", 1)
