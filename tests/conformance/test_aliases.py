"""Rows by alias and wildcard over loopback (TR-069 3.6.1; OBJ-08 to OBJ-10)."""

from __future__ import annotations

from typing import Any

from cwmpagent.agent.parameters.changes import Origin
from cwmpagent.datamodel.plan import ParameterAssignment
from cwmpagent.protocol.rpc import (
    AddObject,
    AddObjectResponse,
    DeleteObject,
    DeleteObjectResponse,
    Fault,
    GetParameterAttributes,
    GetParameterNames,
    GetParameterValues,
    GetParameterValuesResponse,
    SetParameterAttributes,
    SetParameterAttributesResponse,
    SetParameterAttributesStruct,
    SetParameterValuesResponse,
)
from cwmpagent.values import Value, ValueType
from tests.agent.bench import SERVER, BenchCase, assign
from tests.conformance.simulated import TABLE

COUNT = "Device.NAT.PortMappingNumberOfEntries"
KEY = SERVER + "ParameterKey"
MODE = SERVER + "InstanceMode"
CREATE = SERVER + "AutoCreateInstances"
WEB = TABLE + "[web]."
IP = "Device.IP.Interface."
ON = Value(ValueType.BOOLEAN, "true")


def notify(path: str, level: int) -> SetParameterAttributes:
    """A SetParameterAttributes that sets one Notification."""
    return SetParameterAttributes((SetParameterAttributesStruct(path, True, level, False, ()),))


