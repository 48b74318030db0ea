"""Lightweight notifications (TR-069 Annex M; LWN): changes that are sent by datagram, times, destinations."""

from __future__ import annotations

import hashlib
import hmac

from twisted.internet.protocol import DatagramProtocol

from cwmpagent.agent.parameters.changes import Origin
from cwmpagent.protocol.rpc import (
    AddObject,
    DeleteObject,
    Fault,
    GetParameterAttributes,
    GetParameterAttributesResponse,
    SetParameterAttributes,
    SetParameterAttributesResponse,
)
from cwmpagent.values import Value, ValueType, format_time
from tests.agent.bench import SERVER, BenchCase, assign, reactor
from tests.agent.ports import NEW_YEAR_2026
from tests.conformance.simulated import CODE, NTP, TABLE, SimulatedAgentCase, SimulatedDiskAgent, down
from tests.conformance.test_notifications import UPTIME, attributes, each
from tests.protocol.test_lightweight_notification import parts, told

USED = SERVER + "LightweightNotificationProtocolsUsed"
NTP2 = "Device.Time.NTPServer2"
CHANGED = ("4 VALUE CHANGE",)
TRIGGER = {
    "LightweightNotificationTriggerInterval": "60",
    "LightweightNotificationTriggerTime": format_time(NEW_YEAR_2026 + 86400 + 17),
}


