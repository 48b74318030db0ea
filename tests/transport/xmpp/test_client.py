"""Client at a server on loopback: login mechanisms, TLS, pings, reconnection, end."""

from __future__ import annotations

import errno
import random
from pathlib import Path
from typing import Any

from twisted.internet import reactor as global_reactor
from twisted.internet.defer import Deferred, fail
from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.error import NoRouteError
from twisted.internet.task import deferLater
from twisted.logger import formatEvent, globalLogPublisher
from twisted.trial.unittest import TestCase

from cwmpagent.errors import XmppError
from cwmpagent.protocol.connection_request.xmpp import NAMESPACE, ConnectionRequest, XmppVerdict
from cwmpagent.protocol.connection_request.xmpp_account import Account, Retry, Server, Standing, Stats
from cwmpagent.transport.tls.trust import TlsTrust
from cwmpagent.transport.xmpp.client import XmppClient, XmppConnector
from cwmpagent.transport.xmpp.limits import XmppLimits
from cwmpagent.transport.xmpp.markup import add, make
from tests.transport.certificates import Authority
from tests.transport.xmpp.xmpp_server import DOMAIN, Served, XmppServer

reactor: Any = global_reactor
QUICK = Retry(attempts=1, initial=1, multiplier=1000, longest=1)
LIMITS = XmppLimits(connect=5, step=5, stanza=5, sign_of_life=0.2, linger=0.2, steady=60)


class Hasty(random.Random):
    """Random source with almost no wait between attempts."""

    def uniform(self, a: float, b: float) -> float:
        return min(b, 0.02)


class XmppCase(TestCase):
    """Base class: ``self.server`` on loopback, and an account of it."""

    timeout = 20
    tls = True

    def setUp(self) -> None:
        self.authority = Authority()
        self.server = XmppServer({"cpe": "s3cret", "acs": "acs-pw"})
        if self.tls:
            self.server = XmppServer({"cpe": "s3cret", "acs": "acs-pw"}, self.authority.sign(DOMAIN))
        self.port = reactor.listenTCP(0, self.server, interface="127.0.0.1")
        self.addCleanup(self.port.stopListening)
        self.number = self.port.getHost().port
        self.standings: list[Standing] = []
        self.requests: list[ConnectionRequest] = []
        self.verdict = XmppVerdict.ACCEPTED
        self.stats = Stats()
        directory = Path(self.mktemp())
        directory.mkdir()
        self.ca = directory / "ca.pem"
        self.ca.write_bytes(self.authority.own.pem)
        self.numbers = 0

    def nonce(self) -> str:
        self.numbers += 1
        return f"nonce{self.numbers}"

    def connector(self, **more: Any) -> XmppConnector:
        given = {
            "reactor": reactor,
            "trust": TlsTrust(self.ca),
            "random": Hasty(1),
            "nonce": self.nonce,
            "monotonic": reactor.seconds,
            "limits": LIMITS,
        }
        return XmppConnector(**{**given, **more})

    def account(self, **more: Any) -> Account:
        given = {
            "username": "cpe",
            "password": "s3cret",
            "domain": DOMAIN,
            "resource": "r1",
            "use_tls": self.tls,
            "keep_alive": 0,
            "algorithm": "ServerTable",
            "servers": (Server("127.0.0.1", self.number),),
            "retry": QUICK,
        }
        return Account(**{**given, **more})

    def asked(self, request: ConnectionRequest) -> XmppVerdict:
        self.requests.append(request)
        return self.verdict

    def begin(self, connector: XmppConnector | None = None, **more: Any) -> XmppClient:
        connector = connector or self.connector()
        client = connector.open(self.account(**more), self.stats, self.standings.append, self.asked)
        self.addCleanup(client.close)
        return client

    async def until(self, condition: Any, seconds: float = 10) -> None:
        end = reactor.seconds() + seconds
        while not condition():
            if reactor.seconds() > end:
                self.fail(f"what was waited for did not happen: {self.standings}")
            await self.pause(0.005)

    def pause(self, seconds: float) -> Deferred[None]:
        return deferLater(reactor, seconds, lambda: None)

    async def standing(self, status: str) -> Standing:
        await self.until(lambda: any(each.status == status for each in self.standings))
        return next(each for each in reversed(self.standings) if each.status == status)

    def told(self) -> bytes:
        return b"".join(client.told for client in self.server.clients)


