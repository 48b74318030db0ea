"""The tables of configuration files and logs: rows, restarts, and uploads by the number of a row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from twisted.internet.defer import Deferred

from cwmpagent.agent.files.vendor_config_files import CONFIG_FILES
from cwmpagent.agent.files.vendor_log_files import VendorLogFiles
from cwmpagent.agent.ports import LogFiles
from cwmpagent.datamodel.schema import Model
from cwmpagent.errors import TransferFailure
from cwmpagent.protocol.rpc import GetParameterValues, ScheduleDownload, TimeWindowStruct, Upload
from cwmpagent.protocol.transfers.file import LogFile
from cwmpagent.records import Batch
from cwmpagent.store.memory import MemoryStore
from tests.agent.ports import finished
from tests.agent.transfers.test_transfers import CONFIGURATION, FIRMWARE, TransferCase, download
from tests.datamodel.sample import build

INFO = "Device.DeviceInfo."
CONFIGS = INFO + "VendorConfigFile."
LOGS = INFO + "VendorLogFile."


class FileCase(TransferCase):
    def rows(self, table: str = CONFIGS) -> list[dict[str, str]]:
        """The rows of a table, by their numbers."""
        (answer,) = self.ask(GetParameterValues((table,)))
        rows: dict[int, dict[str, str]] = {}
        for each in answer.parameter_list:
            number, name = each.name.removeprefix(table).split(".")
            rows.setdefault(int(number), {})[name] = each.value.text
        return [rows[number] | {"number": str(number)} for number in sorted(rows)]

    def names(self, table: str = CONFIGS) -> list[str]:
        return [row["Name"] for row in self.rows(table)]

    def applied(self, url: str, **more: Any) -> None:
        """Let the ACS order a configuration file that is applied."""
        self.files.restarts = False
        self.ask(download(url=url, kind=CONFIGURATION, **more))
        self.simulated.run(5)


class ConfigFileTests(FileCase):
    def test_the_configuration_of_the_device_is_the_first_row(self) -> None:
        (row,) = self.rows()
        self.assertEqual(
            row,
            {
                "number": "1",
                "Alias": "cpe-1",
                "Name": "configuration",
                "Version": "",
                "Date": "0001-01-01T00:00:00Z",
                "Description": "all writable parameters",
                "UseForBackupRestore": "true",
            },
        )

    def test_each_file_that_is_applied(self) -> None:
        self.applied("http://files.example/voice.cfg")
        (_, row) = self.rows()
        self.assertEqual((row["number"], row["Name"], row["UseForBackupRestore"]), ("2", "voice.cfg", "false"))
        self.assertTrue(row["Date"].startswith("2026-01-01T"), row["Date"])
        self.applied("http://files.example/other/wifi.cfg")
        self.simulated.run(3600)
        self.applied("http://elsewhere.example/voice.cfg")
        rows = {each["Name"]: each for each in self.rows()}
        self.assertEqual(list(rows), ["configuration", "voice.cfg", "wifi.cfg"])
        self.assertEqual(rows["voice.cfg"]["number"], "2")
        self.assertGreater(rows["voice.cfg"]["Date"], row["Date"])

    def test_a_file_with_the_name_of_the_first_row(self) -> None:
        self.applied("http://files.example/configuration")
        (row,) = self.rows()
        self.assertTrue(row["Date"].startswith("2026-"), row["Date"])

    def test_kept_over_restarts(self) -> None:
        self.applied("http://files.example/voice.cfg")
        before = self.rows()
        for booted in (False, True):
            self.restart(booted=booted)
            self.assertEqual(self.rows(), before)

    def test_damaged(self) -> None:
        self.applied("http://files.example/voice.cfg")
        finished(self.simulated.store.save(Batch(notes={CONFIG_FILES: "{}"})))
        self.restart(booted=False)
        self.assertEqual(self.names(), ["configuration"])
        self.assertTrue(any("config_files" in str(fact) for fact in self.simulated.odd()))

    def test_what_is_no_applied_configuration_file(self) -> None:
        self.files.restarts = False
        self.files.refusal = TransferFailure(9018, "wrong", permanent=True)
        self.applied("http://files.example/voice.cfg")
        self.files.refusal = None
        self.ask(download(kind=FIRMWARE), Upload("u", CONFIGURATION, "http://files.example/up.cfg", "", "", 0))
        self.simulated.run(5)
        self.assertEqual(self.names(), ["configuration"])

    def test_by_a_schedule(self) -> None:
        self.files.restarts = False
        window = TimeWindowStruct(0, 100, "1 At Any Time", "", 0)
        self.ask(ScheduleDownload("s", CONFIGURATION, "http://files.example/", "", "", 0, "night.cfg", (window,)))
        self.simulated.run(5)
        self.assertEqual(self.names(), ["configuration", "night.cfg"])

    def test_where_the_clock_is_not_set(self) -> None:
        self.simulated.clock.step(-self.simulated.clock.wall())
        self.applied("http://files.example/voice.cfg")
        self.assertEqual(self.rows()[1]["Date"], "0001-01-01T00:00:00Z")


class Logs(LogFiles):
    """Logs that remember what was written."""

    def __init__(self, *names: str) -> None:
        self._logs = [LogFile(name=name, persistent=name != "own") for name in names]
        self.written: list[str] = []

    @property
    def logs(self) -> list[LogFile]:
        return self._logs

    def knows(self, file_type: str) -> bool:
        return file_type in ("2 Vendor Log File", *(f"4 Vendor Log File {n + 1}" for n in range(len(self._logs))))

    async def write(self, file_type: str, path: str) -> None:
        self.written.append(file_type)


class LogFileTests(FileCase):
    def setUp(self) -> None:
        self.logs = Logs("own", "/var/log/messages")
        super().setUp()

    def begin(self, **options: Any) -> None:
        super().begin(**options)
        self.simulated.kill()
        self.simulated.logs = self.logs
        self.simulated.begin()

    def test_rows(self) -> None:
        own, messages = self.rows(LOGS)
        self.assertEqual(
            (own["Name"], own["MaximumSize"], own["Persistent"], own["Alias"]), ("own", "0", "false", "cpe-1")
        )
        self.assertEqual((messages["Name"], messages["Persistent"]), ("/var/log/messages", "true"))

    def test_a_log_keeps_its_number(self) -> None:
        self.logs = self.simulated.logs = Logs("own", "/var/log/kernel", "/var/log/messages")
        self.restart(booted=False)
        self.assertEqual(self.names(LOGS), ["own", "/var/log/messages", "/var/log/kernel"])

    def source(self, keys: Mapping[str, str]) -> VendorLogFiles:
        return VendorLogFiles(INFO, self.logs, lambda: keys)

    def test_uploads_by_the_number_of_the_row(self) -> None:
        keys = {LOGS + "1.": "own", LOGS + "3.": "/var/log/messages", LOGS + "2.": "no longer configured"}
        source = self.source(keys)
        for file_type in ("2 Vendor Log File", "4 Vendor Log File 1", "4 Vendor Log File 3"):
            self.assertTrue(source.knows(file_type), file_type)
            self.successResultOf(Deferred.fromCoroutine(source.write(file_type, "path")))
        self.assertEqual(self.logs.written, ["2 Vendor Log File", "4 Vendor Log File 1", "4 Vendor Log File 2"])
        for number in ("0", "2", "4", "-1", "1 ", "01", "", "1000000000000"):
            wrong = f"4 Vendor Log File {number}"
            self.assertFalse(source.knows(wrong), wrong)
            failure = self.failureResultOf(Deferred.fromCoroutine(source.write(wrong, "path")), TransferFailure)
            self.assertEqual(failure.value.code, 9011)

    def test_configurations_by_the_number_of_the_row(self) -> None:
        self.applied("http://files.example/voice.cfg")
        self.assertEqual(len(self.rows()), 2)
        sources = self.simulated.sources
        for number, known in ((1, True), (2, True), (3, False), (0, False)):
            file_type = f"3 Vendor Configuration File {number}"
            self.assertIs(any(source.knows(file_type) for source in sources), known, file_type)
        self.assertTrue(any(source.knows("1 Vendor Configuration File") for source in sources))


IGD = """
[objects."InternetGatewayDevice.".parameters]
[objects."InternetGatewayDevice.DeviceInfo.".parameters]
Manufacturer = { type = "string", default = "Example" }
ManufacturerOUI = { type = "string", default = "00D09E" }
ProductClass = { type = "string" }
SerialNumber = { type = "string", default = "SN0001" }
SoftwareVersion = { type = "string" }
VendorConfigFileNumberOfEntries = { type = "unsignedInt" }
[objects."InternetGatewayDevice.DeviceInfo.VendorConfigFile.{i}."]
number_of_entries = "VendorConfigFileNumberOfEntries"
[objects."InternetGatewayDevice.DeviceInfo.VendorConfigFile.{i}.".parameters]
Name = { type = "string", max_length = 64 }
Date = { type = "dateTime" }
[objects."InternetGatewayDevice.ManagementServer.".parameters]
URL = { type = "string", default = "http://acs.example/" }
Username = { type = "string" }
Password = { type = "string" }
PeriodicInformEnable = { type = "boolean" }
PeriodicInformInterval = { type = "unsignedInt", default = 60 }
PeriodicInformTime = { type = "dateTime" }
ConnectionRequestUsername = { type = "string" }
ConnectionRequestPassword = { type = "string" }
ParameterKey = { type = "string" }
ConnectionRequestURL = { type = "string" }
"""
"""A part of TR-098, which has no firmware images."""


class OtherModelTests(FileCase):
    def started(self, model: Model) -> None:
        self.simulated.kill()
        self.simulated.model = model
        self.simulated.begin()

    def test_a_model_with_rows_of_its_own(self) -> None:
        model = self.simulated.model
        self.started(replace(model, rows={**model.rows, CONFIGS: (4,)}))
        self.assertNotIn(CONFIGS, [each.table for each in self.simulated.runtime._device_files.tables])

    def test_tr_098(self) -> None:
        self.simulated.store = MemoryStore()
        self.simulated.values.clear()  # those of the other model
        self.started(build(IGD))
        self.applied("http://files.example/voice.cfg")
        rows = self.rows("InternetGatewayDevice.DeviceInfo.VendorConfigFile.")
        self.assertEqual([row["Name"] for row in rows], ["configuration", "voice.cfg"])
        (answer,) = self.ask(GetParameterValues(("InternetGatewayDevice.DeviceInfo.",)))
        self.assertEqual(len(answer.parameter_list), 10)
