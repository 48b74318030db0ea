"""Keeps the agenda in step with what the ACS has set in ManagementServer: periodic Informs, retries, the throttle."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from cwmpagent.agent.server import ManagementServer
from cwmpagent.protocol.agenda import Agenda, Now, Periodic, RetryPolicy
from cwmpagent.values import UNKNOWN_TIME, parse_time

_PERIODIC = ("PeriodicInformEnable", "PeriodicInformInterval", "PeriodicInformTime")
_OTHERS = ("CWMPRetryMinimumWaitInterval", "CWMPRetryIntervalMultiplier", "DefaultActiveNotificationThrottle")


class Following:
    """Reads the settings at start, and again when one of them changes."""

    def __init__(self, server: ManagementServer, agenda: Agenda, now: Callable[[], Now]) -> None:
        self._server = server
        self._agenda = agenda
        self._now = now
        self._paths = {server.path(name) for name in (*_PERIODIC, *_OTHERS)}

    def configure(self) -> None:
        """Tell the agenda the present server."""
        server = self._server
        self._agenda.configure(
            periodic=Periodic(
                server.flag("PeriodicInformEnable"),
                server.number("PeriodicInformInterval", 86400),
                parse_time(server.text("PeriodicInformTime", UNKNOWN_TIME)),
            ),
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
