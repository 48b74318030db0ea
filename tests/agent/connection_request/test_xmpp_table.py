"""Rows of the data model, read as accounts."""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from cwmpagent.agent.connection_request.xmpp_table import XmppTable
from cwmpagent.datamodel.tree import Tree
from cwmpagent.device.models import find_model
from cwmpagent.protocol.connection_request.xmpp_account import KEEP_ALIVE, Account, Retry, Server

ROW = "Device.XMPP.Connection.1."


class TableTests(SynchronousTestCase):
    def accounts(self, *names: str, **values: str) -> dict[str, Account]:
        """Account of row 1 with ``values``, by the ends of their paths."""
        directory = Path(self.mktemp())
        directory.mkdir()
        lines = ["[rows]", '"Device.XMPP.Connection." = [1]', f'"{ROW}Server." = [1, 2]', "[values]"]
        lines += [f'"{ROW}{name}" = {value}' for name, value in {"Enable": "true", **values}.items()]
        (directory / "row.toml").write_text("\n".join(lines) + "\n")
        return XmppTable(Tree(find_model(["device2", "row.toml"], directory))).accounts()

    def test_defaults(self) -> None:
        self.assertEqual(self.accounts(), {ROW: Account(username="", password="", domain="", use_tls=False)})
        self.assertEqual(self.accounts()[ROW].retry, Retry(16, 60, 2000, 30720))
        self.assertEqual(self.accounts(Enable="false"), {})

    def test_keep_alive(self) -> None:
        for written, seconds in (("-1", KEEP_ALIVE), ("0", 0), ("45", 45)):
            self.assertEqual(self.accounts(KeepAliveInterval=written)[ROW].keep_alive, seconds)

    def test_everything(self) -> None:
        found = self.accounts(
            **{
                "Username": '"u"',
                "Password": '"p"',
                "Domain": '"example.org"',
                "Resource": '"r"',
                "UseTLS": "true",
                "ServerConnectAlgorithm": '"ServerTable"',
                "ServerConnectAttempts": "1",
                "ServerRetryInitialInterval": "2",
                "ServerRetryIntervalMultiplier": "3000",
                "ServerRetryMaxInterval": "4",
                "Server.1.Enable": "true",
                "Server.1.ServerAddress": '"192.0.2.1"',
                "Server.1.Port": "5223",
                "Server.1.Priority": "5",
                "Server.1.Weight": "6",
                "Server.2.ServerAddress": '"192.0.2.2"',
            }
        )
        self.assertEqual(
            found[ROW],
            Account(
                username="u",
                password="p",
                domain="example.org",
                resource="r",
                use_tls=True,
                algorithm="ServerTable",
                servers=(Server("192.0.2.1", 5223, 5, 6),),
                retry=Retry(1, 2, 3000, 4),
            ),
        )

    def test_a_model_with_less_of_it_and_text_for_a_number(self) -> None:
        directory = Path(self.mktemp())
        directory.mkdir()
        (directory / "small.toml").write_text(
            '[objects."Device."]\n[objects."Device.XMPP."]\n'
            '[objects."Device.XMPP.Connection.{i}."]\n[objects."Device.XMPP.Connection.{i}.".parameters]\n'
            'Enable = { type = "boolean", default = true }\n'
            'KeepAliveInterval = { type = "string", default = "often" }\n'
            '[rows]\n"Device.XMPP.Connection." = [1]\n'
        )
        table = XmppTable(Tree(find_model(["small.toml"], directory)))
        self.assertEqual(table.accounts(), {ROW: Account(username="", password="", domain="")})
