"""The control socket as part of an agent: errors at the start, restarts, and envelopes for followers only."""

from __future__ import annotations

import errno
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from cwmpagent.agent.facts import EnvelopeSent, Warned
from cwmpagent.config import ControlConfig
from cwmpagent.control import service
from cwmpagent.control.recent_facts import RecentFacts
from cwmpagent.control.service import ControlSocket
from cwmpagent.device.clock import SystemClock
from cwmpagent.errors import ConfigError
from tests.agent.bench import BenchCase, reactor
from tests.control.client import Client
from tests.control.test_unix_listener import Reactor


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


class PlaceTests(SynchronousTestCase):
    """The socket is kept in its place."""

    def setUp(self) -> None:
        directory = Path(self.mktemp()).absolute()
        directory.mkdir(0o700)
        self.path = directory / "control.sock"
        self.reactor = Reactor()
        self.lines: list[str] = []
        agent: Any = None
        recent = RecentFacts(lambda: 0.0)
        self.control = ControlSocket(self.reactor, self.path, agent, recent, SystemClock(), self.lines.append)

    def close(self) -> None:
        Deferred.fromCoroutine(self.control.close())
        self.assertEqual((self.reactor.reading, self.reactor.getDelayedCalls()), ([], []))

    def wait(self) -> None:
        self.reactor.advance(service.CHECK_INTERVAL)

    def test_a_deleted_socket_is_made_again(self) -> None:
        self.control.open()
        self.wait()
        self.assertEqual(self.lines, [])
        self.path.unlink()
        self.wait()
        self.assertTrue(self.path.is_socket())
        (line,) = self.lines
        self.assertIn("was deleted or replaced while the agent runs", line)
        self.assertEqual(len(self.reactor.reading), 1)
        self.wait()
        self.assertEqual(len(self.lines), 1)
        self.close()
        self.assertFalse(self.path.exists())

    def test_a_file_in_its_place_is_left_alone(self) -> None:
        self.control.open()
        self.path.unlink()
        self.path.write_text("of somebody else")
        for _ in range(3):
            self.wait()
        self.assertEqual(len(self.lines), 2)
        self.assertIn("is not a socket", self.lines[1])
        self.assertEqual(self.path.read_text(), "of somebody else")
        self.path.unlink()
        self.wait()
        self.assertTrue(self.path.is_socket())
        self.close()

    def test_a_machine_that_was_full_at_the_start_has_a_socket_later(self) -> None:
        def full(*arguments: Any) -> Any:
            raise OSError(errno.EMFILE, "Too many open files")

        with patch.object(service, "UnixListener", full):
            self.control.open()
            self.wait()
        (line,) = self.lines
        self.assertIn("Too many open files; the agent tries again every 60 s", line)
        self.wait()
        self.assertTrue(self.path.is_socket())
        self.close()
