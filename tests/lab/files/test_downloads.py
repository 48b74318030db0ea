"""Tests of downloads over real sockets: ranges, conditions, credentials, hostile names, and each fault."""

from __future__ import annotations

import gzip
import os
from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.endpoints import clientFromString, connectProtocol
from twisted.internet.protocol import Protocol
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from cwmpagent.errors import ConfigError, MisuseError
from cwmpagent.lab.files import FileServer, FileSettings
from cwmpagent.lab.files.faults import KINDS, Change, Cut, FileFault, Gzip, Redirect, Slow, Status, WrongLength
from tests.lab.files.serving import Seen, ask, send, start

CONTENT = bytes(range(256)) * 1000


class Serving(TestCase):
    settings: dict[str, Any] = {}  # noqa: RUF012  # never changed

    def setUp(self) -> None:
        self.folder = Path(self.mktemp())
        (self.folder / "inner").mkdir(parents=True)
        (self.folder / "fw.bin").write_bytes(CONTENT)
        (self.folder / "inner" / "a b.bin").write_bytes(b"inner")
        (self.folder / "empty").touch()
        self.server, self.port = start(self, self.folder, **self.settings)

    async def get(self, path: str = "/fw.bin", **headers: str) -> Seen:
        return await ask(self.port, "GET", path, **headers)


