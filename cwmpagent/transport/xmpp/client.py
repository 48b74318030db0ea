"""Keeps one account logged in at its XMPP server, whatever happens on the way there."""

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
from cwmpagent.transport.xmpp.answers import Asked
from cwmpagent.transport.xmpp.limits import XmppLimits
from cwmpagent.transport.xmpp.negotiation import Bound, XmppNegotiation
from cwmpagent.transport.xmpp.servers import Place, Places, ascii_host
from cwmpagent.transport.xmpp.session import XmppSession
from cwmpagent.transport.xmpp.srv import Lookup
from cwmpagent.transport.xmpp.stream import Stream

_NO_WAY = frozenset({errno.ENETUNREACH, errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT})

Told = Callable[[Standing], object]


@dataclass(frozen=True, slots=True, kw_only=True)
class XmppConnector:
    """What every connection needs. ``nonce`` makes unpredictable text; ``monotonic``: seconds that are never set.

    ``plain_in_the_clear``: a password may be sent without TLS to a server that knows no better way. ``lookup`` gives
    the SRV records of a name; None: the system's name servers are asked.
    """

    reactor: Any
    trust: TlsTrust = field(repr=False)
    random: Random
    nonce: Callable[[], str]
    monotonic: Callable[[], float]
    plain_in_the_clear: bool = False
    limits: XmppLimits = field(default_factory=XmppLimits)
    lookup: Callable[[str], Awaitable[list[Server]]] | None = None

    def open(self, account: Account, stats: Stats, told: Told, asked: Asked) -> XmppClient:
        """Begin to keep ``account`` logged in."""
        client = XmppClient(self, account, stats, told, asked)
        client.start()
        return client


class _NoWayError(XmppError):
    """This machine has no way to an address, which is therefore no attempt at its server."""


