"""IP addresses of a host name, and the order to try them."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from ipaddress import ip_address
from random import Random
from typing import Any

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress, IHostnameResolver, IHostResolution, IResolutionReceiver
from zope.interface import implementer

MOST_ADDRESSES = 64
"""Maximum number of addresses of one name that are used."""


@implementer(IResolutionReceiver)
class _Collector:
    """Collects the addresses of one resolution. ``done`` fires with all of them when the resolver has finished."""

    def __init__(self) -> None:
        self.done: Deferred[list[str]] = Deferred()
        self._found: dict[str, None] = {}

    def resolutionBegan(self, resolutionInProgress: IHostResolution) -> None:
        """Do nothing: the addresses follow."""

    def addressResolved(self, address: IAddress) -> None:
        if isinstance(address, IPv4Address | IPv6Address) and len(self._found) < MOST_ADDRESSES:
            self._found[address.host] = None

    def resolutionComplete(self) -> None:
        if not self.done.called:  # else the resolution was cancelled
            self.done.callback(list(self._found))


def resolved(resolver: IHostnameResolver, host: str) -> Deferred[list[str]]:
    """Resolve ``host`` to its IPv4 and IPv6 addresses without duplicates; an IP address resolves to itself.

    Text with a blank or a control character has no address, not even in the zone of an IPv6 address.
    """
    collector = _Collector()
    try:
        if not _is_plain(host):
            raise ValueError
        address = str(ip_address(host))
    except ValueError:
        if _is_name(host):
            resolver.resolveHostName(collector, host, addressTypes=(IPv4Address, IPv6Address))
        else:
            collector.resolutionComplete()
    else:
        collector.done.callback([address])
    return collector.done


def _is_plain(host: str) -> bool:
    return host != "" and host.isprintable() and " " not in host


def _is_name(host: str) -> bool:
    """Whether ``host`` can be encoded for DNS. For other names the system's resolver never calls back."""
    if not _is_plain(host):
        return False
    try:
        host.encode("idna")
    except UnicodeError:
        return False
    return True


def shuffled(addresses: Sequence[str], random: Random, avoid: str | None = None) -> list[str]:
    """All addresses in random order, so that many agents spread evenly. ``avoid``, which failed before, is last."""
    order = list(addresses)
    random.shuffle(order)
    return sorted(order, key=lambda address: address == avoid)


def is_address(host: str) -> bool:
    """Whether ``host`` is an IP address and no name."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def socket_address(address: str, port: int) -> tuple[Any, ...]:
    """The address for calls of a UDP socket; it has the number of the interface that the zone of ``address`` names.

    Python drops the zone of a plain pair of address and port. Raises OSError for an unknown interface.
    """
    if "%" not in address:
        return (address, port)
    flags = socket.AI_NUMERICHOST
    return socket.getaddrinfo(address, port, type=socket.SOCK_DGRAM, flags=flags)[0][4]


def is_loopback(host: str) -> bool:
    """Whether ``host`` is an IP address of this machine's loopback interface."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
