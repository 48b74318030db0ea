"""Full collections of Python's garbage collector: they stop everything, and wait while an RPC is carried out.

One takes as long as there are objects: tenths of a second during an RPC with very many parameters. Nearly all of these
objects are released without the collector when the answer is sent.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

_LATER = 10_000
"""Each open session adds this to the third threshold, which says when the collector makes a full collection."""


@contextmanager
def full_collections_later() -> Iterator[None]:
    """Inside, the collector makes no full collection; collections of young objects go on."""
    _add(_LATER)
    try:
        yield
    finally:
        _add(-_LATER)


@contextmanager
def full_collections_now() -> Iterator[None]:
    """Inside, and inside of :func:`full_collections_later`, full collections are made as otherwise."""
    _add(-_LATER)
    try:
        yield
    finally:
        _add(_LATER)


def _add(number: int) -> None:
    """Change the threshold, which is one for the process: sums do not depend on the order in which sessions end."""
    young, middle, full = gc.get_threshold()
    if full + number >= 0:  # another part of the program may have changed it meanwhile
        gc.set_threshold(young, middle, full + number)
