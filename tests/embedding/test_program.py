"""An agent inside a program: extensions, changes of values, events and facts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any, get_args

from twisted.internet.defer import Deferred, fail, succeed
from twisted.trial.unittest import SynchronousTestCase

import cwmpagent
from cwmpagent.agent.facts import AgentStarted, Fact, RpcCrashed, SessionEnded, Warned
from cwmpagent.config import Config
from cwmpagent.datamodel.tree import Tree
from cwmpagent.device.models import find_model
from cwmpagent.device.provider import Name, Provider
from cwmpagent.embedding.observers import QUIET, Observers
from cwmpagent.embedding.service import Agent
from cwmpagent.embedding.vendor_extensions import TypeName, VendorParameter
from cwmpagent.errors import ConfigError, CwmpFault, MisuseError, ParameterFault
from cwmpagent.protocol.rpc import (
    Fault,
    GenericRequest,
    GenericResponse,
    GetParameterValues,
    GetParameterValuesResponse,
    GetRPCMethods,
    Reboot,
    SetParameterAttributes,
    SetParameterAttributesStruct,
    SetParameterValuesResponse,
)
from cwmpagent.values import Value, ValueType
from tests.agent.bench import DEVICE, FACTORY, BenchCase, assign, reactor

LEVEL = "Device.X_EXAMPLE_Level"
DEPTH = "Device.DeviceInfo.X_EXAMPLE_Depth"
CODE = "Device.DeviceInfo.ProvisioningCode"
VERSION = "Device.DeviceInfo.SoftwareVersion"
SETTINGS: dict[str, dict[str, object]] = {
    "device": {"manufacturer": "Example", "oui": "00D09E", "serial_number": "SN0001"},
    "acs": {"url": "http://127.0.0.1:9/", "password": "acs-secret"},
    "connection_request": {"endpoint": ()},
}


def number(value: int) -> Value:
    return Value(ValueType.INT, str(value))


class DeclareTests(SynchronousTestCase):
    """Extensions before the start of the agent."""

    def setUp(self) -> None:
        self.shared = find_model("device2")
        self.agent = self.another()

    def another(self, **more: Any) -> Agent:
        state = {"directory": self.mktemp()}
        return cwmpagent.Agent(**SETTINGS, state=state, reactor=reactor, model=self.shared, **more)

    def refused(self, *arguments: Any, **more: Any) -> str:
        return str(self.assertRaises(MisuseError, self.agent.parameter, *arguments, **more))

    def test_a_parameter_is_in_this_agents_model_alone(self) -> None:
        before = Tree(self.shared).names("", next_level=False)
        parameter = self.agent.parameter(LEVEL, type="int", range=(5, 30))(lambda: 7)
        self.assertEqual(parameter(), 7)
        self.assertFalse(Tree(self.agent.model).find(LEVEL).writable)
        self.assertEqual(Tree(self.agent.model).value(LEVEL).text, "5")
        self.assertIs(parameter.setter(lambda value: None), parameter)
        self.assertTrue(Tree(self.agent.model).find(LEVEL).writable)
        for model in (self.shared, self.another().model):
            self.assertEqual(Tree(model).names("", next_level=False), before)

    def test_what_it_is_before_its_function_is_asked_is_allowed(self) -> None:
        for number, (bounds, text) in enumerate((((5, 30), "5"), ((-9, -3), "-3"), ((-9, 3), "0"), ((2, None), "2"))):
            path = f"{LEVEL}{number}"
            self.agent.parameter(path, type="decimal", range=bounds)(lambda: None)
            self.assertEqual(Tree(self.agent.model).value(path).text, text)

    def test_paths_that_cannot_be(self) -> None:
        self.agent.parameter(LEVEL)(lambda: "")
        for path, words in (
            ("Device.Nowhere.X_EXAMPLE_Level", "has no object Device.Nowhere."),
            ("X_EXAMPLE_Level", "has no object"),
            ("", "has no object"),
            ("Device.X_EXAMPLE_Level.", "has no object Device.X_EXAMPLE_Level."),
            ("Device.Temperature", "X_<VENDOR>_<Name>"),
            ("Device.X_example_Temperature", "X_<VENDOR>_<Name>"),
            ("Device.X_EXAMPLE_Two words", "X_<VENDOR>_<Name>"),
            (LEVEL, "exists already"),
            ("Device.NAT.PortMapping.{i}.X_EXAMPLE_Level", "in a table"),
            ("Device.NAT.PortMapping.1.X_EXAMPLE_Level", "in a table"),
            ("Device.NAT.PortMapping.X_EXAMPLE_Level", "in a table"),
            ("Device.X_EXAMPLE_" + "a" * 250, "256"),
        ):
            with self.subTest(path=path):
                self.assertIn(words, self.refused(path))

    def test_decorators_without_their_arguments(self) -> None:
        self.assertIn('@agent.parameter("', self.refused(lambda: 1))
        wrong: Any = lambda arguments: None  # noqa: E731
        self.assertIn('@agent.rpc("', str(self.assertRaises(MisuseError, self.agent.rpc, wrong)))

    def test_types_and_ranges_that_cannot_be(self) -> None:
        for more, words in (
            ({"type": "integer"}, "unknown type 'integer': use one of string, int, unsignedInt"),
            ({"type": "string", "range": (1, 2)}, "only numbers can have a range"),
            ({"type": "int", "range": (30, 5)}, "(5, 30)"),
            ({"type": "int", "range": (5, 30.5)}, "each an int or None"),
            ({"type": "int", "range": (5,)}, "each an int or None"),
            ({"type": "int", "range": 5}, "each an int or None"),
            ({"type": "int", "unit": 3}, "the unit of "),
            ({"type": "unsignedInt", "range": (-5, 5)}, "exceeds the type"),
        ):
            with self.subTest(**more):
                self.assertIn(words, self.refused(LEVEL, **more))

    def test_a_decorator_used_twice_and_two_setters(self) -> None:
        decorate = self.agent.parameter(LEVEL)
        parameter = decorate(lambda: "").setter(lambda value: None)
        self.assertIn("exists already", str(self.assertRaises(MisuseError, decorate, lambda: "")))
        self.assertRaises(MisuseError, parameter.setter, lambda value: None)

    def test_rpc_names_that_cannot_be(self) -> None:
        decorated = self.agent.rpc("X_EXAMPLE_Blink")(self.refused)
        self.assertEqual(decorated, self.refused)
        for name, words in (
            ("Blink", "X_<VENDOR>_<Name>"),
            ("X_Blink", "X_<VENDOR>_<Name>"),
            ("Reboot", "X_<VENDOR>_<Name>"),
            ("X_EXAMPLE_Blink twice", "X_<VENDOR>_<Name>"),
            ("X_EXAMPLE_BlinkResponse", "Response"),
            ("X_EXAMPLE_Blink", "is registered already"),
            ("X_EXAMPLE_" + "a" * 60, "at most 64"),
        ):
            with self.subTest(name=name):
                for add in (self.agent.rpc, lambda name: self.agent.register(name, self.refused)):
                    self.assertIn(words, str(self.assertRaises(MisuseError, add, name)))

    def test_what_is_no_provider(self) -> None:
        class Misspelt(Provider):
            paths = LEVEL

        for wrong in (Misspelt(), object()):
            self.assertIn("paths", str(self.assertRaises(MisuseError, self.agent.add_provider, wrong)))

    def test_before_the_start_there_is_nothing_to_change(self) -> None:
        self.failureResultOf(self.agent.set(CODE, "x"), MisuseError)
        self.assertRaises(MisuseError, self.agent.inform)
        self.assertIsNone(self.successResultOf(self.agent.changed(CODE)))
        self.assertRaises(MisuseError, self.agent.changed, "Device.Nowhere")

    def test_settings_stand_in_one_place(self) -> None:
        config = self.agent.config
        self.assertIn("acs", str(self.assertRaises(MisuseError, Agent, config, acs={"url": "http://b/"})))
        self.assertIn("acs", str(self.assertRaises(MisuseError, Agent, "agent.toml", acs={"url": "http://b/"})))
        self.assertEqual(self.assertRaises(ConfigError, Agent, "no-such.toml").key, "no-such.toml")
        self.assertEqual(self.assertRaises(ConfigError, Agent).key, "acs.url")
        self.assertEqual(config.acs.password, "acs-secret")


class MisuseTests(SynchronousTestCase):
    """Misuse is refused at once, with a sentence that names what would be right."""

    def agent(self, **more: Any) -> Agent:
        device = {"manufacturer": "Example", "oui": "00D09E", "serial_number": "SN1", "provider": "simulated"}
        return Agent(device=device, acs={"url": "http://127.0.0.1:1/"}, **more)

    def assert_refused(self, words: str, function: Callable[..., object], *arguments: Any, **more: Any) -> None:
        error = self.assertRaises(MisuseError, function, *arguments, **more)
        self.assertIn(words, str(error))
        self.assertNotIn("\n", str(error))

    def test_what_is_no_function(self) -> None:
        agent = self.agent()

        async def coroutine(fact: Fact) -> None: ...

        self.assert_refused("an observer must be a function, not 3", agent.observe, 3)
        self.assert_refused("nothing awaits its result", agent.observe, coroutine)
        self.assert_refused("observer must be a function", self.agent, observer="x")
        self.assert_refused("fatal must be a function", self.agent, fatal=1)
        self.assert_refused("envelopes must be a function", self.agent, envelopes=True)
        self.assert_refused("X_EXAMPLE_A must be a function", agent.rpc("X_EXAMPLE_A"), None)
        self.assert_refused("register('X_EXAMPLE_B', ...)", agent.register, "X_EXAMPLE_B", "x")
        self.assert_refused("the reader of Device.X_EXAMPLE_C", agent.parameter("Device.X_EXAMPLE_C"), 4.5)
        parameter = agent.parameter("Device.X_EXAMPLE_D", type="int")(lambda: 1)
        self.assert_refused("the setter of Device.X_EXAMPLE_D", parameter.setter, 5)

    def test_what_is_no_text(self) -> None:
        agent = self.agent()
        for function in (agent.changed, agent.raise_event, agent.inform):
            self.assert_refused("must be a str, not 3", function, 3)
        for deferred in (agent.get(3), agent.set(b"Device.A", 1)):  # type: ignore[arg-type]  # on purpose
            self.assertIn("the path must be a str", str(self.failureResultOf(deferred, MisuseError).value))

    def test_what_is_no_provider(self) -> None:
        class Half:
            paths = tables = ()

            def read(self, names: object) -> None: ...

        self.assert_refused("must be a list of paths", self.agent().add_provider, 3)
        self.assert_refused("has no method instances, check, apply, undo, finish", self.agent().add_provider, Half())

    def test_unknown_keywords_and_wrong_arguments(self) -> None:
        for name, meant in (("obsever", "observer"), ("devise", "device"), ("conreq", "connection_request")):
            error = self.assertRaises(ConfigError, self.agent, **{name: {}})
            self.assertEqual(str(error), f"{name}: unknown keyword argument; did you mean {meant}?")
        self.assert_refused("config must be a Config or the path of a file, not 3", Agent, 3)
        self.assert_refused("beside must be an Agent", self.agent, beside="first")
        self.assert_refused("model must be a Model", self.agent, model="device2")
        self.assert_refused("chance must be a random.Random", self.agent, chance=4)
        self.assert_refused("clock must have the methods monotonic", self.agent, clock=object())
        secret = self.assertRaises(MisuseError, self.agent, observer="opensesame")
        self.assertNotIn("opensesame", str(secret))

    def test_wrong_type_names(self) -> None:
        parameter = self.agent().parameter
        for name in ("integer", "bool", "", int, None):
            self.assert_refused("use one of string, int", parameter, "Device.X_EXAMPLE_A", type=name)
        self.assertEqual(set(get_args(TypeName)), set(ValueType))


class ObserversTests(SynchronousTestCase):
    def test_one_that_raises_harms_no_other_and_is_told_of_once_a_minute(self) -> None:
        now = 100.0
        observers = Observers(lambda: now)
        told: list[Fact] = []

        def broken(fact: Fact) -> None:
            raise RuntimeError("oh")

        for each in (broken, told.append, broken):
            observers.add(each)
        observers(Warned("a"))
        observers(Warned("b"))
        self.assertEqual(told, [Warned("a"), Warned("b")])
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 2)
        now += QUIET
        observers(Warned("c"))
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 2)


class ProgramCase(BenchCase):
    """An agent whose program is the test."""

    async def run_it(self) -> None:
        """Start the agent, and wait for its first session."""
        assert self.agent is not None
        self.agent.startService()
        await self.session(event="0 BOOTSTRAP")

    async def values(self, *paths: str) -> dict[str, str]:
        (answer,) = await self.ask(GetParameterValues(paths))
        self.assertIsInstance(answer, GetParameterValuesResponse, answer)
        return {each.name: each.value.text for each in answer.parameter_list}

    async def watch(self, path: str, notification: int = 2) -> None:
        await self.ask(SetParameterAttributes((SetParameterAttributesStruct(path, True, notification, False, ()),)))


class ParameterTests(ProgramCase):
    async def test_read_written_and_refused(self) -> None:
        agent, level, given = self.prepared(), [20], []

        @agent.parameter(LEVEL, type="int", range=(5, 30), unit="degrees")
        async def read() -> int:
            return level[0]

        @read.setter
        def write(value: int) -> Deferred[None]:
            given.append(value)
            if value == 13:
                raise ValueError("13 brings bad luck\x00")
            level[0] = value
            return succeed(None)

        await self.run_it()
        self.assertEqual(await self.values(LEVEL), {LEVEL: "20"})
        (answer,) = await self.ask(assign("key", **{LEVEL: number(21)}))
        self.assertEqual(answer, SetParameterValuesResponse(0))
        self.assertEqual(given, [21])
        self.assertEqual(await self.values(LEVEL), {LEVEL: "21"})
        high, luck, word = await self.ask(*(assign(**{LEVEL: value}) for value in (number(31), number(13), "21")))
        self.assertEqual(high.parameters, (ParameterFault(LEVEL, 9007, "the number must be from 5 to 30 degrees"),))
        self.assertEqual(luck.parameters[0][:2], (LEVEL, 9007))
        self.assertIn("bad luck", luck.parameters[0].text)
        self.assertEqual(word.parameters[0].code, 9006)
        self.assertEqual(level, [21])
        self.assert_nothing_odd()

    async def test_one_that_fails_later_gives_the_other_its_former_value_back(self) -> None:
        agent, values = self.prepared(), {LEVEL: 20, DEPTH: 3}

        def declare(path: str) -> VendorParameter:
            return agent.parameter(path, type="int")(lambda: values[path])

        declare(LEVEL).setter(lambda value: values.update({LEVEL: value}))
        declare(DEPTH).setter(lambda value: fail(ValueError("too deep")) if value > 9 else None)
        await self.run_it()
        (answer,) = await self.ask(assign(**{LEVEL: number(25), DEPTH: number(10)}))
        self.assertEqual(answer.parameters, (ParameterFault(DEPTH, 9007, "too deep"),))
        self.assertEqual(values, {LEVEL: 20, DEPTH: 3})

    async def test_without_a_setter_the_acs_may_not_write(self) -> None:
        self.prepared().parameter(LEVEL, type="int")(lambda: 1)
        await self.run_it()
        (answer,) = await self.ask(assign(**{LEVEL: number(2)}))
        self.assertEqual(answer.parameters[0].code, 9008)

    async def test_one_whose_function_fails_is_fault_9002_and_the_next_is_not(self) -> None:
        agent = self.prepared()
        agent.parameter(LEVEL, type="int")(lambda: 1 // 0)
        agent.parameter(DEPTH, type="int")(lambda: 2.5)
        agent.parameter("Device.X_EXAMPLE_Right", type="decimal")(lambda: Decimal("2.50"))
        agent.parameter("Device.X_EXAMPLE_Unknown", type="boolean")(lambda: None)
        await self.run_it()
        wrong, float_, right, unknown = await self.ask(
            *(GetParameterValues((each,)) for each in (LEVEL, DEPTH)),
            GetParameterValues(("Device.X_EXAMPLE_Right",)),
            GetParameterValues(("Device.X_EXAMPLE_Unknown",)),
        )
        self.assertEqual((wrong.code, float_.code), (9002, 9002))
        self.assertEqual(right.parameter_list[0].value.text, "2.5")
        self.assertEqual(unknown.parameter_list[0].value.text, "false")
        warned = [fact.text for fact in self.facts if isinstance(fact, Warned)]
        self.assertEqual(len(warned), 2, warned)
        self.assertIn(f"{LEVEL}: read raised ZeroDivisionError", warned[0])
        self.assertIn("as round() returns", warned[1])

    async def test_a_change_is_told_at_once_where_the_acs_watches(self) -> None:
        agent, level = self.prepared(), [20]
        parameter = agent.parameter(LEVEL, type="int")(lambda: level[0])
        agent.parameter(DEPTH, type="int")(lambda: level[0])
        await self.run_it()
        await self.watch(LEVEL)
        await self.watch(DEPTH, 1)
        seen = self.lab.sessions.seen
        await parameter.changed()  # no new value
        level[0] = 22
        await agent.changed(DEPTH)  # passive
        await self.pause(0.05)
        self.assertEqual(self.lab.sessions.seen, seen)
        await parameter.changed()
        trace = await self.session(event="4 VALUE CHANGE", since=seen)
        told = {each.name: each.value.text for each in trace.informs[0].parameter_list}
        self.assertEqual((told[LEVEL], told[DEPTH]), ("22", "22"))
        level[0] = 23
        await agent.changed("Device.")
        await self.session(event="4 VALUE CHANGE", since=seen + 1)
        self.assertEqual(self.lab.devices[DEVICE].parameters[LEVEL].text, "23")
        self.assert_nothing_odd()

    async def test_what_the_acs_wrote_is_no_news(self) -> None:
        agent, level = self.prepared(), [20]
        parameter = agent.parameter(LEVEL, type="int")(lambda: level[0])
        parameter.setter(lambda value: level.__setitem__(0, value))
        await self.run_it()
        await self.watch(LEVEL)
        await self.ask(assign(**{LEVEL: number(25)}))
        seen = self.lab.sessions.seen
        await parameter.changed()
        await self.pause(0.05)
        self.assertEqual(self.lab.sessions.seen, seen)

    async def test_a_change_during_a_session_is_told_in_another(self) -> None:
        agent, level = self.prepared(), [20]
        parameter = agent.parameter(LEVEL, type="int")(lambda: level[0])

        @agent.rpc("X_EXAMPLE_Heat")
        async def heat(arguments: Mapping[str, str]) -> None:
            level[0] += 1
            await parameter.changed()

        await self.run_it()
        await self.watch(LEVEL)
        seen = self.lab.sessions.seen
        await self.ask(GenericRequest("X_EXAMPLE_Heat"))
        trace = await self.session(event="4 VALUE CHANGE", since=seen)
        self.assertEqual(trace.event_codes, ("4 VALUE CHANGE",))
        self.assertEqual(self.lab.devices[DEVICE].parameters[LEVEL].text, "21")
        self.assertEqual(self.lab.sessions.seen, seen + 2)

    async def test_it_is_there_in_the_next_life_too(self) -> None:
        agent, level = self.prepared(), [20]
        parameter = agent.parameter(LEVEL, type="int")(lambda: level[0])
        await self.run_it()
        await self.watch(LEVEL)
        seen = self.lab.sessions.seen
        await self.ask(Reboot("again"))
        await self.session(event="M Reboot", since=seen)
        level[0] = 21
        await parameter.changed()
        await self.session(event="4 VALUE CHANGE", since=seen)
        self.assertEqual(await self.values(LEVEL), {LEVEL: "21"})
        self.assert_nothing_odd()

    async def test_one_that_hangs_is_given_up_when_the_agent_stops(self) -> None:
        agent, hung = self.prepared(), []
        hanging: list[Deferred[int]] = []

        def read() -> Any:
            if not hung:
                return 1
            hanging.append(Deferred())
            return hanging[0]

        parameter = agent.parameter(LEVEL, type="int")(read)
        await self.run_it()
        await self.watch(LEVEL)
        hung.append(True)
        changed = parameter.changed()
        await self.until(lambda: hanging)
        self.assertFalse(changed.called)
        await self.end()
        self.assertIsNone(await changed)
        self.assertEqual(len(hanging), 1)


class SetTests(ProgramCase):
    async def test_what_the_device_changes_itself(self) -> None:
        agent = self.prepared()
        await self.run_it()
        await self.watch(CODE)
        seen = self.lab.sessions.seen
        await agent.set(CODE, "north")
        trace = await self.session(event="4 VALUE CHANGE", since=seen)
        told = {each.name: each.value.text for each in trace.informs[0].parameter_list}
        self.assertEqual(told[CODE], "north")
        await agent.set(VERSION, "2.0")  # read-only for an ACS, and always watched
        await self.session(event="4 VALUE CHANGE", since=seen + 1)
        self.assertEqual(self.lab.devices[DEVICE].parameters[VERSION].text, "2.0")
        await agent.set("Device.Time.Enable", True)
        self.assertEqual(await self.values("Device.Time.Enable"), {"Device.Time.Enable": "true"})

    async def test_refused(self) -> None:
        agent = self.prepared()
        agent.parameter(LEVEL, type="int")(lambda: 1)
        await self.run_it()
        for path, value, code in (
            ("Device.Nowhere", "x", 9005),
            (CODE, "x" * 65, 9007),
            ("Device.Time.Enable", "maybe", 9007),
        ):
            error = await self.assertFailure(agent.set(path, value), CwmpFault)
            self.assertEqual(error.code, code, error)
        await self.assertFailure(agent.set("Device.Time.Enable", 2), TypeError)
        await self.assertFailure(agent.set(LEVEL, 2), MisuseError)
        await self.end()
        await self.assertFailure(agent.set(CODE, "x"), CwmpFault)

    async def test_a_session_when_the_program_wants_one(self) -> None:
        agent = self.prepared()
        await self.run_it()
        agent.inform("Door Open")
        await self.session(event="X 00D09E Door Open")
        for wrong in ("", " x", "\n", "ü", "x" * 60):
            self.assertRaises(MisuseError, agent.inform, wrong)

    async def test_nothing_is_added_while_it_runs(self) -> None:
        agent = self.prepared()
        parameter = agent.parameter(LEVEL)(lambda: "")
        await self.run_it()
        for add in (
            lambda: agent.parameter(DEPTH),
            lambda: agent.rpc("X_EXAMPLE_Late"),
            lambda: agent.add_provider(Provider()),
            lambda: parameter.setter(lambda value: None),
        ):
            self.assertIn("before the agent is started", str(self.assertRaises(MisuseError, add)))


class RpcTests(ProgramCase):
    async def test_arguments_in_and_out(self) -> None:
        agent, seen = self.prepared(), []

        @agent.rpc("X_EXAMPLE_Blink")
        async def blink(arguments: Mapping[str, str]) -> Mapping[str, object]:
            seen.append(dict(arguments))
            return {"Blinked": True, "Times": 3, "Level": 0.5, "Text": "a<b"}

        agent.rpc("X_EXAMPLE_Quiet")(lambda arguments: succeed(None))
        await self.run_it()
        methods, answer, quiet = await self.ask(
            GetRPCMethods(), GenericRequest("X_EXAMPLE_Blink", (("Times", "3"),)), GenericRequest("X_EXAMPLE_Quiet")
        )
        self.assertLessEqual({"X_EXAMPLE_Blink", "X_EXAMPLE_Quiet"}, set(methods.method_list))
        self.assertEqual(seen, [{"Times": "3"}])
        given = (("Blinked", "true"), ("Times", "3"), ("Level", "0.5"), ("Text", "a<b"))
        self.assertEqual(answer, GenericResponse("X_EXAMPLE_BlinkResponse", given))
        self.assertEqual(quiet, GenericResponse("X_EXAMPLE_QuietResponse"))
        self.assert_nothing_odd()

    async def test_refusals_and_errors(self) -> None:
        agent = self.prepared()

        def refuse(arguments: Mapping[str, str]) -> None:
            raise CwmpFault(9003, "no such lamp")

        wrong: dict[str, Any] = {
            "Raise": lambda arguments: 1 // 0,
            "Type": lambda arguments: [1],
            "Value": lambda arguments: {"A": object()},
            "Name": lambda arguments: {"two words": 1},
            "Text": lambda arguments: {"A": "\x00"},
        }
        agent.rpc("X_EXAMPLE_Refuse")(refuse)
        for name, function in wrong.items():
            agent.rpc(f"X_EXAMPLE_{name}")(function)
        await self.run_it()
        refused, *failed = await self.ask(
            GenericRequest("X_EXAMPLE_Refuse"), *(GenericRequest(f"X_EXAMPLE_{name}") for name in wrong)
        )
        self.assertEqual(refused, Fault(code=9003, text="no such lamp"))
        self.assertEqual([each.code for each in failed], [9002] * len(wrong))
        self.assertEqual(
            [fact.rpc for fact in self.facts if isinstance(fact, RpcCrashed)], [f"X_EXAMPLE_{name}" for name in wrong]
        )


class AroundTests(ProgramCase):
    async def test_observers_hear_everything_whatever_others_do(self) -> None:
        agent, told = self.prepared(), []

        @agent.observe
        def broken(fact: Fact) -> None:
            raise RuntimeError("oh")

        agent.observe(told.append)
        await self.run_it()
        await self.end()
        self.assertEqual(told, self.facts)
        self.assertLessEqual({AgentStarted, SessionEnded}, {type(fact) for fact in told})
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)

    async def test_a_provider(self) -> None:
        class Box(Provider):
            paths = (VERSION,)

            def read(self, names: Sequence[Name]) -> Mapping[str, str]:
                return dict.fromkeys(names, "7.7")

        self.prepared().add_provider(Box())
        await self.run_it()
        self.assertEqual(await self.values(VERSION), {VERSION: "7.7"})

    async def test_rows_that_come_and_go(self) -> None:
        ports, count = ["eth0"], "Device.Ethernet.InterfaceNumberOfEntries"

        class Box(Provider):
            paths = ("Device.Ethernet.Interface.",)
            tables = paths

            def instances(self, table: Name) -> Sequence[str]:
                return tuple(ports)

            def read(self, names: Sequence[Name]) -> Mapping[str, str]:
                return {name: name.keys[0] for name in names if name.last == "Name"}

        agent = self.prepared()
        agent.add_provider(Box())
        await self.run_it()
        await self.watch(count)
        self.assertEqual(await self.values(count), {count: "1"})
        seen = self.lab.sessions.seen
        ports.append("eth1")
        await agent.changed("Device.Ethernet.Interface.")
        await self.session(event="4 VALUE CHANGE", since=seen)
        self.assertEqual(self.lab.devices[DEVICE].parameters[count].text, "2")

    async def test_a_problem_of_the_file_is_warned_of_once_somebody_hears_it(self) -> None:
        file = self.state.parent / "agent.toml"
        text = f'[acs]\nurl = "{self.url}"\nusername = "cpe"\npassword = "acs-secret"\n'
        text += "[connection_request]\nendpoint = []\n"
        text += '[device]\nmanufacturer = "Example"\noui = "00D09E"\n'
        text += 'product_class = "Gateway"\nserial_number = "SN0001"\n'
        file.write_text(text + f'[state]\ndirectory = "{self.state}"\n[hooks]\nreboot = ["/no/such/program"]\n')
        file.chmod(0o644)
        error = self.assertRaises(ConfigError, Agent, str(file), reactor=reactor, model=self.model)
        self.assertIn("chmod 600", str(error))
        file.chmod(0o600)
        self.agent = Agent(str(file), reactor=reactor, model=self.model)
        self.addCleanup(self.end, self.agent)
        self.agent.observe(self.facts.append)
        await self.run_it()
        (warned,) = [fact.text for fact in self.facts if isinstance(fact, Warned)]
        self.assertIn("hooks.reboot: the program /no/such/program does not exist", warned)

    async def called(self, name: str) -> None:
        """Send a ConnectionRequest to this device, and wait for its session."""
        seen = self.lab.sessions.seen
        self.assertEqual(await self.lab.connection_request(name), 200)
        await self.lab.wait_for_session(name, event="6 CONNECTION REQUEST", ended="complete", since=seen)

    async def test_a_second_start_is_refused_and_harms_nothing(self) -> None:
        agent = self.prepared()
        await self.run_it()
        self.assertIn("started already", str(self.assertRaises(MisuseError, agent.startService)))
        await self.called(DEVICE)
        stopped = agent.stopService()
        self.assertIn("still stopping", str(self.assertRaises(MisuseError, agent.startService)))
        await stopped
        agent.startService()
        self.assertTrue(agent.running)
        self.assert_nothing_odd()

    async def test_several_share_a_model_and_a_listener(self) -> None:
        first = self.prepared()
        first.parameter(LEVEL, type="int")(lambda: 1)
        config: Config = first.config
        others = []
        for number in (2, 3):
            more = {
                "device": {"manufacturer": "Example", "oui": "00D09E", "serial_number": f"SN000{number}"},
                "acs": {"url": self.url, "username": "cpe", "password": "acs-secret"},
                "connection_request": {"username": "acs", "password": "request-secret"},
                "state": {"directory": config.state.directory.with_name(f"state{number}")},
                "parameters": FACTORY,
            }
            others.append(Agent(reactor=reactor, observer=self.facts.append, beside=first, **more))
        self.assertRaises(MisuseError, others[0].startService)
        await self.run_it()
        for number, other in enumerate(others, 2):
            self.assertIs(other.model.root, self.model.root)
            other.startService()
            self.addCleanup(self.end, other)
            name = f"00D09E-SN000{number}"
            await self.lab.wait_for_session(name, event="0 BOOTSTRAP", ended="complete", since=0)
            await self.called(name)
        await self.called(DEVICE)
        await self.end(others[0])
        self.assertEqual(await self.lab.connection_request("00D09E-SN0002"), 404)
        await self.called("00D09E-SN0003")
        self.assert_nothing_odd()