class LoginTests(XmppCase):
    async def test_scram_in_tls(self) -> None:
        self.begin()
        standing = await self.standing("Enabled")
        self.assertEqual(standing, Standing("Enabled", f"cpe@{DOMAIN}/r1", True))
        self.assertEqual([each.status for each in self.standings], ["Connecting", "Enabled"])
        self.assertTrue(self.server.clients[0].tls)
        self.assertIn(b"SCRAM-SHA-256", self.told())

    async def test_scram_sha_1(self) -> None:
        self.server.mechanisms = ["PLAIN", "DIGEST-MD5", "SCRAM-SHA-1"]
        self.begin()
        await self.standing("Enabled")
        self.assertNotIn(b"PLAIN", self.told())

    async def test_plain_in_tls(self) -> None:
        self.server.mechanisms = ["PLAIN"]
        self.begin()
        self.assertTrue((await self.standing("Enabled")).tls)

    async def test_a_resource_of_the_servers(self) -> None:
        self.begin(resource="")
        self.assertEqual((await self.standing("Enabled")).jid, f"cpe@{DOMAIN}/made-up")

    async def test_session_only_where_it_is_demanded(self) -> None:
        for session, count in ((None, 1), ("<optional/>", 1), ("", 2), ("<x xmlns='y'/>", 2)):
            self.server.session = session
            self.server.stanzas.clear()
            self.standings.clear()
            client = self.begin()
            await self.standing("Enabled")
            self.assertEqual(len(self.server.stanzas), count, session)
            await client.close()

    async def test_wrong_password(self) -> None:
        for mechanisms in (["SCRAM-SHA-1"], ["PLAIN"]):
            self.server.mechanisms = mechanisms
            self.standings.clear()
            client = self.begin(password="wrong")
            standing = await self.standing("Error_AuthenticationFailure")
            self.assertIn("refuses the user name and password", standing.reason)
            self.assertNotIn("wrong", standing.reason)
            await client.close()

    async def test_the_account_comes_to_be_later(self) -> None:
        self.server.accounts["cpe"] = "not yet"
        self.begin()
        await self.standing("Error_AuthenticationFailure")
        self.server.accounts["cpe"] = "s3cret"
        await self.standing("Enabled")

    async def test_a_server_that_does_not_know_the_password(self) -> None:
        def pretend(client: Served) -> None:
            client.raw("<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>dj1BQUFB</success>")

        self.server.script["response"] = pretend
        self.begin()
        self.assertIn("cannot prove", (await self.standing("Error_AuthenticationFailure")).reason)

    async def test_misconfigured(self) -> None:
        for more in (
            {"username": ""},
            {"username": "a b"},
            {"password": ""},
            {"domain": ""},
            {"domain": "a b"},
            {"resource": "\x07"},
            {"servers": ()},
        ):
            self.standings.clear()
            client = self.begin(**more)
            await self.standing("Error_Misconfigured")
            await client.close()
        self.assertEqual(self.server.clients, [])


