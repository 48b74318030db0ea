"""Hook programs for reboot and factory reset: one that fails, dies or hangs is reported, and the agent continues."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from cwmpagent.agent.facts import Rebooting, Warned
from cwmpagent.config.settings import HooksConfig
from cwmpagent.protocol.rpc import AcsRequest, FactoryReset, Reboot
from cwmpagent.runtime.lifecycle import REBOOT_PATIENCE
from tests.agent.bench import DEVICE
from tests.conformance.stage import SteppedCase, call

SHELL = ("/bin/sh", "-c")


class HookTests(SteppedCase):
    async def asked(self, request: AcsRequest, **hooks: Iterable[str]) -> None:
        """Send ``request`` to a device with these hooks, and wait until it is performed."""
        config = replace(
            self.config(boot="system"), hooks=HooksConfig(**{key: tuple(argv) for key, argv in hooks.items()})
        )
        agent = self.begin(config)
        await self.sessions_ended(1)
        self.lab.queue(DEVICE, request)
        call(agent)
        await self.sessions_ended(2)
        await self.until(lambda: any(isinstance(fact, Rebooting) for fact in self.facts))

    async def goes_on(self, *words: str) -> None:
        """Expect a warning, and sessions without any event of a boot."""
        await self.until(lambda: bool(self.warnings()))
        (warning,) = self.warnings()
        for word in words:
            self.assertIn(word, warning)
        agent = self.agent
        assert agent is not None
        await self.until(lambda: not agent.rebooting)
        seen = self.lab.sessions.seen
        self.assertEqual(await self.lab.connection_request(DEVICE), 200)
        await self.until(lambda: self.lab.sessions.seen > seen)
        trace = await self.session(since=seen)
        self.assertEqual(trace.event_codes, ("6 CONNECTION REQUEST",))

    def warnings(self) -> list[str]:
        return [fact.text for fact in self.facts if isinstance(fact, Warned)]

    async def test_a_reboot_that_fails(self) -> None:
        await self.asked(Reboot("key"), reboot=(*SHELL, "echo not now >&2; exit 1"))
        await self.goes_on("reboot failed", "/bin/sh ended with status 1: not now")

    async def test_a_reboot_whose_program_is_killed(self) -> None:
        await self.asked(Reboot("key"), reboot=(*SHELL, "kill -9 $$"))
        await self.goes_on("reboot failed", "killed by signal 9")

    async def test_a_reboot_whose_program_is_missing(self) -> None:
        await self.asked(Reboot("key"), reboot=("/nonexistent/reboot",))
        await self.goes_on("reboot failed", "/nonexistent/reboot")

    async def test_a_reboot_whose_program_hangs(self) -> None:
        await self.asked(Reboot("key"), reboot=("/bin/sleep", "1000"))
        await self.pause(0.1)
        self.assertEqual(await self.lab.connection_request(DEVICE), 503)
        self.assertEqual(self.warnings(), [])
        self.time.advance(REBOOT_PATIENCE + 1)
        await self.goes_on("reboot failed", "/bin/sleep has not ended after 600 s")
        await self.programs_ended(by_force=True)  # ends the hanging program

    async def test_a_reboot_that_never_comes(self) -> None:
        await self.asked(Reboot("key"), reboot=("/bin/true",))
        await self.pause(0.1)
        await self.programs_ended()
        self.assertEqual(self.warnings(), [])
        self.time.advance(REBOOT_PATIENCE + 1)
        await self.goes_on("reboot failed", "/bin/true did not reboot this machine")

    async def test_a_reset_that_fails_leaves_everything(self) -> None:
        await self.asked(FactoryReset(), factory_reset=(*SHELL, "exit 7"))
        await self.goes_on("factory reset failed", "status 7")
        assert self.agent is not None
        self.assertEqual(self.agent.runtime.server.text("URL"), self.url)

    async def test_a_reset_whose_program_ends_well_forgets_everything(self) -> None:
        seen = self.lab.sessions.seen
        await self.asked(FactoryReset(), factory_reset=("/bin/true",))
        await self.sessions_ended(3)
        trace = await self.session(event="0 BOOTSTRAP", since=seen + 2)
        self.assertEqual(trace.event_codes, ("0 BOOTSTRAP", "1 BOOT"))
        self.assertEqual(self.warnings(), [])
