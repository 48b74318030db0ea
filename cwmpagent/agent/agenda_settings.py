"""Keeps the agenda in step with what the ACS has set in ManagementServer.

Periodic Informs, heartbeats, retries, the throttle.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from cwmpagent.agent.management_server import ManagementServer
from cwmpagent.protocol.agenda import Agenda, Now, Periodic, RetryPolicy
from cwmpagent.values import UNKNOWN_TIME, parse_time

_PERIODIC = ("PeriodicInformEnable", "PeriodicInformInterval", "PeriodicInformTime")
_HEARTBEAT = ("HeartbeatPolicy.Enable", "HeartbeatPolicy.ReportingInterval", "HeartbeatPolicy.InitiationTime")
_OTHERS = ("CWMPRetryMinimumWaitInterval", "CWMPRetryIntervalMultiplier", "DefaultActiveNotificationThrottle")


class AgendaSettings:
    """Reads the settings at start, and again when one of them changes."""

    def __init__(self, server: ManagementServer, agenda: Agenda, now: Callable[[], Now]) -> None:
        self._server = server
        self._agenda = agenda
        self._now = now
        self._paths = {server.path(name) for name in (*_PERIODIC, *_HEARTBEAT, *_OTHERS)}

    def configure(self) -> None:
        """Tell the agenda the present server."""
        server = self._server
        self._agenda.configure(
            periodic=self._phase(_PERIODIC, 86400),
            heartbeat=self._phase(_HEARTBEAT, 0),
            retry=RetryPolicy(
                server.number("CWMPRetryMinimumWaitInterval", 5),
                server.number("CWMPRetryIntervalMultiplier", 2000),
            ),
            throttle=server.number("DefaultActiveNotificationThrottle", 0),
            now=self._now(),
        )

    def changed(self, names: Iterable[str]) -> None:
        """Parameters have new values."""
        if not self._paths.isdisjoint(names):
            self.configure()

    def _phase(self, names: tuple[str, str, str], interval: int) -> Periodic:
        """Three parameters that mean: whether, how often (seconds; ``interval`` where that is not known), and when."""
        enable, every, reference = names
        server = self._server
        return Periodic(
            server.flag(enable), server.number(every, interval), parse_time(server.text(reference, UNKNOWN_TIME))
        )
