"""Request smuggling: ambiguous requests are read as one at most, and none is accepted."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase

from cwmpagent.protocol.auth import Authenticator
from cwmpagent.protocol.auth.header_grammar import parse_credentials
from cwmpagent.transport.connection_request.bounded_http import HttpBounds
from tests.transport.connection_request.test_listener import USER, Agent, Visitor, counter, listener

BAD = b"HTTP/1.1 400 Bad Request\r\n\r\n"
GET = b"GET /one HTTP/1.1\r\n"
SECOND = b"GET /one HTTP/1.1\r\n\r\n"
CHUNKED = GET + b"Transfer-Encoding: chunked\r\n\r\n"
CLIENT_HELLO = bytes.fromhex("16030100a5010000a10303") + bytes(range(150)) + b"\r\n\r\n"
TELLING = (b"server", b"date:", b"twisted", b"python", b"cwmp", b"content-type", b"x-powered", b"via")


LINES = (
    *(b"GET ", b"POST ", b"/one", b"/two", b"http://box/one", b"*", b" HTTP/1.1\r\n", b" HTTP/1.0\r\n"),
    *(b"\r\n", b"\n", b"\r", b"\x00", b" ", b"\t", b":", b",", b"\xff\xfe", b"\xc3\xa9"),
    *(b"0\r\n\r\n", b"5\r\nabcde\r\n", b"Content-Length: 5\r\n", b"Content-Length: 0\r\n"),
    *(b"Transfer-Encoding: chunked\r\n", b"Expect: 100-continue\r\n", b"Connection: close\r\n", b"Cookie: a=b\r\n"),
)
CREDENTIALS = (
    *(b"Authorization: Digest ", b"Authorization: Basic YWNzOng=\r\n", b'username="acs"', b"username*=UTF-8''acs"),
    *(b'realm="device"', b'uri="/one"', b'nonce=""', b"qop=auth", b"qop=auth-int", b"nc=00000001", b"nc=ffffffff"),
    *(b'cnonce="c"', b"algorithm=MD5", b"algorithm=SHA-256-sess", b'response="' + b"0" * 32 + b'"', b'response=""'),
)
NAMES = (
    *("username", "realm", "uri", "nonce", "qop", "nc", "cnonce", "algorithm", "response"),
    *("opaque", "username*", "userhash"),
)
VALUES = ("acs", "device", "/one", "auth", "00000001", "c", "MD5", "SHA-256", "true", "0" * 32)


class ShapeTests(SynchronousTestCase):
    """Malformed requests of known shapes."""

    def setUp(self) -> None:
        self.reactor = MemoryReactorClock()
        self.agent = Agent()
        self.listener = listener(self.reactor)
        self.listener.add("/one", self.agent)
        self.successResultOf(Deferred.fromCoroutine(self.listener.bind()))

    def send(self, data: bytes, *, by: int = 1 << 20) -> tuple[bytes, bool]:
        """The responses to ``data``, sent in pieces of this size, and whether the connection was closed."""
        visitor = Visitor(self.reactor)
        answer = b""
        for start in range(0, len(data), by):
            if visitor.closed() or visitor.transport.disconnected:
                break
            answer += visitor.send(data[start : start + by])
        closed = visitor.closed() or bool(visitor.transport.disconnected)
        visitor.leave()
        return answer, closed

    def good(self, more: bytes = b"", path: str = "/one") -> bytes:
        """A request with valid credentials; ``more``: header fields before them."""
        ours = Authenticator(USER, cnonce=counter("c"), basic_allowed=False)
        first = Visitor(self.reactor).ask(path)
        self.assertTrue(ours.challenged(first.all("www-authenticate")))
        authorization = str(ours.authorization("GET", path)).encode()
        return b"GET " + path.encode() + b" HTTP/1.1\r\n" + more + b"Authorization: " + authorization + b"\r\n\r\n"

    def refused(self, *requests: bytes) -> None:
        """Each gets one 400 and the end of the connection, for any following bytes, whole or byte by byte."""
        for request in requests:
            for by in (1 << 20, 1):
                answer, closed = self.send(request + SECOND, by=by)
                self.assertEqual((answer, closed), (BAD, True), request[:100])
        self.assertEqual(self.agent.came, [])

    def test_two_lengths(self) -> None:
        self.refused(
            GET + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            GET + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
            GET + b"Content-Length: 5\r\nContent-Length: 5\r\n\r\nabcde",
            GET + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nabcde",
            GET + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            GET + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
        )

    def test_odd_lengths(self) -> None:
        for length in (
            *("+5", "-5", "0x5", "5, 5", "5,5", "5 5", "5;", "5.0", "", " ", "five", "\u0665", "1_0", "'5'"),
            "9" * 4000,
            "0" * 20 + "5",
        ):
            self.refused(GET + b"Content-Length: " + length.encode() + b"\r\n\r\nabcde")

    def test_odd_names_of_headers(self) -> None:
        for name in (
            b"Content-Length ",
            b" Content-Length",
            b"\tContent-Length",
            b"Content\x0bLength",
            b"Content\xa0Length",
        ):
            self.refused(GET + name + b": 5\r\n\r\nabcde")

    def test_other_encodings(self) -> None:
        for value in (
            b"identity",
            b"chunked, identity",
            b"identity, chunked",
            b"xchunked",
            b"gzip",
            b"",
            b'"chunked"',
            b"chunked;x",
        ):
            self.refused(GET + b"Transfer-Encoding: " + value + b"\r\n\r\n0\r\n\r\n")

    def test_odd_chunks(self) -> None:
        for size in (b"-1", b"+1", b"0x1", b"g", b"", b" 1", b"1 1", b"\xb2", b"1_0"):
            self.refused(CHUNKED + size + b"\r\na\r\n0\r\n\r\n")
        self.refused(CHUNKED + b"1\r\naXX0\r\n\r\n", CHUNKED + b"1\r\nabc\r\n0\r\n\r\n")

    def test_endless_chunks(self) -> None:
        for more in (b"0\r\n" + b"T: x\r\n" * 100_000, b"f" * 100_000, b"1;" + b"x" * 100_000):
            self.assertEqual(self.send(CHUNKED + more, by=1000), (BAD, True))

    def test_lines_that_end_otherwise(self) -> None:
        self.refused(
            GET + b"X: a\nContent-Length: 5\r\n\r\nabcde",
            GET + b"X: a\rContent-Length: 5\r\n\r\nabcde",
            b"GET /one HTTP/1.1\nX: a\r\n\r\n",
            b"GET /one HTTP/1.1\rX: a\r\n\r\n",
        )
        answer, closed = self.send(b"GET /one HTTP/1.1\nHost: x\n\n" * 10)
        self.assertEqual((answer, closed), (b"", False), "it waits for the end of a line, until the time is up")

    def test_zero_bytes(self) -> None:
        self.refused(
            b"GET /one\x00 HTTP/1.1\r\n\r\n",
            b"\x00GET /one HTTP/1.1\r\n\r\n",
            b"GET /one HTTP/1.1\x00\r\n\r\n",
            GET + b"X\x00: a\r\n\r\n",
            GET + b"X: a\x00\r\n\r\n",
            b"\x00\r\n\r\n",
        )

    def test_folded_lines(self) -> None:
        answer, _ = self.send(GET + b"X: a\r\n b\r\n\tc\r\n\r\n")
        self.assertTrue(answer.startswith(b"HTTP/1.1 401 "))
        self.refused(
            GET + b" X: a\r\n\r\n",
            GET + b"Content-Length:\r\n 5\r\n 6\r\n\r\nabcde",
            GET + b"Transfer-Encoding: chunked\r\n ,identity\r\n\r\n0\r\n\r\n",
        )
        self.assertTrue(self.send(self.good(b"X: a\r\n b\r\n"))[0].startswith(b"HTTP/1.1 200 "))

    def test_other_targets(self) -> None:
        for target, status in (
            (b"http://box/one", b"401"),
            (b"http://[::1/one", b"401"),
            (b"http:///one", b"401"),
            (b"http://u:p@box:99999/one", b"401"),
            (b"box:80", b"404"),
            (b"*", b"404"),
            (b"//box/one", b"404"),
            (b"http://box", b"404"),
            (b"http://", b"404"),
            (b"/one/../one", b"404"),
            (b"/./one", b"404"),
            (b"/one%2f", b"404"),
            (b"/one#x", b"404"),
            (b"/one;x", b"404"),
        ):
            answer, _ = self.send(b"GET " + target + b" HTTP/1.1\r\n\r\n")
            self.assertEqual(answer[9:12], status, target)
        for target in (b"box:80", b"/one"):
            answer, closed = self.send(b"CONNECT " + target + b" HTTP/1.1\r\n\r\n" + SECOND)
            self.assertEqual((answer.count(b"HTTP/1.1 "), answer[9] in b"4", closed), (1, True, True))

    def test_no_http_at_all(self) -> None:
        self.refused(
            b"GET /one\r\n\r\n",
            b"GET /one HTTP/0.9\r\n\r\n",
            b"GET /one HTTP/2.0\r\n\r\n",
            b"GET /one http/1.1\r\n\r\n",
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            CLIENT_HELLO,
            b"SSH-2.0-OpenSSH\r\n",
            b"\r\n\r\n",
            b"\xff\xfe\r\n\r\n",
        )

    def test_floods(self) -> None:
        for request in (
            GET + b"X: y\r\n" * 100_000,
            GET + b"X: y\r\n" + b" y\r\n" * 100_000,
            GET + b"X: " + b"y" * 1_000_000,
            b"GET /" + b"x" * 1_000_000,
            b"\r\n" * 100_000,
            b"x" * 1_000_000,
        ):
            for by in (1 << 20, 5000):
                answer, closed = self.send(request, by=by)
                self.assertIn(answer, (b"", BAD), request[:40])
                self.assertTrue(closed, request[:40])

    def test_behind_each_other(self) -> None:
        answer, closed = self.send(SECOND * 5 + b"GET  /one HTTP/1.1\r\n\r\n" + self.good())
        self.assertEqual((answer.count(b" 401 "), answer.count(b" 400 "), answer.count(b" 200 ")), (5, 1, 0))
        self.assertTrue(closed)
        for body in (b"Content-Length: 1\r\n\r\nx", b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", b"\r\n"):
            answer, closed = self.send((GET + body) * 2000)
            self.assertEqual((answer.count(b"HTTP/1.1 "), closed), (HttpBounds().requests, True))
        answer, closed = self.send(self.good() + self.good())
        self.assertEqual((answer.count(b" 200 "), answer.count(b"HTTP/1.1 "), closed), (1, 1, True))
        self.assertEqual(len(self.agent.came), 1)

    def test_a_good_request_hidden_in_a_body(self) -> None:
        inner = self.good()
        for outer in (
            GET + f"Content-Length: {len(inner)}\r\n\r\n".encode() + inner,
            CHUNKED + f"{len(inner):x}\r\n".encode() + inner + b"\r\n0\r\n\r\n",
            b"POST /one HTTP/1.1\r\n" + f"Content-Length: {len(inner)}\r\n\r\n".encode() + inner,
        ):
            answer, _ = self.send(outer)
            self.assertEqual(answer.count(b"HTTP/1.1 "), 1)
            self.assertIn(answer[9:12], (b"401", b"405"))
        self.assertEqual(self.agent.came, [])

    def test_a_good_request_with_a_body_is_one_request(self) -> None:
        request = self.good(b"Content-Length: 21\r\n") + SECOND
        self.assertEqual(self.send(request)[0].count(b"HTTP/1.1 "), 1)
        self.assertEqual(len(self.agent.came), 1)

    def test_no_answer_tells_what_it_is(self) -> None:
        for request in (
            SECOND,
            self.good(),
            b"GET /two HTTP/1.1\r\n\r\n",
            b"POST /one HTTP/1.1\r\nContent-Length: 0\r\n\r\n",
            b"HEAD /one HTTP/1.1\r\n\r\n",
            b"OPTIONS * HTTP/1.1\r\n\r\n",
            b"TRACE /one HTTP/1.1\r\nX: y\r\n\r\n",
            b"GET /one HTTP/1.0\r\n\r\n",
            b"GET /one HTTP/1.1\r\nExpect: 100-continue\r\n\r\n",
            b"garbage\r\n\r\n",
            GET + b"Content-Length: x\r\n\r\n",
            CHUNKED + b"x\r\n",
            GET + b"X: " + b"y" * 20_000,
        ):
            answer, _ = self.send(request)
            for word in TELLING:
                self.assertNotIn(word, answer.lower(), request[:40])
            self.assertTrue(answer == b"" or answer.endswith(b"\r\n\r\n"), "no answer has a body")


class FuzzTests(SynchronousTestCase):
    """Requests of random valid pieces: none is accepted, none raises."""

    def setUp(self) -> None:
        self.reactor = MemoryReactorClock()
        self.agent = Agent()
        self.listener = listener(self.reactor, algorithms=["MD5", "SHA-256"])
        self.listener.add("/one", self.agent)
        self.successResultOf(Deferred.fromCoroutine(self.listener.bind()))

    def feed(self, *data: bytes) -> None:
        visitor = Visitor(self.reactor)
        for each in data:
            if not visitor.closed() and not visitor.transport.disconnected:
                visitor.send(each)
        visitor.leave()
        self.assertEqual((self.agent.came, self.flushLoggedErrors()), ([], []))

    @settings(deadline=None, max_examples=600)
    @given(st.lists(st.one_of(st.sampled_from(LINES + CREDENTIALS), st.binary(max_size=20)), max_size=40))
    def test_pieces(self, pieces: list[bytes]) -> None:
        self.feed(*pieces)
        self.feed(b"".join(pieces))

    @settings(deadline=None, max_examples=600)
    @given(
        st.dictionaries(st.sampled_from(NAMES), st.one_of(st.sampled_from(VALUES), st.text(max_size=30))),
        st.booleans(),
    )
    def test_credentials(self, given: dict[str, str], quoted: bool) -> None:
        mark = '"' if quoted else ""
        header = ", ".join(f"{name}={mark}{value}{mark}" for name, value in given.items())
        self.feed(GET + b"Authorization: Digest " + header.encode("utf-8", "surrogatepass") + b"\r\n\r\n")

    @settings(deadline=None, max_examples=400)
    @given(st.data())
    def test_one_byte_of_a_good_request_is_another(self, data: st.DataObject) -> None:
        """An accepted mutation has the same request and credentials: only bytes that they do not cover may differ."""
        ours = Authenticator(USER, cnonce=counter("c"), basic_allowed=False)
        ours.challenged(Visitor(self.reactor).ask().all("www-authenticate"))
        header = str(ours.authorization("GET", "/one")).encode()
        at = data.draw(st.integers(0, len(header) - 1))
        other = data.draw(st.integers(0, 255).filter(lambda byte: byte != header[at]))
        changed = header[:at] + bytes([other]) + header[at + 1 :]
        visitor = Visitor(self.reactor)
        answer = visitor.send(GET + b"Authorization: " + changed + b"\r\n\r\n")
        visitor.leave()
        if answer.startswith(b"HTTP/1.1 200"):
            said, meant = parse_credentials(changed.lower()), parse_credentials(header.lower())
            self.assertEqual(said, meant, "only the case of a letter may differ, or how it is written")
        self.agent.came.clear()
        self.assertEqual(self.flushLoggedErrors(), [])
