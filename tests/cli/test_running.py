"""The command against a running agent: every command, both output formats, every refusal; no output has a secret.

Agent and command run in one process here; test_processes runs them in separate processes.
"""

from __future__ import annotations

import io
import json
import os
import re
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import replace
from importlib import import_module
from typing import Any, NamedTuple
from unittest.mock import patch

from twisted.internet.threads import deferToThread

from cwmpagent.agent.facts import Rebooting, SessionStarted
from cwmpagent.agent.parameters.changes import Origin
from cwmpagent.cli.main import main
from cwmpagent.config import HooksConfig
from cwmpagent.datamodel.plan import AttributeChange, ParameterAssignment
from cwmpagent.lab.acs.misbehaviour import FaultAnswer, Status
from cwmpagent.lab.acs.session import METHODS
from cwmpagent.protocol.rpc import Reboot
from cwmpagent.protocol.stun.message import Address
from tests.agent.bench import DEVICE, SERVER, BenchCase, reactor
from tests.skips import CHECKOUT
from tests.transport.udp.udp_net import StunPeer

CODE = "Device.DeviceInfo.ProvisioningCode"
INTERVAL = SERVER + "PeriodicInformInterval"
PASSWORD = SERVER + "ConnectionRequestPassword"
PATIENT = {SERVER + "CWMPRetryMinimumWaitInterval": "600"}  # the first retry is due after the end of the test
SECRETS = ("acs-secret", "request-secret", "typed-secret", "file-secret")


class Ran(NamedTuple):
    """Exit status and output of a command."""

    status: int
    out: str
    err: str


