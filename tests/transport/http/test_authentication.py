"""Authentication: 401 at any point of a session."""

from __future__ import annotations

import base64
import hashlib
import re

from twisted.internet.defer import Deferred

from cwmpagent.errors import AuthenticationError
from tests.transport.http.scripted import OK, Request, ScriptedCase, answer, close, connections, then_close

BASIC = 'WWW-Authenticate: Basic realm="acs"'


def digest(nonce: str, *more: str) -> bytes:
    """A 401 with a Digest challenge."""
    challenge = ", ".join(['WWW-Authenticate: Digest realm="acs"', f'nonce="{nonce}"', 'qop="auth,auth-int"', *more])
    return answer(401, b"<html>who?</html>", challenge)


def given(request: Request) -> dict[str, str]:
    """The parameters of the Authorization header."""
    return {
        name: plain or quoted
        for name, quoted, plain in re.findall(r'(\w+)=(?:"([^"]*)"|([^",]+))', request["Authorization"] or "")
    }


def md5(text: str) -> str:
    return hashlib.md5(text.encode()).hexdigest()


class Authentication(ScriptedCase):
    def assertGood(self, request: Request, nonce: str, count: int) -> None:
        """Check the request's Digest response (RFC 2617 section 3.2.2)."""
        said = given(request)
        self.assertEqual((said["nonce"], said["nc"], said["username"]), (nonce, f"{count:08x}", "cpe"))
        target = request.line.split()[1]
        self.assertEqual(said["uri"], target)
        expected = md5(f"{md5('cpe:acs:s3cret')}:{nonce}:{said['nc']}:{said['cnonce']}:auth:{md5('POST:' + target)}")
        self.assertEqual(said["response"], expected)

    async def test_digest(self) -> None:
        server = self.serve(digest("n1"), OK, OK, OK)
        exchange = self.exchange(server)
        for body in (b"<inform/>", b"", b"<response/>"):
            self.assertEqual((await exchange.post(body)).status, 200)
        self.assertEqual(
            [request.body for request in server.requests], [b"<inform/>", b"<inform/>", b"", b"<response/>"]
        )
        self.assertEqual(connections(server), [1] * 4)
        for count, request in enumerate(server.requests[1:], 1):
            self.assertGood(request, "n1", count)

    async def test_stale_in_the_middle(self) -> None:
        server = self.serve(digest("n1"), OK, digest("n2", "stale=true"), OK, OK)
        exchange = self.exchange(server)
        for body in (b"1", b"2", b"3"):
            self.assertEqual((await exchange.post(body)).status, 200)
        self.assertGood(server.requests[3], "n2", 1)
        self.assertGood(server.requests[4], "n2", 2)

    async def test_first_challenge_in_the_middle(self) -> None:
        server = self.serve(OK, OK, digest("n1"), OK)
        exchange = self.exchange(server)
        for body in (b"1", b"2", b"3"):
            self.assertEqual((await exchange.post(body)).status, 200)
        self.assertGood(server.requests[3], "n1", 1)

    async def test_a_new_nonce_for_each_connection(self) -> None:
        """Nonces of an ACS belong to the TCP connection: a new challenge without stale, and the session continues."""
        server = self.serve(
            digest("n1"),
            answer(200, b"", "Connection: close"),
            digest("n2"),
            answer(200, b"", "Connection: close"),
            digest("n3"),
            OK,
        )
        exchange = self.exchange(server)
        for body in (b"1", b"2", b"3"):
            self.assertEqual((await exchange.post(body)).status, 200)
        self.assertEqual(connections(server), [1, 1, 2, 2, 3, 3])
        self.assertGood(server.requests[5], "n3", 1)

    async def test_a_401_that_closes_the_connection(self) -> None:
        refusal = digest("n1").replace(b"\r\n", b"\r\nConnection: Close\r\n", 1)
        server = self.serve(then_close(refusal), OK)
        self.assertEqual((await self.exchange(server).post(b"x")).status, 200)
        self.assertEqual(connections(server), [1, 2])

    async def test_a_401_after_which_the_server_closes_without_saying_so(self) -> None:
        """The request that it has not seen does not count: the first count that it sees is 1."""
        for algorithm in ("MD5", "MD5-sess", "SHA-256", "SHA-256-sess"):
            server = self.serve(digest("n1", f"algorithm={algorithm}"), close, OK, OK)
            exchange = self.exchange(server)
            for body in (b"1", b"2"):
                self.assertEqual((await exchange.post(body)).status, 200)
            self.assertEqual(connections(server), [1, 1, 2, 2])
            lost, first, second = (given(request) for request in server.requests[1:])
            self.assertEqual([said["nc"] for said in (lost, first, second)], ["00000001", "00000001", "00000002"])
            self.assertNotEqual(lost["cnonce"], first["cnonce"])
            self.assertEqual(first["cnonce"], second["cnonce"])

    async def test_a_server_that_has_seen_the_lost_request(self) -> None:
        """It takes the count 1 for a replay and challenges again: that is no wrong password."""
        server = self.serve(digest("n1"), close, digest("n2"), OK)
        self.assertEqual((await self.exchange(server).post(b"x")).status, 200)
        self.assertGood(server.requests[3], "n2", 1)

    async def test_a_wrong_password_with_such_a_server(self) -> None:
        server = self.serve(digest("n1"), close, digest("n2"), digest("n3"), digest("n4"))
        error = await self.assertFailure(Deferred.fromCoroutine(self.exchange(server).post(b"x")), AuthenticationError)
        self.assertIn("the user name or password is refused", str(error))
        self.assertEqual(len(server.requests), 4)

    async def test_a_new_cnonce_for_each_connection(self) -> None:
        server = self.serve(
            digest("n1", "algorithm=MD5"),
            OK,
            answer(200, b"", "Connection: close"),
            OK,
            then_close(answer(200, b"", "Connection: close")),
            OK,
        )
        exchange = self.exchange(server)
        for body in (b"1", b"2", b"3", b"4", b"5"):
            await exchange.post(body)
        self.assertEqual(connections(server), [1, 1, 1, 2, 2, 3])
        said = [given(request) for request in server.requests[1:]]
        self.assertEqual([one["cnonce"] for one in said], ["cnonce1", "cnonce1", "cnonce2", "cnonce2", "cnonce3"])
        for count, request in enumerate(server.requests[1:], 1):
            self.assertGood(request, "n1", count)

    async def test_a_nonce_that_the_server_names_before_it_closes(self) -> None:
        server = self.serve(digest("n1"), answer(200, b"", 'Authentication-Info: nextnonce="n2"'), close, OK)
        exchange = self.exchange(server)
        await exchange.post(b"1")
        await exchange.post(b"2")
        self.assertGood(server.requests[3], "n2", 1)

    async def test_a_repeated_post_has_a_new_count(self) -> None:
        server = self.serve(digest("n1"), OK, close, OK)
        exchange = self.exchange(server)
        await exchange.post(b"1")
        await exchange.post(b"2")
        self.assertEqual(
            [given(request)["nc"] for request in server.requests[1:]], ["00000001", "00000002", "00000003"]
        )

    async def test_next_nonce(self) -> None:
        server = self.serve(digest("n1"), answer(200, b"", 'Authentication-Info: nextnonce="n2"'), OK)
        exchange = self.exchange(server)
        await exchange.post(b"1")
        await exchange.post(b"2")
        self.assertGood(server.requests[2], "n2", 1)

    async def test_wrong_password_is_no_loop(self) -> None:
        for script in ([digest("n1"), digest("n2"), digest("n3")], [answer(401, b"", BASIC)] * 5, [digest("n")] * 5):
            server = self.serve(*script)
            error = await self.assertFailure(
                Deferred.fromCoroutine(self.exchange(server).post(b"x")), AuthenticationError
            )
            self.assertEqual(len(server.requests), 2)
            self.assertIn(f"127.0.0.1:{server.port}: the user name or password is refused", str(error))
            self.assertNotIn("s3cret", str(error))

    async def test_stale_for_ever_is_no_loop(self) -> None:
        server = self.serve(*(digest(f"n{number}", "stale=true") for number in range(50)))
        await self.assertFailure(Deferred.fromCoroutine(self.exchange(server).post(b"x")), AuthenticationError)
        self.assertLess(len(server.requests), 10)

    async def test_basic_over_http_is_warned_of_once(self) -> None:
        server = self.serve(answer(401, b"", BASIC), OK, OK, answer(401, b"", BASIC), OK)
        client = self.client()
        exchange = self.exchange(server, client)
        await exchange.post(b"1")
        await exchange.post(b"2")
        await self.exchange(server, client).post(b"3")
        sent = "Basic " + base64.b64encode(b"cpe:s3cret").decode()
        self.assertEqual([request["Authorization"] for request in server.requests], [None, sent, sent, None, sent])
        [warning] = self.warnings
        self.assertIn(f"127.0.0.1:{server.port}", warning)
        self.assertNotIn("s3cret", warning)

    async def test_digest_is_no_reason_for_a_warning(self) -> None:
        await self.exchange(self.serve(answer(401, b"", BASIC, digest("n").split(b"\r\n")[1].decode()), OK)).post(b"1")
        self.assertEqual(self.warnings, [])

    async def test_nothing_usable(self) -> None:
        for refusal in (
            answer(401),
            answer(401, b"", "WWW-Authenticate: Negotiate"),
            answer(401, b"", "WWW-Authenticate: ,,=\x80"),
        ):
            server = self.serve(refusal)
            await self.assertFailure(Deferred.fromCoroutine(self.exchange(server).post(b"x")), AuthenticationError)
            self.assertEqual(len(server.requests), 1)

    async def test_no_credentials_are_set(self) -> None:
        server = self.serve(digest("n"))
        failing = Deferred.fromCoroutine(self.exchange(server, user="", password="").post(b"x"))
        error = await self.assertFailure(failing, AuthenticationError)
        self.assertIn("none is configured", str(error))

    async def test_the_body_of_a_401_does_not_matter(self) -> None:
        refusal = answer(401, b"not brotli", digest("n").split(b"\r\n")[1].decode(), "Content-Encoding: br")
        self.assertEqual((await self.exchange(self.serve(refusal, OK)).post(b"x")).status, 200)

    async def test_secrets_stay_out_of_reprs(self) -> None:
        exchange = self.exchange(self.serve())
        self.assertNotIn("s3cret", repr(exchange) + repr(vars(exchange)))
