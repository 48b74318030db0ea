"""The agent as a process: errors at the start, signals, and secrets."""

from __future__ import annotations

import os
import re
import signal
import socket
import sys
import time
from pathlib import Path

from cwmpagent.lab.acs.misbehaviour import Delay
from cwmpagent.lab.acs.session_trace import SessionTrace
from cwmpagent.lab.certificates import certificates
from cwmpagent.protocol.rpc import GetParameterValues, Reboot, SetParameterValues
from tests.agent.bench import DEVICE, SERVER, BenchCase, assign, reactor
from tests.process import TWISTD, Child, free_port

_CONFIG = """
[device]
manufacturer = "Example"
oui = "00D09E"
product_class = "Gateway"
serial_number = "SN0001"
boot = "{boot}"
[acs]
url = "{url}"
username = "cpe"
password = "acs-secret"
{acs}
[connection_request]
endpoint = "tcp:{port}:interface=127.0.0.1"
username = "acs"
password = "request-secret"
[state]
directory = "{state}"
[log]
level = "{level}"
envelopes = {envelopes}
[parameters]
"{server}CWMPRetryMinimumWaitInterval" = 1
"{server}PeriodicInformEnable" = false
{parameters}
"""


class TapCase(BenchCase):
    """Agents in child processes, against the lab in this process."""

    def setUp(self) -> None:
        super().setUp()
        self.children: list[Child] = []
        self.request_port = free_port()
        self.file = self.write()

    def write(self, **changes: object) -> Path:
        """Write the configuration file; ``changes`` replace its default values."""
        fields = {
            "boot": "system",
            "url": self.url,
            "acs": "",
            "port": self.request_port,
            "state": self.state,
            "level": "info",
            "envelopes": "false",
            "server": SERVER,
            "parameters": "",
        }
        file = self.state.parent / "agent.toml"
        file.touch(mode=0o600)
        file.write_text(_CONFIG.format(**{**fields, **changes}))
        return file

    def run_agent(self, *arguments: str) -> Child:
        child = Child.agent(reactor, self.file, *arguments)
        self.children.append(child)
        self.addCleanup(self._kill, child)
        return child

    async def _kill(self, child: Child) -> None:
        child.signal("KILL")
        if not child.ended.called:
            await child.ended

    async def first(self) -> SessionTrace:
        """Wait for the complete session of the bootstrap."""
        return await self.lab.wait_for_session(DEVICE, event="0 BOOTSTRAP", ended="complete", since=0)


