"""Connection of a session: reused, closed by the ACS, broken, cancelled."""

from __future__ import annotations

from twisted.internet import reactor
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import deferLater

from cwmpagent.errors import MisuseError, TransportError
from tests.transport.http.scripted import (
    OK,
    Connection,
    ScriptedCase,
    answer,
    close,
    connections,
    reset,
    silence,
    then_close,
)


class Posting(ScriptedCase):
    """Request and response of one POST."""

    async def test_envelope(self) -> None:
        server = self.serve(answer(200, "<ü/>".encode(), 'Content-Type: text/xml; charset="UTF-8"'))
        reply = await self.exchange(server).post(b"<inform/>")
        self.assertEqual((reply.status, reply.body, reply.charset), (200, "<ü/>".encode(), "UTF-8"))
        [request] = server.requests
        self.assertEqual(request.line, "POST /acs HTTP/1.1")
        self.assertEqual(request.body, b"<inform/>")
        self.assertIn(("SOAPAction", ""), request.fields)
        self.assertEqual(request["Content-Type"], 'text/xml; charset="utf-8"')
        self.assertEqual(request["Content-Length"], "9")
        self.assertEqual(request["Host"], f"127.0.0.1:{server.port}")
        self.assertEqual(request["Accept-Encoding"], "gzip, deflate")
        for absent in ("Expect", "Transfer-Encoding", "Connection", "Authorization", "Cookie"):
            self.assertIsNone(request[absent], absent)

    async def test_empty(self) -> None:
        server = self.serve(answer(204, length=False))
        reply = await self.exchange(server).post(b"")
        self.assertEqual((reply.status, reply.body, reply.charset), (204, b"", None))
        [request] = server.requests
        self.assertEqual(request["Content-Length"], "0")
        self.assertIsNone(request["SOAPAction"])
        self.assertIsNone(request["Content-Type"])

    async def test_each_status_is_handed_up(self) -> None:
        for status in (200, 204, 303, 400, 404, 500, 503):
            server = self.serve(answer(status, b"" if status == 204 else b"why"))
            reply = await self.exchange(server).post(b"x")
            self.assertEqual(reply.status, status)

    async def test_a_large_request_arrives_whole(self) -> None:
        server = self.serve(OK, OK)
        exchange = self.exchange(server)
        body = bytes(range(256)) * 20_000
        await exchange.post(body)
        await exchange.post(b"small")
        self.assertEqual([request.body for request in server.requests], [body, b"small"])
        self.assertEqual(connections(server), [1, 1])

    async def test_path_and_query(self) -> None:
        server = self.serve()
        await self.exchange(f"http://127.0.0.1:{server.port}/a/b c?x=1&y=%20#part").post(b"x")
        self.assertEqual(server.requests[0].line, "POST /a/b%20c?x=1&y=%20 HTTP/1.1")

    async def test_unusable_urls(self) -> None:
        for url in (
            "",
            "ftp://h/",
            "http://",
            "http://u:s3cret@h/",
            "http://h:99999/",
            "http://[::1/",
            "http://a b/",
            "x",
        ):
            error = await self.assertFailure(Deferred.fromCoroutine(self.exchange(url).post(b"")), TransportError)
            self.assertNotIn("s3cret", str(error))

    async def test_one_post_at_a_time_and_none_after_close(self) -> None:
        server = self.serve(silence)
        exchange = self.exchange(server)
        first = Deferred.fromCoroutine(exchange.post(b"x"))
        await server.asked(1)
        await self.assertFailure(Deferred.fromCoroutine(exchange.post(b"y")), MisuseError)
        first.cancel()
        await self.assertFailure(first, CancelledError)
        await exchange.close()
        await self.assertFailure(Deferred.fromCoroutine(exchange.post(b"y")), MisuseError)


