"""``cwmpagent lab nat-report``: agents of this project behind every kind of NAT, and the results."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from twisted.internet.defer import CancelledError, Deferred, DeferredList, FirstError, gatherResults
from twisted.python.failure import Failure

from cwmpagent.config import from_settings
from cwmpagent.embedding.service import Agent
from cwmpagent.lab.nat_report.bench import LIFETIME, REQUESTS, NatBench, NatResult
from cwmpagent.lab.network.nat import NatWeather
from cwmpagent.lab.network.nat_kind import NatKind


def our_agent(bench: NatBench, reactor: Any, directory: Path, number: int) -> Agent:
    """An agent of this project, configured for ``bench``."""
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
    """One run with one agent for each of ``kinds``, all at the same time.

    ``make``: returns the agent as a service. ``tell``: called with lines of text about the progress. The
    other fields are as for :class:`NatBench`.
    """

    reactor: Any
    directory: Path
    kinds: Sequence[NatKind | None]
    lifetime: float = LIFETIME
    seed: int = 0
    weather: NatWeather | None = None
    requests: int = REQUESTS
    make: Callable[[NatBench, Any, Path, int], Any] = our_agent
    informed_within: float = 30.0
    tell: Callable[[str], object] = lambda line: None

    async def run(self) -> list[NatResult]:
        """Measure; return the results in the order of ``kinds``. A failure or a cancellation ends all measurements."""
        running = [Deferred.fromCoroutine(self._measure(number, kind)) for number, kind in enumerate(self.kinds)]
        try:
            return list(await gatherResults(running, consumeErrors=True))
        except FirstError as error:
            failure: Failure = error.subFailure
            # After a cancellation all are closing already; a second one would interrupt that.
            if not isinstance(failure.value, CancelledError):
                for measurement in running:
                    measurement.cancel()
            await DeferredList(running, consumeErrors=True)
            failure.raiseException()

    async def _measure(self, number: int, kind: NatKind | None) -> NatResult:
        bench = NatBench(
            self.reactor,
            kind,
            lifetime=self.lifetime,
            seed=self.seed + number,
            weather=self.weather,
            requests=self.requests,
            tell=lambda line: self.tell(f"{kind.value if kind is not None else 'none'}: {line}"),
        )
        try:
            bench.open()
            agent = self.make(bench, self.reactor, self.directory / f"state{number}", number)
            agent.startService()
            try:
                return await bench.measure(informed_within=self.informed_within)
            finally:
                await agent.stopService()
        finally:
            await bench.close()
