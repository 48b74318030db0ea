"""The client for file servers, over real sockets: the lab's file server with its faults, and servers that misbehave."""

from __future__ import annotations

import hashlib
import itertools
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
from OpenSSL import SSL
from twisted.internet import reactor
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from cwmpagent.errors import TransferFailure
from cwmpagent.lab.files.faults import Change, Cut, FileFault, Gzip, Redirect, Slow, Status, WrongLength
from cwmpagent.protocol.transfers.file import FileDownload, FileUpload, Progress
from cwmpagent.transport.files.http.client import HttpFileClient
from cwmpagent.transport.tls.trust import TlsTrust
from tests.lab.files.serving import start
from tests.transport.certificates import Authority
from tests.transport.http.scripted import Contexts

untyped: Any = reactor
CONTENT = bytes(range(256)) * 4096
CA = Authority()


class FilesCase(TestCase):
    timeout = 60

    def setUp(self) -> None:
        self.place = Path(self.mktemp())
        self.folder = self.place / "served"
        self.folder.mkdir(parents=True)
        (self.folder / "fw.bin").write_bytes(CONTENT)
        self.path = self.place / "7"
        self.told: list[Progress] = []

    def client(self, **changes: Any) -> HttpFileClient:
        numbers = itertools.count()
        given: dict[str, Any] = {
            "cnonce": lambda: f"cnonce{next(numbers)}",
            "monotonic": time.monotonic,
            "connect": 5.0,
            "first_byte": 5.0,
            "silence": 5.0,
        }
        trust = changes.pop("trust", None) or TlsTrust()
        return HttpFileClient(reactor, trust, **(given | changes))

    def file(self, url: str, **changes: Any) -> FileDownload:
        return FileDownload(**({"url": url, "path": str(self.path), "most": 1 << 24, "seconds": 20.0} | changes))

    async def fetch(self, url: str, client: HttpFileClient | None = None, **changes: Any) -> None:
        await (client or self.client()).download(self.file(url, **changes), self.told.append)

    async def failure(self, url: str, client: HttpFileClient | None = None, **changes: Any) -> TransferFailure:
        try:
            await self.fetch(url, client, **changes)
        except TransferFailure as failure:
            return failure
        raise self.failureException("the download succeeded")


