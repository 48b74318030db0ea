"""ChangeDUState in whole sessions: results, reports, restarts, tables, changes by a program."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from cwmpagent.agent.facts import Noted
from cwmpagent.agent.options import SoftwareOptions
from cwmpagent.agent.parameters.changes import Origin
from cwmpagent.agent.parameters.provider_values import FRESH
from cwmpagent.agent.software.change_du_state import MOST_OPERATIONS
from cwmpagent.agent.software.records import MOST_REQUESTS, SOFTWARE
from cwmpagent.datamodel.plan import ParameterAssignment
from cwmpagent.errors import CwmpFault, SoftwareFailure, TransportError
from cwmpagent.protocol.agenda.events import (
    AUTONOMOUS_DU_STATE_CHANGE_COMPLETE,
    CONNECTION_REQUEST,
    DU_STATE_CHANGE_COMPLETE,
    M_CHANGE_DU_STATE,
    Event,
)
from cwmpagent.protocol.rpc import (
    AutonomousDUStateChangeComplete,
    ChangeDUState,
    ChangeDUStateResponse,
    DUStateChangeComplete,
    Fault,
    InstallOpStruct,
    OpResultStruct,
    UninstallOpStruct,
    UpdateOpStruct,
)
from cwmpagent.protocol.software.operation import Kind, Operation
from cwmpagent.protocol.software.state import SoftwareState
from cwmpagent.protocol.software.unit import ExecutionUnit
from cwmpagent.records import Batch
from cwmpagent.runtime.software import Software
from tests.agent.ports import Posted, SimulatedAgent, finished
from tests.agent.software.fakes import BROKEN_OFF, FakeFiles, FakeInstaller, package

UUID = "12345678-1234-4234-8234-123456789abc"
URL, NEW = "http://files.example/a.tar", "http://files.example/b.tar"
UNIT = "Device.SoftwareModules.DeploymentUnit.1"
EXECUTION = "Device.SoftwareModules.ExecutionUnit.1"
POLICY = "DUStateChangeComplPolicy."


class SoftwareCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.installer = FakeInstaller()
        self.files = FakeFiles(self.installer)
        self.files.served = {URL: package("1.0"), NEW: package("2.0")}
        self.options = SoftwareOptions(installer=self.installer, files=self.files)
        self.simulated = self.agent()
        self.simulated.begin()

    def agent(self, **parameters: str) -> SimulatedAgent:
        return SimulatedAgent(software=self.options, **parameters)

    @property
    def software(self) -> Software:
        assert self.simulated.runtime.software is not None
        return self.simulated.runtime.software

    def ask(self, *operations: Any, key: str | None = "k") -> None:
        """Send a ChangeDUState in a session of its own."""
        self.simulated.acs.asking.append(ChangeDUState(operations, key))
        self.simulated.happen(Event(CONNECTION_REQUEST))

    def reports(self) -> list[DUStateChangeComplete]:
        sent = [posted.message for session in self.simulated.acs.sessions for posted in session]
        return [message for message in sent if isinstance(message, DUStateChangeComplete)]

    def results(self) -> tuple[OpResultStruct, ...]:
        return self.reports()[-1].results

    def install(self) -> None:
        self.ask(InstallOpStruct(url=URL, uuid=UUID))
        self.assertEqual([result.fault.fault_code for result in self.results()], [0])

    def value(self, path: str) -> str:
        runtime = self.simulated.runtime
        self.simulated.run(FRESH)  # what was read before is read again
        finished(Deferred.fromCoroutine(runtime.refresher.read([path])))
        return runtime.tree.value(path).text


class ChangeTests(SoftwareCase):
    def test_an_installation_is_answered_at_once_and_reported(self) -> None:
        self.install()
        messages = [type(posted.message).__name__ for posted in self.simulated.acs.sessions[1]]
        self.assertEqual(messages, ["Inform", "NoneType", "ChangeDUStateResponse"])
        self.assertEqual(self.simulated.acs.event_codes()[-1], (DU_STATE_CHANGE_COMPLETE, M_CHANGE_DU_STATE))
        (report,) = self.reports()
        (result,) = report.results
        self.assertEqual(report.command_key, "k")
        self.assertEqual(
            (result.uuid, result.version, result.current_state, result.resolved), (UUID, "1.0", "Installed", True)
        )
        self.assertEqual((result.deployment_unit_ref, result.execution_unit_ref_list), (UNIT, EXECUTION))
        self.assertTrue(result.start_time.startswith("2026") and result.complete_time.startswith("2026"))
        self.assertEqual(self.installer.running, {("1", "main")})
        self.assertEqual((self.installer.spool, self.software.records.state.requests), ({}, ()))
        self.simulated.run(86400)
        self.assertEqual(len(self.reports()), 1)
        self.assertEqual(self.simulated.odd(), [])

    def test_several_operations_each_with_its_own_result(self) -> None:
        self.ask(
            InstallOpStruct(url=URL, uuid=UUID),
            InstallOpStruct(url=URL, uuid=UUID),
            InstallOpStruct(url="http://files.example/none", uuid="x"),
            InstallOpStruct(url="http://files.example/none"),
            UpdateOpStruct(uuid=UUID, url=NEW),
            UpdateOpStruct(uuid=UUID, url=URL),
            UninstallOpStruct(uuid=UUID, version="1.0"),
            UninstallOpStruct(uuid=UUID),
        )
        results = self.results()
        self.assertEqual([result.fault.fault_code for result in results], [0, 9026, 9022, 9016, 0, 9030, 9028, 0])
        states = [result.current_state for result in results]
        self.assertEqual(states, ["Installed", *["Failed"] * 3, "Installed", "Failed", "Failed", "Uninstalled"])
        self.assertEqual((self.installer.installed, self.installer.running), ({}, set()))

    def test_an_update_of_all_has_a_result_for_each(self) -> None:
        self.ask(InstallOpStruct(url=URL), InstallOpStruct(url=NEW))
        self.files.served[URL] = package("3.0")
        self.ask(UpdateOpStruct())
        self.assertEqual([result.fault.fault_code for result in self.results()], [0, 9032])

    def test_a_request_that_is_too_much(self) -> None:
        self.ask(*[UninstallOpStruct(uuid=UUID)] * (MOST_OPERATIONS + 1))
        self.assertEqual(self.answered(), 9004)
        self.files.served[URL] = Deferred()
        for number in range(MOST_REQUESTS):
            self.ask(InstallOpStruct(url=URL), key=f"k{number}")
            self.assertEqual(self.answered(), 0)
        self.ask(InstallOpStruct(url=URL))
        self.assertEqual(self.answered(), 9004)

    def answered(self) -> int:
        message = self.simulated.acs.sessions[-1][-1].message
        if isinstance(message, Fault):
            return message.code
        self.assertIsInstance(message, ChangeDUStateResponse)
        return 0

    def test_a_failed_update_leaves_the_old_version(self) -> None:
        self.install()
        self.installer.fails["install"] = SoftwareFailure(9027, "the disk is full")
        self.ask(UpdateOpStruct(uuid=UUID, url=NEW))
        (result,) = self.results()
        self.assertEqual((result.fault.fault_code, result.fault.fault_string), (9027, "the disk is full"))
        self.assertEqual((self.installer.installed["1"].version, self.value(UNIT + ".Version")), ("1.0", "1.0"))
        self.assertEqual(self.value(UNIT + ".Status"), "Installed")
        self.assertEqual(self.installer.running, {("1", "main")})

    def test_the_log_says_what_has_failed(self) -> None:
        self.ask(UpdateOpStruct(uuid=UUID), InstallOpStruct(url="http://files.example/no.tar?token=hush"))
        texts = [fact.text for fact in self.simulated.facts if isinstance(fact, Noted) and "has failed" in fact.text]
        self.assertIn(f"Update of deployment unit {UUID} has failed (9028)", texts[0])
        self.assertIn(" http://files.example/no.tar has failed (9016)", texts[1])
        self.assertNotIn("hush", str(texts))

    def test_an_installer_that_crashes_is_a_fault(self) -> None:
        self.installer.fails["install"] = RuntimeError("impossible")
        self.ask(InstallOpStruct(url=URL))
        self.assertEqual(self.results()[0].fault.fault_code, 9001)
        self.assertEqual(self.software.records.state.units, ())

    def test_a_restart_goes_on_and_does_nothing_twice(self) -> None:
        fetch: Deferred[object] = Deferred()
        self.files.served[URL] = fetch
        self.ask(UninstallOpStruct(uuid=UUID), InstallOpStruct(url=URL, uuid=UUID), InstallOpStruct(url=NEW))
        for booted in (False, True):
            self.simulated.kill()
            self.simulated.begin(booted=booted)
            self.assertEqual(self.reports(), [])
        self.simulated.kill()
        self.files.served[URL] = package("1.0")
        self.simulated.begin(booted=False)
        self.simulated.run(10)
        self.assertEqual([result.fault.fault_code for result in self.results()], [9028, 0, 0])
        self.assertEqual(
            [call for call in self.installer.calls if call[0] == "install"], [("install", "1"), ("install", "2")]
        )

    def test_a_report_is_repeated_until_it_is_answered(self) -> None:
        def broken(posted: Posted) -> TransportError | None:
            return TransportError("broken") if isinstance(posted.message, DUStateChangeComplete) else None

        self.simulated.acs.instead = broken
        self.ask(InstallOpStruct(url=URL, uuid=UUID))
        self.simulated.kill()
        self.simulated.acs.instead = lambda posted: None
        self.simulated.begin(booted=False)
        self.simulated.run(100)
        self.assertEqual(len(self.reports()), 2)
        self.assertEqual(*self.reports())
        self.simulated.run(86400)
        self.assertEqual(len(self.reports()), 2)
        self.assertEqual([call[0] for call in self.installer.calls].count("install"), 1)

    def test_two_requests_with_one_command_key(self) -> None:
        self.simulated.acs.instead = self.broken
        self.ask(InstallOpStruct(url=URL, uuid=UUID))
        self.ask(UninstallOpStruct(uuid=UUID))
        self.assertEqual({len(report.results) for report in self.reports()}, {1})
        answers = iter([None])
        self.simulated.acs.instead = lambda posted: next(answers, self.broken(posted)) if self.broken(posted) else None
        self.simulated.run(100)  # the first one is answered, the second one is not
        self.assertEqual(len(self.software.records.state.requests), 1)
        self.simulated.acs.instead = lambda posted: None
        self.simulated.kill()
        self.simulated.begin(booted=False)
        self.simulated.run(86400)
        self.assertEqual(self.simulated.acs.event_codes()[-1], (DU_STATE_CHANGE_COMPLETE, M_CHANGE_DU_STATE))
        self.assertEqual(self.reports()[-1].results[0].current_state, "Uninstalled")
        self.assertEqual((self.simulated.runtime.agenda.pending, self.software.records.state.requests), ((), ()))

    def broken(self, posted: Posted) -> TransportError | None:
        return TransportError("broken") if isinstance(posted.message, DUStateChangeComplete) else None

    def test_a_request_that_is_complete_while_another_one_with_its_key_is_reported(self) -> None:
        fetch: Deferred[object] = Deferred()
        self.files.served[NEW] = fetch

        def complete(posted: Posted) -> None:
            if isinstance(posted.message, DUStateChangeComplete) and not fetch.called:
                fetch.callback(package("2.0"))

        self.ask(InstallOpStruct(url=NEW))
        self.simulated.acs.instead = complete
        self.ask(InstallOpStruct(url=URL, uuid=UUID))
        fetch.callback(package("2.0"))
        self.simulated.run(100)
        self.assertEqual([report.results[0].version for report in self.reports()], ["2.0", "1.0"])
        self.assertEqual(self.simulated.runtime.agenda.pending, ())

    def test_another_acs_gets_no_report(self) -> None:
        self.simulated.acs.instead = self.broken
        self.ask(InstallOpStruct(url=URL, uuid=UUID))
        self.simulated.acs.instead = lambda posted: None
        sent = len(self.reports())
        server = self.simulated.runtime.server.path("URL")
        changes = self.simulated.runtime.changes
        assignment = ParameterAssignment(server, "http://other.example/")
        finished(Deferred.fromCoroutine(changes.set_values([assignment], Origin.DEVICE)))
        self.simulated.run(86400)
        self.assertEqual((len(self.reports()), list(self.installer.installed)), (sent, ["1"]))
        self.simulated.kill()
        self.simulated.begin()
        self.simulated.run(86400)
        self.assertEqual((len(self.reports()), self.software.records.state.requests), (sent, ()))

    def test_a_fetch_that_breaks_off_is_repeated(self) -> None:
        self.files.served[URL] = BROKEN_OFF
        self.ask(InstallOpStruct(url=URL, uuid=UUID))
        self.simulated.run(15)
        self.files.served[URL] = package("1.0")
        self.assertEqual((len(self.files.asked), self.reports()), (2, []))
        self.simulated.run(60)
        self.assertEqual([result.fault.fault_code for result in self.results()], [0])
        self.files.served[NEW] = BROKEN_OFF
        self.ask(UpdateOpStruct(uuid=UUID, url=NEW))
        self.simulated.run(1000)
        self.assertEqual([result.fault.fault_code for result in self.results()], [9017])
        self.assertEqual([file.url for file in self.files.asked].count(NEW), 5)

    def test_a_damaged_note_is_reported(self) -> None:
        self.install()
        self.simulated.kill()
        finished(self.simulated.store.save(Batch(notes={SOFTWARE: '{"units": 1}'})))
        self.simulated.begin()
        (warned,) = self.simulated.odd()
        self.assertIn("cannot read the saved software modules", str(warned))
        self.assertEqual(self.software.records.state, SoftwareState())

    def test_credentials_are_forgotten(self) -> None:
        self.ask(InstallOpStruct(url=URL, username="u", password="hidden-one"))
        self.assertEqual((self.files.asked[0].username, self.files.asked[0].password), ("u", "hidden-one"))
        self.assertNotIn("hidden-one", self.simulated.store.load().notes[SOFTWARE])
        self.assertNotIn("hidden-one", str(self.simulated.facts))


class TableTests(SoftwareCase):
    def test_the_tables(self) -> None:
        self.install()
        for path, text in (
            (UNIT + ".UUID", UUID),
            (UNIT + ".Status", "Installed"),
            (UNIT + ".URL", URL),
            (UNIT + ".ExecutionUnitList", EXECUTION),
            (UNIT + ".ExecutionEnvRef", "Device.SoftwareModules.ExecEnv.1"),
            (EXECUTION + ".Status", "Active"),
            (EXECUTION + ".AutoStart", "true"),
            (EXECUTION + ".RequestedState", "Active"),
            ("Device.SoftwareModules.ExecEnv.1.ActiveExecutionUnits", EXECUTION),
            ("Device.SoftwareModules.ExecEnv.1.Status", "Up"),
            ("Device.SoftwareModules.ExecEnvNumberOfEntries", "2"),
        ):
            with self.subTest(path=path):
                self.assertEqual(self.value(path), text)

    def test_an_execution_unit_is_stopped_and_started(self) -> None:
        self.install()
        self.set(EXECUTION + ".RequestedState", "Idle")
        self.assertEqual((self.value(EXECUTION + ".Status"), self.installer.running), ("Idle", set()))
        self.set(EXECUTION + ".RequestedState", "Active")
        self.assertEqual(self.value(EXECUTION + ".Status"), "Active")

    def test_an_update_leaves_stopped_what_was_stopped(self) -> None:
        self.install()
        self.set(EXECUTION + ".RequestedState", "Idle")
        self.files.served[NEW] = package("2.0", units=(ExecutionUnit("main"), ExecutionUnit("more")))
        self.ask(UpdateOpStruct(uuid=UUID, url=NEW))
        self.assertEqual([result.fault.fault_code for result in self.results()], [0])
        self.assertEqual(self.installer.running, {("1", "more")})

    def test_auto_start_is_kept(self) -> None:
        self.install()
        self.set(EXECUTION + ".AutoStart", "false")
        self.simulated.kill()
        self.installer.running.clear()
        self.simulated.begin()
        self.assertEqual((self.installer.running, self.value(EXECUTION + ".AutoStart")), (set(), "false"))

    def test_a_disabled_environment(self) -> None:
        self.install()
        self.set("Device.SoftwareModules.ExecEnv.1.Enable", "false")
        self.assertEqual(self.installer.running, set())
        self.assertEqual(self.value("Device.SoftwareModules.ExecEnv.1.Status"), "Disabled")
        self.ask(InstallOpStruct(url=NEW, execution_env_ref="linux"))
        self.assertEqual(self.results()[0].fault.fault_code, 9024)
        self.set("Device.SoftwareModules.ExecEnv.1.Enable", "true")
        self.assertEqual(self.installer.running, {("1", "main")})

    def set(self, path: str, text: str) -> None:
        assignment = ParameterAssignment(path, text)
        changes = self.simulated.runtime.changes
        finished(Deferred.fromCoroutine(self.simulated.runtime.refresher.rows([path])))
        finished(Deferred.fromCoroutine(changes.set_values([assignment], Origin.ACS)))


class AutonomousTests(SoftwareCase):
    def sent(self) -> list[AutonomousDUStateChangeComplete]:
        sent = [posted.message for session in self.simulated.acs.sessions for posted in session]
        return [message for message in sent if isinstance(message, AutonomousDUStateChangeComplete)]

    def perform(self) -> None:
        install = Operation(kind=Kind.INSTALL, url=URL, uuid=UUID)
        wrong = Operation(kind=Kind.INSTALL, url="http://files.example/none")
        finished(Deferred.fromCoroutine(self.software.perform(install, wrong)))
        self.simulated.run(10)

    def test_the_policy_lets_results_pass(self) -> None:
        self.simulated = self.agent(
            **{
                POLICY + "Enable": "true",
                POLICY + "OperationTypeFilter": "Install",
                POLICY + "FaultCodeFilter": "9016",
            }
        )
        self.simulated.begin()
        self.perform()
        self.assertEqual(self.simulated.acs.event_codes()[-1], (AUTONOMOUS_DU_STATE_CHANGE_COMPLETE,))
        (report,) = self.sent()
        self.assertEqual(
            [(each.operation_performed, each.fault.fault_code) for each in report.results],
            [("Install", 0), ("Install", 9016)],
        )
        self.simulated.run(86400)
        self.assertEqual(len(self.sent()), 1)

    def test_the_policy_counts_at_the_end_of_the_work(self) -> None:
        self.simulated = self.agent(**{POLICY + "Enable": "true", POLICY + "OperationTypeFilter": "Install"})
        self.simulated.acs.instead = lambda posted: TransportError("broken")
        self.simulated.begin()
        self.perform()
        assignment = ParameterAssignment(self.simulated.runtime.server.path(POLICY + "Enable"), "false")
        finished(Deferred.fromCoroutine(self.simulated.runtime.changes.set_values([assignment], Origin.ACS)))
        self.simulated.kill()
        self.simulated.acs.instead = lambda posted: None
        self.simulated.begin(booted=False)
        self.simulated.run(86400)
        self.assertEqual([len(report.results) for report in self.sent()], [1], "the failure is filtered out")
        self.assertEqual((self.simulated.runtime.agenda.pending, self.software.records.state.requests), ((), ()))

    def test_it_has_bounds(self) -> None:
        self.assertEqual(self.refused(), 9003)
        self.files.served[URL] = Deferred()
        for _ in range(MOST_REQUESTS):
            finished(self.software.perform(Operation(kind=Kind.INSTALL, url=URL)))
        self.assertEqual(self.refused(Operation(kind=Kind.INSTALL, url=URL)), 9004)

    def refused(self, *operations: Operation) -> int:
        failure = self.failureResultOf(Deferred.fromCoroutine(self.software.perform(*operations)), CwmpFault)
        return int(failure.value.code)

    def test_without_it_nothing_is_reported_or_kept(self) -> None:
        self.perform()
        self.assertEqual((self.sent(), self.software.records.state.requests), ([], ()))
        self.assertEqual(list(self.installer.installed), ["1"])
