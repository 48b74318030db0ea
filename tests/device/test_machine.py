"""Configured programs: every outcome is reported in one line."""

from __future__ import annotations

from typing import Any

from twisted.internet import reactor as global_reactor
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.process import reapProcessHandlers
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from cwmpagent.device.machine import run_program

reactor: Any = global_reactor


class ProgramTests(TestCase):
    timeout = 120

    async def told(self, *argv: str) -> str:
        return await run_program(reactor, argv)

    async def test_one_that_ends_well(self) -> None:
        self.assertEqual(await self.told("/bin/sh", "-c", "echo something; echo else >&2"), "")

    async def test_one_that_fails_is_told_with_its_last_words(self) -> None:
        told = await self.told("/bin/sh", "-c", "echo first >&2; echo no battery >&2; exit 3")
        self.assertEqual(told, "/bin/sh ended with status 3: no battery")
        self.assertEqual(await self.told("/bin/sh", "-c", "exit 4"), "/bin/sh ended with status 4")

    async def test_one_that_is_killed(self) -> None:
        told = await self.told("/bin/sh", "-c", "echo almost there; kill -9 $$")
        self.assertEqual(told, "/bin/sh was killed by signal 9: almost there")

    async def test_one_that_is_not_there(self) -> None:
        self.assertIn("/nonexistent/reboot could not be run: ", await self.told("/nonexistent/reboot"))

    async def test_cancelled_nobody_waits_for_it(self) -> None:
        running = Deferred.fromCoroutine(run_program(reactor, ("/bin/sleep", "0.1")))
        running.cancel()
        self.failureResultOf(running, CancelledError)
        while reapProcessHandlers:
            await deferLater(reactor, 0.01)
        await deferLater(reactor, 0.01)  # no waiter is left at its end
