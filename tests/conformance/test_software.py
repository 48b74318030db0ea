"""Software modules (TR-069 A.4.1.10, A.4.2.3, A.4.2.4): whole agents, the lab's ACS and its file server."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from cwmpagent.config import Config
from cwmpagent.config.settings import SoftwareConfig, TransfersConfig
from cwmpagent.device.software.marked_programs import end_marked
from cwmpagent.errors import MisuseError
from cwmpagent.lab.acs.session_trace import SessionTrace
from cwmpagent.lab.files.faults import Slow
from cwmpagent.protocol.rpc import (
    AutonomousDUStateChangeComplete,
    ChangeDUState,
    ChangeDUStateResponse,
    DUStateChangeComplete,
    FactoryReset,
    GetParameterValues,
    InstallOpStruct,
    UninstallOpStruct,
    UpdateOpStruct,
)
from cwmpagent.protocol.software.unit import Package
from cwmpagent.values import Value, ValueType
from tests.agent.bench import DEVICE, BenchCase, assign
from tests.agent.software.fakes import FakeInstaller, package
from tests.device.software.archives import entry, manifest, write
from tests.lab.files.serving import start
from tests.test_tap import TapCase

UUID = "12345678-1234-4234-8234-123456789abc"
OTHER = "12345678-1234-4234-8234-123456789abd"
COMPLETE = "11 DU STATE CHANGE COMPLETE"
AUTONOMOUS = "12 AUTONOMOUS DU STATE CHANGE COMPLETE"
CREDENTIALS = {"username": "cpe", "password": "files-secret"}


class Files:
    """The lab's file server with archives: ``a1`` and ``a2`` are versions of one unit, ``b1`` is another one."""

    def __init__(self, case: BenchCase) -> None:
        folder = case.state.parent / "files"
        folder.mkdir()
        for name, version in (("a1", "1.0"), ("a2", "2.0"), ("b1", "1.0")):
            write(
                folder / f"{name}.tar.gz",
                entry("unit.toml", manifest(version)),
                entry("data", random.Random(1).randbytes(50_000)),
            )
        self.server, port = start(case, folder, auth="digest", **CREDENTIALS)
        self.folder = folder
        self.url = f"http://127.0.0.1:{port}/"

    def install(self, name: str, uuid: str = UUID) -> InstallOpStruct:
        return InstallOpStruct(url=f"{self.url}{name}.tar.gz", uuid=uuid, **CREDENTIALS)

    def update(self, name: str, uuid: str = UUID) -> UpdateOpStruct:
        return UpdateOpStruct(url=f"{self.url}{name}.tar.gz", uuid=uuid, **CREDENTIALS)


def reports(case: BenchCase) -> list[DUStateChangeComplete]:
    """Every DUStateChangeComplete that the lab has received."""
    sent = [request for trace in case.lab.sessions for request in trace.requests]
    return [request for request in sent if isinstance(request, DUStateChangeComplete)]


def outcomes(report: DUStateChangeComplete) -> list[tuple[int, str, str]]:
    return [(each.fault.fault_code, each.current_state, each.version) for each in report.results]


class SoftwareCase(BenchCase):
    transfers = TransfersConfig()

    def setUp(self) -> None:
        super().setUp()
        self.files = Files(self)
        self.directory = self.state.parent / "software"

    def config(self, *, boot: str = "process", acs: str = "", **parameters: str) -> Config:
        return replace(
            super().config(boot=boot, acs=acs, **parameters),
            software=SoftwareConfig(directory=self.directory),
            transfers=self.transfers,
        )

    async def changed(
        self, *operations: InstallOpStruct | UpdateOpStruct | UninstallOpStruct, key: str = "k"
    ) -> tuple[SessionTrace, DUStateChangeComplete]:
        """Ask for ``operations``, and wait for the report."""
        since = self.lab.sessions.seen
        (answer,) = await self.ask(ChangeDUState(operations, key))
        self.assertEqual(answer, ChangeDUStateResponse())
        trace = await self.session(event=COMPLETE, since=since)
        (report,) = [each for each in trace.requests if isinstance(each, DUStateChangeComplete)]
        return trace, report

    def left(self) -> list[str]:
        """What is installed, and what is left in the spool."""
        return sorted(path.name for name in ("units", "fetched") for path in (self.directory / name).iterdir())


