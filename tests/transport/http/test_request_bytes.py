"""The exact bytes of a request on the wire: line, header fields with their order and spelling, and body."""

from __future__ import annotations

import hashlib
from typing import Any

from tests.transport.http.scripted import OK, ScriptedCase, Server, Stepped, answer, close

ENVELOPE = "<envelope>ü</envelope>".encode()


class OnLoopback(Stepped):
    """A reactor that connects to 127.0.0.1 in place of any other address."""

    def connectTCP(self, host: str, *args: Any, **kwargs: Any) -> Any:
        return super().connectTCP("127.0.0.1", *args, **kwargs)


def md5(text: str) -> str:
    return hashlib.md5(text.encode()).hexdigest()


def request(server: Server, body: bytes, *fields: str, target: str = "/acs", host: str = "") -> bytes:
    """A POST: Content-Length, Host, ``fields`` and Accept-Encoding, in that order."""
    lines = (
        f"POST {target} HTTP/1.1",
        f"Content-Length: {len(body)}",
        f"Host: {host or f'127.0.0.1:{server.port}'}",
        *fields,
        "Accept-Encoding: gzip, deflate",
        "",
        "",
    )
    return "\r\n".join(lines).encode("ascii") + body


SOAP = ('Content-Type: text/xml; charset="utf-8"', "SOAPAction: ")


class RequestBytes(ScriptedCase):
    async def test_with_and_without_a_body(self) -> None:
        server = self.serve(OK, OK)
        exchange = self.exchange(server)
        await exchange.post(ENVELOPE)
        await exchange.post(b"")
        self.assertEqual(server.connections[0].received, request(server, ENVELOPE, *SOAP) + request(server, b""))

    async def test_digest_with_cookies_and_a_redirect(self) -> None:
        """All fields at once; a redirect keeps the method and the body and changes the target only."""
        server = self.serve(
            answer(
                401, b"", 'WWW-Authenticate: Digest realm="r", nonce="n", qop="auth", opaque="o"', "Set-Cookie: a=1"
            ),
            answer(307, b"", "Location: /deep/er?x=1", "Set-Cookie: b=2; Path=/deep"),
            OK,
            OK,
        )
        exchange = self.exchange(server)
        await exchange.post(ENVELOPE)
        await exchange.post(b"")

        def digest(count: int, target: str) -> str:
            response = md5(f"{md5('cpe:r:s3cret')}:n:{count:08}:cnonce1:auth:{md5('POST:' + target)}")
            return (
                'Authorization: Digest username="cpe", realm="r", opaque="o", qop=auth, cnonce="cnonce1", nonce="n", '
                f'uri="{target}", response="{response}", nc={count:08}'
            )

        deep = "/deep/er?x=1"
        both = "Cookie: b=2; a=1"
        self.assertEqual(
            bytes(server.connections[0].received),
            request(server, ENVELOPE, *SOAP)
            + request(server, ENVELOPE, *SOAP, "Cookie: a=1", digest(1, "/acs"))
            + request(server, ENVELOPE, *SOAP, both, digest(2, deep), target=deep)
            + request(server, b"", both, digest(3, deep), target=deep),
        )

    async def test_digest_over_the_body(self) -> None:
        server = self.serve(answer(401, b"", 'WWW-Authenticate: Digest realm="r", nonce="n", qop="auth-int"'), OK, OK)
        exchange = self.exchange(server)
        await exchange.post(ENVELOPE)
        await exchange.post(b"")

        def digest(count: int, body: bytes) -> str:
            request_hash = md5("POST:/acs:" + hashlib.md5(body).hexdigest())
            response = md5(f"{md5('cpe:r:s3cret')}:n:{count:08}:cnonce1:auth-int:{request_hash}")
            return (
                'Authorization: Digest username="cpe", realm="r", qop=auth-int, cnonce="cnonce1", nonce="n", '
                f'uri="/acs", response="{response}", nc={count:08}'
            )

        self.assertEqual(
            bytes(server.connections[0].received),
            request(server, ENVELOPE, *SOAP)
            + request(server, ENVELOPE, *SOAP, digest(1, ENVELOPE))
            + request(server, b"", digest(2, b"")),
        )

    async def test_basic(self) -> None:
        server = self.serve(answer(401, b"", 'WWW-Authenticate: Basic realm="r"'), OK)
        await self.exchange(server).post(ENVELOPE)
        self.assertEqual(
            bytes(server.connections[0].received),
            request(server, ENVELOPE, *SOAP)
            + request(server, ENVELOPE, *SOAP, "Authorization: Basic Y3BlOnMzY3JldA=="),
        )

    async def test_repeated_on_a_new_connection(self) -> None:
        server = self.serve(OK, close, OK)
        exchange = self.exchange(server)
        await exchange.post(ENVELOPE)
        await exchange.post(ENVELOPE)
        sent = request(server, ENVELOPE, *SOAP)
        self.assertEqual([bytes(connection.received) for connection in server.connections], [sent + sent, sent])

    async def test_ipv6(self) -> None:
        server = self.serve()
        client = self.client(OnLoopback())
        await self.exchange(f"http://[2001:db8::1]:{server.port}", client).post(ENVELOPE)
        self.assertEqual(
            bytes(server.connections[0].received),
            request(server, ENVELOPE, *SOAP, target="/", host=f"[2001:db8::1]:{server.port}"),
        )
