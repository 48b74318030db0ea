"""Whole sessions of agents with models of the Broadband Forum: TR-181 and TR-098, complete and by profiles."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

from twisted.trial.unittest import SkipTest

from cwmpagent.agent.facts import Noted, RpcCrashed, Warned
from cwmpagent.config import parse
from cwmpagent.embedding.service import Agent
from cwmpagent.errors import ModelError
from cwmpagent.lab.acs.session_trace import SessionTrace
from cwmpagent.protocol.rpc import AddObject, GetParameterNames, GetParameterValues
from cwmpagent.values import Value, ValueType
from tests.agent.bench import DEVICE, BenchCase, assign
from tests.skips import NO_BBF, bbf_directory

TR181 = "tr-181-2-17-0-cwmp-full.xml"
TR098 = "tr-098-1-8-0-full.xml"
_CONFIG = """
[device]
manufacturer = "Example"
oui = "00D09E"
product_class = "Gateway"
serial_number = "SN0001"
provider = "simulated"
model = ["{model}"]
profiles = [{profiles}]
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
[parameters]
"{root}ManagementServer.PeriodicInformEnable" = false
"{root}ManagementServer.PeriodicInformInterval" = 300
"""
_OWN_ROW = re.compile(r"\w+\.DeviceInfo\.(FirmwareImage|VendorConfigFile|VendorLogFile)\.1\.")
"""A row that the agent itself supplies."""


class PublishedTests(BenchCase):
    def setUp(self) -> None:
        directory = bbf_directory()
        if directory is None:
            raise SkipTest(NO_BBF)
        self.directory = directory
        super().setUp()

    def agent_of(self, name: str, root: str, *profiles: str) -> Agent:
        """An agent with a published model."""
        self.path = self.directory / name
        listed = ", ".join(f'"{profile}"' for profile in profiles)
        text = _CONFIG.format(model=self.path, profiles=listed, url=self.url, state=self.state, root=root)
        return self.prepared(parse(text, Path()), model=None)

    async def walk(self, root: str) -> tuple[SessionTrace, dict[str, Value]]:
        """Compare all names and values after the first session with the model file."""
        assert self.agent is not None
        self.agent.startService()
        trace = await self.session(event="0 BOOTSTRAP")
        self.assertEqual(trace.violations, [])
        told = {each.name: each.value.text for each in trace.informs[0].parameter_list}
        self.assertEqual(told.keys(), {*self.agent.model.forced_inform})
        self.assertIn(":", told[root + "ManagementServer.ConnectionRequestURL"])
        names, values = await self.ask(GetParameterNames("", False), GetParameterValues((root,)))
        writable = {each.name: each.writable for each in names.parameter_list}
        read = {each.name: each.value for each in values.parameter_list}
        self.assertEqual({name for name in writable if not name.endswith(".")}, read.keys())
        self.assertEqual(len(read), len(values.parameter_list))
        self.assertEqual(read[root + "DeviceInfo.SerialNumber"].text, "SN0001")
        self.assertEqual(read[root + "ManagementServer.URL"].text, self.url)
        self.assertEqual(read[root + "ManagementServer.Password"].text, "")
        self.assertEqual(read[root + "ManagementServer.PeriodicInformInterval"].text, "300")
        return trace, read

    def singletons(self) -> set[str]:
        """Parameters of a device without rows, by the model file."""
        model = ElementTree.parse(self.path).getroot().find("model")
        assert model is not None
        found = [(each.attrib["name"], each) for each in model.findall("object") if "{i}" not in each.attrib["name"]]
        return {path + each.attrib["name"].strip() for path, item in found for each in item.findall("parameter")}

    async def refused(self, **values: Value | str) -> list[tuple[int, str]]:
        """Fault codes and texts of a refused SetParameterValues."""
        (fault,) = await self.ask(assign("", **values))
        self.assertEqual(fault.code, 9003)
        return [(each.code, each.text) for each in fault.parameters]

    def assert_nothing_odd(self) -> None:
        self.assertEqual([fact for fact in self.facts if isinstance(fact, RpcCrashed | Warned)], [])

    def noted(self) -> list[str]:
        return [fact.text for fact in self.facts if isinstance(fact, Noted) and "not followed" in fact.text]

    async def test_tr181(self) -> None:
        self.agent_of(TR181, "Device.")
        trace, read = await self.walk("Device.")
        self.assertEqual(trace.device_id, DEVICE)
        self.assertEqual({name for name in read if not _OWN_ROW.match(name)}, self.singletons())
        self.assertEqual(read["Device.RootDataModelVersion"].text, "2.17")
        faults = await self.refused(
            **{
                "Device.ManagementServer.InstanceMode": "Sometimes",
                "Device.ManagementServer.PeriodicInformInterval": Value(ValueType.UNSIGNED_INT, "0"),
                "Device.DeviceInfo.ProvisioningCode": "x" * 65,
                "Device.DeviceInfo.UpTime": Value(ValueType.UNSIGNED_INT, "0"),
                "Device.IP.Diagnostics.IPPing.DiagnosticsState": "Complete",
                "Device.LLDP.Nothing": "x",
            }
        )
        self.assertEqual([code for code, _ in faults], [9007, 9007, 9007, 9008, 9007, 9005])
        self.assertEqual(faults[0][1], "the value must be one of InstanceNumber, InstanceAlias")
        self.assertEqual(faults[1][1], "the number must be at least 1")
        self.assertEqual(faults[2][1], "the number of characters must be at most 64")
        self.assertEqual(faults[4][1], "the value must be one of Requested, Canceled; only the device can set others")
        (created,) = await self.ask(AddObject("Device.NAT.PortMapping.", ""))
        row = f"Device.NAT.PortMapping.{created.instance_number}."
        faults = await self.refused(**{row + "Description": "x" * 257, row + "Interface": "Device.IP.Interface.1"})
        self.assertEqual(
            faults,
            [
                (9007, "the number of characters must be at most 256"),
                (9007, "must be empty or name an existing row of Device.IP.Interface."),
            ],
        )
        (set_, counted) = await self.ask(
            assign("key", **{row + "Description": "web"}),
            GetParameterValues(("Device.NAT.PortMappingNumberOfEntries",)),
        )
        self.assertEqual((set_.status, counted.parameter_list[0].value.text), (0, "1"))
        assert self.agent is not None
        reports = self.agent.model.reports
        (line,) = self.noted()
        self.assertIn(f"followed exactly: {len(reports)} deviations (points of a standard model: ", line)
        self.assertTrue(any("Mem (line" in text and "no pattern is checked" in text for text in reports))
        self.assert_nothing_odd()
        self.assertEqual((self.state / "model.cache").stat().st_mode & 0o777, 0o600)

    async def test_tr098(self) -> None:
        root = "InternetGatewayDevice."
        self.agent_of(TR098, root)
        trace, read = await self.walk(root)
        self.assertEqual(trace.device_id, DEVICE)
        told = {each.name: each.value.text for each in trace.informs[0].parameter_list}
        self.assertEqual(told[root + "DeviceSummary"], "InternetGatewayDevice:1.14[]()")
        self.assertIn(root + "DeviceInfo.SpecVersion", told)
        self.assertEqual({name for name in read if not _OWN_ROW.match(name)}, self.singletons())
        faults = await self.refused(
            **{
                root + "Time.NTPServer1": "x" * 65,
                root + "Firewall.Config": "Perhaps",
                root + "DeviceInfo.ManufacturerOUI": "00D09E",
            }
        )
        self.assertEqual([code for code, _ in faults], [9007, 9007, 9008])
        self.assertIn("must be one of High, Low", faults[1][1])
        (created,) = await self.ask(AddObject(root + "Layer3Forwarding.Forwarding.", ""))
        self.assertEqual(created.instance_number, 1)
        self.assert_nothing_odd()

    async def test_profiles(self) -> None:
        self.agent_of(TR181, "Device.", "Baseline:3", "NAT:1", "WiFiRadio:1", "IPInterface:1")
        _, read = await self.walk("Device.")
        self.assertIn("Device.NAT.PortMappingNumberOfEntries", read)
        self.assertIn("Device.WiFi.RadioNumberOfEntries", read)
        self.assertNotIn("Device.WiFi.SSIDNumberOfEntries", read)
        self.assertFalse([name for name in read if name.startswith("Device.DSL.")])
        assert self.agent is not None
        self.assertTrue(any("added because the agent needs them" in text for text in self.agent.model.reports))
        (created,) = await self.ask(AddObject("Device.NAT.PortMapping.", ""))
        code, sentence = (await self.refused(**{f"Device.NAT.PortMapping.{created.instance_number}.Protocol": "SCTP"}))[
            0
        ]
        self.assertEqual((code, sentence), (9007, "the value must be one of TCP, UDP"))
        self.assert_nothing_odd()

    async def test_a_pattern_says_what_is_allowed(self) -> None:
        self.agent_of(TR181, "Device.", "Baseline:4", "DHCPv4Client:1", "DHCPv4Server:1")
        await self.walk("Device.")
        (created,) = await self.ask(AddObject("Device.DHCPv4.Server.Pool.", ""))
        pool = f"Device.DHCPv4.Server.Pool.{created.instance_number}."
        code, sentence = (await self.refused(**{pool + "MinAddress": "192.168.0.256"}))[0]
        self.assertEqual(code, 9007)
        self.assertTrue(sentence.startswith("the value must match ((25[0-5]"), sentence)
        self.assertTrue(sentence.endswith(", or be empty"), sentence)
        (answer,) = await self.ask(assign("", **{pool + "MinAddress": "192.168.0.2"}))
        self.assertEqual(answer.status, 0)

    def test_an_unknown_profile_is_one_line(self) -> None:
        error = self.assertRaises(ModelError, self.agent_of, TR181, "Device.", "Baselin:3")
        self.assertEqual(error.key, "device.profiles")
        self.assertIn("did you mean Baseline:3", str(error))