class ChangeTests(SoftwareCase):
    async def test_du_01_each_operation_has_its_result(self) -> None:
        await self.bootstrapped()
        trace, report = await self.changed(
            InstallOpStruct(url=self.files.url + "a1.tar.gz", uuid="wrong"),
            self.files.install("a1"),
            self.files.update("a2"),
            self.files.install("b1", OTHER),
            UninstallOpStruct(uuid=OTHER),
        )
        self.assertEqual(trace.event_codes, (COMPLETE, "M ChangeDUState"))
        self.assertEqual(report.command_key, "k")
        self.assertEqual(
            outcomes(report),
            [
                (9022, "Failed", ""),
                (0, "Installed", "1.0"),
                (0, "Installed", "2.0"),
                (0, "Installed", "1.0"),
                (0, "Uninstalled", "1.0"),
            ],
        )
        self.assertEqual(self.left(), ["1"])
        self.assertIn('"2.0"', (self.directory / "units" / "1" / "unit.toml").read_text())
        await self.until((self.directory / "units" / "1" / "started").exists)
        await self.ask()
        self.assertEqual(len(reports(self)), 1)
        self.assert_nothing_odd()

    async def test_failures_of_the_server_and_of_the_file(self) -> None:
        await self.bootstrapped()
        (self.files.folder / "bad.tar.gz").write_bytes(b"no archive")
        _, report = await self.changed(
            self.files.install("nothing"),
            replace(self.files.install("a1"), password="wrong"),
            self.files.install("bad"),
            replace(self.files.install("a1"), url=f"{self.files.url}a1.tar.gz#sha256={'0' * 64}"),
            replace(self.files.install("a1"), url="tftp://127.0.0.1/a1"),
            replace(self.files.install("a1"), url="http://cpe:files-secret@127.0.0.1/a1"),
        )
        self.assertEqual([code for code, _, _ in outcomes(report)], [9016, 9012, 9018, 9018, 9013, 9003])
        self.assertNotIn("files-secret", str(report))
        self.assertEqual(self.left(), [])

    async def test_a_file_without_a_signature_where_there_is_a_key(self) -> None:
        key = Ed25519PrivateKey.generate()
        path = self.state.parent / "key.pem"
        path.write_bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
        self.transfers = TransfersConfig(verify_key=path)
        await self.bootstrapped()
        _, report = await self.changed(self.files.install("a1"))
        self.assertEqual(outcomes(report), [(9018, "Failed", "")])
        archive = self.files.folder / "a1.tar.gz"
        (self.files.folder / "a1.tar.gz.sig").write_bytes(key.sign(archive.read_bytes()))
        _, report = await self.changed(self.files.install("a1"))
        self.assertEqual(outcomes(report), [(0, "Installed", "1.0")])
        self.assertEqual(self.left(), ["2"])

    async def test_a_factory_reset_removes_everything(self) -> None:
        await self.bootstrapped()
        await self.changed(self.files.install("a1"))
        since = self.lab.sessions.seen
        await self.ask(FactoryReset())
        await self.session(event="0 BOOTSTRAP", since=since)
        await self.until(lambda: not self.left())
        _, report = await self.changed(self.files.install("a1"))
        self.assertEqual(outcomes(report), [(0, "Installed", "1.0")])
        self.assertEqual(self.left(), ["1"])

    async def test_a_fetch_goes_on_after_a_restart_of_the_agent(self) -> None:
        await self.bootstrapped()
        self.files.server.faults.add(Slow(rate=100))
        await self.ask(ChangeDUState((self.files.install("a1"), self.files.update("a2")), "k"))
        await self.until(lambda: list((self.directory / "fetched").iterdir()))
        await self.end()
        self.files.server.faults.clear()
        since = self.lab.sessions.seen
        self.begin(self.config())
        trace = await self.session(event=COMPLETE, since=since)
        (report,) = [each for each in trace.requests if isinstance(each, DUStateChangeComplete)]
        self.assertEqual(outcomes(report), [(0, "Installed", "1.0"), (0, "Installed", "2.0")])
        self.assertEqual((len(reports(self)), self.left()), (1, ["1"]))


class KillTests(TapCase):
    """The whole process is killed at random moments of install, update and uninstall."""

    async def test_killed_between_steps(self) -> None:
        files = Files(self)
        directory = self.state.parent / "software"
        self.addCleanup(end_marked, f"{directory}/")  # the last agent is killed, too
        self.write(boot="process", acs=f'[software]\ndirectory = "{directory}"\n')
        chance = random.Random(11)
        child = self.run_agent()
        await self.first()
        operations = (files.install("a1"), files.update("a2"), files.install("b1", OTHER), UninstallOpStruct(uuid=UUID))
        answer = self.lab.queue(DEVICE, ChangeDUState(operations, "k"))
        files.server.faults.add(*(Slow(rate=100_000) for _ in range(20)))
        await self.until(lambda: "its ACS is" in child.out)
        self.assertEqual(await self.lab.connection_request(DEVICE), 200)
        self.assertEqual(await answer, ChangeDUStateResponse())
        for _ in range(5):
            await self.pause(chance.uniform(0, 0.6))
            child.signal("KILL")
            await child.ended
            child = self.run_agent()
            await self.until(lambda: "its ACS is" in child.out or child.ended.called)  # noqa: B023
        await self.until(lambda: reports(self))
        report = reports(self)[-1]
        self.assertEqual(
            outcomes(report),
            [(0, "Installed", "1.0"), (0, "Installed", "2.0"), (0, "Installed", "1.0"), (0, "Uninstalled", "2.0")],
        )
        await self.until(lambda: not list((directory / "fetched").iterdir()))
        self.assertEqual([path.name for path in (directory / "units").iterdir()], ["2"])
        number = self.lab.sessions.seen
        self.assertEqual(await self.lab.connection_request(DEVICE), 200)
        await self.session(since=number)
        self.assertEqual({each.command_key for each in reports(self)}, {"k"})
        self.assertEqual(len(set(map(str, reports(self)))), 1, "a report whose answer was lost comes again unchanged")


