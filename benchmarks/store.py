"""Cost of a save, beside the baseline: a commit for each save, in the thread of the reactor.

Run as ``python -m benchmarks.store [DIRECTORY]`` in the checkout. The directory of the temporary state (default: the
current one) should be on a real disk; a file system in memory has no write latency.
"""

from __future__ import annotations

import sqlite3
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from statistics import median, quantiles

from twisted.internet import reactor
from twisted.internet.defer import DeferredList, ensureDeferred, succeed
from twisted.internet.task import deferLater

from cwmpagent.records import Batch
from cwmpagent.store import Store, schema, tables

SAVES = 1000
TOGETHER = 32
VALUES = 50_000
Save = Callable[[Batch], Awaitable[None]]


def batch(number: int) -> Batch:
    """The batch of a SetParameterValues of ten parameters."""
    path = "Device.NAT.PortMapping.{}.Description"
    return Batch(
        values={path.format(row): f"{number} {row}" for row in range(10)}, notes={"agenda": "{}", "key": str(number)}
    )


class Plain:
    """A store with the same tables and settings, without a thread."""

    def __init__(self, directory: Path) -> None:
        self.connection = sqlite3.connect(directory / "plain.sqlite", isolation_level=None)
        self.connection.execute("PRAGMA journal_mode = WAL")
        self.connection.execute("PRAGMA synchronous = FULL")
        schema.migrate(self.connection)

    def save(self, batch: Batch) -> Awaitable[None]:
        """Commit before returning."""
        self.connection.execute("BEGIN IMMEDIATE")
        for sql, rows in tables.statements(batch):
            self.connection.executemany(sql, rows)
        self.connection.execute("COMMIT")
        return succeed(None)


class Pauses:
    """Measures the longest time between two iterations of the reactor, while ``turning``."""

    def __init__(self) -> None:
        self.longest = 0.0
        self.turning = True
        self._last = time.monotonic()
        self._turn()

    def _turn(self) -> None:
        now = time.monotonic()
        self.longest = max(self.longest, now - self._last)
        self._last = now
        if self.turning:
            reactor.callLater(0.0005, self._turn)


async def one_by_one(save: Save) -> list[float]:
    """Seconds of each of many saves, each started after the end of the previous one."""
    took = []
    for number in range(SAVES):
        begin = time.monotonic()
        await save(batch(number))
        took.append(time.monotonic() - begin)
        await deferLater(reactor, 0)
    return took


async def grouped(save: Save) -> list[float]:
    """Average seconds of a save, with many in flight."""
    begin = time.monotonic()
    for first in range(0, SAVES, TOGETHER):
        await DeferredList([save(batch(number)) for number in range(first, first + TOGETHER)], fireOnOneErrback=True)
        await deferLater(reactor, 0)
    return [(time.monotonic() - begin) / SAVES] * SAVES


async def large(save: Save) -> list[float]:
    """Seconds of one save of all values of a large device."""
    begin = time.monotonic()
    await save(Batch(values={f"Device.Hosts.Host.{row}.PhysAddress": f"00:D0:9E:{row}" for row in range(VALUES)}))
    return [time.monotonic() - begin]


async def compare(title: str, work: Callable[[Save], Awaitable[list[float]]], plain: Plain, store: Store) -> None:
    """Print one block of the report."""
    print(f"\n{title}")
    rates = []
    for name, save in (("plain", plain.save), ("store", store.save)):
        await deferLater(reactor, 0.05)
        pauses = Pauses()
        took = await work(save)
        pauses.turning = False
        await deferLater(reactor, 0.01)
        rates.append(len(took) / sum(took))
        worst = quantiles(took, n=100)[98] if len(took) > 1 else took[0]
        print(
            f"  {name:6} {rates[-1]:9.1f} saves/s   one save {median(took) * 1e3:8.2f} ms (99 %: {worst * 1e3:8.2f})"
            f"   longest pause of the reactor {pauses.longest * 1e3:8.2f} ms"
        )
    print(f"  store / plain: {rates[1] / rates[0]:.2f} times as many saves")


async def main(directory: Path) -> None:
    """Measure and print the report."""
    plain, store = Plain(directory), Store.open(directory / "state", reactor=reactor)
    await compare(f"{SAVES} saves of 12 entries, one after the other", one_by_one, plain, store)
    await compare(f"{SAVES} saves of 12 entries, {TOGETHER} in flight", grouped, plain, store)
    await compare(f"one save of {VALUES} values", large, plain, store)
    await store.close()
    begin = time.monotonic()
    store = Store.open(directory / "state", reactor=reactor)
    opened = time.monotonic()
    values = store.load().values
    loaded = time.monotonic()
    print(
        f"\n{len(values)} values: open (with the integrity check) {(opened - begin) * 1e3:.0f} ms, "
        f"load {(loaded - opened) * 1e3:.0f} ms, file {(directory / 'state' / 'state.sqlite').stat().st_size >> 10} KiB"
    )
    await store.close()


def run(where: str = ".") -> None:
    """Run in a temporary directory below ``where``."""
    with tempfile.TemporaryDirectory(dir=where) as directory:
        done = ensureDeferred(deferLater(reactor, 0, lambda: ensureDeferred(main(Path(directory)))))
        done.addErrback(lambda failure: failure.printTraceback())
        done.addBoth(lambda _: reactor.stop())
        reactor.run()


if __name__ == "__main__":
    run(*sys.argv[1:])