class Downloads(Serving):
    async def test_whole(self) -> None:
        seen = await self.get()
        self.assertEqual((seen.status, seen.body), (200, CONTENT))
        self.assertEqual(seen.headers["content-length"], str(len(CONTENT)))
        self.assertEqual(seen.headers["accept-ranges"], "bytes")
        self.assertRegex(seen.headers["etag"], '^"[^"]+"$')
        self.assertNotIn("server", seen.headers)
        head = await ask(self.port, "HEAD", "/fw.bin")
        self.assertEqual((head.status, head.body), (200, b""))
        for name in ("etag", "content-length", "last-modified"):
            self.assertEqual(head.headers[name], seen.headers[name])
        inner = await self.get("/inner/a%20b.bin")
        self.assertEqual(inner.body, b"inner")
        empty = await self.get("/empty")
        self.assertEqual((empty.status, empty.body, empty.headers["content-length"]), (200, b"", "0"))

    async def test_records(self) -> None:
        await self.get("/fw.bin?token=secret", Range="bytes=10-19")
        (record,) = self.server.transfers
        self.assertEqual((record.method, record.path, record.status, record.octets), ("GET", "/fw.bin", 206, 10))
        self.assertTrue(record.whole)
        self.assertEqual(record.range, f"bytes 10-19/{len(CONTENT)}")
        self.assertNotIn("secret", repr(record))
        self.assertIs(await self.server.transfers.wait_for("GET", "/fw.bin"), record)
        waiting = self.server.transfers.wait_for("GET", since=1)
        await self.get("/nothing")
        await self.get("/empty")
        self.assertEqual((await waiting).path, "/empty")

    async def test_ranges(self) -> None:
        seen = await self.get(Range="bytes=1000-1999")
        self.assertEqual((seen.status, seen.body), (206, CONTENT[1000:2000]))
        self.assertEqual(seen.headers["content-range"], f"bytes 1000-1999/{len(CONTENT)}")
        self.assertEqual(seen.headers["content-length"], "1000")
        self.assertEqual((await self.get(Range="bytes=-5")).body, CONTENT[-5:])
        behind = await self.get(Range=f"bytes={len(CONTENT)}-")
        self.assertEqual((behind.status, behind.headers["content-range"]), (416, f"bytes */{len(CONTENT)}"))
        several = await self.get(Range="bytes=0-1,5-6")
        self.assertEqual((several.status, len(several.body)), (200, len(CONTENT)))

    async def test_if_range(self) -> None:
        first = await self.get()
        for validator in (first.headers["etag"], first.headers["last-modified"]):
            seen = await self.get(Range="bytes=5-", If_Range=validator)
            self.assertEqual((seen.status, seen.body), (206, CONTENT[5:]))
        for validator in ('"other"', "W/" + first.headers["etag"], "Thu, 01 Jan 1970 00:00:00 GMT"):
            self.assertEqual((await self.get(Range="bytes=5-", If_Range=validator)).status, 200)
        (self.folder / "fw.bin").write_bytes(b"new and shorter")
        seen = await self.get(Range="bytes=5-", If_Range=first.headers["etag"])
        self.assertEqual((seen.status, seen.body), (200, b"new and shorter"))

    async def test_not_modified(self) -> None:
        first = await self.get()
        seen = await self.get(If_None_Match=first.headers["etag"])
        self.assertEqual((seen.status, seen.body, seen.headers["etag"]), (304, b"", first.headers["etag"]))
        self.assertEqual((await self.get(If_Modified_Since=first.headers["last-modified"])).status, 304)
        self.assertEqual((await self.get(If_Modified_Since="Thu, 01 Jan 1970 00:00:00 GMT")).status, 200)
        self.assertEqual((await self.get(If_Modified_Since="garbage")).status, 200)
        # If-None-Match decides where both are given.
        modified = first.headers["last-modified"]
        self.assertEqual((await self.get(If_None_Match='"x"', If_Modified_Since=modified)).status, 200)

    async def test_hostile_names(self) -> None:
        outside = self.folder.parent / "outside-secret"
        outside.write_bytes(b"secret")
        self.addCleanup(outside.unlink)
        (self.folder / "link").symlink_to(outside.absolute())
        (self.folder / "linked").symlink_to(self.folder.parent.absolute())
        (self.folder / ".hidden").write_bytes(b"secret")
        os.mkfifo(self.folder / "fifo")
        for path in (
            *("/../outside-secret", "/%2e%2e/outside-secret", "/inner/../../outside-secret", "/..%2foutside-secret"),
            *("/%252e%252e/outside-secret", "/link", "/linked/outside-secret", "/.hidden", "/fifo", "/inner", "/"),
            *("//fw.bin", "/fw.bin/", "/./fw.bin", "/fw.bin%00", "/fw.bin%0a", "/%ff", "/inner%2fa%20b.bin", "/%5c.."),
            *("/" + "a" * 5000, "/" + "a/" * 500 + "a", f"http://x{outside.absolute()}", str(outside.absolute())),
        ):
            seen = await self.get(path)
            self.assertEqual(seen.status, 404, path)
            self.assertNotIn(b"secret", seen.body)

    async def test_other_methods(self) -> None:
        for method in ("DELETE", "OPTIONS", "TRACE", "X"):
            seen = await ask(self.port, method, "/fw.bin")
            self.assertEqual((seen.status, seen.headers["allow"]), (405, "GET, HEAD, PUT, POST"))
        self.assertEqual((self.folder / "fw.bin").read_bytes(), CONTENT)

    async def test_a_file_that_becomes_shorter(self) -> None:
        self.server.faults.add(Slow(1_000_000))
        running = Deferred.fromCoroutine(self.get())
        await deferLater(reactor, 0.05)
        os.truncate(self.folder / "fw.bin", 70_000)
        self.assertLess(len((await running).body), len(CONTENT))

    async def test_a_client_that_does_not_read(self) -> None:
        size = 300_000_000
        with (self.folder / "large").open("wb") as file:
            file.truncate(size)
        for faults in ((), (Slow(10_000_000_000),)):
            self.server.faults.add(*faults)
            untyped: Any = reactor
            endpoint: Any = clientFromString(untyped, f"tcp:127.0.0.1:{self.port}")  # type: ignore[no-untyped-call]
            client: Any = await connectProtocol(endpoint, Protocol())
            client.transport.pauseProducing()
            client.transport.write(b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n")
            await deferLater(untyped, 0.3)
            client.transport.abortConnection()
            while len(records := list(self.server.transfers)) < len(faults) + 1:
                await deferLater(untyped, 0.01)
            record = records[-1]
            self.assertFalse(record.whole)
            self.assertLess(record.octets, size // 6)  # what the buffers of the kernel take

    async def test_many_at_once(self) -> None:
        seen: list[Seen] = await gatherResults([Deferred.fromCoroutine(self.get()) for _ in range(30)])
        self.assertEqual({len(one.body) for one in seen}, {len(CONTENT)})

    def test_a_folder_that_is_none(self) -> None:
        settings = FileSettings(folder=self.folder / "fw.bin")
        untyped: Any = None
        self.assertRaises(ConfigError, FileServer, untyped, settings)


class Faults(Serving):
    async def test_cut(self) -> None:
        self.server.faults.add(Cut(1000))
        seen = await self.get()
        self.assertEqual((seen.headers["content-length"], seen.body), (str(len(CONTENT)), CONTENT[:1000]))
        (record,) = self.server.transfers
        self.assertEqual((record.octets, record.whole, record.faults), (1000, False, ("cut",)))
        resumed = await self.get(Range="bytes=1000-", If_Range=seen.headers["etag"])
        self.assertEqual((resumed.status, seen.body + resumed.body), (206, CONTENT))
        self.server.faults.add(Cut(0))
        self.assertEqual((await self.get()).body, b"")
        self.server.faults.add(Cut(100_000, reset=True))
        self.assertLessEqual(len((await self.get()).body), 100_000)

    async def test_slow(self) -> None:
        self.server.faults.add(Slow(1_000_000))
        self.assertEqual((await self.get()).body, CONTENT)
        self.server.faults.add(Slow(30), Cut(2))
        self.assertEqual((await self.get()).body, CONTENT[:2])
        self.server.faults.add(Slow(10_000_000_000))
        self.assertEqual((await self.get("/empty")).body, b"")

    async def test_wrong_length(self) -> None:
        for by in (10, -10):
            self.server.faults.add(WrongLength(by))
            seen = await send(self.port, b"GET /fw.bin HTTP/1.1\r\nHost: x\r\n\r\n")
            self.assertEqual((int(seen.headers["content-length"]), seen.body), (len(CONTENT) + by, CONTENT))
        self.server.faults.add(WrongLength(-10))
        self.assertEqual((await self.get("/empty")).headers["content-length"], "0")

    async def test_status(self) -> None:
        self.server.faults.add(Status(404), Status(500, after=1), Status(401, after=2))
        found = [await self.get() for _ in range(4)]
        self.assertEqual([seen.status for seen in found], [404, 500, 401, 200])
        self.assertIn("Digest", found[2].headers["www-authenticate"])

    async def test_redirect(self) -> None:
        self.server.faults.add(Redirect("ftp://x/y", 307), Redirect(after=1, times=0))
        seen = await self.get()
        self.assertEqual((seen.status, seen.headers["location"]), (307, "ftp://x/y"))
        for _ in range(7):
            self.assertEqual((await self.get("/fw.bin?a=1")).headers["location"], "/fw.bin?a=1")
        self.server.faults.clear()
        self.assertEqual((await self.get()).status, 200)

    async def test_change(self) -> None:
        self.server.faults.add(Change(path="/fw.bin", after=1))
        first, second, third = [await self.get() for _ in range(3)]
        self.assertNotEqual(first.headers["etag"], second.headers["etag"])
        self.assertNotEqual(first.headers["last-modified"], second.headers["last-modified"])
        self.assertNotEqual(first.body, second.body)
        self.assertEqual((len(second.body), second.headers["etag"]), (len(CONTENT), third.headers["etag"]))
        seen = await self.get(Range="bytes=9-", If_Range=first.headers["etag"])
        self.assertEqual((seen.status, seen.body), (200, second.body))
        part = await self.get(Range="bytes=9-", If_Range=second.headers["etag"])
        self.assertEqual((part.status, part.body), (206, second.body[9:]))

    async def test_gzip(self) -> None:
        self.server.faults.add(Gzip())
        seen = await ask(self.port, "GET", "/fw.bin", Range="bytes=5-")
        self.assertEqual((seen.status, seen.headers["content-encoding"]), (200, "gzip"))
        self.assertNotIn("content-length", seen.headers)
        body, octets = b"", seen.body
        while octets:  # chunks
            size, _, octets = octets.partition(b"\r\n")
            body, octets = body + octets[: int(size, 16)], octets[int(size, 16) + 2 :]
        self.assertEqual(gzip.decompress(body), CONTENT)

    async def test_whom_they_are_for(self) -> None:
        self.server.faults.add(Status(500, path="/empty", times=2), Status(404, method="HEAD"))
        self.assertEqual((await self.get()).status, 200)
        self.assertEqual((await ask(self.port, "HEAD", "/fw.bin")).status, 404)
        self.assertEqual([(await self.get("/empty")).status for _ in range(3)], [500, 500, 200])

    def test_bounds(self) -> None:
        for kind, fields in (
            ("cut", {"keep": -1}),
            ("slow", {"rate": 0}),
            ("status", {"status": 200}),
            ("redirect", {"to": "a\r\nb"}),
            ("redirect", {"status": 200}),
            ("change", {"path": "fw.bin"}),
            ("change", {"method": "DELETE"}),
            ("gzip", {"times": -1}),
        ):
            given: dict[str, Any] = fields
            self.assertRaises(MisuseError, KINDS[kind], **given)
        faults: list[FileFault] = [Gzip() for _ in range(1001)]
        self.assertRaises(MisuseError, self.server.faults.add, *faults)
        self.assertEqual(list(self.server.faults.waiting()), [])


class Passwords(Serving):
    settings = {"auth": "both", "username": "u", "password": "right"}  # noqa: RUF012

    async def test_basic(self) -> None:
        refused = await self.get()
        self.assertEqual((refused.status, CONTENT in refused.body), (401, False))
        self.assertEqual((await self.get(Authorization="Basic dTpyaWdodA==")).body, CONTENT)
        for wrong in ("Basic dTp3cm9uZw==", "Basic !", "Digest x", "Basic", "\xff"):
            self.assertEqual((await self.get(Authorization=wrong)).status, 401, wrong)

    async def test_a_fault_waits_for_the_right_password(self) -> None:
        self.server.faults.add(Status(500))
        self.assertEqual((await self.get()).status, 401)
        self.assertEqual((await self.get(Authorization="Basic dTpyaWdodA==")).status, 500)

    async def test_an_upload_without_one_leaves_nothing(self) -> None:
        seen = await ask(self.port, "PUT", "/log", b"x" * 100_000)
        self.assertEqual((seen.status, self.server.uploads.count()), (401, 0))
        seen = await ask(self.port, "PUT", "/log", b"x", Authorization="Basic dTp3cm9uZw==")
        self.assertEqual((seen.status, list((self.folder / "uploads").iterdir())), (401, []))
        seen = await ask(self.port, "PUT", "/log", b"x", Authorization="Basic dTpyaWdodA==")
        self.assertEqual(seen.status, 201)

    def test_the_password_is_not_shown(self) -> None:
        self.assertNotIn("right", repr(FileSettings(folder=Path(), password="right")))
