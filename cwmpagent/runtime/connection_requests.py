"""Assembly of the ConnectionRequest subsystem: HTTP, and UDP and XMPP where the agent has them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from cwmpagent.agent.connection_request.http import ConnectionRequests
from cwmpagent.agent.connection_request.kicks import Kicks
from cwmpagent.agent.connection_request.udp import UdpConnectionRequests
from cwmpagent.agent.connection_request.xmpp import XmppConnectionRequests
from cwmpagent.agent.connection_request.xmpp_table import XmppStats
from cwmpagent.agent.parameters.changes import Changes
from cwmpagent.agent.ports import Provider
from cwmpagent.datamodel.schema import Model
from cwmpagent.protocol.agenda.events import KICKED
from cwmpagent.runtime.environment import Environment
from cwmpagent.runtime.parameters import Device
from cwmpagent.runtime.sessions import AgendaParts


@dataclass(frozen=True, slots=True)
class ConnectionRequestParts:
    """The parts of the subsystem. ``udp``, ``xmpp``, ``kicks``: None where the agent does not have them."""

    http: ConnectionRequests
    udp: UdpConnectionRequests | None
    xmpp: XmppConnectionRequests | None
    kicks: Kicks | None

    def stop_http(self) -> None:
        """Accept no requests by HTTP any more, and send browsers away that wait."""
        self.http.stop()
        if self.kicks is not None:
            self.kicks.stop()

    def resume_http(self) -> None:
        """Accept requests by HTTP again after :meth:`stop_http`."""
        self.http.resume()
        if self.kicks is not None:
            self.kicks.resume()


def own_providers(model: Model, environment: Environment, stats: XmppStats) -> Sequence[Provider]:
    """The providers of the subsystem: statistics of XMPP connections, where the model has them."""
    has_stats = model.definition(model.root.path + "XMPP.Connection.{i}.Stats.") is not None
    return (stats,) if has_stats and environment.connection_requests.xmpp is not None else ()


def build_connection_requests(
    device: Device,
    environment: Environment,
    changes: Changes,
    parts: AgendaParts,
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
        events=parts.events,
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
    return ConnectionRequestParts(http, udp, xmpp, _build_kicks(http, environment, parts))


def _build_kicks(http: ConnectionRequests, environment: Environment, parts: AgendaParts) -> Kicks | None:
    """The kick page, where the agent has one. A browser that waited for an earlier process is gone, and its event."""
    parts.agenda.withdraw(KICKED)
    if not environment.connection_requests.kick:
        return None
    kicks = Kicks(
        http.kick_path,
        http,
        parts.agenda,
        parts.events,
        environment.clock,
        environment.timers,
        environment.observer,
    )
    parts.own_requests.add(kicks)
    return kicks
