"""Notifications and attributes (NOT): the changes that are reported, their times; none twice or by mistake."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import Deferred

from cwmpagent.agent.parameters.changes import Origin
from cwmpagent.errors import CwmpFault
from cwmpagent.protocol.rpc import (
    AddObject,
    AddObjectResponse,
    DeleteObject,
    DeleteObjectResponse,
    GetParameterAttributes,
    GetParameterAttributesResponse,
    GetParameterValues,
    InformResponse,
    SetParameterAttributes,
    SetParameterAttributesResponse,
    SetParameterAttributesStruct,
    SetParameterValuesResponse,
)
from cwmpagent.protocol.session import Reply
from cwmpagent.protocol.soap import CWMP_1_2, Envelope, encode
from tests.agent.bench import SERVER, BenchCase, assign
from tests.agent.ports import Posted, finished, reply
from tests.conformance.simulated import CODE, NTP, TABLE, SimulatedAgentCase, SimulatedDiskAgent, down, good, is_inform

UPTIME = "Device.DeviceInfo.UpTime"
URL = SERVER + "ConnectionRequestURL"
KEY = SERVER + "ParameterKey"
ROUTES = "Device.Routing.Router.1.IPv4Forwarding."
CHANGED = ("4 VALUE CHANGE",)


def attributes(
    name: str, notification: int | None = None, access: tuple[str, ...] | None = None
) -> SetParameterAttributes:
    """A SetParameterAttributes of one name; None: unchanged."""
    return SetParameterAttributes((each(name, notification, access),))


def each(
    name: str, notification: int | None = None, access: tuple[str, ...] | None = None
) -> SetParameterAttributesStruct:
    """One element of it."""
    return SetParameterAttributesStruct(
        name, notification is not None, notification or 0, access is not None, access or ()
    )


class NotificationTests(SimulatedAgentCase):
    """Local changes, reported as the attributes require."""

    def watched(self, notification: int, name: str = NTP, **options: str) -> SimulatedDiskAgent:
        """A bootstrapped device whose ACS watches ``name``; two sessions have passed."""
        simulated = self.device(**options)
        simulated.bootstrapped()
        self.assertEqual(simulated.ask(attributes(name, notification)), [SetParameterAttributesResponse()])
        return simulated

    def test_not_01_a_passive_change_waits_for_the_next_inform(self) -> None:
        for origin in (Origin.DEVICE, Origin.LOCAL):
            simulated = self.watched(1)
            simulated.change(NTP, "new.example", origin)
            simulated.run(86400)
            self.assertEqual(len(simulated.acs.sessions), 2)
            simulated.call()
            self.assertEqual(simulated.acs.event_codes()[2:], [("4 VALUE CHANGE", "6 CONNECTION REQUEST")])
            self.assertEqual(simulated.last_values()[NTP], "new.example")
            simulated.call()
            self.assertEqual(simulated.acs.event_codes()[3:], [("6 CONNECTION REQUEST",)])
            self.assertNotIn(NTP, simulated.last_values())

    def test_not_01_a_passive_change_survives_a_kill_and_a_boot(self) -> None:
        for booted in (False, True):
            simulated = self.watched(1)
            simulated.change(NTP, "new.example")
            simulated.kill()
            simulated.resume(booted=booted)
            self.assertEqual(len(simulated.acs.sessions), 3 if booted else 2)
            if not booted:
                simulated.call()
            self.assertIn("4 VALUE CHANGE", simulated.acs.event_codes()[2])
            self.assertEqual(simulated.last_values()[NTP], "new.example")
            simulated.reboot()
            self.assertEqual(simulated.acs.event_codes()[3:], [("1 BOOT",)])

    def test_not_02_an_active_change_opens_a_session(self) -> None:
        for origin in (Origin.DEVICE, Origin.LOCAL):
            simulated = self.watched(2)
            simulated.change(NTP, "new.example", origin)
            self.assertEqual(simulated.acs.event_codes()[2:], [CHANGED])
            self.assertEqual(simulated.last_values()[NTP], "new.example")
            simulated.run(86400)
            self.assertEqual(len(simulated.acs.sessions), 3)

    def test_not_02_passive_changes_go_with_an_active_one(self) -> None:
        simulated = self.watched(2)
        simulated.ask(attributes("Device.Time.NTPServer2", 1))
        simulated.change("Device.Time.NTPServer2", "passive.example")
        simulated.change(NTP, "active.example")
        self.assertEqual(simulated.acs.event_codes()[3:], [CHANGED])
        told = simulated.last_values()
        self.assertEqual((told[NTP], told["Device.Time.NTPServer2"]), ("active.example", "passive.example"))

    def test_not_02_the_present_value_is_told_and_each_name_once(self) -> None:
        simulated = self.watched(2)
        simulated.acs.instead = down
        simulated.change(NTP, "first.example")
        simulated.change(NTP, "second.example")
        simulated.acs.instead = good
        simulated.run(30)
        self.assertEqual(simulated.acs.event_codes()[-1], CHANGED)
        self.assertEqual(
            [item.value.text for item in simulated.last().parameter_list if item.name == NTP], ["second.example"]
        )

    def test_not_02_forced_and_default_active_need_no_asking(self) -> None:
        simulated = self.device()
        simulated.bootstrapped()
        for name in (CODE, "Device.DeviceInfo.SoftwareVersion", URL):
            before = len(simulated.acs.sessions)
            simulated.address = "192.0.2.1" if name != URL else "192.0.2.99"
            if name == URL:
                finished(simulated.runtime.connection_requests.http.refresh())
            else:
                simulated.change(name, "new")
            self.assertEqual(simulated.acs.event_codes()[before:], [CHANGED], name)
            self.assertIn(name, simulated.last_values())

    def test_changed_back_before_it_was_told_is_no_news(self) -> None:
        for level in (1, 2):
            simulated = self.watched(level)
            before = simulated.value(NTP)
            simulated.acs.instead = down
            simulated.change(NTP, "new.example")
            simulated.change(NTP, before)
            simulated.acs.instead = good
            tries = len(simulated.acs.sessions)
            simulated.run(86400)
            self.assertEqual(len(simulated.acs.sessions), tries)
            simulated.call()
            self.assertEqual(simulated.acs.event_codes()[-1], ("6 CONNECTION REQUEST",))

    def hanging(self, answer: Deferred[Reply]) -> Callable[[Posted], Deferred[Reply] | None]:
        """An ACS that answers an Inform with ``answer`` as soon as it fires."""
        return lambda posted: answer if is_inform(posted) else None

    def test_changed_again_while_the_inform_is_under_way(self) -> None:
        for level in (1, 2):
            for back in (False, True):
                with self.subTest(level=level, back=back):
                    simulated = self.watched(level)
                    last = simulated.value(NTP) if back else "third.example"
                    answer: Deferred[Reply] = Deferred()
                    simulated.acs.instead = self.hanging(answer)
                    simulated.change(NTP, "second.example")
                    if level == 1:
                        simulated.call()
                    posted = simulated.acs.firsts()[-1]
                    self.assertEqual(simulated.last_values()[NTP], "second.example")
                    simulated.change(NTP, last)
                    simulated.acs.instead = good
                    answer.callback(reply(InformResponse(), posted))
                    if level == 1:
                        simulated.run(86400)
                        simulated.call()
                    simulated.run(1)
                    self.assertIn("4 VALUE CHANGE", simulated.acs.event_codes()[-1])
                    self.assertEqual(simulated.last_values()[NTP], last)
                    self.assertEqual(len(simulated.acs.sessions), 4)

    def test_switched_off_before_it_was_told_is_no_news(self) -> None:
        simulated = self.watched(1)
        simulated.change(NTP, "new.example")
        simulated.acs.asking.append(attributes(NTP, 0))
        simulated.acs.instead = lambda posted: down(posted) if is_inform(posted) else None
        simulated.call()
        simulated.acs.instead = good
        simulated.call()
        self.assertEqual(simulated.acs.event_codes()[-1], ("4 VALUE CHANGE", "6 CONNECTION REQUEST"))
        simulated.change(NTP, "third.example")
        simulated.call()
        self.assertEqual(simulated.acs.event_codes()[-1], ("6 CONNECTION REQUEST",))

    def test_a_row_that_is_gone_is_no_news(self) -> None:
        simulated = self.device()
        simulated.bootstrapped()
        added, _ = simulated.ask(AddObject(TABLE, ""), attributes(TABLE + "1.Description", 1))
        self.assertEqual(added, AddObjectResponse(1, 0))
        simulated.change(TABLE + "1.Description", "changed")
        finished(simulated.runtime.changes.delete_object(TABLE + "1.", Origin.LOCAL))
        simulated.call()
        self.assertEqual(simulated.acs.event_codes()[-1], ("6 CONNECTION REQUEST",))

    def test_not_03_what_the_acs_wrote_itself_is_no_news(self) -> None:
        for level in (1, 2):
            simulated = self.watched(level)
            simulated.ask(attributes(KEY, 1))
            simulated.ask(assign("key", **{NTP: "acs.example", CODE: "by the ACS"}))
            simulated.run(1000)
            simulated.call()
            self.assertEqual(set(simulated.acs.event_codes()[2:]), {("6 CONNECTION REQUEST",)})
            simulated.reboot()
            self.assertEqual(simulated.acs.event_codes()[-1], ("1 BOOT",))
            simulated.change(NTP, "pool.ntp.org")
            simulated.call()
            self.assertIn("4 VALUE CHANGE", {code for told in simulated.acs.event_codes()[-2:] for code in told})

    def test_not_03_what_the_acs_overwrites_is_no_news_any_more(self) -> None:
        simulated = self.watched(1)
        simulated.change(NTP, "local.example")
        simulated.acs.instead = lambda posted: down(posted) if is_inform(posted) else None
        simulated.call()
        simulated.acs.instead = good
        finished(simulated.runtime.changes.set_values(assign("", **{NTP: "acs.example"}).parameter_list, Origin.ACS))
        simulated.call()
        self.assertEqual(simulated.acs.event_codes()[-1], ("6 CONNECTION REQUEST",))

    def test_not_03_a_side_effect_on_another_parameter_is_news(self) -> None:
        simulated = self.device()
        simulated.bootstrapped()
        interface = "Device.IP.Interface.3"
        simulated.ask(
            AddObject("Device.IP.Interface.", ""),
            AddObject(ROUTES, ""),
            assign("", **{ROUTES + "1.Interface": interface}),
            attributes(ROUTES + "1.Interface", 2),
        )
        (answer,) = simulated.ask(DeleteObject(interface + ".", ""))
        self.assertEqual(answer, DeleteObjectResponse(0))
        simulated.run(1)
        self.assertEqual(simulated.acs.event_codes()[-1], CHANGED)
        self.assertEqual(simulated.last_values()[ROUTES + "1.Interface"], "")

    def test_not_04_the_throttle_holds_back_active_notifications_alone(self) -> None:
        simulated = self.watched(2, DefaultActiveNotificationThrottle="60")
        ended = simulated.clock.monotonic()
        simulated.run(5)
        simulated.change(NTP, "new.example")
        simulated.run(54)
        self.assertEqual(len(simulated.acs.sessions), 2)
        simulated.run(2)
        self.assertEqual(simulated.acs.event_codes()[2:], [CHANGED])
        self.assertGreaterEqual(simulated.acs.firsts()[-1].at - ended, 60)
        simulated.change(NTP, "newer.example")
        simulated.run(1)
        self.assertEqual(len(simulated.acs.sessions), 3)
        simulated.call()
        self.assertEqual(simulated.acs.event_codes()[3:], [("4 VALUE CHANGE", "6 CONNECTION REQUEST")])

    def test_not_04_a_boot_forgets_the_throttle_and_a_restart_does_not(self) -> None:
        for booted in (False, True):
            simulated = self.watched(2, DefaultActiveNotificationThrottle="600")
            simulated.change(NTP, "new.example")
            simulated.kill()
            simulated.resume(booted=booted)
            simulated.run(300)
            self.assertEqual(len(simulated.acs.sessions), 3 if booted else 2)
            simulated.run(301)
            self.assertEqual(len(simulated.acs.sessions), 3)

    def test_hidden_values_are_told_as_changed_and_stay_hidden(self) -> None:
        name = SERVER + "ConnectionRequestPassword"
        simulated = self.watched(2, name)
        simulated.change(name, "a-new-secret")
        self.assertEqual(simulated.acs.event_codes()[2:], [CHANGED])
        self.assertEqual(simulated.last_values()[name], "")
        simulated.run(1000)
        self.assertEqual(len(simulated.acs.sessions), 3)


class AttributeTests(BenchCase):
    """SetParameterAttributes and GetParameterAttributes over loopback."""

    async def read(self, *names: str) -> dict[str, tuple[int, tuple[str, ...]]]:
        (answer,) = await self.ask(GetParameterAttributes(names))
        self.assertIsInstance(answer, GetParameterAttributesResponse)
        return {item.name: (item.notification, item.access_list) for item in answer.parameter_list}

    async def test_not_05_up_time_denies_active_and_never_storms(self) -> None:
        await self.bootstrapped()
        (answer, passive) = await self.ask(attributes(UPTIME, 2), attributes(UPTIME, 1))
        self.assertEqual(answer.code, 9009)
        self.assertEqual(passive, SetParameterAttributesResponse())
        number = self.lab.sessions.seen
        await self.pause(1.2)
        self.assertEqual(self.lab.sessions.seen, number)

    async def test_not_05_denied_within_a_partial_path_changes_nothing(self) -> None:
        await self.bootstrapped()
        (answer,) = await self.ask(attributes("Device.DeviceInfo.", 2))
        self.assertEqual(answer.code, 9009)
        read = await self.read("Device.DeviceInfo.HostName", UPTIME)
        self.assertEqual({notification for notification, _ in read.values()}, {0})

    async def test_not_05_forced_active_cannot_be_lowered(self) -> None:
        await self.bootstrapped()
        await self.ask(attributes(CODE, 0))
        self.assertEqual((await self.read(CODE))[CODE][0], 2)
        (answer,) = await self.ask(attributes(URL, 0))
        self.assertEqual(answer, SetParameterAttributesResponse())
        self.assertEqual((await self.read(URL))[URL][0], 0)

    async def test_not_06_a_partial_path_is_every_leaf_below(self) -> None:
        await self.bootstrapped()
        (answer,) = await self.ask(attributes("Device.Time.", 1))
        self.assertEqual(answer, SetParameterAttributesResponse())
        read = await self.read("Device.Time.")
        values = (await self.ask(GetParameterValues(("Device.Time.",))))[0]
        self.assertEqual(list(read), [item.name for item in values.parameter_list])
        self.assertEqual({notification for notification, _ in read.values()}, {1})

    async def test_not_06_later_entries_override_earlier_ones(self) -> None:
        await self.bootstrapped()
        request = SetParameterAttributes((each("Device.Time.", 1), each(NTP, 2)))
        await self.ask(request)
        read = await self.read("Device.Time.")
        self.assertEqual(read.pop(NTP)[0], 2)
        self.assertEqual({notification for notification, _ in read.values()}, {1})

    async def test_not_07_one_unknown_name_and_nothing_is_changed(self) -> None:
        await self.bootstrapped()
        request = SetParameterAttributes((each(NTP, 1), each("Device.Nowhere", 1)))
        (answer,) = await self.ask(request)
        self.assertEqual(answer.code, 9005)
        self.assertEqual((await self.read(NTP))[NTP][0], 0)

    async def test_not_07_bad_notifications_and_entities(self) -> None:
        await self.bootstrapped()
        answers = await self.ask(*(attributes(NTP, level) for level in (7, 8, 100)), attributes(NTP, 1, ("Root",)))
        self.assertEqual({answer.code for answer in answers}, {9003})
        self.assertEqual((await self.read(NTP))[NTP], (0, ("Subscriber",)))

    async def test_not_08_an_empty_notification_that_is_not_to_be_changed(self) -> None:
        await self.bootstrapped()
        await self.ask(attributes(NTP, 1))
        (answer,) = await self.ask(SetParameterAttributes((SetParameterAttributesStruct(NTP, False, 0, True, ()),)))
        self.assertEqual(answer, SetParameterAttributesResponse())
        self.assertEqual((await self.read(NTP))[NTP], (1, ()))

    async def test_not_09_attributes_outlive_boots_and_kills(self) -> None:
        await self.bootstrapped()
        await self.ask(attributes(NTP, 2, ()))
        for boot in ("process", "system"):
            await self.end()
            self.begin(self.config(boot=boot))
            await self.session(since=self.lab.sessions.seen)
            self.assertEqual((await self.read(NTP))[NTP], (2, ()))


class AccessTests(SimulatedAgentCase):
    """The AccessList."""

    def test_not_08_an_empty_notification_on_the_wire(self) -> None:
        simulated = self.device()
        simulated.bootstrapped()
        simulated.ask(attributes(NTP, 1))
        whole = encode(Envelope(body=attributes(NTP, None, ()), id="7", namespace=CWMP_1_2))
        self.assertIn(b"<Notification>0</Notification>", whole)
        simulated.acs.asking.append(whole.replace(b"<Notification>0</Notification>", b"<Notification></Notification>"))
        answer, read = simulated.ask(GetParameterAttributes((NTP,)))
        self.assertEqual(answer, SetParameterAttributesResponse())
        assert isinstance(read, GetParameterAttributesResponse)
        self.assertEqual((read.parameter_list[0].notification, read.parameter_list[0].access_list), (1, ()))

    def test_not_10_an_empty_access_list_leaves_only_the_acs(self) -> None:
        simulated = self.device()
        simulated.bootstrapped()
        simulated.change(NTP, "local.example", Origin.LOCAL)
        simulated.ask(attributes(NTP, None, ()))
        with self.assertRaises(CwmpFault):
            simulated.change(NTP, "refused.example", Origin.LOCAL)
        self.assertEqual(simulated.value(NTP), "local.example")
        simulated.change(NTP, "device.example", Origin.DEVICE)
        (answer,) = simulated.ask(assign("", **{NTP: "acs.example"}))
        self.assertEqual(answer, SetParameterValuesResponse(0))
        self.assertEqual(simulated.value(NTP), "acs.example")
        simulated.ask(attributes(NTP, None, ("Subscriber",)))
        simulated.change(NTP, "local.example", Origin.LOCAL)
        self.assertEqual(simulated.value(NTP), "local.example")

    def test_not_10_a_local_person_writes_no_read_only_parameter(self) -> None:
        simulated = self.device()
        simulated.bootstrapped()
        with self.assertRaises(CwmpFault):
            simulated.change("Device.DeviceInfo.SoftwareVersion", "9", Origin.LOCAL)
