"""Values and rows of providers: read on request, by provider; the agent continues after any failure of one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import deferLater
from twisted.trial.unittest import SynchronousTestCase

from cwmpagent.agent.facts import RpcCrashed, Warned
from cwmpagent.agent.parameters.changes import Origin
from cwmpagent.agent.parameters.provider_values import ATTEMPTS
from cwmpagent.datamodel.plan import ParameterAssignment
from cwmpagent.device.provider import Name, Provider
from cwmpagent.protocol.rpc import (
    AddObject,
    Fault,
    GetParameterNames,
    GetParameterValues,
    SetParameterAttributes,
    SetParameterAttributesStruct,
)
from tests.agent.bench import assign
from tests.agent.ports import SimulatedAgent

VERSION = "Device.DeviceInfo.SoftwareVersion"
UPTIME = "Device.DeviceInfo.UpTime"
FREE = "Device.DeviceInfo.MemoryStatus.Free"
PORTS = "Device.Ethernet.Interface."
ADDRESSES = "Device.IP.Interface.{i}.IPv4Address."


class Info(Provider):
    """Provider of some of DeviceInfo; ``answer``: the values, or a function that returns them."""

    name = "info"
    paths = ("Device.DeviceInfo.MemoryStatus.", VERSION, UPTIME)

    def __init__(self) -> None:
        self.answer: Any = {VERSION: "1.0", UPTIME: "7", FREE: "1000"}
        self.asked: list[list[str]] = []

    def read(self, names: Sequence[Name]) -> Any:
        self.asked.append(list(names))
        return self.answer() if callable(self.answer) else self.answer


class Table(Provider):
    """Provider of network ports by name, and of their addresses below another table."""

    name = "net"
    paths = (PORTS, "Device.IP.Interface.")
    tables = (PORTS, "Device.IP.Interface.", ADDRESSES)

    def __init__(self) -> None:
        self.ports: Any = ["eth0", "lan7"]
        self.addresses: dict[str, list[str]] = {"eth0": ["10.0.0.1", "10.0.0.2"]}
        self.read_with: list[tuple[str, tuple[str, ...]]] = []

    def instances(self, table: Name) -> Any:
        if table.template == ADDRESSES:
            return self.addresses.get(table.keys[0], [])
        return self.ports() if callable(self.ports) else self.ports

    def read(self, names: Sequence[Name]) -> Mapping[str, str]:
        self.read_with += [(name.template, name.keys) for name in names]
        return {name: name.keys[-1] for name in names if name.last in ("Name", "IPAddress")}


class Wordless(Exception):
    """An error whose ``str`` raises."""

    def __str__(self) -> str:
        raise RuntimeError


class Lazy(Mapping[str, str]):
    """A mapping whose items raise when they are accessed."""

    def __getitem__(self, name: str) -> str:
        raise OSError("unplugged")

    def __iter__(self) -> Iterator[str]:
        return iter((VERSION, UPTIME, FREE))

    def __len__(self) -> int:
        return 3


class ProviderCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.simulated = SimulatedAgent()
        self.info, self.table = Info(), Table()
        self.simulated.providers = [self.info, self.table]

    def ask(self, *requests: Any, seconds: float = 30) -> list[Any]:
        """Return the answers of one session."""
        self.simulated.acs.asking.extend(requests)
        self.simulated.runtime.connection_requests.http.requested("198.51.100.1")
        self.simulated.run(seconds)
        self.assertTrue(self.simulated.ended()[-1].success, self.simulated.ended()[-1])
        return self.simulated.acs.answers()

    def values(self, *paths: str) -> dict[str, str]:
        (answer,) = self.ask(GetParameterValues(paths))
        assert not isinstance(answer, Fault), answer
        return {each.name: each.value.text for each in answer.parameter_list}

    def fault(self, *paths: str) -> Fault:
        (answer,) = self.ask(GetParameterValues(paths))
        assert isinstance(answer, Fault), answer
        self.assertEqual(answer.code, 9002)
        return answer

    def warnings(self) -> list[str]:
        self.assertEqual([fact for fact in self.simulated.facts if isinstance(fact, RpcCrashed)], [])
        return [fact.text for fact in self.simulated.facts if isinstance(fact, Warned)]

    def inform(self) -> dict[str, str]:
        return {each.name: each.value.text for each in self.simulated.acs.informs()[-1].parameter_list}


class ReadingTests(ProviderCase):
    def test_one_call_for_all_of_a_request(self) -> None:
        self.simulated.begin()
        self.ask()
        self.info.asked.clear()
        self.simulated.run(2)
        self.assertEqual(self.values(UPTIME, FREE)[FREE], "1000")
        self.assertEqual(self.info.asked, [[VERSION], [UPTIME, FREE]])  # of the Inform, and of the request
        self.assertEqual(self.warnings(), [])

    def test_a_reading_is_kept_for_a_second(self) -> None:
        self.simulated.begin()
        self.simulated.run(2)
        self.info.asked.clear()
        self.ask(*[GetParameterValues((UPTIME,))] * 3)
        self.assertEqual(self.info.asked, [[VERSION], [UPTIME]])
        self.info.answer[UPTIME] = "8"
        self.assertEqual(self.values(UPTIME), {UPTIME: "8"})

    def test_coroutines_and_deferreds(self) -> None:
        self.simulated.begin()

        async def later() -> dict[str, str]:
            await deferLater(self.simulated.timers, 3, lambda: None)
            return {UPTIME: "9"}

        for answer in (later, lambda: deferLater(self.simulated.timers, 3, lambda: {UPTIME: "9"})):
            self.info.answer = answer
            self.assertEqual(self.values(UPTIME), {UPTIME: "9"})
        self.assertEqual(self.warnings(), [])

    def test_a_change_during_the_reading_costs_nothing_of_it(self) -> None:
        """Parameters that change during a reading are read again; the values of the others are used."""
        code = "Device.DeviceInfo.HostName"
        texts = {code: "none"}

        class Box(Provider):
            paths = (code,)

            def read(self, names: Sequence[Name]) -> dict[str, str]:
                return dict(texts)

            def check(self, changes: Mapping[Name, str | None]) -> None:
                """Refuse nothing."""

            def apply(self, changes: Mapping[Name, str | None]) -> None:
                texts.update((str(name), text) for name, text in changes.items() if text is not None)

        self.info.answer = {}
        self.simulated.providers.append(Box())
        self.simulated.begin()
        self.simulated.run(2)
        self.info.answer = lambda: deferLater(self.simulated.timers, 3, lambda: {UPTIME: "9", FREE: "1"})

        def change(text: str) -> None:
            changed = self.simulated.runtime.changes.set_values([ParameterAssignment(code, text)], Origin.LOCAL)
            Deferred.fromCoroutine(changed).addErrback(self.fail)

        for second in range(3, 7):
            self.simulated.timers.callLater(second + 0.5, change, str(second))
        asked = len(self.info.asked)
        self.assertEqual(self.values(UPTIME, FREE, code), {UPTIME: "9", FREE: "1", code: "5"})
        self.assertEqual(self.info.asked[asked:], [[VERSION], [UPTIME, FREE]])
        self.assertEqual(self.warnings(), [])

    def test_what_changes_all_the_time_is_told_as_it_was_read_last(self) -> None:
        self.simulated.begin()
        self.simulated.run(2)

        self.info.answer = lambda: deferLater(self.simulated.timers, 3, lambda: {UPTIME: "9"})
        for second in range(20):
            self.simulated.timers.callLater(
                second + 0.5, lambda: Deferred.fromCoroutine(self.simulated.runtime.refresher.reread(UPTIME, []))
            )
        asked = len(self.info.asked)
        self.assertEqual(self.values(UPTIME), {UPTIME: "9"})
        self.assertEqual(self.info.asked[asked:], [[VERSION], *[[UPTIME]] * ATTEMPTS])

    def test_what_is_missing_keeps_its_value(self) -> None:
        self.simulated = SimulatedAgent({VERSION: "of the file"})
        self.simulated.providers = [self.info]
        self.info.answer = {}
        self.simulated.begin()
        self.assertEqual(self.inform()[VERSION], "of the file")
        self.assertEqual(self.values(VERSION), {VERSION: "of the file"})

    def test_the_longest_path_answers_and_among_equals_the_last(self) -> None:
        other, last = Info(), Info()
        other.paths, last.paths = ("Device.",), ("Device.DeviceInfo.UpTime",)  # type: ignore[misc]  # a test
        last.answer = {UPTIME: "99"}
        self.simulated.providers = [self.info, other, last]
        self.simulated.begin()
        self.assertEqual(self.values(UPTIME), {UPTIME: "99"})
        self.assertNotIn([UPTIME], [*self.info.asked, *other.asked])

    def test_one_row_alone(self) -> None:
        one = Info()
        one.paths = (PORTS + "1.Name",)  # type: ignore[misc]  # a test
        one.answer = {PORTS + "1.Name": "mine"}
        self.simulated.providers = [one]
        self.simulated.begin()
        found = self.values(PORTS)
        self.assertEqual((found[PORTS + "1.Name"], found[PORTS + "2.Name"]), ("mine", "eth1"))


class TroubleTests(ProviderCase):
    def troubles(self) -> dict[str, Any]:
        return {
            "raises": lambda: 1 / 0,
            "raises later": lambda: deferLater(self.simulated.timers, 1, lambda: 1 / 0),
            "hangs": lambda: Deferred(),
            "is cancelled": lambda: _cancelled(),
            "raises without words": lambda: _raised(Wordless()),
            "no mapping": lambda: ["1.0"],
            "raises in its mapping": lambda: Lazy(),
            "nothing": lambda: None,
            "no text": {VERSION: "1.0", UPTIME: 7, FREE: 8},
            "no number": {VERSION: "1.0", UPTIME: "a day", FREE: "much"},
            "an error in its place": {VERSION: "1.0", UPTIME: OSError("no clock"), FREE: OSError("no memory")},
            "one without words": {VERSION: "1.0", UPTIME: Wordless(), FREE: Wordless()},
        }

    def test_it_faults_its_own_parameters_and_nothing_else(self) -> None:
        for what, answer in self.troubles().items():
            with self.subTest(what=what):
                self.setUp()
                self.simulated.begin()
                self.simulated.run(2)
                self.info.answer = answer
                self.assertIn(UPTIME, self.fault(UPTIME).text)
                self.assertIn(UPTIME, self.fault("Device.").text)
                self.assertEqual(self.values("Device.Time.Enable"), {"Device.Time.Enable": "true"})
                self.assertTrue(all("info" in line for line in self.warnings()), self.warnings())
                self.info.answer = {UPTIME: "8"}
                self.assertEqual(self.values(UPTIME), {UPTIME: "8"})

    def test_the_log_is_told_once_a_minute(self) -> None:
        self.simulated.begin()
        self.info.answer = lambda: 1 / 0
        for _ in range(7):
            self.simulated.run(10)
            self.ask(GetParameterValues((UPTIME,)), GetParameterValues((FREE,)), seconds=0)
        self.assertEqual(len(self.warnings()), 2)
        self.assertIn("provider info: read raised ZeroDivisionError: division by zero", self.warnings()[0])

    def test_an_inform_tells_what_was_read_last(self) -> None:
        self.simulated.begin()
        self.info.answer = lambda: Deferred()
        self.ask()
        self.assertEqual(self.inform()[VERSION], "1.0")

    def test_a_start_while_it_hangs_raises_no_false_value_change(self) -> None:
        self.simulated.begin()
        self.info.answer = lambda: Deferred()
        self.simulated.kill()
        self.simulated.begin(booted=False, seconds=30)
        self.ask()
        self.assertEqual(self.simulated.acs.event_codes()[-1], ("6 CONNECTION REQUEST",))
        self.info.answer = {VERSION: "2.0"}
        self.ask()
        self.assertEqual(self.simulated.acs.event_codes()[-1], ("4 VALUE CHANGE", "6 CONNECTION REQUEST"))
        self.assertEqual(self.inform()[VERSION], "2.0")

    def test_one_that_ignores_being_cancelled_is_not_asked_again_before_it_ends(self) -> None:
        self.simulated.begin()
        self.simulated.run(2)
        slow: Deferred[Any] = Deferred()

        async def stubborn() -> Any:
            try:
                await Deferred()
            except CancelledError:
                return await slow

        self.info.answer = stubborn
        self.fault(UPTIME)
        asked = len(self.info.asked)
        self.fault(UPTIME)
        self.assertEqual(len(self.info.asked), asked)
        slow.callback(None)
        self.info.answer = {UPTIME: "8"}
        self.assertEqual(self.values(UPTIME), {UPTIME: "8"})

    def test_a_reading_that_is_given_up_is_cancelled_and_no_error(self) -> None:
        self.simulated.begin()
        self.simulated.run(2)
        self.info.answer = lambda: Deferred()
        reading = Deferred.fromCoroutine(self.simulated.runtime.refresher.read((UPTIME,)))
        self.assertNoResult(reading)
        reading.cancel()
        self.failureResultOf(reading, CancelledError)

    def test_attributes_can_be_set_while_it_is_down(self) -> None:
        self.simulated.begin()
        self.info.answer = lambda: 1 / 0
        self.simulated.run(2)
        (answer,) = self.ask(SetParameterAttributes((SetParameterAttributesStruct(UPTIME, True, 1, False, ()),)))
        self.assertNotIsInstance(answer, Fault)


class RowTests(ProviderCase):
    def numbers(self, table: str = PORTS) -> list[int]:
        (answer,) = self.ask(GetParameterNames(table, True))
        return [int(each.name.split(".")[-2]) for each in answer.parameter_list]

    def names(self) -> dict[int, str]:
        found = self.values(PORTS)
        return {int(name.split(".")[3]): text for name, text in found.items() if name.endswith(".Name")}

    def test_the_first_take_over_the_rows_of_the_factory(self) -> None:
        self.simulated.begin()
        self.assertEqual(self.names(), {1: "eth0", 2: "lan7"})
        self.table.ports = ["eth0"]
        self.simulated.run(2)
        found = self.values("Device.Ethernet.")
        self.assertEqual(found["Device.Ethernet.InterfaceNumberOfEntries"], "1")
        self.assertEqual([name for name in found if name.startswith(PORTS + "2.")], [])

    def test_numbers_are_kept_over_restarts_and_absence_and_never_given_twice(self) -> None:
        self.simulated.begin()
        self.table.ports = ["eth0", "usb1", "usb2"]
        self.assertEqual(self.names(), {1: "eth0", 2: "usb1", 3: "usb2"})
        self.table.ports = ["usb2"]
        self.assertEqual(self.names(), {3: "usb2"})
        self.simulated.begin(booted=False)
        self.table.ports = ["new", "usb2", "eth0"]
        self.assertEqual(self.names(), {1: "eth0", 3: "usb2", 4: "new"})
        self.table.ports = ["newer"]
        self.assertEqual(self.names(), {5: "newer"})
        self.assertEqual(self.warnings(), [])

    def test_rows_within_rows(self) -> None:
        self.simulated.begin()
        found = self.values("Device.IP.Interface.")
        addresses = {name: text for name, text in found.items() if name.endswith(".IPAddress")}
        path = "Device.IP.Interface.1.IPv4Address."
        self.assertEqual(addresses, {path + "1.IPAddress": "10.0.0.1", path + "2.IPAddress": "10.0.0.2"})
        self.assertEqual(found["Device.IP.Interface.2.IPv4AddressNumberOfEntries"], "0")
        self.assertIn((ADDRESSES + "{i}.IPAddress", ("eth0", "10.0.0.2")), self.table.read_with)
        self.table.ports = []
        self.assertEqual(self.values("Device.IP.Interface."), {})
        notes = self.simulated.store.load().notes
        self.assertEqual([note for note in notes if note.startswith("rows:Device.IP.Interface.1.")], [])

    def test_a_row_that_has_gone_is_9005(self) -> None:
        self.simulated.begin()
        self.names()
        self.table.ports = ["eth0"]
        self.simulated.run(2)
        get, put = self.ask(GetParameterValues((PORTS + "2.Name",)), assign("", **{PORTS + "2.Enable": "true"}))
        self.assertEqual((get.code, put.code, put.parameters[0].code), (9005, 9003, 9005))

    def test_what_is_no_list_of_keys_changes_no_row(self) -> None:
        self.simulated.begin()
        self.names()

        def broken() -> Iterator[str]:
            yield "eth0"
            raise OSError("unplugged")

        for wrong in ("eth0", None, [1, 2], ["a", "a"], [""], {"a": 1}, ["x" * 300], broken):
            with self.subTest(wrong=wrong):
                self.table.ports = wrong
                self.simulated.run(61)
                self.assertEqual(self.numbers(), [1, 2])
                self.fault(PORTS)
                self.assertIn("provider net", self.warnings()[-1])

    def test_a_full_disk_costs_the_new_row_and_no_more(self) -> None:
        self.simulated.begin()
        self.names()
        self.table.ports = ["eth0", "lan7", "usb1"]
        self.simulated.run(2)
        self.simulated.store.refusing = "the disk is full"
        self.assertEqual(self.names(), {1: "eth0", 2: "lan7"})
        self.simulated.store.refusing = None
        self.assertEqual(self.names(), {1: "eth0", 2: "lan7", 3: "usb1"})

    def test_a_read_only_provider_refuses_changes(self) -> None:
        self.simulated.begin()
        put, add = self.ask(assign("", **{PORTS + "1.DuplexMode": "Full"}), AddObject("Device.IP.Interface.", ""))
        self.assertEqual((put.code, [each.code for each in put.parameters]), (9003, [9001]))
        self.assertEqual(add.code, 9001)


def _cancelled() -> None:
    raise CancelledError


def _raised(error: Exception) -> Any:
    raise error
