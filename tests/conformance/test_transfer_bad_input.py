"""Bad input of transfers, one after another, with a whole agent on real sockets.

Each is ordered together with a transfer that is right. The bad one ends in its fault and installs nothing; the other
one is applied; no session fails, and nothing is left in the spool directory.
"""

from __future__ import annotations

import hashlib
import shutil
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from OpenSSL import SSL

from cwmpagent.config import Config
from cwmpagent.lab.files.faults import FileFault, Gzip, Redirect, Slow, WrongLength
from cwmpagent.protocol.rpc import Download, DownloadResponse, Fault, FaultStruct, TransferComplete, Upload
from cwmpagent.protocol.transfers import retry
from tests.agent.bench import reactor
from tests.conformance.test_transfers import CONTENT, TransferCase
from tests.transport.certificates import Authority
from tests.transport.http.scripted import Contexts

KIND = "X 00D09E Rules"
BAD, GOOD = "bad", "good"
PROGRAM = """
import os, signal, sys, time
with open(os.environ["CWMP_FILE"], "rb") as file:
    begin = file.read(5)
if begin == b"hang ":
    time.sleep(600)
elif begin == b"die  ":
    os.kill(os.getpid(), signal.SIGKILL)
elif begin == b"flood":
    for _ in range(100):
        sys.stdout.write("x" * 1_000_000)
        sys.stdout.write("\\n")
    sys.exit("no room on the flash")
with open(sys.argv[1], "a") as file:
    file.write(os.environ["CWMP_COMMAND_KEY"] + "\\n")
"""