class StartTests(TapCase):
    async def refused(self, *arguments: str) -> str:
        """The single error line of a failed start."""
        child = self.run_agent(*arguments)
        status = await child.ended
        self.assertEqual(status, 1, child.out + child.err)
        lines = child.err.strip().splitlines()
        self.assertEqual(len(lines), 1, child.err)
        return lines[0]

    async def test_check(self) -> None:
        child = self.run_agent("--check")
        self.assertEqual(await child.ended, 0, child.err)
        self.assertIn("ok", child.out)
        self.assertFalse(self.state.exists())

    async def test_deviations_of_the_model(self) -> None:
        rows = [f"Device.Port.{number}.Rate,false,true,,xsd:unsignedInt" for number in range(1, 41)]
        dump = self.state.parent / "box.csv"
        dump.write_text("\n".join(("Parameter,Object,Writable,Value,Value type", *rows)))
        self.write(boot='system"\nmodel = "box.csv', parameters="")
        self.file.write_text(self.file.read_text().partition("[parameters]")[0])
        child = self.run_agent("--check")
        self.assertEqual(await child.ended, 0, child.err)
        summary = (
            f"{self.file}: the model is not followed exactly: 53 deviations (empty values that are read as unknown: "
            "40, parameters that are added for the agent: 13)"
        )
        self.assertEqual(child.out.splitlines(), [f"{summary}; --verbose lists them", f"{self.file}: ok"])
        child = self.run_agent("--check", "--verbose")
        self.assertEqual(await child.ended, 0, child.err)
        first, *lines, last = child.out.splitlines()
        self.assertEqual((first, len(lines), last), (summary, 53, f"{self.file}: ok"))
        self.assertEqual(
            lines[0],
            f"{self.file}: box.csv: line 2: Device.Port.1.Rate is empty, which is not a value of unsignedInt: "
            "read as unknown",
        )
        child = self.run_agent("--verbose")
        self.assertEqual(await child.ended, 1)
        self.assertIn("--verbose is of use only with --check", child.err + child.out)

    async def test_wrong_key_is_one_line(self) -> None:
        self.write(acs="rpc_timeoot = 3")
        for arguments in ((), ("--check",)):
            self.assertRegex(await self.refused(*arguments), r"acs\.rpc_timeoot: .*rpc_timeout")
        self.assertFalse(self.state.exists())

    async def test_wrong_factory_value_names_its_key(self) -> None:
        self.write(parameters='"Device.Time.Enable" = "maybe"')
        self.assertRegex(await self.refused(), r"parameters\.Device\.Time\.Enable: ")

    async def test_check_reports_all_errors(self) -> None:
        (self.state.parent / "ca.pem").write_text("nothing")
        values = '"Device.Time.Enable" = "maybe"\n"Device.Time.Nope" = "x"'
        self.write(acs='ca_file = "ca.pem"\n[hooks]\nreboot = ["/no/such/program"]', parameters=values)
        child = self.run_agent("--check")
        self.assertEqual(await child.ended, 1, child.out)
        lines = child.err.strip().splitlines()
        self.assertEqual(
            [line.split(": ")[:2] for line in lines],
            [
                ["cwmpagent", "parameters.Device.Time.Enable"],
                ["cwmpagent", "parameters.Device.Time.Nope"],
                ["cwmpagent", "acs.ca_file"],
                ["cwmpagent", "hooks.reboot"],
            ],
        )
        self.assertRegex(
            await self.refused(), r"parameters\.Device\.Time\.Enable: .* \(and 3 more: --check lists all\)$"
        )

    async def test_check_reports_hooks_that_cannot_be_executed(self) -> None:
        self.write(acs='[hooks]\nreboot = ["/no/such/program"]')
        self.assertIn("hooks.reboot: the program /no/such/program does not exist", await self.refused("--check"))

    async def test_certificate_that_is_none(self) -> None:
        (self.state.parent / "ca.pem").write_text("nothing")
        self.write(acs='ca_file = "ca.pem"')
        self.assertIn("acs.ca_file", await self.refused())

    async def test_key_that_others_can_read(self) -> None:
        made = certificates(self.state.parent / "pki")
        made.client_key.chmod(0o644)
        self.write(acs=f'client_certificate = "{made.client_certificate}"\nclient_key = "{made.client_key}"')
        self.assertRegex(await self.refused(), r"acs\.client_key: .*chmod 600")

    async def test_port_that_is_taken(self) -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", self.request_port))
            taken.listen()
            line = await self.refused()
        self.assertRegex(line, rf"connection_request\.endpoint: .*{self.request_port}.*in use")
        self.assertEqual(self.lab.sessions.seen, 0)

    async def test_second_process_names_the_first(self) -> None:
        first = self.run_agent()
        await self.first()
        self.assertIn(f"process {first.pid}", await self.refused())
        self.request_port = free_port()
        self.write()
        self.assertIn(f"process {first.pid}", await self.refused())


