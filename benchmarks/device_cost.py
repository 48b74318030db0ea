"""Memory of one more device: its tree, unchanged and with 20 changed values.

    python benchmarks/device_cost.py

The model is shared. ``others`` is the baseline without sharing: a dictionary of all paths and texts for each device.
"""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Callable

from cwmpagent.datamodel.restore import open_tree
from cwmpagent.datamodel.tree import Tree
from cwmpagent.device.models import find_model
from cwmpagent.records import Saved
from tests.datamodel.sample import read

DEVICES = 10_000
MODEL = find_model("device2")
WRITABLE = [name for name, writable in Tree(MODEL).names("", False) if writable and not name.endswith(".")]


def changed(number: int) -> Saved:
    """Saved state of a device with 20 changed values, in new strings as from a database."""
    texts = {}
    for path in WRITABLE[:20]:
        kind = Tree(MODEL).definition(path).kind.value
        text = {
            "boolean": "true",
            "unsignedInt": str(3000 + number % 1000),
            "dateTime": f"2026-01-01T00:00:{number % 60:02}Z",
        }
        texts["".join(path)] = text.get(kind, f"text{number}" if "URL" not in path else f"https://acs{number}/")
    return Saved(values=texts)


def identity(number: int) -> dict[str, str]:
    """Factory values that differ between devices of a fleet."""
    return {
        "Device.DeviceInfo.SerialNumber": f"SN{number:08}",
        "Device.ManagementServer.URL": "https://acs.example.net/",
    }


def cost(make: Callable[[int], object]) -> float:
    """Size in bytes of one of many results of ``make``."""
    make(0)
    gc.collect()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    kept = [make(number) for number in range(DEVICES)]
    gc.collect()
    after = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    return (after - before) / len(kept)


def main() -> None:
    """Measure and print."""
    print(f"{DEVICES} devices of {len(Tree(MODEL).parameters(''))} parameters, bytes a device")
    rows: list[tuple[str, Callable[[int], object]]] = [
        ("unchanged", lambda number: Tree(MODEL)),
        ("with its own serial number and a URL", lambda number: open_tree(MODEL, factory=identity(number))[0]),
        ("20 changed values", lambda number: open_tree(MODEL, changed(number))[0]),
        ("others: one dictionary a device", lambda number: {name: value.text for name, value in read(Tree(MODEL), "")}),
    ]
    for name, make in rows:
        print(f"{name:40} {cost(make):10.0f}")


if __name__ == "__main__":
    main()