POLICY = "Device.ManagementServer.DUStateChangeComplPolicy."
EXECUTION = "Device.SoftwareModules.ExecutionUnit.1."


class OwnTests(SoftwareCase):
    """Changes that the ACS has not asked for."""

    async def change(self, operation: str, **members: str) -> None:
        assert self.agent is not None
        await self.agent.change_software(operation, **members)

    async def test_changes_of_a_program_as_the_policy_wants_it(self) -> None:
        await self.bootstrapped()
        given = {"url": self.files.url + "a1.tar.gz", "uuid": UUID, **CREDENTIALS}
        await self.change("Install", **given)
        assert self.agent is not None and self.agent.runtime.software is not None
        records = self.agent.runtime.software.records
        await self.until(lambda: not records.state.requests)
        policy: dict[str, Value | str] = {
            "Enable": Value(ValueType.BOOLEAN, "true"),
            "OperationTypeFilter": "Install,Uninstall",
            "FaultCodeFilter": "9026",
        }
        await self.ask(assign("p", **{POLICY + name: value for name, value in policy.items()}))
        self.assertNotIn(AUTONOMOUS, [code for trace in self.lab.sessions for code in trace.event_codes])
        for operation, members, result in (
            ("Install", given, ("Install", "Failed", 9026)),
            ("Uninstall", {"uuid": UUID}, ("Uninstall", "Uninstalled", 0)),
        ):
            since = self.lab.sessions.seen
            await self.change(operation, **members)
            trace = await self.session(event=AUTONOMOUS, since=since)
            (report,) = [each for each in trace.requests if isinstance(each, AutonomousDUStateChangeComplete)]
            (each,) = report.results
            self.assertEqual((each.operation_performed, each.current_state, each.fault.fault_code), result)
            self.assertEqual(trace.event_codes, (AUTONOMOUS,))
        self.assertEqual((records.state.requests, self.left()), ((), []))

    async def test_what_is_refused(self) -> None:
        await self.bootstrapped()
        assert self.agent is not None
        for operation in ("install", "", "Reboot"):
            await self.assertFailure(self.agent.change_software(operation), MisuseError)


class DiskInstaller(FakeInstaller):
    """An installer of a program: whatever is fetched is a package of version 7."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder

    def spool_path(self, duid: str) -> str:
        return str(self.folder / duid)

    def discard(self, duid: str) -> None:
        super().discard(duid)
        (self.folder / duid).unlink(missing_ok=True)

    async def inspect(self, duid: str) -> Package:
        self.spool[duid] = package("7")
        return self.spool[duid]


class InstallerTests(SoftwareCase):
    async def test_an_installer_of_a_program(self) -> None:
        agent = self.prepared()
        installer = DiskInstaller(self.state.parent)
        agent.set_software_installer(installer)
        nothing: Any = object()
        self.assertRaises(MisuseError, agent.set_software_installer, nothing)
        agent.startService()
        await self.session(event="0 BOOTSTRAP")
        _, report = await self.changed(self.files.install("a1"))
        self.assertEqual(outcomes(report), [(0, "Installed", "7")])
        self.assertEqual((list(installer.installed), installer.running), (["1"], {("1", "main")}))
        self.assertFalse(self.directory.exists())
        self.assertRaises(MisuseError, agent.set_software_installer, installer)


class ExecutionTests(SoftwareCase):
    async def status(self) -> str:
        (answer,) = await self.ask(GetParameterValues((EXECUTION + "Status",)))
        return str(answer.parameter_list[0].value.text)

    async def until_status(self, wanted: str) -> None:
        while await self.status() != wanted:
            await self.pause(0.05)

    async def test_requested_state_and_auto_start(self) -> None:
        await self.bootstrapped()
        await self.changed(self.files.install("a1"))
        await self.until_status("Active")
        await self.ask(assign("a", **{EXECUTION + "RequestedState": "Idle"}))
        await self.until_status("Idle")
        self.assertTrue((self.directory / "units" / "1" / "stopped").exists())
        await self.end()
        self.begin(self.config())
        await self.session(event="1 BOOT")
        await self.until_status("Active")
        await self.ask(assign("b", **{EXECUTION + "AutoStart": Value(ValueType.BOOLEAN, "false")}))
        self.assertEqual(await self.status(), "Active", "it is for the next start")
        since = self.lab.sessions.seen
        await self.end()
        self.begin(self.config())
        await self.session(event="1 BOOT", since=since)
        self.assertEqual(await self.status(), "Idle")
        await self.ask(assign("c", **{EXECUTION + "RequestedState": "Active"}))
        await self.until_status("Active")
        (answer,) = await self.ask(assign("d", **{EXECUTION + "RequestedState": "Paused"}))
        self.assertEqual(answer.code, 9003)