def typed(words: list[str], given: str = "") -> Ran:
    """Run the command with the arguments ``words`` and the standard input ``given``."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err), patch.object(sys, "stdin", io.StringIO(given)):
        try:
            status = main(words)
        except SystemExit as end:
            status = int(end.code or 0)
    return Ran(status, out.getvalue(), err.getvalue())


class CommandCase(BenchCase):
    """A running agent; ``said``, ``read`` and ``refused`` run a command against it."""

    async def setUp(self) -> None:  # type: ignore[override]  # trial waits for it
        super().setUp()
        self.file = self.state.parent / "agent.toml"
        self.file.write_text(f'[state]\ndirectory = "{self.state}"\n')
        await self.bootstrapped(**{INTERVAL: "300"})

    async def run_command(self, *words: str, given: str = "", where: bool = True) -> Ran:
        place = ["--config", str(self.file)] if where else []
        ran: Ran = await deferToThread(typed, [*place, *words], given)
        for secret in SECRETS:
            self.assertNotIn(secret, ran.out + ran.err)
        return ran

    async def said(self, *words: str, **options: Any) -> str:
        """Standard output of the command; standard error must be empty."""
        ran = await self.run_command(*words, **options)
        self.assertEqual((ran.status, ran.err), (0, ""), ran.out)
        return ran.out

    async def read(self, *words: str, **options: Any) -> Any:
        """The JSON output of the command, parsed."""
        return json.loads(await self.said(*words, "--json", **options))

    async def refused(self, *words: str, **options: Any) -> str:
        """The single error line of the command."""
        ran = await self.run_command(*words, **options)
        self.assertEqual((ran.status, ran.out), (1, ""))
        self.assertEqual(len(ran.err.splitlines()), 1, ran.err)
        self.assertTrue(ran.err.startswith("cwmpagent: "))
        return ran.err

    async def value(self, name: str) -> str:
        """The present value of a parameter."""
        parameters = (await self.read("get", name))["parameters"]
        self.assertEqual([each["name"] for each in parameters], [name])
        return str(parameters[0]["value"])

    async def restart(self, **parameters: str) -> None:
        """Stop the agent, and start another one with these factory values."""
        await self.end()
        number = self.lab.sessions.seen
        self.begin(self.config(**parameters))
        await self.session(since=number)

    async def deafen(self) -> None:
        """Make the ACS unreachable: it listens on another port."""
        former, self.port = self.port, self.listen()
        await former.stopListening()

    def told(self) -> str:
        """Every fact that the observer received, as text."""
        return repr(self.facts)


class ReadingTests(CommandCase):
    async def test_status(self) -> None:
        found = await self.read("status")
        self.assertEqual(
            sorted(found),
            [
                "acs",
                "connection_request",
                "device",
                "overruled",
                "process",
                "rebooting",
                "session",
                "started",
                "summary",
                "transfers",
                "version",
            ],
        )
        self.assertIn(["ACS", self.url], found["summary"])
        self.assertEqual(found["process"], os.getpid())
        self.assertEqual(found["device"]["serial_number"], "SN0001")
        self.assertEqual(found["acs"], {"url": self.url, "enabled": True})
        self.assertEqual(found["session"]["last"]["events"], ["0 BOOTSTRAP", "1 BOOT"])
        self.assertTrue(found["session"]["last"]["success"])
        self.assertRegex(found["connection_request"]["url"], r"^http://127\.0\.0\.1:\d+/")
        self.assertRegex(found["connection_request"]["udp"]["address"], r"^127\.0\.0\.1:\d+$")
        self.assertIsNone(found["connection_request"]["udp"]["stun"])
        text = await self.said("status")
        for part in ("00D09E-Gateway-SN0001", self.url, "Last session", "0 BOOTSTRAP, 1 BOOT", "Next session"):
            self.assertIn(part, text)

    async def test_status_of_a_binding(self) -> None:
        stun = StunPeer()
        port = reactor.listenUDP(0, stun, interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        stun.mapped = Address("203.0.113.5", 40_001)
        for name, text in (
            ("STUNServerAddress", "127.0.0.1"),
            ("STUNServerPort", str(port.getHost().port)),
            ("STUNMinimumKeepAlivePeriod", "30"),
            ("STUNEnable", "true"),
        ):
            await self.said("set", f"{SERVER}{name}={text}")
        await self.until(lambda: self.agent.runtime.server.flag("NATDetected"))
        found = (await self.read("status"))["connection_request"]["udp"]
        kept = {"period": 30.0, "searching": True, "answered": True}
        self.assertEqual(found, {"address": "203.0.113.5:40001", "nat": True, "stun": kept})
        self.assertIn(
            "203.0.113.5:40001, behind a NAT; kept alive every 30 s; still searching for the lifetime of the binding",
            await self.said("status"),
        )

    async def test_get(self) -> None:
        found = await self.read("get", "Device.DeviceInfo.SerialNumber", "Device.ManagementServer")
        by_name = {each.pop("name"): each for each in found["parameters"]}
        self.assertEqual(
            by_name["Device.DeviceInfo.SerialNumber"], {"type": "string", "value": "SN0001", "writable": False}
        )
        self.assertEqual(by_name[PASSWORD]["value"], "***")
        self.assertEqual(by_name[SERVER + "Password"]["value"], "***")
        text = await self.said("get", "Device.")
        lines = text.splitlines()
        self.assertEqual(lines[0].split(), ["NAME", "TYPE", "ACCESS", "VALUE"])
        at = lines[0].index("ACCESS")
        self.assertEqual({line[at - 1 : at + 3].strip() for line in lines[1:]}, {"r", "rw"})
        self.assertIn("no such parameter", await self.refused("get", "Device.Nothing"))

    async def test_names(self) -> None:
        next_level = (await self.read("names", "Device"))["names"]
        self.assertIn({"name": "Device.DeviceInfo.", "writable": False}, next_level)
        self.assertNotIn(CODE, [each["name"] for each in next_level])
        everything = (await self.read("names", "--all"))["names"]
        self.assertIn({"name": CODE, "writable": True}, everything)
        self.assertEqual((await self.read("names", CODE))["names"], [{"name": CODE, "writable": True}])
        self.assertIn("Device.NAT.PortMapping.", await self.said("names", "Device.NAT."))
        self.assertIn("no such parameter", await self.refused("names", "Device.Nothing."))

    async def test_events_and_a_schedule(self) -> None:
        ticks = {"PeriodicInformEnable": "true", "PeriodicInformInterval": "86400"}
        await self.restart(**{SERVER + name: text for name, text in ticks.items()}, **PATIENT)
        found = await self.read("events")
        self.assertEqual((found["pending"], found["retry_count"], found["retry_in"]), ([], 0, None))
        self.assertIn("in", found["session"]["next"])
        self.assertIn("No event is pending", await self.said("events"))
        await self.deafen()
        await self.said("inform")
        await self.until(lambda: not self.ended()[-1].success)
        found = await self.read("events")
        self.assertEqual(found["pending"], [{"event": "X 00D09E Local Inform", "command_key": ""}])
        self.assertEqual(found["retry_count"], 1)
        self.assertGreater(found["retry_in"], 0)
        text = await self.said("events")
        self.assertRegex(text, r"RetryCount +1, next try in \d+ min")
        self.assertRegex(text, r"Last session +failed ")

    async def test_trace(self) -> None:
        facts = (await self.read("trace"))["facts"]
        self.assertIn("AgentStarted", [each["fact"] for each in facts])
        ended = next(each for each in facts if each["fact"] == "SessionEnded")
        self.assertEqual((ended["success"], ended["level"]), (True, "info"))
        self.assertIn("session done", await self.said("trace"))
        self.assertIn("follow", await self.refused("trace", "--envelopes"))

    async def test_export(self) -> None:
        file = self.state.parent / "case.json"
        found = await self.read("export", "--output", str(file))
        self.assertEqual(found, {"file": str(file)})
        self.assertEqual(file.stat().st_mode & 0o777, 0o600)
        text = file.read_text()
        for secret in SECRETS:
            self.assertNotIn(secret, text)
        whole = json.loads(text)
        self.assertEqual(
            list(whole),
            ["format", "made", "versions", "configuration", "status", "events", "metrics", "facts", "parameters"],
        )
        metrics = {metric["name"]: metric["value"] for metric in whole["metrics"]}
        self.assertIn("cwmpagent_retry_count", metrics)
        for name, value in metrics.items():
            self.assertIn(type(value), (int, float), name)  # true and false are not numbers of a metric
        self.assertEqual(whole["configuration"]["acs"]["password"], "***")
        self.assertEqual(whole["configuration"]["acs"]["url"], self.url)
        self.assertIn("Twisted", whole["versions"])
        by_name = {each["name"]: each for each in whole["parameters"]}
        self.assertEqual(by_name[PASSWORD]["value"], "***")
        self.assertEqual(by_name["Device.DeviceInfo.SoftwareVersion"]["notification"], 2)
        self.assertIn("exists already", await self.refused("export", "--output", str(file)))
        self.assertIn("cannot be written", await self.refused("export", "-o", str(self.state.parent / "no" / "f")))


class ChangingTests(CommandCase):
    async def test_set_tells_the_acs(self) -> None:
        number = self.lab.sessions.seen
        found = await self.read("set", f"{CODE}=a=b")
        self.assertEqual(found, {"parameters": [{"name": CODE, "type": "string", "value": "a=b", "writable": True}]})
        trace = await self.lab.wait_for_session(DEVICE, event="4 VALUE CHANGE", ended="complete", since=number)
        told = {each.name: each.value.text for each in trace.informs[0].parameter_list}
        self.assertEqual(told[CODE], "a=b")

    async def test_set_keeps_a_secret(self) -> None:
        found = await self.read("set", PASSWORD, given="typed-secret\n")
        self.assertEqual(found["parameters"][0]["value"], "***")
        self.assertIn("has no value", await self.refused("set", PASSWORD))
        self.assertNotIn("typed-secret", self.told())
        self.assertNotIn("typed-secret", await self.said("get", SERVER))

    async def test_set_says_why_not(self) -> None:
        self.assertIn("is read-only (fault 9008)", await self.refused("set", "Device.DeviceInfo.SerialNumber=1"))
        self.assertRegex(await self.refused("set", "Device.Time.Enable=maybe"), r"Device\.Time\.Enable: .*9007")
        self.assertIn("more than once", await self.refused("set", f"{CODE}=1", f"{CODE}=2"))
        ran = await self.run_command("set", f"{CODE}=x", "Device.No=1", SERVER + "PeriodicInformInterval=-1", "--json")
        self.assertEqual((ran.status, len(ran.err.splitlines())), (1, 2), ran.err)
        error = json.loads(ran.out)["error"]
        self.assertEqual([each["code"] for each in error["parameters"]], [9005, 9007])
        self.assertEqual(await self.value(CODE), "")

    async def test_rows(self) -> None:
        row = (await self.read("add", "Device.NAT.PortMapping"))["row"]
        self.assertEqual(row, "Device.NAT.PortMapping.1.")
        await self.said("set", row + "ExternalPort=80")
        self.assertEqual((await self.said("add", "Device.NAT.PortMapping.")).strip(), "Device.NAT.PortMapping.2.")
        self.assertEqual(await self.read("delete", row), {"row": row})
        self.assertIn("no such parameter", await self.refused("get", row))
        self.assertIn("9005", await self.refused("delete", row))
        self.assertIn("9005", await self.refused("add", "Device.DeviceInfo."))

    async def test_rows_by_alias_and_wildcard(self) -> None:
        table = "Device.NAT.PortMapping."
        self.assertEqual(await self.read("add", table + "[web]"), {"row": table + "1."})
        await self.said("add", "Device.NAT.PortMapping")
        await self.said("set", table + "[web].ExternalPort=80", table + "2.ExternalPort=81")
        values = {
            each["name"]: each["value"] for each in (await self.read("get", table + "*.ExternalPort"))["parameters"]
        }
        self.assertEqual(values, {table + "1.ExternalPort": "80", table + "2.ExternalPort": "81"})
        self.assertIn("9003", await self.refused("add", table + "[web]."))
        self.assertIn("several", await self.refused("delete", table + "*."))
        self.assertEqual((await self.read("reset", table + "[web]"))["parameters"][0]["value"], "0")
        self.assertEqual(await self.read("delete", table + "[web]"), {"row": table + "1."})
        self.assertIn("9005", await self.refused("get", table + "[web]."))
        self.assertEqual(len((await self.read("names", table))["names"]), 1)

    async def test_inform(self) -> None:
        number = self.lab.sessions.seen
        self.assertEqual(await self.read("inform"), {"event": "X 00D09E Local Inform"})
        trace = await self.lab.wait_for_session(DEVICE, ended="complete", since=number)
        self.assertEqual(trace.event_codes, ("X 00D09E Local Inform",))
        session = (await self.read("inform", "--wait"))["session"]
        self.assertEqual((session["fact"], session["success"]), ("SessionEnded", True))
        await self.deafen()
        ran = await self.run_command("inform", "--wait")
        self.assertEqual((ran.status, ran.err), (1, ""))
        self.assertIn("session failed", ran.out)

    async def test_standby(self) -> None:
        self.assertEqual(await self.read("woke"), {"event": None})
        self.assertIn("Nothing to report", await self.said("woke"))
        await self.said("set", f"{SERVER}StandbyPolicy.CRUnawarenessMaxDuration=0")
        number = self.lab.sessions.seen
        self.assertIn("falls asleep", await self.said("sleeping"))
        self.assertEqual(await self.read("sleeping"), {"sleeping": True})
        self.assertIn("13 WAKEUP", await self.said("woke"))
        trace = await self.lab.wait_for_session(DEVICE, ended="complete", since=number)
        self.assertEqual(trace.event_codes, ("13 WAKEUP",))

    async def test_no_inform_while_cwmp_is_off(self) -> None:
        await self.said("set", SERVER + "EnableCWMP=false")
        self.assertIn("EnableCWMP is false", await self.refused("inform"))
        self.assertIn("EnableCWMP is false", await self.said("status"))
        await self.until(lambda: not (self.agent and self.agent.runtime.server.text("ConnectionRequestURL")))
        self.assertRegex(await self.said("status"), "ConnectionRequest +no URL: disabled")

    async def test_access_list(self) -> None:
        change = AttributeChange(CODE, access_list=())
        row = (await self.read("add", "Device.NAT.PortMapping."))["row"]
        kept = AttributeChange(row + "ExternalPort", access_list=())
        assert self.agent is not None
        await self.agent.runtime.changes.set_attributes([change, kept], Origin.ACS)
        for name, words in ((CODE, ("set", f"{CODE}=x")), (row + "ExternalPort", ("delete", row))):
            line = await self.refused(*words)
            reason = "can only be written by the ACS: its AccessList is empty (fault 9001)"
            self.assertEqual(line.rstrip(), f"cwmpagent: {name}: {reason}")
        await self.agent.runtime.changes.set_values([ParameterAssignment(CODE, "acs")], Origin.ACS)
        self.assertIn("AccessList", await self.refused("reset", CODE))
        self.assertEqual(await self.value(CODE), "acs")

    async def test_reset_goes_back_to_the_file(self) -> None:
        await self.said("set", INTERVAL + "=4444", PASSWORD, given="typed-secret\n")
        self.facts.clear()
        await self.restart(**{INTERVAL: "555"})
        overruled = (await self.read("status"))["overruled"]
        self.assertEqual(
            overruled,
            [
                {"key": "connection_request.password", "name": PASSWORD, "file": "***", "present": "***"},
                {"key": f"parameters.{INTERVAL}", "name": INTERVAL, "file": "555", "present": "4444"},
            ],
        )
        self.assertRegex(await self.said("status"), rf"{INTERVAL} +555 +4444")
        self.assertIn("cwmpagent reset " + INTERVAL, await self.said("trace"))
        found = await self.read("reset", INTERVAL, PASSWORD)
        self.assertEqual(
            {each["name"]: each["value"] for each in found["parameters"]}, {INTERVAL: "555", PASSWORD: "***"}
        )
        self.assertEqual((await self.read("status"))["overruled"], [])
        self.assertIn("Nothing to reset", await self.said("reset", SERVER))
        self.assertIn("9008", await self.refused("reset", SERVER + "ParameterKey"))
        self.assertNotIn("typed-secret", self.told())
        await self.restart(**{INTERVAL: "666"})
        self.assertEqual(await self.value(INTERVAL), "666")

    async def test_reset_tells_the_acs(self) -> None:
        await self.said("set", f"{CODE}=mine")
        await self.session(event="4 VALUE CHANGE")
        number = self.lab.sessions.seen
        await self.said("reset", CODE)
        trace = await self.session(event="4 VALUE CHANGE", since=number)
        told = {each.name: each.value.text for each in trace.informs[0].parameter_list}
        self.assertEqual(told[CODE], "")

    async def test_factory_reset(self) -> None:
        await self.said("set", f"{CODE}=mine")
        self.assertIn("--yes", await self.refused("factory-reset"))
        self.assertEqual(await self.value(CODE), "mine")
        number = self.lab.sessions.seen
        self.assertEqual(await self.read("factory-reset", "--yes"), {"begun": True})
        await self.session(event="0 BOOTSTRAP", since=number)
        self.assertEqual(await self.value(CODE), "")
        self.assertIn(Rebooting("", True, local=True), self.facts)

    async def test_nothing_is_changed_while_the_device_reboots(self) -> None:
        assert self.agent is not None
        over = self.state.parent / "over"
        program = ("/bin/sh", "-c", f"while [ ! -e {over} ]; do sleep 0.05; done")
        config = replace(self.agent.config, hooks=HooksConfig(factory_reset=program))
        await self.end()
        self.begin(config)
        await self.session(event="1 BOOT")
        await self.said("set", f"{CODE}=mine")
        await self.said("factory-reset", "--yes")
        for words in (
            ("set", f"{CODE}=x"),
            ("add", "Device.NAT.PortMapping."),
            ("inform",),
            ("sleeping",),
            ("woke",),
            ("factory-reset", "--yes"),
        ):
            self.assertIn("rebooting", await self.refused(*words))
        self.assertTrue((await self.read("status"))["rebooting"])
        self.assertEqual(await self.value(CODE), "mine")
        over.touch()
        agent = self.agent
        await self.until(lambda: not agent.rebooting)
        self.assertEqual(await self.value(CODE), "")

    async def test_it_is_the_present_life_after_a_reboot_that_the_agent_plays(self) -> None:
        await self.said("set", f"{CODE}=before")
        await self.session(event="4 VALUE CHANGE")
        self.lab.queue(DEVICE, Reboot("bye"))
        await self.said("inform", "--wait")
        await self.session(event="M Reboot", since=0)
        self.assertIn("M Reboot", (await self.read("status"))["session"]["last"]["events"])
        self.assertEqual(await self.value(CODE), "before")
        await self.said("set", f"{CODE}=after")
        self.assertEqual(await self.value(CODE), "after")


class TypingTests(CommandCase):
    async def test_mistakes_are_one_line(self) -> None:
        for words in ((), ("stat",), ("get",), ("status", "--config"), ("inform", "now"), ("--yaml", "status")):
            ran = await self.run_command(*words, where=False)
            self.assertEqual((ran.status, len(ran.err.splitlines())), (2, 1), ran.err)

    def test_the_script_that_is_installed(self) -> None:
        found = re.search(r'"cwmpagent = ([\w.]+):(\w+)"', (CHECKOUT / "setup.py").read_text(encoding="utf-8"))
        assert found is not None
        self.assertIs(getattr(import_module(found[1]), found[2]), main)

    async def test_help(self) -> None:
        self.assertIn("factory-reset", await self.said("--help", where=False))
        self.assertIn("standard input", await self.said("set", "--help", where=False))

    async def test_by_its_socket(self) -> None:
        socket = self.state / "control.sock"
        self.assertEqual(socket.stat().st_mode & 0o777, 0o600)
        await self.said("--socket", str(socket), "status", where=False)
        await self.said("status", "--socket", str(socket), where=False)

    async def test_no_place_and_bad_places(self) -> None:
        missing = str(self.state.parent / "missing.toml")
        self.assertIn("cannot be read", await self.refused("--config", missing, "status", where=False))
        bad = self.state.parent / "bad.toml"
        for text, hint in (
            ("[control", "not TOML"),
            ("control = 1", "[control]"),
            ("[control]\nsocket = 5", "control.socket"),
            ("[state]\ndirectory = []", "state.directory"),
        ):
            bad.write_text(text)
            self.assertIn(hint, await self.refused("--config", str(bad), "status", where=False))

    async def test_no_agent(self) -> None:
        await self.end()
        line = await self.refused("status")
        self.assertIn(str(self.state / "control.sock"), line)
        self.assertIn("start it with", line)
        ran = await self.run_command("status", "--json")
        self.assertIn("no agent is running", json.loads(ran.out)["error"]["reason"])

    async def test_an_agent_that_stops_meanwhile(self) -> None:
        await self.deafen()
        waiting = deferToThread(typed, ["--config", str(self.file), "inform", "--wait"], "")
        await self.until(lambda: any(isinstance(fact, SessionStarted) for fact in self.facts[-3:]))
        await self.end()
        ran = await waiting
        self.assertEqual(ran.status, 1)


class AcsMethodsTests(CommandCase):
    async def test_the_rpcs_of_the_acs(self) -> None:
        since = self.lab.sessions.seen
        self.assertEqual((await self.said("acs-methods")).split(), list(METHODS))
        trace = await self.session(event="X 00D09E Local Inform", since=since)
        self.assertEqual([type(each).__name__ for each in trace.requests], ["GetRPCMethods"])
        self.assertEqual(await self.read("acs-methods"), {"methods": list(METHODS)})

    async def test_an_acs_that_refuses_or_is_away(self) -> None:
        self.lab.misbehave(FaultAnswer(at="GetRPCMethods", code=8001, text="not for you"))
        ran = await self.run_command("acs-methods")
        self.assertEqual(ran.status, 1)
        self.assertIn("fault 8001", ran.out)
        self.assertIn("not for you", ran.out)
        self.lab.misbehave(Status(at="inform", status=503))
        ran = await self.run_command("acs-methods", "--json")
        self.assertEqual((ran.status, json.loads(ran.out)["session"]["success"]), (1, False))
