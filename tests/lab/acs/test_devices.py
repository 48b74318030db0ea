"""Tests of the state of devices and of its bounds."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from cwmpagent.errors import MisuseError
from cwmpagent.lab.acs import LabAcs, LabLimits
from cwmpagent.lab.acs.devices import Devices, device_id
from cwmpagent.lab.acs.tasks import Tasks
from cwmpagent.protocol.auth import Credentials
from cwmpagent.protocol.rpc import (
    DeleteObject,
    DeleteObjectResponse,
    DeviceIdStruct,
    GetParameterAttributes,
    GetParameterAttributesResponse,
    GetParameterNames,
    GetParameterNamesResponse,
    GetParameterValues,
    GetParameterValuesResponse,
    GetRPCMethods,
    GetRPCMethodsResponse,
    ParameterAttributeStruct,
    ParameterInfoStruct,
    Reboot,
    SetParameterValues,
    SetParameterValuesResponse,
)
from tests.lab.cpe import DEVICE, Cpe, inform, string

SERVER = "Device.ManagementServer."


class Ids(SynchronousTestCase):
    def test_ids(self) -> None:
        for product_class, serial, expected in (
            ("Gateway", "SN0001", "00D09E-Gateway-SN0001"),
            ("", "SN0001", "00D09E-SN0001"),
            ("A-B", "1/2 3", "00D09E-A%2DB-1%2F2%203"),
            ("_", "<script>", "00D09E-_-%3Cscript%3E"),
            ("ü", "\U0001f4a9", "00D09E-%C3%BC-%F0%9F%92%A9"),
        ):
            self.assertEqual(device_id(DeviceIdStruct("Acme", "00D09E", product_class, serial)), expected)


class Learning(SynchronousTestCase):
    def setUp(self) -> None:
        self.devices = Devices()
        self.device = self.devices.informed(inform(parameters={"Device.A": "1"}), 100.0)

    def answered(self, request, answer) -> None:
        self.devices.answered(self.device, request, answer, 200.0)

    def test_values(self) -> None:
        self.answered(
            GetParameterValues(("Device.",)),
            GetParameterValuesResponse((string("Device.A", "2"), string("Device.B", "x"))),
        )
        self.assertEqual({k: v.text for k, v in self.device.parameters.items()}, {"Device.A": "2", "Device.B": "x"})

    def test_a_set_value_counts_once_the_device_tells_it(self) -> None:
        self.answered(SetParameterValues((string("Device.A", "new"),), ""), SetParameterValuesResponse(0))
        self.assertEqual(self.device.parameters["Device.A"].text, "1")

    def test_names_attributes_methods(self) -> None:
        self.answered(
            GetParameterNames("", False),
            GetParameterNamesResponse((ParameterInfoStruct("Device.", False), ParameterInfoStruct("Device.A", True))),
        )
        self.assertEqual(self.device.names, {"Device.": False, "Device.A": True})
        attributes = ParameterAttributeStruct("Device.A", 2, ("Subscriber",))
        self.answered(GetParameterAttributes(("Device.A",)), GetParameterAttributesResponse((attributes,)))
        self.assertEqual(self.device.attributes, {"Device.A": attributes})
        self.answered(GetRPCMethods(), GetRPCMethodsResponse(("Reboot",)))
        self.assertEqual(self.device.methods, ("Reboot",))

    def test_a_deleted_row_is_forgotten(self) -> None:
        told = (string("Device.T.1.A", "1"), string("Device.T.2.A", "2"), string("Device.T.11.A", "3"))
        self.answered(GetParameterValues(("Device.",)), GetParameterValuesResponse(told))
        self.answered(DeleteObject("Device.T.1.", ""), DeleteObjectResponse(0))
        self.assertEqual(set(self.device.parameters), {"Device.A", "Device.T.2.A", "Device.T.11.A"})

    def test_bootstrap_forgets(self) -> None:
        credentials = Credentials("new", "pw")
        self.answered(
            SetParameterValues(
                (
                    string(SERVER + "ConnectionRequestUsername", "new"),
                    string(SERVER + "ConnectionRequestPassword", "pw"),
                ),
                "",
            ),
            SetParameterValuesResponse(0),
        )
        self.assertEqual(self.device.connection_request_credentials(None), credentials)
        self.assertNotIn("pw", repr(self.device))
        self.devices.informed(inform("0 BOOTSTRAP", parameters={"Device.B": "1"}), 300.0)
        self.assertEqual(set(self.device.parameters), {"Device.B"})
        self.assertIsNone(self.device.connection_request_credentials(None))
        self.assertEqual(self.device.connection_request_credentials(credentials), credentials)

    def test_credentials_that_the_device_tells(self) -> None:
        self.devices.informed(inform(parameters={SERVER + "ConnectionRequestUsername": "told"}), 300.0)
        given = self.device.connection_request_credentials(Credentials("other", "pw"))
        self.assertEqual(given, Credentials("told", "pw"))

    def test_online(self) -> None:
        device = self.devices.informed(inform(parameters={SERVER + "PeriodicInformInterval": "60"}), 1000.0)
        self.assertTrue(device.online(1150))
        self.assertFalse(device.online(1151))
        device.in_session = True
        self.assertTrue(device.online(9999))
        device.in_session, device.unreachable = False, True
        self.assertFalse(device.online(1001))
        self.devices.informed(inform(), 2000.0)
        self.assertTrue(device.online(2001))

    def test_online_without_a_known_interval(self) -> None:
        for text in ("", "abc", "99999999999999"):
            device = self.devices.informed(inform(parameters={SERVER + "PeriodicInformInterval": text}), 1000.0)
            self.assertTrue(device.online(1000 + 7230), text)
            self.assertFalse(device.online(1000 + 7231), text)


class Bounds(SynchronousTestCase):
    def test_devices(self) -> None:
        gone = []
        devices = Devices(limit=3, forgotten=gone.append)
        for number in range(5):
            devices.informed(inform(serial=f"S{number}"), float(number)).in_session = number == 0
        self.assertEqual(gone, ["00D09E-Gateway-S1", "00D09E-Gateway-S2"])
        self.assertEqual(len(devices), 3)

    def test_weight(self) -> None:
        devices = Devices(weight=100_000)
        for number in range(50):
            devices.informed(inform(serial=f"S{number}", parameters={"Device.A": "x" * 10_000}), 0.0)
        self.assertLess(len(devices), 6)
        self.assertIn("00D09E-Gateway-S49", devices)

    def test_one_device_that_tells_too_much(self) -> None:
        devices = Devices(weight=100_000)
        device = devices.informed(inform(), 0.0)
        for number in range(100):
            told = tuple(string(f"Device.{number}.{each}", "x" * 100) for each in range(20))
            devices.answered(device, GetParameterValues(("Device.",)), GetParameterValuesResponse(told), 0.0)
            self.assertLess(device.weight, 100_001)
        self.assertIs(devices[DEVICE], device)

    def test_weight_is_what_it_is(self) -> None:
        devices = Devices()
        device = devices.informed(inform(parameters={"Device.A": "x" * 1000}), 0.0)
        light = device.weight
        told = tuple(string(f"Device.T.1.{each}", "x" * 100) for each in range(20))
        for _ in range(3):
            devices.answered(device, GetParameterValues(("Device.",)), GetParameterValuesResponse(told), 0.0)
        devices.answered(device, DeleteObject("Device.T.1.", ""), DeleteObjectResponse(0), 0.0)
        self.assertEqual(device.weight, light)

    def test_informs_kept(self) -> None:
        devices = Devices()
        for number in range(100):
            device = devices.informed(inform(retries=number), 0.0)
        self.assertEqual([each.retry_count for each in device.informs], list(range(80, 100)))

    def test_sessions_kept(self) -> None:
        lab = LabAcs(Clock(), limits=LabLimits(sessions=3))
        cpe = Cpe(lab.site())
        for _ in range(5):
            cpe.session()
        self.assertEqual([trace.number for trace in lab.sessions], [3, 4, 5])
        self.assertEqual(lab.sessions.seen, 5)
        self.assertIsNone(lab.sessions.numbered(2))
        self.assertEqual(lab.sessions.numbered(3).number, 3)
        self.assertIsNone(lab.sessions.numbered(6))
        self.assertEqual([trace.number for trace in lab.sessions[:2]], [3, 4])

    def test_bytes_of_sessions_kept(self) -> None:
        lab = LabAcs(Clock(), limits=LabLimits(traced=20_000))
        cpe = Cpe(lab.site())
        for _ in range(10):
            cpe.session(parameters={"Device.A": "x" * 5000})
        self.assertEqual(len(lab.sessions), 2)
        self.assertEqual({trace.ended for trace in lab.sessions}, {"complete"})

    def test_a_session_that_is_too_long(self) -> None:
        lab = LabAcs(Clock(), limits=LabLimits(traced=20_000))
        cpe = Cpe(lab.site())
        cpe.inform()
        statuses = [cpe.say(GetRPCMethods()).status for _ in range(100)]
        self.assertEqual(set(statuses[:10]), {200})
        self.assertEqual(statuses[-1], 400)
        self.assertIn("exceeds the lab's limits", lab.sessions[0].reason)

    def test_open_sessions(self) -> None:
        lab = LabAcs(Clock(), limits=LabLimits(open_sessions=2))
        site = lab.site()
        cpes = [Cpe(site) for _ in range(3)]
        answers = [cpe.inform(serial=str(index)) for index, cpe in enumerate(cpes)]
        self.assertEqual([answer.status for answer in answers], [200, 200, 503])
        self.assertEqual(answers[2].header("Retry-After"), "60")
        self.assertEqual(cpes[0].post().status, 204)
        self.assertEqual(cpes[2].inform(serial="2").status, 200)

    def test_tasks(self) -> None:
        tasks = Tasks()
        for _ in range(Tasks.WAITING):
            tasks.queue(DEVICE, Reboot(""), 0.0)
        self.assertRaises(MisuseError, tasks.queue, DEVICE, Reboot(""), 0.0)
        for _ in range(Tasks.WAITING):
            tasks.next(DEVICE)
        self.assertIsNone(tasks.next(DEVICE))
        self.assertEqual(len(tasks.of(DEVICE)), Tasks.KEPT)
        tasks.forget(DEVICE)
        self.assertEqual(tasks.of(DEVICE), [])
