"""Long work as a generator that yields between small pieces, so that its caller can do other work in between.

A function with a twin that does all at once is named ``..._gradually``. Each piece takes some milliseconds at most. The
code between two pieces may change what the work reads: work on a tree needs a snapshot of it, or the lock of its
changes.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import TypeVar

T = TypeVar("T")
Gradual = Generator[None, None, T]
"""Work that yields None between its pieces, and returns its result."""


def at_once(work: Gradual[T]) -> T:
    """Do all pieces of ``work`` without a pause, and return its result."""
    try:
        while True:
            next(work)
    except StopIteration as ended:
        result: T = ended.value
        return result