class OneConnection(ScriptedCase):
    """One connection carries the session as long as the ACS keeps it open."""

    async def test_kept(self) -> None:
        server = self.serve(
            OK,
            answer(401, b"x" * 70_000, 'WWW-Authenticate: Digest realm="r", nonce="n", qop="auth"'),
            OK,
            answer(307, b"y" * 70_000, "Location: /other"),
            OK,
            answer(204, length=False),
        )
        exchange = self.exchange(server)
        for _ in range(4):
            await exchange.post(b"<x/>")
        self.assertEqual(connections(server), [1] * 6)

    async def test_the_acs_ends_it_with_its_answer(self) -> None:
        for field in ("Connection: close", "connection:CLOSE", "Connection: foo, Close"):
            server = self.serve(answer(200, b"", field, "Set-Cookie: s=1"), OK)
            exchange = self.exchange(server)
            await exchange.post(b"1")
            await exchange.post(b"2")
            self.assertEqual(connections(server), [1, 2], field)
            self.assertEqual(server.requests[1]["Cookie"], "s=1")
            self.assertEqual(server.most_open, 1)

    async def test_http_1_0_ends_it_unless_it_says_otherwise(self) -> None:
        server = self.serve(
            answer(200, b"a", version="1.0"),
            answer(200, b"b", "Connection: Keep-Alive", version="1.0"),
            then_close(answer(200, b"c", version="1.0", length=False)),
        )
        exchange = self.exchange(server)
        bodies = [(await exchange.post(b"x")).body for _ in range(3)]
        self.assertEqual(bodies, [b"a", b"b", b"c"])
        self.assertEqual(connections(server), [1, 2, 2])

    async def test_the_end_of_the_connection_ends_the_body(self) -> None:
        server = self.serve(then_close(answer(200, b"<whole/>", length=False)), OK)
        exchange = self.exchange(server)
        self.assertEqual((await exchange.post(b"x")).body, b"<whole/>")
        await exchange.post(b"y")
        self.assertEqual(connections(server), [1, 2])

    async def test_closed_silently_between_messages(self) -> None:
        server = self.serve(then_close(answer(200, b"", "Set-Cookie: s=1")), OK)
        exchange = self.exchange(server)
        await exchange.post(b"1")
        await server.connections[0].gone
        await exchange.post(b"2")
        self.assertEqual(connections(server), [1, 2])
        self.assertEqual(server.requests[1]["Cookie"], "s=1")

    async def test_unasked_bytes_are_never_an_answer(self) -> None:
        server = self.serve(OK, OK)
        exchange = self.exchange(server)
        await exchange.post(b"1")
        server.connections[0].transport.write(answer(200, b"<forged/>"))
        await server.connections[0].gone
        self.assertEqual((await exchange.post(b"2")).body, b"<ok/>")
        self.assertEqual(connections(server), [1, 2])

    async def test_an_answer_before_the_request_is_through_ends_the_connection(self) -> None:
        early = self.serve(OK)

        def answer_at_once(connection: Connection) -> None:
            connection.transport.pauseProducing()
            connection.transport.write(answer(200, b"early"))

        made = early.buildProtocol

        def build(addr: object) -> Connection:
            connection = made(addr)
            if not early.connections:
                was = connection.connectionMade
                connection.connectionMade = lambda: (was(), answer_at_once(connection))
            return connection

        early.buildProtocol = build
        exchange = self.exchange(early)
        reply = await exchange.post(b"x" * 30_000_000)
        self.assertEqual(reply.body, b"early")
        await exchange.post(b"next")
        self.assertEqual(connections(early), [2])


