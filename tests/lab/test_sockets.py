"""Tests of the lab over real sockets on loopback: treq as the CPE, TLS with a private CA, connection requests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import treq
from twisted.internet import defer, reactor
from twisted.internet.ssl import Certificate, CertificateOptions, PrivateCertificate, optionsForClientTLS
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import TestCase
from twisted.web.client import (
    Agent,
    BrowserLikePolicyForHTTPS,
    HTTPConnectionPool,
    ResponseFailed,
    ResponseNeverReceived,
)
from twisted.web.http_headers import Headers
from twisted.web.iweb import IPolicyForHTTPS
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Site
from zope.interface import implementer

from cwmpagent.lab.acs import LabAcs
from cwmpagent.lab.acs.connection_request import http
from cwmpagent.lab.acs.connection_request.errors import UnreachableError
from cwmpagent.lab.acs.misbehaviour import Chunked, Delay, Drip, Drop, Gzip, Huge, Truncate
from cwmpagent.lab.certificates import certificates
from cwmpagent.protocol.auth import Authenticator, Credentials, DigestServer, DigestVerdict
from cwmpagent.protocol.rpc import GetParameterValues, GetParameterValuesResponse, InformResponse
from cwmpagent.protocol.soap import Envelope, decode, encode
from tests.lab.cpe import DEVICE, inform, parsed, raw, request, string

INFORM = encode(Envelope(body=inform(), id="1"))
URL = "Device.ManagementServer.ConnectionRequestURL"


class SocketCase(TestCase):
    def listen(self, factory: Any, options: CertificateOptions | None = None) -> int:
        """Listen; return the port number."""
        if options is None:
            port = reactor.listenTCP(0, factory, interface="127.0.0.1")
        else:
            port = reactor.listenSSL(0, factory, options, interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        return int(port.getHost().port)

    def lab(self, **options: Any) -> LabAcs:
        lab = LabAcs(reactor, **options)
        self.addCleanup(lab.close)
        return lab


class TreqCpe:
    """A CPE made of treq, with one connection, cookies and Digest."""

    def __init__(self, test: TestCase, url: str, credentials: Credentials | None = None, policy: Any = None) -> None:
        self.url = url
        pool = HTTPConnectionPool(reactor)
        test.addCleanup(pool.closeCachedConnections)
        policy = policy or BrowserLikePolicyForHTTPS()
        self.http = treq.client.HTTPClient(Agent(reactor, contextFactory=policy, pool=pool))
        self.authenticator = (
            Authenticator(credentials, cnonce=lambda: "c", basic_allowed=False) if credentials else None
        )
        self.cookies: dict[str, str] = {}

    async def post(self, body: bytes = b"") -> tuple[int, bytes]:
        headers = {"Content-Type": "text/xml", "SOAPAction": ""} if body else {}
        while True:
            if self.authenticator and (authorization := self.authenticator.authorization("POST", "/", body)):
                headers["Authorization"] = authorization
            response = await self.http.post(self.url, data=body, headers=headers, cookies=self.cookies)
            content = await response.content()
            self.cookies |= {cookie.name: cookie.value or "" for cookie in response.cookies()}
            if response.code != 401 or self.authenticator is None:
                return response.code, content
            if not self.authenticator.challenged(response.headers.getRawHeaders(b"WWW-Authenticate") or []):
                return response.code, content


class Treq(SocketCase):
    async def test_a_session_with_digest(self) -> None:
        lab = self.lab(auth="digest", password="secret", algorithms=("SHA-256", "MD5"))
        cpe = TreqCpe(self, f"http://127.0.0.1:{self.listen(lab.site())}/", Credentials("cpe", "secret"))
        done = lab.queue(DEVICE, GetParameterValues(("Device.",)))
        status, body = await cpe.post(INFORM)
        self.assertEqual((status, decode(body).body), (200, InformResponse()))
        ended = lab.wait_for_session(DEVICE)
        _, body = await cpe.post()
        asked = decode(body)
        told = GetParameterValuesResponse((string("Device.A", "1"),))
        status, body = await cpe.post(encode(Envelope(body=told, id=asked.id)))
        self.assertEqual((status, body), (204, b""))
        self.assertEqual(await done, told)
        self.assertEqual((await ended).ended, "complete")
        self.assertEqual((await ended).violations, [])

    async def test_several_sessions_on_one_connection(self) -> None:
        lab = self.lab()
        cpe = TreqCpe(self, f"http://127.0.0.1:{self.listen(lab.site())}/")
        for _ in range(3):
            cpe.cookies.clear()
            self.assertEqual((await cpe.post(INFORM))[0], 200)
            self.assertEqual((await cpe.post())[0], 204)
        self.assertEqual(len({trace.peer for trace in lab.sessions}), 1)


@implementer(IPolicyForHTTPS)
class ClientPolicy:
    """A TLS policy that trusts one CA and may present a client certificate."""

    def __init__(self, ca: Path, pem: bytes | None) -> None:
        self._ca = Certificate.loadPEM(ca.read_bytes())
        self._client = PrivateCertificate.loadPEM(pem) if pem else None

    def creatorForNetloc(self, hostname: bytes, port: int) -> Any:
        return optionsForClientTLS(hostname.decode(), trustRoot=self._ca, clientCertificate=self._client)


class Tls(SocketCase):
    def setUp(self) -> None:
        self.made = certificates(Path(self.mktemp()))

    async def test_private_ca_and_client_certificate(self) -> None:
        lab = self.lab()
        port = self.listen(lab.site(), self.made.server_options(require_client=True))
        pem = self.made.client_certificate.read_bytes() + self.made.client_key.read_bytes()
        for host in ("localhost", "127.0.0.1"):
            cpe = TreqCpe(self, f"https://{host}:{port}/", policy=ClientPolicy(self.made.ca, pem))
            self.assertEqual((await cpe.post(INFORM))[0], 200)
            self.assertEqual((await cpe.post())[0], 204)
            self.assertEqual(lab.sessions[-1].certificate, "CN=cwmplab client")

    async def test_without_the_client_certificate(self) -> None:
        lab = self.lab()
        port = self.listen(lab.site(), self.made.server_options(require_client=True))
        cpe = TreqCpe(self, f"https://localhost:{port}/", policy=ClientPolicy(self.made.ca, None))
        with self.assertRaises((ResponseFailed, ResponseNeverReceived)):
            await cpe.post(INFORM)
        self.assertEqual(len(lab.sessions), 0)

    async def test_none_is_asked_for(self) -> None:
        lab = self.lab()
        port = self.listen(lab.site(), self.made.server_options())
        cpe = TreqCpe(self, f"https://localhost:{port}/", policy=ClientPolicy(self.made.ca, None))
        self.assertEqual((await cpe.post(INFORM))[0], 200)
        self.assertEqual(lab.sessions[-1].certificate, "")


class Wires(SocketCase):
    """Misbehaviours that need a real socket."""

    async def test_bad_endings(self) -> None:
        lab = self.lab()
        port = self.listen(lab.site())
        for misbehaviour, expected in (
            (Drop(), 0),
            (Drop(processed=True), 0),
            (Drop(reset=True), 0),
            (Truncate(20), 20),
        ):
            lab.misbehave(misbehaviour)
            received = await raw(reactor, port, request(INFORM))
            self.assertEqual(len(received.partition(b"\r\n\r\n")[2]), expected, misbehaviour)

    async def test_good_endings(self) -> None:
        lab = self.lab()
        port = self.listen(lab.site())
        for misbehaviour in (Delay(0.05), Drip(200, 0.01), Chunked(), Huge(3_000_000)):
            lab.misbehave(misbehaviour)
            received = await raw(reactor, port, request(INFORM, headers={"Connection": "close"}))
            self.assertEqual(parsed(received).message, InformResponse(), misbehaviour)
        self.assertGreater(len(received), 3_000_000)

    async def test_huge_with_gzip_over_tls(self) -> None:
        lab = self.lab()
        made = certificates(Path(self.mktemp()))
        port = self.listen(lab.site(), made.server_options())
        lab.misbehave(Huge(20_000_000), Gzip())
        cpe = TreqCpe(self, f"https://localhost:{port}/", policy=ClientPolicy(made.ca, None))
        status, body = await cpe.post(INFORM)
        self.assertEqual((status, decode(body.rstrip()).body), (200, InformResponse()))
        self.assertGreater(len(body), 20_000_000)

    async def test_a_cpe_that_leaves_in_the_middle_of_a_huge_answer(self) -> None:
        lab = self.lab(session_timeout=0.05)
        lab.misbehave(Huge(300_000_000))
        pool = HTTPConnectionPool(reactor, persistent=False)
        broken = lab.wait_for_session(ended="broken")
        response = await treq.post(
            f"http://127.0.0.1:{self.listen(lab.site())}/",
            data=INFORM,
            agent=Agent(reactor, pool=pool),
            unbuffered=True,
        )
        response.original.deliverBody(_Leave())
        self.assertIn("no POST within", (await broken).reason)


class _Leave(StringTransport):
    """Close the connection at the first bytes of a body."""

    def makeConnection(self, transport: Any) -> None:
        self.body = transport

    def dataReceived(self, data: bytes) -> None:
        self.body.abortConnection()

    def connectionLost(self, reason: Failure) -> None:
        """Do nothing."""


class _Device(Resource):
    """A device's ConnectionRequest server with Digest; ``misdeed`` selects a wrong behaviour."""

    isLeaf = True

    def __init__(self, misdeed: str = "") -> None:
        super().__init__()
        self.asked: list[DigestVerdict] = []
        self.uris: list[bytes] = []
        self.headers: list[Headers] = []
        self.misdeed = misdeed
        self.server = DigestServer("cpe", nonce=lambda: "0123456789abcdef")

    def render_GET(self, request: Any) -> Any:
        self.uris.append(request.uri)
        if self.misdeed == "basic":
            request.setResponseCode(401)
            request.setHeader("WWW-Authenticate", 'Basic realm="x"')
            return b""
        if self.misdeed == "endless":
            request.write(b"x" * 100_000)
            return NOT_DONE_YET
        if self.misdeed == "reset":
            request.transport.abortConnection()
            return NOT_DONE_YET
        if self.misdeed == "silent":
            return NOT_DONE_YET
        if self.misdeed == "unfinished":
            request.write(b"x")
            return NOT_DONE_YET
        if self.misdeed == "gzip":
            request.setHeader("Content-Encoding", "gzip")
            return b"not gzip"
        if self.misdeed == "redirect":
            request.redirect(b"/other")
            return b""
        request.addCookie("a", "b")
        self.headers.append(request.requestHeaders)
        verdict = self.server.check(
            request.getHeader("Authorization"),
            method="GET",
            uri=request.uri.decode(),
            password_of={"acs": "hush"}.get,
            now=0.0,
        )
        self.asked.append(verdict)
        if verdict is not DigestVerdict.ACCEPTED:
            request.setResponseCode(401)
            for challenge in self.server.challenges(0.0):
                request.responseHeaders.addRawHeader("WWW-Authenticate", challenge)
        elif self.misdeed == "busy":
            request.setResponseCode(503)
        return b""


