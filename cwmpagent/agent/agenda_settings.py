"""Settings of the agenda in ManagementServer: periodic Informs, heartbeats, retries, notification throttle."""

from __future__ import annotations

from collections.abc import Iterable

from cwmpagent.agent.management_server import ManagementServer
from cwmpagent.agent.ports import Clock
from cwmpagent.protocol.agenda import Agenda, Now, Periodic, RetryPolicy
from cwmpagent.values import UNKNOWN_TIME, parse_time

_PERIODIC = ("PeriodicInformEnable", "PeriodicInformInterval", "PeriodicInformTime")
_HEARTBEAT = ("HeartbeatPolicy.Enable", "HeartbeatPolicy.ReportingInterval", "HeartbeatPolicy.InitiationTime")
_OTHERS = ("CWMPRetryMinimumWaitInterval", "CWMPRetryIntervalMultiplier", "DefaultActiveNotificationThrottle")


class AgendaSettings:
    """Applies the settings to the agenda, at the start and after each change of one of them."""

    def __init__(self, server: ManagementServer, agenda: Agenda, clock: Clock) -> None:
        self._server = server
        self._agenda = agenda
        self._clock = clock
        self._paths = {server.path(name) for name in (*_PERIODIC, *_HEARTBEAT, *_OTHERS)}

    def configure(self) -> None:
        """Apply the present settings."""
        server = self._server
        self._agenda.configure(
            periodic=self._phase(_PERIODIC, 86400),
            heartbeat=self._phase(_HEARTBEAT, 0),
            retry=RetryPolicy(
                server.number("CWMPRetryMinimumWaitInterval", 5),
                server.number("CWMPRetryIntervalMultiplier", 2000),
            ),
            throttle=server.number("DefaultActiveNotificationThrottle", 0),
            now=Now.read(self._clock),
        )

    def changed(self, names: Iterable[str]) -> None:
        """Apply the settings again if one of the parameters ``names``, which have new values, is among them."""
        if not self._paths.isdisjoint(names):
            self.configure()

    def _phase(self, names: tuple[str, str, str], interval: int) -> Periodic:
        """Read three parameters: enabled, interval (seconds; default ``interval``) and reference time."""
        enable, seconds, reference = names
        server = self._server
        return Periodic(
            server.flag(enable), server.number(seconds, interval), parse_time(server.text(reference, UNKNOWN_TIME))
        )