class TlsTests(XmppCase):
    async def refused(self, connector: XmppConnector | None = None, **more: Any) -> Standing:
        client = self.begin(connector, **more)
        standing = await self.standing("Error")
        await client.close()
        self.assertNotIn(b"auth", self.told())
        return standing

    async def test_a_certificate_for_another_name(self) -> None:
        self.server.options = XmppServer({}, self.authority.sign("other.example", "127.0.0.1")).options
        self.assertIn(f"it is not for {DOMAIN}", (await self.refused()).reason)

    async def test_an_unfit_name_beside_that_of_the_domain(self) -> None:
        shown = self.authority.sign_raw((0x82, b"*"), (0x87, b"abc"), (0x86, b"xmpp:a:b"), (0x82, DOMAIN.encode()))
        self.server.options = XmppServer({}, shown).options
        self.begin()
        self.assertTrue((await self.standing("Enabled")).tls)

    async def test_a_certificate_with_a_common_name_alone(self) -> None:
        self.server.options = XmppServer({}, self.authority.sign_without_names(DOMAIN)).options
        self.assertIn("it has no subjectAltName", (await self.refused()).reason)

    async def test_an_authority_that_is_not_trusted(self) -> None:
        self.server.options = XmppServer({}, Authority("Another CA").sign(DOMAIN)).options
        self.assertIn("not trusted", (await self.refused()).reason)

    async def test_tls_that_is_offered_is_not_begun_without_use_tls(self) -> None:
        """TR-181: with UseTLS false, TLS is begun only if the server requires it. The certificate does not matter."""
        self.server.options = XmppServer({}, Authority("Another CA").sign("other.example")).options
        self.begin(use_tls=False)
        self.assertEqual(await self.standing("Enabled"), Standing("Enabled", f"cpe@{DOMAIN}/r1", False))
        self.assertNotIn(b"starttls", self.told())
        self.assertNotIn(b"s3cret", self.told())

    async def test_tls_that_the_server_requires(self) -> None:
        """By the element ``required``, or because it offers no login before TLS."""
        for required, mechanisms in ((True, ["SCRAM-SHA-1"]), (True, []), (False, [])):
            self.server.requires_tls, self.server.mechanisms_without_tls = required, mechanisms
            self.standings.clear()
            client = self.begin(use_tls=False)
            self.assertTrue((await self.standing("Enabled")).tls)
            await client.close()

    async def test_tls_that_the_server_requires_at_the_login(self) -> None:
        """The SASL error encryption-required (RFC 6120 section 6.5.4): TLS is begun on the same stream."""

        def requires(client: Served) -> bool:
            if not client.tls:
                client.refuse("encryption-required")
            return not client.tls

        self.server.script["auth"] = requires
        self.begin(use_tls=False)
        self.assertTrue((await self.standing("Enabled")).tls)
        self.assertEqual(len(self.server.clients), 1)

    async def test_required_tls_with_a_bad_certificate(self) -> None:
        self.server.options = XmppServer({}, Authority("Another CA").sign(DOMAIN)).options
        self.server.requires_tls = True
        self.assertIn("not trusted", (await self.refused(use_tls=False)).reason)

    async def test_no_password_in_the_clear_beside_tls(self) -> None:
        """The server has TLS, but UseTLS is false, and it accepts the password alone: the line names both remedies."""
        self.server.mechanisms = ["PLAIN"]
        client = self.begin(use_tls=False)
        reason = (await self.standing("Error_Misconfigured")).reason
        await client.close()
        self.assertNotIn(b"auth", self.told())
        self.assertIn("set UseTLS to true, or [xmpp] allow_plain_without_tls", reason)
        self.standings.clear()
        self.begin(self.connector(plain_in_the_clear=True), use_tls=False)
        self.assertFalse((await self.standing("Enabled")).tls)

    async def test_use_tls_with_a_server_that_has_none(self) -> None:
        self.server.options = None
        self.begin()
        self.assertIn("UseTLS", (await self.standing("Error_Misconfigured")).reason)
        self.assertNotIn(b"auth", self.told())

    async def test_what_was_sent_before_tls_does_not_count(self) -> None:
        def inject(client: Served) -> None:
            client.raw(
                "<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"
                "<stream:features><mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>"
                "<mechanism>PLAIN</mechanism></mechanisms></stream:features>"
            )

        self.server.script["starttls"] = inject
        self.assertIn("where TLS or a new stream must begin", (await self.refused()).reason)