class ConnectionRequests(SocketCase):
    def device(self, misdeed: str = "", **options: Any) -> tuple[LabAcs, _Device]:
        device = _Device(misdeed)
        site = Site(device)
        port = self.listen(site)
        lab = self.lab(connection_request=Credentials("acs", options.get("password", "hush")))
        url = options.get("url", f"http://127.0.0.1:{port}/a?b=c")
        lab.devices.informed(inform(parameters={URL: url} if url else {}), lab.wall())
        return lab, device

    async def test_accepted(self) -> None:
        lab, device = self.device()
        self.assertEqual(await lab.connection_request(DEVICE), 200)
        self.assertEqual(device.asked, [DigestVerdict.MISSING, DigestVerdict.ACCEPTED])
        self.assertEqual(device.uris, [b"/a?b=c"] * 2)
        self.assertFalse(lab.devices[DEVICE].unreachable)

    async def test_busy(self) -> None:
        lab, _ = self.device("busy")
        self.assertEqual(await lab.connection_request(DEVICE), 503)

    async def test_wrong_password(self) -> None:
        lab, device = self.device(password="guess")
        self.assertEqual(await lab.connection_request(DEVICE), 401)
        self.assertEqual(len(device.asked), 2)

    async def test_basic_is_never_answered(self) -> None:
        lab, device = self.device("basic")
        self.assertEqual(await lab.connection_request(DEVICE), 401)
        self.assertEqual(len(device.uris), 1)

    async def test_a_body_without_end(self) -> None:
        lab, _ = self.device("endless")
        self.assertEqual(await lab.connection_request(DEVICE), 200)

    async def test_no_answer_in_time(self) -> None:
        self.patch(http, "SECONDS", 0.1)
        for misdeed in ("silent", "unfinished"):
            lab, _ = self.device(misdeed)
            with self.assertRaises(UnreachableError) as caught:
                await lab.connection_request(DEVICE)
            self.assertEqual(str(caught.exception), "no answer within 0.1 s", misdeed)

    async def test_an_encoded_body_is_not_decoded(self) -> None:
        lab, _ = self.device("gzip")
        self.assertEqual(await lab.connection_request(DEVICE), 200)

    async def test_no_redirect_is_followed(self) -> None:
        lab, device = self.device("redirect")
        self.assertEqual(await lab.connection_request(DEVICE), 302)
        self.assertEqual(device.uris, [b"/a?b=c"])

    async def test_headers(self) -> None:
        lab, device = self.device()
        await lab.connection_request(DEVICE)
        for headers in device.headers:
            names = {name.lower() for name, _ in headers.getAllRawHeaders()} - {b"authorization"}
            self.assertEqual(names, {b"host", b"connection"})

    async def test_the_url_is_sent_as_it_is(self) -> None:
        for path in ("/a|b%7c/../{c}?d=%20'^", "//x/?", "/a;b=c?&&"):
            device = _Device()
            url = f"http://127.0.0.1:{self.listen(Site(device))}{path}"
            lab, _ = self.device(url=url)
            self.assertEqual(await lab.connection_request(DEVICE), 200, path)
            self.assertEqual(device.uris, [path.rstrip("?").encode()] * 2)

    async def test_reset(self) -> None:
        lab, _ = self.device("reset")
        with self.assertRaises(UnreachableError):
            await lab.connection_request(DEVICE)
        self.assertTrue(lab.devices[DEVICE].unreachable)
        self.assertFalse(lab.devices[DEVICE].online(lab.wall()))

    async def test_nobody_listens(self) -> None:
        port = reactor.listenTCP(0, Site(Resource()), interface="127.0.0.1")
        number = port.getHost().port
        await defer.maybeDeferred(port.stopListening)
        lab, _ = self.device(url=f"http://127.0.0.1:{number}/")
        with self.assertRaises(UnreachableError) as caught:
            await lab.connection_request(DEVICE)
        self.assertIn("no connection", str(caught.exception))

    async def test_urls_that_are_none(self) -> None:
        for url in (
            "",
            "nonsense",
            "https://127.0.0.1/",
            "ftp://127.0.0.1/",
            "http://",
            "http://127.0.0.1:99999999/",
            "http://127.0.0.1:x/",
            "http://[::1/",
            "http://a b/",
            "http://\u00fc/",
            "http://127.0.0.1/\r\nX: y",
        ):
            lab, device = self.device(url=url)
            with self.assertRaises(UnreachableError, msg=url):
                await lab.connection_request(DEVICE)
            self.assertEqual(device.uris, [], url)

    async def test_no_credentials(self) -> None:
        lab = self.lab()
        lab.devices.informed(inform(parameters={URL: "http://127.0.0.1:1/"}), lab.wall())
        with self.assertRaises(UnreachableError) as caught:
            await lab.connection_request(DEVICE)
        self.assertIn("ConnectionRequestPassword", str(caught.exception))

    async def test_unknown_device(self) -> None:
        with self.assertRaises(KeyError):
            await self.lab().connection_request("nobody")
