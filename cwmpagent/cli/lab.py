"""The commands ``cwmpagent lab ...``: the test bench runs in this process; no running agent is needed."""

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

from cwmpagent.cli.arguments import KINDS, USAGE_ERROR
from cwmpagent.cli.columns import shown, table
from cwmpagent.errors import ConfigError
from cwmpagent.lab.nat_report.bench import NatBench, NatResult
from cwmpagent.lab.nat_report.report import NatReport
from cwmpagent.lab.network.nat import NatWeather
from cwmpagent.lab.network.nat_kind import NatKind

_NONE = "none"
INTERRUPTED = 130
FIRST_INFORM = 3600.0
"""Seconds that the bench waits for the first Inform of an external agent."""


def nat_report(options: Namespace) -> int:
    """Run the NAT report and print its table.

    The exit status: 0, 1 where a required step failed, 130 where interrupted.
    """
    if options.agent == "external" and len(options.kind or ()) != 1:
        print("cwmpagent lab nat-report: --agent external needs exactly one --kind", file=sys.stderr)
        return USAGE_ERROR
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
                tell=_tell,
            )
            results.extend(await report.run())

    status = _run_reactor(run)
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


def _tell(line: str) -> None:
    """Show the progress of a report, apart from its result."""
    print(shown(line), file=sys.stderr, flush=True)


def _run_reactor(run: Callable[[Any], Coroutine[Any, Any, None]]) -> int:
    """Run the reactor until ``run`` ends; at an interrupt wait until ``run`` has closed everything. The exit status."""

    async def main(reactor: Any) -> None:
        await deferLater(reactor, 0, lambda: None)  # until the reactor runs it cannot handle an interrupt
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
        react(lambda reactor: Deferred.fromCoroutine(main(reactor)))
    except SystemExit as end:  # react always ends by it
        return int(end.code or 0)


def _plain(result: NatResult) -> dict[str, object]:
    return {**dataclasses.asdict(result), "lost": result.lost, "median": result.median}


async def _external(reactor: Any, kind: NatKind | None, weather: NatWeather, options: Namespace) -> NatResult:
    """Measure the external agent that connects to the bench."""
    bench = NatBench(
        reactor,
        kind,
        lifetime=options.lifetime,
        seed=options.seed,
        weather=weather,
        host=options.host,
        requests=options.requests,
        tell=_tell,
    )
    try:
        bench.open(options.port)
        print(
            f"Give the agent the ACS URL {bench.url}, user name {bench.username}, password {bench.password} (Digest).\n"
            "The ACS sets the rest: STUN, the credentials of connection requests, and no periodic Informs.",
            file=sys.stderr,
            flush=True,
        )
        return await bench.measure(informed_within=FIRST_INFORM)
    finally:
        await bench.close()


def lines(results: Sequence[NatResult]) -> Iterator[str]:
    """Lines of the table of results."""
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
