"""XMPP client that keeps one account logged in: attempts, waits between them, and the session."""

from __future__ import annotations

import errno
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, TCP6ClientEndpoint
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.internet.protocol import Factory
from twisted.words.xish.domish import Element

from cwmpagent.errors import TooSlowError, XmppError
from cwmpagent.protocol.auth import stringprep_profiles
from cwmpagent.protocol.connection_request.xmpp_account import Account, Server, Standing, Stats
from cwmpagent.transport.deadline import Deadline, within
from cwmpagent.transport.error_text import cause
from cwmpagent.transport.tls.trust import TlsTrust
from cwmpagent.transport.xmpp.answers import OnRequest
from cwmpagent.transport.xmpp.limits import XmppLimits
from cwmpagent.transport.xmpp.negotiation import Bound, XmppNegotiation
from cwmpagent.transport.xmpp.servers import ServerAddress, ServerAddresses, ascii_host
from cwmpagent.transport.xmpp.session import XmppSession
from cwmpagent.transport.xmpp.srv import Lookup
from cwmpagent.transport.xmpp.stream import Stream

_NO_ROUTE = frozenset({errno.ENETUNREACH, errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT})

OnStanding = Callable[[Standing], object]


@dataclass(frozen=True, slots=True, kw_only=True)
class XmppConnector:
    """Settings and services shared by all connections.

    ``nonce`` returns unpredictable text. ``monotonic``: monotonic clock, in seconds. ``plain_in_the_clear``: the
    password may be sent without TLS to a server that offers only PLAIN. ``lookup`` returns the SRV records of a name;
    None: the system's name servers are queried.
    """

    reactor: Any
    trust: TlsTrust = field(repr=False)
    random: Random
    nonce: Callable[[], str]
    monotonic: Callable[[], float]
    plain_in_the_clear: bool = False
    limits: XmppLimits = field(default_factory=XmppLimits)
    lookup: Callable[[str], Awaitable[list[Server]]] | None = None

    def open(self, account: Account, stats: Stats, on_standing: OnStanding, on_request: OnRequest) -> XmppClient:
        """Start a client that keeps ``account`` logged in; the arguments are those of :class:`XmppClient`."""
        client = XmppClient(self, account, stats, on_standing, on_request)
        client.start()
        return client


class _NoRouteError(XmppError):
    """No route to an address. This does not count as an attempt at the server."""


