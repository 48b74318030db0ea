"""Tests of XMPP connection requests: the answers, and the conditions that prevent a request."""

from __future__ import annotations

import json
from dataclasses import replace

from cwmpagent.errors import ConfigError
from cwmpagent.lab.acs.connection_request.errors import UnreachableError
from cwmpagent.lab.acs.connection_request.xmpp import XmppAccount, XmppAcs
from cwmpagent.lab.console.api import Api
from cwmpagent.protocol.auth import Credentials
from tests.agent.bench import DEVICE, SERVER, reactor
from tests.conformance.test_xmpp_requests import JID, XmppCase
from tests.transport.xmpp.xmpp_server import DOMAIN


class AskingTests(XmppCase):
    def account(self) -> XmppAccount:
        return XmppAccount(
            jid=f"acs@{DOMAIN}/lab", password="acs-pw", server=f"127.0.0.1:{self.number}", ca_file=self.ca
        )

    async def logged_in(self) -> XmppAcs:
        self.lines: list[str] = []
        self.lab.xmpp = acs = XmppAcs(reactor, self.account(), monotonic=reactor.seconds, on_status=self.lines.append)
        acs.start()
        self.addCleanup(acs.close)
        await self.until(lambda: acs.standing.status == "Enabled")
        return acs

    async def refused(self) -> str:
        with self.assertRaises(UnreachableError) as caught:
            await self.lab.connection_request_by_xmpp(DEVICE)
        return str(caught.exception)

    async def test_asked(self) -> None:
        await self.connected()
        await self.logged_in()
        self.assertIn(f"XMPP: Enabled as acs@{DOMAIN}/lab", self.lines)
        coming = self.session(event="6 CONNECTION REQUEST")
        path = ["devices", DEVICE, "connection-request"]
        reply = await Api(self.lab).answer("POST", path, path, b'{"by": "xmpp"}')
        self.assertEqual((reply.status, json.loads(reply.body)), (200, {"answer": "accepted"}))
        await coming
        self.lab._connection_request = Credentials("acs", "wrong")
        self.assertEqual(await self.lab.connection_request_by_xmpp(DEVICE), "not-authorized")

    async def test_what_keeps_it_from_asking(self) -> None:
        await self.connected()
        self.assertIn("--xmpp-jid", await self.refused())
        acs = await self.logged_in()
        self.assertEqual(self.lab.devices[DEVICE].find("ManagementServer.ConnReqJabberID"), JID)
        self.lab._connection_request = None
        self.assertIn("no credentials", await self.refused())
        self.lab._connection_request = Credentials("acs", "request-secret")
        name = SERVER + "ConnReqJabberID"
        known = self.lab.devices[DEVICE].parameters
        known[name] = replace(known[name], text="")
        self.assertIn("has reported no ConnReqJabberID", await self.refused())
        known[name] = replace(known[name], text=f"nobody@{DOMAIN}/x")
        self.assertNotEqual(await self.lab.connection_request_by_xmpp(DEVICE), "accepted")
        known[name] = replace(known[name], text=JID)
        await acs.close()
        self.assertIn("the lab's own XMPP account", await self.refused())

    async def test_the_password_shows_nowhere(self) -> None:
        self.assertNotIn("acs-pw", repr(self.account()))

    def test_wrong_accounts(self) -> None:
        for change, option in (
            ({"jid": "acs"}, "--xmpp-jid"),
            ({"jid": "@x"}, "--xmpp-jid"),
            ({"jid": "a b@x"}, "--xmpp-jid"),
            ({"server": "host"}, "--xmpp-server"),
            ({"server": "host:0"}, "--xmpp-server"),
            ({"server": ":1"}, "--xmpp-server"),
        ):
            error = self.assertRaises(ConfigError, replace(self.account(), **change).account)
            self.assertEqual(error.key, option)
