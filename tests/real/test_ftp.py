"""Files by FTP and FTPS with the server vsftpd on loopback."""

from __future__ import annotations

import hashlib
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import deferLater
from twisted.trial.unittest import SkipTest, TestCase

from cwmpagent.config import Config
from cwmpagent.errors import TransferFailure
from cwmpagent.protocol.rpc import Download, Upload
from cwmpagent.protocol.transfers.file import FileDownload, FileUpload, Progress
from cwmpagent.transport.files.ftp.client import FtpFileClient
from cwmpagent.transport.tls.trust import TlsTrust
from tests.conformance.test_transfers import CONTENT as IMAGE
from tests.conformance.test_transfers import TransferCase
from tests.real.vsftpd import PASSWORD, PROGRAM, Vsftpd, reactor
from tests.skips import NO_VSFTPD
from tests.transport.certificates import Authority, Signed

CONTENT = bytes(range(256)) * 20_000
CA = Authority()


class VsftpdCase(TestCase):
    timeout = 90

    def setUp(self) -> None:
        if not PROGRAM:
            raise SkipTest(NO_VSFTPD)
        place = Path(self.mktemp())
        place.mkdir(parents=True)
        self.path = place / "7"
        self.authority = place / "ca.pem"
        self.authority.write_bytes(CA.own.pem)
        self.told: list[Progress] = []

    async def serve(self, certificate: Signed | None = None, *more: str) -> None:
        self.server = Vsftpd(CONTENT, certificate, *more)
        self.addCleanup(self.server.stop)
        await self.server.start()
        self.base = f"ftp{'s' if certificate else ''}://127.0.0.1:{self.server.port}/"

    def client(self, **changes: Any) -> FtpFileClient:
        trust = changes.pop("trust", None) or TlsTrust(self.authority)
        return FtpFileClient(reactor, trust, **({"monotonic": time.monotonic} | changes))

    async def fetch(self, name: str = "fw.bin", client: FtpFileClient | None = None, **changes: Any) -> None:
        given: dict[str, Any] = {
            "url": self.base + name,
            "username": "anonymous",
            "password": PASSWORD,
            "path": str(self.path),
            "most": 1 << 24,
            "seconds": 60.0,
        }
        await (client or self.client()).download(FileDownload(**(given | changes)), self.told.append)

    async def send(self, name: str, client: FtpFileClient | None = None) -> None:
        file = FileUpload(
            url=self.base + name, username="anonymous", password=PASSWORD, path=str(self.path), seconds=60.0
        )
        await (client or self.client()).upload(file, self.told.append)

    async def failed(self, transfer: Any) -> TransferFailure:
        try:
            await transfer
        except TransferFailure as failure:
            return failure
        raise self.failureException("the transfer succeeded")

    async def assert_both_ways(self, client: FtpFileClient | None = None) -> None:
        await self.fetch(client=client, size=len(CONTENT))
        self.assertEqual(self.path.read_bytes(), CONTENT)
        await self.send("up/sent.bin", client)
        self.assertEqual((self.server.folder / "up" / "sent.bin").read_bytes(), CONTENT)

    async def assert_goes_on(self) -> None:
        """A download that is cut off, and goes on where it stopped."""
        await self.fetch()
        self.path.write_bytes(CONTENT[:1_000_001])
        before = len(self.told)
        await self.fetch(validator=self.told[-1].validator)
        self.assertEqual(self.path.read_bytes(), CONTENT)
        self.assertEqual(self.told[before].octets, 1_000_001)


