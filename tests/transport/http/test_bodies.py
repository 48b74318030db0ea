"""Response bodies: chunked, compressed, bounded."""

from __future__ import annotations

import gzip
import os
import subprocess
import sys
import zlib
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import SynchronousTestCase

from cwmpagent.errors import TooLargeError, TransportError
from cwmpagent.transport.http.inflate import Body
from cwmpagent.transport.http.limits import HttpLimits
from tests.transport.http.scripted import OK, ScriptedCase, answer, connections

TEXT = b"<envelope/>" * 500


def raw_deflate(data: bytes) -> bytes:
    squeeze = zlib.compressobj(wbits=-15)
    return squeeze.compress(data) + squeeze.flush()


CODED = {
    b"gzip": gzip.compress,
    b"x-gzip": gzip.compress,
    b"GZIP": lambda data: gzip.compress(data[:9]) + gzip.compress(data[9:]),
    b"deflate": zlib.compress,
    b"Deflate": raw_deflate,
    b"identity": bytes,
    b"": bytes,
}


class Arriving(ScriptedCase):
    async def test_chunked(self) -> None:
        server = self.serve(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\n<whol\r\n3\r\ne/>\r\n"
            b"0\r\nTrailer: t\r\n\r\n",
            OK,
        )
        exchange = self.exchange(server)
        self.assertEqual((await exchange.post(b"x")).body, b"<whole/>")
        await exchange.post(b"y")
        self.assertEqual(connections(server), [1, 1])

    async def test_compressed(self) -> None:
        for name, code in CODED.items():
            server = self.serve(answer(200, code(TEXT), f"Content-Encoding: {name.decode()}"), OK)
            exchange = self.exchange(server)
            self.assertEqual((await exchange.post(b"x")).body, TEXT, name)
            await exchange.post(b"y")
            self.assertEqual(connections(server), [1, 1])

    async def test_compressed_and_chunked(self) -> None:
        packed = gzip.compress(TEXT)
        chunks = b"".join(b"1\r\n%c\r\n" % byte for byte in packed)
        server = self.serve(
            b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n"
        )
        self.assertEqual((await self.exchange(server).post(b"x")).body, TEXT)

    async def test_an_empty_body_says_it_is_compressed(self) -> None:
        for status in (200, 204):
            server = self.serve(answer(status, b"", "Content-Encoding: gzip"))
            self.assertEqual((await self.exchange(server).post(b"x")).body, b"")

    async def test_other_encodings_are_refused(self) -> None:
        for name in ("br", "compress", "gzip, gzip", "zstd"):
            server = self.serve(answer(200, TEXT, f"Content-Encoding: {name}"))
            error = await self.assertFailure(Deferred.fromCoroutine(self.exchange(server).post(b"x")), TransportError)
            self.assertIn("not offered", str(error))

    async def test_the_bound_counts_what_comes_out(self) -> None:
        client = self.client(limits=HttpLimits(answer_bytes=len(TEXT)))
        chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n"
        for fits, exceeds in (
            (answer(200, TEXT), answer(200, TEXT + b"x")),
            (chunked % (len(TEXT), TEXT), chunked % (len(TEXT) + 1, TEXT + b"x")),
            *(
                (
                    answer(200, code(TEXT), f"Content-Encoding: {name.decode()}"),
                    answer(200, code(TEXT + b"x"), f"Content-Encoding: {name.decode()}"),
                )
                for name, code in CODED.items()
            ),
        ):
            server = self.serve(fits, exceeds)
            exchange = self.exchange(server, client)
            self.assertEqual((await exchange.post(b"1")).body, TEXT)
            error = await self.assertFailure(Deferred.fromCoroutine(exchange.post(b"2")), TooLargeError)
            self.assertEqual(str(error), f"127.0.0.1:{server.port}: the response is larger than {len(TEXT)} bytes")
            await server.connections[0].gone

    async def test_300_megabytes_in_300_kilobytes(self) -> None:
        """Measured in a separate process, where no other test has used memory."""
        squeeze = zlib.compressobj(9, wbits=31)
        packed = b"".join(squeeze.compress(bytes(1 << 20)) for _ in range(300)) + squeeze.flush()
        self.assertLess(len(packed), 310_000)
        for data in (
            answer(200, packed, "Content-Encoding: gzip"),
            answer(401, b"x" * (40 << 20), 'WWW-Authenticate: Basic realm="r"'),
        ):
            server = self.serve(data)
            grown = await deferToThread(
                subprocess.run,
                [sys.executable, str(Path(__file__).with_name("measure_growth.py")), str(server.port)],
                capture_output=True,
                text=True,
                env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
                check=False,
            )
            said, _, kilobytes = grown.stdout.strip().rpartition(" ")
            self.assertEqual(said, "TooLargeError", grown.stdout + grown.stderr)
            self.assertLess(int(kilobytes), 64 * 1024)

    async def test_a_whole_answer_at_the_bound_in_tiny_chunks(self) -> None:
        """Memory use depends on the bytes, not on the number of pieces."""
        body = Body(1 << 20)
        for _ in range(1 << 20):
            body.feed(b"x")
        self.assertEqual(len(body.finish()), 1 << 20)
        self.assertRaises(TooLargeError, body.feed, b"x")


class Inflating(SynchronousTestCase):
    @settings(deadline=None, max_examples=60)
    @given(st.sampled_from(sorted(CODED)), st.binary(max_size=3000), st.lists(st.integers(1, 200), max_size=20))
    def test_however_it_is_cut(self, name: bytes, data: bytes, cuts: list[int]) -> None:
        coded, body = CODED[name](data), Body(len(data), [name])
        for cut in cuts:
            body.feed(coded[:cut])
            coded = coded[cut:]
        body.feed(coded)
        self.assertEqual(body.finish(), data)

    @settings(deadline=None, max_examples=200)
    @given(st.sampled_from(sorted(CODED)), st.binary(max_size=300), st.integers(0, 300))
    def test_garbage_is_an_error_or_small(self, name: bytes, noise: bytes, keep: int) -> None:
        body = Body(1000, [name])
        try:
            body.feed(CODED[name](b"x" * 100)[:keep])
            body.feed(noise)
            self.assertLessEqual(len(body.finish()), 1000)
        except TransportError as error:
            self.assertNotIn("\n", str(error))

    def test_cut_off(self) -> None:
        for name in (b"gzip", b"deflate", b"Deflate"):
            for length in (1, 5, 30):
                body = Body(10_000, [name])
                body.feed(CODED[name](TEXT)[:length])
                self.assertRaises(TransportError, body.finish)

    def test_bytes_behind_the_end(self) -> None:
        for name in (b"gzip", b"deflate", b"Deflate"):
            body = Body(10_000, [name])
            body.feed(CODED[name](TEXT))
            self.assertRaises(TransportError, body.feed, b"more")
