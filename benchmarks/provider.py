"""Cost of GetParameterValues with the provider ``linux``: one parameter, each subtree and the whole tree.

Each time is of a read without cached values (values are cached for one second); the response is built, not sent.
``again`` is a read within that second. Usage: ``python benchmarks/provider.py [rounds]``.
"""

from __future__ import annotations

import statistics
import sys
import time
from pathlib import Path
from random import Random
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from cwmpagent.agent.options import ConnectionRequestOptions, ParameterOptions, SessionOptions
from cwmpagent.config import parse
from cwmpagent.device.function_provider import passing_time
from cwmpagent.device.linux import linux_providers
from cwmpagent.device.models import find_model
from cwmpagent.protocol.rpc import Fault, GetParameterValues, GetParameterValuesResponse
from cwmpagent.runtime.agent_runtime import AgentRuntime
from cwmpagent.runtime.environment import Environment
from cwmpagent.runtime.factory_defaults import factory_values
from cwmpagent.store.memory import MemoryStore

CONFIG = """
[device]
manufacturer = "Example"
oui = "00D09E"
product_class = "Gateway"
serial_number = "SN1"
[acs]
url = "http://acs.example/"
"""
PATHS = (
    "Device.DeviceInfo.UpTime",
    "Device.DeviceInfo.MemoryStatus.Free",
    "Device.IP.Interface.1.Stats.BytesSent",
    "Device.Hosts.Host.1.IPAddress",
    "Device.DeviceInfo.ProcessStatus.Process.1.CPUTime",
    "Device.DeviceInfo.MemoryStatus.",
    "Device.DeviceInfo.ProcessStatus.",
    "Device.Ethernet.",
    "Device.IP.",
    "Device.Hosts.",
    "Device.Time.",
    "",
)


class SteppedClock:
    """A clock that the benchmark advances, so that cached values expire."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now

    def wall(self) -> float:
        return time.time()

    def wall_trusted(self) -> bool:
        return True

    def utc_offset(self) -> int:
        return 0


class NoNetwork:
    """An ACS that cannot be reached, and a listener that never listens."""

    port = 0

    def open(self, url: str, username: str, password: str) -> Any:
        raise OSError(url)

    async def switched(self, path: str) -> None:
        """Do nothing."""


class NoRestart:
    """A device that never restarts."""

    def reboot(self, command_key: str) -> None:
        """Do nothing."""

    def factory_reset(self) -> None:
        """Do nothing."""


async def _no_address(host: str) -> str | None:
    return None


def main(rounds: int) -> None:
    """Measure and print the table."""
    clock = SteppedClock()
    environment = Environment(
        timers=Clock(),
        clock=clock,
        random=Random(1),
        store=MemoryStore(),
        observer=lambda fact: None,
        sessions=SessionOptions(acs=NoNetwork()),
        connection_requests=ConnectionRequestOptions(listener=NoNetwork(), local_address=_no_address),
        parameters=ParameterOptions(
            providers=lambda root: (
                *linux_providers(root),
                passing_time(root, uptime=time.monotonic, local_time=lambda: "2026-01-01T00:00:00Z"),
            )
        ),
    )
    store = environment.store.load()  # type: ignore[attr-defined]  # it is a MemoryStore
    values = factory_values(parse(CONFIG, Path()), "Device.")
    runtime = AgentRuntime(find_model("device2"), values, store, environment, NoRestart(), booted=True, boot_id="b")

    def ask(path: str) -> tuple[float, int]:
        began = time.perf_counter()
        answers: list[Any] = []
        Deferred.fromCoroutine(runtime.dispatcher.dispatch(GetParameterValues((path,)))).addBoth(answers.append)
        took = time.perf_counter() - began
        response = answers[0].response
        if isinstance(response, Fault):
            return took, 0
        assert isinstance(response, GetParameterValuesResponse), response
        return took, len(response.parameter_list)

    ask("")
    print(f"{'path':52}{'parameters':>11}{'median ms':>11}{'worst ms':>10}{'again ms':>10}")
    for path in PATHS:
        times, again, count = [], [], 0
        for _ in range(rounds):
            clock.now += 10
            took, count = ask(path)
            times.append(took * 1e3)
            again.append(ask(path)[0] * 1e3)
        print(
            f"{path or 'the whole tree':52}{count:>11}{statistics.median(times):>11.2f}{max(times):>10.2f}"
            f"{statistics.median(again):>10.2f}"
        )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 30)
