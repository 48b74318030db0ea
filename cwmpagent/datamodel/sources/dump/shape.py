"""Objects, tables and rows of a dump, inferred from its names.

The name before a number in a path is a table. An object with nothing below it is a table if the device permits
AddObject on it or counts its rows, otherwise a plain object.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from cwmpagent.datamodel.builder import ModelBuilder, template_of
from cwmpagent.datamodel.deviations import LEFT_OUT, WRONG_COUNTS
from cwmpagent.datamodel.schema import ROW, ObjectDefinition, ParameterDefinition, is_instance_number
from cwmpagent.datamodel.sources.dump.entry import COUNTER, Entry, above, last


class DumpShape:
    """Objects in ``entries`` (path without a dot at the end -> entry).

    ``objects``: path of every object -> its entry, if there is one; a parent precedes its children. ``kept``: path of
    every object that fits the preceding model -> its template. ``own``: template of an object -> names in it that only
    this dump declares, ending in a dot for objects.
    """

    def __init__(self, entries: Mapping[str, Entry], name: str, builder: ModelBuilder) -> None:
        self._entries = entries
        self._name = name
        self._builder = builder
        self.objects: dict[str, Entry | None] = {}
        self.kept: dict[str, str] = {}
        self.own: dict[str, list[str]] = {}
        self._sizes: Counter[str] = Counter()
        self._holding = _holding(entries)
        self._find_objects()
        self._tables = self._find_tables()

    def is_table(self, path: str) -> bool:
        """Whether the kept object ``path`` is a table."""
        return self.kept[path] + ROW in self._tables

    def declares(self, path: str) -> bool:
        """Whether this dump declares the object with the template ``path``."""
        return last(path) + "." in self.own.get(above(path), ())

    def declare(self) -> None:
        """Declare the objects and rows; an object that does not fit is reported and left out with all below it."""
        paths_of: dict[str, list[str]] = {}
        for path in self.objects:
            if above(path) and above(path) not in self.kept:
                continue
            template = template_of(path)
            refusal = self._refusal(path, template)
            if refusal:
                self._builder.report(self._where(path), f"{path} is left out, with all below it: {refusal}", LEFT_OUT)
                continue
            self.kept[path] = template
            paths_of.setdefault(template + ROW if self.is_table(path) else template, []).append(path)
            if _is_row(path):
                self._builder.add_row(self._where(path), above(path), int(last(path)), observed=True)
                self._sizes[above(path)] += 1
        for template, paths in paths_of.items():
            if self._builder.declared(template) is None:
                self._builder.add_object(self._where(paths[0]), self._definition(template, paths), observed=True)
                name = last(template.removesuffix(ROW))
                self.own.setdefault(above(template.removesuffix(ROW)), []).append(name + ".")

    def leave_out(self) -> None:
        """Exclude from each row the names that only other rows of its table have; call after all declarations."""
        for path, template in self.kept.items():
            if ROW in template and not self.is_table(path):
                for name in self.own.get(template, ()):
                    if path + name not in (self.kept if name.endswith(".") else self._entries):
                        self._builder.leave_out(path + name)

    def _find_objects(self) -> None:
        for path, entry in self._entries.items():
            is_object = path in self._holding if entry.is_object is None else entry.is_object
            if not is_object and path in self._holding:
                is_object = True
                text = f"{path} is a parameter, but there are names below it: it is read as an object"
                self._builder.report(entry.where, text, "names that are both object and parameter")
            self._add_object(path + "." if is_object else above(path))

    def _add_object(self, path: str) -> None:
        if path and path not in self.objects:
            self._add_object(above(path))
            self.objects[path] = self._entries.get(path[:-1])

    def _find_tables(self) -> set[str]:
        """Templates of the rows of all tables, including tables of the preceding model."""
        declared = self._builder.declared
        holding_names = {template_of(above(path)) for path in self._paths() if not _is_row(path)}
        tables: set[str] = set()
        for path, entry in self.objects.items():
            template = template_of(path)
            if _is_row(path):
                table = template
            elif path[:-1] not in self._holding and template not in holding_names:
                creatable = entry is not None and bool(entry.writable)
                table = template + ROW if creatable or path[:-1] + COUNTER in self._entries else ""
            else:
                table = ""
            if declared(template + ROW):
                tables.add(template + ROW)
            elif table and not declared(table.removesuffix(ROW)):
                tables.add(table)
        return tables

    def _paths(self) -> set[str]:
        return {*self._entries, *(path[:-1] for path in self.objects)}

    def _refusal(self, path: str, template: str) -> str | None:
        in_table = bool(above(path)) and self.is_table(above(path))
        if _is_row(path):
            return None if in_table else "the preceding model has no such table"
        if in_table:
            return "it is inside a table, but is not a row"
        if isinstance(self._builder.declared(template[:-1]), ParameterDefinition):
            return "it is a parameter in the preceding model"
        return None

    def _definition(self, template: str, paths: list[str]) -> ObjectDefinition:
        if not template.endswith(ROW):
            return ObjectDefinition(path=template)
        entries = {path: self.objects[path] for path in paths}
        tables = [entry for path, entry in entries.items() if not _is_row(path)]
        rows = [entry for path, entry in entries.items() if _is_row(path)]
        creatable = any(entry is not None and bool(entry.writable) for entry in tables)
        return ObjectDefinition(
            path=template,
            creatable=creatable,
            deletable=any(entry is not None and bool(entry.writable) for entry in rows) if rows else creatable,
            number_of_entries=self._counter(template, [path for path in paths if not _is_row(path)]),
        )

    def _counter(self, template: str, tables: list[str]) -> str:
        """Name of the parameter that counts the rows of ``tables``; empty if there is none or its count is wrong."""
        name = last(template.removesuffix(ROW)) + COUNTER
        if self._builder.declared(above(template.removesuffix(ROW)) + name):
            return ""
        counters = {path: self._entries[path[:-1] + COUNTER] for path in tables if path[:-1] + COUNTER in self._entries}
        for path, entry in counters.items():
            if entry.text != str(self._sizes[path]):
                rows = self._sizes[path]
                mismatch = f"{path[:-1]}{COUNTER} is {entry.text[:10]!r}, but the dump contains {rows} rows"
                self._builder.report(entry.where, f"{mismatch}: it is kept as a plain parameter", WRONG_COUNTS)
                return ""
        return name if counters else ""

    def _where(self, path: str) -> str:
        entry = self.objects[path]
        return f"{self._name}: {path}" if entry is None else entry.where


def _holding(entries: Mapping[str, Entry]) -> set[str]:
    """Paths that have something below them."""
    holding: set[str] = set()
    for path in entries:
        while (path := path.rpartition(".")[0]) and path not in holding:
            holding.add(path)
    return holding


def _is_row(path: str) -> bool:
    return is_instance_number(last(path))
