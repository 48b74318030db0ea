"""XMPP connection requests through prosody, with hashed passwords and TLS of a private CA."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from twisted.trial.unittest import SkipTest

from cwmpagent.agent.facts import Warned
from cwmpagent.device.models import find_model
from cwmpagent.lab.acs.connection_request.xmpp import XmppAccount, XmppAcs
from cwmpagent.protocol.auth import Credentials
from cwmpagent.protocol.rpc import GetParameterValues
from tests.agent.bench import DEVICE, SERVER, reactor
from tests.conformance.test_xmpp_requests import ROW, TABLE, XmppCase
from tests.real.prosody import PROGRAM, Prosody
from tests.skips import NO_PROSODY
from tests.transport.certificates import Authority
from tests.transport.xmpp.xmpp_server import DOMAIN

JID = f"cpe@{DOMAIN}/gateway"


class ProsodyCase(XmppCase):
    """A prosody with the accounts ``cpe`` and ``acs``; the row of the connection is in the agent's configuration."""

    timeout = 90

    def setUp(self) -> None:
        if PROGRAM is None:
            raise SkipTest(NO_PROSODY)
        super().setUp()
        (self.state.parent / "row.toml").write_text(f'[rows]\n"{TABLE}" = [1]\n"{ROW}Server." = [1]\n')
        self.model = find_model(["device2", "row.toml"], self.state.parent)
        self.authority = Authority("Prosody CA")
        self.ca.write_bytes(self.authority.own.pem)

    async def prosody(self, *names: str, tls: bool = True, **more: Any) -> Prosody:
        certificate = self.authority.sign(*(names or (DOMAIN,))) if tls else None
        server = Prosody(Path(self.mktemp()).absolute(), DOMAIN, certificate, **more)
        server.register("cpe", "xmpp-secret")
        server.register("acs", "acs-pw")
        await server.start()
        self.addCleanup(server.kill)
        self.number = server.port
        return server

    async def agent_with(self, **more: str) -> None:
        row = {each.name: each.value.text for each in self.row(**more).parameter_list}
        await self.bootstrapped(**row)

    async def status(self, status: str) -> None:
        await self.until(lambda: self.value(ROW + "Status") == status, 30)

    def warned(self) -> str:
        return "\n".join(fact.text for fact in self.facts if isinstance(fact, Warned))

    async def assert_answers(self) -> None:
        """Check the answers to a wrong password, to a valid request, and to one that is over the limit."""
        client = await self.acs()
        await self.until(lambda: self.value(SERVER + "ConnReqJabberID") == JID, 30)
        self.assertEqual(await self.request(client, password="wrong"), "not-authorized")
        since = self.lab.sessions.seen
        self.assertEqual(await self.request(client), "result")
        trace = await self.session(event="6 CONNECTION REQUEST", since=since)
        self.assertIn("6 CONNECTION REQUEST", trace.event_codes)
        assert self.agent is not None
        self.agent.runtime.connection_requests.http.requested = lambda source, by: False  # type: ignore[method-assign]
        self.assertEqual(await self.request(client), "service-unavailable")
        await client.close()


class LoginTests(ProsodyCase):
    async def test_scram_sha_256(self) -> None:
        await self.prosody()
        await self.agent_with()
        await self.status("Enabled")
        self.assertEqual(self.value(ROW + "TLSEstablished"), "true")
        await self.assert_answers()
        self.assertEqual(self.warned(), "")

    async def test_scram_sha_1(self) -> None:
        server = await self.prosody(hash="SHA-1", without=("PLAIN",))
        await self.agent_with()
        await self.status("Enabled")
        self.assertIn("Authenticated as cpe@", server.log())

    async def test_plain_in_tls(self) -> None:
        scrams = ("SCRAM-SHA-1", "SCRAM-SHA-256", "SCRAM-SHA-1-PLUS", "SCRAM-SHA-256-PLUS")
        await self.prosody(without=scrams)
        await self.agent_with()
        await self.status("Enabled")
        await self.assert_answers()

    async def test_a_server_without_tls(self) -> None:
        await self.prosody(tls=False)
        await self.agent_with(UseTLS="false")
        await self.status("Enabled")
        self.assertEqual(self.value(ROW + "TLSEstablished"), "false")

    async def test_tls_that_is_offered_is_not_begun_without_use_tls(self) -> None:
        """Nobody asked for TLS: the certificate of another name does not matter."""
        await self.prosody("other.example", requires_tls=False)
        await self.agent_with(UseTLS="false")
        await self.status("Enabled")
        self.assertEqual(self.value(ROW + "TLSEstablished"), "false")
        self.assertEqual(self.warned(), "")

    async def test_tls_that_is_required_is_begun_without_use_tls(self) -> None:
        await self.prosody()
        await self.agent_with(UseTLS="false")
        await self.status("Enabled")
        self.assertEqual(self.value(ROW + "TLSEstablished"), "true")


