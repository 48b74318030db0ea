"""The time of a session while 16 downloads are queued and three run, beside that of an idle agent.

Usage: python benchmarks/transfer_load.py [--sessions N] [--directory DIRECTORY]. An agent (twistd), the ACS of the lab
and nginx are a process each. A session begins with a ConnectionRequest, reads an object and sets a value; it is timed
from that request to its end. It is measured in turn with no transfer; with three at the rate of a fast line; and with
three as fast as they go, which also compete with the session for the processors.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from twisted.internet import reactor as global_reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater, react
from twisted.python.failure import Failure

sys.path.insert(0, str(Path(__file__).parent.parent))

from benchmarks.file_transfer import MIB
from cwmpagent.lab.acs import LabAcs
from cwmpagent.protocol.auth import Credentials
from cwmpagent.protocol.rpc import (
    Download,
    DownloadResponse,
    GetAllQueuedTransfers,
    GetParameterValues,
    ParameterValueStruct,
    SetParameterValues,
)
from cwmpagent.values import Value, ValueType
from tests.process import Child
from tests.real.nginx import PROGRAM, Nginx

reactor: Any = global_reactor
DEVICE = "00D09E-Gateway-SN0001"
TRANSFERS = 16
ROUNDS = 4
FAST_LINE = "12m"
CONFIG = """
[device]
manufacturer = "Example"
oui = "00D09E"
product_class = "Gateway"
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
[hooks]
install = ["/bin/true"]
[parameters]
"Device.ManagementServer.PeriodicInformEnable" = "false"
"""
READ = GetParameterValues(("Device.DeviceInfo.",))
WRITTEN = SetParameterValues(
    (ParameterValueStruct("Device.DeviceInfo.ProvisioningCode", Value(ValueType.STRING, "bench")),), "key"
)


async def session(lab: LabAcs) -> float:
    """Seconds of one session."""
    answers = [lab.queue(DEVICE, READ), lab.queue(DEVICE, WRITTEN)]
    ended = lab.wait_for_session(DEVICE, ended="complete")
    began = time.perf_counter()
    status = await lab.connection_request(DEVICE)
    assert status == 200, status
    await ended
    took = time.perf_counter() - began
    for answer in answers:
        await answer
    await deferLater(reactor, 0.12)  # at most 50 requests in 5 s are allowed
    return took


async def running(lab: LabAcs) -> int:
    """The number of transfers that are queued or run."""
    answer: Any = lab.queue(DEVICE, GetAllQueuedTransfers())
    ended = lab.wait_for_session(DEVICE, ended="complete")
    await lab.connection_request(DEVICE)
    await ended
    await deferLater(reactor, 0.12)
    return len((await answer).transfer_list)


async def agent_times(place: Path, served: str, sessions: int) -> list[float]:
    """Start an agent, let it fetch from the URL ``served`` (empty: nothing), and return the times of its sessions."""
    lab = LabAcs(reactor, connection_request=Credentials("acs", "secret"))
    port = reactor.listenTCP(0, lab.site(), interface="127.0.0.1")
    place.mkdir()
    config = place / "agent.toml"
    config.touch(0o600)
    config.write_text(CONFIG.format(url=f"http://127.0.0.1:{port.getHost().port}/", state=place / "state"))
    first = lab.wait_for_session(DEVICE, ended="complete")
    child = Child.agent(reactor, config)
    child.ended.addCallback(lambda status: first.called or print(child.err) or reactor.stop())
    await first
    await deferLater(reactor, 0.3)
    if served:
        ordered = [
            lab.queue(DEVICE, Download(f"key{number}", "X 00D09E File", served, "", "", 0, "", 0, "", ""))
            for number in range(TRANSFERS)
        ]
        ended = lab.wait_for_session(DEVICE, ended="complete")
        await lab.connection_request(DEVICE)
        await ended
        for each in ordered:
            assert isinstance(await each, DownloadResponse)
        await deferLater(reactor, 1.0)
    times = [await session(lab) for _ in range(sessions)]
    if served:
        assert await running(lab) == TRANSFERS, "a transfer ended before the sessions: larger files are needed"
    child.signal("KILL")
    await child.ended
    lab.close()
    await port.stopListening()
    for each in (place / "state" / "spool").glob("*"):
        each.unlink()
    return times


async def main(sessions: int, directory: str | None) -> None:
    """Measure, and print the table."""
    with tempfile.TemporaryDirectory(dir=directory) as made:
        place = Path(made)
        (place / "served").mkdir()
        with (place / "served" / "large").open("wb") as file:
            file.truncate(4095 * MIB)
        locations = f"location /slow/ {{ alias {place}/served/; limit_rate {FAST_LINE}; }}"
        nginx = Nginx(place / "nginx", place / "served", plain=locations)
        nginx.start()
        base = f"http://127.0.0.1:{nginx.port}"
        rows = (
            ("idle", ""),
            (f"3 x {FAST_LINE[:-1]} MiB/s", f"{base}/slow/large"),
            ("3, unlimited", f"{base}/large"),
        )
        times: dict[str, list[float]] = {name: [] for name, _ in rows}
        try:
            for number in range(ROUNDS):
                for name, url in rows:
                    state = place / f"{number}{rows.index((name, url))}"
                    times[name] += await agent_times(state, url, sessions // ROUNDS)
        finally:
            nginx.stop()
    print(f"{sessions} sessions each, {TRANSFERS} downloads")
    print(f"{'':16}{'median ms':>10}{'90 % ms':>10}{'of idle':>10}")
    idle = median(times["idle"])
    for name, took in times.items():
        middle, ninth = median(took), quantiles(took, n=10)[-1]
        print(f"{name:16}{middle * 1e3:10.1f}{ninth * 1e3:10.1f}{middle / idle:10.2f}")


def shown(failure: Failure) -> Failure:
    """Print a failure."""
    failure.printTraceback()
    return failure


if __name__ == "__main__":
    options = argparse.ArgumentParser(description="The time of a session while downloads run.")
    options.add_argument("--sessions", type=int, default=40)
    options.add_argument("--directory", help="where the agent writes (default: for temporary files)")
    chosen = options.parse_args()
    if PROGRAM is None:
        print("not measured: there is no nginx here")
    else:
        react(lambda _: Deferred.fromCoroutine(main(chosen.sessions, chosen.directory)).addErrback(shown))
