"""Whole sessions of agents whose models are dumps: of real devices, and partial ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from cwmpagent.agent.facts import RpcCrashed, Warned
from cwmpagent.config import Config, parse
from cwmpagent.device.models import find_model
from cwmpagent.embedding.service import Agent
from cwmpagent.errors import ConfigError
from cwmpagent.lab.acs.session_trace import SessionTrace
from cwmpagent.protocol.rpc import (
    AcsRequest,
    AddObject,
    DeleteObject,
    GetParameterAttributes,
    GetParameterNames,
    GetParameterValues,
)
from cwmpagent.values import Value, ValueType
from tests.agent.bench import BenchCase, assign
from tests.dumps import KNOWN, ODD_NAMES, Judge, Known, dump

_CONFIG = """
[device]
provider = "simulated"
model = {model}
{device}
[acs]
url = "{url}"
username = "cpe"
password = "acs-secret"
[connection_request]
endpoint = "tcp:0:interface=127.0.0.1"
username = "acs"
password = "request-secret"
[state]
directory = "{state}"
"""
_OWN = (
    "URL",
    "Username",
    "Password",
    "ConnectionRequestURL",
    "ConnectionRequestUsername",
    "ConnectionRequestPassword",
    "UDPConnectionRequestAddress",
)
"""Parameters of ManagementServer whose values are from the configuration or from the agent itself."""
_LIVE = ("DeviceInfo.UpTime", "Time.CurrentLocalTime")


class DumpCase(BenchCase):
    """An agent whose model is the dump ``model``."""

    device = ""

    def config_of(self, *models: Path | str, **identity: str) -> Config:
        """A configuration with as few values as possible; the others are from the model."""
        lines = "\n".join(f'{key} = "{text}"' for key, text in identity.items())
        names = "[" + ", ".join(f'"{model}"' for model in models) + "]"
        text = _CONFIG.format(model=names, device=lines, url=self.url, state=self.state)
        return parse(text, self.state.parent)

    def write(self, name: str, *rows: str) -> Path:
        """Write a dump with these rows."""
        path = self.state.parent / name
        path.write_text("\n".join(("Parameter,Object,Writable,Value,Value type", *rows)))
        return path

    async def first(self, config: Config) -> SessionTrace:
        """Start an agent, and wait for the first session."""
        self.prepared(config, model=None).startService()
        trace = await self.lab.wait_for_session(event="0 BOOTSTRAP")
        self.device = trace.device_id
        return trace

    async def ask(self, *requests: AcsRequest) -> list[Any]:
        """Send a ConnectionRequest, and return the answers to ``requests``, all of one session."""
        answers = [self.lab.queue(self.device, request) for request in requests]
        number = self.lab.sessions.seen
        self.assertEqual(await self.lab.connection_request(self.device), 200)
        trace = await self.lab.wait_for_session(self.device, since=number)
        self.assertEqual((trace.ended, trace.violations), ("complete", []))
        return [await answer for answer in answers]

    def assert_nothing_odd(self) -> None:
        """Assert that the agent has emitted no warning and no crash of an RPC."""
        self.assertEqual([fact for fact in self.facts if isinstance(fact, RpcCrashed | Warned)], [])


class WalkTests(DumpCase):
    """Dumps of real devices, compared row by row over the wire."""

    async def check(self, known: Known) -> Judge:
        judge = Judge(known)
        root = judge.root
        trace = await self.first(self.config_of(dump(known.name)))
        self.assertEqual((trace.device_id, trace.violations), (known.device, []))
        informed = {each.name for each in trace.informs[0].parameter_list}
        self.assertLessEqual({root + "DeviceInfo.SoftwareVersion", root + "ManagementServer.ParameterKey"}, informed)
        self.assertLessEqual(informed, judge.parameters.keys())

        own = {f"{root}ManagementServer.{name}" for name in _OWN}
        live = {root + name for name in _LIVE}
        names, values, short = await self.ask(
            GetParameterNames("", False), GetParameterValues(("",)), GetParameterNames(root, True)
        )
        self.assertEqual(len(names.parameter_list), known.objects + known.parameters)
        for each in names.parameter_list:
            writable = (
                judge.objects[each.name] and not judge.is_plain(each.name)
                if each.name.endswith(".")
                else judge.parameters[each.name].writable
            )
            self.assertEqual(each.writable, writable, each.name)
        self.assertEqual(len(values.parameter_list), known.parameters)
        for each in values.parameter_list:
            row = judge.parameters[each.name]
            self.assertEqual("xsd:" + each.value.kind.value, row.type, each.name)
            if each.name not in own | live:
                self.assertEqual(each.value.text, row.value, each.name)
        told = {each.name: each.value.text for each in values.parameter_list}
        self.assertEqual(told[f"{root}ManagementServer.URL"], self.url)
        self.assertLess(int(told[root + "DeviceInfo.UpTime"]), 60)
        below = [name for name in (*judge.objects, *judge.parameters) if name.rstrip(".").count(".") == 1]
        self.assertEqual(sorted(each.name for each in short.parameter_list), sorted(below))
        return judge

    async def change(self, root: str, table: str) -> None:
        """Set a value, and create and delete a row."""
        code, key = root + "DeviceInfo.ProvisioningCode", root + "ManagementServer.ParameterKey"
        _, created, attributes = await self.ask(
            assign("key", **{code: "changed"}), AddObject(table, ""), GetParameterAttributes((code,))
        )
        self.assertEqual(attributes.parameter_list[0].notification, 2)
        row = f"{table}{created.instance_number}."
        values, within = await self.ask(GetParameterValues((code, key)), GetParameterNames(row, False))
        self.assertEqual([each.value.text for each in values.parameter_list], ["changed", ""])
        self.assertEqual(within.parameter_list[0].name, row)
        await self.ask(DeleteObject(row, "after"))
        (gone,) = await self.ask(GetParameterNames(row, False))
        self.assertEqual(gone.code, 9005)
        self.assert_nothing_odd()

    async def test_tr098_short(self) -> None:
        judge = await self.check(KNOWN[0])
        await self.change(judge.root, judge.root + "Layer3Forwarding.Forwarding.")

    async def test_tr098_long(self) -> None:
        judge = await self.check(KNOWN[1])
        await self.change(judge.root, judge.root + "Layer3Forwarding.Forwarding.")

    async def test_tr181_long(self) -> None:
        judge = await self.check(KNOWN[2])
        await self.change(judge.root, judge.root + "NAT.PortMapping.")


class PartialTests(DumpCase):
    """Dumps without parameters that an agent needs, and values for them from the configuration."""

    async def test_a_dump_of_one_parameter(self) -> None:
        path = self.write(
            "small.csv",
            "DeviceID.Manufacturer,false,false,Theirs,xsd:string",
            "DeviceID.ProductClass,false,false,Router,xsd:string",
            "InternetGatewayDevice.Layer.Name,false,true,x,xsd:string",
        )
        trace = await self.first(self.config_of(path, manufacturer="Example", oui="00D09E", serial_number="S1"))
        igd = "InternetGatewayDevice."
        who = trace.informs[0].device_id
        self.assertEqual((who.manufacturer, who.product_class), ("Example", "Router"))
        self.assertEqual(
            {each.name for each in trace.informs[0].parameter_list},
            {igd + "ManagementServer.ParameterKey", igd + "ManagementServer.ConnectionRequestURL"},
        )
        answer, values = await self.ask(
            assign("k1", **{igd + "Layer.Name": "y"}), GetParameterValues((igd + "Layer.", igd + "ManagementServer."))
        )
        self.assertEqual(answer.status, 0)
        told = {each.name.removeprefix(igd): each.value.text for each in values.parameter_list}
        self.assertEqual((told["Layer.Name"], told["ManagementServer.ParameterKey"]), ("y", "k1"))
        self.assertEqual(told["ManagementServer.PeriodicInformInterval"], "3600")
        self.assert_nothing_odd()

    async def test_the_periodic_inform_of_a_dump(self) -> None:
        path = self.write(
            "periodic.csv",
            "DeviceID.Manufacturer,false,false,Example,xsd:string",
            "DeviceID.OUI,false,false,00D09E,xsd:string",
            "DeviceID.SerialNumber,false,false,S2,xsd:string",
            "InternetGatewayDevice.ManagementServer.PeriodicInformEnable,false,true,1,xsd:boolean",
            "InternetGatewayDevice.ManagementServer.PeriodicInformInterval,false,true,1,xsd:unsignedInt",
        )
        trace = await self.first(self.config_of(path))
        self.assertEqual(trace.device_id, "00D09E-S2")
        await self.lab.wait_for_session(trace.device_id, event="2 PERIODIC", ended="complete", since=trace.number)

    async def test_odd_names(self) -> None:
        path = self.state.parent / "odd.csv"
        path.write_text("\n".join(ODD_NAMES), encoding="utf-8")
        identity = {"manufacturer": "Example", "oui": "00D09E"}
        await self.first(self.config_of(path, **identity))
        mark = "InternetGatewayDevice.WANDevice.1.X_VLAN.1.8021pMark"
        names, answer, values, counted = await self.ask(
            GetParameterNames("", False),
            assign("k1", **{mark: Value(ValueType.UNSIGNED_INT, "6")}),
            GetParameterValues(("InternetGatewayDevice.WANDevice.", "InternetGatewayDevice.LANDevice.")),
            GetParameterNames("InternetGatewayDevice.X_Liste.", True),
        )
        told = {each.name for each in names.parameter_list}
        rows = [row.split(",") for row in ODD_NAMES[2:]]
        self.assertLessEqual({name + "." * (is_object == "true") for name, is_object, *_ in rows}, told)
        self.assertEqual(answer.status, 0)
        self.assertEqual({each.name: each.value.text for each in values.parameter_list}[mark], "6")
        self.assertEqual(
            [each.name.rpartition("X_Liste.")[2] for each in counted.parameter_list],
            ["0.", "1."],
        )
        self.assert_nothing_odd()

    async def test_the_words_of_a_dump(self) -> None:
        path = self.write(
            "exact.csv",
            "DeviceID.SerialNumber,false,false,S1,xsd:string",
            "Device.Port,true,true,,",
            "Device.Port.1,true,false,,",
            "Device.Port.1.Speed,false,false,,xsd:unsignedInt",
            "Device.Port.2,true,true,,",
            "Device.Port.2.Speed,false,true,7,xsd:unsignedInt",
        )
        model = find_model(str(path), fidelity="exact")
        config = self.config_of("device2", manufacturer="Example", oui="00D09E")
        self.prepared(config, model=model).startService()
        trace = await self.lab.wait_for_session(event="0 BOOTSTRAP")
        self.device = trace.device_id
        names, values, first, second, one, two = await self.ask(
            GetParameterNames("Device.Port.", False),
            GetParameterValues(("Device.Port.",)),
            assign("", **{"Device.Port.1.Speed": Value(ValueType.UNSIGNED_INT, "1")}),
            assign("", **{"Device.Port.2.Speed": Value(ValueType.UNSIGNED_INT, "8")}),
            DeleteObject("Device.Port.1.", ""),
            DeleteObject("Device.Port.2.", ""),
        )
        self.assertEqual(
            {each.name: each.writable for each in names.parameter_list},
            {
                "Device.Port.": True,
                "Device.Port.1.": False,
                "Device.Port.1.Speed": False,
                "Device.Port.2.": True,
                "Device.Port.2.Speed": True,
            },
        )
        self.assertEqual([(each.value.kind.value, each.value.text) for each in values.parameter_list],
                         [("unsignedInt", ""), ("unsignedInt", "7")])  # fmt: skip
        self.assertEqual([each.code for each in first.parameters], [9008])
        self.assertEqual((second.status, one.code, two.status), (0, 9005, 0))
        self.assert_nothing_odd()

    def test_who_the_device_is(self) -> None:
        path = self.write(
            "who.csv",
            "DeviceID.Manufacturer,false,false,Theirs,xsd:string",
            "DeviceID.OUI,false,false,00d09e,xsd:string",
            "Device.DeviceInfo.ModelName,false,false,Router,xsd:string",
        )
        for given, refusal in (
            ({}, "device.oui: is required: the model who.csv has no value for it"),
            ({"oui": "00D09E"}, "device.serial_number: is required: the model who.csv has no value for it"),
        ):
            error = self.assertRaises(ConfigError, Agent, self.config_of(path, **given))
            self.assertEqual(str(error).replace(str(path), "who.csv"), refusal)
        error = self.assertRaises(ConfigError, Agent, self.config_of("device2"))
        self.assertEqual(str(error), "device.manufacturer: is required: the model device2 has no value for it")
