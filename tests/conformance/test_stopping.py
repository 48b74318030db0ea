"""Stops of the agent at every moment: it ends in time, saves its state, and leaves nothing running."""

from __future__ import annotations

from dataclasses import replace

from twisted.internet.defer import Deferred

from cwmpagent.agent.facts import AgentStopped, Rebooting
from cwmpagent.config.settings import HooksConfig
from cwmpagent.lab.acs.misbehaviour import Delay
from cwmpagent.protocol.rpc import GenericRequest, GetRPCMethods, Reboot
from tests.agent.bench import DEVICE
from tests.conformance.stage import SteppedCase, call


class StoppingTests(SteppedCase):
    async def test_just_after_the_start(self) -> None:
        for turns in range(12):
            agent = self.begin()
            for _ in range(turns):
                await self.pause(0)
            self.time.advance(0)
            await self.end(agent)
            await self.pause(0.02)
            self.time.advance(1)
            self.assertIsInstance(self.facts[-1], AgentStopped, turns)
            self.assertEqual(self.odd(), [])

    async def test_at_every_message_to_a_silent_acs(self) -> None:
        for step in range(1, 6):
            agent = self.begin()
            await self.until(
                lambda agent=agent: bool(self.facts and self.ended() and not agent.runtime.sessions.in_session)
            )
            for _ in range(4):
                self.lab.queue(DEVICE, GetRPCMethods())
            self.lab.misbehave(Delay(at=step, seconds=3600))
            call(agent)
            await self.until(lambda: not self.lab.misbehaviours.waiting())
            await self.pause(0.01)
            (stopped,) = await self.stopping(agent)
            self.time.advance(4.9)
            await self.pause(0)
            self.assertNotIsInstance(self.facts[-1], AgentStopped)
            self.time.advance(0.2)
            await stopped
            self.assertIsInstance(self.facts[-1], AgentStopped)
            self.assertEqual(self.odd(), [])
            self.lab.tasks.forget(DEVICE)
            self.facts.clear()

    async def test_while_the_reboot_program_runs(self) -> None:
        config = self.config(boot="system")
        agent = self.begin(replace(config, hooks=HooksConfig(reboot=("/bin/sleep", "1000"))))
        await self.until(lambda: bool(self.ended() and not agent.runtime.sessions.in_session))
        self.lab.queue(DEVICE, Reboot("bye"))
        call(agent)
        await self.until(lambda: any(isinstance(fact, Rebooting) for fact in self.facts))
        await self.pause(0.05)
        self.time.advance(0)
        await self.pause(0.05)
        await self.end(agent)
        self.assertEqual(self.odd(), [])
        self.begin(self.config(boot="process"))
        trace = await self.session(event="1 BOOT", since=self.lab.sessions.seen)
        told = [(event.event_code, event.command_key) for event in trace.events]
        self.assertIn(("M Reboot", "bye"), told)
        await self.programs_ended(by_force=True)

    async def test_a_reboot_program_that_fails_is_no_end(self) -> None:
        for program in ("/bin/false", "/nowhere/to/be/found"):
            config = self.config(boot="system")
            agent = self.begin(replace(config, hooks=HooksConfig(reboot=(program,))))
            await self.until(lambda agent=agent: bool(self.ended() and not agent.runtime.sessions.in_session))
            asked = self.lab.queue(DEVICE, Reboot("bye"))
            call(agent)
            await self.until(lambda: bool(self.odd()))
            self.assertIn(program, str(self.odd()))
            self.assertTrue(asked.called)
            await self.pause(0.02)
            read = self.lab.queue(DEVICE, GetRPCMethods())
            call(agent)
            await self.until(lambda read=read: read.called)
            await self.until(lambda agent=agent: not agent.runtime.sessions.in_session)
            await self.end(agent)
            self.assertNotIn("M Reboot", [code for trace in self.lab.sessions for code in trace.event_codes])
            self.facts.clear()

    async def test_while_an_rpc_hangs(self) -> None:
        agent = self.prepared()
        hung: Deferred[None] = Deferred()
        agent.register("X_00D09E_Hang", lambda request: hung)
        agent.startService()
        await self.until(lambda: bool(self.ended() and not agent.runtime.sessions.in_session))
        self.lab.queue(DEVICE, GenericRequest("X_00D09E_Hang", ()))
        call(agent)
        await self.until(lambda: bool(hung.callbacks))
        (stopped,) = await self.stopping(agent)
        self.time.advance(5.1)
        await stopped
        self.assertIsInstance(self.facts[-1], AgentStopped)
        self.assertEqual(self.odd(), [])

    async def test_while_a_reboot_begins(self) -> None:
        for turns in range(8):
            agent = self.begin()
            await self.until(lambda agent=agent: bool(self.ended() and not agent.runtime.sessions.in_session))
            self.lab.queue(DEVICE, Reboot(f"bye{turns}"))
            before, seen = len(self.ended()), self.lab.sessions.seen
            call(agent)
            await self.until(lambda before=before: len(self.ended()) > before)
            for _ in range(turns):
                await self.pause(0)
                self.time.advance(0)
            await self.end(agent)
            await self.pause(0.02)
            self.time.advance(1)
            self.assertIsInstance(self.facts[-1], AgentStopped, turns)
            self.assertEqual(self.odd(), [])
            self.facts.clear()
            agent = self.begin()
            await self.until(lambda agent=agent: bool(self.ended() and not agent.runtime.sessions.in_session))
            await self.end(agent)
            self.facts.clear()
            traces = [trace for trace in self.lab.sessions if trace.number > seen and trace.ended == "complete"]
            told = [event.command_key for trace in traces for event in trace.events if event.event_code == "M Reboot"]
            self.assertEqual(told, [f"bye{turns}"])
