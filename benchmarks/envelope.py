"""CPU time for reading and writing an envelope, for each parameter, beside the XML libraries of Python.

Run from the checkout: ``python -m benchmarks.envelope``. CPU time of the best of several rounds. The other libraries
only build their trees: no value is extracted or checked.
"""

from __future__ import annotations

import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable

from defusedxml.ElementTree import fromstring as defused

from cwmpagent.protocol.rpc import (
    GetParameterNamesResponse,
    GetParameterValuesResponse,
    Message,
    ParameterInfoStruct,
    ParameterValueStruct,
)
from cwmpagent.protocol.soap import Envelope, decode, encode
from cwmpagent.values import Value, ValueType

COUNTS = (1, 100, 5000)
ROUNDS = 15
PARAMETERS_IN_A_ROUND = 5000


def values(count: int) -> Message:
    return GetParameterValuesResponse(
        tuple(
            ParameterValueStruct(f"Device.IP.Interface.{row}.Stats.BytesSent", Value(ValueType.UNSIGNED_INT, str(row)))
            for row in range(count)
        )
    )


def names(count: int) -> Message:
    return GetParameterNamesResponse(
        tuple(ParameterInfoStruct(f"Device.IP.Interface.{row}.Stats.BytesSent", False) for row in range(count))
    )


def microseconds(works: dict[str, Callable[[], object]], count: int) -> dict[str, float]:
    """Least time of each for one of ``count`` parameters, in microseconds; they run in turn on the same machine."""
    times = max(1, PARAMETERS_IN_A_ROUND // count)
    best = dict.fromkeys(works, float("inf"))
    for _ in range(ROUNDS):
        for name, work in works.items():
            start = time.process_time()
            for _ in range(times):
                work()
            best[name] = min(best[name], time.process_time() - start)
    return {name: seconds / times / count * 1e6 for name, seconds in best.items()}


def contenders(envelope: Envelope) -> dict[str, Callable[[], object]]:
    data = encode(envelope)
    tree = ElementTree.fromstring(data)
    return {
        "read by ElementTree": lambda: ElementTree.fromstring(data),
        "read by defusedxml's": lambda: defused(data),
        "read by decode": lambda: decode(data),
        "write by ElementTree": lambda: ElementTree.tostring(tree, encoding="utf-8"),
        "write by encode": lambda: encode(envelope),
    }


def main() -> None:
    print(f"{'us a parameter':<30}{'1':>8}{'100':>8}{'5000':>8}   ratio to ElementTree")
    for title, make in (("values", values), ("names", names)):
        costs = {count: microseconds(contenders(Envelope(body=make(count), id="1")), count) for count in COUNTS}
        for name in costs[COUNTS[0]]:
            baseline = f"{name.partition(' ')[0]} by ElementTree"
            cells = "".join(f"{costs[count][name]:8.2f}" for count in COUNTS)
            ratios = "".join(f"{costs[count][name] / costs[count][baseline]:8.2f}" for count in COUNTS)
            print(f"{title + ', ' + name:<30}{cells}   {ratios}")


if __name__ == "__main__":
    main()
