"""What the agent makes of the table of XMPP connections, and of what a connection tells; models of every kind."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SkipTest, SynchronousTestCase

from cwmpagent.agent.facts import Noted, Warned
from cwmpagent.agent.parameters.changes import Origin
from cwmpagent.datamodel.plan import ParameterAssignment
from cwmpagent.device.models import find_model
from cwmpagent.protocol.agenda.events import SCHEDULED, Event
from cwmpagent.protocol.connection_request.xmpp import ConnectionRequest, XmppVerdict
from cwmpagent.protocol.connection_request.xmpp_account import Account, Retry, Server, Standing, Stats
from cwmpagent.runtime.factory_defaults import abilities
from tests.agent.ports import SERVER, Lives, finished
from tests.skips import NO_BBF, bbf_directory

TABLE = "Device.XMPP.Connection."
ROW = TABLE + "1."
JID = "cpe@x.example/r"


class FakeXmpp:
    """Remembers what was opened; ``slow``: closing takes until somebody fires it."""

    def __init__(self) -> None:
        self.opened: list[FakeConnection] = []
        self.slow = False

    def open(self, account: Account, stats: Stats, told: Any, asked: Any) -> FakeConnection:
        connection = FakeConnection(self, account, stats, told, asked)
        self.opened.append(connection)
        told(Standing("Connecting"))  # at once, as the real one does
        return connection

    @property
    def now(self) -> list[FakeConnection]:
        return [each for each in self.opened if not each.closed]


class FakeConnection:
    def __init__(self, xmpp: FakeXmpp, account: Account, stats: Stats, told: Any, asked: Any) -> None:
        self.xmpp = xmpp
        self.account = account
        self.stats = stats
        self.told = told
        self.asked = asked
        self.closed = False
        self.closing: Deferred[None] | None = None

    async def close(self) -> None:
        if self.xmpp.slow:
            self.closing = Deferred()
            await self.closing
        self.closed = True


class XmppCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.lives = Lives(ConnectionRequestUsername="acs", ConnectionRequestPassword="pw")
        self.lives.xmpp = self.xmpp = FakeXmpp()

    def begin(self) -> None:
        self.lives.begin()
        self.lives.run(10)

    def write(self, **texts: str) -> None:
        assignments = [ParameterAssignment(name, text) for name, text in texts.items()]
        finished(self.lives.runtime.changes.set_values(assignments, Origin.ACS))

    def add_row(self, **more: str) -> None:
        finished(self.lives.runtime.changes.add_object(TABLE, Origin.ACS))
        values = {"Username": "cpe", "Password": "secret", "Domain": "x.example", "Enable": "true", **more}
        row = f"{TABLE}{self.lives.runtime.tree.instances(TABLE)[-1]}."
        self.write(**{row + name: text for name, text in values.items()})
        self.write(**{SERVER + "ConnReqXMPPConnection": row.removesuffix(".")})

    def value(self, path: str) -> str:
        return self.lives.runtime.tree.value(path).text

    def standing(self, *standing: Any) -> None:
        self.xmpp.now[-1].told(Standing(*standing))
        self.lives.run(1)


class TableTests(XmppCase):
    def test_accounts(self) -> None:
        self.begin()
        self.assertEqual(self.xmpp.opened, [])
        self.add_row()
        (connection,) = self.xmpp.now
        self.assertEqual(connection.account, Account(username="cpe", password="secret", domain="x.example"))
        for _ in range(3):
            finished(self.lives.runtime.changes.add_object(ROW + "Server.", Origin.ACS))
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
        """A changed row is opened again only when the old stream has ended."""
        self.begin()
        self.add_row()
        self.standing("Enabled", JID)
        self.xmpp.slow = True
        self.write(**{ROW + "Resource": "one"})
        self.write(**{ROW + "Resource": "two"})
        self.lives.run(10)
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
        self.lives.run(100)
        self.standing("Enabled", JID, False)
        self.assertEqual(self.value(ROW + "LastChangeDate"), since)
        self.standing("ServerNotPresent", "", False, "gone")
        self.assertNotEqual(self.value(ROW + "LastChangeDate"), since)
        self.assertEqual(self.value(ROW + "JabberID"), JID)
        self.assertEqual(self.value(SERVER + "ConnReqJabberID"), JID)
        warned = [fact.text for fact in self.lives.odd() if isinstance(fact, Warned)]
        self.assertEqual(len(warned), 6)
        self.assertIn("because of Error", warned[3])

    def test_a_disk_that_is_full_for_a_while(self) -> None:
        self.begin()
        self.add_row()
        self.lives.store.refusing = "disk full"
        self.standing("Enabled", JID)
        self.standing("Enabled", JID, True)
        self.assertEqual(self.value(ROW + "Status"), "Connecting")
        self.lives.store.refusing = None
        self.lives.happen(Event(SCHEDULED))
        self.lives.run(10)
        self.assertEqual(self.value(ROW + "Status"), "Enabled")
        told = [fact.text for fact in self.lives.odd() if isinstance(fact, Warned) and "XMPP" in fact.text]
        self.assertEqual(len(told), 1)

    def test_a_row_that_is_deleted_while_it_is_written(self) -> None:
        self.begin()
        self.add_row()
        connection = self.xmpp.now[0]
        finished(self.lives.runtime.changes.delete_object(ROW, Origin.ACS))
        self.assertTrue(connection.closed)
        connection.told(Standing("Enabled", JID))
        self.lives.run(10)
        self.assertEqual(self.value(SERVER + "ConnReqJabberID"), "")
        self.assertEqual([fact for fact in self.lives.odd() if "written" in str(fact)], [])

    def test_stopped(self) -> None:
        self.begin()
        self.add_row()
        self.standing("Enabled", JID)
        self.lives.reboot()
        self.lives.run(10)
        self.assertTrue(self.xmpp.opened[0].closed)
        self.assertEqual(len(self.xmpp.now), 1)
        self.assertEqual(self.value(SERVER + "ConnReqJabberID"), JID)
        self.assertEqual(self.value(ROW + "Status"), "Connecting")

    def test_the_log_says_what_a_login_without_tls_exposes(self) -> None:
        self.begin()
        self.add_row()
        self.standing("Enabled", "cpe@x.example/r", False)
        self.standing("Enabled", "cpe@x.example/r", True)
        notes = [fact.text for fact in self.lives.facts if isinstance(fact, Noted) and "logged in" in fact.text]
        self.assertIn("without TLS, as UseTLS is false: the passwords in connection requests can be read", notes[0])
        self.assertTrue(notes[1].endswith("with TLS"))


class AskedTests(XmppCase):
    def asked(self, connection: FakeConnection, password: str = "pw", sender: str = "acs@x.example/l") -> XmppVerdict:
        verdict: XmppVerdict = connection.asked(ConnectionRequest(sender, "acs", password))
        return verdict

    def test_the_connection_for_requests(self) -> None:
        self.begin()
        self.add_row()
        self.add_row(Username="other")
        one, other = self.xmpp.now
        self.assertIs(self.asked(one), XmppVerdict.UNAVAILABLE)
        self.assertIs(self.asked(other), XmppVerdict.ACCEPTED)
        self.assertIs(self.asked(other, "x"), XmppVerdict.NOT_AUTHORIZED)
        before = len(self.lives.acs.told())
        self.lives.run(10)
        self.assertEqual(self.lives.acs.told()[before:], [("6 CONNECTION REQUEST",)])

    def test_after_the_end(self) -> None:
        self.begin()
        self.add_row()
        connection = self.xmpp.now[0]
        finished(self.lives.runtime.stop())
        self.assertIs(self.asked(connection), XmppVerdict.UNAVAILABLE)


class ModelTests(XmppCase):
    def test_a_model_that_has_none_of_it(self) -> None:
        root = self.lives.model.root
        children = {name: child for name, child in root.children.items() if name != "XMPP"}
        self.lives.model = replace(self.lives.model, root=replace(root, children=children))
        self.begin()
        self.assertEqual((self.xmpp.opened, self.lives.odd()), ([], []))
        self.assertEqual(abilities(self.lives.model)[SERVER + "SupportedConnReqMethods"], "HTTP")

    def test_a_model_with_fewer_words_and_parameters(self) -> None:
        root = self.lives.model.root
        xmpp = root.children["XMPP"]
        table = xmpp.children["Connection"]
        status = table.parameters["Status"]
        assert status.restriction is not None
        words = replace(status, restriction=replace(status.restriction, enumeration=("Enabled", "Disabled", "Unknown")))
        kept = {name: each for name, each in table.parameters.items() if name not in ("LastChangeDate", "JabberID")}
        smaller = replace(table, parameters={**kept, "Status": words})
        xmpp = replace(xmpp, children={"Connection": smaller})
        self.lives.model = replace(self.lives.model, root=replace(root, children={**root.children, "XMPP": xmpp}))
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
            lives = Lives()
            lives.xmpp = xmpp = FakeXmpp()
            lives.model = find_model(str(directory / name), profiles=("Baseline:1", *profiles))
            lives._values = {
                path.replace("Device.", root, 1): each for path, each in lives._values.items() if "Retry" not in path
            }
            lives.begin()
            lives.run(10)
            table, server = root + "XMPP.Connection.", root + "ManagementServer."
            methods = lives.runtime.tree.value(server + "SupportedConnReqMethods").text
            self.assertEqual(methods, "HTTP,XMPP")
            finished(lives.runtime.changes.add_object(table, Origin.ACS))
            values = {
                table + "1.Enable": "true",
                table + "1.Username": "cpe",
                table + "1.Password": "secret",
                table + "1.Domain": "x.example",
                table + "1.ServerConnectAlgorithm": "ServerTable",
                server + "ConnReqXMPPConnection": table + "1",
            }
            finished(
                lives.runtime.changes.set_values(
                    [ParameterAssignment(path, text) for path, text in values.items()], Origin.ACS
                )
            )
            (connection,) = xmpp.now
            self.assertEqual(connection.account.algorithm, "ServerTable")
            connection.told(Standing("Error", "", False, "x"))
            self.assertEqual(lives.runtime.tree.value(table + "1.Status").text, "Error")
            connection.told(Standing("Enabled", JID, True))
            self.assertEqual(lives.runtime.tree.value(server + "ConnReqJabberID").text, JID)
