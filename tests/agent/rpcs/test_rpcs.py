"""All RPCs of the agent, requested by the ACS of the lab in whole sessions over loopback."""

from __future__ import annotations

from cwmpagent.protocol.rpc import (
    AddObject,
    AddObjectResponse,
    DeleteObject,
    DeleteObjectResponse,
    FactoryReset,
    FactoryResetResponse,
    Fault,
    GetParameterAttributes,
    GetParameterAttributesResponse,
    GetParameterNames,
    GetParameterValues,
    GetRPCMethods,
    GetRPCMethodsResponse,
    ParameterAttributeStruct,
    ParameterInfoStruct,
    Reboot,
    RebootResponse,
    ScheduleInform,
    ScheduleInformResponse,
    SetParameterAttributes,
    SetParameterAttributesResponse,
    SetParameterAttributesStruct,
    SetParameterValuesResponse,
)
from cwmpagent.values import Value, ValueType
from tests.agent.bench import SERVER, BenchCase, assign

CODE = "Device.DeviceInfo.ProvisioningCode"
TABLE = "Device.NAT.PortMapping."


class RpcTests(BenchCase):
    async def test_get_rpc_methods(self) -> None:
        await self.bootstrapped()
        (answer,) = await self.ask(GetRPCMethods())
        self.assertEqual(
            answer,
            GetRPCMethodsResponse(
                (
                    "AddObject",
                    "CancelTransfer",
                    "DeleteObject",
                    "Download",
                    "FactoryReset",
                    "GetAllQueuedTransfers",
                    "GetParameterAttributes",
                    "GetParameterNames",
                    "GetParameterValues",
                    "GetQueuedTransfers",
                    "GetRPCMethods",
                    "Reboot",
                    "ScheduleDownload",
                    "ScheduleInform",
                    "SetParameterAttributes",
                    "SetParameterValues",
                    "Upload",
                )
            ),
        )
        self.assert_nothing_odd()

    async def test_set_and_get_values(self) -> None:
        await self.bootstrapped()
        done, read = await self.ask(
            assign("key1", **{CODE: 'a<&>"é'}), GetParameterValues((CODE, SERVER + "ParameterKey"))
        )
        self.assertEqual(done, SetParameterValuesResponse(0))
        self.assertEqual([each.value.text for each in read.parameter_list], ['a<&>"é', "key1"])
        self.assert_nothing_odd()

    async def test_faults_of_set_values_leave_all_as_it_was(self) -> None:
        await self.bootstrapped()
        faults, read = await self.ask(
            assign("bad", **{CODE: "new", "Device.DeviceInfo.SoftwareVersion": "2", "Device.Nowhere": "x"}),
            GetParameterValues((CODE, SERVER + "ParameterKey")),
        )
        self.assertIsInstance(faults, Fault)
        self.assertEqual(faults.code, 9003)
        self.assertEqual(
            {fault.name: fault.code for fault in faults.parameters},
            {"Device.DeviceInfo.SoftwareVersion": 9008, "Device.Nowhere": 9005},
        )
        self.assertEqual([each.value.text for each in read.parameter_list], ["", ""])

    async def test_names(self) -> None:
        await self.bootstrapped()
        (root, table) = await self.ask(GetParameterNames("", True), GetParameterNames(TABLE, False))
        self.assertEqual(root.parameter_list, (ParameterInfoStruct("Device.", False),))
        self.assertEqual(table.parameter_list, (ParameterInfoStruct(TABLE, True),))

    async def test_objects(self) -> None:
        await self.bootstrapped()
        added, written, read = await self.ask(
            AddObject(TABLE, "add"), assign(**{TABLE + "1.Description": "web"}), GetParameterValues((TABLE,))
        )
        self.assertEqual(added, AddObjectResponse(1, 0))
        self.assertEqual(written, SetParameterValuesResponse(0))
        self.assertIn("web", [each.value.text for each in read.parameter_list])
        deleted, again, after = await self.ask(
            DeleteObject(TABLE + "1.", "delete"), DeleteObject(TABLE + "1.", ""), AddObject(TABLE, "")
        )
        self.assertEqual(deleted, DeleteObjectResponse(0))
        self.assertEqual(again.code, 9005)
        self.assertEqual(after, AddObjectResponse(2, 0))

    async def test_attributes(self) -> None:
        await self.bootstrapped()
        name = "Device.Time.NTPServer1"
        done, read = await self.ask(
            SetParameterAttributes((SetParameterAttributesStruct(name, True, 1, True, ()),)),
            GetParameterAttributes((name,)),
        )
        self.assertEqual(done, SetParameterAttributesResponse())
        self.assertEqual(read, GetParameterAttributesResponse((ParameterAttributeStruct(name, 1, ()),)))

    async def test_reboot(self) -> None:
        await self.bootstrapped()
        number = self.lab.sessions.seen
        (answer,) = await self.ask(Reboot("again"))
        self.assertEqual(answer, RebootResponse())
        trace = await self.session(event="1 BOOT", since=number)
        self.assertEqual(
            [(event.event_code, event.command_key) for event in trace.events], [("1 BOOT", ""), ("M Reboot", "again")]
        )

    async def test_factory_reset(self) -> None:
        await self.bootstrapped()
        await self.ask(assign("key", **{CODE: "mine"}), AddObject(TABLE, "key"))
        number = self.lab.sessions.seen
        (answer,) = await self.ask(FactoryReset())
        self.assertEqual(answer, FactoryResetResponse())
        trace = await self.session(event="0 BOOTSTRAP", since=number)
        self.assertIn("1 BOOT", trace.event_codes)
        (read, table) = await self.ask(
            GetParameterValues((CODE, SERVER + "ParameterKey")), GetParameterNames(TABLE, True)
        )
        self.assertEqual([each.value.text for each in read.parameter_list], ["", ""])
        self.assertEqual(table.parameter_list, ())

    async def test_schedule_inform(self) -> None:
        await self.bootstrapped()
        number = self.lab.sessions.seen
        first, none = await self.ask(ScheduleInform(1, "soon"), ScheduleInform(0, "never"))
        self.assertEqual(first, ScheduleInformResponse())
        self.assertEqual(none.code, 9003)
        trace = await self.session(event="3 SCHEDULED", since=number)
        self.assertIn(("M ScheduleInform", "soon"), [(each.event_code, each.command_key) for each in trace.events])

    async def test_passwords_read_back_empty(self) -> None:
        await self.bootstrapped()
        (read,) = await self.ask(GetParameterValues(("Device.",)))
        values = {each.name: each.value for each in read.parameter_list}
        for name in ("Password", "ConnectionRequestPassword"):
            self.assertEqual(values[SERVER + name], Value(ValueType.STRING, ""))
        self.assertNotIn("acs-secret", repr(read))
        self.assertNotIn("request-secret", repr(read))
