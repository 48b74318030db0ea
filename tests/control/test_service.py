"""The control socket as part of an agent: errors at the start, restarts, and envelopes for followers only."""

from __future__ import annotations

import errno
from dataclasses import replace
from typing import Any
from unittest.mock import patch

from cwmpagent.agent.facts import EnvelopeSent, Warned
from cwmpagent.config import ControlConfig
from cwmpagent.control import service
from cwmpagent.errors import ConfigError
from tests.agent.bench import BenchCase, reactor
from tests.control.client import Client


class ServiceTests(BenchCase):
    async def test_a_full_machine_is_no_reason_not_to_start(self) -> None:
        def full(*arguments: Any) -> Any:
            raise OSError(errno.ENOSPC, "No space left on device")

        with patch.object(service, "UnixListener", full):
            await self.bootstrapped()
        warnings = [fact.text for fact in self.facts if isinstance(fact, Warned)]
        self.assertEqual(len(warnings), 1)
        self.assertIn("No space left on device", warnings[0])

    async def test_a_place_that_cannot_be_is(self) -> None:
        config = replace(self.config(), control=ControlConfig(socket=self.state.parent / "none" / "control.sock"))
        failing = self.prepared(config)
        error = self.assertRaises(ConfigError, failing.startService)
        await failing.stopService()
        self.assertEqual(error.key, "control.socket")
        self.assertNotIn("\n", str(error))
        agent = self.begin()  # the first attempt has left nothing behind
        await self.session(event="0 BOOTSTRAP")
        await self.end(agent)

    async def test_it_is_there_again_after_a_new_start(self) -> None:
        await self.bootstrapped()
        assert self.agent is not None
        for _ in range(2):
            await self.agent.stopService()
            self.assertFalse((self.state / "control.sock").exists())
            number = self.lab.sessions.seen
            self.agent.startService()
            await self.session(since=number)
            client = await Client.connected(reactor, self.state / "control.sock")
            self.assertIn("result", (await client.ask("status"))[1])
            client.transport.abortConnection()
            await self.until(lambda client=client: client.ended)

    async def test_envelopes_for_a_follower_are_not_told_the_program_that_wants_none(self) -> None:
        await self.bootstrapped()
        client = await Client.connected(reactor, self.state / "control.sock")
        client.say({"command": "trace", "follow": True, "envelopes": True})
        other = await Client.connected(reactor, self.state / "control.sock")
        self.assertEqual((await other.ask("inform", wait=True))[1], {"result": {}})
        seen = {(await client.line())["item"]["fact"] for _ in range(3)}
        self.assertIn("EnvelopeSent", seen)
        self.assertEqual([fact for fact in self.facts if isinstance(fact, EnvelopeSent)], [])
        for each in (client, other):
            each.transport.abortConnection()
        await self.until(lambda: client.ended and other.ended)
