"""Which addresses an account may connect to, in the order to try them (RFC 6120 section 3.2)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from ipaddress import ip_address
from random import Random
from typing import Any, NamedTuple

from twisted.internet.defer import CancelledError, Deferred

from cwmpagent.errors import XmppError
from cwmpagent.protocol.auth import stringprep_profiles
from cwmpagent.protocol.connection_request.xmpp_account import Account, Server, in_order
from cwmpagent.transport.addresses import resolved, shuffled
from cwmpagent.transport.deadline import within

MOST_ADDRESSES = 8
"""So many addresses of one server are tried in a round."""
_SRV = "_xmpp-client._tcp."


class Place(NamedTuple):
    """An address and port; ``name`` is for people."""

    address: str
    port: int
    name: str


class Places:
    """``lookup`` gives the SRV records of a name; ``seconds`` bounds each question."""

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

    async def of(self, account: Account) -> list[Place]:
        """At least one. Raises XmppError."""
        places: list[Place] = []
        for server in in_order(await self._servers(account), self._random):
            places += await self._addresses(server)
        if not places:
            raise XmppError(f"no address is known for the servers of {account.domain!r}", "ServerNotPresent")
        return places

    async def _servers(self, account: Account) -> list[Server]:
        if account.algorithm == "ServerTable":
            if not account.servers:
                raise XmppError("its table of servers has none that is enabled", "Error_Misconfigured")
            return list(account.servers)
        host = ascii_host(account.domain)
        itself = [Server(host)]
        if account.algorithm == "DNS" or _is_address(host):
            return itself
        try:
            found = await self._bounded(Deferred.fromCoroutine(_awaited(self._lookup(_SRV + host))))
        except CancelledError:
            raise
        except Exception:  # a name server too slow or out of order: the domain itself is as good a guess
            return itself
        if found and not any(server.host for server in found):
            raise XmppError(f"{account.domain!r} says in DNS that it has no XMPP server", "ServerNotPresent")
        return [server for server in found if server.host and server.port] or itself

    async def _addresses(self, server: Server) -> list[Place]:
        try:
            found = await self._bounded(resolved(self._reactor.nameResolver, server.host))
        except CancelledError:
            raise
        except Exception:  # a resolver may be anybody's, and is given names from anywhere
            return []
        addresses = shuffled(found, self._random)[:MOST_ADDRESSES]
        shown = f"[{server.host}]:{server.port}" if ":" in server.host else f"{server.host}:{server.port}"
        return [Place(each, server.port, shown if each == server.host else f"{shown} at {each}") for each in addresses]

    async def _bounded(self, waiting: Deferred[Any]) -> Any:
        return await within(self._seconds, waiting, self._reactor, self._monotonic, "too slow")


def ascii_host(domain: str) -> str:
    """``domain`` as DNS and certificates have it. Raises XmppError where it is none."""
    try:
        prepared_domain = stringprep_profiles.domain(domain).strip("[]")
        return prepared_domain if prepared_domain.isascii() else prepared_domain.encode("idna").decode("ascii")
    except ValueError:  # UnicodeError is one, too
        raise XmppError("its Domain is no domain name", "Error_Misconfigured") from None


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


async def _awaited(waiting: Awaitable[Any]) -> Any:
    return await waiting
