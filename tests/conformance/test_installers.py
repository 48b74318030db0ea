"""Installers that hang, die or flood their output, and a factory reset during a queue: whole agents, real programs."""

from __future__ import annotations

from dataclasses import replace

from cwmpagent.agent.facts import Noted
from cwmpagent.config import Config
from cwmpagent.lab.files.faults import Slow
from cwmpagent.protocol.rpc import (
    FactoryReset,
    Fault,
    GetAllQueuedTransfers,
    GetParameterValues,
    ScheduleDownload,
    TimeWindowStruct,
    TransferComplete,
)
from tests.agent.bench import reactor
from tests.conformance.test_transfers import FIRMWARE, TransferCase

VENDOR = "X 00D09E Board File"
LOG = "2 Vendor Log File"


class InstallerCase(TransferCase):
    def with_program(self, script: str, seconds: float = 60) -> Config:
        """A configuration with this installer, a script of the shell."""
        config = self.configured()
        return replace(config, hooks=replace(config.hooks, install=("/bin/sh", "-c", script), install_timeout=seconds))

    async def installed_by(self, script: str, seconds: float = 60) -> None:
        self.begin(self.with_program(script, seconds))
        await self.session(event="0 BOOTSTRAP")

    def reports(self) -> dict[str, int]:
        """The fault of each report, by its CommandKey; there is one for each transfer."""
        requests = [each for trace in self.lab.sessions for each in trace.requests]
        sent = [each for each in requests if isinstance(each, TransferComplete)]
        codes = {each.command_key: each.fault_struct.fault_code for each in sent}
        self.assertEqual(len(codes), len(sent))
        return codes

    async def others_go_on(self) -> None:
        """A session, and other transfers in both directions, while the installer runs."""
        (answer,) = await self.ask(GetParameterValues(("Device.DeviceInfo.UpTime",)))
        self.assertNotIsInstance(answer, Fault)
        await self.ask(self.upload("own.log", LOG, "up"), self.download("nothing", key="404", kind=VENDOR))
        await self.until(lambda: {"up", "404"} <= self.reports().keys())
        self.assertEqual((self.reports()["up"], self.reports()["404"]), (0, 9016))


class HangingTests(InstallerCase):
    async def test_one_that_hangs(self) -> None:
        started = self.state.parent / "started"
        await self.installed_by(f"echo $$ > {started}; trap '' TERM; sleep 1000 & wait; sleep 1000", 4)
        await self.ask(self.download(key="hangs", kind=VENDOR))
        await self.until(started.exists)
        await self.others_go_on()
        await self.until(lambda: "hangs" in self.reports())
        self.assertEqual(self.reports()["hangs"], 9010)
        self.assertEqual(self.spooled(), [])

    async def test_firmware_that_hangs(self) -> None:
        await self.installed_by("echo 'progress: erasing'; sleep 1000", 1)
        _, report = await self.transferred(self.download(key="hangs"))
        self.assertEqual(report.fault_struct.fault_code, 9010)
        self.assertIn("has not ended within 1 s", report.fault_struct.fault_string)
        await self.others_go_on()

    async def test_one_that_hangs_when_the_agent_is_stopped(self) -> None:
        runs = self.state.parent / "runs"
        await self.installed_by(f"echo $$ >> {runs}; sleep 1000")
        await self.ask(self.download(key="hangs", kind=VENDOR))
        await self.until(runs.exists)
        await self.end()
        since = self.lab.sessions.seen
        self.begin(self.with_program(f"echo $$ >> {runs}; exit 0"))
        await self.completed(since)
        self.assertEqual(runs.read_text().count("\n"), 1, "it is not run again")


class DyingTests(InstallerCase):
    async def test_one_that_dies(self) -> None:
        await self.installed_by('echo begun; kill -"$CWMP_COMMAND_KEY" $$')
        for signal in ("KILL", "SEGV"):
            _, report = await self.transferred(self.download(key=signal))
            self.assertEqual(report.fault_struct.fault_code, 9010)
            self.assertIn(f"was ended by SIG{signal}", report.fault_struct.fault_string)
            self.assertEqual(self.spooled(), [])
        await self.others_go_on()


class FloodingTests(InstallerCase):
    async def test_100_megabytes_of_output(self) -> None:
        go = self.state.parent / "go"
        flood = "yes 'a line of the installer' | head -c 100000000; echo; echo the board is not ready; exit 1"
        await self.installed_by(f"touch {go}; {flood}")
        await self.ask(self.download(key="floods", kind=VENDOR))
        await self.until(go.exists)
        await self.others_go_on()
        await self.until(lambda: "floods" in self.reports())
        self.assertEqual(self.reports()["floods"], 9010)
        logged = [fact.text for fact in self.facts if isinstance(fact, Noted) and "hooks.install" in fact.text]
        self.assertLessEqual(len(logged), 1001)
        self.assertIn("more lines are not logged; the last: the board is not ready", logged[-1])

    async def test_100_megabytes_without_an_end_of_line(self) -> None:
        await self.installed_by("head -c 100000000 /dev/zero; exit 0")
        _, report = await self.transferred(self.download(key="floods", kind=VENDOR))
        self.assertEqual(report.fault_struct.fault_code, 0)
        logged = [fact.text for fact in self.facts if isinstance(fact, Noted) and "hooks.install" in fact.text]
        self.assertLessEqual(sum(map(len, logged)), 1000)


class FactoryResetTests(InstallerCase):
    async def test_during_a_queue(self) -> None:
        """Queued transfers are dropped without a report (TR-069 A.4.1.6): waiting, running and scheduled ones."""
        await self.started()
        self.server.faults.add(Slow(rate=1000))
        window = TimeWindowStruct(3600, 7200, "1 At Any Time", "", 0)
        url, cpe = self.files + "fw.bin", ("cpe", "files-secret")
        await self.ask(
            self.download(key="running"),
            self.download(key="waiting", delay_seconds=3600),
            replace(self.upload("later.log", LOG, "later"), delay_seconds=3600),
            ScheduleDownload("scheduled", FIRMWARE, url, *cpe, 0, "", (window,)),
        )
        await self.until(self.spooled)
        (answer,) = await self.ask(GetAllQueuedTransfers())
        self.assertEqual(len(answer.transfer_list), 4)
        since = self.lab.sessions.seen
        await self.ask(FactoryReset())
        trace = await self.session(event="0 BOOTSTRAP", since=since)
        self.assertEqual(trace.event_codes, ("0 BOOTSTRAP", "1 BOOT"))
        (answer,) = await self.ask(GetAllQueuedTransfers())
        self.assertEqual((answer.transfer_list, self.spooled(), self.reports()), ((), [], {}))
        self.assertFalse(self.installed.exists())
        self.assertTrue(reactor.running)

    async def test_during_an_installation(self) -> None:
        runs = self.state.parent / "runs"
        await self.installed_by(f"echo $$ >> {runs}; sleep 1000")
        await self.ask(self.download(key="installing", kind=VENDOR))
        await self.until(runs.exists)
        since = self.lab.sessions.seen
        await self.ask(FactoryReset())
        await self.session(event="0 BOOTSTRAP", since=since)
        (answer,) = await self.ask(GetAllQueuedTransfers())
        self.assertEqual((answer.transfer_list, self.reports(), self.spooled()), ((), {}, []))
        self.assertEqual(runs.read_text().count("\n"), 1)
