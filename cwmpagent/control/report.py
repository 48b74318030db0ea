"""The state of a running agent: who it is, how its talk with the ACS goes, what it still has to tell."""

from __future__ import annotations

import os
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Protocol

from cwmpagent.agent.device_identity import device_id
from cwmpagent.config import Config
from cwmpagent.control.parameters_view import shown
from cwmpagent.control.recent_facts import RecentFacts, stamped
from cwmpagent.protocol.agenda import Now
from cwmpagent.protocol.masking import without_userinfo
from cwmpagent.runtime.agent_runtime import AgentRuntime
from cwmpagent.runtime.factory_defaults import FactoryValue, overruled


class Running(Protocol):
    """What the control socket sees of an agent."""

    config: Config

    @property
    def life(self) -> AgentRuntime:
        """The present one: each reboot that the agent plays itself begins another."""

    @property
    def rebooting(self) -> bool:
        """Whether the present life is at its end, so that nothing may be changed in it."""

    @property
    def values(self) -> Mapping[str, FactoryValue]:
        """The factory values of the configuration."""

    async def factory_reset(self) -> None:
        """Promise a factory reset and begin it. Raises CwmpFault 9002 where it cannot be saved."""


def status(agent: Running, recent: RecentFacts, started: float) -> dict[str, Any]:
    """Everything at a glance; no secrets. ``started`` is the wall time of the agent's start."""
    life = agent.life
    tree, server = life.tree, life.server
    who = device_id(tree)
    return {
        "version": own_version(),
        "process": os.getpid(),
        "started": stamped(started),
        "rebooting": agent.rebooting,
        "device": {
            "manufacturer": who.manufacturer,
            "oui": who.oui,
            "product_class": who.product_class,
            "serial_number": who.serial_number,
            "model": tree.model.name,
            "provider": agent.config.device.provider,
        },
        "acs": {"url": without_userinfo(server.text("URL")), "enabled": server.flag("EnableCWMP", True)},
        "session": session(life, recent),
        "connection_request": {
            "url": without_userinfo(server.text("ConnectionRequestURL")),
            "credentials": life.reach.credentials() is not None,
            "udp": by_udp(life),
        },
        "overruled": [
            {
                "key": each.key,
                "name": each.path,
                "file": shown(tree, each.path, each.file).text,
                "present": shown(tree, each.path, each.present).text,
            }
            for each in overruled(agent.values, tree)
        ],
    }


def by_udp(life: AgentRuntime) -> dict[str, Any] | None:
    """Where requests by UDP come in, and how the NAT binding stands; None where none are taken."""
    address = life.server.text("UDPConnectionRequestAddress")
    if life.udp is None or not address:
        return None
    binding, kept = life.udp.binding, None
    if binding is not None:
        kept = {"period": round(binding.period, 1), "searching": binding.searching, "answered": not binding.failing}
    return {"address": address, "nat": life.server.flag("NATDetected"), "stun": kept}


def session(life: AgentRuntime, recent: RecentFacts) -> dict[str, Any]:
    """The session under way, the last that ended since the agent's start, and the next that is planned."""
    now = life.sessions.now()
    planned = life.agenda.session_at(now) if life.server.flag("EnableCWMP", True) else None
    last = None
    if recent.last_session is not None:
        stamp, fact = recent.last_session
        last = {
            "ended": stamped(stamp),
            "success": fact.success,
            "reason": without_userinfo(fact.reason),
            "events": list(fact.events),
            "rpcs": sum(fact.rpcs.values()),
            "faults": list(fact.faults),
            "seconds": round(fact.seconds, 3),
        }
    return {"open": life.sessions.in_session, "last": last, "next": _planned(planned, now)}


def events(life: AgentRuntime, recent: RecentFacts) -> dict[str, Any]:
    """What the ACS is still to be told: events, parameters of a VALUE CHANGE, ScheduleInforms; and the retries."""
    now = life.sessions.now()
    retry_in = life.agenda.retry_in(now)
    return {
        "pending": [{"event": each.code, "command_key": each.command_key} for each in life.agenda.pending],
        "changed": list(life.notifications.news),
        "scheduled": [
            {"command_key": each.command_key, **(_planned(each.due, now) or {})} for each in life.agenda.scheduled()
        ],
        "retry_count": life.agenda.retry_count,
        "retry_in": None if retry_in is None else round(retry_in, 1),
        "session": session(life, recent),
    }


def own_version() -> str:
    """The version of this package; empty where it is not installed."""
    try:
        return version("cwmpagent")
    except PackageNotFoundError:
        return ""


def _planned(moment: float | None, now: Now) -> dict[str, Any] | None:
    """A monotonic time as seconds from now, and as a time where the wall clock is to be trusted."""
    if moment is None:
        return None
    left = max(0.0, moment - now.monotonic)
    return {"in": round(left, 1), "at": "" if now.wall is None else stamped(now.wall + left)}
