"""The file client and nginx: ranges, changed files, passwords, TLS, broken and slow answers."""

from __future__ import annotations

import gzip
import itertools
import os
import subprocess
import time
from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.trial.unittest import SkipTest, TestCase

from cwmpagent.errors import TransferFailure
from cwmpagent.protocol.transfers.file import FileDownload, FileUpload, Progress
from cwmpagent.transport.files.http.client import HttpFileClient
from cwmpagent.transport.tls.trust import TlsTrust
from tests.real.nginx import PROGRAM, Nginx
from tests.skips import NO_NGINX
from tests.transport.certificates import Authority

untyped: Any = reactor
CONTENT = b"line of a file\n" * 200_000


class NginxCase(TestCase):
    """An nginx that serves ``fw.bin``. Tests change the file, or start a server with directives of their own."""

    timeout = 90

    def setUp(self) -> None:
        if PROGRAM is None:
            raise SkipTest(NO_NGINX)
        self.place = Path(self.mktemp()).absolute()
        self.served = self.place / "served"
        self.served.mkdir(parents=True)
        self.served.joinpath("fw.bin").write_bytes(CONTENT)
        self.path = self.place / "7"
        self.told: list[Progress] = []
        self._numbers = itertools.count()

    def serve(self, plain: str = "", **more: Any) -> Nginx:
        nginx = Nginx(self.place / f"nginx{next(self._numbers)}", self.served, plain=plain, **more)
        nginx.start()
        self.addCleanup(nginx.stop)
        return nginx

    def client(self, trust: TlsTrust | None = None) -> HttpFileClient:
        return HttpFileClient(
            reactor, trust or TlsTrust(), cnonce=lambda: f"c{next(self._numbers)}", monotonic=time.monotonic, silence=20
        )

    async def fetch(self, url: str, client: HttpFileClient | None = None, **changes: Any) -> None:
        """Fetch the file; ``told`` has the reports of this attempt alone."""
        self.told.clear()
        given: dict[str, Any] = {"url": url, "path": str(self.path), "most": 1 << 30, "seconds": 60.0}
        self.told.clear()  # the first is where this download begins
        await (client or self.client()).download(FileDownload(**(given | changes)), self.told.append)

    async def failure(self, url: str, client: HttpFileClient | None = None, **changes: Any) -> TransferFailure:
        try:
            await self.fetch(url, client, **changes)
        except TransferFailure as failure:
            return failure
        raise self.failureException("the download succeeded")

    def assert_whole(self) -> None:
        self.assertTrue(self.path.read_bytes() == CONTENT, "the file is not the one that was served")


class RangeTests(NginxCase):
    async def broken(self, nginx: Nginx) -> None:
        """Fetch, and lose the connection: the server is killed while it sends slowly."""
        fetching = Deferred.fromCoroutine(self.failure(f"http://127.0.0.1:{nginx.port}/fw.bin"))
        while not self.path.exists() or self.path.stat().st_size < 100_000:
            await deferLater(untyped, 0.02, lambda: None)
        nginx.stop()
        failure = await fetching
        self.assertEqual((failure.code, failure.permanent), (9017, False))
        self.assertLess(self.path.stat().st_size, len(CONTENT))

    async def test_goes_on_after_a_broken_connection(self) -> None:
        await self.broken(self.serve("limit_rate_after 200k; limit_rate 10k;"))
        begun = self.path.stat().st_size
        again = self.serve()
        await self.fetch(f"http://127.0.0.1:{again.port}/fw.bin", validator=self.told[-1].validator)
        self.assert_whole()
        self.assertEqual(self.told[0].octets, begun)
        self.assertEqual(self.told[-1].total, len(CONTENT))
        self.assertEqual([" 206 " in line for line in again.requests()], [True])

    async def test_a_file_that_has_changed_comes_whole(self) -> None:
        await self.broken(self.serve("limit_rate_after 200k; limit_rate 10k;"))
        file = self.served / "fw.bin"
        file.write_bytes(CONTENT[::-1])
        os.utime(file, (1e9, 1e9))
        again = self.serve()
        await self.fetch(f"http://127.0.0.1:{again.port}/fw.bin", validator=self.told[-1].validator)
        self.assertTrue(self.path.read_bytes() == CONTENT[::-1], "a mixture of two files")
        self.assertEqual(self.told[0].octets, 0)
        self.assertEqual([" 200 " in line for line in again.requests()], [True])

    async def test_by_the_time_of_the_file_where_there_is_no_etag(self) -> None:
        nginx = self.serve("etag off;")
        url = f"http://127.0.0.1:{nginx.port}/fw.bin"
        await self.fetch(url)
        validator = self.told[-1].validator
        self.assertTrue(validator.endswith("GMT"), validator)
        os.truncate(self.path, 1000)
        await self.fetch(url, validator=validator)
        self.assert_whole()
        self.assertEqual(self.told[0].octets, 1000)

    async def test_a_server_without_ranges(self) -> None:
        nginx = self.serve("max_ranges 0;")
        url = f"http://127.0.0.1:{nginx.port}/fw.bin"
        await self.fetch(url)
        os.truncate(self.path, 1000)
        await self.fetch(url, validator=self.told[-1].validator)
        self.assert_whole()
        self.assertEqual(self.told[0].octets, 0)

    async def test_the_whole_file_is_there(self) -> None:
        nginx = self.serve()
        url = f"http://127.0.0.1:{nginx.port}/fw.bin"
        await self.fetch(url)
        await self.fetch(url, validator=self.told[-1].validator)
        self.assert_whole()
        self.assertEqual(len([line for line in nginx.requests() if " 416 " in line]), 1)


