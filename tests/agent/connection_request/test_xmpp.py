"""The table of XMPP connections and the state of connections, with different models."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SkipTest, SynchronousTestCase

from cwmpagent.agent.facts import ConnectionRequestRefused, Noted, Warned
from cwmpagent.agent.parameters.changes import Origin
from cwmpagent.datamodel.plan import ParameterAssignment
from cwmpagent.device.models import find_model
from cwmpagent.protocol.agenda.events import SCHEDULED, Event
from cwmpagent.protocol.connection_request.refusal import Refusal
from cwmpagent.protocol.connection_request.xmpp import ConnectionRequest, XmppVerdict
from cwmpagent.protocol.connection_request.xmpp_account import Account, Retry, Server, Standing, Stats
from cwmpagent.runtime.factory_defaults import capabilities
from tests.agent.ports import SERVER, SimulatedAgent, finished
from tests.skips import NO_BBF, bbf_directory

TABLE = "Device.XMPP.Connection."
ROW = TABLE + "1."
JID = "cpe@x.example/r"


class FakeXmpp:
    """Records opened connections; ``slow``: closing waits until ``closing`` is fired."""

    def __init__(self) -> None:
        self.opened: list[FakeConnection] = []
        self.slow = False

    def open(self, account: Account, stats: Stats, on_standing: Any, on_request: Any) -> FakeConnection:
        connection = FakeConnection(self, account, stats, on_standing, on_request)
        self.opened.append(connection)
        on_standing(Standing("Connecting"))  # at once, as the real client does
        return connection

    @property
    def now(self) -> list[FakeConnection]:
        return [each for each in self.opened if not each.closed]


class FakeConnection:
    def __init__(self, xmpp: FakeXmpp, account: Account, stats: Stats, on_standing: Any, on_request: Any) -> None:
        self.xmpp = xmpp
        self.account = account
        self.stats = stats
        self.on_standing = on_standing
        self.on_request = on_request
        self.closed = False
        self.closing: Deferred[None] | None = None

    async def close(self) -> None:
        if self.xmpp.slow:
            self.closing = Deferred()
            await self.closing
        self.closed = True


class XmppCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.simulated = SimulatedAgent(ConnectionRequestUsername="acs", ConnectionRequestPassword="pw")
        self.simulated.xmpp = self.xmpp = FakeXmpp()

    def begin(self) -> None:
        self.simulated.begin()
        self.simulated.run(10)

    def write(self, **texts: str) -> None:
        assignments = [ParameterAssignment(name, text) for name, text in texts.items()]
        finished(self.simulated.runtime.changes.set_values(assignments, Origin.ACS))

    def add_row(self, **more: str) -> None:
        finished(self.simulated.runtime.changes.add_object(TABLE, Origin.ACS))
        values = {"Username": "cpe", "Password": "secret", "Domain": "x.example", "Enable": "true", **more}
        row = f"{TABLE}{self.simulated.runtime.tree.instances(TABLE)[-1]}."
        self.write(**{row + name: text for name, text in values.items()})
        self.write(**{SERVER + "ConnReqXMPPConnection": row.removesuffix(".")})

    def value(self, path: str) -> str:
        return self.simulated.runtime.tree.value(path).text

    def standing(self, *standing: Any) -> None:
        self.xmpp.now[-1].on_standing(Standing(*standing))
        self.simulated.run(1)


class TableTests(XmppCase):
    def test_accounts(self) -> None:
        self.begin()
        self.assertEqual(self.xmpp.opened, [])
        self.add_row()
        (connection,) = self.xmpp.now
        self.assertEqual(connection.account, Account(username="cpe", password="secret", domain="x.example"))
        for _ in range(3):
            finished(self.simulated.runtime.changes.add_object(ROW + "Server.", Origin.ACS))
        self.write(
            **{
                ROW + "Resource": "r",
                ROW + "UseTLS": "true",
                ROW + "KeepAliveInterval": "0",
                ROW + "ServerConnectAlgorithm": "ServerTable",
                ROW + "ServerConnectAttempts": "2",
                ROW + "ServerRetryInitialInterval": "3",
                ROW + "ServerRetryIntervalMultiplier": "4000",
                ROW + "ServerRetryMaxInterval": "5",
                ROW + "Server.1.Enable": "true",
                ROW + "Server.1.ServerAddress": "a",
                ROW + "Server.2.ServerAddress": "b",
                ROW + "Server.3.Enable": "true",
                ROW + "Server.3.ServerAddress": "c",
                ROW + "Server.3.Port": "1",
                ROW + "Server.3.Priority": "2",
                ROW + "Server.3.Weight": "-1",
            }
        )
        (connection,) = self.xmpp.now
        expected = Account(
            username="cpe",
            password="secret",
            domain="x.example",
            resource="r",
            use_tls=True,
            keep_alive=0,
            algorithm="ServerTable",
            servers=(Server("a", 5222), Server("c", 1, 2, -1)),
            retry=Retry(2, 3, 4000, 5),
        )
        self.assertEqual(connection.account, expected)

    def test_one_after_the_other(self) -> None:
        """A changed row is opened again only after the old stream has ended."""
        self.begin()
        self.add_row()
        self.standing("Enabled", JID)
        self.xmpp.slow = True
        self.write(**{ROW + "Resource": "one"})
        self.write(**{ROW + "Resource": "two"})
        self.simulated.run(10)
        self.assertEqual(len(self.xmpp.opened), 1)
        self.assertEqual(self.value(ROW + "Status"), "Enabled")
        self.xmpp.slow = False
        closing = self.xmpp.opened[0].closing
        assert closing is not None
        closing.callback(None)
        self.assertEqual([each.account.resource for each in self.xmpp.opened], ["", "two"])
        self.assertEqual(self.value(ROW + "Status"), "Connecting")

    def test_what_does_not_concern_it_disturbs_nothing(self) -> None:
        self.begin()
        self.add_row()
        self.write(**{SERVER + "PeriodicInformInterval": "77", ROW + "Alias": "mine"})
        self.assertEqual(len(self.xmpp.opened), 1)

    def test_statuses(self) -> None:
        self.begin()
        self.add_row()
        for status in ("ServerNotPresent", "Error_Misconfigured", "Error_AuthenticationFailure", "Error", "Connecting"):
            self.standing(status, "", False, f"because of {status}")
            self.assertEqual(self.value(ROW + "Status"), status)
        self.standing("Enabled", JID, True)
        self.assertEqual(self.value(ROW + "Status"), "Enabled")
        self.assertEqual(self.value(ROW + "TLSEstablished"), "true")
        since = self.value(ROW + "LastChangeDate")
        self.simulated.run(100)
        self.standing("Enabled", JID, False)
        self.assertEqual(self.value(ROW + "LastChangeDate"), since)
        self.standing("ServerNotPresent", "", False, "gone")
        self.assertNotEqual(self.value(ROW + "LastChangeDate"), since)
        self.assertEqual(self.value(ROW + "JabberID"), JID)
        self.assertEqual(self.value(SERVER + "ConnReqJabberID"), JID)
        warned = [fact.text for fact in self.simulated.odd() if isinstance(fact, Warned)]
        self.assertEqual(len(warned), 6)
        self.assertIn("because of Error", warned[3])

    def test_a_disk_that_is_full_for_a_while(self) -> None:
        self.begin()
        self.add_row()
        self.simulated.store.refusing = "disk full"
        self.standing("Enabled", JID)
        self.standing("Enabled", JID, True)
        self.assertEqual(self.value(ROW + "Status"), "Connecting")
        self.simulated.store.refusing = None
        self.simulated.happen(Event(SCHEDULED))
        self.simulated.run(10)
        self.assertEqual(self.value(ROW + "Status"), "Enabled")
        told = [fact.text for fact in self.simulated.odd() if isinstance(fact, Warned) and "XMPP" in fact.text]
        self.assertEqual(len(told), 1)

    def test_a_row_that_is_deleted_while_it_is_written(self) -> None:
        self.begin()
        self.add_row()
        connection = self.xmpp.now[0]
        finished(self.simulated.runtime.changes.delete_object(ROW, Origin.ACS))
        self.assertTrue(connection.closed)
        connection.on_standing(Standing("Enabled", JID))
        self.simulated.run(10)
        self.assertEqual(self.value(SERVER + "ConnReqJabberID"), "")
        self.assertEqual([fact for fact in self.simulated.odd() if "written" in str(fact)], [])

    def test_stopped(self) -> None:
        self.begin()
        self.add_row()
        self.standing("Enabled", JID)
        self.simulated.reboot()
        self.simulated.run(10)
        self.assertTrue(self.xmpp.opened[0].closed)
        self.assertEqual(len(self.xmpp.now), 1)
        self.assertEqual(self.value(SERVER + "ConnReqJabberID"), JID)
        self.assertEqual(self.value(ROW + "Status"), "Connecting")

    def test_the_log_says_what_a_login_without_tls_exposes(self) -> None:
        self.begin()
        self.add_row()
        self.standing("Enabled", "cpe@x.example/r", False)
        self.standing("Enabled", "cpe@x.example/r", True)
        notes = [fact.text for fact in self.simulated.facts if isinstance(fact, Noted) and "logged in" in fact.text]
        self.assertIn("without TLS, as UseTLS is false: the passwords in connection requests can be read", notes[0])
        self.assertTrue(notes[1].endswith("with TLS"))


class AskedTests(XmppCase):
    def request(self, connection: FakeConnection, password: str = "pw", sender: str = "acs@x.example/l") -> XmppVerdict:
        verdict: XmppVerdict = connection.on_request(ConnectionRequest(sender, "acs", password))
        return verdict

    def test_the_connection_for_requests(self) -> None:
        self.begin()
        self.add_row()
        self.add_row(Username="other")
        one, other = self.xmpp.now
        self.assertIs(self.request(one), XmppVerdict.UNAVAILABLE)
        self.assertIs(self.request(other), XmppVerdict.ACCEPTED)
        self.assertIs(self.request(other, "x"), XmppVerdict.NOT_AUTHORIZED)
        before = len(self.simulated.acs.event_codes())
        self.simulated.run(10)
        self.assertEqual(self.simulated.acs.event_codes()[before:], [("6 CONNECTION REQUEST",)])

    def test_each_refusal_is_a_fact_with_sender_and_reason(self) -> None:
        self.begin()
        self.add_row()
        self.add_row(Username="other")
        one, other = self.xmpp.now
        self.request(one)
        self.request(other, "x")
        self.write(**{SERVER + "ConnReqAllowedJabberIDs": "nobody@x.example"})
        self.request(other, sender="eve@x.example/z")
        refused = [fact for fact in self.simulated.facts if isinstance(fact, ConnectionRequestRefused)]
        self.assertEqual(
            [(fact.source, fact.by, fact.reason) for fact in refused],
            [
                ("acs@x.example/l", "XMPP", Refusal.OTHER_CONNECTION.value),
                ("acs@x.example/l", "XMPP", Refusal.WRONG_CREDENTIALS.value),
                ("eve@x.example/z", "XMPP", Refusal.SENDER_NOT_ALLOWED.value),
            ],
        )

    def test_after_the_end(self) -> None:
        self.begin()
        self.add_row()
        connection = self.xmpp.now[0]
        finished(self.simulated.runtime.stop())
        self.assertIs(self.request(connection), XmppVerdict.UNAVAILABLE)


class ModelTests(XmppCase):
    def test_a_model_that_has_none_of_it(self) -> None:
        root = self.simulated.model.root
        children = {name: child for name, child in root.children.items() if name != "XMPP"}
        self.simulated.model = replace(self.simulated.model, root=replace(root, children=children))
        self.begin()
        self.assertEqual((self.xmpp.opened, self.simulated.odd()), ([], []))
        self.assertEqual(capabilities(self.simulated.model)[SERVER + "SupportedConnReqMethods"], "HTTP")

    def test_a_model_with_fewer_words_and_parameters(self) -> None:
        root = self.simulated.model.root
        xmpp = root.children["XMPP"]
        table = xmpp.children["Connection"]
        status = table.parameters["Status"]
        assert status.restriction is not None
        words = replace(status, restriction=replace(status.restriction, enumeration=("Enabled", "Disabled", "Unknown")))
        kept = {name: each for name, each in table.parameters.items() if name not in ("LastChangeDate", "JabberID")}
        smaller = replace(table, parameters={**kept, "Status": words})
        xmpp = replace(xmpp, children={"Connection": smaller})
        self.simulated.model = replace(
            self.simulated.model, root=replace(root, children={**root.children, "XMPP": xmpp})
        )
        self.begin()
        self.add_row()
        self.assertEqual(self.value(ROW + "Status"), "Unknown")
        self.standing("Enabled", JID)
        self.assertEqual(self.value(ROW + "Status"), "Enabled")
        self.assertEqual(self.value(SERVER + "ConnReqJabberID"), JID)

    def test_published_models(self) -> None:
        directory = bbf_directory()
        if directory is None:
            raise SkipTest(NO_BBF)
        profiles = ("XMPPConnReq:1", "XMPPAdvanced:1", "XMPPReconnect:1")
        published = {"tr-181-2-17-0-cwmp-full.xml": "Device.", "tr-098-1-8-0-full.xml": "InternetGatewayDevice."}
        for name, root in published.items():
            simulated = SimulatedAgent()
            simulated.xmpp = xmpp = FakeXmpp()
            simulated.model = find_model(str(directory / name), profiles=("Baseline:1", *profiles))
            simulated.values = {
                path.replace("Device.", root, 1): each for path, each in simulated.values.items() if "Retry" not in path
            }
            simulated.begin()
            simulated.run(10)
            table, server = root + "XMPP.Connection.", root + "ManagementServer."
            methods = simulated.runtime.tree.value(server + "SupportedConnReqMethods").text
            self.assertEqual(methods, "HTTP,XMPP")
            finished(simulated.runtime.changes.add_object(table, Origin.ACS))
            values = {
                table + "1.Enable": "true",
                table + "1.Username": "cpe",
                table + "1.Password": "secret",
                table + "1.Domain": "x.example",
                table + "1.ServerConnectAlgorithm": "ServerTable",
                server + "ConnReqXMPPConnection": table + "1",
            }
            finished(
                simulated.runtime.changes.set_values(
                    [ParameterAssignment(path, text) for path, text in values.items()], Origin.ACS
                )
            )
            (connection,) = xmpp.now
            self.assertEqual(connection.account.algorithm, "ServerTable")
            connection.on_standing(Standing("Error", "", False, "x"))
            self.assertEqual(simulated.runtime.tree.value(table + "1.Status").text, "Error")
            connection.on_standing(Standing("Enabled", JID, True))
            self.assertEqual(simulated.runtime.tree.value(server + "ConnReqJabberID").text, JID)