class ClearTests(XmppCase):
    tls = False

    async def test_scram_does_not_need_tls(self) -> None:
        self.begin()
        self.assertEqual(await self.standing("Enabled"), Standing("Enabled", f"cpe@{DOMAIN}/r1", False))
        self.assertNotIn(b"s3cret", self.told())

    async def test_the_password_stays_here(self) -> None:
        self.server.mechanisms = ["PLAIN"]
        self.begin()
        reason = (await self.standing("Error_Misconfigured")).reason
        self.assertIn("without TLS", reason)
        self.assertIn("allow_plain_without_tls", reason)
        self.assertNotIn("set UseTLS", reason, "there is no TLS")
        self.assertNotIn(b"auth", self.told())

    async def test_tls_is_required_and_not_offered(self) -> None:
        self.server.script["auth"] = lambda client: client.refuse("encryption-required")
        self.begin()
        self.assertIn("requires TLS, but offers none", (await self.standing("Error_Misconfigured")).reason)

    async def test_unless_it_may_go(self) -> None:
        self.server.mechanisms = ["PLAIN"]
        self.begin(self.connector(plain_in_the_clear=True))
        await self.standing("Enabled")

    async def test_no_way_to_log_in(self) -> None:
        for mechanisms in ([], ["DIGEST-MD5", "EXTERNAL"]):
            self.server.mechanisms = mechanisms
            self.standings.clear()
            client = self.begin()
            self.assertIn("no supported SASL mechanism", (await self.standing("Error_Misconfigured")).reason)
            await client.close()