class BadInputTests(TransferCase):
    def setUp(self) -> None:
        super().setUp()
        self.program.write_text(PROGRAM)
        self.patch(retry, "WAITS", (0.02,) * 4)
        (self.folder / GOOD).write_bytes(CONTENT)
        (self.folder / BAD).write_bytes(CONTENT)

    def configured(self, **transfers: Any) -> Config:
        config = super().configured(**transfers)
        hooks = replace(config.hooks, install=(sys.executable, *config.hooks.install[1:]), install_timeout=8.0)
        return replace(config, hooks=hooks)

    def file(self, name: str, **more: Any) -> Download:
        """A Download of ``name``, which is its CommandKey, too."""
        return self.download(name, key=name, kind=KIND, **more)

    async def reported(self, since: int, *keys: str) -> dict[str, FaultStruct]:
        """The results of the transfers with ``keys``, each reported once."""

        def reports() -> list[TransferComplete]:
            traces = [trace for trace in self.lab.sessions if trace.number > since and trace.ended]
            return [each for trace in traces for each in trace.requests if isinstance(each, TransferComplete)]

        await self.until(lambda: len(reports()) >= len(keys))
        found = {each.command_key: each.fault_struct for each in reports()}
        self.assertEqual(sorted(found), sorted(keys))
        return found

    async def fails(self, code: int, words: str, *faults: FileFault, **more: Any) -> None:
        """Order ``bad`` and ``good``; the first one fails with ``code`` and a sentence with ``words``."""
        self.server.faults.add(*faults)
        since = self.lab.sessions.seen
        answers = await self.ask(self.file(BAD, **more), self.file(GOOD))
        self.assertEqual([type(answer) for answer in answers], [DownloadResponse] * 2)
        found = await self.reported(since, BAD, GOOD)
        self.assertEqual((found[BAD].fault_code, found[GOOD]), (code, FaultStruct(0, "")), found)
        self.assertIn(words, found[BAD].fault_string)
        self.check_end(GOOD)
        self.server.faults.clear()

    def check_end(self, *installed: str) -> None:
        """Only ``installed`` are applied since the last check, and all is in order."""
        self.assertEqual(self.installed.read_text().split(), list(installed))
        self.installed.unlink()
        self.assertEqual(self.spooled(), [])
        for trace in self.lab.sessions:
            self.assertEqual((trace.ended, trace.violations), ("complete", []))
        self.assertNotIn("files-secret", str(self.facts))
        self.assert_nothing_odd()

    async def test_refused_in_the_session(self) -> None:
        await self.started()
        since = self.lab.sessions.seen
        place = self.files.removeprefix("http://")
        answers = await self.ask(
            self.file(BAD, url=f"http://cpe:files-secret@{place}{BAD}"),
            self.file(BAD, url=f"http://cpe@{place}{BAD}"),
            self.file(BAD, url=f"gopher://{place}{BAD}"),
            self.download(BAD, key=BAD, kind="9 Unheard Of"),
            Upload(BAD, "9 Unheard Of", f"{self.files}up", "cpe", "files-secret", 0),
            Upload(BAD, "2 Vendor Log File", f"http://cpe:files-secret@{place}up", "", "", 0),
            Upload(BAD, "2 Vendor Log File", f"gopher://{place}up", "", "", 0),
            self.file(GOOD),
        )
        codes = [answer.code if isinstance(answer, Fault) else 0 for answer in answers]
        self.assertEqual(codes, [9003, 9003, 9013, 9003, 9003, 9003, 9013, 0])
        self.assertEqual((await self.reported(since, GOOD))[GOOD].fault_code, 0)
        self.check_end(GOOD)

    async def test_redirects(self) -> None:
        await self.started()
        path = f"/{BAD}"
        await self.fails(9010, "more than 5 redirects", Redirect(path=path, times=0))
        for url in (f"ftp://127.0.0.1/{BAD}", f"https://127.0.0.1/{BAD}", f"http://cpe:x@127.0.0.1/{BAD}"):
            await self.fails(9010, "another scheme", Redirect(path=path, to=url))

    async def test_more_or_less_than_was_said(self) -> None:
        await self.started()
        path, size = f"/{BAD}", len(CONTENT)
        await self.fails(9017, "", WrongLength(path=path, by=10, times=0))
        fewer = WrongLength(path=path, by=-10, times=0)
        await self.fails(9018, f"its FileSize is {size}", fewer, file_size=size)
        digest = hashlib.sha256(CONTENT).hexdigest()
        await self.fails(9018, "SHA-256", fewer, url=f"{self.files}{BAD}#sha256={digest}")
        await self.fails(9018, "its FileSize is 5", file_size=5)
        await self.fails(9018, "FileSize", file_size=size + 1)

    async def test_nothing_and_gzip(self) -> None:
        await self.started()
        await self.fails(9018, "was not asked for", Gzip(path=f"/{BAD}", times=0))
        (self.folder / BAD).write_bytes(b"")
        await self.fails(9018, "the file is empty")

    async def test_a_wrong_certificate(self) -> None:
        signed = Authority().sign("127.0.0.1")

        context = SSL.Context(SSL.TLS_SERVER_METHOD)
        context.use_certificate(signed.certificate)
        context.use_privatekey(signed.private)

        untyped: Any = reactor
        port = untyped.listenSSL(0, self.server.site(), Contexts(context), interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        await self.started()
        await self.fails(9015, "is not trusted", url=f"https://127.0.0.1:{port.getHost().port}/{BAD}")

    async def test_installers_that_hang_die_or_write_too_much(self) -> None:
        await self.started()
        for content, words in (
            (b"hang ", "has not ended within 8 s"),
            (b"die  ", "was ended by SIGKILL"),
            (b"flood", "no room on the flash"),
        ):
            (self.folder / BAD).write_bytes(content)
            await self.fails(9010, words)
        self.assertLess(sum(len(str(fact)) for fact in self.facts), 5_000_000)

    async def test_a_spool_directory_that_goes_before_and_during_a_transfer(self) -> None:
        await self.started()
        spool = self.state / "spool"
        for rate in (0, 300_000):
            shutil.rmtree(spool, ignore_errors=True)
            if rate:
                self.server.faults.add(Slow(path=f"/{GOOD}", rate=rate))
            since = self.lab.sessions.seen
            await self.ask(self.file(GOOD))
            if rate:
                await self.until(lambda: bool(self.spooled()))
                shutil.rmtree(spool)
            self.assertEqual((await self.reported(since, GOOD))[GOOD].fault_code, 0)
            self.check_end(GOOD)
            self.assertEqual(spool.stat().st_mode & 0o777, 0o700)

    async def test_a_spool_directory_that_is_a_file(self) -> None:
        await self.started()
        spool = self.state / "spool"
        shutil.rmtree(spool, ignore_errors=True)
        Path(spool).write_text("in the way")
        since = self.lab.sessions.seen
        await self.ask(self.file(BAD))
        found = await self.reported(since, BAD)
        self.assertEqual(found[BAD].fault_code, 9002)
        self.assertIn("spool", found[BAD].fault_string)
        spool.unlink()
        since = self.lab.sessions.seen
        await self.ask(self.file(GOOD))
        self.assertEqual((await self.reported(since, GOOD))[GOOD].fault_code, 0)
        self.check_end(GOOD)