class LabTests(ProsodyCase):
    async def test_the_lab_asks(self) -> None:
        """The lab sends a connection request through prosody with its own account."""
        await self.prosody()
        await self.agent_with()
        await self.until(lambda: self.value(SERVER + "ConnReqJabberID") == JID, 30)
        server = f"127.0.0.1:{self.number}"
        account = XmppAccount(jid=f"acs@{DOMAIN}/lab", password="acs-pw", server=server, ca_file=self.ca)
        self.lab.xmpp = acs = XmppAcs(reactor, account, monotonic=reactor.seconds)
        acs.start()
        self.addCleanup(acs.close)
        await self.until(lambda: acs.standing.status == "Enabled", 30)
        await self.ask(GetParameterValues((SERVER,)))
        coming = self.session(event="6 CONNECTION REQUEST")
        self.assertEqual(await self.lab.connection_request_by_xmpp(DEVICE), "accepted")
        await coming
        self.lab._connection_request = Credentials("acs", "wrong")
        self.assertEqual(await self.lab.connection_request_by_xmpp(DEVICE), "not-authorized")


class TroubleTests(ProsodyCase):
    async def test_killed_and_started_again(self) -> None:
        server = await self.prosody()
        await self.agent_with()
        await self.status("Enabled")
        await server.kill()
        await self.status("ServerNotPresent")
        self.assertEqual(self.value(SERVER + "ConnReqJabberID"), JID)
        await server.start()
        await self.status("Enabled")
        await self.assert_answers()

    async def test_wrong_password(self) -> None:
        server = await self.prosody()
        await self.agent_with(Password="wrong")
        await self.status("Error_AuthenticationFailure")
        self.assertIn("refuses the user name and password", self.warned())
        server.register("cpe", "wrong")
        await self.status("Enabled")

    async def test_a_certificate_for_another_name(self) -> None:
        server = await self.prosody("other.example", "127.0.0.1")
        await self.agent_with()
        await self.status("Error")
        self.assertIn(f"it is not for {DOMAIN}", self.warned())
        self.assertNotIn("uthenticat", server.log())

    async def test_a_server_without_tls_where_tls_is_asked_for(self) -> None:
        server = await self.prosody(tls=False, plain=True)
        await self.agent_with()
        await self.status("Error_Misconfigured")
        self.assertIn("offers no TLS", self.warned())
        self.assertNotIn("uthenticat", server.log())

    async def test_the_password_does_not_leave_in_the_clear(self) -> None:
        scrams = ("SCRAM-SHA-1", "SCRAM-SHA-256")
        server = await self.prosody(tls=False, plain=True, without=scrams)
        await self.agent_with(UseTLS="false")
        await self.status("Error_Misconfigured")
        self.assertIn("requires the password without TLS", self.warned())
        self.assertNotIn("uthenticated as", server.log())

    async def test_two_with_the_same_name(self) -> None:
        """A resource conflict: the agent waits before the next attempt and logs the reason."""
        await self.prosody()
        await self.agent_with(ServerRetryInitialInterval="60", ServerRetryMaxInterval="60")
        await self.status("Enabled")
        await self.acs("gateway", "cpe", "xmpp-secret")
        await self.status("Connecting")
        self.assertIn("conflict", self.warned())
