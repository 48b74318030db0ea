"""Tests of the ACS's HTTP input: methods, sizes, compression, credentials and arbitrary bytes."""

from __future__ import annotations

import zlib

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from cwmpagent.lab.acs import LabAcs, LabLimits
from cwmpagent.protocol.auth import Credentials
from cwmpagent.protocol.rpc import InformResponse
from cwmpagent.protocol.soap import Envelope, encode
from tests.lab.cpe import Cpe, Wire, inform, parsed, request

INFORM = encode(Envelope(body=inform(), id="1"))


class AcsInputTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.lab = LabAcs(self.clock, limits=LabLimits(body=10_000))
        self.wire = Wire(self.lab.site())

    def post(self, body: bytes, **headers: str):
        return parsed(self.wire.send(request(body, headers={k.replace("_", "-"): v for k, v in headers.items()})))

    def test_only_post(self) -> None:
        for method in ("GET", "PUT", "DELETE", "OPTIONS", "BREW"):
            answer = parsed(self.wire.send(request(b"", method=method)))
            self.assertEqual((answer.status, answer.header("Allow")), (405, "POST"), method)

    def test_any_path(self) -> None:
        self.assertEqual(parsed(self.wire.send(request(INFORM, path="/a/b?c=d"))).status, 200)

    def test_no_server_header(self) -> None:
        self.assertEqual(self.post(INFORM).header("Server"), "")

    def test_too_large(self) -> None:
        self.assertEqual(self.post(b"x" * 10_001).status, 413)
        self.assertEqual(self.post(INFORM).status, 200)

    def test_too_large_without_end(self) -> None:
        head = b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
        self.wire.send(head)
        for _ in range(1000):
            if self.wire.closed:
                break
            self.wire.send(b"1000\r\n" + b"x" * 0x1000 + b"\r\n")
        self.assertTrue(self.wire.closed)

    def test_chunks_of_one_byte_without_end(self) -> None:
        """They are cut long before the bound of the body: each costs as much work as a large one."""
        wire = Wire(LabAcs(self.clock, limits=LabLimits(body=10_000_000)).site())
        wire.send(b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n")
        sent = 0
        while not wire.closed:
            wire.send(b"1\r\nx\r\n" * 1000)
            sent += 1000
            self.assertLess(sent, 100_000)

    def test_chunked_post(self) -> None:
        head = (
            b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nContent-Type: text/xml\r\nSOAPAction:\r\n\r\n"
        )
        body = b"%x\r\n%s\r\n0\r\n\r\n" % (len(INFORM), INFORM)
        self.assertEqual(parsed(self.wire.send(head + body)).message, InformResponse())
        self.assertEqual(self.lab.sessions[0].violations, [])

    def test_compressed_posts(self) -> None:
        for coding, data in (
            ("gzip", zlib.compress(INFORM, wbits=31)),
            ("gzip", zlib.compress(INFORM[:99], wbits=31) + zlib.compress(INFORM[99:], wbits=31)),
            ("deflate", zlib.compress(INFORM)),
            ("deflate", zlib.compress(INFORM, wbits=-15)),
            ("identity", INFORM),
        ):
            self.assertEqual(self.post(data, Content_Encoding=coding).message, InformResponse(), coding)

    def test_bad_compression(self) -> None:
        for coding, data, status in (
            ("br", INFORM, 415),
            ("gzip", INFORM, 400),
            ("gzip", zlib.compress(INFORM, wbits=31)[:-20], 400),
            ("gzip", zlib.compress(INFORM, wbits=31) + b"more", 400),
            ("deflate", zlib.compress(INFORM) + b"more", 400),
            ("gzip", zlib.compress(b" " * 10_000_000, wbits=31), 413),
        ):
            self.assertEqual(self.post(data, Content_Encoding=coding).status, status)
        self.assertEqual(len(self.lab.sessions), 0)

    def test_empty_gzip_members_without_end(self) -> None:
        """They are refused by their number, also where the bound of the body has room for them."""
        wire = Wire(LabAcs(self.clock, limits=LabLimits(body=10_000_000)).site())
        body = zlib.compress(b"", wbits=31) * 300_000
        answer = parsed(wire.send(request(body, headers={"Content-Encoding": "gzip"})))
        self.assertEqual(answer.status, 413)
        self.assertIn(b"the compressed request has more than 1024 gzip members", answer.body)

    def test_charset(self) -> None:
        text = INFORM.decode().replace("SN0001", "SN-\u00e9")
        body = text.replace('encoding="UTF-8"', "").encode("latin-1")
        answer = self.post(body, Content_Type="text/xml; charset=iso-8859-1")
        self.assertEqual(answer.status, 200)
        self.assertIn("00D09E-Gateway-SN%2D%C3%A9", self.lab.devices)

    def test_several_cookies(self) -> None:
        cpe = Cpe(self.lab.site())
        cpe.inform()
        cpe.cookie = f"a=b; {cpe.cookie}; session=other"
        self.assertEqual(cpe.post().status, 204)

    @settings(max_examples=150, deadline=None, suppress_health_check=[*HealthCheck])
    @given(st.binary(max_size=300))
    def test_bytes_on_the_wire(self, data: bytes) -> None:
        wire = Wire(self.lab.site())
        wire.send(data)
        wire.transport.loseConnection()
        self.assertEqual(Cpe(self.lab.site()).session().status, 204)
        self.assertEqual(self.flushLoggedErrors(), [])

    @settings(max_examples=150, deadline=None, suppress_health_check=[*HealthCheck])
    @given(st.data())
    def test_bytes_in_a_session(self, data: st.DataObject) -> None:
        at = data.draw(st.integers(0, len(INFORM) - 1))
        length = data.draw(st.integers(0, 20))
        body = INFORM[:at] + data.draw(st.binary(max_size=20)) + INFORM[at + length :]
        cpe = Cpe(self.lab.site())
        if data.draw(st.booleans()):
            cpe.inform()
        self.assertIn(cpe.post(body).status, (200, 204, 400, 413))
        self.assertEqual(Cpe(self.lab.site()).session().status, 204)
        self.assertEqual(self.flushLoggedErrors(), [])


class Authentication(SynchronousTestCase):
    def lab(self, **options) -> LabAcs:
        return LabAcs(Clock(), username="cpe", password="secret", **options)

    def test_digest(self) -> None:
        for algorithms, offered in ((("MD5",), 1), (("SHA-256",), 1), (("SHA-256", "MD5"), 2)):
            for qop in (("auth",), ("auth-int",), ("auth", "auth-int"), ()):
                lab = self.lab(auth="digest", algorithms=algorithms, qop=qop)
                self.assertEqual(len(Cpe(lab.site()).inform().headers["www-authenticate"]), offered)
                cpe = Cpe(lab.site(), Credentials("cpe", "secret"))
                self.assertEqual(cpe.inform().status, 200)
                self.assertEqual(cpe.post().status, 204)
                self.assertEqual(lab.sessions[0].ended, "complete")

    def test_basic(self) -> None:
        cpe = Cpe(self.lab(auth="basic").site(), Credentials("cpe", "secret"))
        self.assertEqual([cpe.inform().status, cpe.post().status], [200, 204])

    def test_wrong_credentials(self) -> None:
        for auth in ("digest", "basic"):
            for username, password in (("cpe", "wrong"), ("other", "secret"), ("cpe", "")):
                lab = self.lab(auth=auth)
                self.assertEqual(Cpe(lab.site(), Credentials(username, password)).inform().status, 401)
                self.assertEqual(len(lab.sessions), 0)

    def test_a_session_needs_credentials_to_its_end(self) -> None:
        lab = self.lab(auth="digest")
        cpe = Cpe(lab.site(), Credentials("cpe", "secret"))
        cpe.inform()
        cpe.authenticator = None
        self.assertEqual(cpe.post().status, 401)
        self.assertEqual(lab.sessions[0].ended, "")

    def test_stale_nonce(self) -> None:
        clock = Clock()
        lab = LabAcs(clock, auth="digest", username="cpe", password="secret", session_timeout=9999)
        cpe = Cpe(lab.site(), Credentials("cpe", "secret"))
        cpe.inform()
        clock.advance(301)
        cpe.wire.connect()
        self.assertEqual(cpe.post().status, 204)
