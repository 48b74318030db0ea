"""Tests of uploads over real sockets: what is kept, the bounds, hostile names."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any
from unittest import mock

from twisted.internet import reactor
from twisted.internet.endpoints import clientFromString, connectProtocol
from twisted.internet.protocol import Protocol
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from cwmpagent.errors import ConfigError
from cwmpagent.lab.files import FileServer, FileSettings
from cwmpagent.lab.files.faults import Cut, Redirect, Status
from tests.lab.files.serving import Seen, ask, send, start


class Uploads(TestCase):
    def setUp(self) -> None:
        self.folder = Path(self.mktemp())
        self.folder.mkdir()
        self.uploads = self.folder / "uploads"
        self.server, self.port = start(self, self.folder, largest=100_000, most=3)

    async def put(self, path: str, body: bytes = b"the log", method: str = "PUT", **headers: str) -> Seen:
        return await ask(self.port, method, path, body, **headers)

    def names(self) -> list[str]:
        return sorted(path.name for path in self.uploads.iterdir())

    async def test_put(self) -> None:
        self.assertEqual((await self.put("/log.txt")).status, 201)
        self.assertEqual((self.uploads / "log.txt").read_bytes(), b"the log")
        self.assertEqual((self.uploads / "log.txt").stat().st_mode & 0o777, 0o600)
        (record,) = self.server.transfers
        self.assertEqual((record.method, record.octets, record.stored), ("PUT", 7, "log.txt"))
        self.assertEqual(record.sha256, hashlib.sha256(b"the log").hexdigest())
        self.assertEqual((await self.put("/uploads/log.txt", b"another")).status, 200)
        self.assertEqual((await ask(self.port, "GET", "/uploads/log.txt")).body, b"another")
        self.assertEqual(self.names(), ["log.txt"])

    async def test_post(self) -> None:
        self.assertEqual((await self.put("/given", method="POST")).status, 201)
        self.assertEqual((await self.put("/", method="POST")).status, 201)
        self.assertEqual(self.names(), ["given", "upload-2"])

    async def test_an_empty_one(self) -> None:
        self.assertEqual((await self.put("/empty", b"")).status, 201)
        self.assertEqual((self.uploads / "empty").read_bytes(), b"")

    async def test_chunked(self) -> None:
        head = b"PUT /log HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
        self.assertEqual((await send(self.port, head + b"3\r\nthe\r\n4\r\n log\r\n0\r\n\r\n")).status, 201)
        self.assertEqual((self.uploads / "log").read_bytes(), b"the log")

    async def test_hostile_names(self) -> None:
        outside = self.folder / "outside"
        outside.write_bytes(b"untouched")
        self.uploads.joinpath("link").symlink_to(outside.absolute())
        for path in (
            *("/../outside", "/%2e%2e/outside", "/..%2foutside", "/a/b", "/uploads/../outside", "/.hidden", "/%00"),
            *("/", "/uploads/", "/uploads", "//x", "/a%0ab", "/%ff", "/a%5cb", "/" + "a" * 201, "/%252e%2fx"),
        ):
            if path != "/uploads":  # that is an ordinary name in the folder
                self.assertEqual((await self.put(path)).status, 403, path)
        self.assertEqual(self.names(), ["link"])
        # A link is replaced, not followed.
        self.assertEqual((await self.put("/link")).status, 200)
        self.assertFalse((self.uploads / "link").is_symlink())
        # What is encoded twice is decoded once.
        self.assertEqual((await self.put("/%252e%252e")).status, 201)
        self.assertEqual((self.names(), outside.read_bytes()), (["%2e%2e", "link"], b"untouched"))

    async def test_a_folder_of_that_name(self) -> None:
        (self.uploads / "inner").mkdir()
        self.assertEqual((await self.put("/inner")).status, 409)
        self.assertEqual(self.names(), ["inner"])

    async def test_too_large(self) -> None:
        self.assertEqual((await self.put("/most", b"x" * 100_000)).status, 201)
        self.assertEqual((await self.put("/more", b"x" * 100_001)).status, 413)
        await self.put("/far-more", b"x" * 5_000_000)
        self.assertEqual(self.names(), ["most"])

    async def test_too_many(self) -> None:
        self.assertEqual([(await self.put(f"/{name}")).status for name in "abcd"], [201, 201, 201, 507])
        self.assertEqual((await self.put("/a", b"again")).status, 200)
        self.assertEqual(self.names(), ["a", "b", "c"])

    async def test_too_many_at_once(self) -> None:
        held = [self.server.uploads.begin() for _ in range(16)]
        self.assertEqual((await self.put("/a")).status, 503)
        self.assertEqual((await self.put("/a", b"")).status, 503)
        for incoming in held:
            assert incoming is not None
            incoming.discard()
        self.assertEqual((await self.put("/a")).status, 201)

    async def test_one_octet_at_a_time(self) -> None:
        head = b"PUT /log HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
        self.assertEqual((await send(self.port, head + b"1\r\nx\r\n" * 80_000)).status, 0)
        self.assertEqual(self.names(), [])

    async def test_one_that_breaks_off(self) -> None:
        untyped: Any = reactor
        endpoint: Any = clientFromString(untyped, f"tcp:127.0.0.1:{self.port}")  # type: ignore[no-untyped-call]
        client: Any = await connectProtocol(endpoint, Protocol())
        client.transport.write(b"PUT /log HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhalf")
        while not self.names():
            await deferLater(untyped, 0.01)
        self.assertTrue(self.names()[0].startswith(".incoming-"))
        client.transport.abortConnection()
        while self.names():
            await deferLater(untyped, 0.01)

    async def test_no_space_is_left(self) -> None:
        with mock.patch("tempfile.mkstemp", side_effect=OSError(28, "No space left on device")):
            seen = await self.put("/log")
        self.assertEqual((seen.status, self.names()), (507, []))
        self.assertIn(b"No space left", seen.body)

    async def test_parts_and_browsers_are_refused(self) -> None:
        self.assertEqual((await self.put("/log", Content_Range="bytes 0-6/7")).status, 400)
        self.assertEqual((await self.put("/log", method="POST", Origin="http://evil.example")).status, 403)
        self.assertEqual(self.names(), [])

    async def test_faults(self) -> None:
        self.server.faults.add(Status(500), Redirect("/other", 307, after=1), Cut(0, after=2))
        self.assertEqual((await self.put("/log")).status, 500)
        self.assertEqual((await self.put("/log")).headers["location"], "/other")
        self.assertEqual((await self.put("/log")).status, 0)
        self.assertEqual(self.names(), [])
        self.assertEqual((await self.put("/log")).status, 201)

    def test_the_folder(self) -> None:
        self.assertEqual(self.uploads.stat().st_mode & 0o777, 0o700)
        (self.uploads / ".incoming-old").touch()
        untyped: Any = reactor
        FileServer(untyped, FileSettings(folder=self.folder))
        self.assertEqual(self.names(), [])
        (self.folder / "file").touch()
        settings = FileSettings(folder=self.folder, uploads=self.folder / "file")
        self.assertRaises(ConfigError, FileServer, untyped, settings)
