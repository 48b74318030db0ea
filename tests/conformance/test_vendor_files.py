"""Configuration files and logs as tables, and their uploads by the number of a row: whole agents on real sockets."""

from __future__ import annotations

import json

from cwmpagent.protocol.rpc import FactoryReset, Fault, GetParameterValues
from cwmpagent.values import UNKNOWN_TIME
from tests.conformance.test_transfers import CONFIGURATION, TransferCase

INFO = "Device.DeviceInfo."
CONFIGS = INFO + "VendorConfigFile."
LOGS = INFO + "VendorLogFile."
HOST = INFO + "HostName"
FILE = {"format": "cwmpagent configuration", "version": 1, "parameters": {HOST: "applied"}}


class VendorFileTests(TransferCase):
    async def rows(self, table: str) -> dict[int, dict[str, str]]:
        """The rows of a table by their numbers."""
        (answer,) = await self.ask(GetParameterValues((table,)))
        rows: dict[int, dict[str, str]] = {}
        for each in answer.parameter_list:
            number, name = each.name.removeprefix(table).split(".")
            rows.setdefault(int(number), {})[name] = each.value.text
        return rows

    async def names(self, table: str) -> dict[int, str]:
        return {number: row["Name"] for number, row in (await self.rows(table)).items()}

    async def test_configuration_files(self) -> None:
        await self.started()
        self.assertEqual(await self.names(CONFIGS), {1: "configuration"})
        (self.folder / "voice.cfg").write_text(json.dumps(FILE))
        _, report = await self.transferred(self.download("voice.cfg", kind=CONFIGURATION, target_file_name="other"))
        self.assertEqual(report.fault_struct.fault_code, 0)
        row = (await self.rows(CONFIGS))[2]
        self.assertEqual(row["Name"], "voice.cfg")
        self.assertNotEqual(row["Date"], UNKNOWN_TIME)
        (self.folder / "wrong.cfg").write_text("{}")
        _, report = await self.transferred(self.download("wrong.cfg", kind=CONFIGURATION))
        self.assertEqual(report.fault_struct.fault_code, 9018)
        self.assertEqual(await self.names(CONFIGS), {1: "configuration", 2: "voice.cfg"})
        for number in (1, 2):
            name = f"up{number}.cfg"
            _, report = await self.transferred(self.upload(name, f"3 Vendor Configuration File {number}"))
            self.assertEqual(report.fault_struct.fault_code, 0)
            content = json.loads((self.folder / "uploads" / name).read_text())
            self.assertEqual(content["parameters"][HOST], "applied")
        (answer,) = await self.ask(self.upload("x", "3 Vendor Configuration File 3"))
        assert isinstance(answer, Fault)
        self.assertEqual(answer.code, 9003)
        await self.end()
        self.begin(self.configured())
        await self.session(event="1 BOOT")
        self.assertEqual(await self.names(CONFIGS), {1: "configuration", 2: "voice.cfg"})
        since = self.lab.sessions.seen
        await self.ask(FactoryReset())
        await self.session(event="0 BOOTSTRAP", since=since)
        self.assertEqual(await self.names(CONFIGS), {1: "configuration"})
        self.assert_nothing_odd()

    async def test_logs_keep_their_numbers(self) -> None:
        first, second = (self.state.parent / name for name in ("first.log", "second.log"))
        for log in (first, second):
            log.write_text(f"a line of {log.name}\n")
        await self.started(log_files=(first, second))
        self.assertEqual(
            await self.names(LOGS), {1: "cwmpagent", 2: str(first)[-64:], 3: str(second)[-64:]}, "the agent's own first"
        )
        await self.end()
        self.begin(self.configured(log_files=(second,)))
        await self.session(event="1 BOOT")
        rows = await self.rows(LOGS)
        self.assertEqual({number: row["Name"] for number, row in rows.items()}, {1: "cwmpagent", 3: str(second)[-64:]})
        self.assertEqual((rows[1]["Persistent"], rows[3]["MaximumSize"]), ("false", "0"))
        await self.transferred(self.upload("third.log", "4 Vendor Log File 3"))
        self.assertEqual((self.folder / "uploads" / "third.log").read_text(), "a line of second.log\n")
        (answer,) = await self.ask(self.upload("x", "4 Vendor Log File 2"))
        assert isinstance(answer, Fault)
        self.assertEqual(answer.code, 9003, "this log is no longer configured")