class UpTests(XmppCase):
    async def test_a_request_and_its_answers(self) -> None:
        self.begin()
        await self.standing("Enabled")
        acs = self.connector().open(
            self.account(username="acs", password="acs-pw"), Stats(), lambda standing: None, self.asked
        )
        self.addCleanup(acs.close)
        await self.until(lambda: len(self.server.bound) == 2)
        for verdict, word in (
            (XmppVerdict.ACCEPTED, "result"),
            (XmppVerdict.NOT_AUTHORIZED, "not-authorized"),
            (XmppVerdict.UNAVAILABLE, "service-unavailable"),
        ):
            self.verdict = verdict
            request = make(NAMESPACE, "connectionRequest")
            add(request, make(NAMESPACE, "username", "u<&"))
            add(request, make(NAMESPACE, "password", "p\u00e4"))
            answer = await acs.ask(f"cpe@{DOMAIN}/r1", request)
            self.assertIn(word, answer.toXml())
            self.assertEqual(self.requests[-1], ConnectionRequest(f"acs@{DOMAIN}/r1", "u<&", "p\u00e4"))
        self.assertEqual(self.stats, Stats(3, 3, 0, 2))

    async def test_silence(self) -> None:
        self.begin()
        await self.standing("Enabled")
        self.verdict = XmppVerdict.SILENCE
        client = self.server.clients[0]
        client.raw(
            f"<iq type='get' id='1' from='x@y'><connectionRequest xmlns='{NAMESPACE}'/></iq>"
            "<iq type='get' id='2' from='x@y/z'><query xmlns='jabber:iq:version'/></iq>"
            "<iq type='get' id='3' from='x@y/z'/><iq type='result' id='4'/><iq type='error'/><iq/>"
            "<message from='x@y'><body>&lt;</body></message><presence type='error'/><other xmlns='x'/>"
            f"<iq type='get' id='5' from='{DOMAIN}'><ping xmlns='urn:xmpp:ping'/></iq>"
        )
        await self.until(lambda: len(self.server.stanzas) == 4)
        kinds = [(stanza["id"], stanza["type"]) for stanza in self.server.stanzas[1:]]
        self.assertEqual(kinds, [("2", "error"), ("3", "error"), ("5", "result")])
        self.assertEqual(self.requests, [ConnectionRequest("x@y", "", "")])
        self.assertEqual((self.stats.received, self.stats.received_errors), (9, 2))

    async def test_lost_and_found(self) -> None:
        self.begin()
        await self.standing("Enabled")
        await self.server.drop()
        await self.until(lambda: [each.status for each in self.standings].count("Enabled") == 2)
        self.assertEqual([each.status for each in self.standings], ["Connecting", "Enabled", "Connecting", "Enabled"])

    async def test_pings_keep_it(self) -> None:
        self.begin(keep_alive=0.05)
        await self.standing("Enabled")
        await self.until(lambda: len(self.server.stanzas) > 4)
        self.assertEqual(len(self.server.clients), 1)

    async def test_a_silent_link_is_dropped(self) -> None:
        self.server.script["ping"] = lambda client: True
        self.begin(keep_alive=0.05)
        await self.standing("Enabled")
        await self.until(lambda: len(self.server.clients) > 1)
        self.assertIn("has not answered a ping", [each.reason for each in self.standings][2])

    async def test_half_a_stanza_is_no_sign_of_life(self) -> None:
        def drip(client: Served) -> None:
            if not client.lost:
                client.raw("<iq x='" if not getattr(client, "dripping", False) else "x")
                client.dripping = True  # type: ignore[attr-defined]
                reactor.callLater(0.02, drip, client)

        self.server.script["ping"] = drip
        self.begin(keep_alive=0.05)
        await self.until(lambda: len(self.server.clients) > 1)

    async def test_what_ends_a_stream(self) -> None:
        large = f"<iq type='get' id='1' from='x@y/z'><q xmlns='n'>{'x' * 66_000}</q></iq>"
        entity = "<!DOCTYPE x [<!ENTITY a 'b'>]>"
        for sent, words in ((large, "too large"), (entity, "not XML"), ("<!-- -->", "a comment")):
            self.standings.clear()
            client = self.begin()
            await self.standing("Enabled")
            self.server.open[0].raw(sent)
            await self.until(lambda: len(self.standings) > 2)
            self.assertEqual(self.standings[2].status, "Connecting")
            self.assertIn(words, self.standings[2].reason)
            await client.close()
            await self.until(lambda: not self.server.open)
        self.assertEqual({stanza["type"] for stanza in self.server.stanzas}, {"set"})  # the bindings: no responses

    async def test_the_password_shows_nowhere(self) -> None:
        events: list[Any] = []
        globalLogPublisher.addObserver(events.append)
        self.addCleanup(globalLogPublisher.removeObserver, events.append)
        self.verdict = XmppVerdict.NOT_AUTHORIZED
        for mechanisms in (["SCRAM-SHA-256"], ["PLAIN"]):
            self.server.mechanisms = mechanisms
            for password in ("s3cret", "wr0ng"):
                self.standings.clear()
                client = self.begin(password=password)
                await self.until(lambda: self.standings and self.standings[-1].status != "Connecting")
                if password == "s3cret":
                    self.server.open[0].raw(
                        f"<iq type='get' id='1' from='x@y/z'><connectionRequest xmlns='{NAMESPACE}'>"
                        "<username>u</username><password>requ3st</password></connectionRequest></iq><iq"
                    )
                    await self.until(lambda: self.requests)
                    await self.server.drop()
                    await self.until(lambda: self.standings[-1].status == "Enabled" and len(self.standings) > 2)
                shown = repr((self.standings, self.requests, client.__dict__))
                await client.close()
                for secret in ("s3cret", "wr0ng", "requ3st"):
                    self.assertNotIn(secret, shown)
                    self.assertNotIn(secret, " ".join(formatEvent(event) for event in events))
        self.assertEqual([event for event in events if "factory" in formatEvent(event)], [])

    async def test_the_servers_in_their_order(self) -> None:
        other = XmppServer({"cpe": "s3cret"}, self.authority.sign(DOMAIN))
        port = reactor.listenTCP(0, other, interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        servers = (
            Server("127.0.0.1", port.getHost().port, 20),
            Server("127.0.0.1", self.port.getHost().port, 10),
        )
        self.begin(servers=servers)
        await self.standing("Enabled")
        self.assertEqual((len(self.server.bound), len(other.bound)), (1, 0))
        await self.port.stopListening()
        await self.server.drop()
        await self.until(lambda: other.bound)

    async def test_nobody_there(self) -> None:
        await self.port.stopListening()
        self.begin()
        self.assertIn("refused", (await self.standing("ServerNotPresent")).reason)

    async def test_closed_at_any_time(self) -> None:
        for step in ("header", "features", "starttls", "auth", "response", "success", "bind"):
            self.server.script = {step: lambda client: True}
            before = len(self.server.clients)
            client = self.begin()
            await self.until(lambda before=before: len(self.server.clients) > before)
            await self.pause(0.05)
            await client.close()
            await self.until(lambda: not self.server.open)
        self.assertNotIn("Enabled", [each.status for each in self.standings])

    async def test_closed_in_order(self) -> None:
        client = self.begin()
        await self.standing("Enabled")
        await client.close()
        await self.until(lambda: self.told().endswith(b"</stream:stream>"))
        self.assertRaises(XmppError, client.ask, "x@y/z", make("a", "b"))
        self.assertEqual(self.standings[-1].status, "Enabled")
        await client.close()

    async def test_a_question_that_ends_with_the_link(self) -> None:
        client = self.begin()
        await self.standing("Enabled")
        self.server.route = lambda sender, element: None  # type: ignore[method-assign]
        waiting = client.ask("x@y/z", make("a", "b"))
        await self.server.drop()
        await self.assertFailure(waiting, XmppError)

    async def test_a_server_that_takes_nothing(self) -> None:
        """A peer that accepts no responses stops the reading, and then the connection."""
        self.begin(self.connector(limits=XmppLimits(sending=0.3, linger=0.2, steady=60)))
        await self.standing("Enabled")
        client = self.server.clients[0]
        client.transport.pauseProducing()
        big = f"<iq type='get' id='1' from='x@y/z'><query xmlns='n'>{'x' * 60000}</query></iq>"
        for _ in range(400):
            client.raw(big)
        await self.until(lambda: len(self.server.clients) > 1)
        self.assertLess(self.stats.received, 400)
        self.assertIn("accepts no data", [each.reason for each in self.standings][2])


class Drawing(random.Random):
    """Random source that records bounds and results; each result is multiplied by ``share``."""

    def __new__(cls, seed: int, share: float = 1) -> Drawing:
        return super().__new__(cls, seed)

    def __init__(self, seed: int, share: float = 1) -> None:
        super().__init__(seed)
        self.share = share
        self.drawn: list[tuple[float, float]] = []

    def uniform(self, a: float, b: float) -> float:
        drawn = super().uniform(a, b) * self.share
        self.drawn.append((b, drawn))
        return drawn


class StormTests(XmppCase):
    async def test_many_that_lose_their_server_at_once(self) -> None:
        """Each client waits a random time, up to the first interval, before it connects again."""
        chance = Drawing(5)
        connector = self.connector(random=chance, limits=XmppLimits(steady=0))
        for number in range(30):
            self.server.accounts[f"cpe{number}"] = "s3cret"
            self.begin(connector, username=f"cpe{number}", retry=Retry(16, 3600, 2000, 30720))
        await self.until(lambda: len(self.server.bound) == 30)
        self.assertEqual(chance.drawn, [])
        await self.server.drop()
        await self.until(lambda: len(chance.drawn) == 30)
        await self.pause(0.2)
        self.assertEqual(len(self.server.clients), 30)
        self.assertEqual({most for most, _ in chance.drawn}, {3600})
        waits = sorted(wait for _, wait in chance.drawn)
        self.assertLess(waits[0], 600)
        self.assertGreater(waits[-1], 3000)
        self.assertEqual(len({round(wait) for wait in waits}), 30)

    async def test_thrown_out_at_once_it_does_not_come_back_by_another_address(self) -> None:
        """Two clients with the same resource would otherwise replace each other without pause."""
        chance = Drawing(5)
        server = Server("127.0.0.1", self.number)
        self.begin(
            self.connector(random=chance, limits=XmppLimits()),
            servers=(server, Server("127.0.0.1", self.number, 10)),
            retry=Retry(1, 3600, 2000, 30720),
        )
        await self.standing("Enabled")
        self.server.clients[0].raw(
            "<stream:error><conflict xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>"
        )
        await self.until(lambda: chance.drawn)
        await self.pause(0.1)
        self.assertEqual(len(self.server.clients), 1)
        self.assertIn("conflict", self.standings[-1].reason)

    async def test_an_address_without_a_way_there_is_no_attempt(self) -> None:
        """A device without IPv6 would otherwise try such an address for days before the next one."""
        real = TCP4ClientEndpoint.connect
        tried: list[str] = []

        def connect(endpoint: Any, factory: Any) -> Any:
            tried.append(endpoint._host)
            if endpoint._host == "127.0.0.2":
                return fail(NoRouteError(errno.ENETUNREACH, "no way"))
            return real(endpoint, factory)

        self.patch(TCP4ClientEndpoint, "connect", connect)
        chance = Drawing(5)
        servers = (Server("127.0.0.2", self.number), Server("127.0.0.1", self.number, 10))
        self.begin(self.connector(random=chance), servers=servers, retry=Retry(16, 3600, 2000, 30720))
        await self.standing("Enabled")
        self.assertEqual((tried, chance.drawn), (["127.0.0.2", "127.0.0.1"], []))

    async def test_a_device_that_boots_before_its_network(self) -> None:
        """The waits begin with the first one for any number of attempts, and grow step by step."""

        async def lookup(name: str) -> list[Server]:
            return [Server("nobody.invalid")] if len(chance.drawn) < 3 else [Server("127.0.0.1", self.number)]

        chance = Drawing(5, 0)
        account = {"algorithm": "DNS-SRV", "servers": (), "retry": Retry(16, 60, 2000, 30720)}
        self.begin(self.connector(random=chance, lookup=lookup), **account)
        await self.standing("Enabled")
        self.assertEqual([most for most, _ in chance.drawn], [60, 120, 240])

    async def test_without_any_way_likewise(self) -> None:
        def connect(endpoint: Any, factory: Any) -> Any:
            if len(chance.drawn) < 3:
                return fail(NoRouteError(errno.ENETUNREACH, "no way"))
            return real(endpoint, factory)

        real = TCP4ClientEndpoint.connect
        self.patch(TCP4ClientEndpoint, "connect", connect)
        chance = Drawing(5, 0)
        self.begin(self.connector(random=chance), retry=Retry(16, 60, 2000, 30720))
        self.assertEqual((await self.standing("ServerNotPresent")).status, "ServerNotPresent")
        await self.standing("Enabled")
        self.assertEqual([most for most, _ in chance.drawn], [60, 120, 240])

    async def test_attempts_at_one_address_and_then_the_next_round(self) -> None:
        await self.port.stopListening()
        chance = Drawing(5, 0)
        self.begin(self.connector(random=chance), retry=Retry(2, 60, 2000, 30720))
        await self.until(lambda: len(chance.drawn) > 4)
        self.assertEqual([most for most, _ in chance.drawn[:5]], [60, 120, 240, 480, 960])

    async def test_an_address_where_nobody_is_costs_no_wait(self) -> None:
        chance = Drawing(5)
        dead = reactor.listenTCP(0, self.server, interface="127.0.0.1")
        gone = dead.getHost().port
        await dead.stopListening()
        servers = (Server("127.0.0.1", gone), Server("127.0.0.1", self.number, 10))
        self.begin(self.connector(random=chance), servers=servers, retry=Retry(1, 3600, 2000, 30720))
        await self.standing("Enabled")
        self.assertEqual(chance.drawn, [])
