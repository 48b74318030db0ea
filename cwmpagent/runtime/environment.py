"""Everything around one agent: what its composition is handed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

from cwmpagent.agent.facts import Observer
from cwmpagent.agent.notification.polling import INTERVAL
from cwmpagent.agent.ports import (
    Acs,
    AddressWatch,
    Clock,
    KeepBinding,
    Listener,
    LocalAddress,
    Notify,
    Provider,
    Store,
    Timers,
    UdpPort,
    Xmpp,
)
from cwmpagent.agent.session.dispatcher import Dispatcher


@dataclass(frozen=True, slots=True, kw_only=True)
class Udp:
    """How the agent is reached by UDP; the last two as in :class:`~cwmpagent.protocol.stun.binding.BindingSettings`."""

    port: UdpPort
    keep: KeepBinding
    filled: bool = True
    always_named: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """Everything around one agent."""

    timers: Timers
    clock: Clock
    random: Random
    acs: Acs
    store: Store
    listener: Listener
    local_address: LocalAddress
    observer: Observer
    udp: Udp | None = None
    address_watch: AddressWatch | None = None
    providers: Callable[[str], Sequence[Provider]] = lambda root: ()
    discovered_url: Callable[[], str | None] | None = None
    notify: Notify = lambda host, port, datagrams: None
    xmpp: Xmpp | None = None
    poll_interval: float = INTERVAL
    fixed_url: str = ""
    rpc_timeout: float = 20.0
    envelopes: Callable[[], bool] = lambda: False
    registered: tuple[Callable[[Dispatcher], None], ...] = ()
