"""Memory of one more agent in a process with many: bytes of an AgentRuntime after its first session.

All agents share the model, the connection to the ACS and the clock, and have their state in memory; the ACS answers at
once. The size of the device's Tree alone is the baseline. Usage: ``python benchmarks/agents.py [agents]``.
"""

from __future__ import annotations

import gc
import random
import sys
import time
import tracemalloc
from pathlib import Path

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock as Timers

from cwmpagent.agent.options import ConnectionRequestOptions, SessionOptions
from cwmpagent.config import parse
from cwmpagent.datamodel.restore import open_tree
from cwmpagent.device.models import find_model
from cwmpagent.protocol.rpc import Inform, InformResponse
from cwmpagent.protocol.session.actions import Reply
from cwmpagent.protocol.soap import Envelope, decode, encode
from cwmpagent.records import Saved
from cwmpagent.runtime.agent_runtime import AgentRuntime
from cwmpagent.runtime.environment import Environment
from cwmpagent.runtime.factory_defaults import factory_values, texts
from cwmpagent.store.memory import MemoryStore

CONFIG = """
[device]
manufacturer = "Example"
oui = "00D09E"
product_class = "Gateway"
serial_number = "SN%d"
provider = "simulated"
[acs]
url = "http://acs.example/"
"""


class IdleAcs:
    """An ACS that sends no request, and the exchange with it."""

    def open(self, url: str, username: str, password: str) -> IdleAcs:
        return self

    async def post(self, body: bytes) -> Reply:
        if not body:
            return Reply(204, b"")
        envelope = decode(body)
        assert isinstance(envelope.body, Inform)
        return Reply(200, encode(Envelope(body=InformResponse(1), id=envelope.id)))

    async def close(self) -> None:
        """Do nothing."""


class SharedClock:
    """The clock of all agents."""

    def __init__(self, timers: Timers) -> None:
        self.monotonic = timers.seconds

    def wall(self) -> float:
        return 1.8e9 + self.monotonic()

    def wall_trusted(self) -> bool:
        return True

    def utc_offset(self) -> int:
        return 0


class NoListener:
    """A listener that never listens."""

    listening = False

    def port_for(self, address: str) -> int:
        """Return 0: there is no port."""
        return 0

    async def switched(self, path: str) -> None:
        """Do nothing."""


class NoRestart:
    """A device that never restarts."""

    def reboot(self, command_key: str) -> None:
        """Do nothing."""

    def factory_reset(self) -> None:
        """Do nothing."""


async def nowhere(host: str) -> str | None:
    """No local address."""
    return None


def main(count: int) -> None:
    """Measure and print."""
    timers = Timers()
    model = find_model("device2")
    clock, acs, chance = SharedClock(timers), IdleAcs(), random.Random(1)
    values = [factory_values(parse(CONFIG % number, Path()), "Device.") for number in range(2)]

    def runtime(number: int) -> AgentRuntime:
        environment = Environment(
            timers=timers,
            clock=clock,
            random=chance,
            store=MemoryStore(),
            observer=lambda fact: None,
            sessions=SessionOptions(acs=acs),
            connection_requests=ConnectionRequestOptions(listener=NoListener(), local_address=nowhere),
        )
        made = AgentRuntime(model, values[0], Saved(), environment, NoRestart(), booted=True, boot_id="b")
        Deferred.fromCoroutine(made.start()).addErrback(lambda failure: failure.raiseException())
        return made

    kept: list[object] = [runtime(0)]
    assert not kept[0].agenda.pending  # type: ignore[attr-defined]  # it is an AgentRuntime
    gc.collect()
    tracemalloc.start()
    trees = [open_tree(model, factory=texts(values[1]))[0] for _ in range(count)]
    tree_bytes = tracemalloc.get_traced_memory()[0] / count
    del trees
    gc.collect()
    before, began = tracemalloc.get_traced_memory()[0], time.perf_counter()
    kept += [runtime(number) for number in range(count)]
    took = time.perf_counter() - began
    gc.collect()
    agent_bytes = (tracemalloc.get_traced_memory()[0] - before) / count
    print(f"{count} agents after their first session: {agent_bytes:,.0f} bytes an agent (its Tree: {tree_bytes:,.0f})")
    print(f"{took / count * 1e3:.2f} ms to create an agent and run its first session, with tracing of memory")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 2000)