class PlainTests(VsftpdCase):
    async def test_both_ways(self) -> None:
        await self.serve()
        await self.assert_both_ways()

    async def test_by_pasv(self) -> None:
        await self.serve(None, "cmds_denied=EPSV")
        await self.assert_both_ways()

    async def test_goes_on(self) -> None:
        await self.serve()
        await self.assert_goes_on()

    async def test_cancelled_and_goes_on(self) -> None:
        await self.serve(None, "anon_max_rate=1000000")
        fetching = Deferred.fromCoroutine(self.fetch())
        while not self.path.exists() or not self.path.stat().st_size:
            await deferLater(reactor, 0.01, lambda: None)
        fetching.cancel()
        await self.assertFailure(fetching, CancelledError)
        begun = self.path.stat().st_size
        self.assertLess(begun, len(CONTENT))
        since = len(self.told)
        await self.fetch(validator=self.told[0].validator)
        self.assertEqual(self.path.read_bytes(), CONTENT)
        self.assertEqual(self.told[since].octets, begun, self.told)

    async def test_a_file_that_has_changed(self) -> None:
        await self.serve()
        await self.fetch()
        (self.server.folder / "fw.bin").write_bytes(CONTENT[::-1] + b"more")
        self.path.write_bytes(CONTENT[:1000])
        await self.fetch(validator=self.told[-1].validator)
        self.assertEqual(self.path.read_bytes(), CONTENT[::-1] + b"more")

    async def test_refusals(self) -> None:
        await self.serve()
        self.path.write_bytes(b"begun")
        for transfer, code, permanent in (
            (self.fetch("absent"), 9016, True),
            (self.fetch(password="wrong"), 9012, True),
            (self.fetch(username=""), 9012, True),
            (self.fetch(username="box"), 9012, True),
            (self.fetch(size=5), 9018, True),
            (self.send("absent/up.cfg"), 9016, True),
        ):
            failure = await self.failed(transfer)
            self.assertEqual((failure.code, failure.permanent), (code, permanent), str(failure))
            self.assertNotIn(PASSWORD, str(failure))

    async def test_tls_that_the_server_has_not(self) -> None:
        await self.serve()
        self.base = self.base.replace("ftp:", "ftps:")
        failure = await self.failed(self.fetch())
        self.assertEqual((failure.code, failure.permanent), (9015, True), str(failure))
        self.assertNotIn('"USER ', self.server.log())


class TlsTests(VsftpdCase):
    """Its data connections must continue the TLS session of the control connection (``require_ssl_reuse``)."""

    async def test_explicit(self) -> None:
        await self.serve(CA.sign("127.0.0.1"))
        await self.assert_both_ways()

    async def test_implicit(self) -> None:
        await self.serve(CA.sign("127.0.0.1"), "implicit_ssl=YES")
        await self.assert_both_ways(self.client(implicit_port=self.server.port))

    async def test_goes_on(self) -> None:
        await self.serve(CA.sign("127.0.0.1"))
        await self.assert_goes_on()

    async def test_a_certificate_that_is_refused(self) -> None:
        await self.serve(CA.sign("files.example"))
        for client, text in ((self.client(), "not for 127.0.0.1"), (self.client(trust=TlsTrust()), "is not trusted")):
            failure = await self.failed(self.fetch(client=client))
            self.assertEqual((failure.code, failure.permanent), (9015, True))
            self.assertIn(text, str(failure))
        self.assertNotIn('"USER ', self.server.log())

    async def test_plain_where_tls_is_required(self) -> None:
        await self.serve(CA.sign("127.0.0.1"))
        self.base = self.base.replace("ftps:", "ftp:")
        failure = await self.failed(self.fetch())
        self.assertEqual((failure.code, failure.permanent), (9012, True), str(failure))


class AgentTests(TransferCase):
    """A whole agent: the ACS orders a download by FTPS and an upload."""

    def setUp(self) -> None:
        if not PROGRAM:
            raise SkipTest(NO_VSFTPD)
        super().setUp()

    def configured(self, **transfers: Any) -> Config:
        config = super().configured(**transfers)
        authority = self.state.parent / "ca.pem"
        authority.write_bytes(CA.own.pem)
        return replace(config, acs=replace(config.acs, ca_file=authority))

    async def test_firmware_and_log(self) -> None:
        server = Vsftpd(IMAGE, CA.sign("127.0.0.1"))
        self.addCleanup(server.stop)
        await server.start()
        self.files = f"ftps://127.0.0.1:{server.port}/"
        await self.started()
        order: Download = replace(self.download(), username="anonymous", password=PASSWORD)
        trace, report = await self.transferred(order)
        self.assertEqual(report.fault_struct.fault_code, 0, report)
        self.assertEqual(trace.event_codes, ("1 BOOT", "7 TRANSFER COMPLETE", "M Download"))
        self.assertEqual(self.installed.read_text(), f"{hashlib.sha256(IMAGE).hexdigest()} k\n")
        log: Upload = replace(self.upload("up/agent.log", "2 Vendor Log File"), username="anonymous", password=PASSWORD)
        _, report = await self.transferred(log)
        self.assertEqual(report.fault_struct.fault_code, 0, report)
        self.assertNotIn(PASSWORD, (server.folder / "up" / "agent.log").read_text())
        self.assertEqual(self.spooled(), [])
