"""ConnectionRequests over XMPP (TR-069 Annex K): a whole agent, an XMPP server, and an ACS with an account."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

from lxml import etree
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SkipTest

from cwmpagent.agent.facts import ConnectionRequested, ParametersChanged, Warned
from cwmpagent.device.models import find_model
from cwmpagent.protocol.connection_request.xmpp import NAMESPACE, XmppVerdict
from cwmpagent.protocol.connection_request.xmpp_account import Account, Retry, Server, Standing, Stats
from cwmpagent.protocol.rpc import (
    AddObject,
    DeleteObject,
    FactoryReset,
    GetParameterValues,
    Reboot,
    SetParameterValues,
    SetParameterValuesResponse,
)
from cwmpagent.transport.tls.trust import TlsTrust
from cwmpagent.transport.xmpp.client import XmppClient, XmppConnector
from cwmpagent.transport.xmpp.markup import add, make
from cwmpagent.values import Value, ValueType
from tests.agent.bench import SERVER, BenchCase, reactor
from tests.agent.bench import assign as assign_strings
from tests.skips import NO_BBF, bbf_directory
from tests.transport.certificates import Authority
from tests.transport.xmpp.xmpp_server import DOMAIN, XmppServer

TABLE = "Device.XMPP.Connection."
ROW = TABLE + "1."
JID = f"cpe@{DOMAIN}/gateway"


def assign(**texts: str) -> SetParameterValues:
    """A SetParameterValues with the types that these parameters have."""
    flags = {name: Value(ValueType.BOOLEAN, text) for name, text in texts.items() if text in ("true", "false")}
    numbers = {name: Value(ValueType.UNSIGNED_INT, text) for name, text in texts.items() if text.isdecimal()}
    return assign_strings(**{**texts, **flags, **numbers})


class XmppCase(BenchCase):
    """An agent, its ACS, and an XMPP server with accounts of both."""

    def setUp(self) -> None:
        super().setUp()
        authority = Authority()
        self.server = XmppServer({"cpe": "xmpp-secret", "acs": "acs-pw"}, authority.sign(DOMAIN))
        self.xmpp_port = reactor.listenTCP(0, self.server, interface="127.0.0.1")
        self.number = self.xmpp_port.getHost().port
        self.ca = self.state.parent / "ca.pem"
        self.ca.write_bytes(authority.own.pem)
        self.addCleanup(self.xmpp_port.stopListening)
        self.nonces = 0

    def config(self, *, acs: str = "", **more: Any) -> Any:
        return super().config(acs=f'{acs}\n[xmpp]\nca_file = "{self.ca}"', **more)

    def nonce(self) -> str:
        self.nonces += 1
        return f"n{self.nonces}"

    def row(self, number: int = 1, **more: str) -> SetParameterValues:
        """The values that an ACS sets to use the server."""
        row = f"{TABLE}{number}."
        values = {
            row + "Username": "cpe",
            row + "Password": "xmpp-secret",
            row + "Domain": DOMAIN,
            row + "Resource": "gateway",
            row + "UseTLS": "true",
            row + "ServerConnectAlgorithm": "ServerTable",
            row + "ServerRetryInitialInterval": "1",
            row + "ServerRetryMaxInterval": "1",
            row + "Enable": "true",
            row + "Server.1.ServerAddress": "127.0.0.1",
            row + "Server.1.Port": str(self.number),
            row + "Server.1.Enable": "true",
            SERVER + "ConnReqXMPPConnection": row.removesuffix("."),
        }
        return assign(**{**values, **{row + name: text for name, text in more.items()}})

    async def connected(self, **more: str) -> None:
        """The session in which the ACS configures the connection, and the session that reports the result."""
        await self.bootstrapped()
        await self.ask(AddObject(TABLE, ""))
        await self.ask(AddObject(ROW + "Server.", ""))
        since = self.lab.sessions.seen
        answers = await self.ask(self.row(**more))
        self.assertIsInstance(answers[0], SetParameterValuesResponse)
        trace = await self.session(event="4 VALUE CHANGE", since=since)
        self.assertIn("4 VALUE CHANGE", trace.event_codes)

    async def acs(self, resource: str = "lab", username: str = "acs", password: str = "acs-pw") -> XmppClient:
        """A client that is logged in with the account of the ACS."""
        connector = XmppConnector(
            reactor=reactor,
            trust=TlsTrust(self.ca),
            random=random.Random(1),
            nonce=self.nonce,
            monotonic=reactor.seconds,
        )
        account = Account(
            username=username,
            password=password,
            domain=DOMAIN,
            resource=resource,
            algorithm="ServerTable",
            servers=(Server("127.0.0.1", self.number),),
            retry=Retry(1, 1, 1000, 1),
        )
        standings: list[Standing] = []
        client = connector.open(account, Stats(), standings.append, lambda request: XmppVerdict.UNAVAILABLE)
        self.addCleanup(client.close)
        await self.until(lambda: standings and standings[-1].status == "Enabled", 30)
        return client

    async def request(
        self, client: XmppClient, username: str = "acs", password: str = "request-secret", to: str = JID
    ) -> str:
        request = make(NAMESPACE, "connectionRequest")
        add(request, make(NAMESPACE, "username", username))
        add(request, make(NAMESPACE, "password", password))
        answer = await client.ask(to, request)
        self.last = answer
        error = next((each for each in answer.elements() if each.name == "error"), None)
        return str(answer["type"]) if error is None else str(error.firstChildElement().name)

    def value(self, path: str) -> str:
        assert self.agent is not None
        return self.agent.runtime.tree.value(path).text


class RequestTests(XmppCase):
    async def test_xmpp_01_a_good_request(self) -> None:
        await self.connected()
        self.assertEqual(self.value(SERVER + "ConnReqJabberID"), JID)
        client = await self.acs()
        coming = self.session(event="6 CONNECTION REQUEST")
        self.assertEqual(await self.request(client), "result")
        trace = await coming
        self.assertEqual(list(trace.event_codes), ["6 CONNECTION REQUEST"])
        self.assertEqual((self.last["from"], self.last["to"]), (JID, f"acs@{DOMAIN}/lab"))
        asked = [fact.source for fact in self.facts if isinstance(fact, ConnectionRequested)]
        self.assertIn(f"acs@{DOMAIN}/lab", asked)
        self.assert_nothing_odd()

    async def test_xmpp_02_wrong_credentials(self) -> None:
        await self.connected()
        client = await self.acs()
        seen = self.lab.sessions.seen
        for username, password in (("acs", "wrong"), ("wrong", "request-secret"), ("", ""), ("acs", "")):
            self.assertEqual(await self.request(client, username, password), "not-authorized")
        await self.pause(0.1)
        self.assertEqual(self.lab.sessions.seen, seen)
        self.assertEqual(await self.request(client), "result")

    async def test_xmpp_03_a_flood(self) -> None:
        await self.connected()
        client = await self.acs()
        assert self.agent is not None
        left = [2]

        def requested(source: str, by: str) -> bool:
            left[0] -= 1
            return left[0] >= 0

        self.agent.runtime.connection_requests.http.requested = requested  # type: ignore[method-assign]
        answers = [await self.request(client) for _ in range(4)]
        self.assertEqual(answers, ["result", "result", "service-unavailable", "service-unavailable"])

    async def test_xmpp_04_who_may_ask(self) -> None:
        await self.connected()
        client = await self.acs()
        name = SERVER + "ConnReqAllowedJabberIDs"
        for allowed, answered in (
            ("other@cpe.example", False),
            ("acs@cpe.example/other, other@cpe.example", False),
            ("ACS@CPE.example", True),
            ("other@cpe.example,acs@cpe.example/lab", True),
            ("", True),
        ):
            await self.ask(assign(**{name: allowed}))
            seen = self.lab.sessions.seen
            waiting = Deferred.fromCoroutine(self.request(client))
            if answered:
                self.assertEqual(await waiting, "result")
                await self.session(since=seen)
            else:
                # A second one, with a wrong namespace, shows that the first was ignored.
                self.assertEqual((await client.ask(JID, make("urn:x", "y")))["type"], "error")
                self.assertFalse(waiting.called)
                self.assertEqual(self.lab.sessions.seen, seen)
                waiting.cancel()
                await waiting.addErrback(lambda failure: None)

    async def test_switched_off(self) -> None:
        await self.connected()
        client = await self.acs()
        await self.ask(assign(**{SERVER + "EnableCWMP": "false"}))
        self.assertEqual(await self.request(client), "service-unavailable")

    async def test_http_alone_switched_off(self) -> None:
        await self.connected()
        client = await self.acs()
        await self.ask(assign(**{SERVER + "HTTPConnectionRequestEnable": "false"}))
        self.assertEqual(await self.request(client), "result")

    async def test_new_credentials_count_at_once(self) -> None:
        await self.connected()
        client = await self.acs()
        await self.ask(assign(**{SERVER + "ConnectionRequestPassword": ""}))
        self.assertEqual(await self.request(client, "acs", ""), "not-authorized")
        self.assertEqual(await self.request(client), "not-authorized")

    async def test_a_connection_that_is_not_for_requests(self) -> None:
        await self.connected()
        client = await self.acs()
        seen = self.lab.sessions.seen
        await self.ask(assign(**{SERVER + "ConnReqXMPPConnection": ""}))
        await self.until(lambda: self.value(SERVER + "ConnReqJabberID") == "")
        self.assertEqual(await self.request(client), "service-unavailable")
        await self.session(event="4 VALUE CHANGE", since=seen)

    async def test_what_is_sent_fits_the_schema(self) -> None:
        directory = bbf_directory()
        if directory is None:
            raise SkipTest(NO_BBF)
        schema = etree.XMLSchema(etree.parse(str(directory / "cwmp-xmppConnReq-1-0.xsd")))
        await self.connected()
        client = await self.acs()
        await self.request(client, "acs", "wr<ng")
        sent = next(each for each in self.server.stanzas if each.getAttribute("to") == JID)
        for stanza in (sent, self.last):
            child = next(each for each in stanza.elements() if each.name == "connectionRequest")
            schema.assertValid(etree.fromstring(child.toXml()))


class TableTests(XmppCase):
    async def test_what_the_table_tells(self) -> None:
        await self.connected()
        client = await self.acs()
        self.assertEqual(await self.request(client, password="wrong"), "not-authorized")
        await self.pause(1.1)  # values are read again after a second
        (found,) = await self.ask(
            GetParameterValues((ROW, SERVER + "ConnReqJabberID", SERVER + "ConnReqXMPPConnection"))
        )
        values = {each.name: each.value.text for each in found.parameter_list}
        self.assertEqual(values[ROW + "Status"], "Enabled")
        self.assertEqual(values[ROW + "JabberID"], JID)
        self.assertEqual(values[ROW + "TLSEstablished"], "true")
        self.assertEqual(values[ROW + "Password"], "")
        self.assertNotEqual(values[ROW + "LastChangeDate"], "0001-01-01T00:00:00Z")
        self.assertEqual(values[SERVER + "ConnReqXMPPConnection"], ROW.removesuffix("."))
        counted = {name.rpartition(".")[2]: int(text) for name, text in values.items() if ".Stats." in name}
        expected = {"ReceivedMessages": 1, "ReceivedErrorMessages": 0}
        expected |= {"TransmittedMessages": 1, "TransmittedErrorMessages": 1}
        self.assertEqual(counted, expected)
        self.assertIn("XMPP", self.value(SERVER + "SupportedConnReqMethods").split(","))

    async def test_a_lost_link_is_no_news(self) -> None:
        await self.connected()
        seen = self.lab.sessions.seen
        await self.server.drop()
        await self.until(lambda: self.value(ROW + "Status") == "Connecting")
        self.assertEqual(self.value(SERVER + "ConnReqJabberID"), JID)
        self.assertEqual(self.value(ROW + "TLSEstablished"), "false")
        await self.until(lambda: self.value(ROW + "Status") == "Enabled")
        self.assertEqual(self.value(SERVER + "ConnReqJabberID"), JID)
        changed = [name for fact in self.facts if isinstance(fact, ParametersChanged) for name in fact.names]
        self.assertEqual(changed.count(SERVER + "ConnReqJabberID"), 1)
        self.assertEqual(self.lab.sessions.seen, seen)

    async def test_another_resource_is_news(self) -> None:
        await self.connected()
        seen = self.lab.sessions.seen
        await self.ask(assign(**{ROW + "Resource": "other"}))
        await self.session(event="4 VALUE CHANGE", since=seen)
        self.assertEqual(self.value(SERVER + "ConnReqJabberID"), f"cpe@{DOMAIN}/other")
        self.assertEqual(len(self.server.open), 1)

    async def test_disabled_and_enabled(self) -> None:
        await self.connected()
        await self.ask(assign(**{ROW + "Enable": "false"}))
        await self.until(lambda: self.value(ROW + "Status") == "Disabled" and not self.server.open)
        self.assertEqual(self.value(SERVER + "ConnReqJabberID"), "")
        await self.ask(assign(**{ROW + "Enable": "true"}))
        await self.until(lambda: self.value(SERVER + "ConnReqJabberID") == JID)

    async def test_the_row_is_deleted(self) -> None:
        await self.connected()
        await self.ask(DeleteObject(ROW, ""))
        await self.until(lambda: not self.server.open)
        self.assertEqual(self.value(SERVER + "ConnReqXMPPConnection"), "")
        await self.until(lambda: self.value(SERVER + "ConnReqJabberID") == "")
        self.assert_nothing_odd()

    async def test_a_wrong_password_and_then_the_right_one(self) -> None:
        await self.bootstrapped()
        await self.ask(AddObject(TABLE, ""))
        await self.ask(AddObject(ROW + "Server.", ""))
        await self.ask(self.row(Password="wrong-secret"))
        await self.until(lambda: self.value(ROW + "Status") == "Error_AuthenticationFailure")
        warned = [fact.text for fact in self.facts if isinstance(fact, Warned)]
        self.assertEqual(len(warned), 1)
        self.assertNotIn("wrong-secret", warned[0])
        await self.ask(assign(**{ROW + "Password": "xmpp-secret"}))
        await self.until(lambda: self.value(ROW + "Status") == "Enabled")

    async def test_two_connections(self) -> None:
        await self.connected()
        self.server.accounts["other"] = "other-pw"
        await self.ask(AddObject(TABLE, ""))
        await self.ask(AddObject(TABLE + "2.Server.", ""))
        await self.ask(self.row(2, Username="other", Password="other-pw", Resource=""))
        await self.until(lambda: self.value(SERVER + "ConnReqJabberID") == f"other@{DOMAIN}/made-up")
        self.assertEqual(len(self.server.bound), 2)
        client = await self.acs()
        self.assertEqual(await self.request(client), "service-unavailable")
        self.assertEqual(await self.request(client, to=f"other@{DOMAIN}/made-up"), "result")


class LifeTests(XmppCase):
    async def test_stopped_and_started(self) -> None:
        await self.connected()
        await self.end()
        self.assertEqual(self.server.open, [])
        seen = self.lab.sessions.seen
        self.begin(self.config(boot="system"))
        await self.until(lambda: self.server.bound)
        await self.until(lambda: self.value(ROW + "Status") == "Enabled")
        self.assertEqual(self.value(SERVER + "ConnReqJabberID"), JID)
        client = await self.acs()
        self.assertEqual(await self.request(client), "result")
        trace = await self.session(event="6 CONNECTION REQUEST", since=seen)
        self.assertNotIn("4 VALUE CHANGE", trace.event_codes)

    async def test_a_reboot(self) -> None:
        await self.connected()
        seen = self.lab.sessions.seen
        await self.ask(Reboot("key"))
        await self.session(event="1 BOOT", since=seen)
        await self.until(lambda: len(self.server.open) == 1)
        client = await self.acs()
        self.assertEqual(await self.request(client), "result")

    async def test_a_factory_reset(self) -> None:
        await self.connected()
        seen = self.lab.sessions.seen
        await self.ask(FactoryReset())
        await self.session(event="0 BOOTSTRAP", since=seen)
        await self.until(lambda: not self.server.open)
        assert self.agent is not None
        self.assertFalse(self.agent.runtime.tree.exists(ROW))

    async def test_from_the_configuration_alone(self) -> None:
        (self.state.parent / "row.toml").write_text(
            '[rows]\n"Device.XMPP.Connection." = [1]\n"Device.XMPP.Connection.1.Server." = [1]\n'
        )
        self.model = find_model(["device2", "row.toml"], self.state.parent)
        row = {each.name: each.value.text for each in self.row().parameter_list}
        await self.bootstrapped(**row)
        await self.until(lambda: self.value(SERVER + "ConnReqJabberID") == JID)

    async def test_a_reboot_that_fails_leaves_it_connected(self) -> None:
        await self.connected()
        config = self.config(boot="system")
        await self.end()
        since = self.lab.sessions.seen
        self.begin(replace(config, hooks=replace(config.hooks, reboot=("/bin/false",))))
        await self.session(event="4 VALUE CHANGE", since=since)  # of the URL, whose port is different
        await self.until(lambda: self.server.bound)
        await self.ask(Reboot("key"))
        await self.until(lambda: any(isinstance(fact, Warned) and "reboot" in fact.text for fact in self.facts))
        await self.until(lambda: JID in self.server.bound)
        self.assertGreater(self.lab.sessions.seen, since)