class AliasTests(BenchCase):
    """Rows with aliases of the ACS."""

    async def read(self, *paths: str) -> dict[str, str]:
        """Names and texts in the response to a GetParameterValues."""
        (answer,) = await self.ask(GetParameterValues(paths))
        self.assertIsInstance(answer, GetParameterValuesResponse, str(answer))
        return {each.name: each.value.text for each in answer.parameter_list}

    async def names(self, path: str, next_level: bool) -> list[str]:
        """Names in the response to a GetParameterNames."""
        (answer,) = await self.ask(GetParameterNames(path, next_level))
        return [each.name for each in answer.parameter_list]

    async def codes(self, *requests: Any) -> list[int]:
        """The fault code of each request."""
        answers = await self.ask(*requests)
        for answer in answers:
            self.assertIsInstance(answer, Fault, str(answer))
        return [answer.code for answer in answers]

    async def refused(self, request: Any) -> dict[str, int]:
        """The parameters at fault in a SetParameterValues, each with its fault code."""
        (answer,) = await self.ask(request)
        self.assertIsInstance(answer, Fault, str(answer))
        self.assertEqual(answer.code, 9003)
        self.assertNotIn("", [each.text for each in answer.parameters])
        return {each.name: each.code for each in answer.parameters}

    async def test_obj_08_add_object_with_an_alias(self) -> None:
        trace = await self.bootstrapped()
        told = {each.name: each.value.text for each in trace.informs[0].parameter_list}
        self.assertEqual(told[SERVER + "AliasBasedAddressing"], "true")
        added, read, other = await self.ask(
            AddObject(WEB, "added"), GetParameterValues((WEB + "Alias", WEB + "Protocol", KEY)), AddObject(TABLE, "")
        )
        self.assertEqual((added, other), (AddObjectResponse(1, 0), AddObjectResponse(2, 0)))
        self.assertEqual(
            [(each.name, each.value.text) for each in read.parameter_list],
            [(WEB + "Alias", "web"), (WEB + "Protocol", "TCP"), (KEY, "added")],
        )
        self.assertEqual(await self.read(TABLE + "1.Alias"), {TABLE + "1.Alias": "web"})
        self.assertEqual(await self.read(TABLE + "2.Alias"), {TABLE + "2.Alias": "cpe-2"})

    async def test_obj_08_every_rpc_takes_aliases(self) -> None:
        await self.bootstrapped()
        rule = IP + "[cpe-1].IPv4Address."
        answers = await self.ask(
            AddObject(WEB, ""),
            assign("", **{WEB + "Description": "d", TABLE + "1.Interface": IP + "[cpe-2]"}),
            notify(WEB + "Description", 1),
            GetParameterAttributes((WEB + "Description",)),
            GetParameterNames(WEB, True),
            AddObject(rule + "[second].", ""),
            GetParameterValues((rule + "2.Alias", IP + "1.IPv4Address.[second].Enable")),
            GetParameterValues((TABLE + "1.Interface",)),
            DeleteObject(rule + "[second].", ""),
            DeleteObject(WEB, "gone"),
            GetParameterValues((COUNT, KEY)),
        )
        _, written, noted, attributes, listed, added, inner, interface, *deleted, after = answers
        self.assertEqual((written, noted), (SetParameterValuesResponse(0), SetParameterAttributesResponse()))
        self.assertEqual(
            [(each.name, each.notification) for each in attributes.parameter_list], [(WEB + "Description", 1)]
        )
        self.assertIn(WEB + "Alias", [each.name for each in listed.parameter_list])
        self.assertEqual(added, AddObjectResponse(2, 0))
        self.assertEqual(
            [(each.name, each.value.text) for each in inner.parameter_list],
            [(rule + "2.Alias", "second"), (IP + "1.IPv4Address.[second].Enable", "false")],
        )
        self.assertEqual(interface.parameter_list[0].value.text, IP + "2")
        self.assertEqual(deleted, [DeleteObjectResponse(0)] * 2)
        self.assertEqual([each.value.text for each in after.parameter_list], ["0", "gone"])
        self.assert_nothing_odd()

    async def test_obj_08_aliases_that_are_refused(self) -> None:
        await self.bootstrapped()
        await self.ask(AddObject(WEB, "before"), AddObject(TABLE, "before"))
        bad = ["", "9x", "-", "a" * 65, "a[b", "[a]", "web", "cpe-2"]
        codes = await self.codes(*(AddObject(f"{TABLE}[{alias}].", "after") for alias in bad))
        self.assertEqual(codes, [9003] * len(bad))
        alias = TABLE + "2.Alias"
        for text in bad[:-1]:  # the last one is its present alias
            self.assertEqual(await self.refused(assign("after", **{alias: text})), {alias: 9007}, text)
        self.assertEqual(await self.refused(assign("after", **{WEB + "Alias": "cpe-2"})), {WEB + "Alias": 9007})
        twice = {WEB + "Enable": ON, TABLE + "1.Enable": ON}
        self.assertEqual(await self.refused(assign("after", **twice)), dict.fromkeys(twice, 9003))
        unknown = TABLE + "[nobody]."
        self.assertEqual(await self.refused(assign("", **{unknown + "Enable": ON})), {unknown + "Enable": 9005})
        self.assertEqual(
            await self.codes(
                GetParameterValues((unknown,)),
                GetParameterValues(("Device.Time.[x].",)),
                GetParameterNames(unknown, False),
                GetParameterAttributes((unknown,)),
                DeleteObject(unknown, ""),
                DeleteObject(TABLE + "[web]", ""),
                notify(unknown, 1),
            ),
            [9005] * 7,
        )
        self.assertEqual(await self.read(KEY, COUNT), {KEY: "before", COUNT: "2"})

    async def test_obj_08_an_alias_outlives_a_restart_and_nobody_else_changes_it(self) -> None:
        await self.bootstrapped()
        added, set_, next_ = await self.ask(
            AddObject(WEB, ""),
            assign("", **{IP + "[cpe-1].Alias": "cpe-2-", WEB + "Alias": "cpe-2"}),
            AddObject(TABLE, ""),
        )
        self.assertEqual((added.instance_number, set_.status, next_.instance_number), (1, 0, 2))
        expected = {TABLE + "1.Alias": "cpe-2", TABLE + "2.Alias": "cpe-2-2", IP + "1.Alias": "cpe-2-"}
        self.assertEqual(await self.read(*expected), expected)
        await self.ask(DeleteObject(TABLE + "1.", ""))
        del expected[TABLE + "1.Alias"]
        await self.end()
        self.begin()
        await self.session(since=self.lab.sessions.seen)
        self.assertEqual(await self.read(*expected), expected)

    async def test_obj_09_instance_mode(self) -> None:
        await self.bootstrapped()
        await self.ask(AddObject(WEB, ""), AddObject(TABLE, ""), assign("", **{MODE: "InstanceAlias"}))
        read = await self.read(TABLE)
        self.assertEqual({name[: len(WEB)] for name in read}, {WEB, TABLE + "[cpe-2"})
        self.assertEqual(await self.names(TABLE, True), [WEB, TABLE + "[cpe-2]."])
        self.assertIn(IP + "[cpe-1].IPv4Address.[cpe-1].IPAddress", await self.names("", False))
        (attributes,) = await self.ask(GetParameterAttributes((IP + "2.IPv4Address.",)))
        # Segments that the ACS wrote keep their form; InstanceMode decides the form of the others.
        self.assertEqual(
            {each.name.rpartition(".")[0] for each in attributes.parameter_list}, {IP + "2.IPv4Address.[cpe-1]"}
        )
        self.assertEqual(
            [*await self.read(TABLE + "1.Protocol", WEB + "Protocol")], [TABLE + "1.Protocol", WEB + "Protocol"]
        )
        self.assertEqual([*await self.read(TABLE + "*.Protocol")], [WEB + "Protocol", TABLE + "[cpe-2].Protocol"])
        await self.ask(assign("", **{MODE: "InstanceNumber"}))
        self.assertEqual(await self.names(TABLE, True), [TABLE + "1.", TABLE + "2."])
        self.assertEqual([*await self.read(WEB + "Protocol")], [WEB + "Protocol"])
        self.assertEqual(await self.refused(assign("", **{MODE: "Both"})), {MODE: 9007})

    async def test_obj_09_informs_too(self) -> None:
        await self.bootstrapped()
        number = self.lab.sessions.seen
        await self.ask(AddObject(WEB, ""), notify(WEB + "Description", 2), assign("", **{MODE: "InstanceAlias"}))
        assert self.agent is not None
        for text in ("one", "two"):
            number = self.lab.sessions.seen
            await self.agent.runtime.changes.set_values(
                [ParameterAssignment(TABLE + "1.Description", text)], Origin.LOCAL
            )
            trace = await self.session(event="4 VALUE CHANGE", since=number)
            told = {each.name: each.value.text for each in trace.informs[0].parameter_list}
            self.assertEqual(told[WEB + "Description"], text)
        self.assertEqual(self.lab.sessions.seen, number + 1)

    async def test_obj_10_rows_created_by_a_set(self) -> None:
        await self.bootstrapped()
        self.assertEqual(
            await self.refused(assign("", **{WEB + "Enable": ON, TABLE + "7.Enable": ON})),
            {WEB + "Enable": 9005, TABLE + "7.Enable": 9005},
        )
        (written,) = await self.ask(assign("", **{CREATE: ON}))
        self.assertEqual(written, SetParameterValuesResponse(0))
        inner = IP + "[new].IPv4Address.[first]."
        values = {WEB + "Description": "d", WEB + "Interface": IP + "[new]", inner + "IPAddress": "192.0.2.77"}
        (written,) = await self.ask(assign("made", **values))
        self.assertEqual(written, SetParameterValuesResponse(0))
        self.assertEqual(
            await self.read(*values, KEY, COUNT), {**values, WEB + "Interface": IP + "3", KEY: "made", COUNT: "1"}
        )
        self.assertEqual(await self.names(IP + "[new].IPv4Address.", True), [IP + "[new].IPv4Address.1."])
        await self.end()
        self.begin()
        await self.session(since=self.lab.sessions.seen)
        self.assertEqual(await self.read(WEB + "Alias", TABLE), {**await self.read(TABLE), WEB + "Alias": "web"})

    async def test_obj_10_a_fault_leaves_no_row(self) -> None:
        await self.bootstrapped()
        await self.ask(assign("before", **{CREATE: ON}))
        bad = {
            TABLE + "7.Enable": 9005,
            TABLE + "[9x].Enable": 9005,
            "Device.Ethernet.Interface.[new].Enable": 9005,
            "Device.Nowhere.[new].Enable": 9005,
            WEB + "Nothing": 9005,
            WEB + "Status": 9008,
            WEB + "Protocol": 9007,
            WEB + "Alias": 9007,
        }
        good = {WEB + "Description": "good", TABLE + "[other].Description": "good"}
        values = {name: "" if not name.endswith("Enable") else ON for name in bad}
        self.assertEqual(await self.refused(assign("after", **good, **values)), bad)
        self.assertEqual(await self.read(TABLE, COUNT, KEY), {COUNT: "0", KEY: "before"})
        (added,) = await self.ask(AddObject(TABLE, ""))
        self.assertEqual(added.instance_number, 1)

    async def test_obj_10_a_full_table(self) -> None:
        await self.bootstrapped()
        users = "Device.Users.User."
        await self.ask(*(AddObject(users, "") for _ in range(63)), assign("", **{CREATE: ON}))
        rows = {f"{users}[{alias}].Language": "en" for alias in ("last", "more")}
        self.assertEqual(await self.refused(assign("", **rows)), {users + "[more].Language": 9001})
        self.assertEqual(
            await self.read("Device.Users.UserNumberOfEntries"), {"Device.Users.UserNumberOfEntries": "63"}
        )

    async def test_wildcards(self) -> None:
        await self.bootstrapped()
        self.assertEqual(
            await self.read(SERVER + "InstanceWildcardsSupported", TABLE + "*."),
            {SERVER + "InstanceWildcardsSupported": "true"},
        )
        self.assertEqual(await self.names(TABLE + "*.", False), [])
        await self.ask(AddObject(WEB, ""), AddObject(TABLE, ""), DeleteObject(TABLE + "2.", ""), AddObject(TABLE, ""))
        descriptions = [TABLE + "1.Description", TABLE + "3.Description"]
        self.assertEqual([*await self.read(TABLE + "*.Description")], descriptions)
        self.assertEqual(await self.names(TABLE + "*.Description", False), descriptions)
        self.assertEqual(
            await self.names(TABLE + "*.", True),
            await self.names(TABLE + "1.", True) + await self.names(TABLE + "3.", True),
        )
        (attributes,) = await self.ask(GetParameterAttributes((IP + "*.IPv4Address.*.Enable",)))
        self.assertEqual(
            [each.name for each in attributes.parameter_list],
            [f"{IP}{number}.IPv4Address.1.Enable" for number in (1, 2)],
        )
        self.assertEqual(
            [*await self.read(IP + "*.IPv4Address.[cpe-1].Enable", IP + "*.IPv4Address.9.Enable")],
            [f"{IP}{number}.IPv4Address.[cpe-1].Enable" for number in (1, 2)],
        )
        self.assertEqual(await self.codes(GetParameterNames(TABLE + "*.Enable", True)), [9003])

    async def test_wildcards_where_they_are_no_good(self) -> None:
        await self.bootstrapped()
        await self.ask(AddObject(TABLE, ""))
        self.assertEqual(
            await self.codes(
                *(
                    GetParameterValues((path,))
                    for path in (
                        "*",
                        "*.",
                        "Device.*.",
                        TABLE + "*",
                        TABLE + "*.Nothing",
                        TABLE + "*.*.",
                        IP + "9.IPv4Address.*.",
                        "Device.Time.*.",
                    )
                ),
                notify(TABLE + "*.Enable", 1),
                AddObject(IP + "*.IPv4Address.", ""),
                AddObject(TABLE + "*.", ""),
                DeleteObject(TABLE + "*.", ""),
            ),
            [9005] * 12,
        )
        self.assertEqual(await self.refused(assign("", **{TABLE + "*.Enable": ON})), {TABLE + "*.Enable": 9005})
        await self.ask(assign("", **{CREATE: ON}))
        self.assertEqual(await self.refused(assign("", **{TABLE + "*.Enable": ON})), {TABLE + "*.Enable": 9005})
