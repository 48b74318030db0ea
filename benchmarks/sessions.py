"""Cost of one session: Inform, GetParameterValues, SetParameterValues, end; agent and ACS in one process.

The baseline, in the same run and over the same kind of connection, is the same number of POSTs by treq to a server that
returns nothing. The ratio is the cost that CWMP adds to HTTP. Usage: ``python -m benchmarks.sessions [sessions]``.
"""

from __future__ import annotations

import logging
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import treq
from twisted.internet import reactor as global_reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import react
from twisted.web.resource import Resource
from twisted.web.server import Site

from cwmpagent.agent.facts import Fact, SessionEnded
from cwmpagent.config import parse
from cwmpagent.embedding.service import Agent
from cwmpagent.lab.acs import LabAcs
from cwmpagent.lab.certificates import certificates
from cwmpagent.protocol.agenda.events import CONNECTION_REQUEST, Event
from cwmpagent.protocol.auth import Credentials
from cwmpagent.protocol.rpc import GetParameterValues, ParameterValueStruct, SetParameterValues
from cwmpagent.values import Value, ValueType

reactor: Any = global_reactor
DEVICE = "00D09E-Gateway-SN0001"
CONFIG = """
[device]
manufacturer = "Example"
oui = "00D09E"
product_class = "Gateway"
serial_number = "SN0001"
provider = "simulated"
[acs]
url = "{url}"
{ca}
[connection_request]
endpoint = "tcp:0:interface=127.0.0.1"
username = "acs"
password = "secret"
[state]
directory = "{state}"
"""
WRITTEN = SetParameterValues(
    (ParameterValueStruct("Device.DeviceInfo.ProvisioningCode", Value(ValueType.STRING, "bench")),), "key"
)


class Empty(Resource):
    """Answers every POST with an empty 204."""

    isLeaf = True

    def render_POST(self, request: Any) -> bytes:
        request.content.read()
        request.setResponseCode(204)
        return b""


async def sessions(count: int, tls: bool) -> tuple[float, float, list[float]]:
    """Wall and CPU seconds of ``count`` sessions, and the time from connection request to the end of each."""
    with tempfile.TemporaryDirectory() as place:
        lab = LabAcs(reactor, connection_request=Credentials("acs", "secret"))
        made = certificates(Path(place) / "pki")
        if tls:
            port = reactor.listenSSL(0, lab.site(), made.server_options(), interface="127.0.0.1")
        else:
            port = reactor.listenTCP(0, lab.site(), interface="127.0.0.1")
        url = f"{'https' if tls else 'http'}://localhost:{port.getHost().port}/"
        text = CONFIG.format(url=url, ca=f'ca_file = "{made.ca}"' if tls else "", state=Path(place) / "state")
        ended: list[Deferred[None]] = [Deferred()]

        def observer(fact: Fact) -> None:
            if isinstance(fact, SessionEnded):
                reactor.callLater(0, ended[-1].callback, None)

        agent = Agent(parse(text, Path(place)), reactor=reactor, observer=observer)
        agent.startService()
        await ended[-1]
        runtime = agent.runtime
        took: list[float] = []
        began, cpu = time.perf_counter(), time.process_time()
        for _ in range(count):
            lab.queue(DEVICE, GetParameterValues(("Device.DeviceInfo.",)))
            lab.queue(DEVICE, WRITTEN)
            ended.append(Deferred())
            start = time.perf_counter()
            runtime.events.raise_event(Event(CONNECTION_REQUEST))
            await ended[-1]
            took.append(time.perf_counter() - start)
        wall, cpu = time.perf_counter() - began, time.process_time() - cpu
        await agent.stopService()
        lab.close()
        await port.stopListening()
        return wall, cpu, took


async def bare(posts: int) -> tuple[float, float]:
    """Wall and CPU seconds of ``posts`` POSTs by treq to a server that returns nothing, on one connection."""
    port = reactor.listenTCP(0, Site(Empty()), interface="127.0.0.1")
    url = f"http://127.0.0.1:{port.getHost().port}/"
    body = b"x" * 2000
    began, cpu = time.perf_counter(), time.process_time()
    for _ in range(posts):
        answer = await treq.post(url, body, headers={"Content-Type": "text/xml"})
        await answer.content()
    wall, cpu = time.perf_counter() - began, time.process_time() - cpu
    await port.stopListening()
    return wall, cpu


async def main(count: int) -> None:
    """Measure and print the table."""
    await sessions(20, tls=False)
    _, bare_cpu = await bare(4 * count)
    print(f"{count} sessions of 4 POSTs (Inform, empty, 2 answers), agent and ACS together in one process")
    print(f"{'':24}{'CPU ms':>10}{'median ms':>12}{'99th ms':>10}{'of bare POSTs':>16}")
    print(f"{'4 bare treq.post':24}{bare_cpu / count * 1e3:10.2f}{'':>12}{'':>10}{1:16.1f}")
    for name, tls in (("http", False), ("https, new handshake", True)):
        _, cpu, took = await sessions(count, tls)
        took.sort()
        print(
            f"{name:24}{cpu / count * 1e3:10.2f}{took[count // 2] * 1e3:12.2f}"
            f"{took[int(count * 0.99)] * 1e3:10.2f}{cpu / bare_cpu:16.1f}"
        )
    print(f"peak memory of the process: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024} MiB")


if __name__ == "__main__":
    logging.disable()
    number = int(sys.argv[1]) if len(sys.argv) > 1 else 300
    react(lambda _: Deferred.fromCoroutine(main(number)))
