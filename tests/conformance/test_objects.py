"""AddObject and DeleteObject (OBJ) over loopback."""

from __future__ import annotations

from typing import Any

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
    Reboot,
    SetParameterValuesResponse,
)
from cwmpagent.values import Value, ValueType
from tests.agent.bench import SERVER, BenchCase, assign
from tests.conformance.simulated import CODE, TABLE

KEY = SERVER + "ParameterKey"
ROUTES = "Device.Routing.Router.1.IPv4Forwarding."
INTERFACES = "Device.IP.Interface."
COUNT = "Device.NAT.PortMappingNumberOfEntries"


class ObjectTests(BenchCase):
    """Rows that the ACS adds and deletes."""

    async def code(self, *requests: Any) -> list[int]:
        """The fault code of each request."""
        answers = await self.ask(*requests)
        for answer in answers:
            self.assertIsInstance(answer, Fault, answer)
        return [answer.code for answer in answers]

    async def texts(self, *paths: str) -> list[str]:
        """Values of parameters."""
        (answer,) = await self.ask(GetParameterValues(paths))
        self.assertIsInstance(answer, GetParameterValuesResponse, answer)
        return [each.value.text for each in answer.parameter_list]

    async def rows(self, table: str = TABLE) -> list[str]:
        """The rows of a table."""
        (answer,) = await self.ask(GetParameterNames(table, True))
        return [each.name for each in answer.parameter_list]

    async def test_obj_01_a_new_row_with_its_defaults(self) -> None:
        await self.bootstrapped()
        added, read, attributes = await self.ask(
            AddObject(TABLE, "added"),
            GetParameterValues((TABLE + "1.Enable", TABLE + "1.Protocol", TABLE + "1.Description", COUNT, KEY)),
            GetParameterAttributes((TABLE,)),
        )
        self.assertEqual(added, AddObjectResponse(1, 0))
        self.assertEqual([each.value.text for each in read.parameter_list], ["false", "TCP", "", "1", "added"])
        self.assertEqual(len(attributes.parameter_list), 14)
        self.assertEqual(
            {(each.notification, each.access_list) for each in attributes.parameter_list}, {(0, ("Subscriber",))}
        )

    async def test_obj_01_children_come_with_their_row(self) -> None:
        await self.bootstrapped()
        added, inner, child, read = await self.ask(
            AddObject(INTERFACES, ""),
            GetParameterNames(INTERFACES + "3.IPv4Address.", True),
            AddObject(INTERFACES + "3.IPv4Address.", ""),
            GetParameterValues((INTERFACES + "3.IPv4Address.1.Enable", INTERFACES + "3.IPv4AddressNumberOfEntries")),
        )
        self.assertEqual((added.instance_number, inner.parameter_list, child.instance_number), (3, (), 1))
        self.assertEqual([each.value.text for each in read.parameter_list], ["false", "1"])

    async def test_obj_02_used_within_the_same_session(self) -> None:
        await self.bootstrapped()
        number = self.lab.sessions.seen
        answers = await self.ask(
            AddObject(TABLE, ""),
            assign("", **{TABLE + "1.Description": "web", TABLE + "1.Interface": "Device.IP.Interface.1"}),
            GetParameterValues((TABLE + "1.Description",)),
            DeleteObject(TABLE + "1.", "gone"),
            GetParameterValues((COUNT, KEY)),
        )
        self.assertEqual(self.lab.sessions.seen, number + 1)
        added, written, read, deleted, after = answers
        self.assertEqual((added, written), (AddObjectResponse(1, 0), SetParameterValuesResponse(0)))
        self.assertEqual(read.parameter_list[0].value.text, "web")
        self.assertEqual(deleted, DeleteObjectResponse(0))
        self.assertEqual([each.value.text for each in after.parameter_list], ["0", "gone"])
        self.assert_nothing_odd()

    async def test_obj_03_where_nothing_can_be_created(self) -> None:
        await self.bootstrapped()
        await self.ask(AddObject(TABLE, "before"))
        paths = (
            "Device.Ethernet.Interface.",
            "Device.Routing.Router.",
            "Device.NAT.",
            "Device.",
            "",
            CODE,
            TABLE.rstrip("."),
            TABLE + "1.",
            "Device.Nowhere.",
            INTERFACES + "9.IPv4Address.",
            "Device.NAT.[alias].",
            TABLE + "[alias].Enable",
        )
        self.assertEqual(await self.code(*(AddObject(path, "after") for path in paths)), [9005] * len(paths))
        self.assertEqual(await self.texts(KEY, COUNT), ["before", "1"])

    async def test_obj_04_a_full_table(self) -> None:
        await self.bootstrapped()
        users = "Device.Users.User."
        answers = await self.ask(*(AddObject(users, f"k{number}") for number in range(1, 66)))
        self.assertEqual([answer.instance_number for answer in answers[:64]], list(range(1, 65)))
        self.assertEqual(answers[64].code, 9004)
        self.assertEqual(await self.texts(KEY), ["k64"])
        deleted, added = await self.ask(DeleteObject(users + "7.", ""), AddObject(users, ""))
        self.assertEqual((deleted, added), (DeleteObjectResponse(0), AddObjectResponse(65, 0)))

    async def test_obj_05_gone_with_all_that_named_it(self) -> None:
        await self.bootstrapped()
        await self.ask(
            AddObject(INTERFACES, ""),
            AddObject(ROUTES, ""),
            AddObject(TABLE, ""),
            assign("", **{ROUTES + "1.Interface": INTERFACES + "3", TABLE + "1.Interface": INTERFACES + "3"}),
        )
        (deleted,) = await self.ask(DeleteObject(INTERFACES + "3.", "deleted"))
        self.assertEqual(deleted, DeleteObjectResponse(0))
        for path in (INTERFACES + "3.", INTERFACES + "3.Enable", INTERFACES + "3.Stats."):
            self.assertEqual(
                await self.code(GetParameterValues((path,)), DeleteObject(INTERFACES + "3.", "")), [9005, 9005]
            )
        self.assertEqual(await self.texts(ROUTES + "1.Interface", TABLE + "1.Interface", KEY), ["", "", "deleted"])
        await self.end()
        self.begin()
        await self.session(since=self.lab.sessions.seen)
        self.assertEqual(await self.texts(ROUTES + "1.Interface", KEY), ["", "deleted"])

    async def test_obj_05_a_row_of_the_factory_stays_gone(self) -> None:
        await self.bootstrapped()
        await self.ask(DeleteObject(INTERFACES + "2.", ""))
        await self.end()
        self.begin()
        await self.session(since=self.lab.sessions.seen)
        self.assertEqual(await self.rows(INTERFACES), [INTERFACES + "1."])
        (added,) = await self.ask(AddObject(INTERFACES, ""))
        self.assertEqual(added.instance_number, 3)

    async def test_obj_06_what_cannot_be_deleted(self) -> None:
        await self.bootstrapped()
        await self.ask(AddObject(TABLE, "before"))
        paths = (TABLE, "Device.", "", "Device.NAT.", CODE, TABLE + "1", TABLE + "2.", "Device.Ethernet.Interface.1.")
        self.assertEqual(await self.code(*(DeleteObject(path, "after") for path in paths)), [9005] * len(paths))
        self.assertEqual(await self.texts(KEY, COUNT), ["before", "1"])

    async def test_obj_07_rows_and_numbers_outlive_a_reboot(self) -> None:
        await self.bootstrapped()
        await self.ask(
            *(AddObject(TABLE, "") for _ in range(3)),
            assign(
                "", **{TABLE + "3.Description": "three", TABLE + "3.ExternalPort": Value(ValueType.UNSIGNED_INT, "3")}
            ),
            DeleteObject(TABLE + "2.", ""),
        )
        for way in ("reboot", "restart"):
            number = self.lab.sessions.seen
            if way == "reboot":
                await self.ask(Reboot(""))
            else:
                await self.end()
                self.begin()
            await self.session(event="1 BOOT", since=number)
            self.assertEqual(await self.rows(), [TABLE + "1.", TABLE + "3."])
            self.assertEqual(await self.texts(TABLE + "3.Description", COUNT), ["three", "2"])
        (deleted, added) = await self.ask(DeleteObject(TABLE + "3.", ""), AddObject(TABLE, ""))
        self.assertEqual((deleted, added), (DeleteObjectResponse(0), AddObjectResponse(4, 0)))
