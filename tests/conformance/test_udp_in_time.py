"""The STUN parameters and their effects (UDP), on a fake port with a simulated clock."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from twisted.internet.defer import Deferred, fail, succeed

from cwmpagent.agent.connection_request.udp import COPIES_WITHIN
from cwmpagent.agent.facts import ConnectionRequested, ConnectionRequestRefused, Noted, Warned
from cwmpagent.agent.options import UdpOptions
from cwmpagent.agent.ports import DatagramTarget
from cwmpagent.datamodel.schema import Model
from cwmpagent.device.models import find_model
from cwmpagent.errors import StoreWriteError
from cwmpagent.protocol.connection_request.refusal import Refusal
from cwmpagent.protocol.connection_request.udp import build
from cwmpagent.protocol.rpc import Fault, SetParameterAttributesResponse, SetParameterValuesResponse
from cwmpagent.protocol.stun.binding import BindingSettings
from cwmpagent.protocol.stun.message import Address
from cwmpagent.values import Value
from tests.agent.bench import SERVER, assign
from tests.agent.ports import finished
from tests.conformance.simulated import SimulatedAgentCase, SimulatedDiskAgent
from tests.conformance.test_notifications import attributes

ADDRESS = SERVER + "UDPConnectionRequestAddress"
NAT = SERVER + "NATDetected"
SIX = ("6 CONNECTION REQUEST",)
MAPPED = Address("203.0.113.5", 40_001)
_SMALL = """
[objects."Device."]
[objects."Device.DeviceInfo.".parameters]
Manufacturer = { type = "string" }
ManufacturerOUI = { type = "string" }
SerialNumber = { type = "string" }
[objects."Device.ManagementServer.".parameters]
URL = { type = "string", writable = true }
ConnectionRequestURL = { type = "string" }
ConnectionRequestUsername = { type = "string", writable = true }
ConnectionRequestPassword = { type = "string", writable = true, hidden = true }
PeriodicInformEnable = { type = "boolean", writable = true }
STUNServerAddress = { type = "string", writable = true }
"""
ACS = Address("198.51.100.1", 3478)


@dataclass
class FakeKeeper:
    """A keeper of a binding that the test controls."""

    host: str
    port: int
    settings: BindingSettings
    found: Callable[[Address, bool], None]
    trouble: Callable[[str], None]
    got: list[bytes] = field(default_factory=list)
    looks: int = 0
    stopped: bool = False
    binding: None = None

    def received(self, data: bytes) -> None:
        self.got.append(data)

    def look(self) -> None:
        self.looks += 1

    def stop(self) -> Deferred[None]:
        assert not self.stopped
        self.stopped = True
        return succeed(None)


class FakeUdp:
    """A port, and the keepers of its binding."""

    def __init__(self, host: str = "0.0.0.0", port: int = 7547) -> None:
        self.host = Address(host, port)
        self.target: DatagramTarget | None = None
        self.keepers: list[FakeKeeper] = []

    def attach(self, target: DatagramTarget, username: str) -> None:
        self.target = target

    def detach(self) -> None:
        self.target = None

    def keep(
        self,
        host: str,
        server_port: int,
        settings: BindingSettings,
        *,
        found: Callable[[Address, bool], None],
        trouble: Callable[[str], None],
    ) -> FakeKeeper:
        self.keepers.append(FakeKeeper(host, server_port, settings, found, trouble))
        return self.keepers[-1]

    def receive(self, data: bytes) -> None:
        """Receive a text as a datagram."""
        assert self.target is not None
        self.target.text(data, ACS)

    @property
    def running(self) -> list[FakeKeeper]:
        return [keeper for keeper in self.keepers if not keeper.stopped]


class UdpCase(SimulatedAgentCase):
    def simulated(
        self, udp: FakeUdp | None = None, model: Model | None = None, **parameters: str
    ) -> SimulatedDiskAgent:
        self.udp = udp or FakeUdp()
        return self.device(
            udp=UdpOptions(port=self.udp, keep=self.udp.keep),
            model=model,
            **{"ConnectionRequestUsername": "acs", "ConnectionRequestPassword": "secret", **parameters},
        )

    def stunned(self, **parameters: str) -> SimulatedDiskAgent:
        """A bootstrapped device with a known binding."""
        simulated = self.simulated(STUNEnable="true", STUNServerAddress="stun.example", **parameters)
        simulated.bootstrapped()
        self.udp.keepers[0].found(MAPPED, True)
        return simulated

    def set(self, simulated: SimulatedDiskAgent, name: str, text: str) -> None:
        """Set a parameter of ManagementServer as the ACS does."""
        kind = simulated.runtime.tree.value(SERVER + name).kind
        self.assertEqual(simulated.ask(assign(**{SERVER + name: Value(kind, text)})), [SetParameterValuesResponse(0)])

    def model(self, more: str = "") -> Model:
        """A minimal model, with ``more`` parameters of ManagementServer."""
        file = Path(self.mktemp() + ".toml")
        file.write_text(_SMALL + more)
        return find_model(str(file))

    def value(self, simulated: SimulatedDiskAgent, name: str) -> str:
        return simulated.runtime.tree.value(name).text

    def request(self, number: int = 1, password: str = "secret") -> bytes:
        return build(
            str(MAPPED), timestamp=1000 + number, request_id=str(number), username="acs", cnonce="x", password=password
        )


class AddressTests(UdpCase):
    def test_udp_09_without_stun(self) -> None:
        """The address is that of the port itself, and NATDetected is false."""
        simulated = self.simulated()
        simulated.bootstrapped()
        self.assertEqual((self.value(simulated, ADDRESS), self.value(simulated, NAT)), ("192.0.2.1:7547", "false"))
        self.assertEqual(self.udp.keepers, [])
        simulated.address = "192.0.2.9"
        simulated.call()
        self.assertEqual(self.value(simulated, ADDRESS), "192.0.2.9:7547")

    def test_a_port_at_one_address(self) -> None:
        simulated = self.simulated(FakeUdp("192.0.2.77", 5000))
        simulated.bootstrapped()
        self.assertEqual(self.value(simulated, ADDRESS), "192.0.2.77:5000")

    def test_an_acs_over_ipv6(self) -> None:
        for host, expected in (("0.0.0.0", ""), ("::", "[2001:db8::1]:7547")):
            simulated = self.simulated(FakeUdp(host))
            simulated.address = "2001:db8::1"
            simulated.bootstrapped()
            self.assertEqual(self.value(simulated, ADDRESS), expected)

    def test_udp_01_behind_a_nat(self) -> None:
        simulated = self.stunned()
        self.assertEqual((self.value(simulated, ADDRESS), self.value(simulated, NAT)), ("203.0.113.5:40001", "true"))

    def test_udp_02_another_mapping(self) -> None:
        simulated = self.stunned()
        self.assertEqual(simulated.ask(attributes(ADDRESS, 2)), [SetParameterAttributesResponse()])
        self.udp.keepers[0].found(Address("203.0.113.5", 40_002), True)
        simulated.run(0)
        self.assertEqual(simulated.acs.event_codes()[-1], ("4 VALUE CHANGE",))
        self.assertEqual(simulated.last_values()[ADDRESS], "203.0.113.5:40002")

    def test_before_the_server_has_answered_the_last_address_stands(self) -> None:
        simulated = self.stunned()
        simulated.reboot()
        self.assertEqual(self.value(simulated, ADDRESS), "203.0.113.5:40001")
        self.assertEqual(len(self.udp.running), 1)

    def test_switched_off_and_on(self) -> None:
        simulated = self.stunned()
        self.set(simulated, "STUNEnable", "false")
        self.assertEqual((self.udp.running, self.value(simulated, ADDRESS)), ([], "192.0.2.1:7547"))
        self.assertEqual(self.value(simulated, NAT), "false")
        self.set(simulated, "STUNEnable", "true")
        self.assertEqual(len(self.udp.running), 1)

    def test_what_was_found_too_late_counts_no_more(self) -> None:
        simulated = self.stunned()
        self.set(simulated, "STUNEnable", "false")
        finished(simulated.runtime.stop())
        self.udp.keepers[0].found(Address("203.0.113.5", 1), True)
        self.assertEqual(self.value(simulated, ADDRESS), "192.0.2.1:7547")
        self.assertIsNone(self.udp.target)

    def test_stopped_while_a_name_is_looked_up(self) -> None:
        """A stop does not wait for a name server."""
        simulated = self.simulated()
        simulated.bootstrapped()
        waiting: Deferred[str | None] = Deferred()

        async def slow(host: str) -> str | None:
            return await waiting

        assert simulated.runtime.connection_requests.udp is not None
        self.patch(simulated.runtime.connection_requests.udp._own_address, "towards", slow)
        simulated.change(SERVER + "URL", "http://elsewhere.example/")
        finished(simulated.runtime.connection_requests.udp.stop())
        self.assertTrue(waiting.called)

    def test_enable_cwmp(self) -> None:
        simulated = self.stunned()
        simulated.change(SERVER + "EnableCWMP", "false")
        self.assertEqual((self.udp.running, self.value(simulated, ADDRESS)), ([], ""))
        sessions = len(simulated.acs.sessions)
        self.udp.receive(self.request())
        simulated.run(10)
        self.assertEqual(len(simulated.acs.sessions), sessions)
        simulated.change(SERVER + "EnableCWMP", "true")
        self.assertEqual(len(self.udp.running), 1)

    def test_what_the_agent_can_do(self) -> None:
        methods = SERVER + "SupportedConnReqMethods"
        self.assertEqual(self.value(self.started(self.simulated()), methods).split(",")[:2], ["HTTP", "STUN"])
        self.assertNotIn("STUN", self.value(self.started(self.device()), methods))

    def started(self, simulated: SimulatedDiskAgent) -> SimulatedDiskAgent:
        simulated.bootstrapped()
        return simulated

    def test_a_disk_that_is_full(self) -> None:
        simulated = self.stunned()
        save, simulated.store.save = simulated.store.save, lambda batch: fail(StoreWriteError("disk full"))
        for number in (40_002, 40_003):
            self.udp.keepers[0].found(Address("203.0.113.5", number), True)
        self.assertEqual(self.value(simulated, ADDRESS), "203.0.113.5:40001")
        simulated.store.save = save
        simulated.call()
        self.assertEqual(
            self.value(simulated, ADDRESS), "203.0.113.5:40003", "the next session writes what could not be"
        )
        self.udp.keepers[0].found(Address("203.0.113.5", 40_004), True)
        self.assertEqual(self.value(simulated, ADDRESS), "203.0.113.5:40004")
        [warning] = simulated.odd()
        self.assertIn("cannot update UDPConnectionRequestAddress", str(warning))
        simulated.facts.clear()


class SettingsTests(UdpCase):
    """Every STUN parameter takes effect when the ACS writes it."""

    def test_all_of_them(self) -> None:
        simulated = self.stunned(
            STUNUsername="cpe", STUNPassword="stun", STUNMinimumKeepAlivePeriod="30", STUNMaximumKeepAlivePeriod="300"
        )
        keeper = self.udp.running[0]
        self.assertEqual((keeper.host, keeper.port), ("stun.example", 3478))
        self.assertEqual(keeper.settings, BindingSettings(username="cpe", password="stun", shortest=30, longest=300))
        for name, text, expected in (
            ("STUNServerAddress", "other.example", ("other.example", 3478, "cpe", "stun", 30, 300)),
            ("STUNServerPort", "4000", ("other.example", 4000, "cpe", "stun", 30, 300)),
            ("STUNUsername", "box", ("other.example", 4000, "box", "stun", 30, 300)),
            ("STUNPassword", "new", ("other.example", 4000, "box", "new", 30, 300)),
            ("STUNMinimumKeepAlivePeriod", "60", ("other.example", 4000, "box", "new", 60, 300)),
            ("STUNMaximumKeepAlivePeriod", "-1", ("other.example", 4000, "box", "new", 60, None)),
            ("STUNServerAddress", "", ("acs.example", 4000, "box", "new", 60, None)),
        ):
            self.set(simulated, name, text)
            [keeper] = self.udp.running
            told = keeper.settings
            self.assertEqual(
                (keeper.host, keeper.port, told.username, told.password, told.shortest, told.longest), expected, name
            )

    def test_no_server_to_be_had(self) -> None:
        """No server is configured, and the ACS's URL has no host."""
        simulated = self.simulated(STUNEnable="true")
        simulated.bootstrapped()
        simulated.change(SERVER + "URL", "")
        self.assertEqual(self.udp.running, [])

    def test_an_address_that_is_none_is_refused(self) -> None:
        lives = self.stunned()
        for text in ("stun.example\r\nX-Evil: 1", "stun:stun.example:3478", " "):
            [fault] = lives.ask(assign(**{SERVER + "STUNServerAddress": text}))
            assert isinstance(fault, Fault)
            self.assertEqual((fault.code, [each.code for each in fault.parameters]), (9003, [9007]))
        self.assertEqual((len(self.udp.keepers), self.udp.keepers[0].host), (1, "stun.example"))

    def test_other_parameters_disturb_nothing(self) -> None:
        simulated = self.stunned()
        simulated.ask(assign(**{"Device.DeviceInfo.ProvisioningCode": "x"}))
        self.set(simulated, "PeriodicInformInterval", "77")
        self.set(simulated, "STUNServerPort", "3478")
        self.assertEqual(len(self.udp.keepers), 1)

    def test_the_acs_moves(self) -> None:
        simulated = self.simulated(STUNEnable="true")
        simulated.bootstrapped()
        self.assertEqual(self.udp.running[0].host, "acs.example")
        simulated.ask(assign(**{SERVER + "URL": "http://elsewhere.example/"}))
        self.assertEqual(self.udp.running[0].host, "elsewhere.example")

    def test_this_machine_may_have_moved(self) -> None:
        simulated = self.stunned()
        looks = self.udp.keepers[0].looks
        simulated.call()
        self.assertGreater(self.udp.keepers[0].looks, looks)

    def test_stun_messages_go_to_the_keeper(self) -> None:
        self.stunned()
        assert self.udp.target is not None
        self.udp.target.stun(b"\x01\x01", ACS)
        self.assertEqual(self.udp.keepers[0].got, [b"\x01\x01"])

    def test_trouble_is_told_once_and_so_is_its_end(self) -> None:
        simulated = self.stunned()
        keeper = self.udp.keepers[0]
        for sentence in ("it is gone", "", ""):
            keeper.trouble(sentence)
        told = [fact for fact in simulated.facts if isinstance(fact, Warned | Noted)]
        self.assertEqual(told, [Warned("it is gone"), Noted("the STUN server answers again")])
        simulated.facts.clear()

    def test_a_reboot_lets_the_old_binding_go(self) -> None:
        simulated = self.stunned()
        simulated.reboot()
        self.assertTrue(self.udp.keepers[0].stopped)
        self.assertEqual(len(self.udp.running), 1)

    def test_a_reboot_that_does_not_come(self) -> None:
        """The runtime that was stopped for the reboot continues."""
        simulated = self.stunned()
        finished(simulated.runtime.stop())
        self.assertEqual(self.udp.running, [])
        simulated.runtime.resume()
        simulated.run(0)
        self.assertEqual(len(self.udp.running), 1)
        self.assertIsNotNone(self.udp.target)

    def test_a_model_without_udp(self) -> None:
        simulated = self.simulated(model=self.model())
        simulated.bootstrapped()
        self.assertIsNone(self.udp.target, "nobody reads what comes")
        self.assertEqual(self.udp.keepers, [])
        simulated.call()

    def test_a_model_without_nat_detected(self) -> None:
        more = 'UDPConnectionRequestAddress = { type = "string" }\nSTUNEnable = { type = "boolean", default = true }'
        simulated = self.simulated(model=self.model(more))
        simulated.bootstrapped()
        self.udp.keepers[0].found(MAPPED, True)
        self.assertEqual(self.value(simulated, ADDRESS), "203.0.113.5:40001")


