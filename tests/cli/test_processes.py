"""Agent and command in separate processes: signals, pipes, a stale socket, and the command lines that others see."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from tests.agent.bench import DEVICE, SERVER, assign, reactor
from tests.process import Child
from tests.test_tap import TapCase

CODE = "Device.DeviceInfo.ProvisioningCode"
PASSWORD = SERVER + "ConnectionRequestPassword"
SECRETS = ("acs-secret", "request-secret", "written-secret")


class ProcessTests(TapCase):
    async def setUp(self) -> None:  # type: ignore[override]  # trial waits for it
        super().setUp()
        self.place = self.state / "control.sock"
        self.child = self.run_agent()
        await self.first()
        await self.until(lambda: "session done" in self.child.out)

    def command(self, *words: str) -> Child:
        child = Child.start(reactor, [sys.executable, "-m", "cwmpagent", "--config", str(self.file), *words])
        self.children.append(child)
        self.addCleanup(self._kill, child)
        return child

    async def ran(self, *words: str) -> Child:
        """Run the command to its end."""
        child = self.command(*words)
        await child.ended
        return child

    async def test_follow_until_somebody_ends_it(self) -> None:
        text = self.command("trace", "--follow", "--envelopes")
        read = self.command("trace", "--follow", "--json")
        arguments = Path(f"/proc/{text.pid}/cmdline").read_bytes().decode()
        while not (
            "<cwmp:Inform>" in text.out and "SessionStarted" in read.out
        ):  # until both have received a whole session
            asked = self.lab.queue(DEVICE, assign("", **{PASSWORD: "written-secret", CODE: "plain"}))
            self.assertEqual((await self.ran("inform", "--wait")).err, "")
            await asked
        await self.until(lambda: "session done" in text.out and "SessionEnded" in read.out)
        for child in (text, read):
            child.signal("INT")
            self.assertEqual(await child.ended, 0, child.err)
        self.assertIn("plain", text.out)
        facts = [json.loads(line)["fact"] for line in read.out.splitlines()]
        self.assertIn("SessionStarted", facts)
        self.assertNotIn("EnvelopeSent", facts)
        for secret in SECRETS:
            self.assertNotIn(secret, text.out + read.out + self.child.out + arguments)
        self.assertNotIn("<cwmp:Inform>", self.child.out)

    async def test_a_reader_that_has_enough(self) -> None:
        line = f"{sys.executable} -m cwmpagent --config {self.file} get Device. | head -n 1"
        child = Child.start(reactor, ["/bin/sh", "-c", line])
        self.addCleanup(self._kill, child)
        self.assertEqual(await child.ended, 0)
        self.assertEqual((len(child.out.splitlines()), child.err), (1, ""))

    async def test_a_stale_socket_is_replaced(self) -> None:
        self.child.signal("KILL")
        await self.child.ended
        self.assertTrue(self.place.is_socket())
        self.assertIn("no process listens", (await self.ran("status")).err)
        self.child = self.run_agent()
        await self.until(lambda: "restarted" in self.child.out)
        found = json.loads((await self.ran("status", "--json")).out)
        self.assertEqual(found["process"], self.child.pid)
        self.child.signal("TERM")
        await self.child.ended
        self.assertFalse(self.place.exists())

    async def test_a_file_whose_passwords_cannot_be_read_is_enough(self) -> None:
        text = self.file.read_text().replace('password = "acs-secret"', 'password_file = "/nowhere"')
        self.file.write_text(text)
        self.assertEqual((await self.ran("status")).err, "")

    async def test_another_place_and_a_place_that_is_taken(self) -> None:
        text = self.file.read_text()
        other = self.state.parent / "other.toml"
        other.touch(mode=0o600)
        elsewhere = text.replace(str(self.state), f"{self.state}2").replace(f"tcp:{self.request_port}:", "tcp:0:")
        other.write_text(elsewhere + f'[control]\nsocket = "{self.place}"\n')
        child = Child.agent(reactor, other)
        self.addCleanup(self._kill, child)
        self.assertEqual(await child.ended, 1, child.out)
        self.assertRegex(child.err, r"control\.socket: .* is in use by another process")
        self.assertEqual((await self.ran("status")).err, "")
        other.write_text(elsewhere + '[control]\nsocket = "other.sock"\n')
        child = Child.agent(reactor, other)
        self.addCleanup(self._kill, child)
        await self.until(lambda: "booted" in child.out)
        self.file = other
        found = json.loads((await self.ran("status", "--json")).out)
        self.assertEqual(found["process"], child.pid)
        self.assertTrue((other.parent / "other.sock").is_socket())
        self.assertFalse(Path(f"{self.state}2/control.sock").exists())