class DownloadTests(FilesCase):
    def setUp(self) -> None:
        super().setUp()
        self.server, port = start(self, self.folder)
        self.url = f"http://127.0.0.1:{port}/fw.bin"

    async def test_a_whole_file(self) -> None:
        await self.fetch(self.url, size=len(CONTENT))
        self.assertEqual(self.path.read_bytes(), CONTENT)
        self.assertEqual((self.told[0].octets, self.told[0].total), (0, len(CONTENT)))
        self.assertEqual((self.told[-1].octets, self.told[-1].total), (len(CONTENT), len(CONTENT)))
        self.assertTrue(self.told[0].validator.startswith('"'))

    async def test_older_octets_without_a_validator_are_replaced(self) -> None:
        self.path.write_bytes(b"old" * len(CONTENT))
        await self.fetch(self.url)
        self.assertEqual(self.path.read_bytes(), CONTENT)

    async def test_a_broken_download_goes_on(self) -> None:
        self.server.faults.add(Cut(keep=300_001))
        failure = await self.failure(self.url)
        self.assertEqual((failure.code, failure.permanent), (9017, False))
        self.assertEqual(self.path.stat().st_size, 300_001)
        await self.fetch(self.url, validator=self.told[0].validator)
        self.assertEqual(self.path.read_bytes(), CONTENT)
        self.assertEqual([each.octets for each in self.told], [0, 300_001, 300_001, len(CONTENT)])
        self.assertEqual(self.server.transfers.wait_for("GET", "/fw.bin", since=0).__class__, Deferred)

    async def test_a_file_that_changes_meanwhile_is_fetched_anew(self) -> None:
        self.server.faults.add(Cut(keep=1000), Change(after=1))
        await self.failure(self.url)
        begun = self.path.read_bytes()
        await self.fetch(self.url, validator=self.told[0].validator)
        whole = self.path.read_bytes()
        self.assertEqual(len(whole), len(CONTENT))
        self.assertNotEqual(whole[:1000], begun, "no mixture of two files")
        self.assertEqual([each.octets for each in self.told], [0, 1000, 0, len(CONTENT)])

    async def test_more_octets_than_the_file_has(self) -> None:
        await self.fetch(self.url)
        self.path.write_bytes(CONTENT + b"more")
        await self.fetch(self.url, validator=self.told[0].validator)
        self.assertEqual(self.path.read_bytes(), CONTENT)

    async def test_each_fault(self) -> None:
        cases: list[tuple[FileFault, int, bool]] = [
            (Status(status=404), 9016, True),
            (Status(status=410), 9016, True),
            (Status(status=500), 9016, False),
            (Status(status=503), 9016, False),
            (Status(status=429), 9016, False),
            (Status(status=401), 9012, True),
            (Status(status=403), 9012, True),
            (WrongLength(by=10), 9017, False),
            (Gzip(), 9018, True),
            (Redirect(to="ftp://127.0.0.1/fw.bin"), 9010, True),
            (Redirect(to="https://127.0.0.1:1/fw.bin"), 9010, True),
            (Redirect(to="http://user:pw@127.0.0.1/"), 9010, True),
            (Redirect(to="http://127.0.0.1:99999/"), 9010, True),
            (Redirect(times=0), 9010, True),
        ]
        for fault, code, permanent in cases:
            self.server.faults.add(fault)
            failure = await self.failure(self.url)
            self.assertEqual((failure.code, failure.permanent), (code, permanent), fault)
            self.assertNotIn("pw", str(failure))
            self.server.faults.clear()

    async def test_sizes(self) -> None:
        size = len(CONTENT)
        for changes, code in (
            ({"size": size + 1}, 9018),
            ({"size": size - 1}, 9018),
            ({"most": size - 1}, 9010),
        ):
            failure = await self.failure(self.url, **changes)
            self.assertEqual((failure.code, failure.permanent), (code, True), changes)
        (self.folder / "empty").write_bytes(b"")
        failure = await self.failure(self.url.replace("fw.bin", "empty"))
        self.assertEqual((failure.code, str(failure)), (9018, "the file is empty"))

    async def test_five_redirects(self) -> None:
        self.server.faults.add(Redirect(times=5))
        await self.fetch(self.url)
        self.assertEqual(self.path.read_bytes(), CONTENT)
        self.server.faults.add(Redirect(times=6))
        self.assertIn("more than 5 redirects", str(await self.failure(self.url)))

    async def test_a_drip_is_cut(self) -> None:
        self.server.faults.add(Slow(rate=1000, times=2))
        failure = await self.failure(self.url, seconds=0.5)
        self.assertEqual((failure.code, str(failure)), (9017, "the transfer took longer than 0.5 s"))
        self.assertGreater(self.path.stat().st_size, 0)

    async def test_no_space(self) -> None:
        failure = await self.failure(self.url, self.client(free=lambda path: 1 << 20))
        self.assertEqual((failure.code, failure.permanent), (9010, False))
        self.assertIn("are free", str(failure))
        free = iter([1 << 30, 10])
        failure = await self.failure(self.url, self.client(free=lambda path: next(free, 10)))
        self.assertIn("No space left on device", str(failure))
        self.assertFalse(self.path.exists(), "others need the space")

    async def test_something_urgent_meanwhile(self) -> None:
        asked: list[int] = []

        def urgent() -> bool:
            asked.append(self.path.stat().st_size)
            return len(asked) < 3

        await self.fetch(self.url, self.client(urgent=urgent))
        self.assertEqual(self.path.read_bytes(), CONTENT)
        self.assertGreater(len(asked), 3)

    async def test_cut_while_it_gives_way(self) -> None:
        self.server.faults.add(Cut(keep=300_001))
        failure = await self.failure(self.url, self.client(urgent=lambda: True))
        self.assertEqual((failure.code, self.path.stat().st_size), (9017, 300_001))

    async def test_a_directory_that_is_gone(self) -> None:
        failure = await self.failure(self.url, path=str(self.place / "gone" / "7"))
        self.assertEqual(failure.code, 9002)

    async def test_cancelled(self) -> None:
        self.server.faults.add(Slow(rate=1000))
        fetching = Deferred.fromCoroutine(self.fetch(self.url))
        while not self.told:
            await deferLater(untyped, 0, lambda: None)
        await deferLater(untyped, 0.1, lambda: None)
        fetching.cancel()
        await self.assertFailure(fetching, CancelledError)


