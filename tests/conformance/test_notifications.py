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
from tests.conformance.lives import CODE, NTP, TABLE, DiskLives, LivesCase, down, good, is_inform

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


class NotificationTests(LivesCase):
    """Local changes, reported as the attributes require."""

    def watched(self, notification: int, name: str = NTP, **options: str) -> DiskLives:
        """A bootstrapped device whose ACS watches ``name``; two sessions have passed."""
        lives = self.device(**options)
        lives.bootstrapped()
        self.assertEqual(lives.ask(attributes(name, notification)), [SetParameterAttributesResponse()])
        return lives

    def test_not_01_a_passive_change_waits_for_the_next_inform(self) -> None:
        for origin in (Origin.DEVICE, Origin.LOCAL):
            lives = self.watched(1)
            lives.change(NTP, "new.example", origin)
            lives.run(86400)
            self.assertEqual(len(lives.acs.sessions), 2)
            lives.call()
            self.assertEqual(lives.acs.told()[2:], [("4 VALUE CHANGE", "6 CONNECTION REQUEST")])
            self.assertEqual(lives.last_values()[NTP], "new.example")
            lives.call()
            self.assertEqual(lives.acs.told()[3:], [("6 CONNECTION REQUEST",)])
            self.assertNotIn(NTP, lives.last_values())

    def test_not_01_a_passive_change_survives_a_kill_and_a_boot(self) -> None:
        for booted in (False, True):
            lives = self.watched(1)
            lives.change(NTP, "new.example")
            lives.kill()
            lives.resume(booted=booted)
            self.assertEqual(len(lives.acs.sessions), 3 if booted else 2)
            if not booted:
                lives.call()
            self.assertIn("4 VALUE CHANGE", lives.acs.told()[2])
            self.assertEqual(lives.last_values()[NTP], "new.example")
            lives.reboot()
            self.assertEqual(lives.acs.told()[3:], [("1 BOOT",)])

    def test_not_02_an_active_change_opens_a_session(self) -> None:
        for origin in (Origin.DEVICE, Origin.LOCAL):
            lives = self.watched(2)
            lives.change(NTP, "new.example", origin)
            self.assertEqual(lives.acs.told()[2:], [CHANGED])
            self.assertEqual(lives.last_values()[NTP], "new.example")
            lives.run(86400)
            self.assertEqual(len(lives.acs.sessions), 3)

    def test_not_02_passive_changes_go_with_an_active_one(self) -> None:
        lives = self.watched(2)
        lives.ask(attributes("Device.Time.NTPServer2", 1))
        lives.change("Device.Time.NTPServer2", "passive.example")
        lives.change(NTP, "active.example")
        self.assertEqual(lives.acs.told()[3:], [CHANGED])
        told = lives.last_values()
        self.assertEqual((told[NTP], told["Device.Time.NTPServer2"]), ("active.example", "passive.example"))

    def test_not_02_the_present_value_is_told_and_each_name_once(self) -> None:
        lives = self.watched(2)
        lives.acs.instead = down
        lives.change(NTP, "first.example")
        lives.change(NTP, "second.example")
        lives.acs.instead = good
        lives.run(30)
        self.assertEqual(lives.acs.told()[-1], CHANGED)
        self.assertEqual(
            [item.value.text for item in lives.last().parameter_list if item.name == NTP], ["second.example"]
        )

    def test_not_02_forced_and_default_active_need_no_asking(self) -> None:
        lives = self.device()
        lives.bootstrapped()
        for name in (CODE, "Device.DeviceInfo.SoftwareVersion", URL):
            before = len(lives.acs.sessions)
            lives.address = "192.0.2.1" if name != URL else "192.0.2.99"
            if name == URL:
                finished(lives.runtime.connection_requests.http.refresh())
            else:
                lives.change(name, "new")
            self.assertEqual(lives.acs.told()[before:], [CHANGED], name)
            self.assertIn(name, lives.last_values())

    def test_changed_back_before_it_was_told_is_no_news(self) -> None:
        for level in (1, 2):
            lives = self.watched(level)
            before = lives.value(NTP)
            lives.acs.instead = down
            lives.change(NTP, "new.example")
            lives.change(NTP, before)
            lives.acs.instead = good
            tries = len(lives.acs.sessions)
            lives.run(86400)
            self.assertEqual(len(lives.acs.sessions), tries)
            lives.call()
            self.assertEqual(lives.acs.told()[-1], ("6 CONNECTION REQUEST",))

    def hanging(self, answer: Deferred[Reply]) -> Callable[[Posted], Deferred[Reply] | None]:
        """An ACS that answers an Inform with ``answer`` as soon as it fires."""
        return lambda posted: answer if is_inform(posted) else None

    def test_changed_again_while_the_inform_is_under_way(self) -> None:
        for level in (1, 2):
            for back in (False, True):
                with self.subTest(level=level, back=back):
                    lives = self.watched(level)
                    last = lives.value(NTP) if back else "third.example"
                    answer: Deferred[Reply] = Deferred()
                    lives.acs.instead = self.hanging(answer)
                    lives.change(NTP, "second.example")
                    if level == 1:
                        lives.call()
                    posted = lives.acs.firsts()[-1]
                    self.assertEqual(lives.last_values()[NTP], "second.example")
                    lives.change(NTP, last)
                    lives.acs.instead = good
                    answer.callback(reply(InformResponse(), posted))
                    if level == 1:
                        lives.run(86400)
                        lives.call()
                    lives.run(1)
                    self.assertIn("4 VALUE CHANGE", lives.acs.told()[-1])
                    self.assertEqual(lives.last_values()[NTP], last)
                    self.assertEqual(len(lives.acs.sessions), 4)

    def test_switched_off_before_it_was_told_is_no_news(self) -> None:
        lives = self.watched(1)
        lives.change(NTP, "new.example")
        lives.acs.asking.append(attributes(NTP, 0))
        lives.acs.instead = lambda posted: down(posted) if is_inform(posted) else None
        lives.call()
        lives.acs.instead = good
        lives.call()
        self.assertEqual(lives.acs.told()[-1], ("4 VALUE CHANGE", "6 CONNECTION REQUEST"))
        lives.change(NTP, "third.example")
        lives.call()
        self.assertEqual(lives.acs.told()[-1], ("6 CONNECTION REQUEST",))

    def test_a_row_that_is_gone_is_no_news(self) -> None:
        lives = self.device()
        lives.bootstrapped()
        added, _ = lives.ask(AddObject(TABLE, ""), attributes(TABLE + "1.Description", 1))
        self.assertEqual(added, AddObjectResponse(1, 0))
        lives.change(TABLE + "1.Description", "changed")
        finished(lives.runtime.changes.delete_object(TABLE + "1.", Origin.LOCAL))
        lives.call()
        self.assertEqual(lives.acs.told()[-1], ("6 CONNECTION REQUEST",))

    def test_not_03_what_the_acs_wrote_itself_is_no_news(self) -> None:
        for level in (1, 2):
            lives = self.watched(level)
            lives.ask(attributes(KEY, 1))
            lives.ask(assign("key", **{NTP: "acs.example", CODE: "by the ACS"}))
            lives.run(1000)
            lives.call()
            self.assertEqual(set(lives.acs.told()[2:]), {("6 CONNECTION REQUEST",)})
            lives.reboot()
            self.assertEqual(lives.acs.told()[-1], ("1 BOOT",))
            lives.change(NTP, "pool.ntp.org")
            lives.call()
            self.assertIn("4 VALUE CHANGE", {code for told in lives.acs.told()[-2:] for code in told})

    def test_not_03_what_the_acs_overwrites_is_no_news_any_more(self) -> None:
        lives = self.watched(1)
        lives.change(NTP, "local.example")
        lives.acs.instead = lambda posted: down(posted) if is_inform(posted) else None
        lives.call()
        lives.acs.instead = good
        finished(lives.runtime.changes.set_values(assign("", **{NTP: "acs.example"}).parameter_list, Origin.ACS))
        lives.call()
        self.assertEqual(lives.acs.told()[-1], ("6 CONNECTION REQUEST",))

    def test_not_03_a_side_effect_on_another_parameter_is_news(self) -> None:
        lives = self.device()
        lives.bootstrapped()
        interface = "Device.IP.Interface.3"
        lives.ask(
            AddObject("Device.IP.Interface.", ""),
            AddObject(ROUTES, ""),
            assign("", **{ROUTES + "1.Interface": interface}),
            attributes(ROUTES + "1.Interface", 2),
        )
        (answer,) = lives.ask(DeleteObject(interface + ".", ""))
        self.assertEqual(answer, DeleteObjectResponse(0))
        lives.run(1)
        self.assertEqual(lives.acs.told()[-1], CHANGED)
        self.assertEqual(lives.last_values()[ROUTES + "1.Interface"], "")

    def test_not_04_the_throttle_holds_back_active_notifications_alone(self) -> None:
        lives = self.watched(2, DefaultActiveNotificationThrottle="60")
        ended = lives.clock.monotonic()
        lives.run(5)
        lives.change(NTP, "new.example")
        lives.run(54)
        self.assertEqual(len(lives.acs.sessions), 2)
        lives.run(2)
        self.assertEqual(lives.acs.told()[2:], [CHANGED])
        self.assertGreaterEqual(lives.acs.firsts()[-1].at - ended, 60)
        lives.change(NTP, "newer.example")
        lives.run(1)
        self.assertEqual(len(lives.acs.sessions), 3)
        lives.call()
        self.assertEqual(lives.acs.told()[3:], [("4 VALUE CHANGE", "6 CONNECTION REQUEST")])

    def test_not_04_a_boot_forgets_the_throttle_and_a_restart_does_not(self) -> None:
        for booted in (False, True):
            lives = self.watched(2, DefaultActiveNotificationThrottle="600")
            lives.change(NTP, "new.example")
            lives.kill()
            lives.resume(booted=booted)
            lives.run(300)
            self.assertEqual(len(lives.acs.sessions), 3 if booted else 2)
            lives.run(301)
            self.assertEqual(len(lives.acs.sessions), 3)

    def test_hidden_values_are_told_as_changed_and_stay_hidden(self) -> None:
        name = SERVER + "ConnectionRequestPassword"
        lives = self.watched(2, name)
        lives.change(name, "a-new-secret")
        self.assertEqual(lives.acs.told()[2:], [CHANGED])
        self.assertEqual(lives.last_values()[name], "")
        lives.run(1000)
        self.assertEqual(len(lives.acs.sessions), 3)


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


