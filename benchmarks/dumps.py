"""Dumps of real devices as models: load time, memory, and reads of the whole tree.

    python benchmarks/dumps.py [FILE ...]

Without files: the dumps beside the published schemas (see ``tests/skips.py``). ``csv`` is the reader of the standard
library on the same bytes, the lower limit of the load time. Where the schema directory has the XML of the standard, the
dump is also loaded on top of it.
"""

from __future__ import annotations

import csv
import gc
import io
import sys
import tracemalloc
from collections.abc import Callable, Sequence
from pathlib import Path
from time import perf_counter

from cwmpagent.datamodel.tree import Tree
from cwmpagent.device.models import find_model
from tests.datamodel.sample import read
from tests.skips import NO_MODELS, bbf_directory, models_directory

STANDARDS = {"Device.": "tr-181-2-17-0-cwmp-full.xml", "InternetGatewayDevice.": "tr-098-1-8-0-full.xml"}
DEVICES = 1000


def best(work: Callable[[], object], repeats: int) -> float:
    """Time of the fastest of several runs, in milliseconds."""
    times = []
    for _ in range(repeats):
        gc.collect()
        start = perf_counter()
        work()
        times.append(perf_counter() - start)
    return min(times) * 1000


def held(work: Callable[[], object]) -> tuple[float, float]:
    """Size of the result of ``work``, and peak memory during ``work``, in KiB."""
    gc.collect()
    tracemalloc.start()
    result = work()
    gc.collect()
    now, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    del result
    return now / 1024, peak / 1024


def measure(label: str, names: Sequence[str], plain: bytes = b"") -> None:
    """Print one column of figures for the model of ``names``."""
    model = find_model(names)
    tree = Tree(model)
    kept, peak = held(lambda: find_model(names))
    devices, _ = held(lambda: [Tree(model) for _ in range(DEVICES)])
    rows = [
        ("parameters", len(tree.parameters(""))),
        ("objects and rows", len(tree.names("", False)) - len(tree.parameters(""))),
        ("reports", len(model.reports)),
        ("load, ms", best(lambda: find_model(names), 5)),
        ("  csv alone, ms", best(lambda: list(csv.reader(io.StringIO(plain.decode()))), 5) if plain else 0),
        ("model, KiB", kept),
        ("  while loading, KiB", peak),
        ("one more device, bytes", devices * 1024 / DEVICES),
        ('GetParameterNames "" false, ms', best(lambda: tree.names("", False), 20)),
        ('GetParameterValues "", ms', best(lambda: read(tree, ""), 20)),
        ("each full name separately, ms", best(lambda: [read(tree, name) for name in tree.parameters("")], 5)),
    ]
    print(f"\n{label}")
    for name, figure in rows:
        print(f"  {name:34} {figure:12.1f}")


def main() -> None:
    """Measure and print."""
    directory, schemas = models_directory(), bbf_directory()
    files = [Path(name) for name in sys.argv[1:]] or sorted((directory or Path()).glob("tr*.csv"))
    if not files:
        raise SystemExit(NO_MODELS)
    for file in files:
        data = file.read_bytes()
        measure(file.name, [str(file.absolute())], data)
        root = Tree(find_model(str(file.absolute()))).model.root.path
        standard = (schemas or Path()) / STANDARDS.get(root, "")
        if standard.is_file():
            measure(f"{standard.name}, {file.name}", [str(standard.absolute()), str(file.absolute())])


if __name__ == "__main__":
    main()
