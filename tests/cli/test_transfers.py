"""The commands `request-download` and `transfer` against a running agent, the lab's ACS and its file server."""

from __future__ import annotations

import io
import json
import sys
from contextlib import redirect_stderr
from unittest.mock import patch

from twisted.trial.unittest import SynchronousTestCase

from cwmpagent.cli import credentials
from cwmpagent.protocol.rpc import AutonomousTransferComplete, RequestDownload
from tests.agent.bench import SERVER
from tests.cli.test_running import CommandCase
from tests.lab.files.serving import start

FIRMWARE = "1 Firmware Upgrade Image"
CONFIGURATION = "3 Vendor Configuration File"
LOG = "2 Vendor Log File"
POLICY = SERVER + "AutonomousTransferCompletePolicy."
CREDENTIALS = "cpe\nfile-secret\n"


class Terminal(io.StringIO):
    """Standard input at a terminal."""

    def isatty(self) -> bool:
        return True


class CredentialsTests(SynchronousTestCase):
    def test_on_a_terminal_the_password_has_no_echo(self) -> None:
        errors = io.StringIO()
        with (
            patch.object(sys, "stdin", Terminal("cpe\n")),
            patch.object(credentials.getpass, "getpass", lambda prompt: "file-secret"),
            redirect_stderr(errors),
        ):
            self.assertEqual(credentials.read_credentials("-"), ("cpe", "file-secret"))
        self.assertEqual(errors.getvalue(), "User name: ")


class RequestDownloadTests(CommandCase):
    async def test_the_acs_is_asked(self) -> None:
        since = self.lab.sessions.seen
        text = await self.said("request-download", FIRMWARE, "Version=2", "Text=a=b", "Empty=")
        self.assertIn("9 REQUEST DOWNLOAD", text)
        trace = await self.session(event="9 REQUEST DOWNLOAD", since=since)
        (request,) = [each for each in trace.requests if isinstance(each, RequestDownload)]
        arguments = [(each.name, each.value) for each in request.file_type_arg]
        self.assertEqual((request.file_type, arguments), (FIRMWARE, [("Version", "2"), ("Text", "a=b"), ("Empty", "")]))
        self.assertEqual(await self.read("request-download", FIRMWARE), {"event": "9 REQUEST DOWNLOAD"})

    async def test_refused(self) -> None:
        for words, hint in (
            (["Version"], "write Version=VALUE"),
            (["a=1", "a=2"], "a is given more than once"),
            (["=1"], "name of 1 to 64 characters"),
            (["a=" + "v" * 257], "at most 256"),
            ([f"a{number}=" for number in range(17)], "at most 16 arguments"),
        ):
            self.assertIn(hint, await self.refused("request-download", FIRMWARE, *words))
        self.assertIn("file type", await self.refused("request-download", ""))
        self.assertEqual((await self.run_command("request-download")).status, 2)


class TransferCommandTests(CommandCase):
    async def setUp(self) -> None:  # type: ignore[override]  # trial waits for it
        await super().setUp()
        self.folder = self.state.parent / "files"
        self.folder.mkdir()
        _, port = start(self, self.folder, auth="digest", username="cpe", password="file-secret")
        self.files = f"http://127.0.0.1:{port}/"

    async def test_upload_and_wait(self) -> None:
        words = ("transfer", "upload", LOG, self.files + "own.log", "--credentials", "-", "--wait")
        text = await self.said(*words, given=CREDENTIALS)
        self.assertIn("Upload of 2 Vendor Log File done", text)
        self.assertIn("0 BOOTSTRAP", (self.folder / "uploads" / "own.log").read_text())
        found = await self.read(*words, given=CREDENTIALS)
        self.assertEqual((found["transfer"]["fact"], found["transfer"]["fault"]), ("TransferEnded", 0))
        self.assertNotIn("file-secret", self.told())

    async def test_download_with_a_file_of_credentials(self) -> None:
        place = self.state.parent / "credentials"
        place.write_text(CREDENTIALS)
        configuration = {"format": "cwmpagent configuration", "version": 1, "parameters": {}}
        configuration["parameters"] = {"Device.DeviceInfo.ProvisioningCode": "fetched"}
        (self.folder / "new.cfg").write_text(json.dumps(configuration))
        await self.said("set", f"{POLICY}Enable=true", f"{POLICY}FileTypeFilter={CONFIGURATION}")
        since = self.lab.sessions.seen
        url = self.files + "new.cfg"
        words = ("transfer", "download", CONFIGURATION, url, "--credentials", str(place), "--target-name", "n")
        text = await self.said(*words)
        self.assertIn("Transfer 1 has begun", text)
        trace = await self.session(event="10 AUTONOMOUS TRANSFER COMPLETE", since=since)
        (report,) = [each for each in trace.requests if isinstance(each, AutonomousTransferComplete)]
        self.assertEqual((report.transfer_url, report.target_file_name, report.fault_struct.fault_code), (url, "n", 0))
        self.assertEqual(await self.value("Device.DeviceInfo.ProvisioningCode"), "fetched")
        self.assertIn("Last transfer", await self.said("status"))

    async def test_a_failure_is_the_exit_status(self) -> None:
        url = self.files + "nothing"
        ran = await self.run_command("transfer", "upload", LOG, url, "--wait")
        self.assertEqual((ran.status, ran.err), (1, ""))
        self.assertIn("fault 9012", ran.out)
        (self.folder / "new.cfg").write_text("12345")
        words = ("transfer", "download", CONFIGURATION, self.files + "new.cfg", "--credentials", "-", "--size", "9")
        ran = await self.run_command(*words, "--wait", "--json", given=CREDENTIALS)
        self.assertEqual(ran.status, 1)
        self.assertEqual(json.loads(ran.out)["transfer"]["fault"], 9018)

    async def test_refused(self) -> None:
        url = self.files + "f"
        for words, hint in (
            (("download", "9 Unheard Of", url), "nor an installer of a program applies files of type 9 Unheard Of"),
            (("upload", "9 Unheard Of", url), "no file of type 9 Unheard Of to upload (fault 9003)"),
            (("upload", LOG, "tftp://127.0.0.1/f"), "(fault 9013)"),
            (("upload", LOG, "http://cpe:x@127.0.0.1/f"), "user name or password"),
            (("upload", LOG, url, "--credentials", str(self.state.parent / "none")), "cannot be read"),
            (("upload", LOG, url, "--credentials", "-"), "must have two lines"),
        ):
            self.assertIn(hint, await self.refused("transfer", *words), words)
        place = self.state.parent / "credentials"
        for content in (b"cpe", b"cpe\na\nb\n", b"\nsecret\n", b"\xff\n\xff\n"):
            place.write_bytes(content)
            line = await self.refused("transfer", "upload", LOG, url, "--credentials", str(place))
            self.assertIn(str(place), line)
        reason = json.loads((await self.run_command("transfer", "upload", "9", url, "--json")).out)["error"]
        self.assertEqual(reason["code"], 9003)
        for words in (("transfer",), ("transfer", "sideways", LOG, url), ("transfer", "upload", LOG)):
            self.assertEqual((await self.run_command(*words)).status, 2)
        for size in ("0", "-1", "x", str(2**32)):
            ran = await self.run_command("transfer", "download", FIRMWARE, url, "--size", size)
            self.assertEqual((ran.status, len(ran.err.splitlines())), (2, 1))
