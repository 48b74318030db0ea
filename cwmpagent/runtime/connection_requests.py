"""Assembly of the ConnectionRequest subsystem: HTTP, and UDP and XMPP where the agent has them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from cwmpagent.agent.connection_request.http import ConnectionRequests
from cwmpagent.agent.connection_request.udp import UdpConnectionRequests
from cwmpagent.agent.connection_request.xmpp import XmppConnectionRequests
from cwmpagent.agent.connection_request.xmpp_table import XmppStats
from cwmpagent.agent.events import Events
from cwmpagent.agent.parameters.changes import Changes
from cwmpagent.agent.ports import Provider
from cwmpagent.datamodel.schema import Model
from cwmpagent.runtime.environment import Environment
from cwmpagent.runtime.parameters import Device


@dataclass(frozen=True, slots=True)
class ConnectionRequestParts:
    """The parts of the subsystem. ``udp``, ``xmpp``: None where the agent does not have them."""

    http: ConnectionRequests
    udp: UdpConnectionRequests | None
    xmpp: XmppConnectionRequests | None


def own_providers(model: Model, environment: Environment, stats: XmppStats) -> Sequence[Provider]:
    """The providers of the subsystem: statistics of XMPP connections, where the model has them."""
    has_stats = model.definition(model.root.path + "XMPP.Connection.{i}.Stats.") is not None
    return (stats,) if has_stats and environment.connection_requests.xmpp is not None else ()


def build_connection_requests(
    device: Device,
    environment: Environment,
    changes: Changes,
    events: Events,
    stats: XmppStats,
    path: str,
    released: Callable[[], None],
) -> ConnectionRequestParts:
    """Assemble the subsystem.

    ``path``: path of the ConnectionRequestURL; ``released`` as for :class:`UdpConnectionRequests`.
    """
    options, observer = environment.connection_requests, environment.observer
    http = ConnectionRequests(
        server=device.server,
        changes=changes,
        events=events,
        options=options,
        path=path,
        clock=environment.clock,
        timers=environment.timers,
        observer=observer,
    )
    udp: UdpConnectionRequests | None = None
    if options.udp is not None:
        udp = UdpConnectionRequests(
            server=device.server,
            changes=changes,
            connection_requests=http,
            udp=options.udp,
            options=options,
            clock=environment.clock,
            timers=environment.timers,
            observer=observer,
            released=released,
        )
    xmpp: XmppConnectionRequests | None = None
    if options.xmpp is not None:
        xmpp = XmppConnectionRequests(
            tree=device.tree,
            server=device.server,
            changes=changes,
            xmpp=options.xmpp,
            connection_requests=http,
            stats=stats,
            clock=environment.clock,
            observer=observer,
        )
    return ConnectionRequestParts(http, udp, xmpp)
