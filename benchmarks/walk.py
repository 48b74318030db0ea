"""Reads of a tree of 5,000 parameters: the whole tree, a partial path, single names.

    python benchmarks/walk.py

``scan`` is the simple method, which compares every full name with the partial path.
"""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter

from cwmpagent.datamodel.restore import open_tree
from cwmpagent.datamodel.tree import Tree
from cwmpagent.device.models import find_model
from cwmpagent.records import Saved
from tests.datamodel.sample import read

PORTS = "Device.NAT.PortMapping."
PARAMETERS = 5_000


def big() -> Tree:
    """The model device2 with port mappings up to 5,000 parameters; half of those of a row are changed."""
    model = find_model("device2")
    empty = len(Tree(model).parameters(""))
    rows = (PARAMETERS - empty) // 13 + 1
    values = {}
    for row in range(1, rows + 1):
        values |= {f"{PORTS}{row}.{name}": str(row) for name in ("ExternalPort", "InternalPort", "Description")}
        values |= {f"{PORTS}{row}.Protocol": "UDP", f"{PORTS}{row}.InternalClient": "192.168.1.20"}
    return open_tree(model, Saved(values=values, rows={f"{PORTS}{row}.": True for row in range(1, rows + 1)}))[0]


def best(work: Callable[[], object], repeats: int) -> float:
    """Time of the fastest of several runs, in milliseconds."""
    times = []
    for _ in range(repeats):
        start = perf_counter()
        work()
        times.append(perf_counter() - start)
    return min(times) * 1000


def main() -> None:
    """Measure and print."""
    tree = big()
    names = tree.parameters("")
    row = f"{PORTS}200."

    def scan() -> list[tuple[str, object]]:
        return [(name, tree.shown(name)) for name in names if name.startswith(row)]

    work: list[tuple[str, Callable[[], object], int]] = [
        ('GetParameterValues ""', lambda: read(tree, ""), 20),
        ('GetParameterNames "" false', lambda: tree.names("", False), 20),
        (f"GetParameterValues {PORTS}", lambda: read(tree, PORTS), 20),
        (f"GetParameterValues {row}", lambda: read(tree, row), 200),
        (f"the same, by scan of {len(names)} names", scan, 20),
        ("GetParameterValues of every full name", lambda: [read(tree, name) for name in names], 5),
    ]
    print(f"{len(names)} parameters, milliseconds, best run")
    for name, call, repeats in work:
        print(f"{name:45} {best(call, repeats):10.3f}")


if __name__ == "__main__":
    main()