class XmppClient:
    """The client of one account.

    ``on_standing`` is called with each new standing, ``on_request`` with each ConnectionRequest; neither may raise.
    """

    def __init__(
        self, connector: XmppConnector, account: Account, stats: Stats, on_standing: OnStanding, on_request: OnRequest
    ) -> None:
        self._connector = connector
        self._account = account
        self._stats = stats
        self._on_standing = on_standing
        self._on_request = on_request
        limits = connector.limits
        lookup = connector.lookup or Lookup(connector.reactor, limits.nameserver)
        self._addresses = ServerAddresses(
            connector.reactor, connector.random, connector.monotonic, lookup, limits.connect
        )
        self._standing: Standing | None = None
        self._session: XmppSession | None = None
        self._stream: Stream | None = None
        self._running: Deferred[None] | None = None
        self._closing = False

    def start(self) -> None:
        """Connect, and connect again after each end, until :meth:`close`."""
        self._running = Deferred.fromCoroutine(self._run())

    async def close(self) -> None:
        """Log out. Returns when the connection is closed."""
        self._closing = True
        running, self._running = self._running, None
        if running is None:
            return
        if self._session is not None and self._stream is not None:
            self._stream.close()  # a graceful end; an attempt that is not logged in is cancelled
        else:
            running.cancel()
        await running

    def ask(self, to: str, content: Element) -> Deferred[Element]:
        """Send an iq of type get to another entity. Fires with its response; raises or errbacks with XmppError."""
        if self._session is None:
            raise XmppError((self._standing and self._standing.reason) or "there is no connection to the XMPP server")
        return self._session.ask(to, content)

    async def _run(self) -> None:
        try:
            await self._keep_up()
        except CancelledError:
            return

    async def _keep_up(self) -> None:
        self._report(Standing("Connecting"))
        failed = 0
        while not self._closing:
            more = await self._round(failed)
            failed = failed + more if more else 0
            if not self._closing:
                # After a steady connection this is the first wait again.
                await self._pause(self._account.retry.wait(max(1, failed), self._connector.random))

    async def _round(self, failed: int) -> int:
        """Try every address, up to the configured number of attempts each; ``failed``: failed attempts before.

        Returns the number of attempts to add to ``failed``: 0 after the end of a steady connection.
        """
        try:
            addresses = await self._server_addresses()
        except XmppError as error:
            # Counts as one attempt: a device that boots before its network must not wait for hours.
            self._report(Standing(error.status, reason=str(error)))
            return 1
        attempts = max(1, self._account.retry.attempts)
        tried = 0
        for address in addresses:
            for attempt in range(1, attempts + 1):
                try:
                    lasted = await self._attempt(address)
                except _NoRouteError:
                    break  # another address may be of the other IP version
                if self._closing or (lasted is not None and lasted >= self._connector.limits.steady):
                    return 0
                tried = attempts
                # A client that is logged out at once waits before it tries another address.
                if attempt < attempts or (lasted is not None and address is not addresses[-1]):
                    await self._pause(self._account.retry.wait(failed + attempt, self._connector.random))
        return tried or 1

    async def _server_addresses(self) -> list[ServerAddress]:
        account = self._account
        try:
            stringprep_profiles.node(account.username)
            if account.resource:
                stringprep_profiles.resource(account.resource)
        except ValueError:
            raise XmppError("its Username or Resource is not valid in a Jabber ID", "Error_Misconfigured") from None
        if not account.password:
            raise XmppError("it has no Password", "Error_Misconfigured")
        ascii_host(account.domain)
        return await self._addresses.resolve(account)

    async def _attempt(self, address: ServerAddress) -> float | None:
        """Connect, log in, and wait for the end of the session.

        Returns the seconds for which it was logged in, None where the login failed. Raises _NoRouteError without a
        route to the address.
        """
        connector = self._connector
        try:
            stream, bound = await self._log_in(address)
        except XmppError as error:
            self._report(Standing(error.status, reason=str(error)))
            if isinstance(error, _NoRouteError):
                raise
            return None
        self._stream = stream
        self._session = session = XmppSession(
            connector.reactor,
            stream,
            domain=stringprep_profiles.domain(self._account.domain),
            keep_alive=self._account.keep_alive,
            limits=connector.limits,
            monotonic=connector.monotonic,
            nonce=connector.nonce,
            on_request=self._on_request,
            stats=self._stats,
        )
        since = connector.monotonic()
        try:
            self._report(Standing("Enabled", bound.jid, bound.tls))
            await session.run()
        finally:
            self._session = self._stream = None
            stream.fail("is no longer needed")
        if not self._closing:
            self._report(Standing("Connecting", reason=str(stream.failure)))
        return connector.monotonic() - since

    async def _log_in(self, address: ServerAddress) -> tuple[Stream, Bound]:
        connector = self._connector
        stream = Stream(connector.reactor, address.name, connector.limits, connector.monotonic)
        check = connector.trust.check(ascii_host(self._account.domain), address.name)
        done = False
        try:
            await self._connect(address, stream)
            negotiation = XmppNegotiation(
                stream,
                self._account,
                check=check,
                nonce=connector.nonce,
                plain_in_the_clear=connector.plain_in_the_clear,
            )
            bound = await negotiation.run()
            done = True
            return stream, bound
        finally:
            if not done:
                stream.fail("is no longer needed")
                await stream.gone()

    async def _connect(self, address: ServerAddress, stream: Stream) -> None:
        connector = self._connector
        family = TCP6ClientEndpoint if ":" in address.address else TCP4ClientEndpoint
        endpoint: IStreamClientEndpoint
        endpoint = family(connector.reactor, address.address, address.port, None)  # type: ignore[arg-type]  # within() has the time limit
        seconds = connector.limits.connect
        slow = f"{address.name}: no connection within {seconds:g} s"
        factory = Factory.forProtocol(lambda: stream)
        factory.noisy = False  # else each attempt writes two lines to the log
        try:
            connecting = endpoint.connect(factory)
            await within(seconds, connecting, connector.reactor, connector.monotonic, slow)
        except CancelledError:
            raise
        except TooSlowError as error:
            raise XmppError(str(error), "ServerNotPresent") from None
        except Exception as error:  # of any endpoint
            kind = _NoRouteError if getattr(error, "osError", None) in _NO_ROUTE else XmppError
            raise kind(f"{address.name}: {cause(error, 'the connection failed')}", "ServerNotPresent") from None

    async def _pause(self, seconds: float) -> None:
        over: Deferred[None] = Deferred()
        deadline = Deadline(self._connector.reactor, self._connector.monotonic, lambda: over.callback(None))
        deadline.start(seconds)
        try:
            await over
        finally:
            deadline.stop()

    def _report(self, standing: Standing) -> None:
        """Call ``on_standing`` where the standing has changed, so that repeated failures are reported once."""
        if standing != self._standing:
            self._standing = standing
            self._on_standing(standing)
