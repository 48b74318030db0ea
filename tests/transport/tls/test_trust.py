"""TLS: trusted certificates and validity dates."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

from OpenSSL import SSL
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.trial.unittest import SynchronousTestCase

from cwmpagent.errors import ConfigError, TransportError
from cwmpagent.transport.tls.trust import TlsTrust
from tests.transport.certificates import DAY, Authority, Signed
from tests.transport.http.scripted import OK, Names, ScriptedCase, Server, Stepped, answer, close, connections

CA = Authority()
OTHER = Authority("Another CA")
GOOD = CA.sign("acs.test", "127.0.0.1")
DEVICE = CA.sign("device")


def context(shown: Signed, *, clients: Authority | None = None, newest: int = 0) -> SSL.Context:
    """The TLS context of a server."""
    made = SSL.Context(SSL.TLS_SERVER_METHOD)
    made.use_certificate(shown.certificate)
    made.use_privatekey(shown.private)
    if newest:
        made.set_min_proto_version(SSL.TLS1_VERSION)
        made.set_cipher_list(b"ALL:@SECLEVEL=0")
        made.set_max_proto_version(newest)
    if clients is not None:
        made.get_cert_store().add_cert(SSL.X509.from_cryptography(clients.own.certificate))
        made.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, lambda *judged: bool(judged[-1]))
    return made


class Files(SynchronousTestCase):
    """File errors are one line with the configuration key."""

    def setUp(self) -> None:
        self.directory = Path(self.mktemp())
        self.directory.mkdir(parents=True)

    def file(self, name: str, content: bytes, mode: int = 0o600) -> str:
        path = self.directory / name
        path.write_bytes(content)
        path.chmod(mode)
        return str(path)

    def refused(self, key: str, *words: str, **given: Any) -> None:
        error = self.assertRaises(ConfigError, TlsTrust, **given)
        self.assertEqual(error.key, key)
        for word in (*words, *(str(given[name]) for name in [key.removeprefix("acs.")] if given.get(name))):
            self.assertIn(word, str(error))
        self.assertNotIn("\n", str(error))

    def test_key_that_others_can_use(self) -> None:
        certificate = self.file("cert", DEVICE.pem)
        for mode in (0o640, 0o604, 0o620, 0o644, 0o610):
            key = self.file("key", DEVICE.key, mode)
            self.refused("acs.client_key", f"{mode:04o}", "chmod 600", client_certificate=certificate, client_key=key)
        for mode in (0o600, 0o400):
            TlsTrust(client_certificate=certificate, client_key=self.file("key", DEVICE.key, mode))

    def test_key_that_does_not_fit(self) -> None:
        certificate = self.file("cert", DEVICE.pem)
        self.refused(
            "acs.client_key", "does not belong", client_certificate=certificate, client_key=self.file("key", GOOD.key)
        )

    def test_unusable_files(self) -> None:
        certificate, key = self.file("cert", DEVICE.pem), self.file("key", DEVICE.key)
        damaged = DEVICE.pem.replace(b"MII", b"XXX")
        self.refused("acs.client_key", "No such file", client_certificate=certificate, client_key="/none")
        self.refused("acs.client_key", "missing", client_certificate=certificate)
        self.refused(
            "acs.client_key", "no private key", client_certificate=certificate, client_key=self.file("a", b"x")
        )
        self.refused("acs.client_certificate", "missing", client_key=key)
        self.refused("acs.client_certificate", "No such file", client_certificate="/none", client_key=key)
        self.refused("acs.client_certificate", "damaged", client_certificate=self.file("b", damaged), client_key=key)
        self.refused("acs.ca_file", "No such file", ca_file="/none")
        self.refused("acs.ca_file", "directory", ca_file=str(self.directory))
        self.refused("acs.ca_file", "no certificate", ca_file=self.file("c", b""))
        self.refused("acs.ca_file", "no certificate", ca_file=self.file("d", DEVICE.key))

    def test_key_with_a_password(self) -> None:
        from cryptography.hazmat.primitives import serialization as form

        locked = DEVICE.private.private_bytes(
            form.Encoding.PEM, form.PrivateFormat.PKCS8, form.BestAvailableEncryption(b"s3cret")
        )
        certificate = self.file("cert", DEVICE.pem)
        self.refused("acs.client_key", "password", client_certificate=certificate, client_key=self.file("key", locked))


class Handshakes(ScriptedCase):
    def setUp(self) -> None:
        super().setUp()
        self.directory = Path(self.mktemp())
        self.directory.mkdir(parents=True)
        self.ca = self.directory / "ca.pem"
        self.ca.write_bytes(CA.own.pem)
        self.told: list[str] = []
        self.trusted = True

    def trust(self, **given: Any) -> TlsTrust:
        given.setdefault("ca_file", self.ca)
        return TlsTrust(time_trusted=lambda: self.trusted, on_untrusted_time=self.told.append, **given)

    def device(self, shown: Signed) -> dict[str, Path]:
        certificate, key = self.directory / "device.pem", self.directory / "device.key"
        certificate.write_bytes(shown.pem)
        key.write_bytes(shown.key)
        key.chmod(0o600)
        return {"client_certificate": certificate, "client_key": key}

    def posting(self, server: Server, host: str = "acs.test", trust: TlsTrust | None = None) -> Deferred[Any]:
        client = self.client(trust=trust or self.trust(), resolver=Names(acs=["127.0.0.1"], other=["127.0.0.1"]))
        return Deferred.fromCoroutine(self.exchange(f"https://{host}:{server.port}/", client).post(b"<inform/>"))

    async def refused(self, server: Server, reason: str, **given: Any) -> None:
        error = await self.assertFailure(self.posting(server, **given), TransportError)
        self.assertIn(reason, str(error))
        self.assertIn(f":{server.port}", str(error))
        self.assertEqual(server.requests, [], "nothing is sent to whom we do not trust")

    async def test_private_authority(self) -> None:
        server = self.serve(context=context(GOOD))
        for host in ("acs.test", "ACS.Test", "acs.test.", "127.0.0.1"):
            self.assertEqual((await self.posting(server, host)).status, 200)

    async def test_every_certificate_of_the_files_counts(self) -> None:
        self.ca.write_bytes(CA.own.pem + OTHER.own.pem)
        files = self.device(DEVICE)
        files["client_certificate"].write_bytes(DEVICE.pem + CA.own.pem)
        trust = self.trust(**files)
        for signed in (GOOD, OTHER.sign("acs.test")):
            server = self.serve(context=context(signed, clients=CA))
            self.assertEqual((await self.posting(server, trust=trust)).status, 200)

    async def test_one_connection_for_a_session(self) -> None:
        server = self.serve(OK, answer(200, b"", "Connection: close"), OK, close, OK, context=context(GOOD))
        client = self.client(trust=self.trust())
        exchange = self.exchange(f"https://127.0.0.1:{server.port}/", client)
        for body in (b"1", b"2", b"3", b"4"):
            await exchange.post(body)
        self.assertEqual([request.body for request in server.requests], [b"1", b"2", b"3", b"4", b"4"])
        self.assertEqual(connections(server), [1, 1, 2, 2, 3])

    async def test_large_bodies_both_ways(self) -> None:
        answered = b"y" * 3_000_000
        server = self.serve(answer(200, answered), OK, context=context(GOOD))
        exchange = self.exchange(f"https://127.0.0.1:{server.port}/", self.client(trust=self.trust()))
        self.assertEqual((await exchange.post(b"x" * 3_000_000)).body, answered)
        self.assertEqual(len(server.requests[0].body), 3_000_000)
        await exchange.post(b"")
        self.assertEqual(connections(server), [1, 1])

    async def test_wrong_name(self) -> None:
        server = self.serve(context=context(GOOD))
        await self.refused(server, "its certificate is refused: it is not for other.test", host="other.test")
        server = self.serve(context=context(CA.sign("acs.test")))
        await self.refused(server, "it is not for 127.0.0.1", host="127.0.0.1")
        server = self.serve(context=context(CA.sign("127.0.0.2")))
        await self.refused(server, "it is not for 127.0.0.1", host="127.0.0.1")

    async def test_one_unfit_name(self) -> None:
        """Also where OpenSSL and the libraries above it read the names."""
        good = ((0x82, b"acs.test"), (0x87, bytes((127, 0, 0, 1))))
        for unfit in (
            (0x82, b"*"),
            (0x82, b"192.0.2.1"),
            (0x82, b""),
            (0x86, b"a:b:c"),
            (0x87, b"abc"),
            (0x81, b"\xff"),
        ):
            server = self.serve(context=context(CA.sign_raw(unfit, *good)))
            for host in ("acs.test", "127.0.0.1"):
                self.assertEqual((await self.posting(server, host)).status, 200, unfit)
            await self.refused(
                self.serve(context=context(CA.sign_raw(unfit, *good))), "not for other", host="other.test"
            )

    async def test_a_common_name_alone(self) -> None:
        server = self.serve(context=context(CA.sign_without_names("acs.test")))
        await self.refused(
            server, "its certificate is refused: it has no subjectAltName (its common name does not count"
        )

    async def test_wildcard(self) -> None:
        server = self.serve(context=context(CA.sign("*.example.test")))
        self.assertEqual((await self.posting(server, "acs.example.test")).status, 200)

    async def test_wrong_authority(self) -> None:
        server = self.serve(context=context(OTHER.sign("acs.test")))
        await self.refused(server, "signed by an authority that is not trusted")
        await self.refused(server, "authority that is not trusted", trust=self.trust(ca_file=""))
        self_signed = Authority("acs.test").own
        await self.refused(self.serve(context=context(self_signed)), "self-signed and not trusted")

    async def test_dates(self) -> None:
        expired = CA.sign("acs.test", begins=-9 * DAY, expires=-DAY)
        await self.refused(self.serve(context=context(expired)), "it has expired")
        early = CA.sign("acs.test", begins=DAY)
        await self.refused(self.serve(context=context(early)), "it is not valid yet")
        self.assertEqual(self.told, [])

    async def test_dates_while_the_clock_is_not_trusted(self) -> None:
        self.trusted = False
        for shown in (CA.sign("acs.test", begins=-9 * DAY, expires=-DAY), CA.sign("acs.test", begins=DAY)):
            server = self.serve(context=context(shown))
            self.told.clear()
            self.assertEqual((await self.posting(server)).status, 200)
            [told] = self.told
            self.assertIn(f"acs.test:{server.port}", told)
        server = self.serve(context=context(CA.sign("acs.test", begins=-9 * DAY, expires=-DAY)))
        await self.refused(server, "it is not for other.test", host="other.test")
        forged = OTHER.sign("acs.test", begins=-9 * DAY, expires=-DAY)
        await self.refused(self.serve(context=context(forged)), "authority that is not trusted")

    async def test_an_authority_out_of_date_while_the_clock_is_not_trusted(self) -> None:
        old = Authority("Old CA", expires=timedelta(hours=-1))
        self.ca.write_bytes(old.own.pem)
        server = self.serve(context=context(old.sign("acs.test")))
        await self.refused(server, "the certificate of its authority is refused: it has expired")
        self.trusted = False
        self.assertEqual((await self.posting(server)).status, 200)
        self.assertEqual(len(self.told), 1)

    async def test_the_clock_becomes_trusted(self) -> None:
        self.trusted = False
        trust = self.trust()
        server = self.serve(context=context(CA.sign("acs.test", begins=-9 * DAY, expires=-DAY)))
        await self.posting(server, trust=trust)
        self.trusted = True
        await self.assertFailure(self.posting(server, trust=trust), TransportError)

    async def test_nothing_before_tls_1_2(self) -> None:
        server = self.serve(context=context(GOOD, newest=SSL.TLS1_1_VERSION))
        await self.refused(server, "TLS failed")
        server = self.serve(context=context(GOOD, newest=SSL.TLS1_2_VERSION))
        self.assertEqual((await self.posting(server)).status, 200)

    async def test_no_tls_at_all(self) -> None:
        server = self.serve()
        server.buildProtocol = lambda addr: None  # closes the connection
        await self.refused(server, "the connection was lost")

    async def test_client_certificate(self) -> None:
        for newest in (SSL.TLS1_2_VERSION, SSL.TLS1_3_VERSION):
            server = self.serve(context=context(GOOD, clients=CA, newest=newest))
            self.assertEqual((await self.posting(server, trust=self.trust(**self.device(DEVICE)))).status, 200)
            shown = server.connections[0].transport.getPeerCertificate().to_cryptography()
            self.assertEqual(shown, DEVICE.certificate)

    async def test_client_certificate_that_the_acs_refuses(self) -> None:
        for given in ({}, self.device(OTHER.sign("device"))):
            for newest in (SSL.TLS1_2_VERSION, SSL.TLS1_3_VERSION):
                server = self.serve(context=context(GOOD, clients=CA, newest=newest))
                await self.refused(server, "", trust=self.trust(**given))

    async def test_redirect_checks_the_new_name(self) -> None:
        good = self.serve(context=context(CA.sign("other.test")))
        bad = self.serve(context=context(GOOD))
        for target, reason in ((good, None), (bad, "it is not for other.test")):
            hop = answer(307, b"", f"Location: https://other.test:{target.port}/")
            server = self.serve(hop, context=context(GOOD))
            if reason is None:
                self.assertEqual((await self.posting(server)).status, 200)
            else:
                error = await self.assertFailure(self.posting(server), TransportError)
                self.assertIn(reason, str(error))
        self.assertEqual((len(good.requests), len(bad.requests)), (1, 0))

    async def test_redirect_from_http_to_https_and_never_back(self) -> None:
        plain = self.serve(OK)
        secure = self.serve(OK, answer(302, b"", f"Location: http://127.0.0.1:{plain.port}/"), context=context(GOOD))
        start = self.serve(answer(301, b"", f"Location: https://127.0.0.1:{secure.port}/"))
        exchange = self.exchange(start, self.client(trust=self.trust()))
        await exchange.post(b"1")
        error = await self.assertFailure(Deferred.fromCoroutine(exchange.post(b"2")), TransportError)
        self.assertEqual(str(error), f"127.0.0.1:{secure.port}: redirects from https to http, which is not followed")
        self.assertEqual((len(start.requests), len(secure.requests), len(plain.requests)), (1, 2, 0))

    async def test_basic_over_https_needs_no_warning(self) -> None:
        server = self.serve(answer(401, b"", 'WWW-Authenticate: Basic realm="r"'), OK, context=context(GOOD))
        self.assertEqual((await self.posting(server)).status, 200)
        self.assertEqual(self.warnings, [])

    async def test_reload(self) -> None:
        trust = self.trust(**self.device(DEVICE))
        server = self.serve(context=context(GOOD, clients=CA))
        renewed = CA.sign("device renewed")
        for broken in (b"", b"garbage"):
            self.ca.write_bytes(broken)
            self.assertRaises(ConfigError, trust.read_again)
            self.assertEqual((await self.posting(server, trust=trust)).status, 200)
        self.ca.write_bytes(CA.own.pem)
        self.device(renewed)
        trust.read_again()()
        self.assertEqual((await self.posting(server, trust=trust)).status, 200)
        shown = server.connections[-1].transport.getPeerCertificate().to_cryptography()
        self.assertEqual(shown, renewed.certificate)
        self.ca.write_bytes(OTHER.own.pem)
        trust.read_again()()
        await self.assertFailure(self.posting(server, trust=trust), TransportError)

    async def test_many_devices_share_one_context(self) -> None:
        server = self.serve(context=context(GOOD))
        client = self.client(trust=self.trust())
        exchanges = [self.exchange(f"https://127.0.0.1:{server.port}/", client) for _ in range(5)]
        for body in (b"1", b"2"):
            for exchange in exchanges:
                await exchange.post(body)
        self.assertEqual(connections(server), [1, 2, 3, 4, 5] * 2)

    async def test_a_peer_that_never_agrees_to_the_end(self) -> None:
        clock = Stepped()
        server = self.serve(context=context(GOOD))
        exchange = self.exchange(f"https://127.0.0.1:{server.port}/", self.client(clock, trust=self.trust()))
        posting = Deferred.fromCoroutine(exchange.post(b"x"))
        while not posting.called:
            clock.advance(0)
            await deferLater(reactor, 0.001, lambda: None)
        await posting
        server.connections[0].transport.transport.pauseProducing()  # stop reading below TLS
        closing = Deferred.fromCoroutine(exchange.close())
        clock.advance(1.9)
        await deferLater(reactor, 0.01, lambda: None)
        self.assertNoResult(closing)
        clock.advance(0.2)
        await closing
        server.connections[0].transport.transport.resumeProducing()

    def test_no_secret_in_reprs(self) -> None:
        trust = self.trust(**self.device(DEVICE))
        self.assertNotIn("PRIVATE", repr(trust) + repr(vars(trust)))
