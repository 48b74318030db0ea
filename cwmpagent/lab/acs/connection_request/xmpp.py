"""XMPP connection requests of the ACS (TR-069 Annex K), from an account of its own."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import SystemRandom
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.defer import TimeoutError as DeferredTimeout

from cwmpagent.errors import ConfigError, XmppError
from cwmpagent.lab.acs.connection_request.errors import UnreachableError
from cwmpagent.lab.acs.devices import LabDevice
from cwmpagent.protocol.auth import Credentials, stringprep_profiles
from cwmpagent.protocol.connection_request.xmpp import ELEMENT, NAMESPACE, ConnectionRequest, XmppVerdict
from cwmpagent.protocol.connection_request.xmpp_account import Account, Retry, Server, Standing, Stats
from cwmpagent.transport.tls.trust import TlsTrust
from cwmpagent.transport.xmpp.client import XmppClient, XmppConnector
from cwmpagent.transport.xmpp.markup import add, attribute, children, make

SECONDS = 10.0
"""The time limit of an answer, in seconds."""
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
        """The account for the XMPP client. Raises ConfigError with the faulty option."""
        bare, _, resource = self.jid.partition("/")
        username, at, domain = bare.partition("@")
        try:
            if not (at and domain and stringprep_profiles.node(username) and stringprep_profiles.domain(domain)):
                raise ValueError
        except ValueError:
            raise ConfigError("--xmpp-jid", f"{self.jid!r} is not a Jabber ID such as acs@example.org/lab") from None
        host, colon, port = self.server.rpartition(":")
        if self.server and not (colon and host and port.isascii() and port.isdecimal() and 0 < int(port) < 65536):
            raise ConfigError("--xmpp-server", f"{self.server!r} is not HOST:PORT")
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
    """The XMPP login of the ACS, kept from :meth:`start` to :meth:`close`. Raises ConfigError for a wrong account.

    ``on_status``: called with one line of text at every change of the status.
    """

    def __init__(
        self,
        reactor: Any,
        account: XmppAccount,
        *,
        monotonic: Callable[[], float],
        on_status: Callable[[str], object] = lambda line: None,
    ) -> None:
        self._reactor = reactor
        self._account = account.account()
        self._on_status = on_status
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
        """Log in, and again after every disconnection."""
        self._client = self._connector.open(self._account, Stats(), self._status_changed, _refuse)

    async def close(self) -> None:
        """Log out."""
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    async def ask(self, device: LabDevice, credentials: Credentials) -> str:
        """Send a connection request to ``device``; return :data:`ACCEPTED` or the name of its stanza error.

        Raises UnreachableError if there is no answer.
        """
        jid = device.find("ManagementServer.ConnReqJabberID") or ""
        if not jid:
            raise UnreachableError(
                f"{device.id} has reported no ConnReqJabberID: read Device.ManagementServer. by a task"
            )
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
        except (DeferredTimeout, CancelledError):
            raise UnreachableError(f"no answer over XMPP within {SECONDS:g} s") from None
        except XmppError as error:
            raise UnreachableError(f"no answer over XMPP: {error}") from error
        if attribute(answer, "type") == "result":
            return ACCEPTED
        refusal = next((child for child in children(answer) if child.name == "error"), None)
        names = [str(child.name) for child in children(refusal)] if refusal is not None else []
        return names[0] if names else "error"

    def _status_changed(self, standing: Standing) -> None:
        self.standing = standing
        line = f"XMPP: {standing.status}"
        self._on_status(f"{line} as {standing.jid}" if standing.jid else f"{line}: {standing.reason}".rstrip(": "))


def _refuse(request: ConnectionRequest) -> XmppVerdict:
    """Refuse a connection request: an ACS opens no session."""
    return XmppVerdict.UNAVAILABLE
