"""The addresses behind a host name, and in which order to try them."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import ip_address
from random import Random

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress, IHostnameResolver, IHostResolution, IResolutionReceiver
from zope.interface import implementer

MOST_ADDRESSES = 64
"""So many addresses of one name are looked at."""


@implementer(IResolutionReceiver)
class _Collector:
    """Hands over every address found, once the resolver is done."""

    def __init__(self) -> None:
        self.done: Deferred[list[str]] = Deferred()
        self._found: dict[str, None] = {}

    def resolutionBegan(self, resolutionInProgress: IHostResolution) -> None:
        """There is nothing to do yet."""

    def addressResolved(self, address: IAddress) -> None:
        if isinstance(address, IPv4Address | IPv6Address) and len(self._found) < MOST_ADDRESSES:
            self._found[address.host] = None

    def resolutionComplete(self) -> None:
        if not self.done.called:  # else nobody waits any longer
            self.done.callback(list(self._found))


def resolved(resolver: IHostnameResolver, host: str) -> Deferred[list[str]]:
    """The IPv4 and IPv6 addresses of ``host``, none twice; an address stands for itself."""
    collector = _Collector()
    try:
        address = str(ip_address(host))
    except ValueError:
        if _is_name(host):
            resolver.resolveHostName(collector, host, addressTypes=(IPv4Address, IPv6Address))
        else:
            collector.resolutionComplete()
    else:
        collector.done.callback([address])
    return collector.done


def _is_name(host: str) -> bool:
    """Whether DNS could know it; the system's resolver never answers for a name that it cannot even write."""
    try:
        host.encode("idna")
    except UnicodeError:
        return False
    return True


def in_order(addresses: Sequence[str], random: Random, avoid: str | None = None) -> list[str]:
    """All of them by lot, so that many agents spread evenly; one to ``avoid`` since it failed comes last."""
    order = list(addresses)
    random.shuffle(order)
    return sorted(order, key=lambda address: address == avoid)
