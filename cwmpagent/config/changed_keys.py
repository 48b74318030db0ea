"""Comparison of two configurations, key by key."""

from __future__ import annotations

from collections.abc import Collection
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


def _changed_fields(old: object, new: object) -> Collection[str]:
    """The keys of the fields with different values in two settings of one class."""
    assert is_dataclass(old)
    return [
        key
        for field in fields(old)
        if getattr(old, field.name) != getattr(new, field.name)
        for key in field.metadata.get("keys", (field.name,))
    ]