class SignalTests(TapCase):
    async def test_sigterm_saves_and_ends_with_0(self) -> None:
        child = self.run_agent()
        await self.first()
        child.signal("TERM")
        self.assertEqual(await child.ended, 0, child.out)
        self.assertIn("state is saved", child.out)
        for noise in ("starting on", "Starting protocol", "object at 0x", "starting up", "Closed"):
            self.assertNotIn(noise, child.out)
        for words in (" booted; its ACS", " stopped, its"):
            self.assertIn(f"] {DEVICE}{words}", child.out, "as the lab and status name it")
        self.assertEqual(self.state.stat().st_mode & 0o777, 0o700)
        for file in self.state.iterdir():
            self.assertEqual(file.stat().st_mode & 0o777, 0o600, file)

    async def test_sigterm_more_than_once(self) -> None:
        self.lab.misbehave(Delay(at="inform", seconds=1000))
        child = self.run_agent()
        await self.until(lambda: self.lab.sessions.seen == 1)
        await self.pause(0.2)
        for _ in range(3):
            child.signal("TERM")
            await self.pause(0.1)
        self.assertEqual(await child.ended, 0, child.out)
        self.assertNotIn("Traceback", child.out + child.err)

    async def test_sigterm_while_the_acs_is_silent(self) -> None:
        self.lab.misbehave(Delay(at="inform", seconds=1000))
        child = self.run_agent()
        await self.until(lambda: self.lab.sessions.seen == 1)
        await self.pause(0.2)
        child.signal("TERM")
        began = time.monotonic()
        self.assertEqual(await child.ended, 0, child.out)
        self.assertLess(
            time.monotonic() - began, 25, "the silence of an ACS is given up after 30 s; a stop waits for 5"
        )
        self.run_agent()
        trace = await self.first()
        self.assertEqual(trace.informs[0].retry_count, 1)
        self.assertEqual(trace.event_codes, ("0 BOOTSTRAP", "1 BOOT"))

    async def test_sigterm_lets_a_change_in_flight_be_whole(self) -> None:
        child = self.run_agent()
        await self.first()
        self.lab.misbehave(Delay(at="SetParameterValuesResponse", seconds=1000))
        asked = self.lab.queue(DEVICE, assign("half", **{"Device.DeviceInfo.ProvisioningCode": "told"}))
        await self.lab.connection_request(DEVICE)
        await asked
        child.signal("TERM")
        self.assertEqual(await child.ended, 0, child.out)
        self.run_agent()
        answer = self.lab.queue(DEVICE, GetParameterValues(("Device.DeviceInfo.ProvisioningCode",)))
        await self.lab.wait_for_session(DEVICE, ended="complete")
        self.assertEqual((await answer).parameter_list[0].value.text, "told")

    async def test_sighup_takes_over_the_log_level_and_the_certificates(self) -> None:
        ca = certificates(self.state.parent / "pki").ca
        self.write(acs=f'ca_file = "{ca}"')
        child = self.run_agent()
        await self.first()
        self.write(acs=f'ca_file = "{ca}"\nrpc_timeout = 19', level="debug", parameters='"Device.Time.Enable" = true')
        child.signal("HUP")
        await self.until(lambda: "the log level is debug" in child.out)
        await self.until(lambda: "not applied" in child.out)
        self.assertIn('before the next start: acs.rpc_timeout, parameters."Device.Time.Enable"\n', child.out)
        ca.write_text("nothing")
        child.signal("HUP")
        await self.until(lambda: "reload failed, nothing is changed: acs.ca_file" in child.out)
        await self.lab.connection_request(DEVICE)
        await self.until(lambda: "connection request by HTTP from 127.0.0.1 accepted" in child.out)
        child.signal("TERM")
        self.assertEqual(await child.ended, 0, child.out)

    async def test_kill_is_no_boot(self) -> None:
        child = self.run_agent()
        await self.first()
        child.signal("KILL")
        self.assertEqual(await child.ended, -9)
        self.run_agent()
        await self.until(lambda: "restarted without a boot" in self.children[-1].out)
        await self.lab.connection_request(DEVICE)
        trace = await self.lab.wait_for_session(DEVICE, ended="complete", event="6 CONNECTION REQUEST", since=0)
        self.assertEqual(trace.event_codes, ("6 CONNECTION REQUEST",))

    async def test_kill_with_a_boot_is_a_boot(self) -> None:
        self.write(boot="process")
        child = self.run_agent()
        await self.first()
        child.signal("KILL")
        await child.ended
        self.run_agent()
        trace = await self.lab.wait_for_session(DEVICE, ended="complete", event="1 BOOT")
        self.assertEqual(trace.event_codes, ("1 BOOT",))


_DAMAGED = """
import cwmpagent.store.durable as durable
from cwmpagent.errors import StoreError
from twisted.scripts.twistd import run
load, loads = durable.Store.load, []
def damaged(store):
    loads.append(store)
    if len(loads) > 2:  # the boot ID and the first runtime are loaded before
        raise StoreError("the state cannot be read: disk I/O error")
    return load(store)
durable.Store.load = damaged
run()
"""


