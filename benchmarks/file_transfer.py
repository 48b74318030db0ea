"""A download by the file client beside curl, from nginx on loopback: python benchmarks/file_transfer.py [options]

Both write to a file in the same directory (default: in memory, where there is /dev/shm, so that the disk is not what is
measured). The file client has its file on the disk when it ends; so the time of an fsync is added to that of curl, and
the last column is without it. Plain and TLS; the best of several pairs, which alternate. Each client is a process of
its own. The CPU time of curl is that of its process without its start; that of the file client is that of its process
during the download. With --memory: the peak memory of a large download beside a small one.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))

from tests.real.nginx import PROGRAM, Nginx

MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Cost:
    """Seconds of one download, by the clock and of CPU; the peak memory in octets; seconds of an fsync."""

    wall: float
    cpu: float
    memory: int = 0
    synced: float = 0.0


def child(url: str, path: str, ca: str, profile: str = "") -> None:
    """Download ``url`` to ``path`` by the file client and print the cost as JSON."""
    from twisted.internet import reactor as global_reactor
    from twisted.internet.defer import Deferred
    from twisted.internet.task import react

    from cwmpagent.protocol.transfers.file import FileDownload
    from cwmpagent.transport.files.http.client import HttpFileClient
    from cwmpagent.transport.tls.trust import TlsTrust

    reactor: Any = global_reactor
    client = HttpFileClient(reactor, TlsTrust(ca), cnonce=lambda: "c", monotonic=time.monotonic)
    file = FileDownload(url=url, path=path, most=1 << 40, seconds=3600)

    async def download() -> None:
        began, cpu = time.perf_counter(), time.process_time()
        await client.download(file, lambda progress: None)
        cost = time.perf_counter() - began, time.process_time() - cpu
        print(json.dumps([*cost, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024]))

    def run() -> None:
        react(lambda _: Deferred.fromCoroutine(download()))

    if profile:
        import cProfile

        cProfile.runctx("run()", {"run": run}, {}, profile)
    run()


def ours(url: str, path: Path, ca: Path) -> Cost:
    """The cost of a download by the file client."""
    command = [sys.executable, __file__, "--child", url, str(path), str(ca)]
    wall, cpu, memory = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    return Cost(wall, cpu, memory)


def curl(url: str, path: Path, ca: Path) -> Cost:
    """The cost of a download by curl, and of an fsync after it."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = ["curl", "-sS", "--fail", "--cacert", str(ca), "-o", str(path), "-w", "%{time_total}", url]
    wall = float(subprocess.run(command, check=True, capture_output=True).stdout)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.perf_counter()
    with path.open("rb") as file:
        os.fsync(file.fileno())
    synced = time.perf_counter() - began
    return Cost(wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, synced=synced)


def best(costs: list[Cost]) -> Cost:
    """The least of each; ``synced`` is with the download."""
    return Cost(
        min(each.wall for each in costs),
        min(each.cpu for each in costs),
        min(each.memory for each in costs),
        min(each.wall + each.synced for each in costs),
    )


def compare(name: str, base: str, directory: Path, size: int, pairs: int, ca: Path) -> None:
    """Print one row."""
    target = directory / "received"

    def fetched(client: Callable[[str, Path, Path], Cost], file: str) -> Cost:
        target.unlink(missing_ok=True)
        return client(f"{base}/{file}", target, ca)

    start = best([fetched(curl, "small") for _ in range(pairs)]).cpu
    theirs, mine = [], []
    for _ in range(pairs):
        theirs.append(fetched(curl, "large"))
        mine.append(fetched(ours, "large"))
    one, other = best(theirs), best(mine)
    cpu = one.cpu - start
    print(
        f"{name:6}{size / one.synced / MIB:12.0f}{size / other.wall / MIB:10.0f}{one.synced / other.wall:8.2f}"
        f"{cpu * 1e3:14.0f}{other.cpu * 1e3:10.0f}{other.cpu / cpu:8.2f}{one.wall / other.wall:16.2f}"
    )


def memory(base: str, directory: Path, ca: Path, size: int) -> None:
    """Print the peak memory of a download of ``size`` octets beside one of 64 KiB."""
    target = directory / "received"
    peaks = []
    for file in ("small", "huge"):
        target.unlink(missing_ok=True)
        peaks.append(ours(f"{base}/{file}", target, ca).memory)
    target.unlink()
    print(f"peak memory: 64 KiB {peaks[0] / MIB:.1f} MiB, {size // MIB} MiB {peaks[1] / MIB:.1f} MiB")


def random_file(path: Path, size: int) -> None:
    """Write a file that no file system keeps as a hole."""
    with Path("/dev/urandom").open("rb") as source, path.open("wb") as file:
        piece = source.read(MIB)
        for begun in range(0, size, MIB):
            file.write(piece[: size - begun])


def main() -> None:
    """Measure, and print the table."""
    options = argparse.ArgumentParser(description="A download by the file client beside curl.")
    options.add_argument("--directory", help="where files are served and written")
    options.add_argument("--size", type=int, default=256, help="MiB of the file (%(default)s)")
    options.add_argument("--pairs", type=int, default=7, help="pairs of downloads (%(default)s)")
    options.add_argument("--memory", action="store_true", help="measure memory, with a file of 2 GiB")
    chosen = options.parse_args()
    if PROGRAM is None:
        print("not measured: there is no nginx here")
        return

    from cwmpagent.lab.certificates import certificates

    memory_disk = "/dev/shm" if Path("/dev/shm").is_dir() and not chosen.memory else None
    with tempfile.TemporaryDirectory(dir=chosen.directory or memory_disk) as made:
        place = Path(made)
        pki = certificates(place / "pki")
        served = place / "served"
        served.mkdir()
        random_file(served / "small", 1 << 16)
        size = 2048 * MIB if chosen.memory else chosen.size * MIB
        random_file(served / ("huge" if chosen.memory else "large"), size)
        nginx = Nginx(
            place / "nginx",
            served,
            certificate=pki.directory / "server.pem",
            key=pki.directory / "server-key.pem",
        )
        nginx.start()
        try:
            places = (("plain", "http", nginx.port), ("TLS", "https", nginx.tls_port))
            bases = {name: f"{scheme}://localhost:{port}" for name, scheme, port in places}
            if chosen.memory:
                for name, base in bases.items():
                    print(f"{name:6}", end="")
                    memory(base, place, pki.ca, size)
                return
            print(f"{chosen.size} MiB, best of {chosen.pairs}")
            print(
                f"{'':6}{'MiB/s: curl':>12}{'client':>10}{'ratio':>8}{'CPU ms: curl':>14}{'client':>10}{'ratio':>8}"
                f"{'without fsync':>16}"
            )
            for name, base in bases.items():
                compare(name, base, place, size, chosen.pairs, pki.ca)
        finally:
            nginx.stop()


if __name__ == "__main__":
    if "--child" in sys.argv:
        child(*sys.argv[2:])
    else:
        main()