class XmppClient:
    """One account. ``told`` gets each new standing, ``asked`` each connection request; neither may raise."""

    def __init__(self, connector: XmppConnector, account: Account, stats: Stats, told: Told, asked: Asked) -> None:
        self._connector = connector
        self._account = account
        self._stats = stats
        self._told = told
        self._asked = asked
        limits = connector.limits
        lookup = connector.lookup or Lookup(connector.reactor, limits.nameserver)
        self._places = Places(connector.reactor, connector.random, connector.monotonic, lookup, limits.connect)
        self._standing: Standing | None = None
        self._session: XmppSession | None = None
        self._stream: Stream | None = None
        self._running: Deferred[None] | None = None
        self._closing = False

    def start(self) -> None:
        """Connect, and go on doing so until :meth:`close`."""
        self._running = Deferred.fromCoroutine(self._run())

    async def close(self) -> None:
        """Log out, and return when nothing is left open."""
        self._closing = True
        running, self._running = self._running, None
        if running is None:
            return
        if self._session is not None and self._stream is not None:
            self._stream.close()  # in order; what is not logged in is simply broken off
        else:
            running.cancel()
        await running

    def ask(self, to: str, content: Element) -> Deferred[Element]:
        """Ask another entity; fires with its answer. Raises or errbacks with XmppError."""
        if self._session is None:
            raise XmppError((self._standing and self._standing.reason) or "there is no connection to the XMPP server")
        return self._session.ask(to, content)

    async def _run(self) -> None:
        try:
            await self._keep_up()
        except CancelledError:
            return

    async def _keep_up(self) -> None:
        self._tell(Standing("Connecting"))
        failed = 0
        while not self._closing:
            more = await self._round(failed)
            failed = failed + more if more else 0
            if not self._closing:
                # After a connection that worked this is the first wait.
                await self._pause(self._account.retry.wait(max(1, failed), self._connector.random))

    async def _round(self, failed: int) -> int:
        """Try every address as often as may be, after ``failed`` attempts at each that did.

        By how many they are more now: 0 where a connection worked for a while and has ended.
        """
        try:
            places = await self._known_places()
        except XmppError as error:
            # One attempt and not all of them: a device that boots before its network does not wait for hours.
            self._tell(Standing(error.status, reason=str(error)))
            return 1
        attempts = max(1, self._account.retry.attempts)
        tried = 0
        for place in places:
            for attempt in range(1, attempts + 1):
                try:
                    lasted = await self._attempt(place)
                except _NoWayError:
                    break  # another address may be of a family that this machine has
                if self._closing or (lasted is not None and lasted >= self._connector.limits.steady):
                    return 0
                tried = attempts
                # Who was logged in and thrown out at once does not come back at once by another address.
                if attempt < attempts or (lasted is not None and place is not places[-1]):
                    await self._pause(self._account.retry.wait(failed + attempt, self._connector.random))
        return tried or 1

    async def _known_places(self) -> list[Place]:
        account = self._account
        try:
            stringprep_profiles.node(account.username)
            if account.resource:
                stringprep_profiles.resource(account.resource)
        except ValueError:
            raise XmppError("its Username or Resource cannot be part of a Jabber ID", "Error_Misconfigured") from None
        if not account.password:
            raise XmppError("it has no Password", "Error_Misconfigured")
        ascii_host(account.domain)
        return await self._places.of(account)

    async def _attempt(self, place: Place) -> float | None:
        """Connect, log in, and stay; for how many seconds, or None where it did not come to that.

        Raises _NoWayError where nothing can even be sent there.
        """
        connector = self._connector
        try:
            stream, bound = await self._log_in(place)
        except XmppError as error:
            self._tell(Standing(error.status, reason=str(error)))
            if isinstance(error, _NoWayError):
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
            asked=self._asked,
            stats=self._stats,
        )
        since = connector.monotonic()
        try:
            self._tell(Standing("Enabled", bound.jid, bound.tls))
            await session.run()
        finally:
            self._session = self._stream = None
            stream.fail("is not needed any more")
        if not self._closing:
            self._tell(Standing("Connecting", reason=str(stream.failure)))
        return connector.monotonic() - since

    async def _log_in(self, place: Place) -> tuple[Stream, Bound]:
        connector = self._connector
        stream = Stream(connector.reactor, place.name, connector.limits, connector.monotonic)
        check = connector.trust.check(ascii_host(self._account.domain), place.name)
        done = False
        try:
            await self._connect(place, stream)
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
                stream.fail("is not needed any more")
                await stream.gone()

    async def _connect(self, place: Place, stream: Stream) -> None:
        connector = self._connector
        family = TCP6ClientEndpoint if ":" in place.address else TCP4ClientEndpoint
        endpoint: IStreamClientEndpoint
        endpoint = family(connector.reactor, place.address, place.port, None)  # type: ignore[arg-type]  # the time limit is ours
        seconds = connector.limits.connect
        slow = f"{place.name}: no connection within {seconds:g} s"
        factory = Factory.forProtocol(lambda: stream)
        factory.noisy = False  # each attempt would be two lines in the log
        try:
            connecting = endpoint.connect(factory)
            await within(seconds, connecting, connector.reactor, connector.monotonic, slow)
        except CancelledError:
            raise
        except TooSlowError as error:
            raise XmppError(str(error), "ServerNotPresent") from None
        except Exception as error:  # whatever an endpoint may raise
            kind = _NoWayError if getattr(error, "osError", None) in _NO_WAY else XmppError
            raise kind(f"{place.name}: {cause(error)}", "ServerNotPresent") from None

    async def _pause(self, seconds: float) -> None:
        over: Deferred[None] = Deferred()
        deadline = Deadline(self._connector.reactor, self._connector.monotonic, lambda: over.callback(None))
        deadline.start(seconds)
        try:
            await over
        finally:
            deadline.stop()

    def _tell(self, standing: Standing) -> None:
        """Only what is new: a server that stays away is no news at each attempt."""
        if standing != self._standing:
            self._standing = standing
            self._told(standing)
