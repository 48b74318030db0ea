"""Entry of a dump, and functions on paths that the readers of dumps share."""

from __future__ import annotations

from typing import NamedTuple

COUNTER = "NumberOfEntries"
"""Suffix of the name of a parameter that counts the rows of a table."""


class Entry(NamedTuple):
    """Object or parameter in a dump; ``path``: as in the dump.

    ``is_object`` and ``writable`` are ``None`` if the dump does not say it.
    """

    where: str
    path: str
    is_object: bool | None
    writable: bool | None
    text: str = ""
    type: str = ""
    notification: str = ""
    access: str = ""


def above(path: str) -> str:
    """Path of the object, table or row that contains ``path``, ending in a dot; empty for a root."""
    parent = path.removesuffix(".").rpartition(".")[0]
    return parent + "." if parent else ""


def last(path: str) -> str:
    """Last name or instance number of ``path``."""
    return path.removesuffix(".").rpartition(".")[2]