class RequestTests(UdpCase):
    def test_udp_06_three_copies_are_one_session(self) -> None:
        simulated = self.stunned()
        before = len(simulated.acs.sessions)
        for _ in range(3):
            self.udp.receive(self.request())
        simulated.run(60)
        self.assertEqual(simulated.acs.event_codes()[before:], [SIX])
        requested = [fact for fact in simulated.facts if isinstance(fact, ConnectionRequested)]
        self.assertEqual(requested, [ConnectionRequested(ACS.host, True, "UDP")])

    def test_udp_07_whatever_is_wrong_is_ignored(self) -> None:
        simulated = self.stunned()
        before = len(simulated.acs.sessions)
        for data in (self.request(1, "wrong"), b"GET / HTTP/1.1\r\n\r\n", b"\xff" * 100, self.request()[:-60]):
            self.udp.receive(data)
        simulated.run(60)
        self.assertEqual(len(simulated.acs.sessions), before)
        self.assertEqual([fact for fact in simulated.facts if isinstance(fact, ConnectionRequested)], [])
        self.assertEqual(simulated.odd(), [])

    def test_a_time_stamp_in_the_far_future_shuts_out_nothing(self) -> None:
        simulated = self.stunned()
        before = len(simulated.acs.sessions)
        for stamp in (1001, 10**20 - 1, 1002):
            sent = build(
                str(MAPPED), timestamp=stamp, request_id=str(stamp), username="acs", cnonce="x", password="secret"
            )
            self.udp.receive(sent)
            simulated.run(1)
        self.assertEqual(simulated.acs.event_codes()[before:], [SIX] * 3)

    def test_what_is_ignored_leaves_a_trace(self) -> None:
        simulated = self.stunned()
        good = self.request(5)
        for data in (self.request(1, "wrong"), b"\xff" * 100, good, good, good):
            self.udp.receive(data)
        simulated.run(COPIES_WITHIN + 1)
        refused = [fact for fact in simulated.facts if isinstance(fact, ConnectionRequestRefused)]
        self.assertEqual(len(refused), 2, "the copies that an ACS sends are no replays")
        for _ in range(2):
            self.udp.receive(good)
        simulated.run(60)
        refused = [fact for fact in simulated.facts if isinstance(fact, ConnectionRequestRefused)]
        self.assertEqual(
            [(fact.source, fact.by, fact.reason, fact.count) for fact in refused],
            [
                (ACS.host, "UDP", Refusal.WRONG_CREDENTIALS.value, 1),
                (ACS.host, "UDP", Refusal.MALFORMED.value, 1),
                (ACS.host, "UDP", Refusal.REPLAYED.value, 1),
                (ACS.host, "UDP", Refusal.REPLAYED.value, 1),
            ],
        )
        self.assertEqual([fact.summary for fact in refused], [False] * 3 + [True])
        (report,) = [item for item in simulated.runtime.reports if "connection_request" in item.status()]
        found = report.status()["connection_request"]["refused"]
        self.assertEqual((found["count"], found["reasons"][Refusal.REPLAYED.value]), (4, 2))
        self.assertEqual((found["last"]["source"], found["last"]["by"]), (ACS.host, "UDP"))
        self.assertIn(f"by UDP from {ACS.host}: {Refusal.REPLAYED.value}", dict(report.summary())["Refused requests"])
        counted = {m.labels: m.value for m in report.metrics() if m.name.endswith("refused_total")}
        self.assertEqual(counted[(("reason", "replayed"),)], 2)

    def test_without_stun_too(self) -> None:
        simulated = self.simulated()
        simulated.bootstrapped()
        self.udp.receive(self.request())
        simulated.run(0)
        self.assertEqual(simulated.acs.event_codes()[1:], [SIX])

    def test_credentials_that_are_not_set(self) -> None:
        simulated = self.simulated(ConnectionRequestUsername="", ConnectionRequestPassword="")
        simulated.bootstrapped()
        self.udp.receive(self.request(1, ""))
        self.udp.receive(self.request(2))
        simulated.run(60)
        self.assertEqual(len(simulated.acs.sessions), 1)
        simulated.ask(
            assign(**{SERVER + "ConnectionRequestUsername": "acs", SERVER + "ConnectionRequestPassword": "new"})
        )
        self.udp.receive(self.request(3, "new"))
        simulated.run(0)
        self.assertEqual(simulated.acs.event_codes()[2:], [SIX])

    def test_the_limit_is_that_of_all_requests(self) -> None:
        simulated = self.stunned()
        for number in range(1, 61):
            self.udp.receive(self.request(number))
        taken = [fact.accepted for fact in simulated.facts if isinstance(fact, ConnectionRequested)]
        self.assertEqual((taken.count(True), taken.count(False)), (50, 10))
        self.assertFalse(simulated.runtime.connection_requests.http.requested("192.0.2.1"))

    def test_http_alone_is_switched_off(self) -> None:
        simulated = self.stunned(HTTPConnectionRequestEnable="false")
        before = len(simulated.acs.sessions)
        self.udp.receive(self.request())
        simulated.run(0)
        self.assertEqual(len(simulated.acs.sessions), before + 1)

    def test_a_replay_after_new_credentials_and_back(self) -> None:
        simulated = self.stunned()
        self.udp.receive(self.request())
        simulated.run(0)
        before = len(simulated.acs.sessions)
        simulated.change(SERVER + "ConnectionRequestPassword", "other")
        self.udp.receive(self.request())
        simulated.run(60)
        self.assertEqual(len(simulated.acs.sessions), before)


