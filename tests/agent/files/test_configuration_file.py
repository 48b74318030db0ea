"""Configuration files: what an upload has, and downloads that are applied wholly or not at all."""

from __future__ import annotations

import json
from pathlib import Path

from twisted.internet.defer import succeed
from twisted.trial.unittest import SynchronousTestCase

from cwmpagent.agent.facts import ParametersChanged
from cwmpagent.agent.files.configuration_file import LEFT_OUT, ConfigurationInstaller, ConfigurationSource
from cwmpagent.agent.parameters.access import Access
from cwmpagent.agent.parameters.changes import Origin
from cwmpagent.agent.parameters.provider_calls import GuardedProviders
from cwmpagent.datamodel.plan import AttributeChange
from cwmpagent.device.files.whole_file import read_whole, write_whole
from cwmpagent.errors import TransferFailure
from cwmpagent.protocol.transfers.file import ReceivedFile
from tests.agent.box import CODE, NTP, PORTS
from tests.agent.parameters.test_transaction import Boxed

TYPE = "3 Vendor Configuration File"
INTERVAL = "Device.ManagementServer.PeriodicInformInterval"
SECRET = "Device.ManagementServer.Password"


class ConfigurationTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.directory = Path(self.mktemp())
        self.directory.mkdir()
        self.progress: list[str] = []
        self.box = Boxed()
        self.box.add()
        self.box.set({NTP[0]: "old", PORTS + "1.Description": "before", CODE: "first", SECRET: "hush"})

    def received(self, data: bytes) -> tuple[ConfigurationInstaller, ReceivedFile]:
        path = self.directory / "received"
        path.write_bytes(data)
        installer = ConfigurationInstaller(self.box.changes, lambda name: succeed(read_whole(name, 100_000)))
        self.assertTrue(installer.knows(TYPE))
        return installer, ReceivedFile(path=str(path), file_type=TYPE)

    def install(self, data: bytes) -> bool:
        installer, file = self.received(data)
        return bool(self.box.done(installer.install(file, self.progress.append)))

    def values(self, **values: str) -> bytes:
        return json.dumps({"format": "cwmpagent configuration", "version": 1, "parameters": values}).encode()

    def written(self, secrets: bool = False) -> dict[str, str]:
        tree = self.box.simulated.runtime.tree
        source = ConfigurationSource(
            tree,
            Access(tree, GuardedProviders((), None, None, None)),  # type: ignore[arg-type]
            lambda paths: succeed(None),
            lambda path, data: succeed(write_whole(path, data)),
            secrets=secrets,
        )
        path = self.directory / "written"
        self.box.done(source.write("1 Vendor Configuration File", str(path)))
        self.assertEqual(path.stat().st_mode & 0o777, 0o600)
        self.data = path.read_bytes()
        path.unlink()
        values = json.loads(self.data)["parameters"]
        assert isinstance(values, dict)
        return values

    def test_what_is_written(self) -> None:
        values = self.written()
        self.assertEqual((values[NTP[0]], values[CODE], values[PORTS + "1.Description"]), ("old", "first", "before"))
        self.assertNotIn("hush", str(self.data))
        for absent in (SECRET, PORTS + "1.Alias", PORTS + "1.Status", "Device.DeviceInfo.SerialNumber"):
            self.assertNotIn(absent, values)

    def test_orders_and_what_depends_on_images_are_no_configuration(self) -> None:
        writable = [name for name in self.written() if name.removeprefix("Device.").startswith(LEFT_OUT)]
        self.assertEqual(writable, [])
        tree = self.box.simulated.runtime.tree
        for path in ("DeviceInfo.BootFirmwareImage", "ManagementServer.DelayReboot", "ManagementServer.ScheduleReboot"):
            self.assertTrue(tree.definition("Device." + path).writable, path)

    def test_the_process_died_before_the_values_were_set(self) -> None:
        installer, file = self.received(self.values(**{CODE: "second"}))
        self.box.done(installer.installed(file))
        self.assertEqual(self.box.simulated.runtime.tree.text(CODE), "second")
        self.box.done(installer.installed(file))
        self.assertEqual(self.box.simulated.runtime.tree.text(CODE), "second", "it died after that: nothing changes")
        installer, file = self.received(self.values(**{CODE: "third", "Device.Nope": "1"}))
        error = self.assertRaises(TransferFailure, self.box.done, installer.installed(file))
        self.assertEqual(error.code, 9018)
        self.assertEqual(self.box.simulated.runtime.tree.text(CODE), "second")

    def test_secrets(self) -> None:
        self.assertEqual(self.written(secrets=True)[SECRET], "hush")

    def test_down_again(self) -> None:
        self.written()
        self.box.set({NTP[0]: "new", CODE: "second"})
        self.box.delete(1)
        self.assertFalse(self.install(self.data))
        told = self.box.told()
        self.assertEqual((told[NTP[0]], told[CODE], told[PORTS + "1.Description"]), ("old", "first", "before"))
        self.assertEqual(self.box.differences().keys() - {PORTS + "1.Alias"}, set())
        self.assertEqual(self.box.simulated.runtime.tree.text(SECRET), "hush")
        self.assertRegex(self.progress[0], r"setting \d+ parameters")

    def test_the_origin_is_the_file(self) -> None:
        self.install(self.values(**{CODE: "third"}))
        changed = [fact for fact in self.box.simulated.facts if isinstance(fact, ParametersChanged)]
        self.assertEqual((changed[-1].origin, changed[-1].names), ("file", (CODE,)))

    def test_a_watched_value_is_reported(self) -> None:
        watched = AttributeChange(INTERVAL, notification=1)
        self.box.done(self.box.changes.set_attributes([watched], Origin.ACS))
        self.box.set({INTERVAL: "4000"})
        notifications = self.box.simulated.runtime.notification.by_inform
        self.assertEqual(notifications.pending, ())
        self.install(self.values(**{INTERVAL: "5000"}))
        self.assertEqual(notifications.pending, (INTERVAL,))

    def refused(self, data: bytes, reason: str, code: int = 9018) -> None:
        before = self.box.told()
        with self.subTest(reason=reason):
            error = self.assertRaises(TransferFailure, self.install, data)
            self.assertEqual((error.code, self.box.told()), (code, before))
            self.assertIn(reason, str(error))

    def test_wrong_values(self) -> None:
        good = {NTP[0]: "new", PORTS + "7.Description": "row"}
        for path, text, reason in (
            ("Device.Nothing", "", "Device.Nothing: "),
            ("Device.DeviceInfo.SerialNumber", "1", "Device.DeviceInfo.SerialNumber: "),
            (PORTS + "1.ExternalPort", "70000", PORTS + "1.ExternalPort: "),
            (PORTS + "0.ExternalPort", "7", PORTS + "0.ExternalPort: "),
            ("Device.Hosts.Host.9.HostName", "7", "Device.Hosts.Host.9.HostName: "),
            (CODE, "\ud800", CODE + ": "),
            (CODE, "\0", CODE + ": "),
            (CODE, "x" * 65, CODE + ": "),
            ("Device.", "x", "Device.: "),
            ("", "x", ": "),
        ):
            self.refused(self.values(**good, **{path: text}), reason)

    def test_wrong_files(self) -> None:
        for data, reason in (
            (b"", "is not JSON"),
            (b"\xff", "is not JSON"),
            (b"[" * 50_000, "is not JSON"),
            (b"[]", 'has no "format"'),
            (b'{"format": "other"}', 'has no "format"'),
            (self.values().replace(b"1", b"2"), "version 1"),
            (self.values().replace(b"1", b"true"), "version 1"),
            (self.values().replace(b"parameters", b"parameter"), "unknown member parameter"),
            (self.values().replace(b"{}", b"[]"), 'no object "parameters"'),
            (self.values(a="1").replace(b'"1"', b"1"), "not a string at a"),
            (self.values().replace(b"{}", b'{"a": "", "a": ""}'), "has a twice"),
            (b" " * 100_001, "more than 100000 octets"),
        ):
            self.refused(data, reason)

    def test_a_device_that_fails_keeps_the_former_state(self) -> None:
        def fail() -> None:
            raise OSError

        self.box.ports.trouble["apply"] = fail
        self.refused(self.values(**{NTP[0]: "new", PORTS + "2.Description": "x"}), "", 9002)
        self.assertEqual(self.box.device()[NTP[0]], "old")

    def test_files_of_the_spool(self) -> None:
        path = str(self.directory / "there")
        write_whole(path, b"x")
        self.assertEqual(self.assertRaises(TransferFailure, write_whole, path, b"y").code, 9011)
        self.assertEqual(self.assertRaises(TransferFailure, write_whole, "/no/such", b"y").code, 9011)
        self.assertEqual(self.assertRaises(TransferFailure, read_whole, "/no/such", 1).code, 9002)
