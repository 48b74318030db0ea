"""One line of a dump, and the words about paths that its readers share."""

from __future__ import annotations

from typing import NamedTuple

COUNTER = "NumberOfEntries"
"""How the name of a parameter ends that counts the rows of a table."""


class Entry(NamedTuple):
    """One line of a dump. ``path`` is as it stands there; ``is_object`` is None where the dump does not say."""

    where: str
    path: str
    is_object: bool | None
    writable: bool
    text: str = ""
    type: str = ""
    notification: str = ""
    access: str = ""


def above(path: str) -> str:
    """The object, table or row that holds what ``path`` names, with its dot; empty for a root."""
    holder = path.removesuffix(".").rpartition(".")[0]
    return holder + "." if holder else ""


def last(path: str) -> str:
    """The last name or number of ``path``."""
    return path.removesuffix(".").rpartition(".")[2]