class LightweightTests(SimulatedAgentCase):
    def watched(self, level: int, name: str = NTP, *, used: str = "UDP", **options: str) -> SimulatedDiskAgent:
        """A bootstrapped device whose ACS watches ``name``; two sessions have passed."""
        simulated = self.device(LightweightNotificationProtocolsUsed=used, Password="acs-secret", **options)
        simulated.bootstrapped()
        self.assertEqual(simulated.ask(attributes(name, level)), [SetParameterAttributesResponse()])
        return simulated

    def sent(self, simulated: SimulatedDiskAgent) -> list[dict[str, str]]:
        """The content of each datagram sent within a moment; the list is emptied."""
        simulated.run(0)
        found = [{name: text for name, _, text in told(each)} for _, _, each in simulated.datagrams]
        simulated.datagrams.clear()
        return found

    def test_lwn_01_an_active_change_is_sent_at_once_and_opens_no_session(self) -> None:
        for origin in (Origin.DEVICE, Origin.LOCAL):
            simulated = self.watched(5)
            simulated.change(NTP, "new.example", origin)
            simulated.run(0)
            ((host, port, datagram),) = simulated.datagrams
            self.assertEqual((host, port), ("acs.example", 7547))
            self.assertEqual(told(datagram), [(NTP, "xs:string", "new.example")])
            _, headers, body = parts(datagram)
            self.assertEqual(headers["signature"], hmac.new(b"acs-secret", body, hashlib.sha1).hexdigest().upper())
            self.assertIn(f"<TS>{int(simulated.clock.wall())}</TS>".encode(), body)
            simulated.run(86400)
            self.assertEqual(len(simulated.datagrams), 1)
            self.assertEqual(len(simulated.acs.sessions), 2)
            simulated.call()
            self.assertEqual(simulated.acs.event_codes()[-1], ("6 CONNECTION REQUEST",))

    def test_lwn_01_what_changes_in_one_breath_goes_together(self) -> None:
        simulated = self.watched(5)
        simulated.ask(attributes(NTP2, 5))
        simulated.set({NTP: "one.example", NTP2: "two.example"})
        simulated.change(NTP, "three.example")
        self.assertEqual(self.sent(simulated), [{NTP: "three.example", NTP2: "two.example"}])

    def test_lwn_01_host_and_port_that_the_acs_sets_count_at_once(self) -> None:
        simulated = self.watched(5)
        simulated.ask(
            assign(
                "",
                **{
                    SERVER + "UDPLightweightNotificationHost": "notify.example",
                    SERVER + "UDPLightweightNotificationPort": Value(ValueType.UNSIGNED_INT, "9000"),
                },
            )
        )
        simulated.change(NTP, "new.example")
        simulated.run(0)
        self.assertEqual([each[:2] for each in simulated.datagrams], [("notify.example", 9000)])

    def test_lwn_01_no_protocol_is_off_whatever_was_asked_for(self) -> None:
        simulated = self.watched(5, used="")
        simulated.change(NTP, "new.example")
        self.assertEqual(self.sent(simulated), [])
        simulated.ask(assign("", **{USED: "UDP"}))
        self.assertEqual(self.sent(simulated), [])  # changes while it was disabled are not reported
        simulated.change(NTP, "newer.example")
        self.assertEqual(self.sent(simulated), [{NTP: "newer.example"}])
        simulated.ask(assign("", **{USED: ""}))
        simulated.change(NTP, "newest.example")
        self.assertEqual(self.sent(simulated), [])
        self.assertEqual([name for name in simulated.store.load().notes if name.startswith("lightweight:")], [])

    def test_lwn_01_an_agent_switched_off_sends_nothing(self) -> None:
        simulated = self.watched(5)
        simulated.server("EnableCWMP", "false")
        simulated.change(NTP, "new.example")
        self.assertEqual(self.sent(simulated), [])

    def test_lwn_01_it_waits_neither_for_the_acs_nor_for_its_session(self) -> None:
        simulated = self.watched(5)
        simulated.acs.instead = down
        simulated.call()
        simulated.change(NTP, "new.example")
        self.assertEqual(self.sent(simulated), [{NTP: "new.example"}])

    def test_lwn_01_what_the_acs_writes_itself_is_no_news(self) -> None:
        for level in (3, 4, 5, 6):
            simulated = self.watched(level, **TRIGGER)
            simulated.ask(assign("", **{NTP: "acs.example"}))
            simulated.run(600)
            self.assertEqual(self.sent(simulated), [])

    def test_lwn_01_hidden_values_are_told_as_changed_and_stay_hidden(self) -> None:
        name = SERVER + "ConnectionRequestPassword"
        simulated = self.watched(5, name)
        simulated.change(name, "a-new-secret")
        self.assertEqual(self.sent(simulated), [{name: ""}])
        simulated.run(3600)
        self.assertEqual(self.sent(simulated), [])

    def test_lwn_01_many_changes_go_in_several_datagrams(self) -> None:
        simulated = self.device(LightweightNotificationProtocolsUsed="UDP")
        simulated.bootstrapped()
        names = {f"{TABLE}{number}.Description": "x" * 100 for number in range(1, 41)}
        watch = SetParameterAttributes(tuple(each(name, 5) for name in names))
        *_, answer = simulated.ask(*(AddObject(TABLE, "") for _ in names), watch)
        self.assertEqual(answer, SetParameterAttributesResponse())
        simulated.set(names)
        simulated.run(0)
        self.assertGreater(len(simulated.datagrams), 2)
        self.assertLessEqual(max(len(datagram) for _, _, datagram in simulated.datagrams), 1400)
        self.assertEqual({name: text for sent in self.sent(simulated) for name, text in sent.items()}, names)

    def test_lwn_01_a_row_that_is_gone_is_not_told(self) -> None:
        simulated = self.device(LightweightNotificationProtocolsUsed="UDP", **TRIGGER)
        simulated.bootstrapped()
        simulated.ask(AddObject(TABLE, ""), attributes(TABLE + "1.Description", 3))
        simulated.change(TABLE + "1.Description", "changed")
        simulated.ask(DeleteObject(TABLE + "1.", ""))
        simulated.run(300)
        self.assertEqual(self.sent(simulated), [])

    def test_lwn_02_a_passive_change_waits_for_its_phase(self) -> None:
        simulated = self.watched(3, **TRIGGER)
        simulated.run(50)
        ahead = simulated.clock.wall() - simulated.clock.monotonic()
        for text in ("one", "two"):
            simulated.change(NTP, f"{text}.example")
            self.assertEqual(self.sent(simulated), [])
            begun = simulated.clock.wall()
            while not simulated.datagrams:
                simulated.run(1)
                self.assertLess(simulated.clock.wall(), begun + 62)
            self.assertLess((simulated.clock.monotonic() + ahead - NEW_YEAR_2026 - 17) % 60, 1.1)
            self.assertEqual(self.sent(simulated), [{NTP: f"{text}.example"}])
        simulated.run(3600)
        self.assertEqual(self.sent(simulated), [])
        self.assertEqual(len(simulated.acs.sessions), 2)

    def test_lwn_02_without_a_known_time_the_interval_alone_counts(self) -> None:
        for wall in (0.0, NEW_YEAR_2026):
            simulated = self.watched(3, LightweightNotificationTriggerInterval="60", wall=wall)  # type: ignore[arg-type]  # no parameter
            simulated.change(NTP, "new.example")
            simulated.run(61)
            self.assertEqual(self.sent(simulated), [{NTP: "new.example"}])

    def test_lwn_02_a_new_phase_counts_at_once(self) -> None:
        simulated = self.watched(3, LightweightNotificationTriggerInterval="86400")
        simulated.change(NTP, "new.example")
        simulated.ask(
            assign("", **{SERVER + "LightweightNotificationTriggerInterval": Value(ValueType.UNSIGNED_INT, "10")})
        )
        simulated.run(11)
        self.assertEqual(self.sent(simulated), [{NTP: "new.example"}])

    def test_lwn_02_without_an_interval_it_goes_with_the_next_active_one(self) -> None:
        simulated = self.watched(3)
        simulated.ask(attributes(NTP2, 5))
        simulated.change(NTP, "passive.example")
        simulated.run(86400)
        self.assertEqual(self.sent(simulated), [])
        simulated.change(NTP2, "active.example")
        self.assertEqual(self.sent(simulated), [{NTP: "passive.example", NTP2: "active.example"}])

    def test_lwn_02_an_active_one_takes_what_waits_for_the_trigger(self) -> None:
        simulated = self.watched(3, **TRIGGER)
        simulated.ask(attributes(NTP2, 5))
        simulated.change(NTP, "passive.example")
        simulated.change(NTP2, "active.example")
        self.assertEqual(self.sent(simulated), [{NTP: "passive.example", NTP2: "active.example"}])
        simulated.run(300)
        self.assertEqual(self.sent(simulated), [])

    def test_lwn_02_changed_back_before_it_was_sent_is_no_news(self) -> None:
        simulated = self.watched(3, **TRIGGER)
        before = simulated.value(NTP)
        simulated.change(NTP, "new.example")
        simulated.change(NTP, before)
        simulated.run(300)
        self.assertEqual(self.sent(simulated), [])

    def test_lwn_02_what_waits_outlives_a_kill_and_a_boot_and_is_sent_once(self) -> None:
        for booted in (False, True):
            simulated = self.watched(3, **TRIGGER)
            simulated.change(NTP, "new.example")
            simulated.kill()
            simulated.resume(booted=booted)
            simulated.run(61)
            self.assertEqual(self.sent(simulated), [{NTP: "new.example"}])
            simulated.kill()
            simulated.resume(booted=booted)
            simulated.run(300)
            self.assertEqual(self.sent(simulated), [])

    def test_lwn_02_both_ways_are_independent(self) -> None:
        for level, at_once in ((4, False), (6, True)):
            simulated = self.watched(level, **TRIGGER)
            simulated.change(NTP, "new.example")
            self.assertEqual(bool(self.sent(simulated)), at_once)
            simulated.call()
            self.assertEqual(simulated.acs.event_codes()[-1], ("4 VALUE CHANGE", "6 CONNECTION REQUEST"))
            self.assertEqual(simulated.last_values()[NTP], "new.example")
            simulated.run(61)
            self.assertEqual(self.sent(simulated), [] if at_once else [{NTP: "new.example"}])
            simulated.call()
            self.assertEqual(simulated.acs.event_codes()[-1], ("6 CONNECTION REQUEST",))

    def test_lwn_02_after_a_stop_nothing_is_sent(self) -> None:
        simulated = self.watched(3, **TRIGGER)
        simulated.change(NTP, "new.example")
        old = simulated.runtime
        simulated.reboot()
        old.notification.by_datagram.watch.compare_all()
        simulated.run(61)
        self.assertEqual(self.sent(simulated), [{NTP: "new.example"}])

    def test_all_values_of_the_attribute_are_taken_and_kept(self) -> None:
        simulated = self.watched(0)
        for level in (3, 4, 5, 6):
            self.assertEqual(simulated.ask(attributes(NTP, level)), [SetParameterAttributesResponse()])
            simulated.reboot()
            (read,) = simulated.ask(GetParameterAttributes((NTP,)))
            assert isinstance(read, GetParameterAttributesResponse)
            self.assertEqual(read.parameter_list[0].notification, level)

    def test_active_ones_are_denied_and_forced_ones_stay_active_as_ever(self) -> None:
        simulated = self.watched(0)
        codes = {}
        for name in (UPTIME, CODE):
            for level in (3, 4, 5, 6):
                (answer,) = simulated.ask(attributes(name, level))
                codes[name, level] = answer.code if isinstance(answer, Fault) else 0
        self.assertEqual([codes[UPTIME, level] for level in (3, 4, 5, 6)], [0, 0, 9009, 9009])
        self.assertEqual([codes[CODE, level] for level in (3, 4, 5, 6)], [9009] * 4)

    def test_a_protocol_that_there_is_not_is_refused(self) -> None:
        simulated = self.watched(0)
        for used in ("TCP", "UDP,UDP6", "udp"):
            (answer,) = simulated.ask(assign("", **{USED: used}))
            self.assertEqual([each.code for each in answer.parameters], [9007])  # type: ignore[union-attr]  # it is a Fault

    def test_a_device_that_says_it_cannot_refuses_them(self) -> None:
        simulated = self.device(LightweightNotificationProtocolsSupported="")
        simulated.bootstrapped()
        for level in (3, 4, 5, 6):
            (answer,) = simulated.ask(attributes(NTP, level))
            self.assertEqual(answer.code, 9003)  # type: ignore[union-attr]  # it is a Fault