class Repeating(ScriptedCase):
    """A reused connection ends before the first byte of the response: the POST is repeated once."""

    async def test_repeated_once_with_the_cookies(self) -> None:
        for end in (close, reset):
            server = self.serve(answer(200, b"", "Set-Cookie: s=1"), end, OK)
            exchange = self.exchange(server)
            await exchange.post(b"1")
            self.assertEqual((await exchange.post(b"2")).body, b"<ok/>")
            self.assertEqual([request.body for request in server.requests], [b"1", b"2", b"2"])
            self.assertEqual(connections(server), [1, 1, 2])
            self.assertEqual(server.requests[2]["Cookie"], "s=1")
            self.assertEqual(server.most_open, 1)

    async def test_not_twice(self) -> None:
        server = self.serve(OK, close, close, OK)
        exchange = self.exchange(server)
        await exchange.post(b"1")
        error = await self.assertFailure(Deferred.fromCoroutine(exchange.post(b"2")), TransportError)
        self.assertIn(f"127.0.0.1:{server.port}", str(error))
        self.assertEqual(len(server.requests), 3)

    async def test_not_twice_when_a_401_comes_between(self) -> None:
        challenge = 'WWW-Authenticate: Digest realm="r", nonce="n{}", qop="auth"'
        server = self.serve(OK, close, answer(401, b"", challenge.format(1)), close, OK)
        exchange = self.exchange(server)
        await exchange.post(b"1")
        await self.assertFailure(Deferred.fromCoroutine(exchange.post(b"2")), TransportError)
        self.assertEqual(len(server.requests), 4)

    async def test_each_post_may_be_repeated(self) -> None:
        server = self.serve(OK, close, OK, close, OK)
        exchange = self.exchange(server)
        for body in (b"1", b"2", b"3"):
            await exchange.post(body)
        self.assertEqual([request.body for request in server.requests], [b"1", b"2", b"2", b"3", b"3"])

    async def test_never_on_a_fresh_connection(self) -> None:
        for end in (close, reset):
            server = self.serve(end, OK)
            await self.assertFailure(Deferred.fromCoroutine(self.exchange(server).post(b"1")), TransportError)
            self.assertEqual(len(server.requests), 1)

    async def test_never_after_the_first_byte(self) -> None:
        for end in (then_close(b"H"), then_close(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf")):
            server = self.serve(OK, end, OK)
            exchange = self.exchange(server)
            await exchange.post(b"1")
            await self.assertFailure(Deferred.fromCoroutine(exchange.post(b"2")), TransportError)
            self.assertEqual(len(server.requests), 2)


class Broken(ScriptedCase):
    """Every malformed response results in one TransportError of one line with host and port."""

    async def test_no_http(self) -> None:
        for data in (
            b"SSH-2.0-OpenSSH_9.2\r\n",
            b"HTTP/1.1\r\n\r\n",
            b"HTTP/1.1 two hundred\r\n\r\n",
            b"HTTP/x.y 200 OK\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
            b"HTTP/1.1 200 OK\r\n continued\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: 1, 2\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: rot13\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
            b"HTTP/1.1 200 OK\r\nX: " + b"y" * 20_000 + b"\r\n\r\n",
            b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 20_000,
            b"HTTP/1.1 100 Continue\r\n\r\n" * 50,
            b"\x00" * 1000,
        ):
            server = self.serve(data)
            error = await self.assertFailure(Deferred.fromCoroutine(self.exchange(server).post(b"x")), TransportError)
            self.assertTrue(str(error).startswith(f"127.0.0.1:{server.port}: "), str(error))
            self.assertNotIn("\n", str(error))
            await server.connections[0].gone

    async def test_a_short_body(self) -> None:
        server = self.serve(then_close(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"))
        error = await self.assertFailure(Deferred.fromCoroutine(self.exchange(server).post(b"x")), TransportError)
        self.assertIn("closed before the response was complete", str(error))

    async def test_interim_answers_are_passed_over(self) -> None:
        server = self.serve(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Wait\r\nX: y\r\n\r\n" + OK, OK)
        exchange = self.exchange(server)
        self.assertEqual((await exchange.post(b"x")).body, b"<ok/>")
        await exchange.post(b"y")
        self.assertEqual(connections(server), [1, 1])

    async def test_an_answer_byte_by_byte(self) -> None:
        async def drop(connection: Connection) -> None:
            for byte in answer(200, b"<slow/>", "Connection: Close"):
                connection.transport.write(bytes([byte]))
                await deferLater(reactor, 0, lambda: None)

        server = self.serve(lambda connection: Deferred.fromCoroutine(drop(connection)))
        self.assertEqual((await self.exchange(server).post(b"x")).body, b"<slow/>")

    async def test_nobody_listens(self) -> None:
        server = self.serve()
        port = server.port
        await server.listening.stopListening()
        error = await self.assertFailure(
            Deferred.fromCoroutine(self.exchange(f"http://127.0.0.1:{port}/").post(b"x")), TransportError
        )
        self.assertEqual(str(error), f"127.0.0.1:{port}: cannot be reached: Connection refused")


class Ending(ScriptedCase):
    """Closing and cancelling leave nothing open; trial itself fails on a dirty reactor."""

    async def test_close_ends_the_connection(self) -> None:
        server = self.serve()
        exchange = self.exchange(server)
        await exchange.post(b"x")
        await exchange.close()
        await server.connections[0].gone
        await exchange.close()

    async def test_close_before_anything(self) -> None:
        await self.exchange("http://127.0.0.1:1/").close()

    async def test_cancelling_aborts_the_connection(self) -> None:
        for step in (
            silence,
            lambda connection: connection.transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"),
        ):
            server = self.serve(OK, step)
            exchange = self.exchange(server)
            await exchange.post(b"x")
            waiting = Deferred.fromCoroutine(exchange.post(b"y"))
            await server.asked(2)
            await deferLater(reactor, 0.01, lambda: None)
            waiting.cancel()
            await self.assertFailure(waiting, CancelledError)
            await server.connections[0].gone
            await exchange.close()
            self.assertEqual(len(server.requests), 2)

    async def test_cancelling_while_it_connects(self) -> None:
        server = self.serve()
        waiting = Deferred.fromCoroutine(self.exchange(server).post(b"x"))
        waiting.cancel()
        await self.assertFailure(waiting, CancelledError)
        self.assertEqual(server.requests, [])

    async def test_closing_while_it_connects_ends_it(self) -> None:
        server = self.serve()
        exchange = self.exchange(server)
        waiting = Deferred.fromCoroutine(exchange.post(b"x"))
        await exchange.close()
        await self.assertFailure(waiting, TransportError)
        self.assertEqual(server.requests, [])

    async def test_closing_during_a_post_ends_it(self) -> None:
        server = self.serve(silence)
        exchange = self.exchange(server)
        waiting = Deferred.fromCoroutine(exchange.post(b"x"))
        await server.asked(1)
        await exchange.close()
        await self.assertFailure(waiting, TransportError)


class ManyDevices(ScriptedCase):
    """One client serves many devices and keeps their state apart."""

    async def test_connections_and_cookies_stay_apart(self) -> None:
        server = self.serve(*(answer(200, b"", f"Set-Cookie: device={number}") for number in range(5)))
        client = self.client()
        exchanges = [self.exchange(server, client) for _ in range(5)]
        for exchange in exchanges:
            await exchange.post(b"inform")
        for exchange in reversed(exchanges):
            await exchange.post(b"")
        self.assertEqual(connections(server), [1, 2, 3, 4, 5, 5, 4, 3, 2, 1])
        cookies = [request["Cookie"] for request in server.requests[5:]]
        self.assertEqual(cookies, [f"device={number}" for number in (4, 3, 2, 1, 0)])