class AuthTests(FilesCase):
    async def test_digest_and_basic(self) -> None:
        for scheme in ("digest", "basic"):
            _, port = start(self, self.folder, auth=scheme, username="cpe", password="secret")
            url = f"http://127.0.0.1:{port}/fw.bin"
            await self.fetch(url, username="cpe", password="secret")
            self.assertEqual(self.path.read_bytes(), CONTENT)
            self.path.unlink()
            for given in ({}, {"username": "cpe", "password": "wrong"}):
                failure = await self.failure(url, **given)
                self.assertEqual((failure.code, failure.permanent), (9012, True))

    async def test_credentials_stay_with_their_server(self) -> None:
        _, other = start(self, self.folder, auth="basic", username="cpe", password="secret")
        server, port = start(self, self.folder)
        server.faults.add(Redirect(to=f"http://127.0.0.1:{other}/fw.bin"))
        failure = await self.failure(f"http://127.0.0.1:{port}/fw.bin", username="cpe", password="secret")
        self.assertEqual(failure.code, 9012)


class TlsTests(FilesCase):
    def serve(self, name: str, factory: Any = None) -> int:
        signed = CA.sign(name)
        from twisted.web.server import Site
        from twisted.web.static import File

        served = factory or Site(File(str(self.folder)))

        context = SSL.Context(SSL.TLS_SERVER_METHOD)
        context.use_certificate(signed.certificate)
        context.use_privatekey(signed.private)

        port = untyped.listenSSL(0, served, Contexts(context), interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        return int(port.getHost().port)

    def trusting(self, **changes: Any) -> HttpFileClient:
        authority = self.place / "ca.pem"
        authority.write_bytes(CA.own.pem)
        return self.client(trust=TlsTrust(authority), **changes)

    async def test_a_server_that_takes_no_part_in_the_end(self) -> None:
        hung: list[Any] = []

        class Hung(Protocol):
            def dataReceived(self, data: bytes) -> None:
                transport: Any = self.transport
                transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345")
                transport.transport.pauseProducing()
                hung.append(transport.transport)

        port = self.serve("127.0.0.1", Factory.forProtocol(Hung))
        failure = await self.failure(f"https://127.0.0.1:{port}/", self.trusting(silence=0.2))
        self.assertEqual(failure.code, 9017)
        await deferLater(untyped, 0, lambda: None)
        peers = [each.raddr.port for each in psutil.Process().net_connections("tcp") if each.raddr]
        self.assertNotIn(port, peers, "the connection is closed")
        for transport in hung:
            transport.abortConnection()

    async def test_trusted_and_not(self) -> None:
        trusting = self.trusting()
        url = f"https://127.0.0.1:{self.serve('127.0.0.1')}/fw.bin"
        await self.fetch(url, trusting)
        self.assertEqual(self.path.read_bytes(), CONTENT)
        failure = await self.failure(url)
        self.assertEqual((failure.code, failure.permanent), (9015, True))
        self.assertIn("is not trusted", str(failure))
        failure = await self.failure(f"https://127.0.0.1:{self.serve('files.example')}/fw.bin", trusting)
        self.assertIn("it is not for 127.0.0.1", str(failure))


def part(octets: bytes, *, place: str, etag: str = "") -> bytes:
    """A response with a part of a file."""
    named = f"ETag: {etag}\r\n" if etag else ""
    head = (
        f"HTTP/1.1 206 Partial Content\r\nContent-Range: bytes {place}\r\n{named}Content-Length: {len(octets)}\r\n\r\n"
    )
    return head.encode() + octets


class RawServer(Protocol):
    """Answers as soon as anything arrives, with the next of ``answers``; closes afterwards if ``close``."""

    answers: Iterator[bytes]
    close = True

    def dataReceived(self, data: bytes) -> None:
        transport: Any = self.transport
        transport.write(next(self.answers))
        if self.close:
            transport.loseConnection()


class HostileTests(FilesCase):
    def serve(self, *answers: bytes, close: bool = True) -> str:
        factory = Factory.forProtocol(type("Raw", (RawServer,), {"answers": iter(answers), "close": close}))
        port = untyped.listenTCP(0, factory, interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        return f"http://127.0.0.1:{port.getHost().port}/"

    async def test_answers(self) -> None:
        head = b"HTTP/1.1 200 OK\r\n"
        cases = [
            (b"", 9015),
            (b"nonsense\r\n\r\n", 9015),
            (head + b"Content-Length: 10\r\n\r\n12345", 9017),
            (head + b"Content-Length: x\r\n\r\n12345", 9015),
            (head + b"Transfer-Encoding: chunked\r\n\r\n5\r\n12345\r\n", 9017),
            (head + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 9018),
            (b"HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 5-9/10\r\nContent-Length: 5\r\n\r\n12345", 9010),
            (b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n", 9010),
            (b"HTTP/1.1 302 Found\r\nLocation: http://[\r\nContent-Length: 0\r\n\r\n", 9010),
        ]
        for answer, code in cases:
            failure = await self.failure(self.serve(answer))
            self.assertEqual(failure.code, code, (answer, str(failure)))

    async def test_a_body_up_to_the_end_of_the_connection(self) -> None:
        await self.fetch(self.serve(b"HTTP/1.0 200 OK\r\n\r\n12345"))
        self.assertEqual(self.path.read_bytes(), b"12345")

    async def test_validators(self) -> None:
        date = "Sat, 28 Nov 2026 07:47:34 GMT"
        for etag, expected in (('"v1"', '"v1"'), ('W/"v1"', ""), ("v1", date), ("", date)):
            head = f"HTTP/1.1 200 OK\r\nETag: {etag}\r\nLast-Modified: {date}\r\nContent-Length: 5\r\n\r\n"
            await self.fetch(self.serve(head.encode() + b"12345"))
            self.assertEqual(self.told[-1].validator, expected, etag)

    async def test_a_part_that_is_not_the_rest_of_this_file(self) -> None:
        for answer, whole in (
            (part(b"BCDE", place="1-4/5", etag='"v2"'), b"abcde"),
            (part(b"BCDE", place="1-4/5", etag='"v1"'), b"ABCDE"),
            (part(b"BCDE", place="1-4/5"), b"ABCDE"),
            (part(b"ABCDE", place="0-4/5", etag='"v1"'), b"abcde"),
            (part(b"BCDE", place="nothing", etag='"v1"'), b"abcde"),
        ):
            self.path.write_bytes(b"A")
            await self.fetch(self.serve(answer, b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabcde"), validator='"v1"')
            self.assertEqual(self.path.read_bytes(), whole, answer)
            self.assertEqual(self.told[-1].validator, '"v1"' if whole == b"ABCDE" else "", answer)

    async def test_a_part_with_more_octets_than_the_file(self) -> None:
        self.path.write_bytes(b"A")
        failure = await self.failure(self.serve(part(b"BCDEFGH", place="1-4/5", etag='"v1"')), validator='"v1"')
        self.assertEqual((failure.code, failure.permanent), (9018, True))

    async def test_more_than_the_file_size_without_a_length(self) -> None:
        failure = await self.failure(self.serve(b"HTTP/1.0 200 OK\r\n\r\n123456"), size=5)
        self.assertEqual((failure.code, failure.permanent), (9018, True))

    async def test_silence(self) -> None:
        failure = await self.failure(self.serve(b"", close=False), self.client(first_byte=0.2))
        self.assertEqual((failure.code, failure.permanent), (9015, False))
        url = self.serve(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345", close=False)
        failure = await self.failure(url, self.client(silence=0.2))
        self.assertEqual((failure.code, str(failure)), (9017, "nothing was transferred for 0.2 s"))
        self.assertEqual(self.path.read_bytes(), b"12345")

    async def test_nobody_listens(self) -> None:
        port = untyped.listenTCP(0, Factory(), interface="127.0.0.1")
        number = port.getHost().port
        await port.stopListening()
        failure = await self.failure(f"http://127.0.0.1:{number}/")
        self.assertEqual((failure.code, failure.permanent), (9015, False))
        self.assertEqual(str(failure), "no connection to the file server: it cannot be reached: Connection refused")


class UploadTests(FilesCase):
    def setUp(self) -> None:
        super().setUp()
        self.path.write_bytes(CONTENT)

    async def send(self, url: str, client: HttpFileClient | None = None, **changes: Any) -> None:
        given = {"url": url, "path": str(self.path), "seconds": 20.0} | changes
        await (client or self.client()).upload(FileUpload(**given), self.told.append)

    def received(self, name: str) -> str:
        return hashlib.sha256((self.folder / "uploads" / name).read_bytes()).hexdigest()

    async def refused(self, url: str, **changes: Any) -> TransferFailure:
        try:
            await self.send(url, **changes)
        except TransferFailure as failure:
            return failure
        raise self.failureException("the upload succeeded")

    async def test_with_and_without_credentials(self) -> None:
        for auth in ("none", "digest", "basic"):
            _, port = start(self, self.folder, auth=auth, username="cpe", password="secret")
            await self.send(f"http://127.0.0.1:{port}/{auth}.cfg", username="cpe", password="secret")
            self.assertEqual(self.received(f"{auth}.cfg"), hashlib.sha256(CONTENT).hexdigest())
            self.assertEqual(self.told[-1], Progress(len(CONTENT), len(CONTENT)))
            if auth != "none":
                failure = await self.refused(f"http://127.0.0.1:{port}/x", username="cpe", password="wrong")
                self.assertEqual((failure.code, failure.permanent), (9012, True))

    async def test_post_where_the_server_knows_no_put(self) -> None:
        for status in (405, 501):
            server, port = start(self, self.folder)
            server.faults.add(Status(status=status, method="PUT"))
            await self.send(f"http://127.0.0.1:{port}/{status}.cfg")
            self.assertEqual(self.received(f"{status}.cfg"), hashlib.sha256(CONTENT).hexdigest())

    async def test_refused(self) -> None:
        server, port = start(self, self.folder)
        for status, code, permanent in ((404, 9016, True), (500, 9016, False), (507, 9016, False)):
            server.faults.add(Status(status=status))
            failure = await self.refused(f"http://127.0.0.1:{port}/x")
            self.assertEqual((failure.code, failure.permanent), (code, permanent))

    async def test_a_server_that_takes_nothing(self) -> None:
        class Deaf(Protocol):
            def connectionMade(self) -> None:
                transport: Any = self.transport
                transport.pauseProducing()

        self.path.write_bytes(CONTENT * 16)
        port = untyped.listenTCP(0, Factory.forProtocol(Deaf), interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        failure = None
        try:
            await self.send(f"http://127.0.0.1:{port.getHost().port}/x", self.client(silence=0.3))
        except TransferFailure as caught:
            failure = caught
        assert failure is not None
        self.assertEqual((failure.code, str(failure)), (9011, "nothing was transferred for 0.3 s"))

    async def test_refused_before_the_end(self) -> None:
        received: list[int] = []
        gone: Deferred[None] = Deferred()

        class Refusing(Protocol):
            def dataReceived(self, data: bytes) -> None:
                transport: Any = self.transport
                received.append(len(data))
                if len(received) == 1:
                    transport.write(b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\n\r\n")

            def connectionLost(self, reason: Any = None) -> None:
                gone.callback(None)

        self.path.write_bytes(CONTENT * 64)
        port = untyped.listenTCP(0, Factory.forProtocol(Refusing), interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        failure = await self.refused(f"http://127.0.0.1:{port.getHost().port}/x")
        self.assertEqual((failure.code, failure.permanent), (9016, True))
        await gone
        self.assertLess(sum(received), len(CONTENT) * 64)
        self.assertEqual(self.opened(), [])

    async def test_no_connection_leaves_no_open_file(self) -> None:
        port = untyped.listenTCP(0, Factory(), interface="127.0.0.1")
        number = port.getHost().port
        await port.stopListening()
        failure = await self.refused(f"http://127.0.0.1:{number}/")
        self.assertEqual((failure.code, self.opened()), (9015, []))

    def opened(self) -> list[str]:
        """The descriptors of the file that is sent."""
        path = self.path.resolve()
        return [each.name for each in Path("/proc/self/fd").iterdir() if each.resolve() == path]

    async def test_a_file_that_is_gone(self) -> None:
        _, port = start(self, self.folder)
        failure = await self.refused(f"http://127.0.0.1:{port}/x", path=str(self.place / "gone"))
        self.assertEqual(failure.code, 9011)