class SocketTests(BenchCase):
    """A whole agent and real datagrams on loopback."""

    async def test_lwn_01_over_a_socket(self) -> None:
        got: list[bytes] = []

        class Receiver(DatagramProtocol):
            def datagramReceived(self, datagram: bytes, addr: object) -> None:
                got.append(datagram)

        port = reactor.listenUDP(0, Receiver(), interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        number = Value(ValueType.UNSIGNED_INT, str(port.getHost().port))
        await self.bootstrapped()
        await self.ask(
            assign("", **{USED: "UDP", SERVER + "UDPLightweightNotificationPort": number}), attributes(NTP, 5)
        )
        assert self.agent is not None
        sessions = self.lab.sessions.seen
        await self.agent.runtime.changes.set_values(assign("", **{NTP: "new.example"}).parameter_list, Origin.DEVICE)
        await self.until(lambda: got)
        self.assertEqual(told(got[0]), [(NTP, "xs:string", "new.example")])
        _, headers, body = parts(got[0])
        self.assertEqual(headers["signature"], hmac.new(b"acs-secret", body, hashlib.sha1).hexdigest().upper())
        self.assertEqual(headers["host"], f"127.0.0.1:{port.getHost().port}")
        self.assertEqual(self.lab.sessions.seen, sessions)
        self.assert_nothing_odd()
