"""Connection requests over UDP: python benchmarks/udp_request.py

Time from a request to the first byte of the Inform at the ACS; datagrams that one core refuses and accepts in a second;
memory and time of a NAT binding that is kept alive.
"""

from __future__ import annotations

import socket
import statistics
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock, react

sys.path.insert(0, str(Path(__file__).parent.parent))

from cwmpagent.agent.facts import ConnectionRequested, Fact
from cwmpagent.config import parse
from cwmpagent.embedding.service import Agent
from cwmpagent.lab.acs import LabAcs
from cwmpagent.protocol.connection_request.rate_limit import RateLimit
from cwmpagent.protocol.connection_request.udp import UdpRequests, build
from cwmpagent.protocol.stun.binding import Binding, BindingSettings
from cwmpagent.protocol.stun.message import Address, MessageType, StunMessage, decode, encode
from cwmpagent.transport.udp.port import DatagramPort

SESSIONS = 500
DATAGRAMS = 20_000
BINDINGS = 10_000
WHO = ("acs", "secret")
CONFIG = """
[device]
manufacturer = "Example"
oui = "00D09E"
serial_number = "SN0001"
provider = "simulated"
[acs]
url = "{url}"
[connection_request]
endpoint = "tcp:0:interface=127.0.0.1"
username = "acs"
password = "secret"
[state]
directory = "{state}"
[parameters]
"Device.ManagementServer.PeriodicInformEnable" = false
"""


def request(number: int, password: str = "secret") -> bytes:
    """One datagram; its timestamp increases with ``number``."""
    return build(
        "127.0.0.1:7547",
        timestamp=1_700_000_000 + number,
        request_id=str(number),
        username="acs",
        cnonce=f"{number:016x}",
        password=password,
    )


async def latency(place: Path) -> list[float]:
    """Seconds from sending the datagram to the first byte of the Inform at the ACS, for each session."""
    lab = LabAcs(reactor)
    port: Any = reactor.listenTCP(0, lab.site(), interface="127.0.0.1")
    text = CONFIG.format(url=f"http://127.0.0.1:{port.getHost().port}/", state=place / "state")
    requested: list[ConnectionRequested] = []

    def observe(fact: Fact) -> None:
        if isinstance(fact, ConnectionRequested):
            requested.append(fact)

    agent = Agent(parse(text, place), reactor=reactor, observer=observe)
    first = lab.wait_for_session(ended="complete")
    agent.startService()
    await first
    agent.runtime.connection_requests.http._limit = RateLimit(10**9)
    _, _, number = agent.runtime.server.text("UDPConnectionRequestAddress").rpartition(":")
    ours = socket.socket(type=socket.SOCK_DGRAM)
    taken: list[float] = []
    for each in range(SESSIONS):
        done = lab.wait_for_session(ended="complete")
        began = time.time()
        ours.sendto(request(each), ("127.0.0.1", int(number)))
        trace = await done
        taken.append(trace.exchanges[0].at - began)
    ours.close()
    assert len(requested) == SESSIONS
    await agent.stopService()
    lab.close()
    await port.stopListening()
    return taken


class Port(Clock):
    """A reactor without sockets: the benchmark calls the protocol directly and measures only the agent."""

    def listenUDP(self, port: int, protocol: Any, interface: str = "") -> Any:
        self.protocol = protocol
        return self


class Receiver:
    """The receiver of datagrams: counts the accepted requests."""

    def __init__(self) -> None:
        self.requests = UdpRequests()
        self.accepted = 0

    def stun(self, data: bytes, source: Address) -> None:
        """Do nothing: no datagram is STUN."""

    def text(self, data: bytes, source: Address) -> None:
        self.accepted += self.requests.refusal(data, WHO) is None


def rate(make: Callable[[int], bytes], expected: bool) -> float:
    """Datagrams that one core processes in a second, from the socket on."""
    net, receiver = Port(), Receiver()
    port = DatagramPort(net, 7547)
    port.bind()
    port.attach(receiver)
    datagrams = [make(number) for number in range(DATAGRAMS)]
    began = time.process_time()
    for each in datagrams:
        net.protocol.datagramReceived(each, ("127.0.0.1", 4711))
    taken = time.process_time() - began
    assert receiver.accepted == (DATAGRAMS if expected else 0)
    return DATAGRAMS / taken


def bindings() -> tuple[float, float]:
    """Bytes of a binding, and microseconds of one keep-alive with its response."""
    ids = count(1)
    mapped = Address("203.0.113.5", 40_001)

    def answer(data: bytes) -> bytes:
        request = decode(data)
        assert request is not None
        return encode(StunMessage(kind=MessageType.RESPONSE, transaction=request.transaction, mapped=mapped))

    def settle(binding: Binding, now: float) -> None:
        actions = binding.start(now) if binding.mapping is None else binding.wake(now)
        while sent := [each for each in actions if hasattr(each, "data")]:
            actions = binding.received(answer(sent[-1].data), now)

    settings = BindingSettings(username="cpe", password="secret", shortest=30, longest=30)
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    kept = []
    for _ in range(BINDINGS):
        binding = Binding(settings, Address("192.168.1.2", 7547), lambda: next(ids).to_bytes(16, "big"))
        settle(binding, 0.0)
        kept.append(binding)
    size = (tracemalloc.get_traced_memory()[0] - before) / BINDINGS
    tracemalloc.stop()
    began = time.process_time()
    for binding in kept:
        settle(binding, 30.0)
    return size, (time.process_time() - began) / BINDINGS * 1e6


async def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        taken = sorted(await latency(Path(name)))
    print(f"from a request to the first byte of the Inform at the ACS, {SESSIONS} times (agent and ACS in one process)")
    print(f"  median {statistics.median(taken) * 1000:.2f} ms, 99th {taken[SESSIONS * 99 // 100] * 1000:.2f} ms")
    print("datagrams a second on one core")
    for what, make, expected in (
        ("refused (no request)", lambda number: b"\xff" * 200, False),
        ("refused (wrong signature)", lambda number: request(number, "wrong"), False),
        ("accepted", request, True),
    ):
        print(f"  {what:28}{max(rate(make, expected) for _ in range(3)):10.0f}")
    size, microseconds = bindings()
    print(f"a binding: {size:.0f} bytes; a keep-alive and its response (both encoded): {microseconds:.0f} us")


if __name__ == "__main__":
    react(lambda _: Deferred.fromCoroutine(main()))
