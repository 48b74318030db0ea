"""``cwmpagent lab ...``: what the bench does by itself; no agent need run."""

from __future__ import annotations

import dataclasses
import json
import sys
import tempfile
from argparse import Namespace
from collections.abc import Callable, Coroutine, Iterator, Sequence
from pathlib import Path
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import CannotListenError
from twisted.internet.task import deferLater, react

from cwmpagent.cli.arguments import KINDS, WRONG
from cwmpagent.cli.columns import shown, table
from cwmpagent.errors import ConfigError
from cwmpagent.lab.nat_report.bench import NatBench, NatResult
from cwmpagent.lab.nat_report.report import NatReport
from cwmpagent.lab.network.nat import NatWeather
from cwmpagent.lab.network.nat_kind import NatKind

_NONE = "none"
INTERRUPTED = 130
PATIENCE = 3600.0
"""Seconds that the bench waits for another agent's first Inform."""


def nat_report(options: Namespace) -> int:
    """Run it and print the table; 1 where something that must work did not, 130 where it was interrupted."""
    if options.agent == "external" and len(options.kind or ()) != 1:
        print("cwmpagent lab nat-report: --agent external needs one --kind, which is measured", file=sys.stderr)
        return WRONG
    kinds = [None if name == _NONE else NatKind(name) for name in options.kind or KINDS]
    weather = NatWeather(loss=options.loss, duplicate=options.duplicate, reorder=options.reorder)
    results: list[NatResult] = []

    async def run(reactor: Any) -> None:
        if options.agent == "external":
            results.append(await _external(reactor, kinds[0], weather, options))
            return
        with tempfile.TemporaryDirectory(prefix="cwmpagent-nat-") as name:
            report = NatReport(
                reactor,
                Path(name),
                kinds,
                lifetime=options.lifetime,
                seed=options.seed,
                weather=weather,
                requests=options.requests,
            )
            results.extend(await report.run())

    status = _played(run)
    if status or not results:
        return status
    problems = [problem for result in results for problem in result.problems]
    if options.json:
        print(json.dumps({"seed": options.seed, "results": [_plain(each) for each in results]}, indent=1))
    else:
        for line in (*lines(results), f"seed {options.seed}"):
            print(line)
    for problem in problems:
        print(f"cwmpagent: {shown(problem)}", file=sys.stderr)
    return 1 if problems else 0


def _played(run: Callable[[Any], Coroutine[Any, Any, None]]) -> int:
    """Run the reactor until ``run`` is over, or until somebody has had enough: then all is closed first."""

    async def played(reactor: Any) -> None:
        await deferLater(reactor, 0, lambda: None)  # before the reactor runs, an interrupt would strike anywhere
        running = Deferred.fromCoroutine(run(reactor))
        over: Deferred[None] = Deferred()

        def interrupted() -> Deferred[None]:
            running.cancel()
            return over

        reactor.addSystemEventTrigger("before", "shutdown", interrupted)
        try:
            await running
        except CancelledError:
            raise SystemExit(INTERRUPTED) from None
        except (CannotListenError, ConfigError) as error:
            print(f"cwmpagent: {shown(str(error))}", file=sys.stderr)
            raise SystemExit(1) from None
        finally:
            over.callback(None)

    try:
        react(lambda reactor: Deferred.fromCoroutine(played(reactor)))
    except SystemExit as end:  # the way in which react ends
        return int(end.code or 0)


def _plain(result: NatResult) -> dict[str, object]:
    return {**dataclasses.asdict(result), "lost": result.lost, "median": result.median}


async def _external(reactor: Any, kind: NatKind | None, weather: NatWeather, options: Namespace) -> NatResult:
    """Measure whichever agent is pointed at the bench."""
    bench = NatBench(
        reactor,
        kind,
        lifetime=options.lifetime,
        seed=options.seed,
        weather=weather,
        host=options.host,
        requests=options.requests,
        tell=lambda line: print(line, file=sys.stderr, flush=True),
    )
    try:
        bench.open(options.port)
        print(
            f"Point the agent at {bench.url}, user name {bench.username}, password {bench.password} (Digest).\n"
            "The rest is set by the ACS: STUN, the credentials of connection requests, no periodic Informs.",
            file=sys.stderr,
            flush=True,
        )
        return await bench.measure(informed_within=PATIENCE)
    finally:
        await bench.close()


def lines(results: Sequence[NatResult]) -> Iterator[str]:
    """The table for people."""
    head = (
        "NAT",
        "FOUND",
        "ADDRESS TOLD",
        "KEPT ALIVE EVERY",
        "REQUESTS",
        "LOST",
        "TO THE INFORM",
        "FOUND AGAIN AFTER",
    )
    rows = [
        (
            each.kind,
            each.found,
            each.address,
            f"{each.period:.1f} s of {each.lifetime:g} s" if each.period and each.lifetime else "-",
            each.sent,
            each.lost,
            f"{each.median * 1000:.0f} ms" if each.median is not None else "-",
            f"{each.found_again:.1f} s" if each.found_again is not None else "-",
        )
        for each in results
    ]
    yield from table(head, rows)
