"""Large reads from a TLS connection: nothing is lost or out of order, and the end comes after what was before it."""

from __future__ import annotations

import contextlib

from OpenSSL import SSL
from twisted.trial.unittest import TestCase

from cwmpagent.transport.files.http.tls_reads import MOST_READ, ManyRecords
from tests.transport.certificates import Authority


class ManyRecordsTests(TestCase):
    def setUp(self) -> None:
        signed = Authority().sign("files.example")
        context = SSL.Context(SSL.TLS_SERVER_METHOD)
        context.use_certificate(signed.certificate)
        context.use_privatekey(signed.private)
        self.server = SSL.Connection(context, None)
        self.server.set_accept_state()
        self.client = ManyRecords(SSL.Context(SSL.TLS_CLIENT_METHOD), None)
        self.client.set_connect_state()
        for _ in range(4):
            for one, other in ((self.client, self.server), (self.server, self.client)):
                with contextlib.suppress(SSL.WantReadError):
                    one.do_handshake()
                self.carry(one, other)

    def carry(self, source: SSL.Connection, sink: SSL.Connection) -> None:
        while True:
            try:
                sink.bio_write(source.bio_read(1 << 16))
            except SSL.WantReadError:
                return

    def test_records_together(self) -> None:
        content = bytes(range(256)) * 400
        for begun in range(0, len(content), 10_000):
            self.server.sendall(content[begun : begun + 10_000])
        self.carry(self.server, self.client)
        self.assertEqual(self.client.recv(1), content)
        self.assertRaises(SSL.WantReadError, self.client.recv, 1)

    def test_bounded(self) -> None:
        content = bytes(range(256)) * 4096
        self.server.sendall(content)
        self.carry(self.server, self.client)
        pieces = [self.client.recv(1) for _ in range(len(content) // MOST_READ)]
        self.assertEqual({len(piece) for piece in pieces}, {MOST_READ})
        self.assertEqual(b"".join(pieces), content)

    def test_the_end_comes_after_the_octets(self) -> None:
        self.server.sendall(b"last")
        self.server.shutdown()
        self.carry(self.server, self.client)
        self.assertEqual(self.client.recv(1), b"last")
        self.assertRaises(SSL.ZeroReturnError, self.client.recv, 1)

    def test_a_damaged_record_comes_after_the_octets(self) -> None:
        self.server.sendall(b"good")
        self.carry(self.server, self.client)
        self.client.bio_write(b"\x17\x03\x03\x00\x20" + b"x" * 32)
        self.assertEqual(self.client.recv(1), b"good")
        self.assertRaises(SSL.Error, self.client.recv, 1)
