"""The agent as a service: stops before the start, repeated stops, stops after a failed start, and a new start."""

from __future__ import annotations

from twisted.internet.defer import Deferred, fail, gatherResults

from cwmpagent.agent.facts import AgentStopped, Rebooting, Warned
from cwmpagent.agent.notification.value_change import Notifications
from cwmpagent.embedding.service import Agent
from cwmpagent.errors import ConfigError, StoreError, StoreLockedError
from cwmpagent.lab.acs.misbehaviour import Delay
from cwmpagent.protocol.rpc import FactoryReset, GetRPCMethods, Reboot
from cwmpagent.records import Saved
from cwmpagent.store.durable import Store
from cwmpagent.transport.connection_request import endpoints
from tests.agent.bench import DEVICE
from tests.conformance.stage import SteppedCase, call


class _Endpoint:
    """An endpoint that listens when its Deferred fires."""

    def __init__(self, listening: Deferred[object]) -> None:
        self._listening = listening

    def listen(self, factory: object) -> Deferred[object]:
        return self._listening


class ServiceTests(SteppedCase):
    def stops(self) -> int:
        return sum(isinstance(fact, AgentStopped) for fact in self.facts)

    async def ready(self) -> Agent:
        agent = self.begin(self.config(boot="system"))
        await self.sessions_ended(1)
        return agent

    async def test_stopped_more_than_once(self) -> None:
        agent = await self.ready()
        await gatherResults([agent.stopService(), agent.stopService()])
        await agent.stopService()
        self.assertEqual(self.stops(), 1)
        self.assertEqual(self.odd(), [])

    async def test_stopped_before_its_start(self) -> None:
        agent = self.prepared()
        await agent.bind()
        await agent.stopService()
        self.assertEqual(self.facts, [])

    async def test_stopped_after_a_start_that_failed(self) -> None:
        first = await self.ready()
        other = self.prepared()
        with self.assertRaises(StoreLockedError):
            other.startService()
        await other.stopService()
        self.assertEqual(self.stops(), 0)
        await self.end(first)
        other.startService()
        await self.sessions_ended(2)
        await other.stopService()
        self.assertEqual(self.odd(), [])

    async def test_a_life_that_cannot_begin_is_fatal(self) -> None:
        await self.ready()
        await self.end()
        load, lines, loads = Store.load, list[str](), list[Store]()

        def damaged(store: Store) -> Saved:
            loads.append(store)
            if len(loads) > 2:  # looks up the present boot and begins the first runtime
                raise StoreError("the state cannot be read:\n disk I/O error")
            return load(store)

        self.patch(Store, "load", damaged)
        agent = self.begin(self.config(boot="system"), fatal=lines.append)
        self.lab.queue(DEVICE, Reboot("bye"))
        call(agent)
        await self.until(lambda: bool(lines))
        self.assertEqual(lines, ["the agent cannot continue: the state cannot be read: disk I/O error"])
        self.assertEqual([type(fact) for fact in self.odd()], [Warned])
        await agent.stopService()
        self.assertEqual(self.stops(), 2)

    async def test_any_error_at_the_start_of_a_life_is_fatal(self) -> None:
        def impossible(notifications: Notifications, unread: object) -> None:
            raise RuntimeError("impossible")

        self.patch(Notifications, "start", impossible)
        lines: list[str] = []
        agent = self.begin(fatal=lines.append)
        await self.until(lambda: bool(lines))
        self.assertEqual(lines, ["the agent cannot continue: impossible"])
        await agent.stopService()
        self.facts.clear()
        self.begin()  # without an observer of fatal errors
        await self.until(lambda: bool(self.odd()))
        self.assertIn("RuntimeError", str(self.odd()))

    async def test_an_endpoint_that_fails_later_is_fatal(self) -> None:
        lines: list[str] = []
        for stopped in (False, True):
            listening: Deferred[object] = Deferred()
            self.patch(endpoints, "serverFromString", lambda reactor, text, at=listening: _Endpoint(at))
            agent = self.begin(fatal=lines.append)
            if stopped:
                await agent.stopService()
            else:
                listening.errback(OSError("no such door"))
            reason = "connection_request.endpoint: tcp:0:interface=127.0.0.1: no such door"
            self.assertEqual(lines, [f"the agent cannot continue: {reason}"])
            await self.end(agent)

    async def test_an_endpoint_that_fails_at_once_fails_at_each_start(self) -> None:
        agent = self.prepared()
        self.patch(endpoints, "serverFromString", lambda reactor, text: _Endpoint(fail(OSError("taken"))))
        for start in (agent.privilegedStartService, agent.startService):
            with self.assertRaises(ConfigError):
                start()
        self.assertEqual(self.facts, [])

    async def test_begun_again(self) -> None:
        agent = await self.ready()
        for count in (2, 3):
            await agent.stopService()
            agent.startService()
            call(agent)
            await self.sessions_ended(count)
            self.assertIn(f"/{agent.runtime.request_path[1:]}", agent.runtime.server.text("ConnectionRequestURL"))
            self.assertEqual(await self.lab.connection_request(DEVICE), 200)
            await self.until(lambda count=count: len(self.lab.sessions) > count)
            await self.until(lambda: not self.busy())
            self.facts[:] = [fact for fact in self.facts if fact in self.ended()[:count]]
        self.assertEqual(self.odd(), [])

    async def test_what_a_session_owes_when_it_is_broken_off_is_left_to_the_next_start(self) -> None:
        for request, event in ((Reboot("bye"), "M Reboot"), (FactoryReset(), "0 BOOTSTRAP")):
            self.facts.clear()
            agent = await self.ready()
            self.lab.queue(DEVICE, request)
            self.lab.queue(DEVICE, GetRPCMethods())
            self.lab.misbehave(Delay(at=3, seconds=3600))
            call(agent)
            await self.until(lambda: not self.lab.misbehaviours.waiting())
            await self.pause(0.02)
            (stopped,) = await self.stopping(agent)
            self.time.advance(5.1)
            await stopped
            for _ in range(5):
                await self.pause(0.01)
                self.time.advance(0.01)
            self.assertIsInstance(self.facts[-1], AgentStopped)
            self.assertFalse(any(isinstance(fact, Rebooting) for fact in self.facts))
            self.lab.tasks.forget(DEVICE)
            seen, ended = self.lab.sessions.seen, len(self.ended())
            self.begin(self.config(boot="system"))
            await self.sessions_ended(ended + 1)
            trace = await self.session(event="1 BOOT", since=seen)
            self.assertIn(event, trace.event_codes)
            await self.until(lambda: not self.busy())
            await self.end()
            self.assertEqual(self.odd(), [])