class FatalTests(TapCase):
    """An agent whose state cannot be read after its first reboot: its process ends."""

    def run_damaged(self, *arguments: str) -> Child:
        child = Child.start(
            reactor, [sys.executable, "-c", _DAMAGED, *arguments, "cwmpagent", "--config", str(self.file)]
        )
        self.addCleanup(self._kill, child)
        return child

    async def reboot(self) -> None:
        await self.first()
        self.lab.queue(DEVICE, Reboot("bye"))
        await self.lab.connection_request(DEVICE)

    async def test_one_line_and_status_1(self) -> None:
        child = self.run_damaged("--nodaemon", "--pidfile=")
        await self.reboot()
        self.assertEqual(await child.ended, 1, child.out)
        self.assertEqual(child.err, "cwmpagent: the agent cannot continue: the state cannot be read: disk I/O error\n")
        self.assertIn("state is saved", child.out)

    async def test_a_daemon(self) -> None:
        pid_file, log_file = self.state.parent / "agent.pid", self.state.parent / "agent.log"
        child = self.run_damaged(f"--pidfile={pid_file}", f"--logfile={log_file}")
        self.assertEqual(await child.ended, 0, child.err)
        self.addCleanup(lambda: os.kill(int(pid_file.read_text()), signal.SIGKILL) if pid_file.exists() else None)
        await self.reboot()
        await self.until(lambda: not pid_file.exists())
        self.assertIn("the state cannot be read: disk I/O error", log_file.read_text())


class DaemonTests(TapCase):
    """Without ``--nodaemon``: the started process ends as soon as the agent runs or has failed."""

    def run_daemon(self) -> Child:
        arguments = [
            f"--pidfile={self.pid_file}",
            f"--logfile={self.log_file}",
            "cwmpagent",
            "--config",
            str(self.file),
        ]
        child = Child.start(reactor, [*TWISTD[:3], *arguments])
        self.addCleanup(self._kill, child)
        return child

    def setUp(self) -> None:
        super().setUp()
        self.pid_file = self.state.parent / "agent.pid"
        self.log_file = self.state.parent / "agent.log"

    async def test_from_its_start_to_its_end(self) -> None:
        child = self.run_daemon()
        self.assertEqual(await child.ended, 0, child.err)
        pid = int(self.pid_file.read_text())
        await self.first()
        os.kill(pid, signal.SIGTERM)
        await self.until(lambda: not self.pid_file.exists())
        self.assertIn("state is saved", self.log_file.read_text())

    async def test_a_port_that_is_taken(self) -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", self.request_port))
            taken.listen()
            child = self.run_daemon()
            self.assertEqual(await child.ended, 1)
        self.assertIn("connection_request.endpoint", child.err)
        await self.until(lambda: "in use" in self.log_file.read_text() and not self.pid_file.exists())

    async def test_a_second_process(self) -> None:
        first = self.run_agent()
        await self.first()
        self.request_port = free_port()
        self.write()
        child = self.run_daemon()
        self.assertEqual(await child.ended, 1)
        holder = f"process {first.pid}"
        await self.until(lambda: holder in self.log_file.read_text() and not self.pid_file.exists())


class SecretTests(TapCase):
    async def test_passwords_show_nowhere(self) -> None:
        self.write(level="debug", envelopes="true")
        child = self.run_agent()
        await self.first()
        password = SERVER + "ConnectionRequestPassword"
        asked = [
            self.lab.queue(DEVICE, request)
            for request in (
                assign("", **{password: "written-secret", "Device.DeviceInfo.ProvisioningCode": "plain"}),
                GetParameterValues(("Device.",)),
                SetParameterValues((), "done"),
            )
        ]
        await self.lab.connection_request(DEVICE)
        for answer in asked:
            await answer
        await self.until(lambda: "SetParameterValues x2" in child.out)
        arguments = Path(f"/proc/{child.pid}/cmdline").read_bytes().decode()
        child.signal("TERM")
        await child.ended
        self.assertIn("plain", child.out)
        self.assertTrue(re.search(r"received 200 .*SetParameterValues", child.out))
        for secret in ("acs-secret", "request-secret", "written-secret", "Digest "):
            for place in (child.out, child.err, arguments, os.fspath(self.file)):
                self.assertNotIn(secret, place)
