"""Addresses of the servers of an account, in the order to try them (RFC 6120 section 3.2)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from random import Random
from typing import Any, NamedTuple

from twisted.internet.defer import CancelledError, Deferred

from cwmpagent.errors import XmppError
from cwmpagent.protocol.auth import stringprep_profiles
from cwmpagent.protocol.connection_request.xmpp_account import Account, Server, in_order
from cwmpagent.transport.addresses import is_address, resolved, shuffled
from cwmpagent.transport.deadline import within

MOST_ADDRESSES = 8
"""Maximum number of addresses of one server that are tried in a round."""
_SRV = "_xmpp-client._tcp."


class ServerAddress(NamedTuple):
    """An address and port; ``name``: ``host:port`` in messages."""

    address: str
    port: int
    name: str


class ServerAddresses:
    """Resolves the servers of an account. ``lookup``: SRV records of a name; ``seconds``: limit of each query."""

    def __init__(
        self,
        reactor: Any,
        random: Random,
        monotonic: Callable[[], float],
        lookup: Callable[[str], Awaitable[list[Server]]],
        seconds: float,
    ) -> None:
        self._reactor = reactor
        self._random = random
        self._monotonic = monotonic
        self._lookup = lookup
        self._seconds = seconds

    async def resolve(self, account: Account) -> list[ServerAddress]:
        """At least one address. Raises XmppError."""
        addresses: list[ServerAddress] = []
        for server in in_order(await self._servers(account), self._random):
            addresses += await self._addresses(server)
        if not addresses:
            raise XmppError(f"no address is known for the servers of {account.domain!r}", "ServerNotPresent")
        return addresses

    async def _servers(self, account: Account) -> list[Server]:
        if account.algorithm == "ServerTable":
            if not account.servers:
                raise XmppError("its table of servers has no enabled row", "Error_Misconfigured")
            return list(account.servers)
        host = ascii_host(account.domain)
        itself = [Server(host)]
        if account.algorithm == "DNS" or is_address(host):
            return itself
        try:
            servers = await self._bounded(Deferred.fromCoroutine(_awaited(self._lookup(_SRV + host))))
        except CancelledError:
            raise
        except Exception:  # without a response of the name servers the domain itself is tried
            return itself
        if servers and not any(server.host for server in servers):
            raise XmppError(f"{account.domain!r} has no XMPP server according to its SRV record", "ServerNotPresent")
        return [server for server in servers if server.host and server.port] or itself

    async def _addresses(self, server: Server) -> list[ServerAddress]:
        try:
            hosts = await self._bounded(resolved(self._reactor.nameResolver, server.host))
        except CancelledError:
            raise
        except Exception:  # a resolver of any make, and a name from any source
            return []
        addresses = shuffled(hosts, self._random)[:MOST_ADDRESSES]
        shown = f"[{server.host}]:{server.port}" if ":" in server.host else f"{server.host}:{server.port}"
        return [
            ServerAddress(address, server.port, shown if address == server.host else f"{shown} at {address}")
            for address in addresses
        ]

    async def _bounded(self, waiting: Deferred[Any]) -> Any:
        return await within(self._seconds, waiting, self._reactor, self._monotonic, "the name was not resolved in time")


def ascii_host(domain: str) -> str:
    """``domain`` in ASCII (IDNA), as in DNS and certificates. Raises XmppError where it is not a domain name."""
    try:
        prepared_domain = stringprep_profiles.domain(domain).strip("[]")
        return prepared_domain if prepared_domain.isascii() else prepared_domain.encode("idna").decode("ascii")
    except ValueError:  # also UnicodeError
        raise XmppError("its Domain is not a domain name", "Error_Misconfigured") from None


async def _awaited(waiting: Awaitable[Any]) -> Any:
    return await waiting
