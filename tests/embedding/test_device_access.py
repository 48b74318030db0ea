"""Access of a program to its device: ``Agent.get``, ``Agent.raise_event`` and the fact ``ParametersChanged``."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from twisted.internet.defer import Deferred

from cwmpagent.agent.facts import Fact, ParametersChanged, Rebooting
from cwmpagent.embedding.service import Agent
from cwmpagent.errors import CwmpFault, MisuseError
from cwmpagent.lab.acs.misbehaviour import Status
from cwmpagent.lab.acs.session_trace import SessionTrace
from cwmpagent.protocol.agenda.events import Event
from cwmpagent.protocol.rpc import AddObject, GenericRequest, Reboot
from tests.agent.bench import SERVER, assign, reactor
from tests.control.client import Client
from tests.embedding.test_program import CODE, LEVEL, VERSION, ProgramCase

TABLE = "Device.NAT.PortMapping."
STUN_PASSWORD = SERVER + "STUNPassword"
EVENT = "X 00D09E Door Open"


class GetTests(ProgramCase):
    async def test_each_type(self) -> None:
        agent = self.prepared()
        moment = datetime(2026, 1, 31, 10, tzinfo=UTC)
        values: dict[str, tuple[Any, Any]] = {
            "string": ("text", "text"),
            "int": (-5, -5),
            "unsignedInt": (5, 5),
            "long": (-(2**40), -(2**40)),
            "unsignedLong": (2**40, 2**40),
            "decimal": (2.5, Decimal("2.5")),
            "boolean": (True, True),
            "dateTime": (moment, "2026-01-31T10:00:00+00:00"),
            "base64": (b"\0\xff", b"\0\xff"),
            "hexBinary": (b"\0\xff", b"\0\xff"),
        }
        for kind, (value, _) in values.items():
            agent.parameter(f"Device.X_EXAMPLE_{kind}", type=kind)(lambda value=value: value)
        await self.run_it()
        for kind, (_, expected) in values.items():
            with self.subTest(kind=kind):
                value = await agent.get(f"Device.X_EXAMPLE_{kind}")
                self.assertEqual((value, type(value)), (expected, type(expected)))
        self.assert_nothing_odd()

    async def test_an_object_and_the_whole_device(self) -> None:
        agent = self.prepared()
        await self.run_it()
        info = await agent.get("Device.DeviceInfo.")
        self.assertEqual((info[CODE], info["Device.DeviceInfo.SerialNumber"]), ("", "SN0001"))
        self.assertTrue(all(name.startswith("Device.DeviceInfo.") for name in info))
        everything = await agent.get("")
        self.assertEqual({name: everything[name] for name in info}, info)
        self.assertIs(everything[SERVER + "PeriodicInformEnable"], False)

    async def test_rows_by_number_wildcard_and_alias(self) -> None:
        agent = self.prepared()
        await self.run_it()
        self.assertEqual(await agent.get(TABLE), {})
        self.assertEqual(await agent.get(TABLE + "*.Description"), {})
        await self.ask(AddObject(TABLE + "[web].", ""), AddObject(TABLE, ""))
        await self.ask(assign(**{TABLE + "1.Description": "first", TABLE + "2.Description": "second"}))
        self.assertEqual(await agent.get(TABLE + "2.Description"), "second")
        self.assertEqual(await agent.get(TABLE + "[web].Description"), "first")
        self.assertEqual((await agent.get(TABLE + "[web]."))[TABLE + "1.Description"], "first")
        self.assertEqual(
            await agent.get(TABLE + "*.Description"),
            {TABLE + "1.Description": "first", TABLE + "2.Description": "second"},
        )

    async def test_a_hidden_parameter_is_given_as_it_is(self) -> None:
        agent = self.prepared()
        await self.run_it()
        self.assertEqual(await agent.get(SERVER + "Password"), "acs-secret")
        self.assertEqual((await agent.get(SERVER))[SERVER + "ConnectionRequestPassword"], "request-secret")

    async def test_the_device_is_read_first(self) -> None:
        agent, level = self.prepared(), [20]
        parameter = agent.parameter(LEVEL, type="int")(lambda: level[0])
        await self.run_it()
        level[0] = 21
        self.assertEqual(await agent.get(LEVEL), 21)
        level[0] = 22
        await parameter.changed()
        self.assertEqual(await agent.get(LEVEL), 22)
        level[0] = 23
        await agent.changed("Device.")
        self.assertEqual((await agent.get("Device."))[LEVEL], 23)

    async def test_unknown_paths(self) -> None:
        agent = self.prepared()
        await self.run_it()
        for path in (
            "Device.Nowhere",
            "Device.Nowhere.",
            "Device.DeviceInfo",
            "Device..",
            ".",
            CODE + ".",
            TABLE + "1.Description",
            TABLE + "[none].Description",
            TABLE + "*.Nothing",
            "\ud800",
        ):
            with self.subTest(path=path):
                error = await self.assertFailure(agent.get(path), CwmpFault)
                self.assertEqual(error.code, 9005)

    async def test_a_value_that_cannot_be_read(self) -> None:
        agent = self.prepared()
        agent.parameter(LEVEL, type="int")(lambda: 1 // 0)
        await self.run_it()
        for path in (LEVEL, "Device."):
            error = await self.assertFailure(agent.get(path), CwmpFault)
            self.assertEqual(error.code, 9002)
        self.assertEqual(await agent.get(CODE), "")

    async def test_before_the_start_and_after_the_stop(self) -> None:
        agent, level = self.prepared(), [20]
        agent.parameter(LEVEL, type="int")(lambda: level[0])
        await self.assertFailure(agent.get(CODE), MisuseError)
        await self.run_it()
        await agent.set(CODE, "north")
        self.assertEqual(await agent.get(LEVEL), 20)
        await self.end()
        level[0] = 21
        self.assertEqual([await agent.get(CODE), await agent.get(LEVEL)], ["north", 20])
        error = await self.assertFailure(agent.get("Device.Nowhere"), CwmpFault)
        self.assertEqual(error.code, 9005)

    async def test_during_a_reboot(self) -> None:
        agent, found = self.prepared(), []
        agent.parameter(LEVEL, type="int")(lambda: 1 // 0)

        @agent.observe
        def read(fact: Fact) -> None:
            if isinstance(fact, Rebooting):
                agent.get(LEVEL).addCallback(found.append)

        await self.run_it()
        seen = self.lab.sessions.seen
        await self.ask(Reboot("again"))
        await self.session(event="M Reboot", since=seen)
        self.assertEqual(found, [0])


class RaiseEventTests(ProgramCase):
    async def raised(self, agent: Agent, *arguments: str) -> SessionTrace:
        """The session that an event opens."""
        seen = self.lab.sessions.seen
        self.assertIsNone(await agent.raise_event(*arguments))
        return await self.session(since=seen)

    def events(self, trace: SessionTrace) -> list[tuple[str, str]]:
        """EventCodes and CommandKeys of the Inform of a session."""
        return [(event.event_code, event.command_key) for event in trace.informs[0].event]

    async def test_names_and_whole_event_codes(self) -> None:
        agent = self.prepared()
        await self.run_it()
        for name, key, code in (
            ("Door Open", "", EVENT),
            (EVENT, "", EVENT),
            ("X 0A0B0C Other", "", "X 0A0B0C Other"),
            ("M X_ACME_Foo", "", "M X_ACME_Foo"),
            ("M X_ACME_Foo", "the key", "M X_ACME_Foo"),
            ("a" * 55, "", "X 00D09E " + "a" * 55),
        ):
            with self.subTest(name=name, key=key):
                self.assertEqual(self.events(await self.raised(agent, name, key)), [(code, key)])
        self.assert_nothing_odd()

    async def test_a_command_key_of_any_text(self) -> None:
        agent = self.prepared()
        await self.run_it()
        for key in ("k" * 32, "<&>\u00fc\U0001f6aa", " two  words "):
            with self.subTest(key=key):
                self.assertEqual(self.events(await self.raised(agent, "M X_ACME_Foo", key)), [("M X_ACME_Foo", key)])

    async def test_a_method_is_kept_for_each_occurrence_and_an_event_once(self) -> None:
        agent = self.prepared()
        await self.run_it()
        self.lab.misbehave(Status(status=503, at="inform", times=0))
        for key in ("1", "2", "1"):
            agent.raise_event("M X_ACME_Foo", key)
            agent.raise_event("Door Open")
        pending = agent.runtime.agenda.pending
        self.assertEqual(pending, (*(Event("M X_ACME_Foo", key) for key in ("1", "2", "1")), Event(EVENT)))

    async def test_refused(self) -> None:
        agent = self.prepared()
        for wrong in ("Door Open", "1 BOOT"):
            self.assertRaises(MisuseError, agent.raise_event, wrong)
        await self.run_it()
        for arguments in (
            ("0 BOOTSTRAP",),
            ("4 VALUE CHANGE",),
            ("M Reboot", "key"),
            ("",),
            (" ",),
            (" Door",),
            ("Door\n",),
            ("Door\x00",),
            ("T\u00fcr",),
            ("X ",),
            ("X 00D09E",),
            ("X marks the spot",),
            ("X 0a0b0c Other",),
            ("M X_",),
            ("M X_ACME_Two Words",),
            ("a" * 56,),
            ("M X_ACME_" + "a" * 56,),
            ("M X_ACME_Foo", "k" * 33),
            ("M X_ACME_Foo", "\x00"),
            ("M X_ACME_Foo", "\ud800"),
            ("M X_ACME_Foo", "\uffff"),
        ):
            with self.subTest(arguments=arguments):
                reason = str(self.assertRaises(MisuseError, agent.raise_event, *arguments))
                self.assertNotIn("\n", reason)
        self.assertEqual(agent.runtime.agenda.pending, ())

    async def test_it_is_saved_when_the_deferred_fires(self) -> None:
        agent = self.prepared()
        await self.run_it()
        self.lab.misbehave(Status(status=503, at="inform", times=0))
        saved = agent.raise_event("Door Open")
        self.assertFalse(saved.called)
        await saved
        assert agent._assembly._store is not None
        self.assertIn(EVENT, agent._assembly._store.load().notes["agenda"])

    async def test_it_survives_a_stop_and_is_delivered_once(self) -> None:
        agent = self.prepared()
        await self.run_it()
        self.lab.misbehave(Status(status=503, at="inform", times=1))
        ended = len(self.ended())
        await agent.raise_event("M X_ACME_Foo", "key")
        await self.until(lambda: len(self.ended()) > ended)
        self.assertFalse(self.ended()[-1].success)
        await self.end()
        seen = self.lab.sessions.seen
        agent = self.begin()
        trace = await self.session(since=seen)
        self.assertIn(("M X_ACME_Foo", "key"), self.events(trace))
        trace = await self.raised(agent, "Another")
        self.assertEqual(self.events(trace), [("X 00D09E Another", "")])

    async def test_it_survives_a_reboot(self) -> None:
        agent = self.prepared()

        @agent.rpc("X_EXAMPLE_Open")
        async def open_door(arguments: Mapping[str, str]) -> None:
            await agent.raise_event("Door Open")

        await self.run_it()
        seen = self.lab.sessions.seen
        await self.ask(GenericRequest("X_EXAMPLE_Open"), Reboot("again"))
        trace = await self.session(event="M Reboot", since=seen)
        self.assertEqual(self.events(trace), [("1 BOOT", ""), ("M Reboot", "again"), (EVENT, "")])

    async def test_during_a_reboot_and_after_a_stop(self) -> None:
        agent = self.prepared()
        failures: list[Deferred[Any]] = []

        @agent.observe
        def report(fact: Fact) -> None:
            if isinstance(fact, Rebooting):
                failures.append(self.assertFailure(agent.raise_event("Too Late"), CwmpFault))
                self.assertRaises(MisuseError, agent.raise_event, "1 BOOT")
                agent.inform("Too Late")

        await self.run_it()
        seen = self.lab.sessions.seen
        await self.ask(Reboot("again"))
        trace = await self.session(event="M Reboot", since=seen)
        self.assertNotIn("X 00D09E Too Late", trace.event_codes)
        self.assertEqual([(await failure).code for failure in failures], [9002])
        await self.end()
        error = await self.assertFailure(agent.raise_event("Too Late"), CwmpFault)
        self.assertEqual(error.code, 9002)
        self.assert_nothing_odd()


class ParametersChangedTests(ProgramCase):
    def changes(self) -> list[tuple[str, dict[str, str]]]:
        """Origin and values of each fact ParametersChanged so far; they are forgotten."""
        facts = [fact for fact in self.facts if isinstance(fact, ParametersChanged)]
        for fact in facts:
            self.assertEqual(fact.names, tuple(fact.values))
            self.facts.remove(fact)
        return [(fact.origin, dict(fact.values)) for fact in facts]

    async def test_by_the_acs(self) -> None:
        agent, values = self.prepared(), {LEVEL: "", LEVEL + "Password": ""}
        for path in values:
            agent.parameter(path)(lambda path=path: values[path]).setter(
                lambda value, path=path: values.update({path: value})
            )
        await self.run_it()
        self.changes()
        new = {CODE: "north", STUN_PASSWORD: "stun-secret", LEVEL: "high", LEVEL + "Password": "level-secret"}
        await self.ask(assign("key", **new))
        shown = {CODE: "north", STUN_PASSWORD: "***", LEVEL: "high", LEVEL + "Password": "***"}
        self.assertEqual(self.changes(), [("acs", {**shown, SERVER + "ParameterKey": "key"})])
        await self.ask(assign("key", **{STUN_PASSWORD: "", CODE: "http://user:open@x/"}))
        self.assertEqual(self.changes(), [("acs", {STUN_PASSWORD: "", CODE: "http://***@x/"})])
        self.assertNotIn("secret", repr(self.facts))

    async def test_by_the_program(self) -> None:
        agent = self.prepared()
        await self.run_it()
        self.changes()
        await agent.set(VERSION, "2.0")
        await agent.set(STUN_PASSWORD, "stun-secret")
        await agent.set("Device.Time.Enable", False)
        self.assertEqual(
            self.changes(),
            [
                ("device", {VERSION: "2.0"}),
                ("device", {STUN_PASSWORD: "***"}),
                ("device", {"Device.Time.Enable": "false"}),
            ],
        )

    async def test_by_the_command_line(self) -> None:
        self.prepared()
        await self.run_it()
        self.changes()
        client = await Client.connected(reactor, self.state / "control.sock")
        _, last = await client.ask("set", values={CODE: "south", STUN_PASSWORD: "stun-secret"})
        self.assertIn("result", last)
        self.assertEqual(self.changes(), [("local", {CODE: "south", STUN_PASSWORD: "***"})])
        items, _ = await client.ask("trace")
        (item,) = [item for item in items if item["fact"] == "ParametersChanged" and item["origin"] == "local"]
        self.assertEqual(item["values"], {CODE: "south", STUN_PASSWORD: "***"})
        _, last = await client.ask("reset", paths=[STUN_PASSWORD, CODE])
        self.assertIn("result", last)
        self.assertEqual(self.changes(), [("local", {CODE: "", STUN_PASSWORD: ""})])
        client.transport.abortConnection()
        await self.until(lambda: client.ended)

    async def test_rows(self) -> None:
        self.prepared()
        await self.run_it()
        await self.ask(AddObject(TABLE, ""))
        count = TABLE.removesuffix(".") + "NumberOfEntries"
        ((origin, values),) = [change for change in self.changes() if change[0] == "acs"]
        self.assertEqual((origin, values[count]), ("acs", "1"))
        client = await Client.connected(reactor, self.state / "control.sock")
        await client.ask("delete", row=TABLE + "1.")
        ((origin, values),) = self.changes()
        self.assertEqual((origin, values[count]), ("local", "0"))
        client.transport.abortConnection()
        await self.until(lambda: client.ended)
