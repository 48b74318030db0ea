"""Cost of polling watched parameters every 5 seconds: 10,000 of a simulated provider, and those of the provider linux.

Each line: watched parameters, parameters that change between polls, CPU milliseconds of one poll (median and worst),
the share of one core with a poll every 5 seconds. Changes are sent by lightweight notification, the most expensive way:
each is compared, sent, and saved as the new baseline (in memory).

Usage: ``python benchmarks/polling.py [rounds]``.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from cwmpagent.agent.options import ConnectionRequestOptions, NotificationOptions, ParameterOptions, SessionOptions
from cwmpagent.agent.parameters.changes import Origin
from cwmpagent.config import parse
from cwmpagent.datamodel.plan import AttributeChange
from cwmpagent.datamodel.schema import Notify
from cwmpagent.device.linux import linux_providers
from cwmpagent.device.models import find_model
from cwmpagent.device.provider import Name, Provider
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
[parameters]
"Device.ManagementServer.LightweightNotificationProtocolsUsed" = "UDP"
"""
TABLE = "Device.NAT.PortMapping."
ROWS = 1000
COLUMNS = (
    "Status",
    "Origin",
    "AllInterfaces",
    "ExternalPort",
    "InternalPort",
    "Protocol",
    "InternalClient",
    "Description",
    "RemoteHost",
    "ExternalPortEndRange",
)
TEXTS = ("Enabled", "User", "false", "80", "80", "TCP", "192.0.2.1", "", "", "90")


class Simulated(Provider):
    """A provider with values in memory."""

    name = "simulated"
    paths = (TABLE,)

    def __init__(self) -> None:
        self.values: dict[str, str] = {}

    def read(self, names: Sequence[Name]) -> dict[str, str]:
        """Return the values of ``names``."""
        values = self.values
        return {name: values[name] for name in names if name in values}

    def check(self, changes: Any) -> None:
        """Accept every change."""


class TimerClock:
    """Monotonic and wall clock that follow the timers of the reactor."""

    def __init__(self, timers: Clock) -> None:
        self.monotonic = timers.seconds

    def wall(self) -> float:
        return 1767225600.0 + self.monotonic()

    def wall_trusted(self) -> bool:
        return True

    def utc_offset(self) -> int:
        return 0


class NoNetwork:
    """An ACS that cannot be reached, and a listener that never listens."""

    port = 0
    listening = False

    def open(self, url: str, username: str, password: str) -> Any:
        raise OSError(url)

    async def switched(self, path: str) -> None:
        """Do nothing."""


INTERVAL = NotificationOptions().poll_interval


class NoRestart:
    """A device that never restarts."""

    def reboot(self, command_key: str) -> None:
        """Do nothing."""

    def factory_reset(self) -> None:
        """Do nothing."""


async def _no_address(host: str) -> str | None:
    return None


def _done(work: Any) -> Any:
    results: list[Any] = []
    Deferred.fromCoroutine(work).addBoth(results.append)
    if isinstance(results[0], Failure):
        results[0].raiseException()
    return results[0]


def begin(*providers: Provider) -> tuple[AgentRuntime, Clock]:
    """Start an agent without a session, as its ACS cannot be reached; its runtime and its timers."""
    timers = Clock()
    environment = Environment(
        timers=timers,
        clock=TimerClock(timers),
        random=Random(1),
        store=MemoryStore(),
        observer=lambda fact: None,
        sessions=SessionOptions(acs=NoNetwork()),
        connection_requests=ConnectionRequestOptions(listener=NoNetwork(), local_address=_no_address),
        parameters=ParameterOptions(providers=lambda root: providers),
    )
    values = factory_values(parse(CONFIG + '"Device.ManagementServer.EnableCWMP" = true\n', Path()), "Device.")
    saved = environment.store.load()  # type: ignore[attr-defined]  # it is a MemoryStore
    runtime = AgentRuntime(find_model("device2"), values, saved, environment, NoRestart(), booted=True, boot_id="b")
    _done(runtime.start())
    return runtime, timers


def measure(
    title: str, runtime: AgentRuntime, timers: Clock, names: Sequence[str], rounds: int, change: Any, count: int
) -> None:
    """Watch ``names``, and print the cost of a poll; ``change`` is called before each poll."""
    _done(runtime.refresher.freshen(names))
    _done(runtime.changes.set_attributes([AttributeChange(name, 5 if count else 3) for name in names], Origin.ACS))
    timers.advance(INTERVAL)
    times = []
    for number in range(rounds):
        change(number)
        began = time.process_time()
        timers.advance(INTERVAL)
        timers.advance(0)
        times.append((time.process_time() - began) * 1000)
    median, worst = statistics.median(times), max(times)
    share = median / 1000 / INTERVAL
    print(f"{title:12}{len(names):>9}{count:>9}{median:>11.2f}{worst:>10.2f}{share:>10.2%}")


def main(rounds: int) -> None:
    """Measure and print the table."""
    print(f"{'provider':12}{'watched':>9}{'changing':>9}{'median ms':>11}{'worst ms':>10}{'of a core':>10}")
    for changing in (0, 100, 1000):
        box = Simulated()
        runtime, timers = begin(box)
        for _ in range(ROWS):
            _done(runtime.changes.add_object(TABLE, Origin.ACS))
        names = [f"{TABLE}{row}.{column}" for row in range(1, ROWS + 1) for column in COLUMNS]
        box.values = {name: TEXTS[COLUMNS.index(name.rpartition(".")[2])] for name in names}
        descriptions = [name for name in names if name.endswith(".Description")][:changing]

        def change(number: int, box: Simulated = box, descriptions: list[str] = descriptions) -> None:
            box.values.update(dict.fromkeys(descriptions, f"round {number}"))

        measure("simulated", runtime, timers, names, rounds, change, changing)
    runtime, timers = begin(*linux_providers("Device."))
    _done(runtime.refresher.read([""]))
    live = [
        name
        for path in ("Device.DeviceInfo.", "Device.IP.", "Device.Ethernet.", "Device.Hosts.", "Device.Time.")
        for name in runtime.tree.parameters(path)
        if runtime.tree.definition(name).notify is not Notify.FORCED
    ]
    measure("linux", runtime, timers, live, rounds, lambda number: time.sleep(0.01), 0)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 20)