class AccessTests(LivesCase):
    """The AccessList."""

    def test_not_08_an_empty_notification_on_the_wire(self) -> None:
        lives = self.device()
        lives.bootstrapped()
        lives.ask(attributes(NTP, 1))
        whole = encode(Envelope(body=attributes(NTP, None, ()), id="7", namespace=CWMP_1_2))
        self.assertIn(b"<Notification>0</Notification>", whole)
        lives.acs.asking.append(whole.replace(b"<Notification>0</Notification>", b"<Notification></Notification>"))
        answer, read = lives.ask(GetParameterAttributes((NTP,)))
        self.assertEqual(answer, SetParameterAttributesResponse())
        assert isinstance(read, GetParameterAttributesResponse)
        self.assertEqual((read.parameter_list[0].notification, read.parameter_list[0].access_list), (1, ()))

    def test_not_10_an_empty_access_list_leaves_only_the_acs(self) -> None:
        lives = self.device()
        lives.bootstrapped()
        lives.change(NTP, "local.example", Origin.LOCAL)
        lives.ask(attributes(NTP, None, ()))
        with self.assertRaises(CwmpFault):
            lives.change(NTP, "refused.example", Origin.LOCAL)
        self.assertEqual(lives.value(NTP), "local.example")
        lives.change(NTP, "device.example", Origin.DEVICE)
        (answer,) = lives.ask(assign("", **{NTP: "acs.example"}))
        self.assertEqual(answer, SetParameterValuesResponse(0))
        self.assertEqual(lives.value(NTP), "acs.example")
        lives.ask(attributes(NTP, None, ("Subscriber",)))
        lives.change(NTP, "local.example", Origin.LOCAL)
        self.assertEqual(lives.value(NTP), "local.example")

    def test_not_10_a_local_person_writes_no_read_only_parameter(self) -> None:
        lives = self.device()
        lives.bootstrapped()
        with self.assertRaises(CwmpFault):
            lives.change("Device.DeviceInfo.SoftwareVersion", "9", Origin.LOCAL)
