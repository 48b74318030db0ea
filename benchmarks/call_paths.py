"""The files on the way of a start, a SetParameterValues and a UDP ConnectionRequest.

An arrow is a pair of files of which one calls the other, counted once. ``python benchmarks/call_paths.py`` prints it.
"""

from __future__ import annotations

import random
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))

from twisted.internet import reactor as global_reactor
from twisted.internet.defer import Deferred

import cwmpagent
from cwmpagent import Agent
from cwmpagent.agent.facts import Fact, SessionEnded, SessionStarted
from cwmpagent.lab.acs import LabAcs
from cwmpagent.protocol.connection_request.udp import build
from cwmpagent.protocol.rpc import ParameterValueStruct, SetParameterValues
from cwmpagent.protocol.stun.message import Address
from cwmpagent.values import Value, ValueType

reactor: Any = global_reactor
HOUSE = str(Path(cwmpagent.__file__).parent) + "/"
PATH = "Device.ManagementServer.PeriodicInformInterval"


@dataclass
class Way:
    """The files entered while :meth:`watch` is in force, and the arrows from the files that called them."""

    files: set[str] = field(default_factory=set)
    arrows: set[tuple[str, str]] = field(default_factory=set)

    def __call__(self, frame: FrameType, event: str, argument: object) -> None:
        if event != "call" or not frame.f_code.co_filename.startswith(HOUSE) or frame.f_code.co_name.startswith("<"):
            return
        callee = frame.f_code.co_filename
        self.files.add(callee)
        caller = frame.f_back
        while caller is not None and not caller.f_code.co_filename.startswith(HOUSE):
            caller = caller.f_back
        if caller is not None and caller.f_code.co_filename != callee:
            self.arrows.add((caller.f_code.co_filename, callee))

    def watch(self) -> None:
        sys.setprofile(self)

    def print(self, title: str) -> None:
        """End the watch, and print a row."""
        sys.setprofile(None)
        print(f"{title:42}{len(self.files):>7}{len(self.arrows):>8}")


def main() -> None:
    """Start an agent and the lab's ACS on loopback, and print the table."""
    lab = LabAcs(reactor, auth="none")
    port = reactor.listenTCP(0, lab.site(), interface="127.0.0.1")
    ended: list[Deferred[None]] = [Deferred()]
    way = Way()

    def observe(fact: Fact) -> None:
        if isinstance(fact, SessionStarted) and len(ended) == 1:
            way.print("start, to the first Inform")
        if isinstance(fact, SessionEnded) and not ended[-1].called:
            ended[-1].callback(None)

    print(f"{'':42}{'files':>7}{'arrows':>8}")
    with tempfile.TemporaryDirectory() as directory:
        settings: dict[str, dict[str, object]] = {
            "device": {"manufacturer": "Example", "oui": "00D09E", "serial_number": "1", "provider": "simulated"},
            "acs": {"url": f"http://127.0.0.1:{port.getHost().port}/"},
            "connection_request": {"endpoint": "tcp:0:interface=127.0.0.1", "username": "a", "password": "b"},
            "state": {"directory": Path(directory) / "state"},
        }
        Agent(reactor=reactor, **settings)  # load the modules that are imported late
        way.watch()
        agent = Agent(reactor=reactor, observer=observe, chance=random.Random(1), **settings)
        agent.startService()
        run(lambda: after_first(agent, ended[0]))
        port.stopListening()


async def after_first(agent: Agent, first: Deferred[None]) -> None:
    """The RPC and the request of the running agent."""
    await first
    runtime = agent.runtime
    way = Way()
    request = SetParameterValues((ParameterValueStruct(PATH, Value(ValueType.UNSIGNED_INT, "600")),), "key")
    way.watch()
    await runtime.dispatcher.dispatch(request)
    way.print("SetParameterValues")
    udp = runtime.connection_requests.udp
    assert udp is not None
    datagram = build("127.0.0.1:1", timestamp=1, request_id="1", username="a", cnonce="c", password="b")
    way = Way()
    way.watch()
    udp.text(datagram, Address("127.0.0.1", 4))
    way.print("UDP ConnectionRequest")
    await agent.stopService()


def run(work: Callable[[], Any]) -> None:
    """Run the reactor until ``work`` is done."""
    done = Deferred.fromCoroutine(work())
    done.addErrback(lambda failure: failure.printTraceback())
    done.addBoth(lambda _: reactor.callLater(0, reactor.stop))
    reactor.run()


if __name__ == "__main__":
    main()
