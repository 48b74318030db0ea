"""Several clients, too many, slow, silent and hostile ones; the memory for each is bounded."""

from __future__ import annotations

import json
import socket
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase

from cwmpagent.agent.facts import EnvelopeSent, Noted, SessionStarted, Warned
from cwmpagent.control.commands import CommandAnswer, Commands, Watch
from cwmpagent.control.connection import MOST_WAITING, PATIENCE, PIECE, Connection
from cwmpagent.control.recent_facts import LONGEST_TEXT, MOST, RecentFacts
from cwmpagent.control.request import COMMANDS, LONGEST, ControlRequest
from cwmpagent.control.service import MOST_CLIENTS
from cwmpagent.control.socket_path import address
from cwmpagent.errors import CwmpFault, ParameterFault
from tests.agent.bench import BenchCase, reactor
from tests.control.client import Client


class Wire(StringTransport):
    """A transport that records an abort."""

    aborted = False

    def abortConnection(self) -> None:
        self.aborted = True

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        super().registerProducer(producer, streaming)
        if not streaming:  # as a real transport does
            producer.resumeProducing()


class ConnectionTests(SynchronousTestCase):
    """One connection on its own clock; ``answer`` is the answer to every command."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.recent = RecentFacts(lambda: 1_700_000_000.0)
        self.warnings: list[str] = []
        self.asked: list[ControlRequest] = []
        self.answer: Any = CommandAnswer({"fine": True})
        self.closed: list[Connection] = []
        self.connection = Connection(
            self.clock,
            self,
            self.recent,
            warn=self.warnings.append,
            closed=self.closed.append,  # type: ignore[arg-type]  # the test replaces Commands
        )
        self.wire = Wire()
        self.connection.makeConnection(self.wire)  # type: ignore[no-untyped-call]  # Twisted has no types there

    async def carry_out(self, request: ControlRequest) -> CommandAnswer | Watch:
        self.asked.append(request)
        if isinstance(self.answer, Exception):
            raise self.answer
        answer: CommandAnswer | Watch = self.answer
        return answer

    def say(self, data: bytes = b'{"command": "status"}\n') -> None:
        self.connection.dataReceived(data)  # type: ignore[no-untyped-call]  # Twisted has no types there

    def drained(self) -> list[Any]:
        """The lines written so far; the transport has sent them and requests more."""
        data = self.wire.value()
        self.wire.clear()
        if self.wire.producer is not None and not self.wire.streaming:
            self.wire.producer.resumeProducing()
        return [json.loads(line) for line in data.splitlines()]

    def all(self) -> list[Any]:
        lines: list[Any] = []
        while more := self.drained():
            lines += more
        return lines

    def test_items_and_result(self) -> None:
        self.answer = CommandAnswer({"count": 2}, [{"a": 1}, {"a": 2}])
        self.say()
        self.assertEqual(self.all(), [{"item": {"a": 1}}, {"item": {"a": 2}}, {"result": {"count": 2}}])
        self.assertEqual(self.warnings, [])

    def test_an_answer_waits_in_pieces_and_the_next_request_behind_it(self) -> None:
        made: list[int] = []

        def items() -> Any:
            for number in range(1000):
                made.append(number)
                yield {"text": "x" * 1000}

        self.answer = CommandAnswer({}, items())
        self.say(b'{"command": "status"}\n' * 3)
        self.assertLess(len(self.wire.value()), PIECE + 2000)
        self.assertLess(len(made), 100)
        self.assertEqual((len(self.asked), self.wire.producerState), (1, "paused"))
        self.assertEqual(len(self.all()), 1000 + 3)
        self.assertEqual((len(self.asked), self.wire.producerState), (3, "producing"))

    def test_faults(self) -> None:
        self.answer = CwmpFault(9003, "", (ParameterFault("A.B", 9008, ""),))
        self.say()
        (line,) = self.all()
        self.assertEqual(line["error"]["code"], 9003)
        self.assertEqual(line["error"]["parameters"][0]["code"], 9008)
        self.assertTrue(line["error"]["parameters"][0]["reason"])

    def test_a_crash_is_told_and_survived(self) -> None:
        self.answer = ZeroDivisionError("of a secret")
        self.say()
        (line,) = self.all()
        self.assertNotIn("secret", str(line))
        self.assertIn("ZeroDivisionError", self.warnings[0])
        self.answer = CommandAnswer({})
        self.say()
        self.assertEqual(self.all(), [{"result": {}}])

    def test_a_line_without_end(self) -> None:
        for _ in range(LONGEST // 1000 + 2):
            self.say(b"x" * 1000)
        self.assertIn("at most", self.wire.value().decode())
        self.assertTrue(self.wire.disconnecting)
        self.assertEqual(self.asked, [])

    def test_silence_and_an_answer_nobody_takes(self) -> None:
        self.clock.advance(PATIENCE - 1)
        self.say()
        self.all()
        self.clock.advance(PATIENCE - 1)
        self.assertFalse(self.wire.aborted)
        self.say()
        self.clock.advance(PATIENCE + 1)
        self.assertTrue(self.wire.aborted)

    def test_nothing_is_left_when_it_goes(self) -> None:
        self.answer = Watch(lambda fact: True, lambda fact: False, envelopes=True)
        self.say()
        self.assertTrue(self.recent.wants_envelopes())
        self.clock.advance(10 * PATIENCE)
        self.assertFalse(self.wire.aborted)
        self.connection.connectionLost()
        self.assertFalse(self.recent.wants_envelopes())
        self.assertEqual((self.closed, self.clock.getDelayedCalls()), ([self.connection], []))
        self.recent(Noted("nobody hears"))

    def test_a_watcher_that_talks_is_sent_away(self) -> None:
        self.answer = Watch(lambda fact: True, lambda fact: False)
        self.say()
        self.say()
        self.assertTrue(self.wire.aborted)

    def test_a_slow_watcher_loses_and_is_told(self) -> None:
        self.answer = Watch(lambda fact: True, lambda fact: False)
        self.say()
        self.wire.producer.pauseProducing()
        for number in range(20):
            self.recent(SessionStarted("x" * 200, tuple(f"{number}" + "e" * 199 for _ in range(200)), number))
        watching = self.connection._watching
        assert watching is not None
        self.assertEqual(self.wire.value(), b"")
        for _ in range(50):
            self.recent(SessionStarted("x" * 200, ("e" * 200,) * 200, 1))
        self.assertLessEqual(watching._size, MOST_WAITING)
        self.wire.producer.resumeProducing()
        before = self.drained()
        self.assertGreater(len(before), 10)
        self.recent(Noted("now"))
        lost, now = self.drained()
        self.assertEqual(lost, {"item": {"lost": 70 - len(before)}})
        self.assertEqual(now["item"]["message"], "now")

    def test_the_last_fact_ends_it(self) -> None:
        begun: list[int] = []
        self.answer = Watch(
            lambda fact: isinstance(fact, Noted), lambda fact: fact == Noted("2"), begin=lambda: begun.append(1)
        )
        self.say()
        self.assertEqual(begun, [1])
        self.wire.producer.pauseProducing()
        for fact in (Noted("1"), Warned("other"), Noted("2"), Noted("3")):
            self.recent(fact)
        self.wire.producer.resumeProducing()
        lines = self.drained()
        self.assertEqual([line["item"]["message"] for line in lines[:-1]], ["1", "2"])
        self.assertEqual(lines[-1], {"result": {}})
        self.answer = CommandAnswer({})
        self.say()
        self.assertEqual(self.all(), [{"result": {}}])


class RecentTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.recent = RecentFacts(lambda: 1_700_000_000.0)

    def test_the_last_ones(self) -> None:
        for number in range(MOST + 5):
            self.recent(Noted(f"{number}"))
        items = self.recent.items()
        self.assertEqual((len(items), items[0]["text"], items[-1]["text"]), (MOST, "5", f"{MOST + 4}"))
        self.assertEqual((items[0]["time"], items[0]["level"]), ("2023-11-14T22:13:20.000Z", "info"))

    def test_envelopes_are_passed_on_and_not_kept(self) -> None:
        seen: list[Any] = []
        self.recent(EnvelopeSent("<a/>"))
        self.recent.follow(lambda fact, item: seen.append(item), envelopes=True)
        self.recent(EnvelopeSent("x" * (LONGEST_TEXT + 10)))
        self.assertEqual(self.recent.items(), [])
        self.assertEqual([len(item["text"]) for item in seen], [LONGEST_TEXT + 3])

    def test_a_password_in_a_url_is_masked(self) -> None:
        self.recent(SessionStarted("http://user:opensesame@acs.example/", ("1 BOOT",), 0))
        self.assertNotIn("opensesame", str(self.recent.items()))

    def test_a_clock_beyond_all_years(self) -> None:
        RecentFacts(lambda: 1e30)(Noted("still"))


class SocketTests(BenchCase):
    """The real socket of a real agent."""

    async def setUp(self) -> None:  # type: ignore[override]  # trial waits for it
        super().setUp()
        await self.bootstrapped()

    async def client(self) -> Client:
        client = await Client.connected(reactor, self.state / "control.sock")
        self.addCleanup(self._gone, client)
        return client

    async def _gone(self, client: Client) -> None:
        client.transport.resumeProducing()
        client.transport.abortConnection()
        await self.until(lambda: client.ended)

    def connections(self) -> set[Connection]:
        assert self.agent is not None
        return self.agent._control._connections

    async def test_several_at_once(self) -> None:
        clients = [await self.client() for _ in range(MOST_CLIENTS)]
        for client in clients:
            client.say({"command": "get", "paths": ["Device."]})
        counts = set()
        for client in clients:
            items, last = await client.answer()
            self.assertEqual(last["result"]["count"], len(items))
            counts.add(len(items))
        self.assertEqual(len(counts), 1)
        one_more = await self.client()
        self.assertIn("connected already", (await one_more.line())["error"]["reason"])
        self.assertIsNone(await one_more.line())
        await self._gone(clients[0])
        await self.until(lambda: len(self.connections()) < MOST_CLIENTS)
        self.assertIn("result", (await (await self.client()).ask("status"))[1])

    async def test_one_that_asks_and_takes_nothing(self) -> None:
        with socket.socket(socket.AF_UNIX) as silent:
            silent.setblocking(False)
            with address(self.state / "control.sock") as where:
                silent.connect(where)
            silent.send(b'{"command": "get", "paths": ["Device."]}\n' * 3000)
            other = await self.client()
            for _ in range(20):
                self.assertIn("result", (await other.ask("status"))[1])
            held = [
                len(each.transport.dataBuffer) + each.transport._tempDataLen + len(each._buffer)
                for each in self.connections()
            ]
            self.assertLess(max(held), 3 * PIECE)

    async def test_it_goes_while_it_is_answered(self) -> None:
        for _ in range(5):
            with socket.socket(socket.AF_UNIX) as hasty:
                with address(self.state / "control.sock") as where:
                    hasty.connect(where)
                hasty.send(b'{"command": "get", "paths": ["Device."]}\n{"command": "trace", "follow": true}\n')
        client = await self.client()
        await self.until(lambda: len(self.connections()) == 1)
        self.assertIn("result", (await client.ask("status"))[1])
        self.assert_nothing_odd()

    async def test_half_a_line_and_a_stop(self) -> None:
        client = await self.client()
        client.say(b'{"command"')
        watching = await self.client()
        watching.say({"command": "trace", "follow": True})
        await self.until(lambda: len(self.connections()) == 2)
        await self.end()
        self.assertIsNone((await client.answer())[1].get("result") if client.lines else None)
        await self.until(lambda: watching.ended and client.ended)
        self.assertFalse((self.state / "control.sock").exists())
        self.assert_nothing_odd()

    async def test_garbage_does_no_harm(self) -> None:
        client = await self.client()

        async def survives(line: bytes) -> None:
            client.say(line)
            self.assertIn("error", await client.line())

        lines: list[bytes] = []

        @given(st.binary(max_size=80).map(lambda data: data.replace(b"\n", b"") + b"\xff"))
        @settings(max_examples=60, deadline=None, database=None)
        def collect(line: bytes) -> None:
            lines.append(line)

        collect()
        for line in (*lines, b"[" * 50_000, b'{"command": "' + b"x" * 100_000 + b'"}', b"\0" * 1000):
            await survives(line)
        hostile = {"A" * 5000: "x", "Device..": "y", "Device.DeviceInfo.ProvisioningCode": "\0\x1b[2J"}
        _, last = await client.ask("set", values=hostile)
        self.assertEqual({each["code"] for each in last["error"]["parameters"]}, {9005, 9007})
        for command, arguments in (
            ("get", {"paths": ["\0", "../../etc"]}),
            ("names", {"path": "Device.\n"}),
            ("add", {"table": "Device.NAT.PortMapping.[]."}),
            ("delete", {"row": "Device."}),
            ("reset", {"paths": ["*", "[", "[]]..*."]}),
        ):
            self.assertIn("error", (await client.ask(command, **arguments))[1], command)
        self.assertIn("result", (await client.ask("status"))[1])
        self.assert_nothing_odd()


class CommandsTests(SynchronousTestCase):
    def test_each_command_is_carried_out(self) -> None:
        commands = Commands(None, RecentFacts(lambda: 0.0), _Clock())  # type: ignore[arg-type]  # it is not used
        self.assertEqual(set(commands._commands), set(COMMANDS))


class _Clock:
    def wall(self) -> float:
        return 0.0
