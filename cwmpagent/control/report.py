"""The state of a running agent: the reports of its subsystems, put together for `status`, `events` and `export`."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

from cwmpagent.agent.device_identity import device_id, device_name
from cwmpagent.agent.parameters.masked_values import masked_value
from cwmpagent.agent.report import Json, Metric, Report, stamped
from cwmpagent.agent.session.report import SessionReport
from cwmpagent.config import Config
from cwmpagent.control.recent_facts import RecentFacts
from cwmpagent.device.machine import package_version
from cwmpagent.protocol.masking import without_userinfo
from cwmpagent.runtime.agent_runtime import AgentRuntime
from cwmpagent.runtime.factory_defaults import FactoryValue, overridden_values


class Running(Protocol):
    """The interface of an agent for the control socket."""

    config: Config

    @property
    def runtime(self) -> AgentRuntime:
        """The present runtime; a new one after each reboot that the agent performs itself."""

    @property
    def rebooting(self) -> bool:
        """Whether the present runtime is about to end, so that it accepts no changes."""

    @property
    def values(self) -> Mapping[str, FactoryValue]:
        """The factory values of the configuration."""

    async def factory_reset(self) -> None:
        """Save the request for a factory reset and begin it. Raises CwmpFault 9002 where it cannot be saved."""


class AgentReport(Report):
    """The agent as a whole; ``started`` is the wall time of its start."""

    def __init__(self, agent: Running, started: float) -> None:
        self._agent = agent
        self._started = started

    def status(self) -> Json:
        """Identity, process, ACS, and values of the configuration that are not in force."""
        tree, server = self._agent.runtime.tree, self._agent.runtime.server
        identity = device_id(tree)
        return {
            "version": package_version("cwmpagent"),
            "process": os.getpid(),
            "started": stamped(self._started),
            "rebooting": self._agent.rebooting,
            "device": {
                "manufacturer": identity.manufacturer,
                "oui": identity.oui,
                "product_class": identity.product_class,
                "serial_number": identity.serial_number,
                "model": tree.model.name,
                "provider": self._agent.config.device.provider,
            },
            "acs": {"url": without_userinfo(server.text("URL")), "enabled": server.flag("EnableCWMP", True)},
            "overruled": [
                {
                    "key": value.key,
                    "name": value.path,
                    "file": masked_value(tree, value.path, value.file).text,
                    "present": masked_value(tree, value.path, value.present).text,
                }
                for value in overridden_values(self._agent.values, tree)
            ],
        }

    def summary(self) -> Iterable[tuple[str, str]]:
        """Device, model, process and ACS."""
        status = self.status()
        device, acs = status["device"], status["acs"]
        name = device_name(self._agent.runtime.tree)
        enabled = "" if acs["enabled"] else " (EnableCWMP is false: no session opens)"
        yield "Device", f"{name} ({device['manufacturer']})"
        yield "Model", f"{device['model']}, values: {device['provider']}"
        yield "Agent", f"{status['version']}, process {status['process']}, since {status['started']}"
        yield "ACS", acs["url"] + enabled


def reports(agent: Running, recent: RecentFacts, started: float) -> Sequence[Report]:
    """The reports of all subsystems, in the order of the output of `status`."""
    runtime = agent.runtime
    session = SessionReport(
        runtime.sessions, runtime.agenda, runtime.server, runtime.notification.by_inform, recent.last_session
    )
    return (AgentReport(agent, started), session, *runtime.reports)


def status(every: Sequence[Report]) -> dict[str, Any]:
    """The answer to `status`: the members of every report, and ``summary``, the same as labelled lines of text."""
    members = {name: value for report in every for name, value in report.status().items()}
    return {**members, "summary": [list(row) for report in every for row in report.summary()]}


def events(every: Sequence[Report]) -> dict[str, Any]:
    """The answer to `events`: the members of every report, and ``summary`` as for :func:`status`."""
    members = {name: value for report in every for name, value in report.events().items()}
    return {**members, "summary": [list(row) for report in every for row in report.events_summary()]}


def metrics(every: Sequence[Report]) -> list[Metric]:
    """The present metrics of all subsystems."""
    return [metric for report in every for metric in report.metrics()]
