"""Comparison of two configurations, key by key."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass

from cwmpagent.config.settings import Config
from cwmpagent.typed_members import shown

_NO_TABLES = ("parameters", "warnings")


def changed_keys(before: Config, after: Config) -> list[str]:
    """The keys of the file that have other values in ``after``, as ``acs.url``; a password file counts as ``password``,
    which is compared itself.
    """
    changed: list[str] = []
    for table in fields(Config):
        if table.name not in _NO_TABLES:
            old, new = getattr(before, table.name), getattr(after, table.name)
            changed += [f"{table.name}.{name}" for name in _changed_fields(old, new)]
    paths = [*before.parameters, *(path for path in after.parameters if path not in before.parameters)]
    changed += [
        f"parameters.{shown(path)}" for path in paths if before.parameters.get(path) != after.parameters.get(path)
    ]
    return changed


def _changed_fields(old: object, new: object) -> Iterator[str]:
    """The keys of the fields with different values in two settings of one class.

    A field with the metadata ``keys`` has a dataclass with one member for each of them, in the same order.
    """
    assert is_dataclass(old)
    for field in fields(old):
        before, after = getattr(old, field.name), getattr(new, field.name)
        if "keys" not in field.metadata:
            members = [(field.name, before, after)]
        else:
            names = [member.name for member in fields(before)]
            keys = zip(field.metadata["keys"], names, strict=True)
            members = [(key, getattr(before, name), getattr(after, name)) for key, name in keys]
        yield from (key for key, one, other in members if one != other)
