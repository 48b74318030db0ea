"""The last file descriptors of a process: a limit that leaves a given number of them free."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count, islice
from pathlib import Path

FREE = range(11)
"""Numbers of free descriptors to test with."""


@contextmanager
def only_free(number: int, pid: int | None = None) -> Iterator[None]:
    """Leave a process (by default this one) so many free descriptors, until the end of the block."""
    process = pid or os.getpid()
    used = {int(entry.name) for entry in Path(f"/proc/{process}/fd").iterdir()}
    if pid is None:
        used = {descriptor for descriptor in used if _is_open(descriptor)}  # but not the one of the listing
    free = (descriptor for descriptor in count() if descriptor not in used)
    limit = next(islice(free, number, None))
    before = resource.prlimit(process, resource.RLIMIT_NOFILE)
    resource.prlimit(process, resource.RLIMIT_NOFILE, (limit, before[1]))
    try:
        yield
    finally:
        if Path(f"/proc/{process}").exists():
            resource.prlimit(process, resource.RLIMIT_NOFILE, before)


def _is_open(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True
