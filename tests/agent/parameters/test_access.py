"""Writable, as the ACS and a person are shown it: only what model and device can both do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from cwmpagent.device.linux import linux_providers
from cwmpagent.device.linux.hostname import HostName
from cwmpagent.device.provider import Name, Provider
from cwmpagent.protocol.rpc import AddObject, DeleteObject, Fault, GetParameterNames
from tests.agent.bench import assign
from tests.agent.ports import SimulatedAgent

PORTS = "Device.NAT.PortMapping."
INTERFACES = "Device.IP.Interface."
CODE = "Device.DeviceInfo.ProvisioningCode"
NTP = "Device.Time.NTPServer"


class Reader(Provider):
    """Can change nothing: it has no ``check`` of its own."""

    paths = (PORTS, CODE, INTERFACES + "{i}.IPv4Address.")


class Writer(Provider):
    """Can change everything that the model allows."""

    paths = (PORTS, CODE)

    def check(self, changes: Mapping[Name, str | None]) -> None:
        """Refuse nothing."""


class Partial(Writer):
    """Can change a part of its paths, although its ``check`` refuses nothing."""

    paths = (PORTS, NTP + "1", NTP + "2")
    writable = (PORTS + "{i}.Enable", NTP + "2")


class AccessCase(SynchronousTestCase):
    def start(self, *providers: Provider) -> None:
        self.simulated = SimulatedAgent()
        self.simulated.providers = list(providers)
        self.simulated.begin()

    def ask(self, *requests: Any) -> list[Any]:
        self.simulated.acs.asking.extend(requests)
        self.simulated.runtime.connection_requests.http.requested("198.51.100.1")
        self.simulated.run(30)
        return self.simulated.acs.answers()

    def names(self, path: str = "", *, next_level: bool = False) -> dict[str, bool]:
        (answer,) = self.ask(GetParameterNames(path, next_level))
        return {each.name: each.writable for each in answer.parameter_list}


class ProviderTests(AccessCase):
    def test_without_a_provider_the_model_decides(self) -> None:
        self.start()
        self.ask(AddObject(PORTS, ""))
        found = self.names()
        self.assertEqual(found, dict(self.simulated.runtime.tree.names("", False)))
        self.assertTrue(found[PORTS] and found[PORTS + "1."] and found[CODE])

    def test_a_provider_that_can_change_nothing(self) -> None:
        self.start(Reader())
        found = self.names()
        self.assertEqual((found[PORTS], found[CODE], found[NTP + "1"]), (False, False, True))
        added, set_ = self.ask(AddObject(PORTS, ""), assign("", **{CODE: "x"}))
        self.assertIsInstance(added, Fault)
        self.assertEqual(set_.code, 9003)

    def test_a_provider_that_can_change_everything(self) -> None:
        self.start(Writer())
        self.ask(AddObject(PORTS, ""))
        found = self.names()
        self.assertTrue(found[PORTS] and found[PORTS + "1."] and found[PORTS + "1.Enable"] and found[CODE])
        self.assertFalse(found[PORTS + "1.Status"])

    def test_a_provider_that_says_what_it_can_change(self) -> None:
        self.start(Partial())
        tree = self.simulated.runtime.tree
        found = self.names()
        self.assertEqual((found[PORTS], found[NTP + "1"], found[NTP + "2"]), (False, False, True))
        added, first, second = self.ask(
            AddObject(PORTS, ""), assign("", **{NTP + "1": "a"}), assign("", **{NTP + "2": "b"})
        )
        self.assertEqual((added.code, second.status), (9001, 0))
        self.assertEqual([each.code for each in first.parameters], [9008])
        self.assertEqual((tree.value(NTP + "1").text, tree.value(NTP + "2").text), ("pool.ntp.org", "b"))

    def test_a_provider_that_is_no_subclass(self) -> None:
        class Plain:
            name = "plain"
            paths = (CODE,)
            tables = ()

            def read(self, names: Sequence[Name]) -> Mapping[str, str]:
                return {}

            def check(self, changes: Mapping[Name, str | None]) -> None:
                """Refuse nothing."""

        self.start(Plain())  # type: ignore[arg-type]  # on purpose
        self.assertTrue(self.names("Device.DeviceInfo.")[CODE])

    def test_rows_of_a_provider(self) -> None:
        class Rows(Partial):
            tables = (PORTS,)

            def instances(self, table: Name) -> Sequence[str]:
                return ("web", "ssh")

        self.start(Rows())
        for found in (
            self.names(PORTS),
            self.names(PORTS, next_level=True) | self.names(PORTS + "1.", next_level=True),
        ):
            self.assertEqual(
                (found[PORTS + "1."], found[PORTS + "1.Enable"], found[PORTS + "1.Protocol"], found[PORTS + "2."]),
                (False, True, False, False),
            )
            self.assertTrue(found[PORTS + "1.Alias"], "the agent itself keeps aliases")

    def test_a_row_with_rows_inside_that_cannot_be_deleted(self) -> None:
        self.start(Reader())
        (created,) = self.ask(AddObject(INTERFACES, ""))
        row = f"{INTERFACES}{created.instance_number}."
        self.assertTrue(self.names(INTERFACES)[row])

        class Addresses(Reader):
            tables = (INTERFACES + "{i}.IPv4Address.",)

            def instances(self, table: Name) -> Sequence[str]:
                return ("192.0.2.1",)

        self.start(Addresses())
        (created,) = self.ask(AddObject(INTERFACES, ""))
        row = f"{INTERFACES}{created.instance_number}."
        found = self.names(INTERFACES)
        self.assertEqual((found[row], found[row + "IPv4Address.1."], found[INTERFACES]), (False, False, True))
        (deleted,) = self.ask(DeleteObject(row, ""))
        self.assertIsInstance(deleted, Fault)


class LinuxTests(AccessCase):
    def test_what_is_not_writable_cannot_be_changed_and_only_that(self) -> None:
        self.start(*linux_providers("Device."))
        tree = self.simulated.runtime.tree
        found = self.names()
        fixed = {name for name, writable in tree.names("", False) if writable and not found[name]}
        self.assertLessEqual({INTERFACES, NTP + "1", "Device.DeviceInfo.HostName"}, fixed)
        self.assertIn("Device.Ethernet.Interface.1.Enable", fixed)
        self.assertNotIn("Device.IP.Interface.1.Alias", fixed)
        tables = [name for name in found if name.endswith(".") and tree.find(name).is_table]
        leaves = sorted(name for name in fixed if not name.endswith("."))[:20]
        answers = self.ask(
            *(AddObject(name, "") for name in tables), *(assign("", **{name: tree.value(name)}) for name in leaves)
        )
        created = [not isinstance(answer, Fault) for answer in answers[: len(tables)]]
        self.assertEqual(dict(zip(tables, created, strict=True)), {name: found[name] for name in tables})
        codes = [[each.code for each in answer.parameters] for answer in answers[len(tables) :]]
        self.assertEqual(codes, [[9001]] * len(leaves))

    def test_the_host_name_is_writable_where_it_can_be_set(self) -> None:
        for settable in (True, False):
            self.start(HostName("Device.", settable=settable, get=lambda: "cpe"))
            self.assertIs(self.names("Device.DeviceInfo.HostName")["Device.DeviceInfo.HostName"], settable)
