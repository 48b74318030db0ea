"""Opening of a connection: name resolution, choice of the address, TCP connection and TLS handshake."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from socket import gaierror
from typing import Any, TypeVar

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, TCP6ClientEndpoint, wrapClientTLS
from twisted.internet.interfaces import IHostnameResolver, IStreamClientEndpoint
from twisted.internet.protocol import Factory

from cwmpagent.errors import TransportError
from cwmpagent.transport.addresses import resolved, shuffled
from cwmpagent.transport.deadline import within
from cwmpagent.transport.error_text import cause
from cwmpagent.transport.http.destination import Destination
from cwmpagent.transport.http.limits import HttpLimits
from cwmpagent.transport.http.wire_protocol import WireProtocol
from cwmpagent.transport.tls.trust import TlsTrust

T = TypeVar("T")

MOST_TRIED = 4
"""Maximum number of addresses of one host that are tried in a session."""


@dataclass(frozen=True, slots=True)
class Connector:
    """Opens the connections of all sessions.

    ``reactor``: IReactorTCP, IReactorTime. ``monotonic``: monotonic clock, in seconds.
    """

    reactor: Any
    resolver: IHostnameResolver
    trust: TlsTrust = field(repr=False)
    limits: HttpLimits
    random: Random
    monotonic: Callable[[], float]

    async def addresses(self, destination: Destination, avoid: str | None) -> list[str]:
        """Addresses of the host in the order to try them, ``avoid`` last; TransportError when it has none."""
        reason = f"{destination.name}: its name was not resolved within {self.limits.connect:g} s"
        try:
            addresses = await self._within(resolved(self.resolver, destination.host), reason)
        except (TransportError, CancelledError):
            raise
        except Exception as error:  # a resolver of any make, and a name from any source
            raise TransportError(f"{destination.name}: its name cannot be resolved") from error
        if not addresses:
            raise TransportError(f"{destination.name}: no address is known for this name")
        return shuffled(addresses, self.random, avoid)[:MOST_TRIED]

    async def connect(self, destination: Destination, address: str) -> WireProtocol:
        """Open a connection that is ready for requests. On TransportError nothing is left open."""
        check = self.trust.check(destination.host, destination.name) if destination.secure else None
        wire = WireProtocol(self.reactor, self.limits, self.monotonic, secure=destination.secure)
        kind = TCP6ClientEndpoint if ":" in address else TCP4ClientEndpoint
        endpoint: IStreamClientEndpoint
        endpoint = kind(self.reactor, address, destination.port, None)  # type: ignore[arg-type]  # _within() has the time limit
        if check is not None:
            endpoint = wrapClientTLS(check, endpoint, self.reactor)
        where = destination.name if address == destination.host else f"{destination.name} at {address}"
        open_and_ready = endpoint.connect(Factory.forProtocol(lambda: wire)).addCallback(lambda _: wire.ready)
        try:
            await self._within(open_and_ready, f"{where}: no connection within {self.limits.connect:g} s")
        except (TransportError, CancelledError):
            raise
        except Exception as error:
            refusal = check.refusal if check is not None else ""
            if isinstance(error, gaierror) and "%" in address:
                refusal = f"this machine has no network interface {address.partition('%')[2]!r}"
            raise TransportError(f"{where}: {refusal or cause(error)}") from error
        finally:
            if not wire.usable:
                wire.abort()
                await wire.gone()
        return wire

    async def _within(self, waiting: Deferred[T], reason: str) -> T:
        return await within(self.limits.connect, waiting, self.reactor, self.monotonic, reason)
