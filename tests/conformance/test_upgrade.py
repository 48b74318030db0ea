"""The state directory of an agent of version 0.1.0: its database, agenda and promised work are read as before."""

from __future__ import annotations

import os
import sqlite3
import time
from contextlib import closing
from pathlib import Path

from cwmpagent.agent.facts import Warned
from cwmpagent.device.machine import boot_id
from cwmpagent.protocol.agenda.events import BOOT, M_REBOOT
from cwmpagent.protocol.rpc import GetParameterValues, GetParameterValuesResponse
from tests.agent.bench import SERVER, BenchCase

DUMP = Path(__file__).with_name("state_0_1.sql")
URL = "http://127.0.0.1:41234/"
"""The ACS's URL in it."""
DUE, WALL = "8543.428850809", "1795827659.2272797"
"""The times in it at which its ScheduleInform is due: monotonic and wall."""
CODE = "Device.DeviceInfo.ProvisioningCode"


class UpgradeTests(BenchCase):
    auth = "none"

    def setUp(self) -> None:
        super().setUp()
        self.state.mkdir(mode=0o700)
        file = self.state / "state.sqlite"
        os.close(os.open(file, os.O_CREAT | os.O_WRONLY, 0o600))
        with closing(sqlite3.connect(file)) as database:
            dump = DUMP.read_text(encoding="utf-8").replace(URL, self.url)
            dump = dump.replace(DUE, str(time.monotonic() + 5000)).replace(WALL, str(time.time() + 5000))
            database.executescript(dump)

    async def test_everything_is_there_and_the_promised_reboot_is_reported(self) -> None:
        agent = self.begin(self.config(boot="system", **{CODE: "from the file"}))
        trace = await self.session(event=BOOT, since=-1)
        (inform,) = trace.informs
        self.assertEqual(
            [(event.event_code, event.command_key) for event in inform.event],
            [(BOOT, ""), ("4 VALUE CHANGE", ""), (M_REBOOT, "the promised one")],
            "no 0 BOOTSTRAP: the ACS is the same",
        )
        told = {each.name: each.value.text for each in inform.parameter_list}
        self.assertEqual(told["Device.DeviceInfo.SerialNumber"], "SN0001", "an entry of InformParameter asks for it")
        self.assertEqual(told[SERVER + "ParameterKey"], "key-3")
        self.assertTrue(told[SERVER + "ConnectionRequestURL"].endswith("/6513270e269e0d37f2a74de452e6b438"))
        runtime = agent.runtime
        self.assertEqual(runtime.tree.value(CODE).text, "by the ACS")
        self.assertEqual(runtime.tree.value(SERVER + "PeriodicInformInterval").text, "4711")
        self.assertEqual(runtime.tree.instances(SERVER + "InformParameter."), (1,))
        (scheduled,) = runtime.agenda.scheduled()
        self.assertEqual(scheduled.command_key, "later")
        self.assertEqual([fact for fact in self.facts if isinstance(fact, Warned)], [])

    async def test_a_restart_without_a_boot_still_owes_the_reboot(self) -> None:
        with closing(sqlite3.connect(self.state / "state.sqlite")) as database, database:
            database.execute("UPDATE note SET text = ? WHERE name = 'boot_id'", (boot_id(),))
        self.begin(self.config(boot="system"))
        trace = await self.session(event=BOOT, since=-1)
        (inform,) = trace.informs
        self.assertIn((M_REBOOT, "the promised one"), [(each.event_code, each.command_key) for each in inform.event])

    async def test_an_rpc_on_it(self) -> None:
        self.begin(self.config(boot="system"))
        await self.session(event=BOOT, since=-1)
        (answer,) = await self.ask(GetParameterValues((CODE,)))
        assert isinstance(answer, GetParameterValuesResponse)
        self.assertEqual(answer.parameter_list[0].value.text, "by the ACS")
