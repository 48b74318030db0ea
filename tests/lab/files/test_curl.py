"""Tests of the file server with curl: resume, Digest, TLS, uploads, and a large file in bounded memory."""

from __future__ import annotations

import hashlib
import resource
import shutil
from pathlib import Path
from typing import Any
from unittest import skipUnless

from twisted.internet import reactor
from twisted.internet.utils import getProcessOutputAndValue
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.trial.unittest import TestCase

from cwmpagent.lab.certificates import certificates
from cwmpagent.lab.files.faults import Change, Cut, WrongLength
from tests.lab.files.serving import start

CURL = shutil.which("curl") or ""
CONTENT = bytes(range(256)) * 4000
PARTIAL_FILE = 18
"""The exit status of curl."""


@skipUnless(CURL, "curl is not installed")
class Curl(TestCase):
    def setUp(self) -> None:
        self.folder = Path(self.mktemp())
        self.folder.mkdir()
        (self.folder / "fw.bin").write_bytes(CONTENT)
        self.out = Path(self.mktemp())

    def serve(self, **settings: Any) -> str:
        self.server, port = start(self, self.folder, **settings)
        return f"http://127.0.0.1:{port}/"

    async def curl(self, *arguments: str) -> tuple[str, int]:
        """The status lines that curl writes out, and its exit status."""
        common = ("--silent", "--noproxy", "*", "--write-out", "%{http_code}", "--disable")
        out, _, status = await getProcessOutputAndValue(CURL, (*common[-1:], *common[:-1], *arguments), {})
        return out.decode(), int(status)

    async def test_resume(self) -> None:
        url = self.serve() + "fw.bin"
        self.server.faults.add(Cut(300_001))
        self.assertEqual(await self.curl("--output", str(self.out), url), ("200", PARTIAL_FILE))
        self.assertEqual(self.out.read_bytes(), CONTENT[:300_001])
        self.assertEqual(await self.curl("--output", str(self.out), "--continue-at", "-", url), ("206", 0))
        self.assertEqual(self.out.read_bytes(), CONTENT)
        self.assertEqual([record.octets for record in self.server.transfers], [300_001, len(CONTENT) - 300_001])

    async def test_range(self) -> None:
        url = self.serve() + "fw.bin"
        self.assertEqual(await self.curl("--output", str(self.out), "--range", "256-511", url), ("206", 0))
        self.assertEqual(self.out.read_bytes(), bytes(range(256)))

    async def test_it_sees_a_wrong_length(self) -> None:
        url = self.serve() + "fw.bin"
        self.server.faults.add(WrongLength(1), Change(after=1))
        self.assertEqual(await self.curl("--output", str(self.out), url), ("200", PARTIAL_FILE))

    async def test_passwords(self) -> None:
        url = self.serve(auth="both", username="u", password="right") + "fw.bin"
        for way in ("--basic", "--digest"):
            answer = await self.curl("--output", str(self.out), way, "--user", "u:right", url)
            self.assertEqual(answer, ("200", 0), way)
            self.assertEqual(self.out.read_bytes(), CONTENT)
            answer = await self.curl("--output", str(self.out), way, "--user", "u:wrong", url)
            self.assertEqual(answer, ("401", 0), way)

    async def test_uploads(self) -> None:
        url = self.serve(auth="digest", username="u", password="right")
        user = ("--digest", "--user", "u:right", "--output", str(self.out))
        log = str(self.folder / "fw.bin")
        self.assertEqual(await self.curl(*user, "--upload-file", log, url + "log"), ("201", 0))
        self.assertEqual((self.folder / "uploads" / "log").read_bytes(), CONTENT)
        self.assertEqual(await self.curl(*user, "--data-binary", f"@{log}", url + "posted"), ("201", 0))
        kept = [record for record in self.server.transfers if record.stored]
        self.assertEqual([record.stored for record in kept], ["log", "posted"])
        self.assertEqual({record.sha256 for record in kept}, {hashlib.sha256(CONTENT).hexdigest()})

    async def test_tls(self) -> None:
        self.serve()
        issued = certificates(Path(self.mktemp()))
        site: Any = self.server.site()
        untyped: Any = reactor
        factory = TLSMemoryBIOFactory(issued.server_options(), False, site)
        port = untyped.listenTCP(0, factory, interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        url = f"https://localhost:{port.getHost().port}/fw.bin"
        answer = await self.curl("--output", str(self.out), "--cacert", str(issued.ca), url)
        self.assertEqual((answer, self.out.read_bytes() == CONTENT), (("200", 0), True))

    async def test_a_large_file_needs_no_memory(self) -> None:
        size = 300_000_000
        with (self.folder / "large").open("wb") as file:
            file.truncate(size)
        url = self.serve()
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        self.assertEqual(await self.curl("--output", "/dev/null", url + "large"), ("200", 0))
        answer = await self.curl("--output", "/dev/null", "--upload-file", str(self.folder / "large"), url + "copy")
        self.assertEqual(answer, ("201", 0))
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
        self.assertEqual([record.octets for record in self.server.transfers], [size, size])
        self.assertLess(grown, 30_000, "kilobytes")
        (self.folder / "uploads" / "copy").unlink()