class LimitTests(UdpCase):
    """UDPConnectionRequestAddressNotificationLimit of TR-098: minimum seconds between two active notifications."""

    def setUp(self) -> None:
        super().setUp()
        self.limited = self.model(
            """
UDPConnectionRequestAddress = { type = "string" }
UDPConnectionRequestAddressNotificationLimit = { type = "unsignedInt", writable = true, default = 60 }
NATDetected = { type = "boolean" }
STUNEnable = { type = "boolean", writable = true }
"""
        )

    def moved(self, simulated: SimulatedDiskAgent, number: int) -> None:
        self.udp.keepers[0].found(Address("203.0.113.5", number), True)
        simulated.run(0)

    def test_the_second_change_waits_and_the_value_does_not(self) -> None:
        simulated = self.stunned(model=self.limited)  # type: ignore[arg-type]  # the one option that is no parameter
        simulated.run(100)
        simulated.ask(attributes(ADDRESS, 2))
        before = len(simulated.acs.sessions)
        self.moved(simulated, 40_002)
        self.assertEqual(simulated.acs.event_codes()[before:], [("4 VALUE CHANGE",)])
        simulated.run(10)
        self.moved(simulated, 40_003)
        self.moved(simulated, 40_004)
        self.assertEqual(self.value(simulated, ADDRESS), "203.0.113.5:40004")
        simulated.run(49)
        self.assertEqual(len(simulated.acs.sessions), before + 1)
        simulated.run(2)
        self.assertEqual(simulated.acs.event_codes()[before + 1 :], [("4 VALUE CHANGE",)])
        self.assertEqual(simulated.last_values()[ADDRESS], "203.0.113.5:40004")
        simulated.run(10)
        self.moved(simulated, 40_005)
        self.assertEqual(len(simulated.acs.sessions), before + 2, "the time counts from the last notification")
        simulated.run(51)
        self.assertEqual(len(simulated.acs.sessions), before + 3)

    def test_other_sessions_tell_it_at_once(self) -> None:
        simulated = self.stunned(model=self.limited)  # type: ignore[arg-type]  # as above
        simulated.run(100)
        simulated.ask(attributes(ADDRESS, 2))
        self.moved(simulated, 40_002)
        self.moved(simulated, 40_003)
        simulated.call()
        self.assertEqual(simulated.last_values()[ADDRESS], "203.0.113.5:40003")
        before = len(simulated.acs.sessions)
        simulated.run(120)
        self.assertEqual(len(simulated.acs.sessions), before)
