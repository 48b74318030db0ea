"""The ACS's side of an XMPP connection request (TR-069 Annex K): an account of its own, and a question to a device."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import SystemRandom
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.defer import TimeoutError as Late

from cwmpagent.errors import ConfigError, XmppError
from cwmpagent.lab.acs.connection_request_http import UnreachableError
from cwmpagent.lab.acs.devices import LabDevice
from cwmpagent.protocol.auth import Credentials, stringprep_profiles
from cwmpagent.protocol.connection_request.xmpp import ELEMENT, NAMESPACE, ConnectionRequest, XmppVerdict
from cwmpagent.protocol.connection_request.xmpp_account import Account, Retry, Server, Standing, Stats
from cwmpagent.transport.tls.trust import TlsTrust
from cwmpagent.transport.xmpp.client import XmppClient, XmppConnector
from cwmpagent.transport.xmpp.markup import add, attribute, children, make

SECONDS = 10.0
"""How long a device may take for its answer."""
ACCEPTED = "accepted"


@dataclass(frozen=True, slots=True, kw_only=True)
class XmppAccount:
    """An account ``jid`` (``name@domain`` or ``name@domain/resource``) at ``server`` (``host:port``; empty: by DNS).

    ``ca_file``: PEM certificates that the server's chain may end in; None: those the system trusts.
    """

    jid: str
    password: str = field(repr=False)
    server: str = ""
    ca_file: Path | None = None

    def account(self) -> Account:
        """As the connection wants it. Raises ConfigError with the option at fault."""
        bare, _, resource = self.jid.partition("/")
        username, at, domain = bare.partition("@")
        try:
            if not (at and domain and stringprep_profiles.node(username) and stringprep_profiles.domain(domain)):
                raise ValueError
        except ValueError:
            raise ConfigError("--xmpp-jid", f"{self.jid!r} is no Jabber ID, as in acs@example.org/lab") from None
        host, colon, port = self.server.rpartition(":")
        if self.server and not (colon and host and port.isascii() and port.isdecimal() and 0 < int(port) < 65536):
            raise ConfigError("--xmpp-server", f"{self.server!r} is no HOST:PORT")
        servers = (Server(host.strip("[]"), int(port)),) if self.server else ()
        return Account(
            username=username,
            password=self.password,
            domain=domain,
            resource=resource,
            use_tls=True,
            algorithm="ServerTable" if servers else "DNS-SRV",
            servers=servers,
            retry=Retry(1, 5, 2000, 60),
        )


class XmppAcs:
    """Keeps the ACS's account logged in from :meth:`start` to :meth:`close`. Raises ConfigError for a wrong account.

    ``told`` gets a line for people whenever it stands another way.
    """

    def __init__(
        self,
        reactor: Any,
        account: XmppAccount,
        *,
        monotonic: Callable[[], float],
        told: Callable[[str], object] = lambda line: None,
    ) -> None:
        self._reactor = reactor
        self._account = account.account()
        self._told = told
        try:
            trust = TlsTrust(account.ca_file or "")
        except ConfigError as error:
            raise ConfigError("--xmpp-ca-file", error.reason) from None
        self._connector = XmppConnector(
            reactor=reactor,
            trust=trust,
            random=SystemRandom(),
            nonce=lambda: secrets.token_hex(16),
            monotonic=monotonic,
        )
        self._client: XmppClient | None = None
        self.standing = Standing("Disabled")

    def start(self) -> None:
        """Log in, again and again where that is necessary."""
        self._client = self._connector.open(self._account, Stats(), self._stands, _nobody)

    async def close(self) -> None:
        """Log out."""
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    async def ask(self, device: LabDevice, credentials: Credentials) -> str:
        """Ask ``device`` to call: :data:`ACCEPTED`, or the name of the error that it answers.

        Raises UnreachableError where there is no answer.
        """
        jid = device.find("ManagementServer.ConnReqJabberID") or ""
        if not jid:
            raise UnreachableError(f"{device.id} has told no ConnReqJabberID: let a task read Device.ManagementServer.")
        if self._client is None or self.standing.status != "Enabled":
            reason = self.standing.reason or "it is not logged in"
            raise UnreachableError(f"the lab's own XMPP account: {reason}")
        request = make(NAMESPACE, ELEMENT)
        add(request, make(NAMESPACE, "username", credentials.username))
        add(request, make(NAMESPACE, "password", credentials.password))
        try:
            waiting: Deferred[Any] = self._client.ask(jid, request)
            waiting.addTimeout(SECONDS, self._reactor)
            answer = await waiting
        except (Late, CancelledError):
            raise UnreachableError(f"no answer over XMPP within {SECONDS:g} s") from None
        except XmppError as error:
            raise UnreachableError(f"no answer over XMPP: {error}") from error
        if attribute(answer, "type") == "result":
            return ACCEPTED
        refusal = next((each for each in children(answer) if each.name == "error"), None)
        names = [str(each.name) for each in children(refusal)] if refusal is not None else []
        return names[0] if names else "error"

    def _stands(self, standing: Standing) -> None:
        self.standing = standing
        line = f"XMPP: {standing.status}"
        self._told(f"{line} as {standing.jid}" if standing.jid else f"{line}: {standing.reason}".rstrip(": "))


def _nobody(request: ConnectionRequest) -> XmppVerdict:
    """Nobody can ask an ACS for a session."""
    return XmppVerdict.UNAVAILABLE
