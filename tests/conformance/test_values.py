"""GetParameterValues and SetParameterValues (GPV and SPV): paths, types, atomicity, ParameterKey."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred

from cwmpagent.errors import CwmpFault
from cwmpagent.lab.acs.misbehaviour import Drop
from cwmpagent.protocol.rpc import (
    AddObject,
    DeleteObject,
    Fault,
    GetParameterValues,
    GetParameterValuesResponse,
    ParameterValueStruct,
    Reboot,
    ScheduleInform,
    SetParameterValues,
    SetParameterValuesResponse,
)
from cwmpagent.values import Value, ValueType, parse_time
from tests.agent.bench import SERVER, BenchCase, assign
from tests.conformance.simulated import CODE, ELSEWHERE, NTP, TABLE, SimulatedAgentCase

KEY = SERVER + "ParameterKey"
UPTIME = "Device.DeviceInfo.UpTime"
LOCAL_TIME = "Device.Time.CurrentLocalTime"
PASSWORDS = (SERVER + "Password", SERVER + "ConnectionRequestPassword")


class Case(BenchCase):
    """Tests with a bootstrapped agent."""

    async def read(self, *paths: str) -> dict[str, Value]:
        """Values by name; each name occurs once."""
        (answer,) = await self.ask(GetParameterValues(paths))
        self.assertIsInstance(answer, GetParameterValuesResponse, answer)
        found = {each.name: each.value for each in answer.parameter_list}
        self.assertEqual(len(found), len(answer.parameter_list))
        return found

    async def texts(self, *paths: str) -> list[str]:
        """Texts by name."""
        return [value.text for value in (await self.read(*paths)).values()]

    async def fault(self, request: Any) -> tuple[int, dict[str, int]]:
        """The fault code of ``request``, and those of single parameters."""
        (answer,) = await self.ask(request)
        self.assertIsInstance(answer, Fault, answer)
        return answer.code, {each.name: each.code for each in answer.parameters}


class GetTests(Case):
    """GetParameterValues."""

    async def test_gpv_01_leaf_partial_path_and_everything(self) -> None:
        await self.bootstrapped()
        self.assertEqual(await self.read(CODE), {CODE: Value(ValueType.STRING, "")})
        time = await self.read("Device.Time.")
        self.assertEqual({name.rpartition(".")[0] for name in time}, {"Device.Time"})
        whole = await self.read("")
        self.assertEqual(whole.keys(), (await self.read("Device.")).keys())
        self.assertLessEqual(time.keys(), whole.keys())
        self.assertEqual(len(whole), len(set(whole)))
        deep = await self.read("Device.IP.")
        self.assertEqual(deep["Device.IP.Interface.1.IPv4Address.1.IPAddress"], Value(ValueType.STRING, "192.0.2.10"))
        for name, kind in (
            (SERVER + "EnableCWMP", ValueType.BOOLEAN),
            (SERVER + "PeriodicInformInterval", ValueType.UNSIGNED_INT),
            (SERVER + "PeriodicInformTime", ValueType.DATE_TIME),
            ("Device.Ethernet.Interface.1.MaxBitRate", ValueType.INT),
            ("Device.Ethernet.Interface.1.Stats.BytesSent", ValueType.UNSIGNED_LONG),
            (SERVER + "URL", ValueType.STRING),
        ):
            self.assertIs(whole[name].kind, kind, name)

    async def test_gpv_01_the_whole_tree_with_many_rows(self) -> None:
        await self.bootstrapped()
        before = len(await self.read(""))
        await self.ask(*(AddObject(TABLE, "") for _ in range(60)))
        whole = await self.read("")
        self.assertEqual(len(whole), before + 60 * 14)
        self.assertEqual(whole["Device.NAT.PortMappingNumberOfEntries"].text, "60")
        self.assertEqual(len(await self.read(TABLE)), 60 * 14)

    async def test_gpv_01_overlapping_names_come_once(self) -> None:
        await self.bootstrapped()
        self.assertEqual(
            await self.read("Device.Time.", NTP, NTP, "Device."), await self.read("Device.Time.", "Device.")
        )

    async def test_gpv_01_live_values(self) -> None:
        await self.bootstrapped()
        before = await self.read(UPTIME, LOCAL_TIME)
        self.assertIs(before[UPTIME].kind, ValueType.UNSIGNED_INT)
        self.assertIs(before[LOCAL_TIME].kind, ValueType.DATE_TIME)
        self.assertLess(int(before[UPTIME].text), self.timeout)
        await self.pause(1.05)
        after = await self.read(UPTIME, LOCAL_TIME)
        self.assertGreater(int(after[UPTIME].text), int(before[UPTIME].text))
        earlier, later = parse_time(before[LOCAL_TIME].text), parse_time(after[LOCAL_TIME].text)
        assert earlier is not None and later is not None
        self.assertGreater(later, earlier)

    async def test_gpv_02_one_bad_name_and_no_values(self) -> None:
        await self.bootstrapped()
        self.assertEqual(await self.fault(GetParameterValues((CODE, "Device.Nowhere", NTP))), (9005, {}))

    async def test_gpv_03_an_empty_table_gives_nothing(self) -> None:
        await self.bootstrapped()
        self.assertEqual(await self.read(TABLE), {})
        self.assertEqual(list(await self.read(TABLE, CODE)), [CODE])

    async def test_gpv_04_passwords_are_empty_whoever_set_them(self) -> None:
        await self.bootstrapped()
        user = "Device.Users.User.1."
        await self.ask(
            AddObject("Device.Users.User.", ""),
            assign("", **{user + "Password": "user-secret", PASSWORDS[1]: "request-secret"}),
        )
        for paths in ((*PASSWORDS, user + "Password"), (SERVER, "Device.Users."), ("",)):
            found = await self.read(*paths)
            for name in (*PASSWORDS, user + "Password"):
                self.assertEqual(found[name], Value(ValueType.STRING, ""))
            self.assertNotIn("-secret", repr(found))

    async def test_gpv_05_a_leaf_is_no_object_and_an_object_no_leaf(self) -> None:
        await self.bootstrapped()
        paths = (CODE + ".", "Device.DeviceInfo", "Device", TABLE + "1", TABLE.rstrip("."), "Device.NAT.*.")
        for path, answer in zip(paths, await self.ask(*(GetParameterValues((path,)) for path in paths)), strict=True):
            self.assertIsInstance(answer, Fault, path)
            self.assertEqual((answer.code, answer.parameters), (9005, ()), path)


class SetTests(Case):
    """SetParameterValues."""

    async def test_spv_01_two_good_ones(self) -> None:
        await self.bootstrapped()
        done, read = await self.ask(assign("key1", **{CODE: "a", NTP: "b"}), GetParameterValues((CODE, NTP, KEY)))
        self.assertEqual(done, SetParameterValuesResponse(0))
        self.assertEqual([each.value.text for each in read.parameter_list], ["a", "b", "key1"])

    async def test_spv_01_an_empty_list_and_a_present_value_are_valid(self) -> None:
        await self.bootstrapped()
        done, again = await self.ask(SetParameterValues((), "only a key"), assign("same", **{NTP: "pool.ntp.org"}))
        self.assertEqual((done, again), (SetParameterValuesResponse(0), SetParameterValuesResponse(0)))
        self.assertEqual(await self.texts(KEY, NTP), ["same", "pool.ntp.org"])

    async def test_spv_01_what_was_set_outlives_a_restart(self) -> None:
        await self.bootstrapped()
        await self.ask(assign("kept", **{CODE: "a<&>\"'\té€𝄞"}))
        await self.end()
        self.begin()
        await self.session(since=self.lab.sessions.seen)
        self.assertEqual(await self.texts(CODE, KEY), ["a<&>\"'\té€𝄞", "kept"])

    async def test_spv_02_all_or_nothing_with_every_fault(self) -> None:
        await self.bootstrapped()
        await self.ask(assign("before", **{CODE: "before"}))
        request = assign(
            "after",
            **{
                CODE: "after",
                "Device.DeviceInfo.SoftwareVersion": "1",
                "Device.Ethernet.Interface.1.DuplexMode": "Sideways",
                "Device.Nowhere": "x",
            },
        )
        code, single = await self.fault(request)
        self.assertEqual(code, 9003)
        self.assertEqual(
            single,
            {
                "Device.DeviceInfo.SoftwareVersion": 9008,
                "Device.Ethernet.Interface.1.DuplexMode": 9007,
                "Device.Nowhere": 9005,
            },
        )
        self.assertEqual(await self.texts(CODE, KEY), ["before", "before"])

    async def test_spv_03_a_name_twice(self) -> None:
        await self.bootstrapped()
        twice = SetParameterValues(
            tuple(ParameterValueStruct(CODE, Value(ValueType.STRING, each)) for each in "ab"), "k"
        )
        self.assertEqual(await self.fault(twice), (9003, {CODE: 9003}))
        self.assertEqual(await self.texts(CODE, KEY), ["", ""])

    async def test_spv_04_wrong_type(self) -> None:
        await self.bootstrapped()
        for name, value in (
            (SERVER + "PeriodicInformInterval", Value(ValueType.STRING, "60")),
            (SERVER + "PeriodicInformInterval", Value(ValueType.INT, "60")),
            (CODE, Value(ValueType.INT, "60")),
            (SERVER + "PeriodicInformEnable", Value(ValueType.STRING, "true")),
        ):
            self.assertEqual(await self.fault(assign("k", **{name: value})), (9003, {name: 9006}), value)
        self.assertEqual(await self.texts(KEY), [""])

    async def test_spv_05_no_full_name(self) -> None:
        await self.bootstrapped()
        names = ("Device.Time.", "", TABLE + "1.Enable", "Device.Ethernet.Interface.*.Enable", "Device.Time")
        for name, answer in zip(names, await self.ask(*(assign("k", **{name: "x"}) for name in names)), strict=True):
            self.assertIsInstance(answer, Fault, name)
            self.assertEqual([(each.name, each.code) for each in answer.parameters], [(name, 9005)])

    async def test_spv_06_what_the_session_still_uses_is_status_1(self) -> None:
        await self.bootstrapped()
        requests = [
            assign("1", **{SERVER + "Username": "another"}),
            assign("2", **{SERVER + "Password": "another", CODE: "x"}),
            GetParameterValues((SERVER + "Username", SERVER + "Password", CODE, KEY)),
            assign("3", **{SERVER + "Username": "cpe"}),
            assign("4", **{SERVER + "Password": "acs-secret"}),
            assign("5", **{SERVER + "ConnectionRequestUsername": "acs"}),
        ]
        answers = await self.ask(*requests)
        read = answers.pop(2)
        self.assertEqual([answer.status for answer in answers], [1, 1, 1, 1, 0])
        self.assertEqual([each.value.text for each in read.parameter_list], ["another", "", "x", "2"])
        self.assertEqual(await self.texts(KEY), ["5"])

    async def test_spv_08_a_key_that_is_too_long(self) -> None:
        await self.bootstrapped()
        self.assertEqual((await self.fault(assign("k" * 33, **{CODE: "x"})))[0], 9003)
        self.assertEqual(await self.texts(CODE, KEY), ["", ""])
        (done,) = await self.ask(assign("k" * 32, **{CODE: "x"}))
        self.assertEqual(done, SetParameterValuesResponse(0))
        self.assertEqual(await self.texts(CODE, KEY), ["x", "k" * 32])

    async def test_spv_09_edges_of_what_is_allowed(self) -> None:
        await self.bootstrapped()
        number, small = ValueType.UNSIGNED_INT, ValueType.INT
        retry = SERVER + "CWMPRetryIntervalMultiplier"
        await self.ask(AddObject(TABLE, ""))
        edges = (
            (retry, number, ("1000", "65535", " 2000 "), ("999", "65536", "-1", "", "x", "1.5")),
            ("Device.IP.Interface.1.MaxMTUSize", number, ("64", "65535"), ("63", "65536")),
            ("Device.Ethernet.Interface.1.MaxBitRate", small, ("-1", "+5", "2147483647"), ("-2", "2147483648", "1e3")),
            (TABLE + "1.ExternalPort", number, ("0", "65535"), ("65536",)),
            (CODE, ValueType.STRING, ("", "x" * 64), ("x" * 65,)),
            ("Device.Ethernet.Interface.1.DuplexMode", ValueType.STRING, ("Half", "Auto"), ("half", "", "Half,Full")),
            ("Device.IP.Interface.1.IPv4Address.1.IPAddress", ValueType.STRING, ("", "10.0.0.1"), ("10.0.0.256", "x")),
            (
                SERVER + "URL",
                ValueType.STRING,
                (),
                ("ftp://a/", "http://user:pw@a/", "http://", "a b", "http://[::1/", "http://a:b/", "http://a:123456/"),
            ),
            (SERVER + "PeriodicInformEnable", ValueType.BOOLEAN, ("1", "0", "false", "true"), ("yes", "TRUE", "")),
            (
                SERVER + "PeriodicInformTime",
                ValueType.DATE_TIME,
                ("0001-01-01T00:00:00Z", "2026-02-28T23:59:59.5+01:00"),
                ("2026-02-30T00:00:00Z", "yesterday", "2026-02-28"),
            ),
            (
                TABLE + "1.Interface",
                ValueType.STRING,
                ("Device.IP.Interface.1", ""),
                ("Device.IP.Interface.9", "Device."),
            ),
        )
        for name, kind, good, bad in edges:
            answers = await self.ask(
                *(assign("in", **{name: Value(kind, text)}) for text in good),
                *(assign("out", **{name: Value(kind, text)}) for text in bad),
            )
            for text, answer in zip(good, answers, strict=False):
                self.assertEqual(answer, SetParameterValuesResponse(0), (name, text))
            for text, answer in zip(bad, answers[len(good) :], strict=True):
                self.assertIsInstance(answer, Fault, (name, text))
                self.assertEqual([(each.name, each.code) for each in answer.parameters], [(name, 9007)], (name, text))
        self.assertEqual(await self.texts(KEY), ["in"])

    async def test_spv_09_what_must_be_unique(self) -> None:
        await self.bootstrapped()
        first, second = TABLE + "1.", TABLE + "2."
        tcp = {"ExternalPort": Value(ValueType.UNSIGNED_INT, "80"), "RemoteHost": "203.0.113.1"}
        enable = {"Enable": Value(ValueType.BOOLEAN, "true")}
        await self.ask(
            AddObject(TABLE, ""), AddObject(TABLE, ""), assign("", **{first + n: v for n, v in (tcp | enable).items()})
        )
        same = {second + n: v for n, v in (tcp | enable).items()}
        (refused,) = await self.ask(assign("", **same))
        self.assertIsInstance(refused, Fault)
        self.assertEqual({each.code for each in refused.parameters}, {9007})
        (done,) = await self.ask(assign("", **same, **{second + "Protocol": "UDP"}))
        self.assertEqual(done, SetParameterValuesResponse(0))

    async def test_parameter_key_follows_success_alone(self) -> None:
        await self.bootstrapped()
        for request, succeeds in (
            (assign("a", **{CODE: "x"}), True),
            (assign("b", **{"Device.Nowhere": "x"}), False),
            (AddObject(TABLE, "c"), True),
            (AddObject("Device.Nowhere.", "d"), False),
            (DeleteObject(TABLE + "1.", "e"), True),
            (DeleteObject(TABLE + "1.", "f"), False),
            (AddObject(TABLE, ""), True),
            (assign("g", **{KEY: "x"}), False),
            (ScheduleInform(3600, "h"), None),
        ):
            before = (await self.texts(KEY))[0]
            await self.ask(request)
            expected = request.parameter_key if succeeds else before
            self.assertEqual(await self.texts(KEY), [expected], request)

    async def test_parameter_key_outlives_a_reboot(self) -> None:
        await self.bootstrapped()
        number = self.lab.sessions.seen
        await self.ask(assign("kept", **{CODE: "x"}), Reboot(""))
        trace = await self.session(event="1 BOOT", since=number)
        told = {each.name: each.value.text for each in trace.informs[0].parameter_list}
        self.assertEqual((told[KEY], told[CODE]), ("kept", "x"))

    async def test_spv_07_the_answer_lost_and_the_change_whole(self) -> None:
        await self.bootstrapped()
        self.lab.misbehave(Drop(at="SetParameterValuesResponse", times=2))
        asked: Deferred[Any] = self.lab.queue("00D09E-Gateway-SN0001", assign("lost", **{CODE: "a", NTP: "b"}))
        await self.lab.connection_request("00D09E-Gateway-SN0001")
        await asked
        await self.session(since=self.lab.sessions.seen)
        self.assertEqual(await self.texts(CODE, NTP, KEY), ["a", "b", "lost"])


class StoreTests(SimulatedAgentCase):
    """The state on the disk when the process is killed, and faults when the disk fails."""

    def test_spv_07_killed_around_a_change(self) -> None:
        for silent_at in (3, 4):
            simulated = self.device()
            simulated.bootstrapped()
            simulated.acs.instead = lambda posted, last=silent_at: Deferred() if posted.number == last else None
            simulated.ask(assign("k", **{CODE: "a", NTP: "b"}), assign("l", **{CODE: "c", NTP: "d"}))
            simulated.kill()
            simulated.resume(booted=False)
            found = [simulated.value(name) for name in (CODE, NTP, KEY)]
            self.assertEqual(found, ["a", "b", "k"] if silent_at == 3 else ["c", "d", "l"])

    def test_spv_06_new_credentials_and_url_count_from_the_next_session(self) -> None:
        simulated = self.device(Username="old")
        simulated.bootstrapped()
        (done,) = simulated.ask(assign("", **{SERVER + "Username": "new"}))
        self.assertEqual(done, SetParameterValuesResponse(1))
        self.assertEqual({posted.username for posted in simulated.acs.sessions[-1]}, {"old"})
        simulated.call()
        self.assertEqual({posted.username for posted in simulated.acs.sessions[-1]}, {"new"})
        simulated.ask(assign("", **{SERVER + "URL": ELSEWHERE}))
        self.assertEqual({posted.url for posted in simulated.acs.sessions[-2]}, {"http://acs.example/"})
        self.assertEqual({posted.url for posted in simulated.acs.sessions[-1]}, {ELSEWHERE})

    def test_spv_02_the_device_itself_is_held_to_the_types_too(self) -> None:
        simulated = self.device()
        simulated.bootstrapped()
        for path, text in ((SERVER + "PeriodicInformInterval", "0"), (CODE, "x" * 65), ("Device.Nowhere", "")):
            with self.assertRaises(CwmpFault):
                simulated.change(path, text)
        self.assertEqual(len(simulated.acs.sessions), 1)