class AuthTests(NginxCase):
    def setUp(self) -> None:
        super().setUp()
        users = self.place / "users"
        made = subprocess.run(
            ["openssl", "passwd", "-apr1", "-stdin"], input=b"secret\n", check=True, capture_output=True
        )
        users.write_bytes(b"cpe:" + made.stdout)
        users.chmod(0o644)
        self.nginx = self.serve(f'auth_basic "files"; auth_basic_user_file "{users}";')
        self.url = f"http://127.0.0.1:{self.nginx.port}/fw.bin"

    async def test_basic(self) -> None:
        await self.fetch(self.url, username="cpe", password="secret")
        self.assert_whole()
        self.assertIn(" cpe [", self.nginx.requests()[-1])

    async def test_refused(self) -> None:
        for given in ({}, {"username": "cpe", "password": "wrong"}, {"username": "other", "password": "secret"}):
            failure = await self.failure(self.url, **given)
            self.assertEqual((failure.code, failure.permanent), (9012, True))
            self.assertNotIn("wrong", str(failure))
        self.assertFalse(self.path.exists())


class TlsTests(NginxCase):
    def setUp(self) -> None:
        super().setUp()
        self.authority = Authority()
        ca = self.place / "ca.pem"
        ca.write_bytes(self.authority.own.pem)
        self.trusting = self.client(TlsTrust(ca))

    def serve_as(self, authority: Authority, name: str) -> str:
        signed = authority.sign(name)
        number = next(self._numbers)
        certificate, key = self.place / f"{number}.pem", self.place / f"{number}.key"
        certificate.write_bytes(signed.pem)
        key.write_bytes(signed.key)
        nginx = self.serve(certificate=certificate, key=key)
        return f"https://localhost:{nginx.tls_port}/fw.bin"

    async def test_our_authority(self) -> None:
        url = self.serve_as(self.authority, "localhost")
        await self.fetch(url, self.trusting)
        self.assert_whole()
        os.truncate(self.path, 1000)
        await self.fetch(url, self.trusting, validator=self.told[-1].validator)
        self.assert_whole()
        self.assertEqual(self.told[0].octets, 1000)

    async def test_wrong_certificates(self) -> None:
        for url, client, reason in (
            (self.serve_as(self.authority, "files.example"), self.trusting, "it is not for localhost"),
            (self.serve_as(Authority("Other CA"), "localhost"), self.trusting, "not trusted"),
            (self.serve_as(self.authority, "localhost"), self.client(), "not trusted"),
        ):
            failure = await self.failure(url, client)
            self.assertEqual((failure.code, failure.permanent), (9015, True))
            self.assertIn(reason, str(failure))
        self.assertFalse(self.path.exists())


