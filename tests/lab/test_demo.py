"""Tests of the demonstration: it succeeds with this project's agent and fails with agents that only pretend."""

from __future__ import annotations

import sys

from twisted.trial.unittest import TestCase

from tests.agent.bench import reactor
from tests.process import ROOT, TWISTD, Child

OURS = [*TWISTD, "cwmpagent", "--config"]


def quoted(words: list[str]) -> str:
    return " ".join(f"'{word}'" for word in words)


class DemoTests(TestCase):
    timeout = 400

    async def played(self, agent: str, patience: int = 300) -> Child:
        command = [sys.executable, "-m", "cwmpagent.lab.demo", "--once", "--patience", str(patience), "--agent", agent]
        child = Child.start(reactor, command, environ={"TMPDIR": str(ROOT / "_trial_temp"), "HOME": "/nonexistent"})
        self.addCleanup(child.signal, "KILL")
        self.status = await child.ended
        return child

    async def broken(self, what: str, patience: int = 300) -> str:
        child = await self.played(quoted([sys.executable, "-m", "tests.broken", what]), patience)
        self.assertEqual(self.status, 1, child.out + child.err)
        return child.err

    async def test_our_agent(self) -> None:
        child = await self.played(quoted(OURS))
        self.assertEqual(self.status, 0, child.out + child.err)
        for line in (
            "page is at http://127.0.0.1:",
            "0 BOOTSTRAP, 1 BOOT; complete in",
            "AddObject: ok",
            "1 BOOT, M Reboot (demo-reboot); complete in",
        ):
            self.assertIn(line, child.out)
        self.assertEqual(child.err, "")

    async def test_values_that_are_not_kept(self) -> None:
        self.assertIn("should both be", await self.broken("set"))

    async def test_object_that_is_not_there(self) -> None:
        self.assertIn("PortMapping.7. should be usable", await self.broken("add"))

    async def test_reboot_without_its_command_key(self) -> None:
        self.assertIn("M Reboot (demo-reboot) should come with 1 BOOT", await self.broken("reboot"))

    async def test_deaf_agent(self) -> None:
        self.assertIn("not done within 20", await self.broken("deaf", patience=20))

    async def test_agent_that_dies(self) -> None:
        self.assertIn("the agent ended", await self.broken("dead"))
