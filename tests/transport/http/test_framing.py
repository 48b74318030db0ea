"""Framing of responses: what RFC 2616 allowed and old servers write, and bounds of bytes and work on the wire."""

from __future__ import annotations

import gzip
import zlib
from random import Random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import LoopingCall, deferLater
from twisted.trial.unittest import SynchronousTestCase

from cwmpagent.errors import TooLargeError, TransportError
from cwmpagent.transport.http.chunked import LONGEST_LINE, MOST_FRAMING, ChunkedBody
from cwmpagent.transport.http.inflate import MOST_MEMBERS, Body
from cwmpagent.transport.http.limits import HttpLimits
from cwmpagent.transport.http.response_head import LONGEST_HEAD, ResponseHead
from cwmpagent.transport.http.response_head import LONGEST_LINE as HEADER_LINE
from tests.transport.http.scripted import OK, Connection, ScriptedCase, answer, connections

TEXT = b"<envelope>" + b"x" * 745 + b"</envelope>"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
BREAK = b"\r\n"


def chunked(*sizes: str, end: str = "0") -> bytes:
    """``TEXT`` in one chunk for each of ``sizes``, which have a place for the hexadecimal number."""
    part = -(-len(TEXT) // len(sizes))
    parts = [TEXT[at : at + part] for at in range(0, len(TEXT), part)]
    lines = [size.format(len(content)).encode() + BREAK + content for size, content in zip(sizes, parts, strict=True)]
    return BREAK.join([*lines, end.encode(), b"", b""])


class OldServers(ScriptedCase):
    async def read(self, *responses: bytes) -> None:
        """Each response has the body ``TEXT``, and the connection is kept after it."""
        server = self.serve(*responses, OK)
        exchange = self.exchange(server)
        for response in responses:
            self.assertEqual((await exchange.post(b"x")).body, TEXT, response[:200])
        await exchange.post(b"last")
        self.assertEqual(set(connections(server)), {1})

    async def test_blanks_in_the_line_of_a_chunk(self) -> None:
        """RFC 2616 section 2.1: blanks are implied between the words of a rule."""
        await self.read(
            CHUNKED + chunked("{:x}  "),
            CHUNKED + chunked("{:X}\t ", "{:x} ", end="0   "),
            CHUNKED + chunked("{:x} ;name=value", "{:x}; name = value ; other", end="0 ;x"),
            CHUNKED + chunked(" {:x}", "{:08x}"),
        )

    async def test_any_text_in_a_chunk_extension(self) -> None:
        """RFC 2616 section 3.6.1: a quoted-string, also with quoted pairs and characters beyond ASCII."""
        await self.read(CHUNKED + chunked('{:x};a="; \\" \t ü"', "{:x};;", "{:x};"))

    async def test_lines_that_end_with_a_line_feed(self) -> None:
        """RFC 2616 section 19.3: a single LF ends a line."""
        await self.read(
            CHUNKED.replace(b"\r", b"") + b"%x\n%s\n0\n\n" % (len(TEXT), TEXT),
            CHUNKED + b"%x\n%s\r\n0\r\nTrailer: t\n\r\n" % (len(TEXT), TEXT),
        )

    async def test_trailers(self) -> None:
        await self.read(CHUNKED + chunked("{:x}").removesuffix(BREAK) + b"Trailer: t\r\n folded\r\n\r\n")

    async def test_blanks_before_the_colon_of_a_header(self) -> None:
        length = f"Content-Length : {len(TEXT)}"
        await self.read(
            answer(200, TEXT, length, length=False),
            answer(200, TEXT, f"Content-Length\t:{len(TEXT)}  ", length=False),
            CHUNKED.replace(b":", b" : ") + chunked("{:x}"),
        )

    async def test_folded_headers(self) -> None:
        await self.read(
            answer(200, TEXT, f"Content-Length:\r\n\t{len(TEXT)}", length=False),
            CHUNKED.replace(b": chunked", b":\r\n chunked") + chunked("{:x}"),
        )

    async def test_transfer_encoding_identity(self) -> None:
        """RFC 2616 section 3.6: it means that there is none."""
        identity = "Transfer-Encoding: identity"
        await self.read(
            answer(200, TEXT, identity),
            CHUNKED.replace(b"chunked", b"Identity, Chunked") + chunked("{:x}"),
        )
        closing = self.serve(lambda at: (at.transport.write(answer(200, TEXT, identity, length=False)), end(at)))
        self.assertEqual((await self.exchange(closing).post(b"x")).body, TEXT)

    async def test_other_transfer_encodings_are_named_as_the_cause(self) -> None:
        for value in (b"gzip, chunked", b"x", b"chunked, chunked"):
            server = self.serve(CHUNKED.replace(b"chunked", value))
            error = await self.assertFailure(Deferred.fromCoroutine(self.exchange(server).post(b"x")), TransportError)
            self.assertEqual(
                str(error),
                f"127.0.0.1:{server.port}: the response has a Transfer-Encoding other than chunked, which was not "
                "offered",
            )

    async def test_broken_chunks_are_named_as_the_cause(self) -> None:
        size = "the response is chunked, but not correctly: the size of a chunk is not a hexadecimal number"
        ending = "the response is chunked, but not correctly: a chunk is longer than its size"
        for broken, cause in (
            (b"x\r\n", size),
            (b"+5\r\n", size),
            (b"0x5\r\n", size),
            (b"5 5\r\n", size),
            (b"-5\r\n", size),
            (b"1_0\r\n", size),
            (b"\r\n", size),
            (b";x\r\n", size),
            (b"2\r\nabc\r\n", ending),
            (b"2\r\nab\rc", ending),
        ):
            server = self.serve(CHUNKED + broken)
            error = await self.assertFailure(Deferred.fromCoroutine(self.exchange(server).post(b"x")), TransportError)
            self.assertEqual(str(error), f"127.0.0.1:{server.port}: {cause}", broken)
            await server.connections[0].gone

    async def test_cut_off(self) -> None:
        for part in (b"", b"5", b"5\r\nab", b"5\r\nabcde", b"2\r\nab\r\n0\r\n", b"0\r\n\r"):
            server = self.serve(lambda at, part=part: (at.transport.write(CHUNKED + part), end(at)))
            error = await self.assertFailure(Deferred.fromCoroutine(self.exchange(server).post(b"x")), TransportError)
            self.assertIn("closed before the response was complete", str(error))


def end(connection: Connection) -> None:
    connection.transport.loseConnection()


class LongHeaders(ScriptedCase):
    async def test_a_header_line_above_the_bound_is_named_as_the_cause(self) -> None:
        long = "x" * (HEADER_LINE + 1)
        folded = "X: " + "\r\n ".join(["x" * 1000] * 20)
        for response, line in (
            (answer(200, TEXT, "X: " + long), "a header line"),
            (answer(200, TEXT, folded), "a header line"),
            (b"HTTP/1.1 200 " + long.encode() + b"\r\n\r\n", "the status line"),
        ):
            server = self.serve(response)
            error = await self.assertFailure(Deferred.fromCoroutine(self.exchange(server).post(b"x")), TooLargeError)
            self.assertEqual(
                str(error), f"127.0.0.1:{server.port}: {line} of the response is longer than {HEADER_LINE} bytes"
            )
            await server.connections[0].gone

    async def test_a_header_line_at_the_bound_is_read(self) -> None:
        server = self.serve(answer(200, TEXT, "X-Long: " + "x" * (HEADER_LINE - 9)), OK)
        exchange = self.exchange(server)
        self.assertEqual((await exchange.post(b"x")).body, TEXT)
        await exchange.post(b"y")
        self.assertEqual(connections(server), [1, 1])

    async def test_a_head_above_the_bound_is_named_as_the_cause(self) -> None:
        for field in ("X-Long: " + "x" * LONGEST_HEAD, "\r\n".join(["X: " + "x" * 1000] * 70)):
            server = self.serve(answer(200, TEXT, field))
            error = await self.assertFailure(Deferred.fromCoroutine(self.exchange(server).post(b"x")), TooLargeError)
            self.assertEqual(
                str(error), f"127.0.0.1:{server.port}: the head of the response is longer than {LONGEST_HEAD} bytes"
            )

    async def test_a_header_without_a_colon_is_named_as_the_cause(self) -> None:
        server = self.serve(answer(200, TEXT, "no colon"))
        error = await self.assertFailure(Deferred.fromCoroutine(self.exchange(server).post(b"x")), TransportError)
        self.assertEqual(str(error), f"127.0.0.1:{server.port}: a header line of the response has no colon")

    async def test_a_head_byte_by_byte_is_searched_once(self) -> None:
        """Each byte is looked at a bounded number of times, however the head is cut."""
        head = ResponseHead()
        looked_at = 0

        class Counting(bytearray):
            def find(self, part: Any, start: Any = 0, *rest: Any) -> int:
                nonlocal looked_at
                looked_at += len(self) - int(start)
                return super().find(part, start, *rest)

        head._held = Counting()
        for byte in b"HTTP/1.1 200 OK\r\nX: " + b"x" * 40_000:
            head.feed(bytes([byte]))
        self.assertLess(looked_at, 40_000 * 20)


class Endless(ScriptedCase):
    """Responses without end that hold little or nothing."""

    async def endless(self, head: bytes, piece: bytes, error: type[TransportError], **limits: int) -> tuple[str, int]:
        """The error of a response of endless ``piece``, and how many bytes of it the server got rid of."""
        sent = 0

        class Pouring:
            def __init__(self, connection: Connection) -> None:
                self.connection = connection
                connection.transport.write(head)
                connection.transport.registerProducer(self, False)

            def resumeProducing(self) -> None:
                nonlocal sent
                sent += len(piece)
                self.connection.transport.write(piece)

            def stopProducing(self) -> None:
                pass

        server = self.serve(Pouring)
        exchange = self.exchange(server, self.client(limits=HttpLimits(**limits)))  # type: ignore[arg-type]
        failure = await self.assertFailure(Deferred.fromCoroutine(exchange.post(b"x")), error)
        await server.connections[0].gone
        return str(failure).partition(": ")[2], sent

    async def test_closed_while_it_arrives(self) -> None:
        """A session that is closed (SIGTERM) ends at once, whatever still arrives."""
        line = b"40\r\n" + b"x" * 0x40 + b"\r\n"
        for head, piece in (
            (CHUNKED, line),
            (CHUNKED, line * 2000),
            (b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n", gzip.compress(b"x" * 99)),
            (b"HTTP/1.1 200 OK\r\n", b"X"),
        ):
            pouring: list[LoopingCall] = []

            def step(
                connection: Connection,
                head: bytes = head,
                piece: bytes = piece,
                pouring: list[LoopingCall] = pouring,
            ) -> None:
                connection.transport.write(head)
                pouring.append(LoopingCall(connection.transport.write, piece))
                pouring[0].start(0.001)

            server = self.serve(step)
            exchange = self.exchange(server)
            posting = Deferred.fromCoroutine(exchange.post(b"x"))
            await server.asked(1)
            await deferLater(reactor, 0.05, lambda: None)
            self.assertNoResult(posting)
            await exchange.close()
            self.assertIn("closed", str(self.failureResultOf(posting, TransportError).value))
            pouring[0].stop()
            await server.connections[0].gone

    async def test_one_byte_chunks(self) -> None:
        cause, sent = await self.endless(CHUNKED, b"1\r\nx\r\n" * 5000, TooLargeError)
        self.assertEqual(
            cause,
            f"the response has more than {MOST_FRAMING} bytes of framing beyond its content",
        )
        self.assertLess(sent, 8 * MOST_FRAMING)  # also those in the buffers of the sockets

    async def test_chunk_extensions_and_trailers(self) -> None:
        for head, piece in (
            (CHUNKED, b"1;" + b"x" * 900 + b"\r\nx\r\n"),
            (CHUNKED + b"0\r\n", b"Trailer: " + b"x" * 900 + b"\r\n"),
        ):
            _, sent = await self.endless(head, piece * 50, TooLargeError)
            self.assertLess(sent, 16 * MOST_FRAMING)

    async def test_a_line_without_end(self) -> None:
        for head in (CHUNKED, CHUNKED + b"0\r\n", CHUNKED + b"1;"):
            cause, _ = await self.endless(head, b"0" * 5000, TooLargeError)
            self.assertEqual(cause, f"the response has a chunk line longer than {LONGEST_LINE} bytes")

    async def test_empty_gzip_members(self) -> None:
        head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n"
        cause, _ = await self.endless(head, gzip.compress(b"") * 3000, TooLargeError)
        self.assertEqual(cause, f"the compressed response has more than {MOST_MEMBERS} gzip members")

    async def test_compressed_bytes_without_content(self) -> None:
        """Empty blocks, and a file name in the header of gzip: the bound counts the bytes on the wire, too."""
        for head, piece in (
            (b"HTTP/1.1 200 OK\r\nContent-Encoding: deflate\r\n\r\n", b"\0\0\0\xff\xff" * 4000),
            (b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n\x1f\x8b\x08\x08\0\0\0\0\0\3", b"name" * 5000),
        ):
            cause, _ = await self.endless(head, piece, TooLargeError, answer_bytes=100_000)
            self.assertEqual(cause, "the compressed response is larger than 101414 bytes")


class Bounds(SynchronousTestCase):
    """The same bounds without sockets: how often something is done for each byte."""

    def fed(self, pieces: list[bytes]) -> tuple[list[bytes], list[TransportError]]:
        delivered: list[bytes] = []
        failed: list[TransportError] = []
        body = ChunkedBody(failed.append, delivered.append, lambda rest: None)
        for piece in pieces:
            body.dataReceived(piece)
        return delivered, failed

    def test_many_chunks_are_delivered_together(self) -> None:
        delivered, failed = self.fed([b"1\r\nx\r\n" * 10_000] * 3)
        self.assertEqual(([len(content) for content in delivered], failed), ([10_000] * 3, []))

    def test_small_chunks_at_the_bound_of_the_body_are_read(self) -> None:
        """A server may write line by line: framing is bounded in relation to the content."""
        delivered, failed = self.fed([b"8\r\n12345678\r\n" * 10_000] * 60)
        self.assertEqual((sum(map(len, delivered)), failed), (8 * 600_000, []))

    def test_nothing_is_delivered_after_an_error(self) -> None:
        delivered, failed = self.fed([b"2\r\nab\r\nz\r\n", b"1\r\nx\r\n", b"z\r\n"])
        self.assertEqual((delivered, len(failed)), ([b"ab"], 1))

    def test_members_with_content_are_read_up_to_the_bound(self) -> None:
        body = Body(1 << 20, [b"gzip"])
        body.feed(gzip.compress(b"x") * MOST_MEMBERS)
        self.assertEqual(len(body.finish()), MOST_MEMBERS)
        self.assertRaises(TooLargeError, body.feed, gzip.compress(b"x"))

    def test_content_that_cannot_be_compressed_fits(self) -> None:
        """Incompressible content at the bound is larger when it is compressed."""
        noise = Random(5).randbytes(50_000)
        for coded, name in ((gzip.compress(noise), b"gzip"), (zlib.compress(noise), b"deflate")):
            self.assertGreater(len(coded), len(noise))
            body = Body(len(noise), [name])
            body.feed(coded)
            self.assertEqual(body.finish(), noise)

    @settings(deadline=None, max_examples=150)
    @given(
        st.lists(st.binary(min_size=1, max_size=40), max_size=8),
        st.sampled_from(["{:x}", "{:X} ", "{:04x};a=b", "{:x} ; q"]),
        st.lists(st.integers(1, 9), max_size=60),
        st.sampled_from([b"\r\n", b"\n"]),
    )
    def test_however_it_is_cut(self, parts: list[bytes], size: str, cuts: list[int], line: bytes) -> None:
        data = b"".join(size.format(len(part)).encode() + line + part + line for part in parts)
        data += b"0" + line + b"T: t" + line + line + b"rest"
        delivered, rests = bytearray(), bytearray()
        ends: list[int] = []
        failed: list[TransportError] = []

        def finished(rest: bytes) -> None:
            ends.append(len(delivered))
            rests.extend(rest)

        body = ChunkedBody(failed.append, delivered.extend, finished)
        pieces = []
        for cut in cuts:
            pieces.append(data[:cut])
            data = data[cut:]
        for piece in [*pieces, data]:
            if ends:
                rests.extend(piece)
            else:
                body.dataReceived(piece)
        body.noMoreData()
        self.assertEqual((bytes(delivered), bytes(rests), len(ends), failed), (b"".join(parts), b"rest", 1, []))