class AnswerTests(NginxCase):
    async def test_truncated(self) -> None:
        """A server that is killed while it sends is in RangeTests; here the file becomes shorter meanwhile."""
        nginx = self.serve("limit_rate_after 200k; limit_rate 200k;")
        fetching = Deferred.fromCoroutine(self.failure(f"http://127.0.0.1:{nginx.port}/fw.bin"))
        while not self.path.exists() or self.path.stat().st_size < 100_000:
            await deferLater(untyped, 0.02, lambda: None)
        os.truncate(self.served / "fw.bin", 300_000)
        failure = await fetching
        self.assertEqual((failure.code, failure.permanent), (9017, False))

    async def test_no_answer_and_errors(self) -> None:
        for directive, code, permanent in (
            ("return 444;", 9015, False),
            ("return 404;", 9016, True),
            ("return 403;", 9012, True),
            ("return 500;", 9016, False),
            ("return 503;", 9016, False),
            ("return 302 ftp://127.0.0.1/fw.bin;", 9010, True),
            ("return 302 /fw.bin;", 9010, True),
        ):
            nginx = self.serve(f"location / {{ {directive} }}")
            failure = await self.failure(f"http://127.0.0.1:{nginx.port}/fw.bin")
            self.assertEqual((failure.code, failure.permanent), (code, permanent), (directive, str(failure)))
            nginx.stop()

    async def test_redirects(self) -> None:
        nginx = self.serve("location = /old { return 301 /fw.bin; } location = /older { return 307 /old; }")
        await self.fetch(f"http://127.0.0.1:{nginx.port}/older")
        self.assert_whole()

    async def test_slow(self) -> None:
        nginx = self.serve("limit_rate 20k;")
        failure = await self.failure(f"http://127.0.0.1:{nginx.port}/fw.bin", seconds=1.0)
        self.assertEqual((failure.code, str(failure)), (9017, "the transfer took longer than 1 s"))

    async def test_gzip_is_not_asked_for(self) -> None:
        nginx = self.serve(http="gzip on; gzip_types *; gzip_min_length 1; gzip_http_version 1.0; gzip_proxied any;")
        await self.fetch(f"http://127.0.0.1:{nginx.port}/fw.bin")
        self.assert_whole()
        self.assertIn(f" 200 {len(CONTENT)} ", nginx.requests()[-1])

    async def test_gzip_that_comes_all_the_same(self) -> None:
        (self.served / "fw.bin.gz").write_bytes(gzip.compress(CONTENT))
        nginx = self.serve("gzip_static always;")
        failure = await self.failure(f"http://127.0.0.1:{nginx.port}/fw.bin")
        self.assertEqual((failure.code, failure.permanent), (9018, True))

    async def test_an_empty_file_and_a_wrong_size(self) -> None:
        (self.served / "empty").touch()
        nginx = self.serve()
        base = f"http://127.0.0.1:{nginx.port}/"
        self.assertEqual((await self.failure(base + "empty")).code, 9018)
        for size in (len(CONTENT) - 1, len(CONTENT) + 1):
            self.assertEqual((await self.failure(base + "fw.bin", size=size)).code, 9018)


class UploadTests(NginxCase):
    async def test_put(self) -> None:
        self.path.write_bytes(CONTENT)
        nginx = self.serve("dav_methods PUT; client_max_body_size 10m;")
        url = f"http://127.0.0.1:{nginx.port}/up.cfg"
        await self.client().upload(FileUpload(url=url, path=str(self.path), seconds=60.0), self.told.append)
        self.assertTrue((self.served / "up.cfg").read_bytes() == CONTENT)

    async def test_refused(self) -> None:
        self.path.write_bytes(CONTENT)
        for directives, code in (("client_max_body_size 1k; dav_methods PUT;", 9016), ("", 9016)):
            nginx = self.serve(directives)
            file = FileUpload(url=f"http://127.0.0.1:{nginx.port}/up.cfg", path=str(self.path), seconds=60.0)
            try:
                await self.client().upload(file, self.told.append)
            except TransferFailure as failure:
                self.assertEqual(failure.code, code, (directives, str(failure)))
            else:
                raise self.failureException("the upload succeeded")
