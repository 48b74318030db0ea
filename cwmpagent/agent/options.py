"""Options of the subsystems: adapters and settings that each is given, frozen, and passed whole."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from cwmpagent.agent.ports import (
    Acs,
    AddressWatch,
    KeepBinding,
    Listener,
    LocalAddress,
    Notify,
    Provider,
    UdpPort,
    Xmpp,
)
from cwmpagent.protocol.stun.binding import StunOptions


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionOptions:
    """``rpc_timeout``: seconds for one RPC. ``envelopes``: whether facts of whole messages are wanted now.

    ``lenient``: a ParameterKey or CommandKey that the ACS leaves out is taken as empty; else the answer is fault 9003.
    ``discovered_url``: the ACS's URL as the network gives it, None where it gives none; raises ValueError with a line
    for people.
    """

    acs: Acs
    rpc_timeout: float = 20.0
    lenient: bool = True
    envelopes: Callable[[], bool] = lambda: False
    discovered_url: Callable[[], str | None] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ParameterOptions:
    """``providers``: those of the device, for a data model whose root object has the path that is its argument."""

    providers: Callable[[str], Sequence[Provider]] = lambda root: ()


@dataclass(frozen=True, slots=True, kw_only=True)
class NotificationOptions:
    """``poll_interval``: seconds from the end of one poll to the next, 0 for none. ``notify`` sends datagrams."""

    poll_interval: float = 5.0
    notify: Notify = lambda host, port, datagrams: None


@dataclass(frozen=True, slots=True, kw_only=True)
class UdpOptions:
    """The UDP port for ConnectionRequests, and the way to keep its NAT binding."""

    port: UdpPort
    keep: KeepBinding
    stun: StunOptions = field(default_factory=StunOptions)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionRequestOptions:
    """``local_address``: the address of this machine towards a host; ``address_watch``: its changes, None: not known.

    ``fixed_url`` is the ConnectionRequestURL where it cannot be derived. ``udp``, ``xmpp``: None where not used.
    """

    listener: Listener
    local_address: LocalAddress
    address_watch: AddressWatch | None = None
    fixed_url: str = ""
    udp: UdpOptions | None = None
    xmpp: Xmpp | None = None
