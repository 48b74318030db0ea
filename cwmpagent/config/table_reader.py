"""The tables of a configuration file, read with all their errors instead of the first one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

from cwmpagent.config.toml_table import TomlTable, suggestion, table_in
from cwmpagent.errors import ConfigError, raise_first
from cwmpagent.typed_members import shown

MOST_ERRORS = 50
"""Maximum number of errors that are collected."""
_STAND_INS: Mapping[str, Mapping[str, object]] = MappingProxyType(
    {
        "acs": MappingProxyType({"url": "http://stand-in.invalid/", "client_certificate": "-", "client_key": "-"}),
    }
)
"""Values with which the other keys of a table are read after an error in a key that they need, by table."""
_Section = TypeVar("_Section")


class TableReader:
    """The tables of ``content``, read one by one; all their errors are collected in ``errors``.

    ``sections``: the settings that each table becomes; a table `parameters` is known, too. ``base``: the directory at
    which relative paths start.

    A key with an error is left out, and its table is read again, until it has no further error. The settings of a
    table with errors are then of no use; only the errors are.
    """

    def __init__(self, content: Mapping[str, object], sections: Mapping[str, type[Any]], base: Path) -> None:
        self._sections = sections
        self._base = base
        self._tables: dict[str, Mapping[str, object]] = {}
        self.errors: list[ConfigError] = []
        for name in content:
            if name not in (*sections, "parameters"):
                self._add(ConfigError(shown(name), f"unknown table; {suggestion(name, (*sections, 'parameters'))}"))
                continue
            try:
                self._tables[name] = table_in(content, name)
            except ConfigError as error:
                self._add(error)
                self._tables[name] = _STAND_INS.get(name, {})

    def section(self, name: str, read: Callable[[TomlTable], _Section], *more: str) -> _Section:
        """The settings of the table ``name``. ``more``: keys that are no fields of its settings."""
        known = [key for item in fields(self._sections[name]) for key in item.metadata.get("keys", (item.name,))]
        content, stand_ins = dict(self._tables.get(name, {})), _STAND_INS.get(name, {})
        seen: set[str] = set()
        while True:
            try:
                return read(TomlTable(name, content, [*known, *more], self._base))
            except ConfigError as error:
                key = error.key.removeprefix(f"{name}.")
                key = next((other for other in content if shown(other) == key), key)
                if key in seen:  # leaving it out is no remedy
                    raise_first([*self.errors, error])
                seen.add(key)
                self._add(error)
                content.pop(key, None)
                if key in stand_ins:
                    content[key] = stand_ins[key]

    def parameters(self) -> dict[str, str]:
        """The factory values of the table `parameters`."""
        values: dict[str, str] = {}
        for path, value in self._tables.get("parameters", {}).items():
            try:
                table = TomlTable("parameters", {path: value}, [path], self._base)
                if isinstance(value, dict):
                    raise table.error(path, 'the whole path must be in quotes, as in "Device.Time.Enable" = true')
                values[path] = table.plain(path)
            except ConfigError as error:
                self._add(error)
        return values

    def _add(self, error: ConfigError) -> None:
        """Collect ``error``; raise when there are too many."""
        self.errors.append(error)
        if len(self.errors) >= MOST_ERRORS:
            raise_first(self.errors)
