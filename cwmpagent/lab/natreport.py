"""``cwmpagent lab nat-report``: agents of ours through every kind of NAT, and what came of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred

from cwmpagent.config import from_settings
from cwmpagent.embed import Agent
from cwmpagent.lab.nat import NatWeather
from cwmpagent.lab.natbench import LIFETIME, NatBench, NatResult
from cwmpagent.lab.natkind import NatKind


def our_agent(bench: NatBench, reactor: Any, directory: Path, number: int) -> Agent:
    """An agent of this project, pointed at ``bench``."""
    config = from_settings(
        {
            "device": {
                "manufacturer": "Example",
                "oui": "00D09E",
                "serial_number": f"NAT{number}",
                "provider": "simulated",
            },
            "acs": {"url": bench.url, "username": bench.username, "password": bench.password},
            "connection_request": {"endpoint": "tcp:0:interface=127.0.0.1", "udp_port": 0},
            "state": {"directory": directory},
        },
        directory.parent,
    )
    return Agent(config, reactor=reactor)


@dataclass(slots=True)
class NatReport:
    """One run: an agent of ours for each of ``kinds``, all at the same time."""

    reactor: Any
    directory: Path
    kinds: Sequence[NatKind | None]
    lifetime: float = LIFETIME
    seed: int = 0
    weather: NatWeather | None = None
    make: Callable[[NatBench, Any, Path, int], Any] = our_agent
    informed_within: float = 30.0
    _running: list[Deferred[NatResult]] = field(default_factory=list)

    async def run(self) -> list[NatResult]:
        """The results, in the order of ``kinds``."""
        self._running = [Deferred.fromCoroutine(self._one(number, kind)) for number, kind in enumerate(self.kinds)]
        return [await each for each in self._running]

    async def _one(self, number: int, kind: NatKind | None) -> NatResult:
        bench = NatBench(self.reactor, kind, lifetime=self.lifetime, seed=self.seed + number, weather=self.weather)
        bench.open()
        agent = self.make(bench, self.reactor, self.directory / f"state{number}", number)
        agent.startService()
        try:
            return await bench.measure(informed_within=self.informed_within)
        finally:
            await agent.stopService()
            await bench.close()
