"""Programs that tests start as separate processes: ``python -m tests.store.children PROGRAM DIRECTORY``."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

from twisted.internet import reactor
from twisted.internet.defer import Deferred, ensureDeferred

from cwmpagent.errors import StoreError
from cwmpagent.records import Attributes, Batch
from cwmpagent.store import Store
from tests.skips import CHECKOUT

ENTRIES = 5
ERASE_EVERY = 9
IN_FLIGHT = 4


def start(what: str, directory: Path) -> subprocess.Popen[bytes]:
    """Start a child process that runs the program ``what``; the caller ends it."""
    return subprocess.Popen(
        [sys.executable, "-m", "tests.store.children", what, str(directory.absolute())],
        cwd=CHECKOUT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )


def numbered(number: int) -> Batch:
    """A batch that writes its number into every table; every ninth batch erases the earlier state first."""
    return Batch(
        values={f"Device.{number}.{entry}": str(number) for entry in range(ENTRIES)},
        attributes={f"Device.{number}.A": Attributes(number % 7)},
        rows={f"Device.{number}.": True},
        counters={"Device.": number},
        notes={f"number {number}": str(number)},
        erase=number % ERASE_EVERY == 0,
    )


def say(line: str) -> None:
    """Write ``line`` to standard output without buffering."""
    os.write(1, line.encode() + b"\n")


async def hold(directory: Path) -> None:
    """Hold the store open until the end of standard input."""
    store = Store.open(directory, reactor=reactor)
    say("open")
    sys.stdin.read()
    await store.close()


async def attempt(directory: Path) -> None:
    """Open the store and print the result."""
    try:
        store = Store.open(directory, reactor=reactor)
    except StoreError as error:
        say(f"{type(error).__name__} {error}")
    else:
        await store.close()
        say("open")


async def count(directory: Path) -> None:
    """Save numbered batches without end, several at a time, and print each number when it is saved."""
    store = Store.open(directory, reactor=reactor)
    number = store.load().counters.get("Device.", 0)
    in_flight: list[tuple[int, Deferred[None]]] = []
    say("open")
    while True:
        number += 1
        in_flight.append((number, store.save(numbered(number))))
        if len(in_flight) == IN_FLIGHT:
            first, saved = in_flight.pop(0)
            await saved
            say(str(first))


async def full(directory: Path) -> None:
    """Save with a file size limit that is too small, then without it; print the result of each step."""
    store = Store.open(directory, reactor=reactor)
    await store.save(Batch(values={"Device.A": "before"}))
    hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    resource.setrlimit(resource.RLIMIT_FSIZE, (150_000, hard))
    big = Batch(values={f"Device.{number}": "x" * 1000 for number in range(300)} | {"Device.A": "after"}, erase=True)
    saves = [store.save(big), store.save(Batch(values={"Device.B": "small"}))]
    for save in saves:
        try:
            await save
            say("saved")
        except StoreError as error:
            say(type(error).__name__)
    say(repr(sorted(store.load().values.items())))
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    await store.save(big)
    say(f"{len(store.load().values)} {store.load().values['Device.A']}")
    await store.close()


PROGRAMS: dict[str, Callable[[Path], Awaitable[None]]] = {
    program.__name__: program for program in (hold, attempt, count, full)
}


def main(what: str, directory: str) -> None:
    """Run one program in the reactor to its end."""

    def run() -> None:
        done = ensureDeferred(PROGRAMS[what](Path(directory)))
        done.addErrback(lambda failure: failure.printTraceback())
        done.addBoth(lambda _: reactor.stop())

    reactor.callWhenRunning(run)
    reactor.run()


if __name__ == "__main__":
    main(*sys.argv[1:])
