"""The client for file servers by FTP and FTPS, over real sockets, with servers that misbehave."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import deferLater
from twisted.trial.unittest import SkipTest, TestCase

from cwmpagent.errors import TransferFailure
from cwmpagent.protocol.transfers.file import FileDownload, FileUpload, Progress
from cwmpagent.transport.files.ftp.client import FtpFileClient
from cwmpagent.transport.tls.trust import TlsTrust
from tests.skips import NO_IPV6, has_ipv6
from tests.transport.certificates import Authority, Signed
from tests.transport.files.ftp.server import TIME, Connection, FtpServer

untyped: Any = reactor
CONTENT = bytes(range(256)) * 4096
CA = Authority()


def says(*replies: str) -> Callable[[Connection, str], None]:
    """Answer a command with ``replies``."""

    def does(connection: Connection, argument: str) -> None:
        for reply in replies:
            connection.say(reply)

    return does


class FtpCase(TestCase):
    timeout = 60

    def setUp(self) -> None:
        self.place = Path(self.mktemp())
        self.place.mkdir(parents=True)
        self.path = self.place / "7"
        self.told: list[Progress] = []
        self.serve()

    def serve(self, certificate: Signed | None = None, *, implicit: bool = False) -> None:
        self.server = FtpServer(certificate, implicit=implicit)
        self.server.files = {"fw.bin": CONTENT}
        self.port = self.server.start(self)
        self.url = f"ftp{'s' if certificate else ''}://127.0.0.1:{self.port}/fw.bin"

    def client(self, **changes: Any) -> FtpFileClient:
        given: dict[str, Any] = {"monotonic": time.monotonic, "connect": 5.0, "answer": 5.0, "silence": 5.0}
        trust = changes.pop("trust", None) or TlsTrust()
        return FtpFileClient(reactor, trust, **(given | changes))

    async def fetch(self, client: FtpFileClient | None = None, **changes: Any) -> None:
        given = {"url": self.url, "path": str(self.path), "most": 1 << 24, "seconds": 20.0} | changes
        await (client or self.client()).download(FileDownload(**given), self.told.append)

    async def send(self, client: FtpFileClient | None = None, **changes: Any) -> None:
        given = {"url": self.url.replace("fw.bin", "up.cfg"), "path": str(self.path), "seconds": 20.0} | changes
        await (client or self.client()).upload(FileUpload(**given), self.told.append)

    async def failure(self, client: FtpFileClient | None = None, **changes: Any) -> TransferFailure:
        return await self.failed(self.fetch(client, **changes))

    async def refused(self, client: FtpFileClient | None = None, **changes: Any) -> TransferFailure:
        return await self.failed(self.send(client, **changes))

    async def failed(self, transfer: Any) -> TransferFailure:
        try:
            await transfer
        except TransferFailure as failure:
            return failure
        raise self.failureException("the transfer succeeded")

    def assert_failure(self, failure: TransferFailure, code: int, permanent: bool, text: str = "") -> None:
        self.assertEqual((failure.code, failure.permanent), (code, permanent), str(failure))
        self.assertIn(text, str(failure))


class DownloadTests(FtpCase):
    async def test_a_whole_file(self) -> None:
        await self.fetch(size=len(CONTENT))
        self.assertEqual(self.path.read_bytes(), CONTENT)
        self.assertEqual(self.told[0], Progress(0, len(CONTENT), f"{len(CONTENT)} octets of {TIME}"))
        self.assertEqual(self.server.lines[:3], ["USER anonymous", "PASS cwmpagent@", "TYPE I"])
        self.assertEqual(self.server.said()[-3:], ["EPSV", "RETR", "QUIT"])

    async def test_username_and_password(self) -> None:
        await self.fetch(username="bøx", password="s3 cret")
        self.assertEqual(self.server.lines[:2], ["USER b\xc3\xb8x", "PASS s3 cret"])

    async def test_no_password_is_sent_where_none_is_asked_for(self) -> None:
        self.server.does["USER"] = says("230 Welcome")
        await self.fetch(username="box", password="secret")
        self.assertNotIn("PASS", self.server.said())

    async def test_paths(self) -> None:
        for sent, path in (("a/b%20c", "a/b c"), ("%2Fetc/x", "/etc/x"), ("x%3By", "x;y"), ("f;type=i", "f")):
            self.server.files = {path: b"content"}
            await self.fetch(url=self.url.replace("fw.bin", sent))
            self.assertEqual(self.server.lines[-2], f"RETR {path}")
            self.assertEqual(self.path.read_bytes(), b"content")

    async def test_pasv_where_the_server_knows_no_epsv(self) -> None:
        """Its address, 203.0.113.7 here, is not used."""
        self.server.does["EPSV"] = says("500 Unknown")
        await self.fetch()
        self.assertEqual(self.path.read_bytes(), CONTENT)

    async def test_ipv6(self) -> None:
        if not has_ipv6():
            raise SkipTest(NO_IPV6)
        self.server = FtpServer()
        self.server.interface = "::1"
        self.server.files = {"fw.bin": CONTENT}
        self.url = f"ftp://[::1]:{self.server.start(self)}/fw.bin"
        await self.fetch()
        self.assertEqual(self.path.read_bytes(), CONTENT)
        self.server.does["EPSV"] = says("500 Unknown")
        self.assert_failure(await self.failure(), 9016, True)
        self.assertNotIn("PASV", self.server.said())

    async def test_a_broken_download_goes_on(self) -> None:
        def cut(connection: Connection, path: str) -> None:
            connection.say("150 Here it is")
            connection.send(CONTENT[:300_001], "426 Broken")

        self.server.does["RETR"] = cut
        self.assert_failure(await self.failure(), 9017, False)
        self.assertEqual(self.path.read_bytes(), CONTENT[: self.path.stat().st_size])
        self.path.write_bytes(CONTENT[:300_001])
        del self.server.does["RETR"]
        await self.fetch(validator=self.told[0].validator)
        self.assertEqual(self.path.read_bytes(), CONTENT)
        self.assertEqual([each.octets for each in self.told[-2:]], [300_001, len(CONTENT)])
        self.assertIn("REST 300001", self.server.lines)

    async def test_another_file_is_fetched_anew(self) -> None:
        validator = f"{len(CONTENT)} octets of {TIME}"
        for change in ("time", "size", "no time", "no rest"):
            self.server = FtpServer()
            self.server.files = {"fw.bin": CONTENT}
            if change == "time":
                self.server.times = {"fw.bin": "20250101000000"}
            elif change == "size":
                self.server.files = {"fw.bin": CONTENT + b"more"}
            elif change == "no time":
                self.server.times = {}
            else:
                self.server.does["REST"] = says("502 Unknown")
            self.path.write_bytes(b"old" * 1000)
            await self.fetch(url=f"ftp://127.0.0.1:{self.server.start(self)}/fw.bin", validator=validator)
            self.assertEqual(self.path.read_bytes(), self.server.files["fw.bin"], change)
            self.assertEqual([each.octets for each in self.told[-2:]], [0, len(self.server.files["fw.bin"])])

    async def test_a_file_that_is_there_already(self) -> None:
        self.path.write_bytes(CONTENT)
        await self.fetch(validator=f"{len(CONTENT)} octets of {TIME}")
        self.assertNotIn("RETR", self.server.said())
        self.assertEqual(self.path.read_bytes(), CONTENT)

    async def test_a_server_without_size(self) -> None:
        self.server.does["SIZE"] = says("502 Unknown")
        await self.fetch()
        self.assertEqual(self.told[0], Progress(0, 0, ""))
        self.assertEqual(self.path.read_bytes(), CONTENT)

    async def test_sizes(self) -> None:
        size = len(CONTENT)
        for changes, code in (({"size": size + 1}, 9018), ({"size": size - 1}, 9018), ({"most": size - 1}, 9010)):
            self.assert_failure(await self.failure(**changes), code, True)
        self.assertNotIn("RETR", self.server.said())
        self.server.does["SIZE"] = says("502 Unknown")
        self.assert_failure(await self.failure(size=size - 1), 9018, True)
        self.assert_failure(await self.failure(most=size - 1), 9010, True)
        self.server.files["fw.bin"] = b""
        self.assert_failure(await self.failure(), 9018, True, "the file is empty")

    async def test_more_and_less_than_the_server_said(self) -> None:
        self.server.does["SIZE"] = says(f"213 {len(CONTENT) - 1}")
        self.assert_failure(await self.failure(), 9018, True)
        self.server.does["SIZE"] = says(f"213 {len(CONTENT) + 1}")
        self.assert_failure(await self.failure(), 9017, False)

    async def test_no_space(self) -> None:
        self.assert_failure(await self.failure(self.client(free=lambda path: 1 << 20)), 9010, False, "are free")
        free = iter([1 << 30, 10])
        failure = await self.failure(self.client(free=lambda path: next(free, 10)))
        self.assert_failure(failure, 9010, False, "No space left on device")

    async def test_a_directory_that_is_gone(self) -> None:
        self.assert_failure(await self.failure(path=str(self.place / "gone" / "7")), 9002, False)

    async def test_cancelled(self) -> None:
        def slow(connection: Connection, path: str) -> None:
            connection.say("150 Here it is")
            connection.send(CONTENT[:1000], None, close=False)

        self.server.does["RETR"] = slow
        fetching = Deferred.fromCoroutine(self.fetch())
        while not self.path.exists() or self.path.stat().st_size < 1000:
            await deferLater(untyped, 0.01, lambda: None)
        fetching.cancel()
        await self.assertFailure(fetching, CancelledError)
        self.assertEqual(self.path.read_bytes(), CONTENT[:1000])


class RefusalTests(FtpCase):
    async def test_replies(self) -> None:
        cases = [
            ("USER", "530 No", 9012, True),
            ("USER", "421 Too many", 9015, False),
            ("PASS", "530 No", 9012, True),
            ("PASS", "550 No", 9012, True),
            ("PASS", "332 Account", 9012, True),
            ("PASS", "421 Too many", 9015, False),
            ("TYPE", "504 No", 9016, True),
            ("RETR", "550 Nothing", 9016, True),
            ("RETR", "450 Busy", 9016, False),
            ("RETR", "425 No connection", 9015, False),
            ("RETR", "530 No", 9012, True),
            ("RETR", "226 Done", 9015, False),
            ("EPSV", "229 Extended (|||0|)", 9015, False),
            ("EPSV", "421 Closing", 9015, False),
        ]
        for name, reply, code, permanent in cases:
            self.server.does = {name: says(reply), "PASV": says("227 Nowhere")}
            failure = await self.failure(username="box", password="secret")
            self.assert_failure(failure, code, permanent)
            self.assertNotIn("secret", str(failure))

    async def test_an_absent_file_keeps_nothing_and_spoils_nothing(self) -> None:
        self.path.write_bytes(CONTENT[:10])
        self.server.does["RETR"] = says("550 Nothing")
        self.assert_failure(await self.failure(validator=f"{len(CONTENT)} octets of {TIME}"), 9016, True)
        self.assertEqual(self.path.read_bytes(), CONTENT[:10])

    async def test_control_characters_are_refused_before_anything_is_sent(self) -> None:
        secret = "p\r\nDELE fw.bin"
        for changes in (
            {"url": self.url + "%0d%0aDELE%20fw.bin"},
            {"url": self.url + "%00"},
            {"url": self.url + "%7f"},
            {"url": self.url + "%ff"},
            {"url": self.url.replace("fw.bin", "")},
            {"url": self.url + "?query"},
            {"url": self.url + ";type=a"},
            {"username": "box\r\nDELE fw.bin"},
            {"username": "box\n"},
            {"username": "box", "password": secret},
            {"username": "box", "password": "\udc80"},
        ):
            failure = await self.failure(**changes)
            self.assert_failure(failure, 9010, True)
            self.assertNotIn("DELE", str(failure))
            self.assert_failure(await self.refused(**changes), 9011, True)
        self.assertEqual(self.server.lines, [])
        self.assertEqual(self.server.open, [], "not even a connection")

    async def test_nobody_listens(self) -> None:
        port = untyped.listenTCP(0, Factory(), interface="127.0.0.1")
        number = port.getHost().port
        await port.stopListening()
        failure = await self.failure(url=f"ftp://127.0.0.1:{number}/x")
        self.assert_failure(failure, 9015, False, "the file server: it cannot be reached: Connection refused")


class HostileTests(FtpCase):
    async def test_greetings(self) -> None:
        for greeting, text in (
            ("nonsense\r\n", "no reply of FTP"),
            ("220-Welcome\r\n" * 600, "more than 500 lines"),
            ("220 " + "x" * 10_000, "more than 4096 octets"),
            ("220 " + "x" * 10_000 + "\r\n", "more than 4096 octets"),
            ("999 Ready\r\n", "no reply of FTP"),
            ("120 Soon\r\n", "FTP 120"),
            ("421 Closed\r\n", "FTP 421"),
            ("150 Here it is\r\n", "FTP 150"),
            ("220 Ready\r\n230 Welcome\r\n", "nobody asked for"),
            ("220 Ready\r\n" + "200 More\r\n" * 10, "nobody asked for"),
        ):
            self.server.greeting = greeting
            self.assert_failure(await self.failure(), 9015, False, text)

    async def test_silence_at_each_command(self) -> None:
        for name in ("USER", "PASS", "TYPE", "SIZE", "MDTM", "EPSV", "RETR"):
            self.server.does = {name: says()}
            failure = await self.failure(self.client(answer=0.2))
            self.assert_failure(failure, 9015, False, "no reply within 0.2 s")

    async def test_an_endless_reply(self) -> None:
        self.server.does["SIZE"] = says("213-", *["213-more"] * 10)
        self.assert_failure(await self.failure(self.client(answer=0.2)), 9015, False, "no reply within 0.2 s")

    async def test_a_data_connection_that_nobody_accepts(self) -> None:
        port = untyped.listenTCP(0, Factory(), interface="127.0.0.1")
        number = port.getHost().port
        await port.stopListening()
        self.server.does["EPSV"] = says(f"229 Extended (|||{number}|)")
        self.assert_failure(await self.failure(), 9015, False, "no data connection to the file server")

    async def test_no_other_machine_is_connected(self) -> None:
        """The answer names this machine by another address; the one of the control connection is used."""

        class Trap(Protocol):
            def connectionMade(self) -> None:
                caught.append(1)

        caught: list[int] = []
        trap = untyped.listenTCP(0, Factory.forProtocol(Trap), interface="127.0.0.2")
        self.addCleanup(trap.stopListening)
        number = trap.getHost().port
        self.server.does["EPSV"] = says("500 Unknown")
        self.server.does["PASV"] = says(f"227 Passive (127,0,0,2,{number >> 8},{number & 255})")
        self.assert_failure(await self.failure(), 9015, False, "no data connection to the file server")
        self.assertEqual(caught, [])

    async def test_octets_before_the_server_says_that_it_begins(self) -> None:
        """They are not in the file, which has octets of an earlier attempt."""
        self.path.write_bytes(CONTENT[:10])

        def early(connection: Connection, path: str) -> None:
            connection.send(b"x" * 1000, "550 Nothing", close=False)

        self.server.does["RETR"] = early
        self.assert_failure(await self.failure(validator=f"{len(CONTENT)} octets of {TIME}"), 9016, True)
        self.assertEqual(self.path.read_bytes(), CONTENT[:10])

    async def test_ends_in_the_middle(self) -> None:
        for content, reply, close in (
            (CONTENT[:1000], "426 Broken", True),
            (CONTENT[:1000], "426 Broken", False),
            (CONTENT[:1000], "451 Error", False),
            (CONTENT[:1000], "421 Closing", False),
            (CONTENT[:1000], "226 Done", True),
            (CONTENT, "426 Broken", True),
            (CONTENT, "nonsense", True),
        ):

            def cut(
                connection: Connection,
                path: str,
                content: bytes = content,
                reply: str = reply,
                close: bool = close,
            ) -> None:
                connection.say("150 Here it is")
                connection.send(content, reply, close=close)

            self.server.does["RETR"] = cut
            self.assert_failure(await self.failure(), 9017, False)
            found = self.path.read_bytes()
            self.assertEqual(found, CONTENT[: len(found)])

    async def test_a_control_connection_that_is_lost(self) -> None:
        def lose(connection: Connection, path: str) -> None:
            connection.say("150 Here it is")
            connection.send(CONTENT[:1000], None, close=False)
            connection.wire.loseConnection()

        self.server.does["RETR"] = lose
        self.assert_failure(await self.failure(), 9017, False, "did not confirm")
        for name in ("USER", "TYPE", "SIZE", "EPSV"):
            self.server.does = {name: lambda connection, argument: connection.wire.loseConnection()}
            self.assert_failure(await self.failure(), 9015, False)

    async def test_a_transfer_that_is_not_confirmed(self) -> None:
        def silent(connection: Connection, path: str) -> None:
            connection.say("150 Here it is")
            connection.send(CONTENT, None)

        self.server.does["RETR"] = silent
        failure = await self.failure(self.client(answer=2.0))
        self.assert_failure(failure, 9017, False, "did not confirm the transfer within 2 s")
        await self.fetch(validator=self.told[0].validator)
        self.assertEqual(self.server.said().count("RETR"), 1, "the whole file was there")

    async def test_silence_and_a_drip(self) -> None:
        def drip(connection: Connection, path: str) -> None:
            connection.say("150 Here it is")

            def more() -> None:
                if connection.data is not None and connection.data.clean is None:
                    wire: Any = connection.data.transport
                    wire.write(b"x")
                    calls.append(untyped.callLater(0.05, more))

            connection.send(b"x", None, close=False)
            if dripping:
                more()

        calls: list[Any] = []
        self.server.does["RETR"] = drip
        dripping = False
        self.assert_failure(await self.failure(self.client(silence=0.2)), 9017, False, "nothing was transferred")
        dripping = True
        self.assert_failure(await self.failure(seconds=0.5), 9017, False, "took longer than 0.5 s")
        calls[-1].cancel()


class TlsTests(FtpCase):
    def trusting(self, **changes: Any) -> FtpFileClient:
        authority = self.place / "ca.pem"
        authority.write_bytes(CA.own.pem)
        return self.client(trust=TlsTrust(authority), **changes)

    async def test_explicit(self) -> None:
        self.serve(CA.sign("127.0.0.1"))
        await self.fetch(self.trusting())
        self.assertEqual(self.path.read_bytes(), CONTENT)
        begin = ["AUTH TLS", "USER anonymous", "PASS cwmpagent@", "PBSZ 0", "PROT P", "TYPE I"]
        self.assertEqual(self.server.lines[:6], begin)
        await self.send(self.trusting())
        self.assertEqual(self.server.files["up.cfg"], CONTENT)

    async def test_implicit(self) -> None:
        self.serve(CA.sign("127.0.0.1"), implicit=True)
        await self.fetch(self.trusting(implicit_port=self.port))
        self.assertEqual(self.path.read_bytes(), CONTENT)
        self.assertNotIn("AUTH", self.server.said())

    async def test_certificates_that_are_refused(self) -> None:
        for implicit in (False, True):
            for name, client, text in (
                ("127.0.0.1", self.client, "is not trusted"),
                ("files.example", self.trusting, "it is not for 127.0.0.1"),
            ):
                self.serve(CA.sign(name), implicit=implicit)
                failure = await self.failure(client(implicit_port=self.port if implicit else 1), username="box")
                self.assert_failure(failure, 9015, True, text)
                self.assertNotIn("USER", self.server.said())

    async def test_a_data_connection_to_another_server(self) -> None:
        self.serve(CA.sign("127.0.0.1"))
        self.server.data_certificate = Authority("Other CA").sign("127.0.0.1")
        self.assert_failure(await self.failure(self.trusting()), 9015, True, "is not trusted")

    async def test_a_server_without_tls(self) -> None:
        """Nothing is sent in the clear."""
        for does in ({}, {"AUTH": says("431 Later")}):
            self.serve()
            self.server.does = does
            self.url = self.url.replace("ftp:", "ftps:")
            failure = await self.failure(self.trusting(), username="box", password="secret")
            self.assert_failure(failure, 9015, not does, "refuses AUTH")
            self.assertEqual(self.server.said(), ["AUTH"])

    async def test_a_server_that_does_not_protect_data(self) -> None:
        self.serve(CA.sign("127.0.0.1"))
        self.server.does["PROT"] = says("536 No")
        self.assert_failure(await self.failure(self.trusting()), 9015, True, "refuses PROT")
        self.assertNotIn("RETR", self.server.said())

    async def test_replies_slipped_in_before_tls(self) -> None:
        def slip(connection: Connection, kind: str) -> None:
            connection.wire.write(b"234 TLS\r\n230 Welcome\r\n")

        self.serve(CA.sign("127.0.0.1"))
        self.server.does["AUTH"] = slip
        self.assert_failure(await self.failure(self.trusting()), 9015, False, "where TLS must begin")

    async def test_no_tls_behind_auth(self) -> None:
        self.serve(CA.sign("127.0.0.1"))
        for replies in (("234 TLS",), ("234 TLS", "230 Welcome")):

            def talk(connection: Connection, kind: str, replies: tuple[str, ...] = replies) -> None:
                connection.say(replies[0])
                later = untyped.callLater(0.05, lambda: [connection.say(reply) for reply in replies[1:]])
                self.addCleanup(lambda: later.cancel() if later.active() else None)

            self.server.does["AUTH"] = talk
            self.assert_failure(await self.failure(self.trusting(answer=0.4)), 9015, False)

    async def test_data_in_the_clear(self) -> None:
        self.serve(CA.sign("127.0.0.1"))
        self.server.data_tls = False
        self.assert_failure(await self.failure(self.trusting()), 9017, False)
        self.assertEqual(self.path.read_bytes(), b"")

    async def test_data_cut_off(self) -> None:
        """An end without the end of TLS is one that anybody can make; the size says whether the file is whole."""

        def cut(connection: Connection, path: str) -> None:
            connection.say("150 Here it is")
            connection.send(content, None, close=False)

            def end() -> None:
                assert connection.data is not None
                wire: Any = connection.data.transport
                wire.abortConnection()
                connection.say("226 Done")

            untyped.callLater(0.3, end)

        self.serve(CA.sign("127.0.0.1"))
        self.server.does = {"RETR": cut, "SIZE": says("502 Unknown")}
        content = CONTENT[:1000]
        self.assert_failure(await self.failure(self.trusting()), 9017, False)


class UploadTests(FtpCase):
    def setUp(self) -> None:
        super().setUp()
        self.path.write_bytes(CONTENT)

    async def test_a_whole_file(self) -> None:
        await self.send(username="box", password="secret")
        self.assertEqual(self.server.files["up.cfg"], CONTENT)
        self.assertEqual(self.server.said()[-3:], ["EPSV", "STOR", "QUIT"])

    async def test_an_empty_file(self) -> None:
        self.path.write_bytes(b"")
        await self.send()
        self.assertEqual(self.server.files["up.cfg"], b"")

    async def test_refused(self) -> None:
        for name, reply, code, permanent in (
            ("PASS", "530 No", 9012, True),
            ("STOR", "553 No", 9016, True),
            ("STOR", "452 Full", 9016, False),
            ("STOR", "226 Done", 9015, False),
            ("EPSV", "421 Closing", 9015, False),
        ):
            self.server.does = {name: says(reply), "PASV": says("421 Closing")}
            self.assert_failure(await self.refused(), code, permanent)
            self.assertNotIn("up.cfg", self.server.files)

    async def test_broken_off(self) -> None:
        self.path.write_bytes(CONTENT * 16)

        def end(reply: str) -> Callable[[Connection, str], None]:
            def does(connection: Connection, path: str) -> None:
                assert connection.data is not None
                wire: Any = connection.data.transport
                wire.pauseProducing()
                connection.say("150 Send it")
                if reply:
                    connection.say(reply)
                else:
                    connection.wire.loseConnection()

            return does

        for reply, code, permanent in (
            ("426 Broken", 9011, False),
            ("451 Error", 9011, False),
            ("552 Full", 9016, True),
            ("226 Done", 9011, False),
            ("", 9011, False),
        ):
            self.server.does["STOR"] = end(reply)
            self.assert_failure(await self.refused(), code, permanent)

    async def test_a_server_that_takes_nothing(self) -> None:
        def deaf(connection: Connection, path: str) -> None:
            assert connection.data is not None
            wire: Any = connection.data.transport
            wire.pauseProducing()
            connection.say("150 Send it")

        self.path.write_bytes(CONTENT * 16)
        self.server.does["STOR"] = deaf
        failure = await self.refused(self.client(silence=0.3))
        self.assert_failure(failure, 9011, False, "nothing was transferred for 0.3 s")

    async def test_what_is_cut_off_does_not_look_whole(self) -> None:
        """The end of the connection is the end of the file: one that is cut off must end in another way."""
        self.path.write_bytes(CONTENT * 64)
        sending = Deferred.fromCoroutine(self.send())
        while "STOR up.cfg" not in self.server.lines:
            await deferLater(untyped, 0.001, lambda: None)
        sending.cancel()
        await self.assertFailure(sending, CancelledError)
        await deferLater(untyped, 0.1, lambda: None)
        self.assertNotIn("up.cfg", self.server.files)

    async def test_a_file_that_is_gone(self) -> None:
        self.assert_failure(await self.refused(path=str(self.place / "gone")), 9011, False, "cannot be read")
        self.assertNotIn("STOR", self.server.said())
