"""Load time of a Broadband Forum model and reads of its tree, beside the parse of the same file by ElementTree.

    python benchmarks/models.py FILE.xml ...

Without a file: the published files in CWMPAGENT_BBF_DIR, else in ../shared/schemas. Each figure is measured in its own
process, so that its memory is not mixed with that of others.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from xml.etree import ElementTree

import psutil

from cwmpagent.datamodel.builder import ModelBuilder
from cwmpagent.datamodel.schema import ROW, Model
from cwmpagent.datamodel.sources.bbf.model import read_bbf
from cwmpagent.datamodel.tree import Tree
from cwmpagent.device.model_cache import ModelCache
from cwmpagent.device.models import find_model
from tests.datamodel.sample import read

FILES = ("tr-181-2-17-0-cwmp-full.xml", "tr-098-1-8-0-full.xml")


def parsed(path: Path, state: Path) -> object:
    """Parse the file by ElementTree, which only builds a tree."""
    return ElementTree.parse(path)


def loaded(path: Path, state: Path) -> Model:
    """Load the model from the XML, as at the first start, before the cache is saved."""
    return find_model(str(path), cache=ModelCache(state))


def again(path: Path, state: Path) -> Model:
    """Load the model from the cache, as at later starts."""
    return find_model(str(path), cache=ModelCache(state))


def full(path: Path) -> Tree:
    """A tree with a row in every table, so that it has all parameters of the model."""
    builder = ModelBuilder()
    read_bbf(path.read_bytes(), path.name, builder)
    for each in find_model(str(path)).root.walk():
        if each.table:
            builder.add_row("", each.path.removesuffix(ROW).replace("{i}", "1"), 1)
    return Tree(builder.build(path.name))


WAYS: dict[str, Callable[[Path, Path], object]] = {
    "ElementTree parse": parsed,
    "first load": loaded,
    "from the cache": again,
}


def measure(way: str, path: Path, state: Path) -> None:
    """Measure one way in this process; print milliseconds and MiB."""
    process = psutil.Process()
    before = process.memory_info().rss
    start = perf_counter()
    result = WAYS[way](path, state)
    took = (perf_counter() - start) * 1000
    grown = (process.memory_info().rss - before) / 2**20
    print(f"  {way:30} {took:10.1f} ms {grown:8.1f} MiB")
    if way == "first load":
        cache = ModelCache(state)
        find_model(str(path), cache=cache)
        start = perf_counter()
        cache.save()
        size = next(state.iterdir()).stat().st_size // 1024
        print(f"  {'writing the cache':30} {(perf_counter() - start) * 1000:10.1f} ms {size:8} KiB on disk")
    del result


def walk(path: Path) -> None:
    """Print time and memory of reads of the whole tree."""
    for what, tree in (("singletons", Tree(find_model(str(path)))), ("a row in every table", full(path))):
        for name, work in (
            ("GetParameterNames", lambda tree=tree: tree.names("", False)),
            ("GetParameterValues", lambda tree=tree: read(tree, "")),
        ):
            process = psutil.Process()
            before = process.memory_info().rss
            start = perf_counter()
            found = len(work())
            took = (perf_counter() - start) * 1000
            grown = (process.memory_info().rss - before) / 2**20
            print(f"  {name + ', ' + what:42} {took:8.2f} ms {grown:6.1f} MiB {found:6} names")


def main() -> None:
    """Measure and print."""
    if sys.argv[1:2] == ["--one"]:
        measure(sys.argv[2], Path(sys.argv[3]), Path(sys.argv[4]))
        return
    beside = Path(__file__).resolve().parents[2] / "shared" / "schemas"
    directory = Path(os.environ.get("CWMPAGENT_BBF_DIR") or beside)
    for path in map(Path, sys.argv[1:] or [str(directory / name) for name in FILES]):
        print(f"{path.name}: {path.stat().st_size // 1024} KiB")
        with tempfile.TemporaryDirectory() as state:
            for way in WAYS:
                sys.stdout.flush()
                subprocess.run([sys.executable, __file__, "--one", way, str(path), state], check=True)
        walk(path)


if __name__ == "__main__":
    main()
